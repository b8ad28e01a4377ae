"""What surrounds every page: the menu, the dataset in the address, messages instead of tracebacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.shared.navigation import APP_PAGES
from pages.shared.plain_text import plain
from tamis.actions.pipeline import PIPELINE
from tamis.jobs import job_table
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_app, open_page, said

EXISTING = [page.name for page in APP_PAGES if page.exists]


@pytest.mark.parametrize("name", EXISTING)
def test_every_page_renders_alone_in_an_empty_workspace(workspace: Path, name: str) -> None:
    assert open_page(name).title[0].value


@pytest.mark.parametrize("name", EXISTING)
def test_every_page_renders_alone_with_a_dataset(workspace: Path, tmp_path: Path, name: str) -> None:
    import_file(workspace, alpaca_file(tmp_path))
    assert open_page(name).sidebar.selectbox or name in ("import_data", "job_list")


def test_the_app_opens_on_the_overview(workspace: Path) -> None:
    assert open_app().title[0].value == "Overview"


def test_the_dataset_of_the_address_is_opened(workspace: Path, tmp_path: Path) -> None:
    first = import_file(workspace, alpaca_file(tmp_path), "First")
    second = import_file(workspace, alpaca_file(tmp_path, 30), "Second")
    for dataset_id in (first, second):
        app = open_page("export_data", dataset=dataset_id)
        assert app.sidebar.selectbox[0].value == dataset_id


def test_without_an_address_the_newest_dataset_is_opened_and_put_into_it(
    workspace: Path, tmp_path: Path
) -> None:
    import_file(workspace, alpaca_file(tmp_path), "A first")
    newest = import_file(workspace, alpaca_file(tmp_path, 30), "B second")
    app = open_page("export_data")
    assert app.sidebar.selectbox[0].value == newest
    assert newest in app.query_params["dataset"]


def test_picking_another_dataset_changes_the_address_and_drops_the_filter(
    workspace: Path, tmp_path: Path
) -> None:
    first = import_file(workspace, alpaca_file(tmp_path), "First")
    second = import_file(workspace, alpaca_file(tmp_path, 30), "Second")
    app = open_page("export_data", dataset=first, selection="gone")
    checked(app.sidebar.selectbox[0].set_value(second).run())
    assert second in app.query_params["dataset"]
    assert "selection" not in app.query_params


def test_a_dataset_that_is_gone_is_said_and_replaced(workspace: Path, tmp_path: Path) -> None:
    present = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("export_data", dataset="long-gone")
    assert plain("long-gone") in app.warning[0].value
    assert app.sidebar.selectbox[0].value == present


def test_the_first_start_queues_everything_once_whoever_comes_first(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_SAMPLE_ON_EMPTY", "true")
    app = open_page("overview")
    queued = job_table.list_jobs(Database(workspace))
    assert sorted(job.step for job in queued) == sorted([stage.step for stage in PIPELINE] + ["score"])
    assert "Tamis sample" in said(app)
    open_page("overview")
    assert len(job_table.list_jobs(Database(workspace))) == len(queued)


def test_the_setting_keeps_an_empty_workspace_empty(workspace: Path) -> None:
    open_page("overview")
    assert not job_table.list_jobs(Database(workspace))
    assert not ArtifactStore(workspace).dataset_ids()
