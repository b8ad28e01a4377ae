"""Filters that look at a row and its parents alone (METHODS.md 3.9)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tamis.compute.augment.shapes import (
    common_shape,
    control_in,
    fence_in,
    label_of,
    length_band,
    opening_phrase,
    text_shape,
)
from tamis.compute.augment.types import ParentRow, Reason, SyntheticRow, parents_of
from tamis.compute.clear.defects import find_defects
from tamis.filters.options import (
    AgreementOptions,
    ConfidenceFilterOptions,
    DefectFilterOptions,
    GroundedOptions,
    LengthFilterOptions,
    NoOptions,
)
from tamis.filters.pool import FilterPool
from tamis.protocols import CutText
from tamis.reprs import as_percent

Check = Callable[[SyntheticRow, FilterPool], Reason | None]


@dataclass(frozen=True, slots=True)
class EachRow:
    """A filter that judges each row by itself."""

    check: Check

    def look(self, rows: Sequence[SyntheticRow], pool: FilterPool) -> list[Reason | None]:
        """What speaks against each row."""
        return [self.check(row, pool) for row in rows]


def empty_filter(options: NoOptions) -> EachRow:
    """Blank prompts and answers."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        blank = "prompt" if not row.prompt.strip() else "answer" if not row.response.strip() else ""
        return Reason("empty", f"The {blank} is blank.", 0, 1) if blank else None

    return EachRow(check)


def cut_filter(options: NoOptions) -> EachRow:
    """Texts that ended at the limit of tokens."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        is_cut = bool(row.meta.get("cut")) or isinstance(row.messages[-1]["content"], CutText)
        return Reason("cut", "The answer ended at the limit of tokens.", 0, 1) if is_cut else None

    return EachRow(check)


def format_filter(options: NoOptions) -> EachRow:
    """Texts of another shape than all parents have."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        parents = parents_of(row, pool.parents)
        for side, text, texts in (
            ("prompt", row.prompt, [one.prompt for one in parents]),
            ("answer", row.response, [one.response for one in parents]),
        ):
            wanted = common_shape(texts) if texts else None
            if wanted and text_shape(text) != wanted:
                said = f"The {side} is no {_SHAPES[wanted]}, as {'its parent has' if len(texts) == 1 else 'its parents have'} it."
                return Reason("format", said, 0, 1)
        return None

    return EachRow(check)


_SHAPES = {
    "json": "JSON",
    "final_number": "text that ends in #### and a number",
    "options": "text with options from A on",
}


def scaffold_filter(options: NoOptions) -> EachRow:
    """Fences, field names and opening phrases; what a parent has too is no scaffold."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        parents = parents_of(row, pool.parents) or list(pool.parents.values())[:50]
        for side, text in (("prompt", row.prompt), ("answer", row.response)):
            found = _scaffold_in(text, pool.scaffold, [_side(one, side) for one in parents])
            if found:
                return Reason("scaffold", f"The {side} holds {found!r}, which belongs to the question.", 0, 1)
        return None

    return EachRow(check)


def _scaffold_in(text: str, words: Sequence[str], of_parents: Sequence[str]) -> str:
    """The first mark of a question in a text."""
    fence, opening = fence_in(text), opening_phrase(text)
    if fence and not (fence == "```" and any("```" in one for one in of_parents)):
        return fence
    named = next((word for word in words if word.casefold() in text.casefold()), "")
    if named:
        return named
    return "" if not opening or any(opening_phrase(one) for one in of_parents) else opening


def label_filter(options: NoOptions) -> EachRow:
    """Answers that are none of the labels."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        if not pool.labels or label_of(row.response, pool.labels) is not None:
            return None
        return Reason("label", f"The answer {row.response[:60]!r} is none of the labels.", 0, 1)

    return EachRow(check)


