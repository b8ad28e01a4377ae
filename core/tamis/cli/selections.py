"""``tamis selections …``: the selections of a dataset, and which of them is the active one; the same for other results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import command, dataset_option, group
from tamis.cli.deletion import dry_run_option, say_plan
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.active import SelectionEntry
    from tamis.types import JSON

EXAMPLE = "--dataset my-data-1a2b3c"
selection_argument = click.argument(
    "selection", default="active", required=False, help="Its id, active, or newest; the active one when left out."
)  # fmt: skip
MARKS = {True: "*", False: " "}


@group(f"tamis selections list {EXAMPLE}", f"tamis selections activate 3f9a2c {EXAMPLE}")
def selections() -> None:
    """List, show, activate, keep and delete selections; tamis run select makes one."""


@selections.command("list", examples=[f"tamis selections list {EXAMPLE}", f"tamis selections list {EXAMPLE} --all"])  # fmt: skip
@dataset_option
@click.option("--all", "own", is_flag=True, help="Also those that a comparison or refinement drew for itself.")  # fmt: skip
def list_all(session: Session, dataset: str, own: bool) -> None:
    """List the selections of a dataset, the newest first; a star marks the active one."""
    from tamis.actions.active import list_selections

    listed = list_selections(session.workspace, session.dataset(dataset), own=own)
    for one in listed:
        session.show(f"{MARKS[one.is_active]} {one.artifact.id}  {one.name}{'  (of a run)' if one.is_own else ''}")  # fmt: skip
    if not listed:
        session.show("No selections yet. Make one: tamis run select --dataset DATASET")
    session.result({"selections": [_as_json(one) for one in listed]})


@selections.command("show", examples=[f"tamis selections show {EXAMPLE}"])
@selection_argument
@dataset_option
def show(session: Session, selection: str, dataset: str) -> None:
    """Show what a selection took, and what it was made with."""
    from tamis.actions.active import list_selections
    from tamis.steps.resolve_rows import find_selection

    dataset_id = session.dataset(dataset)
    found = find_selection(session.workspace, dataset_id, selection)
    listed = list_selections(session.workspace, dataset_id, own=True)
    one = next(one for one in listed if one.artifact.id == found.id)
    session.show(f"{MARKS[one.is_active]} {found.id}  {one.name}")
    for name, value in found.summary.items():
        if not isinstance(value, list | dict):
            session.show(f"  {name:20} {value}")
    session.result(_as_json(one) | {"options": found.manifest.options, "inputs": found.manifest.inputs})


@selections.command("activate", examples=[f"tamis selections activate 3f9a2c {EXAMPLE}"])
@click.argument("selection", help="Its id, or newest.")
@dataset_option
def activate(session: Session, selection: str, dataset: str) -> None:
    """Make a selection the active one, which map, fine-tuning and export take unless another is named."""
    _make_active(session, session.dataset(dataset), selection)


@selections.command("keep", examples=[f"tamis selections keep 3f9a2c {EXAMPLE}"])
@click.argument("selection", help="Its id, as in tamis selections list --all.")
@dataset_option
def keep(session: Session, selection: str, dataset: str) -> None:
    """Keep a selection that a comparison or a refinement drew for itself, and make it the active one."""
    _make_active(session, session.dataset(dataset), selection)


@selections.command("why", examples=[f"tamis selections why active --row 17 {EXAMPLE}"])
@selection_argument
@click.option("--row", type=int, required=True, help="Its number, picked or not.")
@dataset_option
def why(session: Session, selection: str, row: int, dataset: str) -> None:
    """Say why a row was picked or not: its cluster's quota, its place, the line, the chance, and what would change it."""
    from dataclasses import asdict

    from tamis.actions.why_row import explain_row
    from tamis.steps.resolve_rows import find_selection

    found = find_selection(session.workspace, session.dataset(dataset), selection)
    said = explain_row(session.workspace, found, row)
    for sentence in said.sentences:
        session.show(sentence)
    session.result(
        {
            "selection": found.id,
            "sentences": said.sentences,
            "replaced": said.replaced,
            **asdict(said.explanation),
        }
    )


@selections.command("replace", examples=[f"tamis selections replace active --row 17 --by 42 {EXAMPLE}"])
@selection_argument
@click.option("--row", type=int, required=True, help="The row that goes.")
@click.option("--by", type=int, required=True, help="The row that comes instead.")
@dataset_option
def replace(session: Session, selection: str, row: int, by: int, dataset: str) -> None:
    """Take one row instead of another: a new selection, which is the active one; activate its parent to undo."""
    from tamis.actions.artifact_names import artifact_name
    from tamis.actions.why_row import replace_row
    from tamis.steps.resolve_rows import find_selection

    dataset_id = session.dataset(dataset)
    found = find_selection(session.workspace, dataset_id, selection)
    made = replace_row(session.workspace, dataset_id, found.id, row, by)
    session.show(f"* {made.id}  {artifact_name(session.workspace, made)}")
    session.show(f"To undo: tamis selections activate {found.id} --dataset {dataset_id}")
    session.result({"id": made.id, "parent": found.id, "row": row, "by": by})


@selections.command("delete", examples=[f"tamis selections delete 3f9a2c {EXAMPLE} --dry-run"])
@click.argument("selection", help="Its id.")
@dataset_option
@dry_run_option
def delete(session: Session, selection: str, dataset: str, dry_run: bool) -> None:
    """Delete a selection that nothing was made from."""
    from tamis.actions.active import delete_selection, plan_selection_deletion

    dataset_id = session.dataset(dataset)
    plan = plan_selection_deletion(session.workspace, dataset_id, selection)
    answer = say_plan(session, plan, done=not dry_run)
    if not dry_run:
        delete_selection(session.workspace, dataset_id, selection)
    session.result(answer)


@command(f"tamis active {EXAMPLE}")
@dataset_option
def active(session: Session, dataset: str) -> None:
    """Show the active selection, clustering, layout and scores, which are taken unless others are named."""
    _say_active(session, session.dataset(dataset))


@command(f"tamis activate 3f9a2c {EXAMPLE}", name="activate")
@click.argument("artifact", help="Id of a selection, clustering, layout, embeddings (as a layout) or scores.")
@dataset_option
def activate_any(session: Session, artifact: str, dataset: str) -> None:
    """Make a result the active one of its kind."""
    from tamis.actions.active import activate as make_active

    dataset_id = session.dataset(dataset)
    make_active(session.workspace, dataset_id, artifact)
    _say_active(session, dataset_id)


def _make_active(session: Session, dataset_id: str, selection: str) -> None:
    from tamis.actions.active import activate as make_active
    from tamis.steps.resolve_rows import find_selection

    found = find_selection(session.workspace, dataset_id, selection)
    make_active(session.workspace, dataset_id, found.id)
    _say_active(session, dataset_id)


def _say_active(session: Session, dataset_id: str) -> None:
    from tamis.actions.active import active_artifacts

    found = active_artifacts(session.workspace, dataset_id)
    for one in found:
        session.show(f"{one.kind:12} {one.artifact_id}  {one.name}")
    if not found:
        session.show(f"Nothing is computed yet: tamis run-missing --dataset {dataset_id}")
    session.result({"active": {one.kind: {"id": one.artifact_id, "name": one.name} for one in found}})


def _as_json(one: SelectionEntry) -> dict[str, JSON]:
    return {
        "id": one.artifact.id,
        "name": one.name,
        "active": one.is_active,
        "of_a_run": one.is_own,
        "created_at": one.artifact.manifest.created_at,
        "summary": one.artifact.summary,
    }
