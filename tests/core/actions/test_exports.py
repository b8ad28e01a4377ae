"""What an export is asked, what its file is called, and which command writes it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.decisions import DecidedBy, save_edit
from tamis.actions.export import ExportRequest, export
from tamis.actions.export_choices import (
    AS_IMPORTED,
    CURRENT,
    SOURCE_SHAPE,
    choose_formats,
    choose_row_source,
    choose_texts,
    count_tokens,
    export_texts,
    offered_row_sources,
    preview_export,
    read_scope_rows,
    rows_label,
)
from tamis.actions.export_files import (
    count_exports,
    default_export_name,
    export_command,
    export_path,
    list_exports,
    replay_command,
)
from tamis.actions.tags import add_tag
from tamis.errors import CurationError, InvalidOptions
from tamis.store.review.frozen_decisions import freeze_decisions
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import import_file, run_pipeline

EVERY = np.arange(40)


@pytest.fixture
def context(workspace: Workspace, dataset_id: str) -> DatasetContext:
    run_pipeline(workspace.path, dataset_id)
    add_tag(workspace, dataset_id, "few", np.array([3, 30]), "kim")
    return open_context(workspace, dataset_id)


def test_rows_come_from_what_there_is(workspace: Workspace, dataset_id: str) -> None:
    bare = open_context(workspace, dataset_id)
    assert offered_row_sources(bare, has_filter=False) == ("whole",)
    assert rows_label(bare, "whole") == "all" and count_tokens(bare, EVERY) is None
    assert offered_row_sources(bare, has_filter=True) == ("whole", "filter")


@pytest.mark.parametrize(
    ("asked", "named", "chosen"),
    [
        ("", (), "selection"),  # the newest, where nothing is said
        ("whole", ("filter",), "whole"),
        ("no such", (), "selection"),
        ("", ("filter", "tag", "selection"), "filter"),
        ("", ("tag", "selection"), "tag"),
    ],
)
def test_what_is_asked_for_comes_first(asked: str, named: tuple[str, ...], chosen: str) -> None:
    assert choose_row_source(("whole", "selection", "tag", "filter"), asked, named) == chosen
    assert choose_row_source(("whole",), asked, named) == "whole"


def test_a_file_is_named_by_its_rows(context: DatasetContext) -> None:
    (selection,) = context.view.selections
    assert offered_row_sources(context, has_filter=False) == ("whole", "selection", "tag")
    assert rows_label(context, "selection", selection=selection.id) == f"kMQ 10 rows {selection.id[:6]}"
    assert rows_label(context, "tag", tag="few") == "few" and rows_label(context, "filter") == "filtered"
    assert read_scope_rows(context, tag="few").tolist() == [3, 30]
    assert len(read_scope_rows(context, selection=selection.id)) == 10
    tokens = count_tokens(context, np.array([3, 30]))
    assert tokens is not None and tokens > 0


def test_decided_texts_are_offered_where_something_is_decided(
    workspace: Workspace, context: DatasetContext
) -> None:
    assert choose_texts(context).pointers == ("",)
    new = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "The decided text."}]
    save_edit(workspace, context.dataset_id, 1, new, DecidedBy(reviewer="kim"))
    choice = choose_texts(context)
    assert choice.pointers == ("", CURRENT)
    plain, decided = (export_texts(context, EVERY, choice, one) for one in choice.pointers)
    assert (plain.replaced, plain.is_decided) == ({}, False)
    assert (set(decided.replaced), decided.is_decided, decided.mark) == ({1}, True, choice.state.revision)
    lines = preview_export(context.view.examples, decided, "messages", "jsonl")
    assert len(lines) == 5 and orjson.loads(lines[1])["messages"][-1]["content"] == "The decided text."


def test_a_selection_made_with_decisions_keeps_its_texts(
    workspace: Workspace, context: DatasetContext
) -> None:
    new = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "The decided text."}]
    save_edit(workspace, context.dataset_id, 1, new, DecidedBy(reviewer="kim"))
    (selection,) = context.view.selections
    frozen = freeze_decisions(workspace, context.dataset_id)
    assert frozen is not None
    selection.manifest.inputs["decisions"] = frozen.id
    choice = choose_texts(context, selection.id)
    assert choice.pointers == ("", CURRENT, AS_IMPORTED)
    made, current, imported = (export_texts(context, EVERY, choice, one) for one in choice.pointers)
    assert (made.pointer, set(made.replaced)) == (frozen.id, {1})
    assert (current.pointer, imported.pointer) == (CURRENT, AS_IMPORTED)
    assert not imported.replaced and not imported.is_decided and made.mark != current.mark


def test_formats_that_cannot_hold_the_rows_come_last_with_the_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    turns = [{"role": role, "content": "x"} for role in ("system", "user", "assistant", "user", "assistant")]
    path = tmp_path / "chats.jsonl"
    path.write_bytes(orjson.dumps({"messages": turns}) + b"\n")
    context = open_context(workspace, import_file(workspace.path, path, "Chats"))
    choice = choose_formats(context, np.array([0]))
    assert (choice.names[0], choice.usual, choice.is_mixed) == (SOURCE_SHAPE, SOURCE_SHAPE, False)
    assert choice.names[-1] in choice.obstacles and "messages" not in choice.obstacles
    texts = export_texts(context, np.array([0]), choose_texts(context))
    with pytest.raises(CurationError):
        preview_export(context.view.examples, texts, "question_answer", "jsonl")


def test_a_file_goes_into_the_folder_of_exports_under_a_safe_name(workspace: Workspace) -> None:
    name = default_export_name("My Data!", "few rows", "messages", "jsonl", decided=True)
    assert name == "my-data-few-rows-decided-messages.jsonl"
    assert export_path(workspace, name, "jsonl") == workspace.path / "exports" / name
    assert export_path(workspace, "../up", "parquet").name == "up.parquet"
    for bad in ("", "  ", "rows.manifest.json"):
        with pytest.raises(InvalidOptions, match="no name for a file"):
            export_path(workspace, bad, "jsonl")


def test_exports_are_found_with_the_commands_that_make_them_again(
    workspace: Workspace, context: DatasetContext, tmp_path: Path
) -> None:
    request = ExportRequest(dataset_id=context.dataset_id, tag="few", format_name="alpaca")
    written = export(workspace, request, export_path(workspace, "few", "jsonl"))
    export_path(workspace, "gone", "jsonl").with_name("gone.jsonl.manifest.json").write_text("{}")
    (file,) = list_exports(workspace, context.dataset_id)
    assert (file.path, file.manifest.example_ids) == (written.path, None)
    assert list_exports(workspace, "another") == []
    assert count_exports(list_exports(workspace)) == {context.dataset_id: 1}
    command = export_command(workspace, file)
    assert f"--dataset {context.dataset_id} --tag few --format alpaca --container jsonl" in command
    assert str(file.manifest_path) in replay_command(file)
