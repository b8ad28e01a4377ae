"""score: one number per example and the evidence for it, chunk by chunk."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.scorers import SCORERS
from tamis.steps.context import StepContext
from tamis.steps.score.chunks import ScoreChunks, Spent, drawn_rows, part_name, read_parts, spread_over_rows
from tamis.steps.score.options import ScoreOptions
from tamis.steps.score.target_files import target_files
from tamis.steps.score.towards import check_pairs, finish_target
from tamis.types import JSON, Float32s, Float64s, Int64s

CHUNK_ROWS = 4096
# A few minutes of a small model on a CPU: progress is seen, and a stopped job loses little.
LLM_CHUNK_ROWS = 64

UNREAD = "n_unparsed"  # a scorer's column: replies about a row that could not be read


def run(context: StepContext, options: ScoreOptions) -> dict[str, JSON]:
    """Write scores.parquet (score and evidence columns, row i = example i); return the summary."""
    row = SCORERS[options.scorer]
    n_all = int(context.input("examples").summary["n_examples"])
    chosen = drawn_rows(n_all, options.sample_rows)
    n_rows = n_all if chosen is None else len(chosen)
    if row.whole:
        chunk_rows, n_chunks = 0, 1
    else:
        chunk_rows = LLM_CHUNK_ROWS if row.needs_llm or row.slow else CHUNK_ROWS
        n_chunks = math.ceil(n_rows / chunk_rows)
    spent = Spent()

    def landed(path: Path | None) -> None:
        if path is not None:
            spent.add(path)
        if spent.rows or not row.needs_llm:
            context.progress("score", spent.rows, n_rows, spent.text())
        else:
            context.progress("score", 0, n_rows, f"the model first, then {chunk_rows} rows at a time")

    landed(None)
    work = _work(context, options, chunk_rows, chosen)
    parts = context.compute_parts(work, [part_name(number) for number in range(n_chunks)], landed)
    table = read_parts(parts)
    if chosen is not None:
        table = spread_over_rows(table, chosen, n_all)
    towards: dict[str, JSON] = {}
    if work.target is not None:
        table, towards = finish_target(context, options, table, work.target)
    pq.write_table(table, context.output.path / "scores.parquet", compression="zstd")
    summary = {"scorer": options.scorer} | describe_scores(table.column("score").to_numpy()) | towards
    return summary | unread_replies(table) | (spent.summary(options.llm) if row.needs_llm else {})


def _work(context: StepContext, options: ScoreOptions, chunk_rows: int, chosen: Int64s | None) -> ScoreChunks:
    vectors = None
    if options.reads_vectors():
        embeddings = context.input("embeddings")
        vectors = (embeddings.file("prompt.npy").absolute(), embeddings.file("response.npy").absolute())
    target = target_files(context, options)
    if target is not None:
        check_pairs(int(context.input("examples").summary["n_examples"]), target.target)
    return ScoreChunks(
        workspace=context.workspace.absolute(),
        examples=context.input("examples").file("examples.parquet").absolute(),
        vectors=vectors,
        parts=context.output.part("").absolute(),
        options=options,
        chunk_rows=chunk_rows,
        limited=context.limited,
        target=target,
        chosen=chosen,
    )


def unread_replies(table: pa.Table) -> dict[str, JSON]:
    """Replies of a model that could not be read, where the scorer counts them."""
    if UNREAD not in table.column_names:
        return {}
    return {"n_unread_replies": int(np.nansum(table.column(UNREAD).to_numpy()))}


def describe_scores(score: Float32s | Float64s) -> dict[str, JSON]:
    """How many rows have a score, and how it is spread."""
    known = score[~np.isnan(score)]
    summary: dict[str, JSON] = {"n_scored": len(known), "n_not_scored": len(score) - len(known)}
    if len(known):
        low, middle, high = (float(q) for q in np.quantile(known, [0.05, 0.5, 0.95]))
        summary |= {"mean": float(known.mean()), "q05": low, "median": middle, "q95": high}
    return summary
