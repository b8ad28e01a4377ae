"""ALC3 at 20 % random flips over five seeds, LIMA's source as label: what the specification asks of it, and README tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.alc3 import curves, read_task

LIMA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "lima_train.jsonl"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.skipif(not LIMA.is_file(), reason="needs ../shared/data"),
]


def test_fewer_annotations_than_by_doubt_alone_and_corrections_that_are_right() -> None:
    found = curves(*read_task(LIMA, "minilm"), 5, 14)
    needed = {name: [one.needed() for one in own] for name, own in found.items()}
    planted = [one.n_planted for one in found["alc3"]]
    assert np.mean(needed["alc3"]) <= np.mean(needed["own"])
    assert np.mean(np.array(needed["alc3"]) / planted) <= 0.9
    assert np.mean(needed["random"]) > np.mean(needed["alc3"])
    assert np.mean(needed["in_sample"]) > np.mean(needed["alc3"])
    right = sum(one.n_corrected for one in found["alc3"])
    assert right / sum(one.n_corrections for one in found["alc3"]) >= 0.8
    left = {name: np.mean([one.n_wrong[-1] for one in own]) for name, own in found.items()}
    assert left["alc3"] <= left["random"] / 2
