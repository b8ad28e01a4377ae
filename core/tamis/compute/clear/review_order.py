"""In which order proposals come to a person, which of them come at all, and the sample that speaks for all rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.compute.clear.calibrate import sample_for_review
from tamis.types import Bools, Float64s, Int64s

SAMPLE, SAMPLE_ROWS, SAMPLE_SEED = "sample", 200, 42
_TORN = (":order_disagreement", ":tie")


@dataclass(frozen=True, slots=True)
class ProposalColumns:
    """Proposals by columns, each shape (n,) and in ascending order of the row; confidences are NaN where there is none."""

    rows: Int64s
    kinds: NDArray[Any]  # action:outcome
    confidence: Float64s
    verdict_confidence: Float64s

    def place(self, row: int) -> int:
        """Where a row stands in the columns; -1 for none."""
        at = int(np.searchsorted(self.rows, row))
        return at if at < len(self.rows) and self.rows[at] == row else -1

    def places(self, rows: Int64s) -> Int64s:
        """Where rows stand in the columns, all of which must be there, shape as ``rows``."""
        places: Int64s = np.searchsorted(self.rows, rows)
        return places

    def actions(self, rows: Int64s) -> list[str]:
        """What is proposed for each of these rows: keep, drop, replace or add."""
        return [str(kind).partition(":")[0] for kind in self.kinds[self.places(rows)]]


Rank = Callable[[ProposalColumns, NDArray[Any]], tuple[NDArray[Any], ...]]


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """An order of the queue; ``rank`` gives its keys, the most important last, as ``lexsort`` has it."""

    title: str
    summary: str
    rank: Rank


def order_rows(
    columns: ProposalColumns,
    order: str,
    kinds: Collection[str],
    clusters: NDArray[Any],
    within: Int64s | None = None,
) -> Int64s:
    """The rows of these kinds in the order of that name, a key of ORDERS; of the sample only those that were drawn.

    ``clusters`` (all rows of the dataset,) is the cluster of every row; ``within``, rows that alone may come.
    """
    wanted: Bools = np.isin(columns.kinds.astype(str), list(kinds))
    if order == SAMPLE and len(columns.rows):
        drawn = np.zeros(len(wanted), dtype=np.bool_)
        drawn[draw_review_sample(columns)[0]] = True
        wanted &= drawn
    if within is not None:
        wanted &= np.isin(columns.rows, within)
    ranked = np.lexsort(ORDERS[order].rank(columns, clusters))
    rows: Int64s = columns.rows[ranked[wanted[ranked]]]
    return rows


def waiting_rows(rows: Int64s, is_open: Bools, after: int | None, skipped: Collection[int] = ()) -> Int64s:
    """The open rows of a queue in the order in which they come: from the one behind ``after`` on and round to it again,
    those passed over last, ``after`` itself not at all.
    """
    at = np.flatnonzero(rows == after) if after is not None else rows[:0]
    start = int(at[0]) + 1 if len(at) else 0
    following, waits = np.roll(rows, -start), np.roll(is_open, -start)
    waiting = following[waits]
    if after is not None:
        waiting = waiting[waiting != after]
    passed = np.isin(waiting, np.asarray(sorted(skipped), dtype=np.int64))
    in_turn: Int64s = np.concatenate([waiting[~passed], waiting[passed]])
    return in_turn


def count_kinds(columns: ProposalColumns) -> dict[str, int]:
    """How many rows there are of each kind, what changes something first."""
    kinds, counts = np.unique(columns.kinds, return_counts=True)
    n_by_kind = {str(kind): int(n) for kind, n in zip(kinds, counts, strict=True)}
    return {
        kind: n_by_kind[kind] for kind in sorted(n_by_kind, key=lambda kind: (kind.startswith("keep"), kind))
    }


def choose_kinds(columns: ProposalColumns, order: str, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The kinds asked for; without any that exists whatever asks for a change, and every kind for the sample."""
    counts = count_kinds(columns)
    known = tuple(kind for kind in counts if kind in asked)
    changing = tuple(kind for kind in counts if not kind.startswith("keep"))
    usual = tuple(counts) if order == SAMPLE or not changing else changing
    return known or usual


def draw_review_sample(columns: ProposalColumns) -> tuple[Int64s, Float64s]:
    """Places in the columns of the rows drawn for an unbiased estimate, ascending, and with which probability each was."""
    return sample_for_review(columns.confidence, SAMPLE_ROWS, np.random.default_rng(SAMPLE_SEED))


def order_of_chance(columns: ProposalColumns, places: Int64s) -> Int64s:
    """The places of the sample in the order in which its queue shows them."""
    (chance,) = ORDERS[SAMPLE].rank(columns, np.empty(0))
    return places[np.argsort(chance[places], kind="stable")]


def _by_confidence(columns: ProposalColumns, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (_missing_last(columns.confidence),)


def _by_disagreement(columns: ProposalColumns, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    unsure = np.abs(columns.verdict_confidence - 0.5)
    torn = np.asarray([kind.endswith(_TORN) for kind in columns.kinds.tolist()])
    return (-_doubt(columns), _missing_last(np.where(torn, -1.0, unsure)))


def _by_gain(columns: ProposalColumns, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    # A change is worth as much as the row is probably bad, times how sure it is that the change is better.
    better = np.where(np.isnan(columns.verdict_confidence), 1.0, columns.verdict_confidence)
    return (-_doubt(columns) * better,)


def _by_cluster(columns: ProposalColumns, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (_missing_last(columns.confidence), clusters[columns.rows])


def _by_chance(columns: ProposalColumns, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (np.random.default_rng(SAMPLE_SEED).random(len(columns.rows)),)


def _doubt(columns: ProposalColumns) -> Float64s:
    """Share of the rows that are at least as trustworthy, in (0, 1]; half where nothing is known."""
    known = np.sort(columns.confidence[~np.isnan(columns.confidence)])
    if not len(known):
        return np.full(len(columns.rows), 0.5)
    share = 1.0 - np.searchsorted(known, columns.confidence) / len(known)
    return np.where(np.isnan(columns.confidence), 0.5, share)


def _missing_last(values: Float64s) -> Float64s:
    return np.where(np.isnan(values), np.inf, values)


ORDERS: Mapping[str, ReviewOrder] = {
    "confidence": ReviewOrder(
        "Least confident first", "The rows that can be trusted least come first.", _by_confidence
    ),
    "disagreement": ReviewOrder(
        "Disagreement first", "First where the judge contradicts itself or is torn, then by confidence.", _by_disagreement
    ),
    "gain": ReviewOrder(
        "Expected gain", "First the changes that most probably turn a bad row into a better one.", _by_gain
    ),
    "cluster": ReviewOrder(
        "Cluster by cluster", "Rows on one subject together, the least confident first.", _by_cluster
    ),
    SAMPLE: ReviewOrder(
        "Unbiased sample",
        f"{SAMPLE_ROWS} rows drawn by chance from all, also those to keep: what you decide here says something about all.",
        _by_chance,
    ),
}  # fmt: skip
