"""score: one number per example and the evidence for it, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.scorers import SCORERS, ScorerInput
from core.steps.context import StepContext
from core.steps.options import ScoreOptions
from core.types import JSON, Float32s

CHUNK_ROWS = 4096


def run(context: StepContext, options: ScoreOptions) -> dict[str, JSON]:
    """Write scores.parquet (score and evidence columns, row i = example i); return the summary."""
    scorer = options.build("scorer")(options.chosen_options("scorer"))
    n_rows = int(context.input("examples").summary["n_examples"])
    done = 0
    for number, rows in enumerate(_chunks(context, "embeddings" in SCORERS[options.scorer].reads)):
        part = context.output.part(f"{number:06d}.parquet")
        if not part.exists():
            aside = part.with_suffix(".aside")
            pq.write_table(pa.table(scorer.score(rows)), aside)
            aside.replace(part)
        done += len(rows.prompts)
        context.progress("score", done, n_rows)
    parts = sorted((context.output.path / "parts").glob("*.parquet"))
    table = pa.concat_tables([pq.read_table(p) for p in parts])
    pq.write_table(table, context.output.path / "scores.parquet", compression="zstd")
    return {"scorer": options.scorer} | _describe(table.column("score").to_numpy())


def _chunks(context: StepContext, with_vectors: bool) -> Iterator[ScorerInput]:
    vectors = _side_vectors(context) if with_vectors else None
    start = 0
    with pq.ParquetFile(context.input("examples").file("examples.parquet")) as file:
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=["prompt", "response"]):
            end = start + batch.num_rows
            yield ScorerInput(
                prompts=[str(text) for text in batch.column("prompt").to_pylist()],
                responses=[str(text) for text in batch.column("response").to_pylist()],
                prompt_vectors=vectors[0][start:end] if vectors else None,
                response_vectors=vectors[1][start:end] if vectors else None,
            )
            start = end


def _side_vectors(context: StepContext) -> tuple[Float32s, Float32s]:
    embeddings = context.input("embeddings")
    names: tuple[Path, Path] = (embeddings.file("prompt.npy"), embeddings.file("response.npy"))
    return np.load(names[0], mmap_mode="r"), np.load(names[1], mmap_mode="r")


def _describe(score: Float32s) -> dict[str, JSON]:
    known = score[~np.isnan(score)]
    summary: dict[str, JSON] = {"n_scored": len(known), "n_not_scored": len(score) - len(known)}
    if len(known):
        low, middle, high = (float(q) for q in np.quantile(known, [0.05, 0.5, 0.95]))
        summary |= {"mean": float(known.mean()), "q05": low, "median": middle, "q95": high}
    return summary
