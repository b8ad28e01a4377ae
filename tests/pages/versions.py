"""A dataset and a version of it, with every kind of change and with texts that try to be more than text."""

from __future__ import annotations

from pathlib import Path

import orjson

from tamis.steps.curate.step import plan_curate
from tamis.store.database.database import Database
from tamis.store.names import name_dataset
from tamis.store.review.decisions import BulkChoice, decide, decide_many
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_step

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> **bold** :red[x] \x1b[31mred\x1b[0m \u202eevil"
)


def turns(row: int, answer: str, question: str = "") -> list[dict[str, str]]:
    asked = question or f"Question {row} about {('bread', 'stars', 'taxes', 'rivers')[row % 4]}?"
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def decide_some(workspace: Path, dataset_id: str) -> None:
    """Rows 1, 5 and 9 dropped, 2 corrected by a rule, 3 and 4 edited: the prompt, and into a hostile text."""
    database = Database(workspace)
    decide_many(
        database, dataset_id, [BulkChoice(row, "drop") for row in (1, 5, 9)], rule="below 0.2", reviewer="ann"
    )
    corrected = BulkChoice(2, "replace", turns(2, "Answer 2 on taxes, made clearer."))
    decide_many(database, dataset_id, [corrected], rule="above 0.95", reviewer="ben <b>")
    for row, messages in (
        (3, turns(3, "Answer 3 on rivers.", "Which rivers are long?")),
        (4, turns(4, HOSTILE)),
    ):
        decide(database, dataset_id, row, verdict="replace", messages=messages, via="edit", reviewer="ann")


def make_version(workspace: Path, dataset_id: str, name: str = "Questions, curated") -> str:
    database = Database(workspace)
    new_id, options = plan_curate(open_workspace(workspace), dataset_id, name)
    run_step(workspace, new_id, "curate", options)
    name_dataset(database, new_id, name)
    return new_id


def hostile_file(folder: Path, n_rows: int = 40) -> Path:
    """Rows as in ``alpaca_file``; the answer of row 9, which is dropped, tries to be more than text."""
    path = alpaca_file(folder, n_rows)
    lines = path.read_bytes().splitlines()
    lines[9] = orjson.dumps(orjson.loads(lines[9]) | {"output": HOSTILE + "x" * 3000})
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def family(workspace: Path, folder: Path) -> tuple[str, str]:
    """The ids of a dataset and of its version."""
    parent = import_file(workspace, hostile_file(folder))
    decide_some(workspace, parent)
    return parent, make_version(workspace, parent)
