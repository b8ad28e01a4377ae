"""Each target in turn takes its best unused row, until the budget is spent (METHODS.md 4.10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.kmq import TokenSelection
from tamis.compute.select.masks import checked_counts
from tamis.compute.select.picks import Picked, Pool, as_picked, check_budget, pool_of
from tamis.errors import InvalidOptions
from tamis.types import Bools, Float32s, Float64s, Int64s

Pooling = Literal["example", "max", "mean"]
FIRST_RANKED = (
    100  # rows of a list that are put in order beyond those that its target can be expected to take
)
FINEST_SHARE = 1_000_000  # the largest denominator of a share


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """What was ``picked``; of each pick (b,) its ``target``, the ``example`` whose list it came from (−1: the target's one
    list) and the ``similarity`` there; pinned rows, which nobody's turn took, have −1 and NaN. ``empty`` are targets without a list.
    """

    picked: Picked
    target: Int64s
    example: Int64s
    similarity: Float64s
    empty: tuple[int, ...]

    @property
    def picked_rows(self) -> Int64s:
        """The picked rows (b,), in the order picked."""
        return (self.picked.selection if isinstance(self.picked, TokenSelection) else self.picked).rows


class RankedRows:
    """Rows from the highest similarity down, ties by row id; put in order only as far as somebody asks."""

    def __init__(self, similarity: Float32s, rows: Int64s, expected: int) -> None:
        known = ~np.isnan(similarity)
        self._values, self._rows = similarity[known], rows[known]
        self._ranked: Int64s = np.empty(0, dtype=np.int64)
        self._next, self._size = 0, expected

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, place: int) -> tuple[int, float] | None:
        """The row at a place from 0 and its similarity; None beyond the last."""
        if place >= len(self._rows):
            return None
        while place >= len(self._ranked):
            self._rank_more()
        chosen = int(self._ranked[place])
        return int(self._rows[chosen]), float(self._values[chosen])

    def _rank_more(self) -> None:
        self._size = min(len(self._rows), 4 * self._size)
        line = np.partition(self._values, len(self._values) - self._size)[len(self._values) - self._size]
        among = np.flatnonzero(self._values >= line)  # with all that tie with the last one
        self._ranked = among[np.lexsort((self._rows[among], -self._values[among]))]


@dataclass(slots=True)
class _Queue:
    """The lists of one target, which take turns, and how far each was read."""

    lists: list[tuple[int, RankedRows]]
    places: list[int]
    turn: int = 0


def whole_shares(shares: Sequence[float]) -> list[int]:
    """Shares as whole numbers in the same proportion; raises InvalidOptions for one that is not above 0."""
    bad = [share for share in shares if not (share > 0 and np.isfinite(share))]
    if bad:
        raise InvalidOptions(f"The share of a target is {bad[0]:g}: give a number above 0.")
    exact = [Fraction(share).limit_denominator(FINEST_SHARE) for share in shares]
    scale = lcm(*(one.denominator for one in exact))
    whole = [int(one * scale) for one in exact]
    if not all(whole):
        raise InvalidOptions(f"The shares {', '.join(f'{one:g}' for one in shares)} are too far apart.")
    return whole


def target_lists(
    similarity: Float32s, target_of: Int64s, rows: Int64s, *, n_targets: int, pooling: Pooling, expected: int
) -> list[list[tuple[int, RankedRows]]]:
    """The lists of every target: one per example (its number first), or one of all its examples (−1) by their max or mean.

    ``similarity`` (n, E) float32, NaN where there is none; ``rows`` are those that may be listed. Lists without a row are left out.
    """
    lists: list[list[tuple[int, RankedRows]]] = []
    for target in range(n_targets):
        mine = np.flatnonzero(target_of == target)
        columns: Iterator[tuple[int, Float32s]]
        if pooling == "example":
            columns = ((int(one), np.asarray(similarity[rows, one])) for one in mine)
        else:
            columns = iter([(-1, pooled(similarity[np.ix_(rows, mine)], pooling))] if mine.size else [])
        made = ((number, RankedRows(values, rows, expected)) for number, values in columns)
        lists.append([(number, ranked) for number, ranked in made if len(ranked)])
    return lists


def pooled(similarity: Float32s, pooling: Pooling) -> Float32s:
    """The max or the mean over examples (n, E) of those that have a similarity; NaN for a row that has none."""
    told = ~np.isnan(similarity)
    if pooling == "max":
        best = np.where(told, similarity, -np.inf).max(axis=1)
        largest: Float32s = np.where(told.any(axis=1), best, np.nan).astype(np.float32)
        return largest
    count = told.sum(axis=1)
    total = np.where(told, similarity, 0).sum(axis=1, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    result: Float32s = mean.astype(np.float32)
    return result


def target_round_robin(
    similarity: Float32s,
    target_of: Int64s,
    *,
    shares: Sequence[float],
    budget: int,
    pooling: Pooling = "example",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
) -> RoundRobin:
    """Pick rows by turns of targets with these ``shares`` (T,), of similarities (n, E) to examples of ``target_of`` (E,).

    Rows: every target gains its share of credit, the largest credit takes a row and pays for it, so that after m picks
    each of equal targets is within one row of m/T. Tokens: the turn goes to the target with the least taken for its share.
    A row that is longer than what is left is passed over; what is left at the end is shorter than every row left. Rows
    without any similarity are never taken. Raises InvalidOptions for a budget below 1 or below the pinned rows, for
    shares that are not above 0, and for masks, counts or pins that do not fit.
    """
    n = len(similarity)
    check_budget(budget, "rows" if token_counts is None else "tokens")
    pool = pool_of(n, pinned=pinned, excluded=excluded)
    cost = np.ones(n, dtype=np.int64) if token_counts is None else checked_counts(token_counts, n)
    left = budget - int(cost[pool.start].sum())
    if left < 0:
        raise InvalidOptions(
            f"The pinned rows cost {budget - left} but the budget is {budget}: raise it or unpin some rows."
        )
    whole = whole_shares(shares)
    expected = FIRST_RANKED + 2 * (left if token_counts is None else n // 10) // max(1, len(target_of))
    lists = target_lists(
        similarity, target_of, pool.candidates, n_targets=len(shares), pooling=pooling, expected=expected
    )
    turns = _Turns(lists, whole, cost, pool, by_tokens=token_counts is not None)
    taken = list(turns.until(left))
    return _result(taken, lists, pool, budget=budget, token_counts=token_counts)


@dataclass(frozen=True, slots=True)
class Pick:
    """A row that a target took, from the list of ``example``."""

    row: int
    target: int
    example: int
    similarity: float


class _Turns:
    """Whose turn it is, and what it takes."""

    def __init__(
        self,
        lists: list[list[tuple[int, RankedRows]]],
        shares: list[int],
        cost: Int64s,
        pool: Pool,
        *,
        by_tokens: bool,
    ) -> None:
        self._queues = [_Queue(own, [0] * len(own)) for own in lists]
        self._active = [target for target, own in enumerate(lists) if own]
        self._shares, self._by_tokens = shares, by_tokens
        whole = lcm(*shares)
        self._per_token = [whole // share for share in shares]
        self._credit, self._spent = [0] * len(lists), [0] * len(lists)
        self._cost = cost
        self._used: Bools = ~pool.available
        self._used[pool.start] = True

    def until(self, left: int) -> Iterator[Pick]:
        """Picks, while something is left and a row fits."""
        while left > 0 and self._active:
            target = self._whose_turn()
            pick = self._best(target, left)
            if pick is None:
                self._active.remove(target)  # its credit is the others'
                continue
            price = int(self._cost[pick.row])
            left -= price
            self._used[pick.row] = True
            self._pay(target, price)
            yield pick

    def _whose_turn(self) -> int:
        if self._by_tokens:
            return min(self._active, key=lambda one: (self._spent[one] * self._per_token[one], one))
        return max(self._active, key=lambda one: (self._credit[one] + self._shares[one], -one))

    def _pay(self, target: int, price: int) -> None:
        self._spent[target] += price
        for one in self._active:
            self._credit[one] += self._shares[one]
        self._credit[target] -= sum(self._shares[one] for one in self._active)

    def _best(self, target: int, left: int) -> Pick | None:
        """The best unused row that fits, of the list whose turn it is within the target; else of the next that has one."""
        queue = self._queues[target]
        for _ in range(len(queue.lists)):
            number = queue.turn
            queue.turn = (number + 1) % len(queue.lists)
            example, ranked = queue.lists[number]
            while (found := ranked.at(queue.places[number])) is not None:
                queue.places[number] += 1
                # What does not fit now never will: less is left each time.
                if not self._used[found[0]] and self._cost[found[0]] <= left:
                    return Pick(found[0], target, example, found[1])
        return None


def _result(
    taken: list[Pick],
    lists: list[list[tuple[int, RankedRows]]],
    pool: Pool,
    *,
    budget: int,
    token_counts: ArrayLike | None,
) -> RoundRobin:
    rows = np.concatenate([pool.start, np.array([pick.row for pick in taken], dtype=np.int64)])
    nobody = [-1] * pool.start.size
    return RoundRobin(
        picked=as_picked(rows, pool, budget=budget, token_counts=token_counts),
        target=np.array(nobody + [pick.target for pick in taken], dtype=np.int64),
        example=np.array(nobody + [pick.example for pick in taken], dtype=np.int64),
        similarity=np.array([np.nan] * pool.start.size + [pick.similarity for pick in taken]),
        empty=tuple(target for target, own in enumerate(lists) if not own),
    )
