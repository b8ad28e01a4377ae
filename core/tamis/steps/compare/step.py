"""compare: selections of one dataset beside each other, with intervals over rows and over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.compare.seeds import (
    difference_over_seeds,
    mean_over_seeds,
    only_in_one_group,
    overlap_of_methods,
    share_over_seeds,
)
from tamis.compute.compare.selections import jaccard, only_in_one
from tamis.selectors import SELECTORS
from tamis.steps.compare.comparison import (
    FILE,
    MEMBERSHIP,
    METRICS,
    ComparedMethod,
    ComparedSelection,
    Comparison,
    IntervalEstimate,
    ScoreHistograms,
    best_of,
    stored_interval,
)
from tamis.steps.compare.method_groups import MethodGroup, group_by_method, share_luck
from tamis.steps.compare.options import CompareOptions
from tamis.steps.compare.pool import PoolStats, RowGroups, load_pool, measure, pool_shares, spread_of
from tamis.steps.context import StepContext
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Bools, Float64s, Int64s

ALIKE_BUDGETS = 1.05  # sizes that differ by more are not one budget


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """The selections of a comparison, their rows, and which belong to one method."""

    artifacts: list[Artifact]
    rows: list[Int64s]
    groups: list[MethodGroup]
    measured: list[dict[str, IntervalEstimate]]
    confidence_fraction: float

    def group_of(self) -> list[int]:
        """Index of the method of each selection."""
        where = {i: g for g, group in enumerate(self.groups) for i in group.members}
        return [where[i] for i in range(len(self.artifacts))]


def run(context: StepContext, options: CompareOptions) -> dict[str, JSON]:
    """Write comparison.json and membership.parquet; return the summary."""
    context.progress("read", 0, 1)
    pool = load_pool(context, options)
    roles = sorted(role for role in context.inputs if role.startswith("selection_"))
    artifacts = [context.input(role) for role in roles]
    rows = [read_selected_ids(artifact) for artifact in artifacts]
    measured = [_measured(context, options, pool, artifact) for artifact in artifacts]
    field = _Field(
        artifacts=artifacts,
        rows=rows,
        groups=group_by_method(artifacts),
        measured=measured,
        confidence_fraction=options.confidence_fraction,
    )
    context.progress("compare", 0, 1)
    comparison = _comparison(pool, field, options)
    (context.output.path / FILE).write_bytes(comparison.model_dump_json().encode())
    _write_membership(context, field, pool.n_rows)
    context.progress("compare", 1, 1)
    return {
        "n_selections": len(artifacts),
        "n_methods": len(comparison.methods),
        "methods": [method.title for method in comparison.methods],
        "n_selected": max(len(one) for one in rows),
        "n_rows": pool.n_rows,
        "n_pool_rows": comparison.n_pool_rows,
        "is_sampled": comparison.is_sampled,
        "quality": comparison.quality,
    }


def _measured(
    context: StepContext, options: CompareOptions, pool: PoolStats, artifact: Artifact
) -> dict[str, IntervalEstimate]:
    """The metrics of one selection, from the part of a stopped run where there is one."""
    part = context.output.part(f"{artifact.id}.json")
    if part.exists():
        return {key: IntervalEstimate(**value) for key, value in orjson.loads(part.read_bytes()).items()}
    measured = measure(pool, read_selected_ids(artifact), context, options)
    aside = part.with_suffix(".aside")
    aside.write_bytes(orjson.dumps({key: value.model_dump() for key, value in measured.items()}))
    aside.replace(part)
    return measured


def _comparison(pool: PoolStats, field: _Field, options: CompareOptions) -> Comparison:
    sizes = [len(rows) for rows in field.rows]
    mean_share = float(np.mean(sizes)) / pool.n_rows
    index = jaccard(field.rows)
    apart = _independent(field)
    spent = [float(one["n_tokens"].value or 0) if "n_tokens" in one else 0.0 for one in field.measured]
    by_tokens = all(a.summary.get("unit") == "tokens" for a in field.artifacts) and min(spent) > 0
    costs = [a.summary.get("cost_spent") for a in field.artifacts]
    by_cost = len({a.summary.get("cost", "") for a in field.artifacts}) == 1 and all(costs)
    counted = (
        [float(one) for one in costs if one]
        if by_cost
        else spent
        if by_tokens
        else [float(size) for size in sizes]
    )
    methods = _methods(field, pool.n_rows)
    return Comparison(
        n_rows=pool.n_rows,
        n_pool_rows=0 if pool.vectors is None else len(pool.sample),
        budgets_differ=max(counted) > ALIKE_BUDGETS * min(counted),
        shared_seeds=not bool(apart.all()),
        quality="" if pool.quality is None else options.quality,
        epochs=options.epochs,
        confidence_fraction=options.confidence_fraction,
        chance_jaccard=mean_share / (2 - mean_share),
        selections=_selections(field),
        methods=methods,
        beside_best=_beside_best(field, methods, apart),
        correction="all pairs",
        jaccard=_overlaps(field, index, apart),
        jaccard_of_selections=[[float(value) for value in line] for line in index],
        clusters=None if pool.clusters is None else pool_shares(pool.clusters, _shares(field, pool.clusters)),
        sources=pool_shares(pool.sources, _shares(field, pool.sources)),
        spreads=_spreads(pool, field, options.quality),
    )


def _selections(field: _Field) -> list[ComparedSelection]:
    only = only_in_one(field.rows)
    return [
        ComparedSelection(
            id=artifact.id,
            method=group,
            seed=artifact.manifest.options.get("seed"),
            n_rows=len(rows),
            budget=artifact.summary.get("budget", len(rows)),
            unit=str(artifact.summary.get("unit", "rows")),
            shortfall=int(artifact.summary.get("shortfall", 0)),
            n_only=len(alone),
            values=measured,
        )
        for artifact, group, rows, alone, measured in zip(
            field.artifacts, field.group_of(), field.rows, only, field.measured, strict=True
        )
    ]


def _methods(field: _Field, n_rows: int) -> list[ComparedMethod]:
    only = only_in_one_group(n_rows, field.rows, field.group_of())
    counts = np.bincount(only[only >= 0], minlength=len(field.groups))
    return [
        ComparedMethod(
            name=group.name,
            title=group.title,
            is_random=group.name not in SELECTORS or SELECTORS[group.name].random,
            selections=list(group.members),
            n_only=int(count),
            values=_over_seeds(field, group.members),
        )
        for group, count in zip(field.groups, counts, strict=True)
    ]


def _over_seeds(field: _Field, members: Sequence[int]) -> dict[str, IntervalEstimate]:
    """The metrics of a method: of its one selection, or the means over its seeds."""
    if len(members) == 1:
        return field.measured[members[0]]
    estimates = {}
    for metric in METRICS:
        values = [field.measured[i][metric.key].value for i in members if metric.key in field.measured[i]]
        known = np.array([value for value in values if value is not None])
        if known.size:
            estimates[metric.key] = _seed_estimates(field, known[:, None])[0]
    return estimates


def _seed_estimates(field: _Field, values: Float64s) -> list[IntervalEstimate]:
    """Means (k,) over ``values`` (seeds, k) with intervals over seeds."""
    return _over(len(values), mean_over_seeds(values, confidence_fraction=field.confidence_fraction))


def _over(n_seeds: int, found: tuple[Float64s, Float64s, Float64s]) -> list[IntervalEstimate]:
    """Mean, low and high (k,) as they are stored; one seed has no interval."""
    if n_seeds < 2:
        return [IntervalEstimate(value=float(mean)) for mean in found[0]]
    return [
        IntervalEstimate(value=float(mean), low=float(low), high=float(high), n=n_seeds, over="seeds")
        for mean, low, high in zip(*found, strict=True)
    ]


def _shares(field: _Field, groups: RowGroups) -> list[list[IntervalEstimate]]:
    k = len(groups.keys)
    counted = [np.bincount(groups.codes[rows], minlength=k) / max(1, len(rows)) for rows in field.rows]
    return [
        _over(
            len(group.members),
            share_over_seeds(
                np.array([counted[i] for i in group.members]),
                min(len(field.rows[i]) for i in group.members),
                confidence_fraction=field.confidence_fraction,
            ),
        )
        for group in field.groups
    ]


def _overlaps(field: _Field, index: Float64s, apart: Bools) -> list[list[IntervalEstimate]]:
    members = [np.array(group.members) for group in field.groups]
    m = len(members)
    overlaps = [[IntervalEstimate(value=1.0)] * m for _ in range(m)]
    for i in range(m):
        for j in range(i + 1):
            overlap = overlap_of_methods(
                index,
                members[i],
                members[j],
                independent=apart,
                confidence_fraction=field.confidence_fraction,
            )
            overlaps[i][j] = overlaps[j][i] = stored_interval(overlap, "seeds")
    return overlaps


def _independent(field: _Field) -> Bools:
    """Which pairs of selections do not share their luck."""
    made = field.artifacts
    return np.array([[one is other or not share_luck(one, other) for other in made] for one in made])


def _beside_best(
    field: _Field, methods: list[ComparedMethod], apart: Bools
) -> dict[str, list[IntervalEstimate | None]]:
    """By metric, how far every method is from the best one."""
    found: dict[str, list[IntervalEstimate | None]] = {}
    for metric in METRICS:
        values = [one.values.get(metric.key) for one in methods]
        top = best_of(metric, values)
        n_known = sum(one is not None and one.value is not None for one in values)
        if top is not None:
            found[metric.key] = [
                None if i == top else _difference(field, metric.key, methods[i], methods[top], apart, n_known)
                for i in range(len(methods))
            ]
    return found


def _difference(
    field: _Field, key: str, one: ComparedMethod, other: ComparedMethod, apart: Bools, n_methods: int
) -> IntervalEstimate | None:
    """One method less the best of ``n_methods`` over seeds; None where chance has a part that too few seeds show."""
    pairs = [(i, j) for i in one.selections for j in other.selections if not apart[i, j]]
    sides = zip(*pairs, strict=True) if pairs else (one.selections, other.selections)
    values = [np.array([_value(field, i, key) for i in side]) for side in sides]
    alone = any(side.size < 2 and method.is_random for side, method in zip(values, (one, other), strict=True))
    if alone or np.isnan(np.concatenate(values)).any():
        return None
    difference = difference_over_seeds(
        values[0],
        values[1],
        paired=bool(pairs),
        confidence_fraction=field.confidence_fraction,
        n_methods=n_methods,
    )
    return stored_interval(difference, "paired seeds" if pairs else "seeds")


def _value(field: _Field, selection: int, key: str) -> float:
    estimate = field.measured[selection].get(key)
    return float("nan") if estimate is None or estimate.value is None else estimate.value


def _spreads(pool: PoolStats, field: _Field, quality: str) -> dict[str, ScoreHistograms]:
    picks = [[field.rows[i] for i in group.members] for group in field.groups]
    histograms = {}
    if pool.quality is not None:
        histograms["quality"] = spread_of(pool.quality, quality, picks, logarithmic=False)
    if pool.tokens is not None:
        histograms["tokens"] = spread_of(pool.tokens, "tokens", picks, logarithmic=True)
    return {key: spread for key, spread in histograms.items() if spread is not None}


def _write_membership(context: StepContext, field: _Field, n_rows: int) -> None:
    picked = np.unique(np.concatenate(field.rows))
    inside = [np.isin(picked, rows, assume_unique=True) for rows in field.rows]
    columns = {
        "example_id": pa.array(picked),
        "n_selections": pa.array(np.sum(inside, axis=0).astype(np.int16)),
        "only_selection": _only(field.rows, range(len(field.rows)), picked, n_rows),
        "only_method": _only(field.rows, field.group_of(), picked, n_rows),
    }
    columns |= {
        f"in_{artifact.id}": pa.array(mine) for artifact, mine in zip(field.artifacts, inside, strict=True)
    }
    pq.write_table(pa.table(columns), context.output.path / MEMBERSHIP, compression="zstd")


def _only(rows: list[Int64s], group: Sequence[int], picked: Int64s, n_rows: int) -> pa.Array[Any]:
    return pa.array(only_in_one_group(n_rows, rows, group)[picked].astype(np.int16))
