"""UMAP on a GPU where cuML is there, on the CPU wherever it is not or fails; cuML itself is stood in for, as no GPU is here."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from tamis.projectors import PROJECTORS, UmapOptions, gpu, layouts


class Umap:
    """What cuML's class is asked for, by the signature of its 26.10."""

    asked: dict[str, object] = {}
    answer: object = None

    def __init__(
        self, *, n_neighbors=15, min_dist=0.1, metric="euclidean", random_state=None, output_type=None
    ) -> None:
        type(self).asked = {
            "n_neighbors": n_neighbors,
            "metric": metric,
            "seed": random_state,
            "as": output_type,
        }

    def fit_transform(self, rows: np.ndarray) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        return self.answer


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    cuml, manifold = ModuleType("cuml"), ModuleType("cuml.manifold")
    cuml.__version__, manifold.UMAP = "26.10.0", Umap
    monkeypatch.setitem(sys.modules, "cuml", cuml)
    monkeypatch.setitem(sys.modules, "cuml.manifold", manifold)
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: object() if name == "cuml" else None)
    monkeypatch.setattr(layouts, "FEWEST_FOR_GPU", 100)
    return np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)


def test_the_gpu_is_used_where_it_is_there_and_named(rows: np.ndarray) -> None:
    Umap.answer = np.zeros((300, 2), dtype=np.float64)
    made = PROJECTORS["umap"].load()(rows, UmapOptions(n_neighbors=7))
    assert made.computed_by == "cuML 26.10.0 on the GPU"
    assert made.points.dtype == np.float32
    assert Umap.asked == {"n_neighbors": 7, "metric": "cosine", "seed": 42, "as": "numpy"}


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"),
        MemoryError("std::bad_alloc: out_of_memory"),
        np.full((300, 2), np.nan),
        np.zeros((299, 2)),
    ],
)
def test_whatever_fails_there_is_done_by_the_cpu(rows: np.ndarray, answer: object) -> None:
    Umap.answer = answer
    made = PROJECTORS["umap"].load()(rows, UmapOptions())
    assert made.computed_by == "Tamis on the CPU"
    assert made.points.shape == (300, 2) and np.isfinite(made.points).all()


@pytest.mark.parametrize("options", [{"reproducible": True}, {"seed": 1, "n_neighbors": 15}])
def test_a_picture_that_must_repeat_and_few_rows_stay_on_the_cpu(
    rows: np.ndarray, options: dict[str, object]
) -> None:
    Umap.answer = np.zeros((99, 2))
    made = PROJECTORS["umap"].load()(rows if "reproducible" in options else rows[:99], UmapOptions(**options))
    assert made.computed_by == "Tamis on the CPU"
