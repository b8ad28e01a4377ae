"""PaCMAP by its library: close to the vectors, the same with a seed; it compiles for up to a minute, so at night."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.map.faithfulness import measure_faithfulness
from tamis.errors import InvalidOptions
from tamis.projectors import PROJECTORS, PacmapOptions

pytestmark = [pytest.mark.nightly, pytest.mark.slow]


def _vectors(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((6, 32))[np.arange(n) % 6] * 2 + rng.standard_normal((n, 32))).astype(
        np.float32
    )


@pytest.mark.parametrize("variant", ["localmap", "pacmap"])
def test_a_picture_is_true_to_its_vectors_and_repeats(variant: str) -> None:
    pytest.importorskip("pacmap")
    project, vectors = PROJECTORS["pacmap"].load(), _vectors(600)
    options = PacmapOptions(variant=variant)
    layout = project(vectors, options).points
    assert layout.shape == (600, 2)
    assert layout.dtype == np.float32
    found = measure_faithfulness(vectors, layout)
    assert found is not None
    assert min(found.trustworthiness, found.continuity) > 0.85
    assert (project(vectors, options).points == layout).all()


def test_too_few_rows_are_said() -> None:
    pytest.importorskip("pacmap")
    with pytest.raises(InvalidOptions, match="PaCMAP needs 30"):
        PROJECTORS["pacmap"].load()(_vectors(29), PacmapOptions())
