"""Fixtures over the small workspace."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tamis.store.artifacts.store import ArtifactStore
from tamis.store.artifacts.view import DatasetView, open_view
from tamis.store.database.database import Database
from tamis.store.workspace import Workspace, open_workspace
from tests.core.store.small_workspace import DATASET, Written, make_rows, write_dataset
from tests.support.in_process import no_workers, workers_where_asked

__all__ = ["no_workers", "workers_where_asked"]


@pytest.fixture(scope="session")
def rows() -> Written:
    return make_rows()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, rows: Written) -> ArtifactStore:
    """Read-only: shared by the whole session. The folder name is hostile on purpose."""
    store = ArtifactStore(tmp_path_factory.mktemp("work space's \u4f60"))
    write_dataset(store, rows)
    return store


@pytest.fixture(scope="session")
def view(store: ArtifactStore) -> DatasetView:
    return open_view(store, DATASET)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


@pytest.fixture
def empty_store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


@pytest.fixture
def workspace(store: ArtifactStore, tmp_path: Path) -> Workspace:
    """A copy of the small workspace with a database of its own."""
    return open_workspace(shutil.copytree(store.workspace, tmp_path / "copy"))