def length_filter(options: LengthFilterOptions) -> EachRow:
    """Lengths outside the band of all parents of the run."""
    bands: dict[tuple[int, str], tuple[float, float] | None] = {}

    def band_of(side: str, pool: FilterPool) -> tuple[float, float] | None:
        key = (id(pool), side)
        if key not in bands:
            texts = [_side(one, side) for one in pool.parents.values()]
            band = length_band([len(text) for text in texts if text])
            bands[key] = None if band is None else (band.low, band.high)
        return bands[key]

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        sides = [("prompt", row.prompt)] if options.prompts else []
        if options.responses and not pool.labels:
            sides.append(("answer", row.response))
        for side, text in sides:
            band = band_of(side, pool)
            if band is not None and not band[0] <= len(text) <= band[1]:
                limit = band[0] if len(text) < band[0] else band[1]
                usual = f"{band[0]:,.0f} to {band[1]:,.0f}"
                said = f"The {side} has {len(text):,} characters; parents have {usual}."
                return Reason("length", said, len(text), limit)
        return None

    return EachRow(check)


def agreement_filter(options: AgreementOptions) -> EachRow:
    """Rows whose answers were asked for several times, and do not agree."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        value = row.meta.get("agreement")
        if not isinstance(value, int | float) or value >= options.least:
            return None
        said = f"The most frequent answer is {as_percent(value)} of those asked for."
        return Reason("agreement", said, float(value), options.least)

    return EachRow(check)


@dataclass(frozen=True, slots=True)
class DefectsFilter:
    """Rows with a defect, as the score ``defects`` counts it. What the parents have too is the way of these rows, and a label
    is a label: an answer of one word looks cut.
    """

    least: float
    of_parents: dict[int, dict[str, float]] = field(default_factory=dict)

    def look(self, rows: Sequence[SyntheticRow], pool: FilterPool) -> list[Reason | None]:
        """What speaks against each row."""
        return [self._check(row, pool) for row in rows]

    def _check(self, row: SyntheticRow, pool: FilterPool) -> Reason | None:
        parents = parents_of(row, pool.parents)
        for side, text in (("prompt", row.prompt), ("answer", row.response)):
            control = control_in(text)
            if control and not any(control_in(_side(one, side)) for one in parents):
                return Reason("defects", f"The {side} holds the control character {control}.", 0, self.least)
        if pool.labels and label_of(row.response, pool.labels) is not None:
            return None
        usual = [self._of(one) for one in parents]
        found = find_defects(row.prompt, row.response)
        new = {name: v for name, v in found.items() if v > min((one[name] for one in usual), default=0.0)}
        soundness = math.prod(1 - severity for severity in new.values())
        if soundness >= self.least:
            return None
        worst = max(new, key=lambda name: new[name])
        return Reason("defects", f"The answer is {_DEFECTS[worst]}.", soundness, self.least)

    def _of(self, parent: ParentRow) -> dict[str, float]:
        if parent.example_id not in self.of_parents:
            self.of_parents[parent.example_id] = find_defects(parent.prompt, parent.response)
        return self.of_parents[parent.example_id]


def defects_filter(options: DefectFilterOptions) -> DefectsFilter:
    """Rows with a defect that their parents do not have."""
    return DefectsFilter(options.least)


_DEFECTS = {
    "empty": "empty",
    "cut": "cut",
    "garbled": "garbled",
    "repeated": "repetitive",
    "refusal": "a refusal",
    "language_mismatch": "in another language",
}


def grounded_filter(options: GroundedOptions) -> EachRow:
    """Rows whose document does not support them, where that was measured."""
    return _measured("grounded", "groundedness", options.least)


def confidence_filter(options: ConfidenceFilterOptions) -> EachRow:
    """Rows below γ, where the confidence was measured."""
    return _measured("confidence", "confidence", options.gamma)


def _measured(name: str, score: str, least: float) -> EachRow:
    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        value = row.meta.get(score)
        if not isinstance(value, int | float) or not value < least:
            return None
        return Reason(name, f"The {score} is {value:.3g}, below {least:g}.", float(value), least)

    return EachRow(check)


def _side(parent: ParentRow, side: str) -> str:
    return parent.prompt if side == "prompt" else parent.response
