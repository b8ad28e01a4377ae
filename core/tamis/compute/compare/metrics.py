"""How well a score tells two kinds of rows apart."""

from __future__ import annotations

import numpy as np

from tamis.compute.ranks import average_ranks
from tamis.types import Bools, Float32s, Float64s


def auroc(score: Float32s | Float64s, is_good: Bools) -> float:
    """Chance that a good row scores above a bad one, ties counting half; 0.5 is chance.

    ``score`` and ``is_good`` have the shape (n,). Rows without a score (NaN) stand below all others, because a row that
    could not be scored is not trusted. NaN when all rows are good or all are bad, or none has a score.
    """
    score = np.asarray(score, dtype=np.float64)
    good = np.asarray(is_good, dtype=np.bool_)
    n_good, n_bad = int(good.sum()), int((~good).sum())
    if not n_good or not n_bad or np.isnan(score).all():
        return float("nan")
    ranks = average_ranks(np.where(np.isnan(score), -np.inf, score))
    return float((ranks[good].sum() - n_good * (n_good + 1) / 2) / (n_good * n_bad))


def kept_half(score: Float32s | Float64s, is_good: Bools) -> tuple[float, float]:
    """Precision and recall of the rows strictly above the median score, good rows being what is sought.

    Rows without a score are not kept (METHODS.md 2.2). NaN where nothing is kept or nothing is good.
    """
    score = np.asarray(score, dtype=np.float64)
    known = ~np.isnan(score)
    if not known.any():
        return float("nan"), float("nan")
    kept = known & (score > np.median(score[known]))
    hits = int((kept & is_good).sum())
    precision = hits / int(kept.sum()) if kept.any() else float("nan")
    recall = hits / int(np.sum(is_good)) if np.any(is_good) else float("nan")
    return precision, recall
