"""One workspace with a dataset that went through the pipeline, opened by the front door; each test has a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tamis
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline
from tests.support.in_process import no_workers, workers_where_asked

__all__ = ["no_workers", "workers_where_asked"]

N_ROWS = 40


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that tests copy: 40 rows about bread, stars, taxes and rivers in turn, and 3 lines that are no rows."""
    folder = tmp_path_factory.mktemp("front_door")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder, N_ROWS, bad_lines=3))
    run_pipeline(folder / "workspace", dataset_id)
    return folder / "workspace"


@pytest.fixture
def ws(pipeline: Path, tmp_path: Path) -> tamis.Workspace:
    return tamis.open(shutil.copytree(pipeline, tmp_path / "workspace"), reviewer="ann")


@pytest.fixture
def data(ws: tamis.Workspace) -> tamis.Dataset:
    return ws.dataset("Questions")
