"""The overview: where each dataset stands, the next thing to do, renaming, deletion and its undoing."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tamis.jobs import job_table
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.names import dataset_names
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_pipeline, said


@pytest.fixture
def dataset(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path, bad_lines=3))


def steps_of_jobs(workspace: Path) -> list[str]:
    return [job.step for job in job_table.list_jobs(Database(workspace))][::-1]


def button(app: AppTest, label: str) -> object:
    return next(one for one in app.button if one.label == label)


def metric(app: AppTest, label: str) -> str:
    return next(one.value for one in app.metric if one.label == label)


def test_an_empty_workspace_names_the_next_step(workspace: Path) -> None:
    assert "Import a file" in said(open_page("overview"))


def test_a_dataset_says_rows_and_rejected_lines(dataset: str) -> None:
    app = open_page("overview")
    assert "40 rows · 3 lines rejected · Alpaca" in said(app)
    assert (metric(app, "Rows"), metric(app, "Rejected lines")) == ("40", "3")


def test_a_repeated_conversation_is_counted(workspace: Path, tmp_path: Path) -> None:
    path = alpaca_file(tmp_path, 5)
    path.write_bytes(path.read_bytes() * 2)
    import_file(workspace, path)
    assert metric(open_page("overview"), "Repeated rows") == "5"


def test_the_next_step_of_a_fresh_dataset_is_to_embed(workspace: Path, dataset: str) -> None:
    checked(button(open_page("overview"), "Next: Embed").click().run())
    assert steps_of_jobs(workspace) == ["embed"]


def test_all_steps_are_queued_in_order(workspace: Path, dataset: str) -> None:
    checked(button(open_page("overview"), "Run all steps").click().run())
    assert steps_of_jobs(workspace) == ["embed", "cluster", "project", "score", "score", "select"]


def test_a_finished_dataset_offers_export_and_no_step(workspace: Path, dataset: str) -> None:
    run_pipeline(workspace, dataset)
    labels = {one.label for one in open_page("overview").button}
    assert {"Open the map", "Next: Export"} <= labels
    assert not {"Next: Embed", "Next: Cluster", "Run all steps"} & labels


def test_a_failed_step_shows_its_reason_and_can_be_tried_again(workspace: Path, dataset: str) -> None:
    checked(button(open_page("overview"), "Next: Embed").click().run())
    database = Database(workspace)
    job = job_table.list_jobs(database)[0]
    with database.writing() as connection:
        job_table.change(connection, job, {"state": "failed", "reason": "The model is gone."})
    app = open_page("overview")
    assert "The model is gone" in app.error[0].value
    checked(button(app, "Try again").click().run())
    assert job_table.list_jobs(database)[0].state == "queued"


def test_a_dataset_is_renamed_in_place(workspace: Path, dataset: str) -> None:
    app = open_page("overview")
    app.text_input(key=f"rename_{dataset}").set_value("Better name")
    checked(button(app, "Rename").click().run())
    assert dataset_names(open_workspace(workspace)) == {dataset: "Better name"}


def test_deletion_needs_the_name_and_can_be_undone(workspace: Path, dataset: str) -> None:
    app = open_page("overview")
    delete = f"delete_{dataset}"
    assert app.button(key=delete).disabled
    checked(app.text_input(key=f"confirm_{dataset}").set_value("Questions").run())
    checked(app.button(key=delete).click().run())
    assert ArtifactStore(workspace).dataset_ids() == []
    checked(button(app, "Put back").click().run())
    assert ArtifactStore(workspace).dataset_ids() == [dataset]


def test_many_datasets_come_a_page_at_a_time_and_are_found_by_name(workspace: Path, tmp_path: Path) -> None:
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        import_file(
            workspace, alpaca_file(folder, 3 + number), name=f"set {'twin' if number < 2 else number}"
        )
    app = open_page("overview")
    assert len([one for one in app.subheader if one.value.startswith("set ")]) == 8
    options = app.sidebar.selectbox[0].options
    assert len([one for one in options if one.startswith("set twin (")]) == 2
    app.text_input(key="find_dataset").set_value("TWIN").run()
    assert [one.value for one in app.subheader if one.value.startswith("set ")] == ["set twin", "set twin"]
