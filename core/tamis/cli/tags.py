"""``tamis tags …``: tags on rows, every change of which can be undone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group, reviewer_option
from tamis.cli.row_choice import named_rows, row_options
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.store.database.tags import TagEvent

tag_argument = click.argument("tag", help="Name of the tag.")
EXAMPLE = "--dataset my-data-1a2b3c"


@group(f"tamis tags list {EXAMPLE}", f"tamis tags add hard {EXAMPLE} --selection newest")
def tags() -> None:
    """List tags, put them on rows, take them off, rename and delete them."""


@tags.command("list", examples=[f"tamis tags list {EXAMPLE}"])
@dataset_option
def list_all(session: Session, dataset: str) -> None:
    """List the tags in use, and on how many rows each is."""
    from tamis.actions.tags import list_tags

    counts = list_tags(session.workspace, session.dataset(dataset))
    for one in counts:
        session.show(f"{one.n_rows:>10,}  {one.tag}")
    if not counts:
        session.show("No tags yet. Put one on rows: tamis tags add NAME --dataset DATASET --rows 0-9")
    session.result({"tags": [asdict(one) for one in counts]})


@tags.command("add", examples=[f"tamis tags add hard {EXAMPLE} --rows 0,5,10-20 --reviewer ann"])
@tag_argument
@dataset_option
@row_options
@reviewer_option
def add(session: Session, tag: str, dataset: str, reviewer: str, **where: str) -> None:
    """Put a tag on rows."""
    from tamis.actions.tags import add_tag

    dataset_id = session.dataset(dataset)
    rows = named_rows(session, dataset_id, **where)
    _say(session, add_tag(session.workspace, dataset_id, tag, rows, session.reviewer(reviewer)), "")


@tags.command("remove", examples=[f"tamis tags remove hard {EXAMPLE} --rows 5 --reviewer ann"])
@tag_argument
@dataset_option
@row_options
@reviewer_option
def remove(session: Session, tag: str, dataset: str, reviewer: str, **where: str) -> None:
    """Take a tag off rows."""
    from tamis.actions.tags import remove_tag

    dataset_id = session.dataset(dataset)
    rows = named_rows(session, dataset_id, **where)
    _say(session, remove_tag(session.workspace, dataset_id, tag, rows, session.reviewer(reviewer)), "")


@tags.command("rename", examples=[f"tamis tags rename hard difficult {EXAMPLE} --reviewer ann"])
@tag_argument
@click.argument("name", help="What to call it.")
@dataset_option
@reviewer_option
def rename(session: Session, tag: str, name: str, dataset: str, reviewer: str) -> None:
    """Give a tag another name; a tag of that name takes the rows in."""
    from tamis.actions.tags import rename_tag

    event = rename_tag(session.workspace, session.dataset(dataset), tag, name, session.reviewer(reviewer))
    session.show(f"{event.event_id:>7}  {tag!r} is called {event.tag!r} now, on {event.n_rows:,} rows.")
    session.result({"event": asdict(event)})


@tags.command("delete", examples=[f"tamis tags delete hard {EXAMPLE} --reviewer ann"])
@tag_argument
@dataset_option
@reviewer_option
def delete(session: Session, tag: str, dataset: str, reviewer: str) -> None:
    """Take a tag off every row."""
    from tamis.actions.tags import delete_tag

    run = (session.workspace, session.dataset(dataset), tag, session.reviewer(reviewer))
    _say(session, delete_tag(*run), "")


@tags.command("log", examples=[f"tamis tags log {EXAMPLE}"])
@dataset_option
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
def log(session: Session, dataset: str, limit: int) -> None:
    """List the changes of tags, the newest first."""
    from tamis.actions.tags import tag_log

    events = tag_log(session.workspace, session.dataset(dataset), limit)
    for event in events:
        session.show(_line(event))
    session.result({"events": [asdict(event) for event in events]})


@tags.command("undo", examples=[f"tamis tags undo {EXAMPLE} --reviewer ann"])
@dataset_option
@reviewer_option
def undo(session: Session, dataset: str, reviewer: str) -> None:
    """Undo your latest change of tags."""
    from tamis.actions.tags import undo_tag

    _say(session, undo_tag(session.workspace, session.dataset(dataset), session.reviewer(reviewer)), "undo")


@tags.command("redo", examples=[f"tamis tags redo {EXAMPLE} --reviewer ann"])
@dataset_option
@reviewer_option
def redo(session: Session, dataset: str, reviewer: str) -> None:
    """Redo the change of tags that you undid last."""
    from tamis.actions.tags import redo_tag

    _say(session, redo_tag(session.workspace, session.dataset(dataset), session.reviewer(reviewer)), "redo")


def _say(session: Session, event: TagEvent | None, verb: str) -> None:
    done = {"undo": "Undone: ", "redo": "Redone: "}.get(verb, "")
    session.show(
        f"There is nothing to {verb}."
        if event is None
        else f"{done}{_line(event).strip() if done else _line(event)}"
    )
    session.result({"event": asdict(event) if event else None})


def _line(event: TagEvent) -> str:
    state = "" if event.active else " (undone)"
    about = f"{event.action} {event.tag!r} on {event.n_rows:,} rows{state}"
    return f"{event.event_id:>7}  {event.created_at[:19]}  {event.reviewer}: {about}"
