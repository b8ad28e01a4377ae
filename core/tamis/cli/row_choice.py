"""Which rows a command is about: by number, selection, tag or scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tamis.cli.session import Session
from tamis.errors import InvalidOptions, no_such_row

if TYPE_CHECKING:
    from tamis.types import Int64s

_WHERE = "tamis.where"  # in click's context: the conditions as they were typed
F = TypeVar("F", bound=Callable[..., Any])


def _note_where(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    context.meta[_WHERE] = value


where_option = click.option(
    "--where",
    multiple=True,
    expose_value=False,
    callback=_note_where,
    metavar="KIND[:COLUMN]=VALUE",
    help="Rows that meet a condition: any_of:topics=math,code, range:column:reward=0.5.., contains:response=salt; repeat it.",
)


def row_options(command: F) -> F:
    """``--rows``, ``--selection``, ``--with-tag``, ``--scope`` and ``--where``; together they narrow each other."""
    for option in (
        where_option,
        click.option("--scope", default="", help="Rows in this scope, as copied from the map's address."),
        click.option("--with-tag", default="", metavar="TAG", help="Rows that have this tag."),
        click.option(
            "--selection", default="", metavar="ID", help="Rows of a selection, by its id, active, or newest."
        ),
        click.option("--rows", default="", metavar="NUMBERS", help="Rows by number: 0,5,10-20."),
    ):
        command = option(command)
    return command


def narrowed_scope(scope: str) -> str:
    """A filter, narrowed by every ``--where`` of the command that runs; raises InvalidOptions."""
    from tamis.store.rows.where_text import narrow_scope

    return narrow_scope(scope, click.get_current_context().meta.get(_WHERE, ()))


def named_rows(session: Session, dataset_id: str, **where: str) -> Int64s:
    """``chosen_rows``, raising InvalidOptions when nothing was named: all rows must not be meant by accident."""
    if not any(where.values()) and not click.get_current_context().meta.get(_WHERE):
        raise InvalidOptions(
            "Say which rows: --rows 0,5,10-20, --selection ID, --with-tag TAG, --scope SCOPE or --where CONDITION."
        )
    return chosen_rows(session, dataset_id, **where)


def chosen_rows(
    session: Session, dataset_id: str, *, rows: str, selection: str, with_tag: str, scope: str
) -> Int64s:
    """Sorted ids of the rows that are in everything that was named; raises InvalidOptions for a number that is no row."""
    import numpy as np

    from tamis.steps.resolve_rows import rows_of

    named = rows_of(
        session.workspace, dataset_id, selection=selection, tag=with_tag, scope=narrowed_scope(scope)
    )
    if not rows:
        return named
    numbers = np.unique(np.array(_numbers(rows), dtype=np.int64))
    n_rows = int(session.workspace.artifacts.examples(dataset_id).summary["n_examples"])
    if numbers[-1] >= n_rows:
        raise no_such_row(int(numbers[-1]), n_rows)
    chosen: Int64s = np.intersect1d(named, numbers)
    return chosen


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InvalidOptions(
                f"--rows wants numbers and ranges, for example 0,5,10-20; {part!r} is neither."
            )
        numbers += range(int(first), int(last or first) + 1)
    return numbers
