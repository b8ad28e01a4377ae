"""Colours of a map: what a byte stands for has the colour that the page gives it elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.map_colours import (
    MISSING,
    MUTED,
    PALETTE,
    Shading,
    cluster_colour,
    paint_column,
    shade_clusters,
    values_of,
)  # fmt: skip
from tamis.actions.map_tiles import MapTiles, map_column, open_map, spread_over_clusters
from tamis.actions.read_rows import ALL_ROWS, cluster_of, read_column
from tamis.compute.map.tiles import build_tiles
from tamis.store.artifacts.readers import read_coordinates
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.map.column_files import REVISIONS_KEPT, open_column
from tamis.store.map.tile_files import map_folder, open_tiles
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import DATASET, make_rows, write_dataset

N_ROWS = 60
SHADING = Shading(
    title="Weight", stops=((0.0, "#000000"), (1.0, "#ffffff")), low=0.0, high=2.0, nothing="#112233"
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> DatasetContext:
    path = tmp_path_factory.mktemp("colours")
    write_dataset(ArtifactStore(path), make_rows(N_ROWS))
    return open_context(open_workspace(path), DATASET)


@pytest.fixture(scope="module")
def opened(context: DatasetContext) -> MapTiles:
    return open_map(context)


def _colours(palette: bytes, codes: np.ndarray) -> list[str]:
    table = np.frombuffer(palette, dtype=np.uint8).reshape(256, 4)
    assert (table[:, 3] == 255).all()
    return ["#" + bytes(table[code, :3]).hex() for code in codes]


def test_a_cluster_has_the_colour_that_its_table_shows(context: DatasetContext, opened: MapTiles) -> None:
    column = map_column(context, opened, "cluster")
    painted = paint_column(context, "cluster", "cluster", column, ALL_ROWS)
    expected = [cluster_colour(int(i)).lower() for i in cluster_of(context)[opened.tiles.order]]
    assert _colours(painted.palette, np.asarray(column.codes)) == expected
    assert sum(item["count"] for item in painted.legend["items"]) == N_ROWS


@pytest.mark.parametrize("key", ["source", "selected", "meta:lang", "meta:checked", "cluster"])
def test_codes_stand_for_the_values_of_their_rows(
    context: DatasetContext, opened: MapTiles, key: str
) -> None:
    column = map_column(context, opened, key)
    values = read_column(context, key)[opened.tiles.order]
    missing = -1 if key == "cluster" else None
    for code, value in zip(column.codes.tolist(), values.tolist(), strict=True):
        assert values_of(column, [code]) == [missing if code == MISSING else value]


def test_a_number_keeps_its_order_in_its_colours(context: DatasetContext, opened: MapTiles) -> None:
    column = map_column(context, opened, "score:alignment")
    values = read_column(context, "score:alignment")[opened.tiles.order]
    codes = np.asarray(column.codes).astype(int)
    assert ((codes == MISSING) == ~np.isfinite(values)).all()
    known = np.isfinite(values)
    assert (np.diff(codes[known][np.argsort(values[known], kind="stable")]) >= 0).all()
    painted = paint_column(context, "score:alignment", "alignment", column, ALL_ROWS)
    assert _colours(painted.palette, np.array([MISSING])) == [MUTED.lower()]
    assert sum(painted.legend["histogram"]) == int(known.sum())


def test_many_clusters_are_shaded_as_few_are(context: DatasetContext, opened: MapTiles) -> None:
    values = {0: 0.0, 1: 2.0, 2: 1.0, 3: float("nan")}
    few = map_column(context, opened, "cluster")
    many = spread_over_clusters(opened, cluster_of(context), values, SHADING.low, SHADING.high)
    ids = cluster_of(context)[opened.tiles.order]
    by_palette = _colours(shade_clusters(few, values, SHADING).palette, np.asarray(few.codes))
    by_column = _colours(shade_clusters(many, values, SHADING).palette, np.asarray(many.codes))
    for cluster, one, other in zip(ids.tolist(), by_palette, by_column, strict=True):
        assert abs(int(one[1:3], 16) - int(other[1:3], 16)) <= 3, cluster
        if cluster in (-1, 3):
            assert one == other == "#112233"
        elif cluster == 1:
            assert one == "#ffffff"


def test_columns_are_kept_and_old_revisions_go(context: DatasetContext, opened: MapTiles) -> None:
    layout = context.view.require("layout")
    folder = map_folder(layout)
    first = map_column(context, opened, "tokens")
    written = (folder / f"{first.id}.npy").stat().st_mtime_ns
    assert map_column(context, opened, "tokens").id == first.id
    assert (folder / f"{first.id}.npy").stat().st_mtime_ns == written
    ids = set()
    for revision in range(1, REVISIONS_KEPT + 3):
        tags = type(context.tags)(revision=revision, rows={"red": np.arange(revision)})
        ids.add(open_column(layout, opened.tiles, context.view, "tag:red", tags=tags).id)
    assert len(ids) == REVISIONS_KEPT + 2
    assert len([path for path in folder.glob("*.npy") if path.stem in ids]) == REVISIONS_KEPT


def test_the_palette_has_no_colour_twice() -> None:
    assert len(set(PALETTE)) == len(PALETTE)


def test_a_layout_of_before_gets_its_tiles_once_and_damaged_ones_are_made_again(tmp_path: Path) -> None:
    write_dataset(ArtifactStore(tmp_path), make_rows(N_ROWS))
    layout = open_context(open_workspace(tmp_path), DATASET).view.require("layout")
    first = open_tiles(layout)
    order = np.array(first.order)  # of its own, whatever becomes of the file
    folder = map_folder(layout) / "tiles"
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = open_tiles(layout)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    assert (np.asarray(again.order) == np.asarray(first.order)).all()
    assert (np.asarray(again.places) == build_tiles(read_coordinates(layout)).places).all()
    (folder / "order.npy").write_bytes(b"not an array")
    assert (np.asarray(open_tiles(layout).order) == order).all()
    assert (folder / "order.npy").read_bytes() != b"not an array"
