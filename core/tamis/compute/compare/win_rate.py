"""How often one of two answers was preferred, with an interval that holds for few votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from tamis.compute.compare.paired import LEAST_PAIRS, discoveries, sign_test
from tamis.types import Int64s

Winner = Literal["tuned", "base", "tie"]
WORTH = {"tuned": 1.0, "tie": 0.5, "base": 0.0}


@dataclass(frozen=True, slots=True)
class WinRate:
    """Votes of one cluster: ``rate`` counts a tie as half a win; ``low`` and ``high`` bound it (all NaN without votes)."""

    cluster_id: int
    n_votes: int
    n_won: int
    n_tied: int
    rate: float
    low: float
    high: float


def wilson_interval(won: float, n: int, confidence_fraction: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of ``n`` trials, inside [0, 1]; NaN for no trial.

    ``won`` may be a half number: ties count half, which makes the interval a little too wide.
    """
    if n == 0:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf(0.5 + confidence_fraction / 2)
    share = won / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def win_rate(winners: Sequence[str], cluster_id: int, confidence_fraction: float = 0.95) -> WinRate:
    """The rate of one group of votes, each one of tuned, base, tie; raises KeyError for another word."""
    worth = sum(WORTH[winner] for winner in winners)
    low, high = wilson_interval(worth, len(winners), confidence_fraction)
    return WinRate(
        cluster_id=cluster_id,
        n_votes=len(winners),
        n_won=sum(winner == "tuned" for winner in winners),
        n_tied=sum(winner == "tie" for winner in winners),
        rate=worth / len(winners) if winners else float("nan"),
        low=low,
        high=high,
    )


def win_rates(
    winners: Sequence[str], cluster_ids: Int64s, confidence_fraction: float = 0.95
) -> list[WinRate]:
    """One rate per cluster that has a vote, by cluster id; vote i is about a row of ``cluster_ids[i]``."""
    rates = []
    for cluster in np.unique(cluster_ids).tolist():
        own = [winners[int(i)] for i in np.flatnonzero(cluster_ids == cluster)]
        rates.append(win_rate(own, int(cluster), confidence_fraction))
    return rates


def win_verdicts(rates: Sequence[WinRate], confidence_fraction: float = 0.95) -> list[str]:
    """``wins``, ``loses`` or ``open`` for each of several rates that are looked at together.

    The interval leaves one half out, and Benjamini and Hochberg's rule over the sign tests of all rates with at least
    ``LEAST_PAIRS`` votes does too: of those called so, 5 % are expected to be chance.
    """
    tested = [i for i, one in enumerate(rates) if one.n_votes >= LEAST_PAIRS]
    p = [sign_test(rates[i].n_won, rates[i].n_votes - rates[i].n_won - rates[i].n_tied) for i in tested]
    found = ["open"] * len(rates)
    for i, is_told in zip(
        tested, discoveries(np.array(p), confidence_fraction=confidence_fraction), strict=True
    ):
        if is_told and not rates[i].low <= 0.5 <= rates[i].high:
            found[i] = "wins" if rates[i].rate > 0.5 else "loses"
    return found
