"""The export page: which rows, in which shape, and a file that holds exactly those."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.server import open_server
from tamis.actions.export_files import export_command, list_exports, named_scope
from tamis.actions.manifests import read_manifest
from tamis.actions.report.dataset_report import render_dataset_report
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.database.tags import add_tag
from tamis.store.review.decisions import decide
from tamis.store.rows.scope import ALL_ROWS
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_pipeline, said


@pytest.fixture
def dataset(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def write(app: AppTest) -> AppTest:
    return checked(next(one for one in app.button if one.label.startswith("Write ")).click().run())


def lines_of(workspace: Path, dataset: str) -> list[dict[str, object]]:
    (file, *_) = list_exports(open_workspace(workspace), dataset)
    return [orjson.loads(line) for line in file.path.read_bytes().splitlines()]


def test_the_file_holds_exactly_the_rows_of_the_selection(workspace: Path, dataset: str) -> None:
    picked = read_selected_ids(run_pipeline(workspace, dataset))
    app = open_page("export_data", dataset=dataset)
    assert "**10 rows**" in said(app)
    assert "from 4 of 4 clusters" in said(app)
    write(app)
    questions = [row["instruction"] for row in lines_of(workspace, dataset)]
    assert [int(str(question).split()[1]) for question in questions] == picked.tolist()


def test_the_rows_of_a_filter_in_the_address_are_written(workspace: Path, dataset: str) -> None:
    scope = ALL_ROWS.and_where("contains", "bread", "prompt").to_url()
    app = open_page("export_data", dataset=dataset, scope=scope)
    assert "**10 rows**" in said(app)
    write(app)
    assert {row["topic"] for row in lines_of(workspace, dataset)} == {"bread"}


def test_the_rows_of_a_tag_are_written(workspace: Path, dataset: str) -> None:
    import numpy as np

    add_tag(Database(workspace), dataset, "keep", np.array([3, 5]), "me")
    write(open_page("export_data", dataset=dataset, tag="keep"))
    assert len(lines_of(workspace, dataset)) == 2


def test_the_preview_is_what_the_file_begins_with(workspace: Path, dataset: str) -> None:
    app = open_page("export_data", dataset=dataset, format="messages")
    shown = [one.value for one in app.code if one.value.startswith("{")][:5]
    write(app)
    (file,) = list_exports(open_workspace(workspace), dataset)
    assert file.path.read_text().splitlines()[:5] == shown


def test_checksum_manifest_and_commands_are_shown(workspace: Path, dataset: str) -> None:
    app = write(open_page("export_data", dataset=dataset, format="alpaca"))
    (file,) = list_exports(open_workspace(workspace), dataset)
    text = said(app)
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() in text
    assert f"tamis replay {file.manifest_path}" in text
    assert "--format alpaca" in export_command(open_server().workspace, file)
    assert '"file_name"' in text


def test_the_report_is_that_of_the_file(workspace: Path, dataset: str) -> None:
    run_pipeline(workspace, dataset)
    write(open_page("export_data", dataset=dataset))
    (file,) = list_exports(open_workspace(workspace), dataset)
    assert (
        file.manifest.sha256 in render_dataset_report(open_workspace(workspace), file.manifest_path).decode()
    )


def test_a_format_that_cannot_hold_the_rows_says_why(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    turns = [{"role": role, "content": "x"} for role in ("system", "user", "assistant", "user", "assistant")]
    path.write_bytes(orjson.dumps({"messages": turns}) + b"\n")
    dataset = import_file(workspace, path)
    app = open_page("export_data", dataset=dataset, format="question_answer")
    assert "cannot hold" in app.warning[0].value
    write(app)
    assert "cannot hold" in app.error[0].value
    assert list_exports(open_workspace(workspace)) == []


def test_an_unreadable_filter_is_a_message(dataset: str) -> None:
    assert "cannot be read" in open_page("export_data", dataset=dataset, scope="zzz!").error[0].value


def test_the_scope_is_read_back_from_a_manifest(workspace: Path, dataset: str) -> None:
    write(open_page("export_data", dataset=dataset))
    (file,) = list_exports(open_workspace(workspace), dataset)
    manifest = read_manifest(file.manifest_path)
    for asked in (
        {},
        {"selection": "abc"},
        {"tag": "this and that"},
        {"selection": "a", "tag": "b", "scope": "jx"},
    ):
        text = " and ".join(f"{word} {value}" for word, value in asked.items()) or "all rows"
        assert named_scope(manifest.model_copy(update={"scope": text})) == asked


def test_decisions_are_applied_when_asked(workspace: Path, dataset: str) -> None:
    database = Database(workspace)
    decide(database, dataset, 0, verdict="drop", via="approve", reviewer="Kim")
    new = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "The decided text."}]
    decide(database, dataset, 1, verdict="replace", messages=new, via="edit", reviewer="Kim")
    n_rows = int(ArtifactStore(workspace).examples(dataset).summary["n_examples"])
    app = open_page("export_data", dataset=dataset, rows="whole")
    assert f"Write {n_rows} rows" in [button.label for button in app.button]
    checked(app.toggle(key="export_decided").set_value(True).run())
    assert f"Write {n_rows - 1} rows" in [button.label for button in app.button]
    assert "The decided text." in app.code[0].value


def test_scores_stand_beside_the_rows_in_the_preview_and_in_the_file(workspace: Path, dataset: str) -> None:
    run_pipeline(workspace, dataset)
    app = open_page("export_data", dataset=dataset, format="messages", rows="whole")
    assert not any("score_alignment" in one.value for one in app.code)
    checked(app.multiselect(key="export_scores").set_value(["alignment"]).run())
    shown = [one.value for one in app.code if one.value.startswith("{")][:5]
    assert all("score_alignment" in line for line in shown)
    write(app)
    (file,) = list_exports(open_workspace(workspace), dataset)
    assert file.path.read_text().splitlines()[:5] == shown
    assert "--scores alignment" in export_command(open_server().workspace, file)
    app = open_page("export_data", dataset=dataset, format="source", rows="whole", scores="alignment")
    assert not app.multiselect
