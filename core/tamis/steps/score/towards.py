"""What a score towards a target keeps besides its columns: similarities, rows that are the target, and how well it is covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.target.coverage import TargetCoverage, cover_examples, null_similarities
from tamis.compute.target.leaks import find_leaks
from tamis.compute.target.similarity import NONE, best_targets
from tamis.compute.target.vectors import ENOUGH_ROWS
from tamis.compute.text.row_families import link_rows
from tamis.errors import InvalidOptions
from tamis.scorers import SCORERS
from tamis.steps.context import StepContext
from tamis.steps.finetune.company import row_families
from tamis.steps.score.chunks import with_model_folder
from tamis.steps.score.options import ScoreOptions
from tamis.steps.score.target_files import TargetFiles, compared_text, vector_file
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import (
    COVERAGE,
    KEPT_OUT,
    REPEATS,
    SIMILARITIES,
    TargetExamples,
    read_target,
)
from tamis.types import JSON, Float32s, Int64s

MOST_PAIRS = 500_000_000  # similarities that are kept: 2 GB
SEED = 0  # of the rows that the null is drawn from


def check_pairs(n_rows: int, target: TargetExamples) -> None:
    """Raise InvalidOptions for more pairs of a row and an example than are kept."""
    n = n_rows * len(target.steering())
    if n > MOST_PAIRS:
        raise InvalidOptions(
            f"{n_rows:,} rows beside {len(target.steering()):,} examples are {n:,} pairs, and at most {MOST_PAIRS:,} are kept: "
            "make a target of fewer examples."
        )


def without_matrices(table: pa.Table) -> tuple[pa.Table, dict[str, Float32s]]:
    """The columns of single numbers, and those of lists as matrices (n, m)."""
    matrices: dict[str, Float32s] = {}
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_fixed_size_list(kind):
            column = table.column(name).combine_chunks()
            flat = column.flatten() if isinstance(column, pa.FixedSizeListArray) else column
            matrices[name] = np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(
                -1, kind.list_size
            )
    return table.drop_columns(list(matrices)), matrices


def finish_target(
    context: StepContext, options: ScoreOptions, table: pa.Table, files: TargetFiles
) -> tuple[pa.Table, dict[str, JSON]]:
    """The table with best target, example and rank of every row, and what the summary says; the rest into files."""
    target = read_target(context.input("target"))
    plain, matrices = _whitened(options, *without_matrices(table), files)
    similarities = matrices["similarities"]
    steering = target.steering()
    part = target.part[steering]
    best = best_targets(similarities, part)
    items = np.where(best.example == NONE, NONE, steering[best.example])
    for name, values in (("best_target", best.target), ("best_example", items), ("rank", best.rank)):
        plain = plain.append_column(name, pa.array(values.astype(np.float32)))
    rows = _Rows(context.input("examples"))
    folder = context.output.path
    np.save(folder / SIMILARITIES, similarities)
    said = _keep_out(folder, rows, (target, similarities), _leak_cosine(options))
    if "embeddings" in context.inputs:
        said["compared"] = compared_text(context.input("embeddings"), target)
    vectors = matrices.get("vectors", _pool_vectors(context, options, target))
    if vectors is not None:
        said |= _cover(folder, rows, (target, similarities), vectors)
    counted: list[JSON] = [
        {
            "name": name,
            "share": share,
            "n_examples": int((part == number).sum()),
            "n_judging": int(target.judges[target.part == number].sum()),
            "n_best": int((best.target == number).sum()),
        }
        for number, (name, share) in enumerate(zip(target.names, target.shares, strict=True))
    ]
    if _is_thin(options, matrices):
        said["few_rows_to_whiten"] = True
    covered = said.pop("covered", [{}] * len(counted))
    return plain, said | {"targets": [one | more for one, more in zip(counted, covered, strict=True)]}


def _whitened(
    options: ScoreOptions, plain: pa.Table, matrices: dict[str, Float32s], files: TargetFiles
) -> tuple[pa.Table, dict[str, Float32s]]:
    """Compared anew by whitened vectors, where they were made part by part: the covariance is that of all rows."""
    if SCORERS[options.scorer].whole or not _whitens(options):
        return plain, matrices
    scorer = options.build("scorer")(with_model_folder(options, files.workspace))
    found = scorer.whitened(matrices["vectors"], files.open())
    place = plain.column_names.index("score")
    return plain.set_column(place, "score", pa.array(found.pop("score"))), matrices | found


def _whitens(options: ScoreOptions) -> bool:
    return bool(getattr(options.chosen_options("scorer"), "whiten", False))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The texts of the rows that are scored."""

    examples: Artifact

    def texts(self) -> tuple[list[str], list[str]]:
        """Prompts and responses (n,)."""
        table = read_examples(self.examples, ["prompt", "response"])
        prompts, responses = (
            [str(one) for one in table[name].to_pylist()] for name in ("prompt", "response")
        )
        return prompts, responses

    def groups(self) -> Int64s:
        """A number for each row, the same for rows that say the same or come from one another (n,)."""
        prompts = self.texts()[0]
        families = row_families(self.examples, np.arange(len(prompts), dtype=np.int64), {})
        return link_rows(prompts, families, np.random.default_rng(SEED), every_pair=False).groups()


