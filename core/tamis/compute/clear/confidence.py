"""The default confidence in a row: what a small model's likelihoods, an encoder and plain rules say together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.types import Float64s, Int64s

# Set by hand, in round numbers, on 200 rows of LIMA and the 175 seed tasks with SmolLM2-135M and MiniLM. Only the order
# of rows matters for finding bad ones: another model moves all rows alike. They hold as long as half of what is
# measured below a midpoint is bad.
GAIN_MIDPOINT, GAIN_WEIGHT = (
    0.3,
    1.0,
)  # in units of √tokens: swapped responses lie near −1.9, sound ones near 2.4 to 3.9
ALIGNMENT_MIDPOINT, ALIGNMENT_WEIGHT = 0.25, 12.0  # swapped near 0.03, sound near 0.5 to 0.6
FLUENCY_MIDPOINT, FLUENCY_WIDTH = -5.9, 0.5  # scrambled letters near −7, sound text near −3
USUAL_FLUENCY, USUAL_TOKENS = (
    -3.0,
    4.0,
)  # a prior of four usual tokens: one surprising word alone is no garble
END_MIDPOINT, END_WIDTH = -14.0, 2.0  # cut text near −21, sound text near −2 to −4
# How far each defect may lower the whole: the rules that err most count least.
DEFECT_WEIGHTS = {
    "empty": 1.0,
    "cut": 0.6,
    "garbled": 0.8,
    "repeated": 0.3,
    "refusal": 0.3,
    "language_mismatch": 0.9,
}


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Sums of log p over ``n_tokens`` (n,) of a response's beginning, after its prompt and alone, and log p of the end."""

    given_prompt: Float64s
    alone: Float64s
    n_tokens: Int64s
    end: Float64s


def combine(
    read: Likelihoods, alignment: Float64s, defects: dict[str, Float64s]
) -> tuple[Float64s, dict[str, Float64s]]:
    """Confidence (n,), 0 to 1, and its factors ``fits``, ``fluent``, ``ends`` and ``sound``, each 0 to 1.

    ``fits`` is a logistic of two things: how much the prompt helps to predict the response, in units of √tokens, so
    that short and long ones compare; and the cosine of both. What is unknown (NaN) is left out: a factor of which
    nothing is known is 1. NaN only where neither likelihoods nor alignment are known and no defect is certain.
    """
    n = np.maximum(read.n_tokens, 1)
    gain = (read.given_prompt - read.alone) / np.sqrt(n)
    helped = GAIN_WEIGHT * (gain - GAIN_MIDPOINT)
    near = ALIGNMENT_WEIGHT * (np.asarray(alignment, dtype=np.float64) - ALIGNMENT_MIDPOINT)
    fluency = (read.given_prompt + USUAL_FLUENCY * USUAL_TOKENS) / (n + USUAL_TOKENS)
    factors = {
        "fits": _logistic(np.nan_to_num(helped) + np.nan_to_num(near)),
        "fluent": _known(_logistic((fluency - FLUENCY_MIDPOINT) / FLUENCY_WIDTH)),
        "ends": _known(_logistic((read.end - END_MIDPOINT) / END_WIDTH)),
        "sound": np.prod([1 - weight * defects[name] for name, weight in DEFECT_WEIGHTS.items()], axis=0),
    }
    result = np.prod(list(factors.values()), axis=0)
    unknown = np.isnan(helped) & np.isnan(near) & (factors["sound"] > 0.5)
    return np.where(unknown, np.nan, result), factors


def _known(factor: Float64s) -> Float64s:
    return np.where(np.isnan(factor), 1.0, factor)


def _logistic(values: Float64s) -> Float64s:
    result: Float64s = 1 / (1 + np.exp(-np.clip(values, -60, 60)))
    return result
