"""Every test of a page gets a workspace of its own, and no worker is started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from altair.utils.schemapi import debug_mode
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner

from pages.shared.server import open_server
from tamis.jobs.scheduler.ticker import Ticker
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty workspace that does not begin with the sample data."""
    path = tmp_path / "workspace"
    monkeypatch.setenv("TAMIS_WORKSPACE", str(path))
    monkeypatch.setenv("TAMIS_SAMPLE_ON_EMPTY", "false")
    monkeypatch.setattr(Ticker, "start", lambda self: None)
    open_server.clear()
    yield path
    open_server.clear()


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Forty questions, embedded, clustered, laid out, scored and selected from: the workspace to copy, and the dataset."""
    folder = tmp_path_factory.mktemp("questions")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder))
    run_pipeline(folder / "workspace", dataset_id)
    return folder / "workspace", dataset_id


@pytest.fixture
def dataset_id(questions: tuple[Path, str], workspace: Path) -> str:
    """The questions in the workspace of this test."""
    made, dataset_id = questions
    shutil.copytree(made, workspace)
    return dataset_id


@pytest.fixture(scope="session", autouse=True)
def components_are_looked_for_once() -> Iterator[None]:
    """Every ``AppTest`` would read the metadata of all installed packages again, for components that none of them has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def charts_are_checked_whole() -> Iterator[None]:
    """When they are drawn; each of their parts by itself before that is for finding which one is wrong."""
    with debug_mode(False):
        yield


@pytest.fixture(scope="session", autouse=True)
def a_page_is_waited_for_by_its_thread() -> Iterator[None]:
    """Asking a thousand times a second whether it has ended takes the processor from the page that is waited for."""
    ask = local_script_runner.require_widgets_deltas

    def wait(runner: local_script_runner.LocalScriptRunner, timeout: float = 3) -> None:
        assert runner._script_thread is not None
        runner._script_thread.join(timeout)
        ask(runner, 1)  # says that it has not ended

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield
