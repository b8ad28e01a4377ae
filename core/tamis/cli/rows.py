"""``tamis rows …``: look at rows, find them by words or meaning, and read one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.row_choice import chosen_rows, row_options
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.dataset_context import DatasetContext
    from tamis.types import Int64s

EXAMPLE = "--dataset my-data-1a2b3c"
MOST_CHARACTERS = 100
columns_option = click.option(
    "--columns", default="example_id,prompt,response", show_default=True, metavar="NAMES",
    help="What to read of them, with commas between: tamis rows columns.",
)  # fmt: skip
limit_option = click.option("--limit", default=20, show_default=True, help="The first so many (0: all).")


@group(f'tamis rows search "refund policy" {EXAMPLE} --by meaning', f"tamis rows show 17 {EXAMPLE}")
def rows() -> None:
    """List, search and show rows."""


@rows.command("list", examples=[f"tamis rows list {EXAMPLE} --selection newest --sort score:alignment"])
@dataset_option
@row_options
@click.option(
    "--sort", default="", metavar="COLUMN", help="In the order of this column; of the file when left out."
)
@click.option("--descending", is_flag=True, help="The highest first.")
@columns_option
@limit_option
def list_all(
    session: Session, dataset: str, sort: str, descending: bool, columns: str, limit: int, **where: str
) -> None:
    """List rows: all of them, or those that are named."""
    from tamis.actions.dataset_context import open_context
    from tamis.actions.read_rows import sort_rows

    context = open_context(session.workspace, session.dataset(dataset))
    chosen = chosen_rows(session, context.dataset_id, **where)
    _show_rows(session, context, sort_rows(context, chosen, sort, descending=descending), columns, limit)


@rows.command("search", examples=[f'tamis rows search "refund policy" {EXAMPLE} --by meaning'])
@click.argument("what", help="Words, a regular expression, a sentence, or the number of a row.")
@dataset_option
@row_options
@click.option(
    "--by", type=click.Choice(("words", "pattern", "meaning", "row")), default="words", show_default=True,
    help="What matches, or with meaning and row what is alike, the most similar first.",
)  # fmt: skip
@click.option(
    "--at-least",
    default="",
    metavar="COSINE",
    help="With meaning and row: leave out what is less similar; usual is the cosine that 99 of 100 random pairs of rows stay below.",
)
@columns_option
@limit_option
def search(
    session: Session, what: str, dataset: str, by: str, at_least: str, columns: str, limit: int, **where: str
) -> None:
    """Find rows by words, by a pattern, by meaning, or like another row."""
    import numpy as np

    from tamis.actions.dataset_context import open_context
    from tamis.actions.read_rows import matching, row_number, sort_by_similarity
    from tamis.store.rows.scope import Scope

    context = open_context(session.workspace, session.dataset(dataset))
    chosen = chosen_rows(session, context.dataset_id, **where)
    if by in ("words", "pattern"):
        scope = Scope().and_where("contains" if by == "words" else "matches", what)
        chosen = np.intersect1d(chosen, matching(context, scope))
    else:
        near = f"text:{what}" if by == "meaning" else f"row:{row_number(context, what)}"
        chosen = sort_by_similarity(context, near, chosen, at_least=at_least or None)
    _show_rows(session, context, chosen, columns, limit)


@rows.command("show", examples=[f"tamis rows show 17 {EXAMPLE}"])
@click.argument("row", type=int, help="Its number.")
@dataset_option
def show(session: Session, row: int, dataset: str) -> None:
    """Show a row whole: every turn, its images, its tags, and every number there is of it."""
    from tamis.actions.dataset_context import open_context
    from tamis.actions.decisions import own_messages
    from tamis.actions.read_rows import columns_of, read_rows, tags_of
    from tamis.actions.row_images import row_images
    from tamis.compute.text.turn_text import turn_text

    context = open_context(session.workspace, session.dataset(dataset))
    (messages,) = own_messages(session.workspace, context.dataset_id, [row])
    names = [
        one.key
        for one in columns_of(context)
        if one.key not in ("messages", "prompt", "response", "raw", "tags")
    ]
    values = read_rows(context, [row], names).to_pylist()[0]
    tags = tags_of(context, row)
    for turn in messages:
        session.show(f"{turn.get('role', '?')}: {turn_text(turn)}\n")
    images = row_images(context.view, row)
    for image in images.shown:
        session.show(f"  {'image':24} {image.line}")
    for name, value in values.items():
        session.show(f"  {name:24} {value}")
    session.show(f"  {'tags':24} {', '.join(tags) or 'none'}")
    about = [
        {name: getattr(one, name) for name in ("name", "width", "height", "format", "problem")}
        for one in images.shown
    ]
    session.result(
        {
            "example_id": row,
            "messages": messages,
            "tags": tags,
            "values": values,
            "n_images": images.n_images,
            "images": about,
        }
    )


@rows.command("columns", examples=[f"tamis rows columns {EXAMPLE}"])
@dataset_option
def columns(session: Session, dataset: str) -> None:
    """List the columns that rows have: of the file, clusters, scores, selections, tags and metadata."""
    from tamis.actions.dataset_context import open_context
    from tamis.actions.read_rows import columns_of

    columns = columns_of(open_context(session.workspace, session.dataset(dataset)))
    for one in columns:
        session.show(f"{one.key:32} {one.label}")
    session.result({"columns": [one.key for one in columns]})


def _show_rows(session: Session, context: DatasetContext, rows: Int64s, names: str, limit: int) -> None:
    from tamis.actions.read_rows import read_rows

    shown = rows[:limit] if limit else rows
    table = read_rows(context, shown, [name.strip() for name in names.split(",") if name.strip()]).to_pylist()
    for line in table:
        session.show("  ".join(_cut(value) for value in line.values()))
    if len(shown) < len(rows):
        session.show(f"{len(rows) - len(shown):,} more rows: --limit 0 prints all of them.")
    session.result({"n_rows": len(rows), "rows": table})


def _cut(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
