"""How often one of two answers was preferred, with an interval that holds for few votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from tamis.compute.compare.paired import LEAST_PAIRS, discoveries, mean_in_groups, sign_test
from tamis.types import Int64s

Winner = Literal["tuned", "base", "tie"]
WORTH = {"tuned": 1.0, "tie": 0.5, "base": 0.0}


@dataclass(frozen=True, slots=True)
class WinRate:
    """Votes of one cluster: ``rate`` counts a tie as half a win; ``low`` and ``high`` bound it (all NaN without votes).

    ``n_votes`` are votes; ``n_won`` and ``n_tied`` of ``n_groups``, which are what counts: votes about rows that belong
    together are averaged, and such a group is won where that is above one half.
    """

    cluster_id: int
    n_votes: int
    n_groups: int
    n_won: int
    n_tied: int
    rate: float
    low: float
    high: float


def effective_rows(groups: Int64s) -> float:
    """How many independent rows as many say as these (n,) do, where rows of one group are all alike: Kish's (1965) n."""
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


def wilson_interval(won: float, n: float, confidence_fraction: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of ``n`` trials, inside [0, 1]; NaN for no trial.

    ``won`` may be a half number: ties count half, which makes the interval a little too wide. ``n`` may be one of rows in effect.
    """
    if n == 0:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf(0.5 + confidence_fraction / 2)
    share = won / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def win_rate(
    winners: Sequence[str],
    cluster_id: int,
    confidence_fraction: float = 0.95,
    *,
    groups: Int64s | None = None,
) -> WinRate:
    """The rate of one set of votes, each one of tuned, base, tie; raises KeyError for another word.

    Votes about rows of one of ``groups`` (n,), as of one prompt, which a model answers alike, are no evidence of their own:
    each group is averaged and counts once.
    """
    worth = np.array([WORTH[winner] for winner in winners])
    if groups is not None:
        worth = mean_in_groups(groups, worth)
    n = len(worth)
    low, high = wilson_interval(float(worth.sum()), n, confidence_fraction)
    return WinRate(
        cluster_id=cluster_id,
        n_votes=len(winners),
        n_groups=n,
        n_won=int((worth > 0.5).sum()),
        n_tied=int((worth == 0.5).sum()),
        rate=float(worth.mean()) if n else float("nan"),
        low=low,
        high=high,
    )


def win_rates(
    winners: Sequence[str],
    cluster_ids: Int64s,
    confidence_fraction: float = 0.95,
    *,
    groups: Int64s | None = None,
) -> list[WinRate]:
    """One rate per cluster that has a vote, by cluster id; vote i is about a row of ``cluster_ids[i]`` and ``groups[i]``."""
    rates = []
    for cluster in np.unique(cluster_ids).tolist():
        inside = np.flatnonzero(cluster_ids == cluster)
        own = [winners[int(i)] for i in inside]
        together = None if groups is None else groups[inside]
        rates.append(win_rate(own, int(cluster), confidence_fraction, groups=together))
    return rates


def win_verdicts(rates: Sequence[WinRate], confidence_fraction: float = 0.95) -> list[str]:
    """``wins``, ``loses`` or ``open`` for each of several rates that are looked at together.

    The interval leaves one half out, and Benjamini and Hochberg's rule over the sign tests of all rates with at least
    ``LEAST_PAIRS`` groups of like rows (votes, where rows are unlike) does too: of those called so, 5 % are expected to be
    chance.
    """
    tested = [i for i, one in enumerate(rates) if one.n_groups >= LEAST_PAIRS]
    p = [sign_test(rates[i].n_won, rates[i].n_groups - rates[i].n_won - rates[i].n_tied) for i in tested]
    found = ["open"] * len(rates)
    for i, is_told in zip(
        tested, discoveries(np.array(p), confidence_fraction=confidence_fraction), strict=True
    ):
        if is_told and not rates[i].low <= 0.5 <= rates[i].high:
            found[i] = "wins" if rates[i].rate > 0.5 else "loses"
    return found
