"""Command line flags from options types: the same fields that draw the forms."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

import orjson

from tamis.errors import InvalidOptions
from tamis.steps import STEPS
from tamis.steps.option_values import (
    NamedOption,
    named_options,
    nest_options,
    own_options,
    plugin_groups,
)
from tamis.types import JSON


def parse_step_flags(step_name: str, arguments: Sequence[str]) -> dict[str, JSON]:
    """Values for a step from ``--field value`` pairs.

    The options of a plug-in that a field names (``--encoder minilm``) are flags too (``--long-text chunk_mean``); those
    of a second field over the same table begin with its name (``--judge-model``). Raises InvalidOptions for a flag that is none of them, naming those that are.
    """
    plugins = {choice.field for choice in STEPS[step_name].options.CHOICES}
    naming = [option for option in own_options(step_name) if option.name in plugins]
    chosen, _ = _parse(step_name, arguments, naming)
    options = named_options(step_name, chosen)
    values, rest = _parse(step_name, arguments, options.values())
    if rest:
        raise InvalidOptions(
            f"{step_name} has no option {rest[0]!r}. Known: {', '.join(flag_names(step_name))}."
        )
    return nest_options(step_name, {k: _value(k, v, options[k].field.annotation) for k, v in values.items()})


def flag_names(step_name: str) -> list[str]:
    """Every flag of a step with those of its default plug-ins, as written on the command line."""
    return [_flag(name) for name in named_options(step_name, {})]


def step_help(step_name: str) -> str:
    """One line per flag with its default and meaning, for every plug-in of the step."""
    lines = [_help_line(option) for option in own_options(step_name)]
    for choice, plugin, options in plugin_groups(step_name):
        lines.append(f"\n  with --{choice.field} {plugin.name}  ({plugin.summary})")
        lines += [_help_line(option) for option in options]
    return "\n".join(lines)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _help_line(option: NamedOption) -> str:
    default = "required" if option.default is ... else f"default {option.default!r}"
    return f"  {_flag(option.name):28} {option.meaning} ({default})"


def _parse(
    step_name: str, arguments: Sequence[str], options: Iterable[NamedOption]
) -> tuple[dict[str, str], list[str]]:
    """What is given of these options, as text, and the arguments that are none of them."""
    parser = argparse.ArgumentParser(prog=f"tamis run {step_name}", add_help=False, allow_abbrev=False)
    for option in options:
        parser.add_argument(_flag(option.name), dest=option.name, default=None, metavar="VALUE")
    known, rest = parser.parse_known_args(list(arguments))
    return {name: text for name, text in vars(known).items() if text is not None}, rest


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
