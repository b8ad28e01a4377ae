"""How likely cluster means as unlike as these are by chance alone: one test that rows vary alike in all clusters, one that does not.

Of the two p-values the larger one counts (METHODS.md 1.9).
"""

from __future__ import annotations

import numpy as np

from tamis.types import Float64s

LEAST_DEGREES = 3.0  # a cluster, after one round: with fewer a wide cluster cannot be told from a moved one
LEAST_SPREADS = 3  # clusters with a spread of their own, from which it is asked how far spreads differ
# Of the degrees of freedom that the spread of all clusters adds to that of one. One cluster of nearly equal rows makes
# spreads look so unlike that this would come out near none, and nothing would ever be told.
LEAST_SHARED = 2.0
SAME = 1e-12  # of the common variance: rows that vary by less differ by rounding alone
TINY = 1e-300


def over_rounds(centred: Float64s, error: Float64s) -> tuple[Float64s, Float64s]:
    """Weighted mean over rounds (k,) and its variance, infinite where no round has a row of the cluster."""
    weight = 1 / error
    total = weight.sum(axis=0)
    seen = total > 0
    mean = np.divide((weight * centred).sum(axis=0), total, out=np.zeros(total.shape), where=seen)
    own = np.divide(1.0, total, out=np.full(total.shape, np.inf), where=seen)
    return mean, own


def chance_of_no_difference(
    centred: Float64s, error: Float64s, inconsistency: float, squares: Float64s, degrees: Float64s
) -> float:
    """P-value of a test that no difference between clusters lasts; 1 where nothing can be told.

    ``centred`` and ``error`` (rounds, k) are means and their variances by the common spread, ``inconsistency`` the variance
    of what is a round's own, ``squares`` and ``degrees`` (k,) of rows around their means over all rounds. After one round
    what is its own cannot be told from what lasts: there chance counts double.
    """
    seen = np.isfinite(error).any(axis=0)
    repeats = float(np.maximum(np.isfinite(error).sum(axis=0) - 1, 0).sum())
    if seen.sum() < 2 or (not repeats and degrees.sum() < LEAST_DEGREES * seen.sum()):
        return 1.0
    table = centred[:, seen], error[:, seen], inconsistency if repeats else 0.0
    chance = max(
        _common_spread(*table, float(degrees.sum()), repeats),
        _own_spreads(*table, squares[seen], degrees[seen], repeats),
    )
    return min(1.0, chance if repeats else 2 * chance)


def _common_spread(
    centred: Float64s, error: Float64s, inconsistency: float, degrees: float, repeats: float
) -> float:
    """An analysis of variance, exact after one round of normal gaps that vary alike.

    Later the inconsistency is part of the error, with degrees of freedom by Satterthwaite (1946).
    """
    from scipy.special import fdtrc

    mean, own = over_rounds(centred, error + inconsistency)
    weight = 1 / own
    centre = np.average(mean, weights=weight)
    ratio = float((weight * (mean - centre) ** 2).sum()) / (weight.size - 1)
    of_rows = (over_rounds(centred, error)[1] / own).mean()
    return float(fdtrc(weight.size - 1, _joint(of_rows, degrees, repeats), ratio))


def _own_spreads(
    centred: Float64s,
    error: Float64s,
    inconsistency: float,
    squares: Float64s,
    degrees: Float64s,
    repeats: float,
) -> float:
    """The same with a spread for each cluster, drawn to the common one as far as theirs do not differ (Smyth 2004).

    Each mean is a t of its own degrees of freedom, turned into a normal deviate; 0 where spreads do not differ.
    """
    from scipy.special import chdtrc, ndtri, stdtr

    prior = _shared_spread(squares, degrees)
    if prior is None:
        return 0.0
    variance, shared = prior
    own_variance = (shared * variance + squares) / (shared + degrees)
    error = error * (own_variance / (squares.sum() / degrees.sum()))
    mean, own = over_rounds(centred, error + inconsistency)
    weight = 1 / own
    left = 1 - weight / weight.sum()  # of the variance of a mean less the common centre
    away = (mean - np.average(mean, weights=weight)) / np.sqrt(own * left)
    of_rows = over_rounds(centred, error)[1] / own
    tail = stdtr(_joint(of_rows, shared + degrees, repeats), -np.abs(away))
    return float(chdtrc(weight.size - 1, (left * ndtri(np.maximum(tail, TINY)) ** 2).sum()))


def _joint(of_rows: Float64s, degrees: Float64s | float, repeats: float) -> Float64s:
    """Degrees of freedom of a variance of which ``of_rows`` is from rows and the rest from rounds that disagree."""
    rest = (1 - of_rows) ** 2 / repeats if repeats else 0.0
    return np.asarray(1 / (of_rows**2 / degrees + rest), dtype=np.float64)


def _shared_spread(squares: Float64s, degrees: Float64s) -> tuple[float, float] | None:
    """The common variance and the degrees of freedom that it is worth, by moments of the logarithms of the clusters'.

    None where these differ by no more than chance makes them, or are too few.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    known = squares > SAME * degrees * (squares.sum() / degrees.sum())
    if known.sum() < LEAST_SPREADS:
        return None
    half = degrees[known] / 2
    logs = np.log(squares[known] / degrees[known]) - digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - polygamma(1, half).mean())
    least = float(polygamma(1, 1e6))  # of so many degrees that they are all
    if excess <= least:
        return None
    shared = max(LEAST_SHARED, 2 * float(brentq(lambda x: polygamma(1, x) - excess, 1e-6, 1e6)))
    return float(np.exp(logs.mean() + digamma(shared / 2) - np.log(shared / 2))), shared
