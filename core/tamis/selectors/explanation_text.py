"""An explanation in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable

from tamis.selectors.explanation import Explanation, NamedRow, Quota

Name = Callable[[int], str]
_LINE = {
    "quality": "quality",
    "distance to the centre": "distance to the centre",
    "distance to the nearest picked row": "distance to the nearest row picked before it",
    "gain": "gain in coverage",
    "gain and quality": "gain in coverage and quality, weighed",
}


def say_explanation(said: Explanation, name_of_group: Name) -> tuple[str, ...]:
    """The answer first, then the quota, the place, the line, the chance and what would change it."""
    parts = [
        _answer(said),
        _quota(said, name_of_group),
        _place(said),
        _neighbours(said),
        _near(said),
        _chance(said),
        _change(said),
        *said.notes,
    ]
    return tuple(part for part in parts if part)


def number(value: float) -> str:
    """A number as people read it: whole where it is, else four figures."""
    if math.isnan(value):
        return "none"
    return f"{int(value):,}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _answer(said: Explanation) -> str:
    row, step = f"Row {said.row:,}", f", number {said.step:,} of those picked" if said.step else ""
    return {
        "pinned": f"{row} is in: it is pinned{step}.",
        "excluded": f"{row} is not in: it is not among the rows that this selection may pick from.",
        "outside every cluster": f"{row} is not in: it lies outside every cluster, and such rows take no part here.",
        "without a score": f"{row} is not in: it has no score, and such rows are never picked here.",
        "drawn": f"{row} is in: it was drawn{step}.",
        "not drawn": f"{row} is not in: it was not drawn.",
        "above the line": f"{row} is in: it stands above the line{step}.",
        "below the line": f"{row} is not in: it stands below the line.",
        "taken at a step": f"{row} is in: it was taken at step {said.step or 0:,}.",
        "not reached": f"{row} is not in: the budget was spent before its turn.",
        "too near": f"{row} is not in: it is too near to another row.",
        "is the target": f"{row} is not in: it is an example of the target, or holds one, and such rows are kept out.",
        "repeats a row": f"{row} is not in: it says the same as another row, of which one may be picked.",
        "a likelier answer": f"{row} is not in: another answer to the same prompt is likelier, and one of each is kept.",
        "put in by hand": f"{row} is in: it was put in by hand.",
        "taken out by hand": f"{row} is not in: it was taken out by hand.",
    }[said.reason]


def _quota(said: Explanation, name_of_group: Name) -> str:
    quota = said.quota
    if quota is None:
        return ""
    what = f"{number(quota.quota)} {said.unit} of the budget of {number(quota.budget)}"
    if quota.share == 1:
        return f"All rows are one group, which gets {what}."
    return f"{name_of_group(quota.group)} gets {what}: {_how(quota, said.unit)}."


def _how(quota: Quota, unit: str) -> str:
    exact = f"its share of {_percent(quota.share)} is {number(quota.budget * quota.share)}"
    return {
        "pins": f"{exact}, but what is pinned in it takes more",
        "all": "all that it has",
        "weight": f"{exact}, made whole by the largest remainder",
        "others": f"{exact}, and what other groups cannot take, or must, changes it to that",
    }[quota.how] + (f"; {number(quota.pinned)} {unit} of it are pinned" if quota.pinned else "")


def _place(said: Explanation) -> str:
    there = "" if said.quota is None or said.quota.share == 1 else " there"
    parts = []
    if said.rank is not None and said.n_ranked is not None:
        order = "the draw" if said.measure == "draw" else _LINE.get(said.measure, said.measure)
        parts.append(f"place {said.rank:,} of {said.n_ranked:,} in the order of {order}")
    if said.quality is not None:
        rank = "" if said.quality_rank is None else f", the {_ordinal(said.quality_rank)} highest{there}"
        parts.append(f"quality {number(said.quality)}{rank}")
    if said.value is not None and said.measure not in ("quality", "draw"):
        parts.append(f"{_LINE.get(said.measure, said.measure)} {number(said.value)}")
    return _sentence("; ".join(parts))


def _neighbours(said: Explanation) -> str:
    what = "quality" if said.measure == "draw" else _LINE.get(said.measure, said.measure)
    sides = [
        f"the last one in is row {_named(said.above, what)}" if said.above else "",
        f"the first one out is row {_named(said.below, what)}" if said.below else "",
    ]
    return _sentence(", ".join(filter(None, sides)))


def _named(one: NamedRow, what: str) -> str:
    return f"{one.row:,}" if math.isnan(one.value) else f"{one.row:,} ({what} {number(one.value)})"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _near(said: Explanation) -> str:
    if said.near is None:
        return ""
    if said.reason == "a likelier answer":
        return f"That answer is row {said.near.row:,}: {said.near_measure} {number(said.near.value)}."
    if said.reason == "repeats a row":
        return f"It says the same as row {said.near.row:,}."
    what = (
        "It is too near to" if said.reason == "too near" else "The most like it of the rows picked before is"
    )
    return f"{what} row {said.near.row:,}: {said.near_measure} {number(said.near.value)}."


def _chance(said: Explanation) -> str:
    if said.chance is None:
        return ""
    if said.n_draws:
        hits = round(said.chance * said.n_draws)
        return f"With other seeds it was drawn in {hits:,} of {said.n_draws:,} tries."
    if said.reason in ("pinned", "too near", "a likelier answer"):
        return ""
    return f"Over all seeds it is drawn with a chance of {_percent(said.chance)}."


def _change(said: Explanation) -> str:
    ways = []
    if said.budget_change is not None:
        more = "more" if said.budget_change > 0 else "less"
        amount = number(abs(said.budget_change))
        unit = said.unit.removesuffix("s") if amount == "1" and said.unit in ("rows", "tokens") else said.unit
        ways.append(f"{amount} {unit} {more} of budget")
    if said.quality_line is not None:
        line, side = number(said.quality_line), "less" if said.picked else "more"
        ways.append(
            f"a quality of {line} or {side}" if said.turns_on_line else f"a quality of {side} than {line}"
        )
    if ways:
        return _sentence(f"{' or '.join(ways)} would {'leave it out' if said.picked else 'take it in'}")
    return "No larger budget takes it in." if said.reason == "too near" and not said.notes else ""


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"
