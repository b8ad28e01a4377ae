"""project: vectors to two dimensions."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from tamis.compute.map.faithfulness import measure_faithfulness
from tamis.compute.map.placing import place_by_neighbours
from tamis.compute.map.tiles import build_tiles
from tamis.projectors import Laid
from tamis.steps.context import StepContext
from tamis.steps.kept import read_kept
from tamis.steps.project.options import ProjectOptions
from tamis.store.artifacts.readers import read_coordinates, read_vectors
from tamis.store.map.tile_files import write_tiles
from tamis.types import JSON, Float32s


def run(context: StepContext, options: ProjectOptions) -> dict[str, JSON]:
    """Write projection.npy, float32 (n, 2), and the tiles that a map reads of it; return the summary."""
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    context.progress("lay out", 0, len(vectors))
    layout, said = _kept(context, options, vectors) if options.kept_from else _laid_out(options, vectors)
    np.save(context.output.path / "projection.npy", layout)
    write_tiles(context.output.path, build_tiles(layout))
    context.progress("lay out", len(vectors), len(vectors))
    return {"n_rows": len(vectors), "method": options.method} | said | _measured(vectors, layout)


def _laid_out(options: ProjectOptions, vectors: Float32s) -> tuple[Float32s, dict[str, JSON]]:
    made: Laid = options.build("method")(vectors, options.chosen_options("method"))
    return made.points.astype(np.float32), {"computed_by": made.computed_by}


def _kept(
    context: StepContext, options: ProjectOptions, vectors: Float32s
) -> tuple[Float32s, dict[str, JSON]]:
    """The places that rows have in the layout of what this was made from; the others between their nearest rows there."""
    kept = read_kept(context, options.kept_from, "projection")
    before = read_coordinates(kept.result)
    layout = np.empty((len(vectors), 2), dtype=np.float32)
    layout[kept.stays] = before[kept.before]
    added = np.asarray(vectors[~kept.stays])
    layout[~kept.stays] = place_by_neighbours(read_vectors(kept.embeddings), before, added)
    computed_by = kept.result.summary.get("computed_by", "")
    return layout, {"computed_by": computed_by, "n_kept": len(kept.before), "n_placed": len(added)}


def _measured(vectors: Float32s, layout: Float32s) -> dict[str, JSON]:
    """How far the picture can be believed; nothing for too few rows."""
    found = measure_faithfulness(vectors, layout)
    return {} if found is None else {"faithfulness": asdict(found)}
