"""What the rounds of a refinement did, as tables: weights, scores, budgets, flags, picks and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.compute.refine.evidence import RoundEvidence, pooled_effects
from tamis.compute.refine.shared_luck import expected_overlap
from tamis.compute.refine.weights import fallen_fraction, movers
from tamis.reprs import percent
from tamis.steps.refine.results import all_flags, all_weights
from tamis.store.artifacts.refinements import (
    EVIDENCE,
    read_flags,
    read_generations,
    read_round_clusters,
    read_round_picks,
    read_row_scores,
    read_weights,
    schema_of,
)
from tamis.store.artifacts.store import Artifact
from tamis.types import Bools, Float64s, Int64s

MOST_MOVERS = 8
WIDE = 1.96  # standard deviations on either side: 95 %
_ANSWERED = schema_of(
    example_id=pa.int64(),
    gold=pa.float32(),
    generated_score=pa.float32(),
    gap=pa.float32(),
    generated=pa.string(),
    round=pa.int64(),
)


@dataclass(frozen=True, slots=True)
class RoundEvidenceSummary:
    """What all rounds together say, one entry per cluster in the order of the tables (METHODS.md 1.9).

    ``effect`` and ``deviation`` in standard deviations of a row; ``probability_below`` NaN and ``told`` False where no
    lasting difference can be told. ``chance`` is the p-value of a test that the clusters are all alike, NaN for a run of
    before it, and ``trust`` 0..1 how much of the effects the weights follow. ``rows_to_tell`` as ``compute.refine.evidence.rows_to_tell`` has it.
    ``measured`` and ``measured_deviation`` are the cluster's own mean less the common one and its error, before it is drawn
    in, NaN where no row was scored: all there is to see where ``between`` is 0. ``round`` is the last round that counts.
    ``seen_twice``: a cluster was scored in two rounds, so that ``inconsistency`` is measured and not assumed.
    """

    round: int
    effect: Float64s
    deviation: Float64s
    measured: Float64s
    measured_deviation: Float64s
    probability_below: Float64s
    rows_to_tell: Float64s
    n_scored: Float64s
    between: float
    inconsistency: float
    effective_clusters: float
    told: bool
    chance: float
    trust: float
    seen_twice: bool = True

    def clear(self) -> Bools:
        """Which clusters stand clear of the others at 95 % (k,); none where nothing is told."""
        stands: Bools = (np.abs(self.effect) > WIDE * self.deviation) & self.told
        return stands

    def said(self) -> str:
        """In words, whether the clusters differ, by how much, and what would show it."""
        return self._told() if self.told else self._not_told()

    def _told(self) -> str:
        n = int(self.clear().sum())
        stand = "No cluster stands" if not n else "One cluster stands" if n == 1 else f"{n:,} clusters stand"
        text = f"{stand} clear of the others at 95 %. Clusters differ by {self.between:.2f} standard deviations of a row"
        if self.inconsistency > 0 and self.seen_twice:
            text += f"; a round adds {self.inconsistency:.2f} of its own, which counts as noise"
        if self.trust < 1:
            text += f". {self._by_chance()}, so weights follow {percent(self.trust)} of these effects"
        return f"{text}."

    def _by_chance(self) -> str:
        return f"Clusters that are all alike differ so much by chance in {percent(self.chance)} of cases"

    def _not_told(self) -> str:
        text = "It cannot be told from noise yet whether clusters differ, so every weight is as it began."
        if self.between > 0 and self.chance < 1:
            text += f" {self._by_chance()}."
        missing = self.rows_to_tell[self.rows_to_tell > 0]
        if (self.rows_to_tell < 0).any() and not self.seen_twice:
            return f"{text} One round does not show what of it lasts: a second one does."
        if (self.rows_to_tell < 0).any():
            return f"{text} Rounds disagree with each other by more than clusters could: more rounds are needed, not more rows."
        if len(missing):
            text += (
                f" About {int(np.median(missing)):,} more scored rows in a cluster would show a difference of half a standard "
                "deviation of a row."
            )
        return text


@dataclass(frozen=True, slots=True)
class RefinementHistory:
    """What is known of a refinement now: its finished rounds, ``weights`` per round (0: before the first) and cluster,
    and ``flags``. ``artifact_id`` is the artifact that says so: the refinement, or its newest round.
    """

    artifact_id: str
    rounds: tuple[Artifact, ...]
    weights: pa.Table
    flags: pa.Table

    @property
    def n_rounds(self) -> int:
        """Finished rounds."""
        return int(self.weights["round"].to_numpy().max(initial=0))

    @property
    def cluster_ids(self) -> Int64s:
        """Clusters in the order of the tables; -1 for rows outside all."""
        return self._column(0, "cluster_id").astype(np.int64)

    def of_round(self, number: int, column: str) -> Float64s:
        """One number per cluster after a round."""
        numbers: Float64s = self._column(number, column).astype(np.float64)
        return numbers

    def change(self, number: int | None = None) -> Float64s:
        """Weight after a round (the last) over the first weight, per cluster; NaN for a cluster without a first weight."""
        last = self.of_round(self.n_rounds if number is None else number, "weight")
        first = self.of_round(0, "weight")
        ratio: Float64s = np.divide(last, first, out=np.full(first.shape, np.nan), where=first > 0)
        return ratio

    def total(self, column: str, number: int | None = None) -> Float64s:
        """A count of every cluster up to a round (the last): ``budget`` for rows taken, ``n_scored`` for rows scored."""
        last = self.n_rounds if number is None else number
        summed: Float64s = np.sum([self.of_round(n, column) for n in range(last + 1)], axis=0)
        return summed

    def last_scores(self) -> Float64s:
        """Mean score of every cluster in the last round that scored one of its rows; NaN where none did."""
        scores = np.full(len(self.cluster_ids), np.nan)
        for number in range(self.n_rounds + 1):
            scored = self.of_round(number, "n_scored") > 0
            scores[scored] = self.of_round(number, "score")[scored]
        return scores

    def set_by_hand(self) -> np.ndarray[Any, np.dtype[np.object_]]:
        """What was set by hand for each cluster after each round, (k, rounds + 1): excluded, pinned, a factor, or "" ."""
        columns = [
            self.weights["factor"].to_numpy(zero_copy_only=False)[self._rows(n)]
            for n in range(self.n_rounds + 1)
        ]
        return np.stack([np.array([one or "" for one in column], dtype=object) for column in columns], axis=1)

    def movers(self, most: int = MOST_MOVERS) -> tuple[list[int], list[int]]:
        """Ids of the clusters whose weight rose and fell most."""
        up, down = movers(self.of_round(0, "weight"), self.of_round(self.n_rounds, "weight"), most)
        ids = self.cluster_ids
        return [int(ids[i]) for i in up], [int(ids[i]) for i in down]

    def fallen(self) -> float:
        """Share of the picks in clusters that ended below half their first weight; NaN without picks."""
        return fallen_fraction(
            self.total("budget"), self.of_round(0, "weight"), self.of_round(self.n_rounds, "weight")
        )

    def evidence(self, number: int | None = None) -> RoundEvidenceSummary | None:
        """What the rounds up to ``number`` (the last) add up to; None for a run whose weights look at one round alone."""
        counted = [one for one in self.rounds if number is None or int(one.summary["round"]) <= number]
        if not counted or "told" not in counted[-1].summary:
            return None
        last = counted[-1]
        table = read_round_clusters(last)
        columns = {name: table[name].to_numpy() for name in EVIDENCE}
        measured, error = _measured(counted)
        at = int(last.summary["round"])
        return RoundEvidenceSummary(
            **columns,
            round=at,
            measured=measured,
            measured_deviation=np.sqrt(error),
            n_scored=self.total("n_scored", at),
            between=float(last.summary["between"]),
            inconsistency=float(last.summary["inconsistency"]),
            effective_clusters=float(last.summary["effective_clusters"]),
            told=bool(last.summary["told"]),
            chance=float(last.summary.get("chance", np.nan)),
            trust=float(last.summary.get("trust", 1.0)),
            seen_twice=bool((np.sum(self._scored(at) > 0, axis=0) > 1).any()),
        )

    def _scored(self, number: int) -> Float64s:
        """Scored rows of each round up to this one and cluster."""
        return np.stack([self.of_round(i, "n_scored") for i in range(1, number + 1)])

    def notes(self) -> list[str]:
        """What rounds have to say, each sentence once with the rounds that say it."""
        rounds_of_note: dict[str, list[int]] = {}
        for one in self.rounds:
            for note in one.summary["notes"]:
                rounds_of_note.setdefault(str(note), []).append(int(one.summary["round"]))
        notes = []
        for note, numbers in rounds_of_note.items():
            if len(numbers) == self.n_rounds:
                notes.append(note)
            else:
                notes.append(f"Round{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}: {note}")
        return notes

    def _rows(self, number: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.asarray(self.weights["round"].to_numpy() == number)

    def _column(self, number: int, column: str) -> np.ndarray[Any, np.dtype[Any]]:
        return np.asarray(self.weights[column].to_numpy()[self._rows(number)])


def read_history(refinement: Artifact | None, rounds: Sequence[Artifact]) -> RefinementHistory | None:
    """The history of a refinement, finished or (None) so far; None before its first round has ended."""
    if refinement is not None:
        return RefinementHistory(
            refinement.id, tuple(rounds), read_weights(refinement), read_flags(refinement)
        )
    if not rounds:
        return None
    return RefinementHistory(rounds[-1].id, tuple(rounds), all_weights(rounds), all_flags(rounds))


def _measured(rounds: Sequence[Artifact]) -> tuple[Float64s, Float64s]:
    """A cluster's own mean less the common one, and its variance, in deviations of a row (k,): from the rounds' tables."""
    settings = dict(rounds[-1].manifest.options.get("settings", {}))
    if settings.get("score_rows") == "all":  # the last round scored every row anew
        rounds = rounds[-1:]
    tables = [read_round_clusters(one) for one in rounds]
    columns = [
        [table[name].to_numpy() for name in ("score", "standard_error", "n_scored")] for table in tables
    ]
    effects = pooled_effects(
        [RoundEvidence.of(*one) for one in columns], forgetting=settings.get("forgetting", 1.0)
    )
    return effects.measured, np.where(np.isfinite(effects.measured), effects.error, np.nan)


def effects_of(history: RefinementHistory, evidence: RoundEvidenceSummary) -> dict[str, dict[str, Any]]:
    """By cluster id what lasts over the rounds, as JSON: effect, its interval of 95 %, whether it stands clear, scored rows."""
    reach = WIDE * evidence.deviation
    columns = zip(
        history.cluster_ids.tolist(),
        evidence.effect.tolist(),
        (evidence.effect - reach).tolist(),
        (evidence.effect + reach).tolist(),
        evidence.clear().tolist(),
        evidence.n_scored.tolist(),
        strict=True,
    )
    return {
        str(cluster): {"effect": effect, "low": low, "high": high, "clear": clear, "n_scored": int(n)}
        for cluster, effect, low, high, clear, n in columns
    }


def answered_rows(rounds: Sequence[Artifact]) -> pa.Table:
    """Every row that a round looked at, once, as the newest round saw it: example_id, gold, generated_score, gap, generated, round."""
    lines: dict[int, dict[str, object]] = {}
    for one in rounds:
        generations = read_generations(one)
        texts = dict(
            zip(generations["example_id"].to_pylist(), generations["generated"].to_pylist(), strict=True)
        )
        for score in read_row_scores(one).to_pylist():
            row = int(score["example_id"])
            lines.pop(row, None)  # so that the newest comes last
            answer = {
                "generated_score": score["generated"],
                "generated": texts.get(row),
                "round": int(one.summary["round"]),
            }
            lines[row] = score | answer
    return pa.Table.from_pylist(list(lines.values()), schema=_ANSWERED)


def picked_rows(rounds: Sequence[Artifact]) -> pa.Table:
    """The rows that each round added: example_id, cluster_id, round."""
    parts = []
    for one in rounds:
        picks = read_round_picks(one).select(["example_id", "cluster_id"])
        number = pa.array(np.full(picks.num_rows, int(one.summary["round"]), dtype=np.int64))
        parts.append(picks.append_column("round", number))
    empty = {"example_id": pa.int64(), "cluster_id": pa.int32(), "round": pa.int64()}
    return pa.concat_tables(parts) if parts else pa.schema(empty).empty_table()


def telling_rows(rounds: Sequence[Artifact], cluster_id: int, *, best: bool, most: int) -> pa.Table:
    """Picked rows of a cluster that say most about its score: those scored, best or worst first, then others.

    Columns example_id, cluster_id, round, gold, generated_score, gap, generated; ``gap`` is null for a row that nobody
    scored.
    """
    picks = picked_rows(rounds)
    chosen = [one for one in picks.to_pylist() if one["cluster_id"] == cluster_id]
    seen = {one["example_id"]: one for one in answered_rows(rounds).drop_columns(["round"]).to_pylist()}
    lines = [{**seen.get(one["example_id"], {}), **one} for one in chosen]
    sign = -1.0 if best else 1.0

    def order(line: dict[str, Any]) -> tuple[bool, float]:
        gap = line.get("gap")
        return (True, 0.0) if gap is None or np.isnan(gap) else (False, sign * gap)

    schema = _ANSWERED.remove(_ANSWERED.get_field_index("round"))
    for name in ("cluster_id", "round"):
        schema = schema.append(picks.schema.field(name))
    return pa.Table.from_pylist(sorted(lines, key=order)[:most], schema=schema)


def round_table(rounds: Sequence[Artifact]) -> list[dict[str, Any]]:
    """One line per round with what its summary says."""
    return [
        {
            "round": int(one.summary["round"]),
            "new": one.summary["n_new"],
            "selected": one.summary["n_selected"],
            "pool": one.summary["n_pool"],
            "scored": one.summary["n_scored"],
            "not_scored": one.summary["n_not_scored"],
            "empty": one.summary["n_empty"],
            "clusters": one.summary["n_clusters_scored"],
            "gap": one.summary["mean_gap"],
            "rank_correlation": one.summary["rank_correlation"],
            "flags": one.summary["n_flags"],
            "loss": (one.summary.get("training") or {}).get("train_loss"),
            "steps": (one.summary.get("training") or {}).get("n_steps"),
        }
        for one in rounds
    ]


@dataclass(frozen=True, slots=True)
class SharedPicks:
    """Rows that one refinement picked, another, and both, beside what chance inside clusters would make of both.

    ``by_own_luck`` are rows in both if each run had random numbers of its own; ``expected`` is what these two imply:
    the same, or more where they share a seed (``same_seed``) and so the random number of every row in every round.
    """

    n_mine: int
    n_theirs: int
    n_both: int
    by_own_luck: float
    expected: float
    same_seed: bool


def shared_picks(
    mine: Sequence[Artifact], theirs: Sequence[Artifact], cluster_of: Int64s, *, same_seed: bool
) -> SharedPicks:
    """What the rounds of two refinements picked; ``cluster_of`` (n,) is the cluster of every row, -1 for none."""
    groups = cluster_of + 1
    sizes = np.bincount(groups)
    picks = [picked_rows(rounds) for rounds in (mine, theirs)]
    taken = [_taken(table, groups, len(sizes)) for table in picks]
    a, b = (set(table["example_id"].to_pylist()) for table in picks)
    own = expected_overlap(taken[0], taken[1], sizes, shared=False, rng=np.random.default_rng(0))
    alike = (
        expected_overlap(taken[0], taken[1], sizes, shared=True, rng=np.random.default_rng(0))
        if same_seed
        else own
    )
    return SharedPicks(len(a), len(b), len(a & b), own, alike, same_seed)


def _taken(picks: pa.Table, groups: Int64s, n_groups: int) -> Int64s:
    """Rows per round, the first first, and group."""
    numbers, place = np.unique(picks["round"].to_numpy(), return_inverse=True)
    counts = np.zeros((len(numbers), n_groups), dtype=np.int64)
    np.add.at(counts, (place, groups[picks["example_id"].to_numpy()]), 1)
    return counts
