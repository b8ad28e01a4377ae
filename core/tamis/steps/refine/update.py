"""The end of a round: cluster scores from row scores, new weights, and the rows to look at."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis.compute.compare.paired import mean_in_groups
from tamis.compute.ranks import normal_scores
from tamis.compute.refine.evidence import (
    Effects,
    RoundEvidence,
    effective_clusters,
    pooled_effects,
    rows_to_tell,
    tilted_weights,
)
from tamis.compute.refine.flags import flag_rows
from tamis.compute.refine.weights import (
    ClusterScores,
    apply_factors,
    cluster_scores,
    rank_correlation,
    shrink,
    update_weights,
)
from tamis.reprs import as_percent
from tamis.steps.refine.options import NORMAL_SCORES, RefineOptions
from tamis.steps.refine.state import RoundState
from tamis.store.artifacts.refinements import CLUSTERS_SCHEMA, EVIDENCE, ROUND_FLAGS_SCHEMA, make_table
from tamis.types import JSON, Float64s, Int64s

STILL = 0.01  # relative change of a weight below which a round is said to have moved nothing


@dataclass(frozen=True, slots=True)
class Update:
    """What a round learned: the tables of clusters and of flags, and what to say about it."""

    clusters: pa.Table
    flags: pa.Table
    n_clusters_scored: int
    rank_correlation: float | None
    evidence: dict[str, JSON]
    notes: list[str]


def update(
    state: RoundState,
    settings: RefineOptions,
    number: int,
    *,
    rows: Int64s,
    gap: Float64s,
    together: Int64s,
    selected: Int64s,
    confidence: Float64s | None,
    allocated: Int64s,
) -> Update:
    """New weights from the gaps of ``rows`` (NaN: not scored), and flags among all ``selected`` rows.

    Rows with one number in ``together``, beside ``rows``, ask the same and count once in their cluster.
    """
    once, clusters = counted_once(gap, state.pool.groups()[rows], together)
    scores = cluster_scores(_scaled(once, settings), clusters, state.pool.n_clusters + 1)
    if settings.control == "shuffled_scores":
        scores = shuffled(scores, np.random.default_rng([settings.seed, number, zlib.crc32(b"shuffle")]))
    moved = (
        _pooled(state, settings, scores) if settings.pools_rounds else _of_one_round(state, settings, scores)
    )
    learned = moved.learned
    after = learned if settings.static else apply_factors(learned, state.factors)
    correlation = float("nan")
    if state.last_scores is not None:
        correlation = rank_correlation(scores.mean, state.last_scores)
    return Update(
        clusters=_clusters(state, scores, moved, after=after, allocated=allocated),
        flags=_flags(
            state, settings, rows=rows, gap=gap, selected=selected, confidence=confidence, after=after
        ),
        n_clusters_scored=int((scores.n_scored > 0).sum()),
        rank_correlation=correlation if np.isfinite(correlation) else None,
        evidence=_evidence_summary(moved, after),
        notes=_notes(settings, scores, moved, n_rows=len(rows)) + _stuck(state, settings, scores, moved),
    )


def counted_once(gap: Float64s, clusters: Int64s, together: Int64s) -> tuple[Float64s, Int64s]:
    """Gaps (n,) and clusters (n,) with the gaps that are one evidence averaged; as they are where each is its own."""
    if not len(gap):
        return gap, clusters
    keys, place = np.unique(np.stack([clusters, together]), axis=1, return_inverse=True)
    if keys.shape[1] == len(gap):
        return gap, clusters
    return mean_in_groups(place.ravel(), gap), keys[0]


def _scaled(gap: Float64s, settings: RefineOptions) -> Float64s:
    normal = settings.pools_rounds and settings.gap_scale == NORMAL_SCORES
    return normal_scores(gap) if normal else gap


@dataclass(frozen=True, slots=True)
class _Moved:
    """Weights (groups,) without factors, and what moved them: the score of one round, or effects over all rounds."""

    learned: Float64s
    shrunken: Float64s
    effects: Effects | None = None
    trust: float = 1.0  # how much of the effects the weights follow

    @property
    def told(self) -> bool:
        """Whether a lasting difference between clusters can be told."""
        return self.effects is not None and self.effects.told and self.trust > 0


def _of_one_round(state: RoundState, settings: RefineOptions, scores: ClusterScores) -> _Moved:
    assert settings.mode != "tested"
    assert settings.mode != "pooled"
    shrunken = shrink(scores.mean, scores.n_scored, settings.shrink_rows)
    learned = update_weights(
        state.learned,
        shrunken,
        scores.n_scored,
        mode=settings.mode,
        tau=settings.tau,
        w_min_factor=settings.w_min_factor,
        w_max_factor=settings.w_max_factor,
        factors=state.factors,
    )
    return _Moved(learned, shrunken)


def _pooled(state: RoundState, settings: RefineOptions, scores: ClusterScores) -> _Moved:
    nothing = np.full(scores.mean.shape, np.nan)
    if settings.static:
        return _Moved(state.learned, nothing)
    measured = RoundEvidence.of(scores.mean, scores.standard_error, scores.n_scored)
    # Rows that are scored anew in every round would count once for each of them.
    earlier = state.evidence if settings.score_rows == "new" else ()
    effects = pooled_effects([*earlier, measured], forgetting=settings.forgetting)
    trust = effects.trust if settings.mode == "tested" else 1.0
    learned = tilted_weights(
        state.first,
        trust * effects.effect,
        temperature=settings.effect_temperature,
        fall=settings.fall_factor,
        rise=settings.rise_factor,
        factors=state.factors,
    )
    return _Moved(learned, nothing, effects, trust)


def _evidence_summary(moved: _Moved, after: Float64s) -> dict[str, JSON]:
    """What a round says of its evidence; nothing in the modes that look at one round alone."""
    summary: dict[str, JSON] = {"effective_clusters": effective_clusters(after)}
    effects = moved.effects
    if effects is not None:
        summary |= {"between": effects.between, "inconsistency": effects.inconsistency, "told": moved.told}
        summary |= {"chance": effects.chance, "trust": moved.trust}
    return summary


def shuffled(scores: ClusterScores, rng: np.random.Generator) -> ClusterScores:
    """The scores of the clusters that have one, dealt out among them anew."""
    seen = np.flatnonzero(scores.n_scored > 0)
    order = np.arange(scores.n_scored.size)
    order[seen] = rng.permutation(seen)
    return ClusterScores(scores.mean[order], scores.standard_error[order], scores.n_scored[order])


def _notes(settings: RefineOptions, scores: ClusterScores, moved: _Moved, *, n_rows: int) -> list[str]:
    n_scored = int(scores.n_scored.sum())
    if settings.static:
        return [f"Control {settings.control}: nothing is trained or scored, and no weight moves."]
    notes = []
    if settings.cheap and n_rows:
        notes.append("Cheap mode: the base model answered, and nothing was trained.")
    if settings.pools_rounds and settings.gap_scale == NORMAL_SCORES and n_scored:
        notes.append("Scores of clusters are means of normal scores within the round, and not of gaps.")
    if settings.control == "shuffled_scores":
        notes.append("Control: the scores were dealt out anew among the clusters.")
    if settings.mode == "paper" and n_scored and not (scores.mean[scores.n_scored > 0] > 0).any():
        notes.append(
            "No cluster's given answers score above the model's own, where the paper's rule moves no weight."
        )
    if n_scored and moved.effects is not None and not moved.told:
        notes.append(
            "No lasting difference between clusters can be told yet, so every weight is as it began."
        )
    if not n_scored:
        why = "no row could be scored" if n_rows else "no row was left to look at"
        notes.append(f"The weights are as they were: {why}.")
    return notes


def _stuck(state: RoundState, settings: RefineOptions, scores: ClusterScores, moved: _Moved) -> list[str]:
    """Where the rules that look at one round alone say nothing of a score, or all of it: what they cannot tell."""
    seen = scores.n_scored > 0
    if settings.static or settings.pools_rounds or not seen.any():
        return []
    notes = []
    fallen = int((moved.shrunken[seen] <= 0).sum())
    if settings.mode == "paper" and 0 < fallen < seen.sum():
        notes.append(
            f"{fallen} of {seen.sum()} scored clusters have a gap of 0 or less, and Eq. 6 of the paper leaves such "
            "clusters almost nothing, however near to 0 they are: mode tested has no such edge."
        )
    before = state.learned > 0
    if (scores.mean[seen] > 0).any() and np.abs(
        moved.learned[before] / state.learned[before] - 1
    ).max() < STILL:
        notes.append(
            f"No weight moved by more than {as_percent(STILL)}: the rows drawn next owe next to nothing to these scores."
        )
    return notes


def _clusters(
    state: RoundState,
    scores: ClusterScores,
    moved: _Moved,
    *,
    after: Float64s,
    allocated: Int64s,
) -> pa.Table:
    at = state.shown
    columns = {
        "cluster_id": state.cluster_ids(),
        "weight_before": state.drawn_by[at],
        "weight_after": after[at],
        "learned_after": moved.learned[at],
        "score": scores.mean[at],
        "standard_error": scores.standard_error[at],
        "shrunken": moved.shrunken[at],
        **{name: values[at] for name, values in _evidence_columns(moved.effects, scores.mean.shape).items()},
        "n_scored": scores.n_scored[at],
        "budget": allocated[at],
        "factor": [state.factor_names[group] for group in at],
    }
    return make_table(CLUSTERS_SCHEMA, columns)


def _evidence_columns(effects: Effects | None, shape: tuple[int, ...]) -> dict[str, Float64s]:
    if effects is None:
        return {name: np.full(shape, np.nan) for name in EVIDENCE}
    needed = rows_to_tell(effects).astype(np.float64)
    return dict(
        zip(EVIDENCE, (effects.effect, effects.deviation, effects.probability_below, needed), strict=True)
    )


def _flags(
    state: RoundState,
    settings: RefineOptions,
    *,
    rows: Int64s,
    gap: Float64s,
    selected: Int64s,
    confidence: Float64s | None,
    after: Float64s,
) -> pa.Table:
    gaps = np.full(state.pool.cluster_id.size, np.nan)
    gaps[rows] = gap
    ratio = np.ones(after.size)
    np.divide(after, state.start, out=ratio, where=state.start > 0)
    flagged_rows = flag_rows(
        gap=gaps[selected],
        confidence=None if confidence is None else confidence[selected],
        weight_ratio=ratio[state.pool.groups()[selected]],
        below_own=settings.flag_below_own,
        margin_sd=settings.flag_margin_sd,
        gamma=settings.flag_confidence,
        floor=settings.flag_weight_fraction,
    )
    flagged = selected[flagged_rows.position]
    columns = {
        "example_id": flagged,
        "cluster_id": state.pool.cluster_id[flagged],
        "reason": list(flagged_rows.reason),
        "value": flagged_rows.value,
    }
    return make_table(ROUND_FLAGS_SCHEMA, columns)
