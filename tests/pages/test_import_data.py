"""The import page: choose, look, change the mapping, agree; then counts and rejected lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tamis.actions.uploads import safe_name, store_upload
from tamis.jobs import job_table
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, said


@pytest.fixture
def folder(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which importing is allowed."""
    allowed = tmp_path / "data"
    allowed.mkdir()
    monkeypatch.setenv("TAMIS_IMPORT_FOLDERS", f'["{allowed}"]')
    return allowed


def choose(path: Path | str) -> AppTest:
    app = open_page("import_data", **{"from": "This server"})
    return checked(app.multiselect[0].set_value([str(path)]).run())


def agree(app: AppTest) -> AppTest:
    return checked(next(one for one in app.button if one.label.startswith("Import ")).click().run())


def test_the_button_says_how_many_rows_there_are(workspace: Path, folder: Path) -> None:
    """The file is longer than what is looked at, and holds lines that will be rejected."""
    labels = [one.label for one in choose(alpaca_file(folder, 1_200, bad_lines=3)).button]
    assert "Import 1,203 rows" in labels
    packed = folder / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress((folder / "questions.jsonl").read_bytes()))
    assert "Import 1 file" in [one.label for one in choose(packed).button]
    # Of a file that was looked at to its end, what can be read.
    assert "Import 40 rows" in [one.label for one in choose(alpaca_file(folder, bad_lines=3)).button]


def test_the_pipeline_follows_where_it_is_asked_for(workspace: Path, folder: Path) -> None:
    app = choose(alpaca_file(folder))
    app.checkbox(key="import_then_run").set_value(True)
    agree(app)
    steps = [job.step for job in job_table.list_jobs(Database(workspace))][::-1]
    assert steps == ["import", "embed", "cluster", "project", "score", "score", "select"]


def test_nothing_is_imported_before_the_person_agrees(workspace: Path, folder: Path) -> None:
    app = choose(alpaca_file(folder))
    assert "Alpaca: reads 100 %" in said(app)
    assert not job_table.list_jobs(Database(workspace))
    agree(app)
    assert [job.step for job in job_table.list_jobs(Database(workspace))] == ["import"]


def test_three_rows_are_shown_raw_and_parsed(folder: Path) -> None:
    app = choose(alpaca_file(folder))
    assert len([one for one in app.code if '"instruction"' in one.value]) == 3
    assert "Answer 2 on taxes." in said(app)


def test_another_format_changes_the_preview_and_what_is_submitted(workspace: Path, folder: Path) -> None:
    path = folder / "odd.jsonl"
    path.write_text('{"a": "Why?", "b": "Because."}\n' * 3)
    app = choose(path)
    assert "No format fits" in said(app)
    checked(app.selectbox(key=f"format:{path}").set_value("question_answer").run())
    checked(app.selectbox(key=f"field:{path}:question_answer:question").set_value("a").run())
    checked(app.selectbox(key=f"field:{path}:question_answer:answer").set_value("b").run())
    assert "Because." in said(app)
    agree(app)
    (file,) = job_table.list_jobs(Database(workspace))[0].options["files"]
    assert (file["format"], file["fields"]["question"], file["fields"]["answer"]) == (
        "question_answer",
        "a",
        "b",
    )


def test_a_file_that_no_format_fits_is_read_as_its_columns_suggest(workspace: Path, folder: Path) -> None:
    path = folder / "odd.csv"
    path.write_text("ask,said\nWhy?,Because of the moon.\n")
    app = choose(path)
    assert "prompt = ask, completion = said" in said(app)
    checked(app.button(key=f"mapping_guess:{path}").click().run())
    assert app.selectbox(key=f"format:{path}").value == "prompt_completion"
    assert app.selectbox(key=f"field:{path}:prompt_completion:prompt").value == "ask"
    agree(app)
    (file,) = job_table.list_jobs(Database(workspace))[0].options["files"]
    assert (file["fields"]["prompt"], file["fields"]["completion"]) == ("ask", "said")


def test_where_no_rule_says_what_is_learned_the_page_asks(workspace: Path, folder: Path) -> None:
    path = folder / "pair.jsonl"
    turns = [{"role": "user", "content": "Judge"}, {"role": "assistant", "content": "Fine."}]
    path.write_text(json.dumps({"prompt": "Why?", "response": "The moon.", "critique": turns}) + "\n")
    app = choose(path)
    assert "Not sure what is learned" in said(app) and "critique" in app.warning[0].value
    assert not [one for one in app.button if one.label.startswith("Import ") and not one.disabled]
    checked(app.selectbox(key=f"format:{path}").set_value("prompt_completion").run())
    assert "The moon." in said(app)
    agree(app)
    (file,) = job_table.list_jobs(Database(workspace))[0].options["files"]
    assert (file["fields"]["completion"], file["fields"]["history"]) == ("response", "history")


