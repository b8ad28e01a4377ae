"""Command line flags from options types: the same fields that draw the forms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import click
import orjson
from pydantic.fields import FieldInfo

from tamis.errors import InvalidOptions
from tamis.steps import STEPS
from tamis.steps.option_values import NamedOption, named_options, nest_options, own_options, plugin_groups
from tamis.types import JSON

_GIVEN = "tamis.given"  # in click's context: the options of the step as they were typed, by name
_METAVARS = {bool: "true|false", int: "INTEGER", float: "FLOAT"}


def flag_of(name: str) -> str:
    """How an option is written on the command line."""
    return "--" + name.replace("_", "-")


def step_parameters(step: str) -> list[click.Parameter]:
    """A parameter for every option of a step and of the plug-ins that it can name; two of these may share one.

    What is given must be checked against the plug-ins that are chosen: ``typed_options``.
    """
    tables = _tables(step)
    options = [*own_options(step), *(option for _, _, group in plugin_groups(step) for option in group)]
    return [
        StepOption(
            [flag_of(option.name), option.name], help=option.meaning, expose_value=False, callback=_note,
            shell_complete=_completion(_values(option, tables)),
        )
        for option in {option.name: option for option in reversed(options)}.values()
    ]  # fmt: skip


def known_flags(step: str) -> list[str]:
    """Every flag of a step with those of its default plug-ins."""
    return [flag_of(name) for name in named_options(step, {})]


def typed_options(context: click.Context, step: str) -> dict[str, JSON]:
    """The options of a step as its type takes them, from what was typed.

    Raises UnknownName for a plug-in, InvalidOptions for an option of another plug-in than the one that is chosen.
    """
    given: dict[str, str] = context.meta.get(_GIVEN, {})
    known = named_options(step, given)
    return nest_options(
        step,
        {
            name: typed_value(flag_of(name), text, known[name].field.annotation) if name in known else text
            for name, text in given.items()
        },
    )


def step_help(step: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Headings with a line for each flag: the step's own, then what each plug-in is, then the flags of every plug-in."""
    tables = _tables(step)
    yield f"Options of {step}", [_described(option, tables) for option in own_options(step)]
    for choice in STEPS[step].options.CHOICES:
        yield (
            f"What {flag_of(choice.field)} may name",
            [
                (row.name, f"{row.summary} {getattr(row, 'suits', '')}".strip())
                for row in choice.table.values()
            ],
        )
    for choice, plugin, options in plugin_groups(step):
        yield (
            f"With {flag_of(choice.field)} {plugin.name}",
            [_described(option, {}) for option in options],
        )


def described_flag(name: str, field: FieldInfo) -> tuple[str, str]:
    """What follows the flag of a field, and its meaning with what it may be and its default."""
    flag, meaning = _described(NamedOption(name, name, "", field), {})
    return flag.rpartition(" ")[2], meaning


def typed_value(flag: str, text: str, annotation: Any) -> JSON:  # noqa: ANN401 - a type expression
    """Text as typed; lists and mappings as JSON, a list of texts also with commas between them, raising InvalidOptions.
    pydantic turns numbers and booleans.
    """
    if _is_json(annotation):
        if _is_texts(annotation) and text[:1] not in '["{':
            return [one.strip() for one in text.split(",") if one.strip()]
        return parse_json_flag(flag, text)
    return None if type(None) in _kinds(annotation) and text.lower() in ("none", "null", "") else text


def parse_json_flag(flag: str, text: str) -> JSON:
    """The JSON of a flag; raises InvalidOptions."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidOptions(f"{flag} wants JSON; {text!r} is not ({error}).") from error


def json_object(flag: str, text: str) -> dict[str, JSON]:
    """An object of options; raises InvalidOptions for anything else."""
    values = parse_json_flag(flag, text)
    if not isinstance(values, dict):
        raise InvalidOptions(f"{flag} wants an object of options, not {text!r}.")
    return values


class StepOption(click.Option):
    """Its step lists it, under the plug-in that it belongs to."""

    def get_help_record(self, ctx: click.Context) -> None:
        """Nothing here."""


def _note(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value


def _tables(step: str) -> dict[str, Collection[str]]:
    return {choice.field: choice.table for choice in STEPS[step].options.CHOICES}


def _values(option: NamedOption, tables: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """What an option may be, where that is a list of names."""
    if not option.within and option.name in tables:
        return tuple(tables[option.name])
    literals = (kind for kind in _kinds(option.field.annotation) if get_origin(kind) is Literal)
    return tuple(str(value) for kind in literals for value in get_args(kind))


def _completion(values: tuple[str, ...]) -> Callable[..., list[str]]:
    return lambda context, parameter, incomplete: [one for one in values if one.startswith(incomplete)]


def _described(option: NamedOption, tables: Mapping[str, Collection[str]]) -> tuple[str, str]:
    """How an option is written, and its meaning with what it may be and its default."""
    number = next((one for one in _kinds(option.field.annotation) if one in _METAVARS), str)
    kind_name = "JSON" if _is_json(option.field.annotation) else _METAVARS.get(number, "TEXT")
    values = _values(option, tables)
    parts = [option.meaning]
    parts += [f"One of: {', '.join(values)}."] if values else []
    parts.append("[required]" if option.default is ... else f"[default: {_shown(option.default)}]")
    return f"{flag_of(option.name)} {'NAME' if values else kind_name}", " ".join(parts)


def _shown(default: JSON) -> str:
    if default is None or default == "":
        return "none" if default is None else '""'
    return orjson.dumps(default).decode() if isinstance(default, list | tuple | dict) else str(default)


def _kinds(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type expression
    """The type, and for a union its members."""
    return (annotation, *get_args(annotation))


def _is_texts(annotation: Any) -> bool:  # noqa: ANN401 - a type expression
    """Whether it is a list of texts, which may stand side by side with commas between them."""
    return any(
        get_origin(kind) in (list, tuple) and set(get_args(kind)) <= {str, ...} for kind in _kinds(annotation)
    )


def _is_json(annotation: Any) -> bool:  # noqa: ANN401 - a type expression
    return any((get_origin(kind) or kind) in (dict, list, tuple) for kind in _kinds(annotation))
