"""Command line flags from options types: the same fields that draw the forms."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import orjson
from pydantic.fields import FieldInfo

from tamis.errors import InvalidOptions
from tamis.registry import Options
from tamis.steps import STEPS
from tamis.steps.spec import StepOptions, choice_prefix
from tamis.types import JSON


def parse_step_flags(step_name: str, arguments: Sequence[str]) -> dict[str, JSON]:
    """Values for a step from ``--field value`` pairs.

    The options of a plug-in that a field names (``--encoder minilm``) are flags too (``--long-text chunk_mean``); those
    of a second field over the same table begin with its name (``--judge-model``). Raises InvalidOptions for a flag that is none of them, naming those that are.
    """
    options_type = STEPS[step_name].options
    parser = _parser(step_name)
    _add_fields(parser, options_type, skip={c.options_field for c in options_type.CHOICES})
    known, rest = parser.parse_known_args(list(arguments))
    values = _given(known, options_type)
    for choice in options_type.CHOICES:
        name = values.get(choice.field, options_type.model_fields[choice.field].default)
        plugin_options = choice.table[name].options
        nested = _parser(step_name)
        _add_fields(nested, plugin_options, prefix=choice_prefix(options_type.CHOICES, choice))
        found, rest = nested.parse_known_args(rest)
        values[choice.options_field] = _given(found, plugin_options)
    if rest:
        raise InvalidOptions(
            f"{step_name} has no option {rest[0]!r}. Known: {', '.join(flag_names(step_name))}."
        )
    return values


def flag_names(step_name: str) -> list[str]:
    """Every flag of a step with those of its default plug-ins, as written on the command line."""
    options_type: type[StepOptions] = STEPS[step_name].options
    nested = {c.options_field for c in options_type.CHOICES}
    names = [_flag(name) for name in options_type.model_fields if name not in nested]
    for choice in options_type.CHOICES:
        default = choice.table[options_type.model_fields[choice.field].default]
        names += [
            _flag(choice_prefix(options_type.CHOICES, choice) + name) for name in default.options.model_fields
        ]
    return names


def step_help(step_name: str) -> str:
    """One line per flag with its default and meaning, for every plug-in of the step."""
    options_type: type[StepOptions] = STEPS[step_name].options
    nested = {c.options_field for c in options_type.CHOICES}
    lines = [_help_line(n, f) for n, f in options_type.model_fields.items() if n not in nested]
    for choice in options_type.CHOICES:
        for name, plugin in choice.table.items():
            fields = plugin.options.model_fields
            if fields:
                lines.append(f"\n  with --{choice.field} {name}  ({plugin.summary})")
                prefix = choice_prefix(options_type.CHOICES, choice)
                lines += [_help_line(prefix + n, f) for n, f in fields.items()]
    return "\n".join(lines)


def _parser(step_name: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"tamis run {step_name}", add_help=False, allow_abbrev=False)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _help_line(name: str, field: FieldInfo) -> str:
    default = (
        "required" if field.is_required() else f"default {field.get_default(call_default_factory=True)!r}"
    )
    return f"  {_flag(name):28} {field.description or ''} ({default})"


def _add_fields(
    parser: argparse.ArgumentParser,
    options_type: type[Options],
    skip: set[str] | None = None,
    *,
    prefix: str = "",
) -> None:
    for name in options_type.model_fields:
        if name not in (skip or set()):
            parser.add_argument(_flag(prefix + name), dest=name, default=None, metavar="VALUE")


def _given(parsed: argparse.Namespace, options_type: type[Options]) -> dict[str, JSON]:
    fields = options_type.model_fields
    return {k: _value(k, v, fields[k].annotation) for k, v in vars(parsed).items() if v is not None}


def _value(name: str, text: str, annotation: Any) -> JSON:  # noqa: ANN401 - a type expression
    """Text as typed; lists and mappings as JSON. pydantic turns numbers and booleans."""
    candidates = {annotation, *get_args(annotation)}
    if any(get_origin(c) in (dict, list, tuple) or c in (dict, list, tuple) for c in candidates):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidOptions(f"{_flag(name)} wants JSON; {text!r} is not ({error}).") from error
    if type(None) in candidates and text.lower() in ("none", "null", ""):
        return None
    return text
