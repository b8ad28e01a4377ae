"""The map as a file for embedding-atlas: every placed row with its columns, where the map has it, and its nearest rows."""

from __future__ import annotations

import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.actions.dataset_context import open_context
from tamis.actions.export_atlas import export_atlas
from tamis.actions.map_rows import read_positions
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.store.artifacts.readers import read_vectors
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    folder = tmp_path_factory.mktemp("atlas")
    dataset_id = import_file(folder / "w", alpaca_file(folder))
    run_pipeline(folder / "w", dataset_id, budget=10)
    return open_workspace(folder / "w"), dataset_id


def test_rows_places_and_neighbours_are_those_of_the_map(made: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, dataset_id = made
    done = export_atlas(workspace, dataset_id, tmp_path / "deep" / "atlas.parquet", neighbors=3)
    table = pq.read_table(done.path)
    context = open_context(workspace, dataset_id)
    assert table.num_rows == done.n_rows == context.n_rows
    assert np.column_stack([table["x"], table["y"]]) == pytest.approx(read_positions(context))
    assert set(table["cluster"].to_pylist()) <= {context.cluster_name(one) for one in range(-1, 99)}
    assert sum(table["selected"].to_pylist()) == 10
    unit = read_vectors(context.view.require("embeddings"))
    near = table["neighbors"][5].as_py()
    assert near["ids"][0] == 5
    assert near["distances"] == pytest.approx((1 - unit[near["ids"]] @ unit[5]).clip(0), abs=1e-5)
    assert len(near["ids"]) == 4


def test_the_command_opens_it(made: tuple[Workspace, str], tmp_path: Path) -> None:
    """By the command itself where it is installed: it writes the application it would serve, without laying out anew."""
    if find_spec("embedding_atlas") is None:
        pytest.skip("embedding-atlas is not installed")
    done = export_atlas(*made, tmp_path / "atlas.parquet")
    words = shlex.split(done.command) + ["--export-application", str(tmp_path / "app.zip")]
    subprocess.run(["python", "-m", "embedding_atlas.cli", *words[1:]], check=True, timeout=120)
    assert (tmp_path / "app.zip").stat().st_size > 10_000


def test_what_cannot_be_written_is_said(made: tuple[Workspace, str], tmp_path: Path) -> None:
    with pytest.raises(InvalidOptions, match="ends in .parquet"):
        export_atlas(*made, tmp_path / "atlas.csv")
    with pytest.raises(InvalidOptions, match="-1 neighbours"):
        export_atlas(*made, tmp_path / "atlas.parquet", neighbors=-1)
    workspace = open_workspace(tmp_path / "w")
    dataset_id = import_file(workspace.path, alpaca_file(tmp_path))
    with pytest.raises(ArtifactMissing, match="tamis run project"):
        export_atlas(workspace, dataset_id, tmp_path / "atlas.parquet")
