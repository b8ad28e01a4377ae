"""``tamis run prune`` over the tiny model, from two selections to the exported windows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.cli.test_pipeline import Tamis, dataset, imported, source, tamis
from tests.core.llms.conftest import build_model

pytest.importorskip("transformers")
__all__ = ["dataset", "imported", "source", "tamis"]


def test_two_selections_named_with_a_comma_and_the_answer_that_a_program_reads(
    tamis: Tamis, dataset: str, tmp_path: Path
) -> None:
    model = build_model(tmp_path / "tiny")
    on = ("--dataset", dataset)
    made = [
        tamis("run", "select", *on, "--method", "random", "--budget", "9", "--seed", str(s))[1]
        for s in (1, 2)
    ]
    sets = ",".join(f"selection:{one['artifact_id']}" for one in made)
    small = (
        "--n-rows",
        "3",
        "--row-tokens",
        "40",
        "--n-seeds",
        "1",
        "--n-evaluation-rows",
        "4",
        "--dtype",
        "float32",
    )
    code, answer = tamis(
        "run",
        "prune",
        *on,
        "--calibrations",
        sets,
        "--method",
        "wanda",
        "--sparsity",
        "0.5",
        "--model",
        str(model),
        *small,
    )
    assert code == 0 and answer["artifact_id"]
    assert answer["dense_perplexity"] > 0 and answer["perplexity"] > 0
    assert set(answer["perplexity_by_calibration"]) == set(sets.split(","))
    code, shown = tamis("prunings", "show", *on)
    assert code == 0 and shown["artifact_id"] == answer["artifact_id"] and len(shown["cells"]) == 2
    code, written = tamis("prunings", "export", *on, "--out", str(tmp_path / "windows"))
    assert code == 0 and sorted(Path(one).suffix for one in written["files"]) == [
        ".jsonl",
        ".jsonl",
        ".npy",
        ".npy",
    ]
    assert tamis("prunings", "export", *on, "--out", str(tmp_path / "windows"))[0] == 2
    assert tamis("run", "prune", *on, "--calibrations", " , ")[0] == 2
