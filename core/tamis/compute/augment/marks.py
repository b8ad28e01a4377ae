"""Whether an answer is right, and how often answers of a group are (METHODS.md 3.11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.compare.win_rate import effective_rows, wilson_interval
from tamis.types import Float64s, Int64s

# A minus between digits takes one from another and is no sign.
NUMBER = re.compile(r"(?:(?<![\w)])[-−])?(?:\d[\d,]*(?:\.\d+)?|(?<!\d)\.\d+)")


@dataclass(frozen=True, slots=True)
class GroupMark:
    """Rows of a group that could be marked, how many of them are right, and Wilson's 95 % interval of that share.

    ``n_counted`` is the number of rows that the interval is made with: fewer where several have one prompt.
    """

    group: str
    n: int
    right: float
    accuracy: float
    low: float
    high: float
    n_unmarked: int
    n_counted: float = 0.0


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


def marks_by_group(groups: Sequence[str], marks: Float64s, together: Int64s | None = None) -> list[GroupMark]:
    """Groups in the order of their names, with marks 1 right, 0 wrong, NaN not marked.

    Rows with the same number in ``together`` (n,), as of one prompt, which a model answers alike, are no evidence of their own:
    the interval has as many rows as Kish's (1965) n for wholly alike ones, (Σ m)² / Σ m² of m rows each.
    """
    names = np.asarray(groups, dtype=object)
    table = []
    for name in sorted(set(groups)):
        inside = names == name
        known = np.isfinite(marks) & inside
        right, n = float(marks[known].sum()), int(known.sum())
        counted = float(n) if together is None or not n else effective_rows(together[known])
        low, high = wilson_interval(right / n * counted if n else 0.0, counted)
        share = right / n if n else float("nan")
        table.append(GroupMark(name, n, right, share, low, high, int(inside.sum()) - n, counted))
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
