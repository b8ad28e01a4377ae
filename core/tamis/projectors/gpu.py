"""UMAP on a GPU by cuML, where both are there."""

from __future__ import annotations

import importlib.util
import logging

import numpy as np

from tamis.compute.vectors import unit_rows
from tamis.projectors import Laid, UmapOptions
from tamis.types import Float32s

logger = logging.getLogger(__name__)


def umap_on_gpu(vectors: Float32s, options: UmapOptions) -> Laid | None:
    """Coordinates by ``cuml.manifold.UMAP``; None where it is not installed, finds no GPU, or its memory is too small."""
    if importlib.util.find_spec("cuml") is None:
        return None
    try:
        import cuml
        from cuml.manifold import UMAP

        layout = UMAP(
            n_neighbors=min(options.n_neighbors, len(vectors) - 1),
            min_dist=options.min_dist,
            metric="cosine",
            random_state=options.seed,
            output_type="numpy",
        ).fit_transform(unit_rows(np.asarray(vectors, dtype=np.float32)))
    except (ImportError, OSError, RuntimeError, MemoryError) as error:  # CUDA's own errors are RuntimeErrors
        logger.warning("cuML could not lay the rows out, so the CPU does: %s", error)
        return None
    points = np.asarray(layout, dtype=np.float32)
    if points.shape != (len(vectors), 2) or not np.isfinite(points).all():
        logger.warning("cuML left rows without a place, so the CPU lays them out.")
        return None
    return Laid(points, f"cuML {cuml.__version__} on the GPU")
