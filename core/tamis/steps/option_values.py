"""The options of a step as people name them: its own, and those of the plug-ins that it names, all beside each other.

A step keeps a plug-in's options in a mapping of their own (``method_options``); on the command line and in Python they
stand beside the step's own options (``--n-clusters 64``, ``n_clusters=64``). This is the one place that says how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from tamis.errors import InvalidOptions
from tamis.registry import Plugin
from tamis.steps import STEPS
from tamis.steps.spec import Choice, StepOptions, choice_prefix
from tamis.types import JSON


@dataclass(frozen=True, slots=True)
class NamedOption:
    """One option: the ``name`` it is given by, and where it belongs, ``key`` of the mapping ``within`` (empty: the step)."""

    name: str
    key: str
    within: str
    field: FieldInfo

    @property
    def default(self) -> Any:  # noqa: ANN401 - whatever the field holds
        """Its default; ``...`` when it must be given."""
        return ... if self.field.is_required() else self.field.get_default(call_default_factory=True)

    @property
    def meaning(self) -> str:
        """What it is, in a sentence."""
        return self.field.description or ""


def own_options(step: str) -> list[NamedOption]:
    """The options of the step itself, without the mappings that hold those of its plug-ins."""
    options_type: type[StepOptions] = STEPS[step].options
    nested = {choice.options_field for choice in options_type.CHOICES}
    return [
        NamedOption(name, name, "", field)
        for name, field in options_type.model_fields.items()
        if name not in nested
    ]


def plugin_options(step: str, choice: Choice, plugin: str) -> list[NamedOption]:
    """The options of a plug-in that the step's field ``choice.field`` may name.

    Where a second field of the step names a plug-in of the same table, the names of its options begin with that field
    (``judge_model``).
    """
    row: Plugin = choice.table[plugin]
    prefix = choice_prefix(STEPS[step].options.CHOICES, choice)
    return [
        NamedOption(prefix + key, key, choice.options_field, field)
        for key, field in row.options.model_fields.items()
    ]


def plugin_groups(step: str) -> Iterator[tuple[Choice, Plugin, list[NamedOption]]]:
    """Every plug-in that the step's fields may name and that has options, with these, in the order of the tables."""
    for choice in STEPS[step].options.CHOICES:
        for name, plugin in choice.table.items():
            if options := plugin_options(step, choice, name):
                yield choice, plugin, options


def named_options(step: str, values: Mapping[str, JSON]) -> dict[str, NamedOption]:
    """Every option of a step by its name, those of the plug-ins that ``values`` name (else the defaults) among them.

    Of two by one name the step's own counts, else that of the plug-in named first. Raises UnknownName for a plug-in.
    """
    options = {option.name: option for option in own_options(step)}
    for choice in STEPS[step].options.CHOICES:
        plugin = values.get(choice.field, options[choice.field].default)
        for option in plugin_options(step, choice, plugin):
            options.setdefault(option.name, option)
    return options


def nest_options(step: str, values: Mapping[str, JSON]) -> dict[str, JSON]:
    """Options by name as the step's type takes them; a mapping such as ``method_options`` may be given whole as well.

    Raises InvalidOptions for a name that is none, with those that are, and for an option given in both ways; UnknownName
    for a step or a plug-in.
    """
    known = named_options(step, values)
    whole = [choice.options_field for choice in STEPS[step].options.CHOICES]
    nested: dict[str, JSON] = {name: dict(values.get(name) or {}) for name in whole}
    for name, value in values.items():
        if name in whole:
            continue
        option = known.get(name)
        if option is None:
            raise InvalidOptions(f"{step} has no option {name!r}. Known: {', '.join(known)}.")
        target = nested[option.within] if option.within else nested
        if option.key in target:
            raise InvalidOptions(f"{name} is given twice: by itself and in {option.within}. Leave one out.")
        target[option.key] = value
    return nested
