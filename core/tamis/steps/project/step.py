"""project: vectors to two dimensions."""

from __future__ import annotations

import numpy as np

from tamis.steps.context import StepContext
from tamis.steps.project.options import ProjectOptions
from tamis.types import JSON


def run(context: StepContext, options: ProjectOptions) -> dict[str, JSON]:
    """Write projection.npy, float32 (n, 2); return the summary."""
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    context.progress("lay out", 0, len(vectors))
    layout = options.build("method")(vectors, options.chosen_options("method"))
    np.save(context.output.path / "projection.npy", layout.astype(np.float32))
    context.progress("lay out", len(vectors), len(vectors))
    return {"n_rows": len(vectors), "method": options.method}
