"""Every test of a page gets a workspace of its own, and no worker is started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

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
