"""Data in and out: ``tamis import``, ``datasets``, ``export`` and ``replay``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.command import command, dataset_argument, dataset_option, group
from tamis.cli.deletion import dry_run_option, say_plan
from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.rejects import (
    encoding_option,
    given_names,
    given_pairs,
    repair_option,
    role_option,
    show_reasons,
)
from tamis.cli.row_choice import narrowed_scope, where_option
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.export import ExportResult

PathType = click.Path(path_type=Path)


@command('tamis import train.jsonl --name "My data"', "tamis import hub:OWNER/NAME", name="import")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    help="JSON, JSONL, CSV, TSV, Parquet or Arrow, also packed; a folder of them, with those in it; or a hub id.",
)
@click.option("--name", default="", help="Name shown to people.")
@click.option("--format", "format_name", default="auto", help="Conversation format; detected when left out.")
@click.option(
    "--map",
    "--field",
    "fields",
    multiple=True,
    metavar="PART=COLUMN",
    help="Which column plays which part; repeat it. A name with dots leads into objects: prompt=fields.text.",
)
@role_option
@encoding_option
@repair_option
def import_file(
    session: Session,
    paths: tuple[str, ...],
    fields: tuple[str, ...],
    roles: tuple[str, ...],
    repairs: tuple[str, ...],
    **choices: str,
) -> int:
    """Import a file, a folder or a hub dataset."""
    from tamis.actions.imports import guessed_encodings, plan_paths, start_import
    from tamis.actions.rejects import list_rejects

    plan = plan_paths(
        list(paths),
        fields=given_pairs("--map", fields),
        roles=given_pairs("--role", roles),
        repairs=given_names(repairs),
        **choices,
    )
    for file in plan.skipped:
        session.say(f"not read: {file.path}: {file.reason}")
    for guess in () if choices.get("encoding") else guessed_encodings(plan):
        session.say(f"{guess.sentence} Name another one: --encoding NAME")
    job = follow(session, start_import(session.workspace, plan))
    answer: dict[str, JSON] = {"dataset_id": plan.dataset_id}
    if job.state == "succeeded":
        summary = session.workspace.artifacts.examples(plan.dataset_id).summary
        answer |= {key: summary[key] for key in ("n_imported", "n_rejected", "n_examples", "format")}
        session.show(
            f"{plan.dataset_id}: {summary['n_imported']:,} records imported as {summary['n_examples']:,} examples, "
            f"{summary['n_rejected']:,} rejected."
        )
        answer["not_read"] = [asdict(file) for file in plan.skipped]
        answer["notes"] = summary["notes"]
        _tell_columns(session, summary)
        if summary["n_rejected"]:
            rejected = list_rejects(session.workspace, plan.dataset_id)
            answer["reject_reasons"] = rejected.reasons
            remedies = show_reasons(session, rejected)
            again = f"; to read again: tamis rejects retry --dataset {plan.dataset_id} {remedies}"
            session.show(
                f"To see them: tamis rejects list --dataset {plan.dataset_id}" + (again if remedies else "")
            )
    return end(session, job, answer)


def _tell_columns(session: Session, summary: Mapping[str, Any]) -> None:
    """The notes of an import, and which columns beside the conversations training reads and which it does not."""
    from tamis.actions.imports import columns_beside, columns_heeded

    for note in summary["notes"]:
        session.show(f"note: {note['note']}")
    if read := columns_heeded(summary):
        session.show(f"read beside the turns in training: {read}")
    if beside := columns_beside(summary):
        session.show(f"kept beside the rows, not trained on: {beside}")


@group("tamis datasets", 'tamis datasets rename my-data-1a2b3c "My data, cleaned"', alone="list")
def datasets() -> None:
    """List, rename, delete and restore datasets."""


@datasets.command("list", examples=["tamis datasets list"])
def list_all(session: Session) -> None:
    """List the datasets: id, name, rows, and what was computed."""
    from tamis.actions.datasets import damaged_datasets, list_datasets

    listed, damaged = list_datasets(session.workspace), damaged_datasets(session.workspace)
    for sentence in damaged.values():
        session.say(f"tamis: {sentence}")
    for one in listed:
        made = [kind for kind in one.made if kind != "examples"]
        session.show(
            f"{one.dataset_id:32} {one.n_rows:>10,} rows  {one.name}"
            + (f"  [{' '.join(made)}]" if made else "")
        )
    if not listed and not damaged:
        session.show("No datasets yet. Import one: tamis import FILE")
    shown = ("dataset_id", "name", "n_rows", "parent")
    session.result(
        {
            "datasets": [
                {name: getattr(one, name) for name in shown} | {"artifacts": one.made} for one in listed
            ],
            **({"damaged": list(damaged)} if damaged else {}),
        }
    )


@datasets.command("rename", examples=['tamis datasets rename my-data-1a2b3c "My data, cleaned"'])
@dataset_argument
@click.argument("name", help="What people will see; the id stays.")
def rename(session: Session, dataset: str, name: str) -> None:
    """Give a dataset another name."""
    from tamis.actions.datasets import rename_dataset

    dataset_id = session.dataset(dataset)
    called = rename_dataset(session.workspace, dataset_id, name)
    session.show(f"{dataset_id} is called {called!r}.")
    session.result({"dataset_id": dataset_id, "name": called})


@datasets.command("delete", examples=["tamis datasets delete my-data-1a2b3c --dry-run"])
@dataset_argument
@dry_run_option
def delete(session: Session, dataset: str, dry_run: bool) -> None:
    """Move a dataset with everything computed from it into the trash."""
    from tamis.actions.datasets import delete_dataset, plan_dataset_deletion

    dataset_id = session.dataset(dataset)
    said = say_plan(session, plan_dataset_deletion(session.workspace, dataset_id), done=not dry_run)
    if not dry_run:
        said["entry"] = delete_dataset(session.workspace, dataset_id).name
        session.show(f"To put it back: tamis datasets restore {dataset_id}")
    session.result({"dataset_id": dataset_id, **said})


@datasets.command("trash", examples=["tamis datasets trash", "tamis datasets trash --empty"])
@click.option("--empty", is_flag=True, help="Delete everything in it for good.")
def trash(session: Session, empty: bool) -> None:
    """List what is in the trash, the newest first."""
    from tamis.actions.datasets import empty_trash, list_trash

    entries = list_trash(session.workspace)
    for one in entries:
        session.show(f"{one.dataset_name:32} {one.dataset_id:32} deleted {one.discarded_at:%Y-%m-%d %H:%M}")
    if not entries:
        session.show("The trash is empty.")
    n_deleted = empty_trash(session.workspace) if empty else 0
    if n_deleted:
        session.show(f"Deleted for good: {n_deleted:,} datasets.")
    session.result({"trash": [] if empty else [asdict(one) for one in entries], "n_deleted": n_deleted})


@datasets.command("restore", examples=["tamis datasets restore my-data-1a2b3c"])
@click.argument("entry", help="Name or id of the dataset, for the newest of it in the trash.")
def restore(session: Session, entry: str) -> None:
    """Put a dataset back from the trash."""
    from tamis.actions.datasets import restore_dataset

    dataset_id = restore_dataset(session.workspace, entry)
    session.show(f"{dataset_id} is back.")
    session.result({"dataset_id": dataset_id})


@command(
    "tamis export --dataset my-data-1a2b3c --selection active --format messages --out subset.jsonl",
    "tamis export --dataset my-data-1a2b3c --selection all --decisions current --out decided.jsonl",
)
@dataset_option
@click.option(
    "--selection",
    default="",
    help="Artifact id of a selection, active, newest, or all for every row. Without this, a tag, a scope or a condition: the "
    "active one where there is one.",
)
@click.option("--tag", default="", help="Only rows with this tag.")
@click.option("--scope", default="", help="Only rows in this scope, as copied from the map's address.")
@where_option
@click.option(
    "--decisions",
    default="",
    help="current, the artifact id of frozen ones, or none; when empty those that the selection was made with.",
)
@click.option(
    "--format",
    "format_name",
    default="source",
    show_default=True,
    help="Conversation format to write, or source.",
)
@click.option(
    "--container",
    type=click.Choice(("jsonl", "json", "csv", "tsv", "parquet")),
    help="By the name of the file when left out.",
)
@click.option(
    "--out",
    type=PathType,
    required=True,
    help="File to write: .jsonl, .json, .csv, .tsv or .parquet, also .gz or .zst.",
)
@click.option(
    "--skip-unfit",
    is_flag=True,
    help="Leave out rows that the format cannot hold; FILE.skipped.jsonl lists them.",
)
@click.option(
    "--scores",
    "scores",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Scores to write as columns score_NAME; in a named format.",
)
def export(
    session: Session,
    dataset: str,
    out: Path,
    container: str | None,
    skip_unfit: bool,
    scores: tuple[str, ...],
    **choices: str,
) -> None:
    """Write rows as a training file with a manifest."""
    from tamis.actions.export import ExportRequest
    from tamis.actions.export import export as write_export
    from tamis.registry import parse_options

    asked = {
        "dataset_id": session.dataset(dataset), "container": container or "", "skip_unfit": skip_unfit,
        "scores": given_names(scores), **choices, "scope": narrowed_scope(choices["scope"]),
    }  # fmt: skip
    done = write_export(session.workspace, parse_options(ExportRequest, asked), out)
    session.show(f"{done.path}: {done.n_rows:,} rows ({done.taken}), sha256 {done.sha256}")
    _say_what_was_written(
        session,
        done,
        unnamed=not any(asked[one] for one in ("selection", "tag", "scope")),
        undecided=not choices["decisions"],
    )
    session.result(
        {
            "path": str(done.path),
            "n_rows": done.n_rows,
            "sha256": done.sha256,
            "taken": done.taken,
            "decisions": done.manifest.decisions,
            "score_columns": dict(done.score_columns),
            "n_skipped": len(done.skipped),
            "skipped": done.obstacles,
            "skipped_path": str(done.skipped_path or ""),
        }
    )


def _say_what_was_written(session: Session, done: ExportResult, *, unnamed: bool, undecided: bool) -> None:
    """What a person may not expect of the file, with the option that changes it."""
    if done.manifest.selection and unnamed:
        session.say(
            "tamis: no rows were named, so the active selection was taken. For every row: --selection all."
        )
    for column, name in done.renamed.items():
        session.say(
            f"tamis: column {column!r} of the source is written as {name!r}; the format reads {column!r}."
        )
    for name, column in done.score_columns.items():
        if column.startswith("tamis_"):
            session.say(
                f"tamis: the score {name!r} is written as {column!r}; the file has a column of the shorter name."
            )
    if done.skipped:
        session.show(f"Left out, as listed in {done.skipped_path}: {len(done.skipped):,} rows")
        for obstacle, n_rows in done.obstacles.items():
            session.show(f"{n_rows:>10,}  {obstacle}")
    if done.manifest.decisions and undecided:
        session.say(
            f"tamis: the selection was made with the decisions {done.manifest.decisions}, so its rows are written as "
            "decided. For their imported text: --decisions none; for the decisions of now: --decisions current."
        )


@command(
    "tamis replay subset.jsonl.manifest.json",
    "tamis replay subset.jsonl.manifest.json --source moved/train.jsonl",
)
@click.argument("manifest", type=PathType, help="Manifest written beside an export.")
@click.option(
    "--source",
    "sources",
    type=PathType,
    multiple=True,
    help="Where a source file is now, if it moved; repeat it.",
)
@click.option("--out", type=PathType, help="Also write the rebuilt rows here.")
@click.option(
    "--trust", is_flag=True, help="Run every step of it: you know who made the manifest and what it names."
)
def replay(
    session: Session, manifest: Path, sources: tuple[Path, ...], out: Path | None, *, trust: bool
) -> int:
    """Rebuild the rows of a manifest and compare."""
    from tamis.actions.replay import replay_manifest

    done = replay_manifest(
        manifest, session.workspace.path, sources=sources, out=out, say=session.say, trust=trust
    )
    session.show(done.verdict)
    session.result({"identical": done.identical, "n_rows": done.n_rows, "sha256": done.sha256})
    return DONE if done.identical else FAILED
