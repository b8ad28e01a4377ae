"""How each mark compares an answer with the wanted one (METHODS.md 3.11)."""

from __future__ import annotations

from tamis.compute.augment.marks import same_number
from tamis.compute.augment.shapes import label_of
from tamis.compute.text.text_overlap import exact_match, rouge_l
from tamis.registry import Options
from tamis.steps.examine.marks import ExactOptions, LabelOptions, OverlapMarkOptions


def mark_exact(gold: str, answer: str, options: ExactOptions) -> tuple[float | None, float]:
    """Right, and the value it follows from."""
    value = exact_match(gold, answer)
    return value, value


def mark_label(gold: str, answer: str, options: LabelOptions) -> tuple[float | None, float]:
    """Right where both are the same label; not marked where the wanted answer is none."""
    wanted, given = label_of(gold, options.labels), label_of(answer, options.labels)
    right = None if wanted is None else float(wanted == given)
    return right, float("nan") if right is None else right


def mark_number(gold: str, answer: str, options: ExactOptions) -> tuple[float | None, float]:
    """Right where the last numbers are equal; not marked where the wanted answer has none."""
    same = same_number(gold, answer)
    right = None if same is None else float(same)
    return right, float("nan") if right is None else right


def mark_overlap(gold: str, answer: str, options: OverlapMarkOptions) -> tuple[float | None, float]:
    """Right from a ROUGE-L on."""
    value = rouge_l(gold, answer)
    return float(value >= options.least), value


def no_answer_needed(gold: str, answer: str, options: Options) -> tuple[float | None, float]:
    """For marks that are not set by comparing texts."""
    raise NotImplementedError
