"""The flags of a step, as the command line reads them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tamis.cli.flags import step_parameters, typed_options
from tamis.types import JSON


def parse_step_flags(step: str, arguments: Sequence[str]) -> dict[str, JSON]:
    """Options of a step from ``--name value`` pairs, as its type takes them."""
    command = click.Command(step, params=step_parameters(step))
    return typed_options(command.make_context(step, list(arguments)), step)
