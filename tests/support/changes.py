"""Paired differences with a p-value by design."""

from __future__ import annotations

import numpy as np
from scipy.stats import t

from tamis.types import Float64s


def told_alone(n_questions: int, p: float = 0.03, n: int = 10) -> Float64s:
    """Differences of ``n`` rows of each question, one question after another: the first fell with this p-value, the others
    not at all.
    """
    pattern = np.linspace(-1, 1, n)  # without skewness, so that the test is Student's
    fall = float(t.isf(p / 2, n - 1)) * pattern.std(ddof=1) / np.sqrt(n)
    return np.concatenate([pattern - fall, np.tile(pattern, n_questions - 1)])