def _leak_cosine(options: ScoreOptions) -> float | None:
    """The cosine from which a row is the target; None where words alone say so."""
    return getattr(options.chosen_options("scorer"), "leak_cosine", 0) or None


def _keep_out(
    folder: Path, rows: _Rows, towards: tuple[TargetExamples, Float32s], cosine: float | None
) -> dict[str, JSON]:
    target, similarities = towards
    near = np.full((len(similarities), len(target.examples)), np.nan, dtype=np.float32) if cosine else None
    if near is not None:
        near[:, target.steering()] = similarities
    leaks, repeated = find_leaks(rows.texts(), target.texts, similarity=near, cosine=cosine)
    first = np.where(repeated.of == NONE, np.arange(len(repeated.of)), repeated.of)
    np.save(folder / REPEATS, first.astype(np.int64))
    listed: dict[str, pa.Array[Any]] = {
        "example_id": pa.array([leak.row for leak in leaks], pa.int64()),
        "reason": pa.array([leak.reason for leak in leaks], pa.string()),
        "item": pa.array([leak.example for leak in leaks], pa.int64()),
    }
    pq.write_table(pa.table(listed), folder / KEPT_OUT, compression="zstd")
    return {"n_leaks": len(leaks), "n_repeats": int((repeated.of != NONE).sum())}


def _cover(
    folder: Path, rows: _Rows, towards: tuple[TargetExamples, Float32s], vectors: Float32s
) -> dict[str, JSON]:
    target, similarities = towards
    steering = target.steering()
    filled = np.where(np.isnan(similarities), -np.inf, similarities)
    row = filled.argmax(axis=0)
    best = filled[row, np.arange(len(steering))].astype(np.float64)
    best[~np.isfinite(best)] = np.nan
    null = null_similarities(vectors, rows.groups(), np.random.default_rng(SEED))
    part = target.part[steering]
    per_target = [cover_examples(best[part == number], null) for number in range(len(target.names))]
    p, far = np.full(len(steering), np.nan), np.zeros(len(steering), dtype=np.bool_)
    for number, found in enumerate(per_target):
        p[part == number], far[part == number] = found.p, found.out_of_reach
    columns: dict[str, pa.Array[Any]] = {
        "item": pa.array(steering),
        "target": pa.array(part),
        "best": pa.array(best),
        "row": pa.array(np.where(np.isnan(best), NONE, row).astype(np.int64)),
        "p": pa.array(p),
        "out_of_reach": pa.array(far),
    }
    pq.write_table(pa.table(columns), folder / COVERAGE, compression="zstd")
    return {
        "covered": [_said(one) for one in per_target],
        "null_median": _number(np.median(null) if null.size else np.nan),
    }


def _said(found: TargetCoverage) -> Mapping[str, JSON]:
    told = found.best[~np.isnan(found.best)]
    return {
        "coverage_fraction": _number(found.covered_fraction),
        "median_best": _number(np.median(told) if told.size else np.nan),
        "n_out_of_reach": int(found.out_of_reach.sum()),
    }


def _is_thin(options: ScoreOptions, matrices: Mapping[str, Float32s]) -> bool:
    """Whether vectors were whitened by fewer rows than their covariance takes."""
    if not _whitens(options):
        return False
    n, d = matrices["vectors"].shape
    return bool(n < ENOUGH_ROWS * d)


def _pool_vectors(context: StepContext, options: ScoreOptions, target: TargetExamples) -> Float32s | None:
    if "vectors" not in SCORERS[options.scorer].reads:
        return None
    embeddings = context.input("embeddings")
    vectors: Float32s = np.load(vector_file(embeddings, compared_text(embeddings, target)), mmap_mode="r")
    return vectors


def _number(value: float | np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
