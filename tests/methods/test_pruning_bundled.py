"""Rows against junk as calibration of the bundled model, by what is left of it: the order of the lab, on other draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.pruning import measure
from tests.support.in_process import jobs_here

pytest.importorskip("torch")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.skipif(not (DATA / "lima_train.jsonl").is_file(), reason="needs ../shared/data"),
]


def test_rows_leave_more_of_the_model_than_full_stops_by_a_factor_of_ten(tmp_path: Path) -> None:
    with jobs_here():
        found = measure(tmp_path, DATA, n_windows=32, row_tokens=256, n_seeds=1, n_rows=40, n_measured=24)
    lima, seed_tasks, stops = ([cell.value for cell in cells] for cells in found.cells)
    for e, dense in enumerate(found.dense):
        for rows in (lima, seed_tasks):
            assert dense < rows[e] < stops[e] / 10
