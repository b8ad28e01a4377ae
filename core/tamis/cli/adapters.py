"""``tamis adapters …``: list, merge, export and delete what was fine-tuned."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tamis.cli.command import group
from tamis.cli.deletion import dry_run_option, say_plan
from tamis.cli.session import Session

adapter_argument = click.argument("adapter_id", help="Id of the adapter, as in the list.")


@group("tamis adapters list", "tamis adapters merge 3f9a2c --out merged", alone="list")
def adapters() -> None:
    """List, merge, export and delete what was fine-tuned."""


@adapters.command("list", examples=["tamis adapters list"])
def list_adapters(session: Session) -> None:
    """List the adapters of the workspace, the newest first."""
    from tamis.actions.artifact_names import artifact_names
    from tamis.store.artifacts.adapters import known_adapters

    known, names = known_adapters(session.workspace.artifacts), dict[str, str]()
    for dataset_id in {one.dataset_id for one in known}:
        names |= artifact_names(session.workspace, dataset_id, "adapter")
    for one in known:
        name = names[one.artifact_id]
        session.show(f"{one.model}  {one.recipe:10} {name}, {one.n_train:,} rows of {one.dataset_id}")
    if not known:
        session.show("No adapters yet. Make one: tamis run finetune --dataset DATASET --selection active")
    session.result(
        {
            "adapters": [
                asdict(one) | {"folder": str(one.folder), "name": names[one.artifact_id]} for one in known
            ]
        }
    )


@adapters.command("merge", examples=["tamis adapters merge 3f9a2c --out merged"])
@adapter_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
def merge(session: Session, adapter_id: str, out: Path) -> None:
    """Write base and adapter as one model."""
    from tamis.actions.adapters import merge_adapter

    _say_written(session, merge_adapter(session.workspace, adapter_id, out))


@adapters.command("export", examples=["tamis adapters export 3f9a2c --out adapter.zip"])
@adapter_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write, or a file that ends in .zip.",
)
def export(session: Session, adapter_id: str, out: Path) -> None:
    """Copy an adapter with its tokenizer and manifest."""
    from tamis.actions.adapters import export_adapter

    _say_written(session, export_adapter(session.workspace, adapter_id, out))


@adapters.command("delete", examples=["tamis adapters delete 3f9a2c --dry-run"])
@adapter_argument
@dry_run_option
def delete(session: Session, adapter_id: str, dry_run: bool) -> None:
    """Delete an adapter; its selection, decisions and options stay."""
    from tamis.actions.adapters import delete_adapter, plan_adapter_deletion

    plan = plan_adapter_deletion(session.workspace, adapter_id)
    said = say_plan(session, plan, done=not dry_run)
    if not dry_run:
        delete_adapter(session.workspace, adapter_id)
    gone = plan.artifacts[0].id
    session.result({"adapter": gone, **said, "deleted": None if dry_run else gone})


def _say_written(session: Session, path: Path) -> None:
    session.show(str(path))
    session.result({"path": str(path)})
