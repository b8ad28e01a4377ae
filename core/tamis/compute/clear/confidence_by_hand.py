"""The confidence of the first edition, so that scores of before can be made again and held against the fitted ones.

Its constants were set by hand, in round numbers, on 200 rows of LIMA and the 175 seed tasks with SmolLM2-135M and
MiniLM. Only the order of rows has a meaning: it is no probability.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.compute.clear.confidence import Likelihoods, known, logistic
from tamis.types import Float64s

GAIN_MIDPOINT, GAIN_WEIGHT = 0.3, 1.0  # swapped responses lie near −1.9, sound ones near 2.4 to 3.9
ALIGNMENT_MIDPOINT, ALIGNMENT_WEIGHT = 0.25, 12.0  # swapped near 0.03, sound near 0.5 to 0.6
FLUENCY_MIDPOINT, FLUENCY_WIDTH = -5.9, 0.5  # scrambled letters near −7, sound text near −3
END_MIDPOINT, END_WIDTH = -14.0, 2.0  # cut text near −21, sound text near −2 to −4
DEFECT_WEIGHTS = {
    "empty": 1.0,
    "cut": 0.6,
    "garbled": 0.8,
    "repeated": 0.3,
    "refusal": 0.3,
    "language_mismatch": 0.9,
}


def combine_by_hand(
    read: Likelihoods, alignment: Float64s, defects: Mapping[str, Float64s]
) -> tuple[Float64s, dict[str, Float64s]]:
    """Confidence (n,) and its factors ``fits``, ``fluent``, ``ends`` and ``sound``, each 0 to 1.

    What is unknown (NaN) is left out: ``fluent`` and ``ends`` are then 1, ``fits`` has the part that is known and is ½
    with neither. NaN only where neither likelihoods nor alignment are known and no defect is certain.
    """
    helped = GAIN_WEIGHT * (read.gain - GAIN_MIDPOINT)
    near = ALIGNMENT_WEIGHT * (alignment - ALIGNMENT_MIDPOINT)
    factors = {
        "fits": logistic(np.nan_to_num(helped) + np.nan_to_num(near)),
        "fluent": known(logistic((read.fluency - FLUENCY_MIDPOINT) / FLUENCY_WIDTH)),
        "ends": known(logistic((read.end - END_MIDPOINT) / END_WIDTH)),
        "sound": np.prod([1 - weight * defects[name] for name, weight in DEFECT_WEIGHTS.items()], axis=0),
    }
    result = np.prod(list(factors.values()), axis=0)
    unknown = np.isnan(helped) & np.isnan(near) & (factors["sound"] > 0.5)
    return np.where(unknown, np.nan, result), factors
