"""project: vectors to two dimensions."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tamis.compute.map.faithfulness import measure_faithfulness
from tamis.compute.map.tiles import build_tiles
from tamis.projectors import Laid
from tamis.steps.context import StepContext
from tamis.steps.project.options import ProjectOptions
from tamis.store.map.tile_files import write_tiles
from tamis.types import JSON, Float32s


def run(context: StepContext, options: ProjectOptions) -> dict[str, JSON]:
    """Write projection.npy, float32 (n, 2), and the tiles that a map reads of it; return the summary."""
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    context.progress("lay out", 0, len(vectors))
    made: Laid = options.build("method")(vectors, options.chosen_options("method"))
    layout = made.points.astype(np.float32)
    np.save(context.output.path / "projection.npy", layout)
    write_tiles(context.output.path, build_tiles(layout))
    context.progress("lay out", len(vectors), len(vectors))
    summary = {"n_rows": len(vectors), "method": options.method, "computed_by": made.computed_by}
    return summary | _measured(vectors, layout)


def _measured(vectors: Float32s, layout: Float32s) -> dict[str, JSON]:
    """How far the picture can be believed; nothing for too few rows."""
    found = measure_faithfulness(vectors, layout)
    return {} if found is None else {"faithfulness": asdict(found)}
