"""MARKS: when an answer counts as right (METHODS.md 3.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tamis.registry import Options, Plugin, Table


class ExactOptions(Options):
    """Nothing to choose."""


class LabelOptions(Options):
    """Which answers there are."""

    labels: tuple[str, ...] = Field((), description="The labels; empty: every response of the rows asked.")


class OverlapMarkOptions(Options):
    """How like the wanted answer one must be."""

    least: float = Field(0.5, gt=0, le=1, description="Least ROUGE-L F1 of a right answer.")


class LossOptions(Options):
    """How many rows count as wrong."""

    worst_fraction: float = Field(
        0.25, gt=0, le=1, description="Share of the rows, those with the highest loss, that count as wrong."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Plugin):
    """One row. An ``answer`` is held against the wanted one by ``target(gold, answer, options)``, 1 right, 0 wrong, None
    where the wanted one cannot be read; ``loss`` needs no answer, and a ``judge`` compares both in both orders.
    """

    by: Literal["answer", "loss", "judge"] = "answer"


MARKS: Table[Mark] = Table(
    "mark",
    Mark(
        name="exact",
        title="Same words",
        summary="The same words in the same order, case and signs aside.",
        options=ExactOptions,
        target="tamis.steps.examine.marking:mark_exact",
    ),
    Mark(
        name="label",
        title="Same label",
        summary="The same of the labels, case and a last stop aside; any other answer is wrong.",
        options=LabelOptions,
        target="tamis.steps.examine.marking:mark_label",
    ),
    Mark(
        name="number",
        title="Same last number",
        summary="The last number is the same, as in GSM8K.",
        options=ExactOptions,
        target="tamis.steps.examine.marking:mark_number",
    ),
    Mark(
        name="overlap",
        title="Overlap",
        summary="ROUGE-L F1 with the wanted answer of 0.5 or more.",
        options=OverlapMarkOptions,
        target="tamis.steps.examine.marking:mark_overlap",
    ),
    Mark(
        name="loss",
        title="Loss",
        summary="The loss of the wanted answer is not in the worst quarter; nothing is generated.",
        options=LossOptions,
        target="tamis.steps.examine.marking:no_answer_needed",
        by="loss",
    ),
    Mark(
        name="judge",
        title="Judge",
        summary="A judge finds the answer as good as the wanted one or better, in both orders.",
        options=ExactOptions,
        target="tamis.steps.examine.marking:no_answer_needed",
        by="judge",
    ),
)
