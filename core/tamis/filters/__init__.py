"""FILTERS: what speaks against a row that a model wrote; a filter gives reasons and deletes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tamis.errors import UnknownName
from tamis.filters.options import (
    AgreementOptions,
    ConfidenceFilterOptions,
    DefectFilterOptions,
    GroundedOptions,
    LengthFilterOptions,
    NoOptions,
    OverlapOptions,
    RepeatsOptions,
)
from tamis.registry import Plugin, Table, parse_options
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.compute.augment.types import Reason, SyntheticRow
    from tamis.filters.pool import FilterPool

Switches: TypeAlias = Mapping[str, bool | Mapping[str, JSON]]  # by name: off, on, or on with these options


class Filter(Protocol):
    """Looks at rows in job order."""

    def look(self, rows: Sequence[SyntheticRow], pool: FilterPool) -> list[Reason | None]:
        """What speaks against each row, shape (n,); None where nothing does. The pool stays as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPlugin(Plugin):
    """One row. A ``row`` filter judges each row by itself, ``order`` looks at the rows before it too, and ``end`` at all
    rows once. ``bad`` is the side of the limit on which a value is a reason: below it, above it, from it on, or any side.
    ``measured`` names the score of the rows that it reads, which exists only once they are a dataset.
    """

    on: bool = True
    kind: Literal["row", "order", "end"] = "row"
    bad: Literal["below", "above", "from", "outside"] = "below"
    measured: str = ""

    def violates(self, reason: Reason) -> bool:
        """Whether the value of a reason is on the wrong side of its limit."""
        value, limit = reason.value, reason.limit
        sides = {
            "below": value < limit,
            "above": value > limit,
            "from": value >= limit,
            "outside": value != limit,
        }
        return sides[self.bad]


FILTERS: Table[FilterPlugin] = Table(
    "filter",
    FilterPlugin(
        name="empty",
        title="Empty",
        summary="A blank prompt or answer.",
        options=NoOptions,
        target="tamis.filters.texts:empty_filter",
    ),
    FilterPlugin(
        name="cut",
        title="Cut",
        summary="A text that ended at the limit of tokens.",
        options=NoOptions,
        target="tamis.filters.texts:cut_filter",
    ),
    FilterPlugin(
        name="format",
        title="Format",
        summary="Another shape than the parents': JSON stays JSON, a final #### number and options A to D stay.",
        options=NoOptions,
        target="tamis.filters.texts:format_filter",
    ),
    FilterPlugin(
        name="scaffold",
        title="Scaffold",
        summary="A fence or field name of our own question, or an assistant's opening phrase, as SELF-GUIDE's noise filter.",
        options=NoOptions,
        target="tamis.filters.texts:scaffold_filter",
    ),
    FilterPlugin(
        name="label",
        title="Label",
        summary="An answer that is none of the labels, where labels are given.",
        options=NoOptions,
        target="tamis.filters.texts:label_filter",
    ),
    FilterPlugin(
        name="length",
        title="Length",
        summary="Characters outside the mean ± 2σ of the parents, both ends included; not for answers that are labels.",
        options=LengthFilterOptions,
        target="tamis.filters.texts:length_filter",
        bad="outside",
    ),
    FilterPlugin(
        name="agreement",
        title="Agreement",
        summary="The most frequent of several answers is less than a share of all that were asked for.",
        options=AgreementOptions,
        target="tamis.filters.texts:agreement_filter",
    ),
    FilterPlugin(
        name="defects",
        title="Defects",
        summary="Empty, cut, garbled, repeated, refused or in another language, as the score of that name finds it.",
        options=DefectFilterOptions,
        target="tamis.filters.texts:defects_filter",
    ),
    FilterPlugin(
        name="contamination",
        title="Contamination",
        summary="A run of 13 words of an evaluation file or of a held-out row, or the prompt of one.",
        options=OverlapOptions,
        target="tamis.filters.sets:contamination_filter",
        bad="above",
    ),
    FilterPlugin(
        name="grounded",
        title="Grounded",
        summary="Groundedness in the row's document below a limit, once the batch is scored.",
        options=GroundedOptions,
        target="tamis.filters.texts:grounded_filter",
        on=False,
        measured="groundedness",
    ),
    FilterPlugin(
        name="confidence",
        title="Confidence",
        summary="Confidence below a γ that you set, once the batch is scored.",
        options=ConfidenceFilterOptions,
        target="tamis.filters.texts:confidence_filter",
        on=False,
        measured="confidence",
    ),
    FilterPlugin(
        name="repeats",
        title="Repeats",
        summary="A prompt with equal words, nearly equal ones, or ROUGE-L above 0.95 among the dataset, earlier batches or this one.",
        options=RepeatsOptions,
        target="tamis.filters.sets:repeats_filter",
        kind="order",
        bad="from",
    ),
    FilterPlugin(
        name="balance",
        title="Balance",
        summary="Beyond the least frequent label's count, drawn by the seed.",
        options=NoOptions,
        target="tamis.filters.sets:balance_filter",
        on=False,
        kind="end",
        bad="above",
    ),
)
_KINDS = ("row", "order", "end")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter that is on."""

    name: str
    kind: str
    filter: Filter


def choose_filters(switches: Switches, also_on: Sequence[str] = (), off: Sequence[str] = ()) -> list[Chosen]:
    """The filters that are on, cheap ones first, those that look at the set last.

    ``also_on`` and ``off`` are a generator's own; ``switches`` turn single ones off or on, or set their options; raises UnknownName and InvalidOptions.
    """
    for name in switches:
        if name not in FILTERS:
            raise UnknownName(FILTERS.kind, name, FILTERS)
    chosen = []
    for name, row in FILTERS.items():
        switch = switches.get(name, (row.on or name in also_on) and name not in off)
        if switch is False:
            continue
        given = {} if switch is True else switch
        build: Callable[..., Filter] = row.load()
        chosen.append(Chosen(name, row.kind, build(parse_options(row.options, given))))
    return sorted(chosen, key=lambda one: _KINDS.index(one.kind))