def test_every_unknown_label_of_turns_is_asked_about_at_once(workspace: Path, folder: Path) -> None:
    path = folder / "support.jsonl"
    turns = '{"role": "customer", "content": "Where is it?"}, {"role": "agent", "content": "It ships today."}'
    path.write_text(f'{{"messages": [{turns}]}}\n' * 3)
    app = choose(path)
    assert "say whose turns are labelled customer, agent" in said(app)
    assert app.selectbox(key=f"field:{path}:messages:content").options == ["role", "content"]
    checked(app.selectbox(key=f"role:{path}:customer").set_value("user").run())
    checked(app.selectbox(key=f"role:{path}:agent").set_value("assistant").run())
    agree(app)
    (file,) = job_table.list_jobs(Database(workspace))[0].options["files"]
    assert file["fields"]["roles"] == {"customer": "user", "agent": "assistant"}


def test_an_optional_part_can_be_given_up_and_objects_can_be_mapped(workspace: Path, folder: Path) -> None:
    path = folder / "nested.jsonl"
    path.write_text('{"system": "Be brief.", "fields": {"prompt": "Why?", "response": "The moon."}}\n' * 3)
    app = choose(path)
    assert app.selectbox(key=f"field:{path}:prompt_completion:prompt").value == "fields.prompt"
    checked(app.selectbox(key=f"field:{path}:prompt_completion:system").set_value("").run())
    agree(app)
    (file,) = job_table.list_jobs(Database(workspace))[0].options["files"]
    assert (file["fields"]["prompt"], file["fields"]["system"]) == ("fields.prompt", "")


def test_a_path_outside_the_allowed_folders_is_refused(folder: Path, tmp_path: Path) -> None:
    app = open_page("import_data", **{"from": "This server", "path": str(alpaca_file(tmp_path))})
    app.button(key="link_take_path").click().run()
    assert "is outside the folders" in app.error[0].value.replace("\\", "")


def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "innocent.jsonl").symlink_to(alpaca_file(tmp_path))
    app = open_page("import_data", **{"from": "This server", "path": str(folder / "innocent.jsonl")})
    app.button(key="link_take_path").click().run()
    assert "is outside the folders" in app.error[0].value.replace("\\", "")


def test_a_file_that_is_no_data_says_why(folder: Path) -> None:
    path = folder / "picture.json"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "PNG image" in said(choose(path))


def test_rejected_lines_are_listed_with_their_reason(workspace: Path, tmp_path: Path) -> None:
    dataset = import_file(workspace, alpaca_file(tmp_path, bad_lines=2))
    app = open_page("import_data", imported=dataset)
    assert "40 lines imported as 40 rows, 2 lines rejected" in app.success[0].value
    table = app.dataframe[-1].value
    assert list(table["Line"]) == [41, 42]
    assert all("JSON" in reason for reason in table["Reason"])


def test_columns_that_are_not_trained_on_are_named(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_text('{"prompt": "Why?", "response": "So.", "verdict": "Rather: because."}\n')
    app = open_page("import_data", imported=import_file(workspace, path))
    assert "Kept beside the rows, not trained on: verdict" in [one.value for one in app.caption]


def test_an_import_that_is_unknown_is_a_message(workspace: Path) -> None:
    assert "no import" in open_page("import_data", imported="nothing").error[0].value


def test_an_upload_is_stored_by_its_content(tmp_path: Path) -> None:
    path = alpaca_file(tmp_path)
    stored = []
    for name in ("a.jsonl", "a.jsonl"):
        with path.open("rb") as stream:
            stored.append(store_upload(open_workspace(tmp_path / "ws"), name, stream))
    assert stored[0] == stored[1]
    assert stored[0].read_bytes() == path.read_bytes()
    assert not list((tmp_path / "ws" / "uploads").glob(".*"))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "", "a/../b", "C:\\x\\y.json", "\x00.json", "ü" * 400]
)
def test_the_name_of_an_upload_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe and "/" not in safe and "\\" not in safe and not safe.startswith(".")
    assert len(safe.encode()) <= 200
