"""``tamis adapters …``: list, merge, export and delete what was fine-tuned."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tamis.actions.adapters import (
    delete_adapter,
    export_adapter,
    merge_adapter,
)
from tamis.cli.session import Session
from tamis.store.artifacts.adapters import known_adapters

DONE = 0
Action = Callable[[str, Callable[[Session, argparse.Namespace], int], str], argparse.ArgumentParser]


def add_actions(action: Action) -> None:
    """The verbs under ``tamis adapters``."""
    action("list", list_all, "newest first")
    merge = action("merge", merge_one, "write base and adapter as one model")
    export = action("export", export_one, "copy an adapter with its tokenizer and manifest")
    for added, what in ((merge, "folder to write"), (export, "folder to write, or a file that ends in .zip")):
        added.add_argument("adapter_id")
        added.add_argument("--out", required=True, help=what)
    action("delete", delete_one, "delete an adapter; its selection, decisions and options stay").add_argument(
        "adapter_id"
    )


def list_all(session: Session, parsed: argparse.Namespace) -> int:
    """Every adapter of the workspace, newest first."""
    found = known_adapters(session.workspace.artifacts)
    for adapter in found:
        session.show(
            f"{adapter.model}  {adapter.recipe:10} on {adapter.base}, {adapter.n_train:,} rows of {adapter.dataset_id}"
        )
    if not found:
        session.show("No adapters yet. Make one: tamis run finetune --dataset DATASET --selection newest")
    session.result({"adapters": [asdict(adapter) | {"folder": str(adapter.folder)} for adapter in found]})
    return DONE


def merge_one(session: Session, parsed: argparse.Namespace) -> int:
    """Write one model from an adapter and its base."""
    path = merge_adapter(session.workspace.artifacts, parsed.adapter_id, Path(parsed.out))
    session.show(f"{path}")
    session.result({"path": str(path)})
    return DONE


def export_one(session: Session, parsed: argparse.Namespace) -> int:
    """Copy an adapter out of the workspace."""
    path = export_adapter(session.workspace.artifacts, parsed.adapter_id, Path(parsed.out))
    session.show(f"{path}")
    session.result({"path": str(path)})
    return DONE


def delete_one(session: Session, parsed: argparse.Namespace) -> int:
    """Delete an adapter."""
    gone = delete_adapter(session.workspace, parsed.adapter_id)
    session.show(f"Deleted {gone.id} of {gone.manifest.dataset_id}.")
    session.result({"deleted": gone.id})
    return DONE
