"""Whether a change is told from chance: intervals of paired differences, and verdicts where many are given at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.compare.histograms import mean_per_group
from tamis.types import Float64s, Int64s

Verdict = Literal["higher", "lower", "unclear"]
CONFIDENCE = 0.95
# With five pairs even all of one sign happen by chance in 2 of 32 cases: more than 5 %.
LEAST_PAIRS = 6
NO_SKEWNESS = 1e-6  # below, the correction differs from none by less than rounding


@dataclass(frozen=True, slots=True)
class PairedChange:
    """The mean of ``n`` paired differences, the interval from ``low`` to ``high``, and the p-value of no change (two-sided).

    Interval and p-value are NaN where they are not known; ``low`` is above 0 or ``high`` below exactly where p is below
    one minus the confidence. ``paired`` is False where only the errors of both means were known.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    paired: bool = True

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def mean_in_groups(groups: Int64s, values: ArrayLike) -> Float64s:
    """Mean of the values (n,) that are numbers in each group of ``groups`` (n,), (k,), NaN for a group without one."""
    numbers, place = np.unique(groups, return_inverse=True)
    return mean_per_group(place, values, len(numbers))


def paired_change(
    differences: ArrayLike, groups: Int64s | None = None, *, confidence_fraction: float = CONFIDENCE
) -> PairedChange:
    """After less before, one number per row, as a mean with its interval; NaN values are left out.

    Rows of one of ``groups`` (n,), as of one prompt, are no evidence of their own: each group is averaged and counts once,
    in the mean and in ``n``.

    Student's t of the mean with Hall's (1992) correction for skewed differences; where every difference is −1, 0 or 1
    (right or wrong answers) the adjusted Wald interval of Bonett and Price (2012), which adds one pair of either kind, so
    that a few equal rows are not certainty. NaN below two pairs.
    """
    from scipy.special import stdtr, stdtrit  # not before: every command imports what counts votes

    given = np.asarray(differences, dtype=np.float64)
    if groups is not None:
        given = mean_in_groups(groups, given)
    known = given[np.isfinite(given)]
    n = len(known)
    if n < 2:
        return PairedChange(n, float(known.mean()) if n else np.nan, np.nan, np.nan, np.nan)
    if np.isin(known, (-1.0, 0.0, 1.0)).all():
        return _change_of_answers(known, confidence_fraction)
    mean, spread = float(known.mean()), float(known.std(ddof=1))
    if not spread > 0:
        return PairedChange(n, mean, mean, mean, float(mean == 0))
    skewness = float(((known - mean) ** 3).mean() / ((known - mean) ** 2).mean() ** 1.5)
    reach = float(stdtrit(n - 1, 0.5 + confidence_fraction / 2)) / np.sqrt(n)
    high, low = (mean - spread * _with_skewness(end, skewness, n) for end in (-reach, reach))
    p = 2 * float(stdtr(n - 1, -abs(_without_skewness(mean / spread, skewness, n)) * np.sqrt(n)))
    return PairedChange(n, mean, low, high, p)


def unpaired_change(
    change: float, errors: Sequence[float], n: int, *, confidence_fraction: float = CONFIDENCE
) -> PairedChange:
    """A change of which only the standard errors of both means are known; wider than a paired one would mostly be.

    Without two errors its interval is not known.
    """
    error = float(np.linalg.norm(errors)) if len(errors) == 2 else np.nan
    if not error > 0:
        return PairedChange(n, change, np.nan, np.nan, np.nan, paired=False)
    normal = NormalDist()
    reach = normal.inv_cdf(0.5 + confidence_fraction / 2) * error
    p = 2 * normal.cdf(-abs(change) / error)
    return PairedChange(n, change, change - reach, change + reach, p, paired=False)


def change_verdicts(
    changes: Sequence[PairedChange], *, confidence_fraction: float = CONFIDENCE
) -> list[Verdict]:
    """Which of several changes are told from none: of those called so, 5 % are expected to be called wrongly.

    Benjamini and Hochberg (1995) over the changes with a p-value and at least ``LEAST_PAIRS`` pairs; one alone is beyond
    its interval. Others are unclear.
    """
    tested = [i for i, one in enumerate(changes) if one.n >= LEAST_PAIRS and np.isfinite(one.p)]
    found: list[Verdict] = ["unclear"] * len(changes)
    told = discoveries(np.array([changes[i].p for i in tested]), confidence_fraction=confidence_fraction)
    for i, is_told in zip(tested, told, strict=True):
        if is_told:
            found[i] = "higher" if changes[i].mean > 0 else "lower"
    return found


def discoveries(p: Float64s, *, confidence_fraction: float = CONFIDENCE) -> list[bool]:
    """Which of these p-values (k,) stand out when all are looked at together (Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return (false_discovery_control(p) < 1 - confidence_fraction).tolist() if len(p) else []


def sign_test(n_won: int, n_lost: int) -> float:
    """Chance of so uneven a division of wins and losses, or a more uneven one, when both are as likely; ties say nothing."""
    from scipy.stats import binomtest

    return float(binomtest(n_won, n_won + n_lost).pvalue) if n_won + n_lost else 1.0


def _without_skewness(w: float, skewness: float, n: int) -> float:
    """A mean less the truth, in deviations, turned monotonically into what is distributed about as with no skewness.

    A few pairs with a long tail on one side mostly miss it, and so seem sure of a change to the other.
    """
    return w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n)


def _with_skewness(t: float, skewness: float, n: int) -> float:
    """The inverse of ``_without_skewness``."""
    bare = t - skewness / (6 * n)
    if abs(skewness) < NO_SKEWNESS:
        return bare
    return 3 / skewness * (float(np.cbrt(1 + skewness * bare)) - 1)


def _change_of_answers(known: Float64s, confidence_fraction: float) -> PairedChange:
    n = len(known)
    up, down = ((np.count_nonzero(known == sign) + 1) / (n + 2) for sign in (1, -1))
    middle, error = up - down, float(np.sqrt((up + down - (up - down) ** 2) / (n + 2)))
    normal = NormalDist()
    reach = normal.inv_cdf(0.5 + confidence_fraction / 2) * error
    p = 2 * normal.cdf(-abs(middle) / error)
    return PairedChange(n, float(known.mean()), max(-1.0, middle - reach), min(1.0, middle + reach), p)
