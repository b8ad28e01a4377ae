"""Whether a selection that was to go by quality did, and what to do where it did not."""

from __future__ import annotations

import math

from tamis.compute.select.quality_gain import LEAST_GAIN, quality_gain
from tamis.registry import Options
from tamis.selectors.options import QditOptions, SemdedupOptions
from tamis.selectors.problem import Answer, Problem

_WAYS_OUT = {
    "kmq": "Weigh by rank, or by softmax at a lower temperature",
    "semdedup": "Weigh by rank, or by softmax at a lower temperature",
    "kmq_released": "The released code cuts scores to whole numbers, which leaves nothing of smaller differences: use kMQ",
    "grape": "GRAPE chooses among answers to one prompt, of which few may have several",
    "qdit": "Raise the weight of quality, or choose a score without extreme values",
}
FEW_PICKS = 30  # a draw by ranks stays below the least gain in 1 of 50 cases with so many, in 1 of 10 with half of them
_ANOTHER = "Most rows have the same score: choose another"


def gain_of(problem: Problem, options: Options, picked: Answer) -> float | None:
    """``quality_gain`` of the picks, inside clusters where there are any; None where quality played no part by choice."""
    if problem.quality is None or _is_unused(options):
        return None
    available = ~(problem.excluded | problem.pinned)
    gain = quality_gain(problem.quality, picked.rows, available=available, group=problem.cluster_id)
    return None if math.isnan(gain) else gain


def _is_unused(options: Options) -> bool:
    if isinstance(options, QditOptions):
        return (options.quality_weight if options.alpha is None else options.alpha) == 0
    return isinstance(options, SemdedupOptions) and options.then == "random"


def gain_remark(method: str, gain: float | None, n_picked: int) -> str:
    """What to say of picks that quality hardly shows in, with the way out; nothing where it does, or where few rows were
    picked and chance may hide it.
    """
    if gain is None or gain >= LEAST_GAIN or (n_picked < FEW_PICKS and gain != 0):
        return ""
    what_to_do = _WAYS_OUT.get(method, _ANOTHER) if gain else _ANOTHER
    return (
        f"The picked rows score hardly higher than an even draw from the same groups would: {max(0, round(100 * gain))} % "
        f"of the way to the highest scores. {what_to_do}."
    )


def quality_aside(*, n_forced: int, n_unscored: int, n_rows: int) -> str:
    """What else a line should say of quality: picks that had no chance by it, and rows that have none at all."""
    said = f"; {n_forced:,} picked without a chance by quality, as nothing else was left" if n_forced else ""
    if n_unscored and n_unscored == n_rows:
        said += "; no row has a quality, so all count alike"
    return said


def gain_aside(method: str, gain: float | None, n_picked: int) -> str:
    """The remark as the end of a longer line."""
    remark = gain_remark(method, gain, n_picked)
    return f"; {remark[0].lower()}{remark[1:].rstrip('.')}" if remark else ""
