"""Whether an answer is right, and how often answers of a group are (METHODS.md 3.11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.compare.win_rate import wilson_interval
from tamis.types import Float64s

# A minus between digits takes one from another and is no sign.
NUMBER = re.compile(r"(?:(?<![\w)])[-−])?(?:\d[\d,]*(?:\.\d+)?|(?<!\d)\.\d+)")


@dataclass(frozen=True, slots=True)
class GroupMark:
    """Rows of a group that could be marked, how many of them are right, and Wilson's 95 % interval of that share."""

    group: str
    n: int
    right: float
    accuracy: float
    low: float
    high: float
    n_unmarked: int


def last_number(text: str) -> float | None:
    """The last number of a text, commas between digits left out; None for none."""
    found = NUMBER.findall(text)
    return float(found[-1].replace(",", "").replace("−", "-")) if found else None


def same_number(gold: str, answer: str) -> bool | None:
    """Whether both texts end in the same number; None where the wanted one has none, so nothing can be marked."""
    wanted, given = last_number(gold), last_number(answer)
    if wanted is None:
        return None
    return given is not None and abs(wanted - given) <= 1e-9 * max(1.0, abs(wanted))


def worst_quarter(losses: Float64s, fraction: float = 0.25) -> Float64s:
    """0 (wrong) for the given share of rows with the highest loss, 1 for others, NaN where there is none; shape (n,).

    Rows as bad as the last of them count as wrong too.
    """
    known = losses[np.isfinite(losses)]
    if not len(known):
        return np.full(len(losses), np.nan)
    n_wrong = max(1, round(fraction * len(known)))
    limit = np.sort(known)[len(known) - n_wrong]
    return np.where(np.isfinite(losses), (losses < limit).astype(np.float64), np.nan)


def marks_by_group(groups: Sequence[str], marks: Float64s) -> list[GroupMark]:
    """Groups in the order of their names, with marks 1 right, 0 wrong, NaN not marked."""
    names = np.asarray(groups, dtype=object)
    table = []
    for name in sorted(set(groups)):
        values = marks[names == name]
        known = values[np.isfinite(values)]
        right, n = float(known.sum()), len(known)
        low, high = wilson_interval(right, n)
        table.append(GroupMark(name, n, right, right / n if n else float("nan"), low, high, len(values) - n))
    return table


MIXES = ("all", "even", "proportional", "bad_case", "bad_case_linear")


def mix_weights(right: Float64s, n: Float64s, mix: str, *, shrunk: bool = True) -> Float64s:
    """Weights (k,) of groups by how often a model is right in them, of sum 1; groups without a wrong row get none.

    ``bad_case`` is √(1 − a) (2308.13566), ``bad_case_linear`` 1 − a, with a shrunk to (right + 1) / (n + 2) so that a group of one row
    says little; ``even`` is alike for all, ``proportional`` the number of wrong rows. Zeros where nothing is wrong.
    """
    wrong = n - right
    accuracy = (right + 1) / (n + 2) if shrunk else right / np.maximum(n, 1)
    weights = {
        "even": np.ones(len(n)),
        "proportional": wrong,
        "bad_case": np.sqrt(1 - accuracy),
        "bad_case_linear": 1 - accuracy,
    }[mix] * (wrong > 0)
    total = weights.sum()
    result: Float64s = weights / total if total else weights.astype(np.float64)
    return result
