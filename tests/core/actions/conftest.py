"""A workspace with one imported dataset, in which no worker is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file
from tests.support.in_process import no_workers, workers_where_asked

__all__ = ["no_workers", "workers_where_asked"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def dataset_id(workspace: Workspace, tmp_path: Path) -> str:
    """40 rows about bread, stars, taxes and rivers in turn, and 3 lines that are no rows."""
    return import_file(workspace.path, alpaca_file(tmp_path, bad_lines=3))
