"""The base of every step's options, and a row of the step table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from pydantic import model_validator

from tamis.registry import Options, Plugin, Table, parse_options
from tamis.types import JSON

AS_IMPORTED = "none"  # instead of decisions: rows say what they said when they were imported


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that names a plug-in, the field that holds this plug-in's own options, and the table it is in."""

    field: str
    options_field: str
    table: Table[Any]


def choice_prefix(choices: Sequence[Choice], choice: Choice) -> str:
    """What the names of a plug-in's options begin with where they stand beside the step's own: empty, or the field for
    a later one over the same table (``judge_``), so that two models of one step can be told apart.
    """
    first = next(other for other in choices if other.table is choice.table)
    return "" if first == choice else f"{choice.field}_"


@dataclass(frozen=True, slots=True)
class Need:
    """An input of a step: a role, the kind of artifact that fills it, and which one of that kind.

    ``chosen`` is an artifact id a person picked, or "" for the newest; ``where`` narrows by the options that made
    it (``{"scorer": "alignment"}``). ``read_by`` is the role of an input named before, which was made from the artifact that is
    wanted: that one, and no newer, where nobody chose.
    """

    role: str
    kind: str
    chosen: str = ""
    where: Mapping[str, JSON] | None = None
    optional: bool = False
    read_by: str = ""


class StepOptions(Options):
    """Options that also say which artifacts the step reads.

    ``POINTERS`` are the fields that choose inputs, each with the kind of artifact it names; the chosen ids are recorded
    as inputs, so they are left out of the options that name the artifact. ``UNASKED`` are fields that no form shows and an
    action fills in; at their defaults they name nothing. Fields named in ``CHOICES`` are validated
    against their table, and the defaults of the chosen plug-in are written out, so that a manifest is complete even after
    a default changes.
    """

    POINTERS: ClassVar[Mapping[str, str]] = {}
    UNASKED: ClassVar[tuple[str, ...]] = ()
    CHOICES: ClassVar[tuple[Choice, ...]] = ()
    LATER_CHOICES: ClassVar[tuple[Choice, ...]] = ()  # whose options are checked when the plug-in is used

    @model_validator(mode="before")
    @classmethod
    def _complete_choices(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        if not isinstance(values, dict):
            return values
        completed = dict(values)
        for choice in cls.CHOICES:
            name = completed.get(choice.field, cls.model_fields[choice.field].default)
            given = completed.get(choice.options_field) or {}
            completed[choice.options_field] = parse_options(choice.table[name].options, given).model_dump(
                mode="json"
            )
        return completed

    def needs(self) -> tuple[Need, ...]:
        """The inputs in the order in which messages should name them."""
        return (Need("examples", "examples"),)

    def identity(self) -> dict[str, JSON]:
        """The options that determine the result, as JSON values."""
        fields = type(self).model_fields
        unset = {
            name
            for name in self.UNASKED
            if getattr(self, name) == fields[name].get_default(call_default_factory=True)
        }
        return self.model_dump(mode="json", exclude=set(self.POINTERS) | unset)

    def meaning(self) -> dict[str, JSON]:
        """What else names the result and is no option: versions of what some of them mean, beside the step's own."""
        return {}

    def build(self, field: str) -> Callable[..., Any]:
        """The implementation that ``field`` names, imported now."""
        choice = next(c for c in self.CHOICES if c.field == field)
        row: Plugin = choice.table[getattr(self, field)]
        return row.load()

    def chosen_options(self, field: str) -> Options:
        """The options of the plug-in that ``field`` names, in their own type."""
        choice = next(c for c in self.CHOICES if c.field == field)
        row: Plugin = choice.table[getattr(self, field)]
        return parse_options(row.options, getattr(self, choice.options_field))


def as_recorded(kind: type[StepOptions], options: Mapping[str, JSON]) -> dict[str, JSON]:
    """Options of a job or a manifest, with what those of before meant by the fields that they do not have yet.

    Recorded options are complete, so a field that is missing was not there when they were written.
    """
    then = dict(kind.FORMER_DEFAULTS) | dict(options)
    for choice in kind.CHOICES:
        name = str(options.get(choice.field))
        former = choice.table[name].options.FORMER_DEFAULTS if name in choice.table else {}
        given = options.get(choice.options_field) or {}
        if former and isinstance(given, Mapping):  # anything else is refused where it is parsed
            then[choice.options_field] = dict(former) | dict(given)
    return then


class StepForecast(Protocol):
    """What a step says of a run before it starts, besides whatever else its own type holds."""

    @property
    def n_rows(self) -> int:
        """Rows that it reads, trains on or picks from."""
        ...

    @property
    def n_tokens(self) -> int | None:
        """Tokens that it reads in one pass; None where it counts none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Plugin):
    """One row of the step table. ``target`` names ``run(context, options) -> dict`` whose dict is the summary.

    ``forecast`` names ``forecast(inputs, options, store) -> StepForecast``, for a step that can say more of a run than
    that earlier ones were measured; ``inputs`` are its artifacts by role. ``told`` names values of the summary that an
    answer to a program holds by themselves, too.

    ``place`` names ``place(workspace, dataset_id, exact, asked) -> (dataset id, options)``, for a step that is asked for on
    one dataset and makes another: which one, and options that say where it comes from.
    """

    options: type[StepOptions]
    makes: str
    format_version: int = 1
    stages: tuple[str, ...] = ()
    forecast: str = ""
    told: tuple[str, ...] = ()
    place: str = ""

    def load_place(self) -> Callable[..., tuple[str, dict[str, JSON]]]:
        """The function that ``place`` names, imported now."""
        loaded: Callable[..., tuple[str, dict[str, JSON]]] = replace(self, target=self.place).load()
        return loaded

    def load_forecast(self) -> Callable[..., StepForecast]:
        """The function that ``forecast`` names, imported now."""
        loaded: Callable[..., StepForecast] = replace(self, target=self.forecast).load()
        return loaded
