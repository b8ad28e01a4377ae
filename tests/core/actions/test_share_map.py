"""A map to send: complete, without a text unless asked for, and nothing in it that a browser would fetch or run."""

from __future__ import annotations

import base64
import gzip
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import orjson
import pytest

from tamis.actions import share_map as module
from tamis.actions.dataset_context import open_context
from tamis.actions.map_file import join_modules, read_modules
from tamis.actions.map_tiles import map_column, open_map
from tamis.actions.read_rows import ALL_ROWS, cluster_of
from tamis.actions.share_map import MapView, share_map
from tamis.compute.map.raster import encode_png, raster
from tamis.compute.map.tiles import TILE
from tamis.errors import InvalidOptions, UnknownName
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import Workspace, open_workspace
from tests.core.store.small_workspace import DATASET, make_rows, write_dataset

N_ROWS = 60


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    path = tmp_path_factory.mktemp("shared")
    write_dataset(ArtifactStore(path), make_rows(N_ROWS))
    return open_workspace(path)


def _given(path: Path) -> dict:
    (text,) = re.findall(
        r'<script type="application/json" id="given">(.*?)</script>', path.read_text("utf-8"), re.DOTALL
    )
    return orjson.loads(text)


def _array(given: dict, name: str, dtype: object) -> np.ndarray:
    return np.frombuffer(base64.b64decode(given["arrays"][name]), dtype=dtype)


def test_a_file_holds_every_row_where_it_lies_and_no_text(workspace: Workspace, tmp_path: Path) -> None:
    done = share_map(workspace, DATASET, tmp_path / "deep" / "map.html")
    assert (done.n_points, done.n_rows) == (N_ROWS, N_ROWS)
    text, given = done.path.read_text("utf-8"), _given(done.path)
    for words in ("salt", "alert(1)", "http://", "https://", "import "):
        assert words not in text, words
    assert "default-src 'none'" in text
    context = open_context(workspace, DATASET)
    opened = open_map(context)
    assert (_array(given, "rows", "<u4") == opened.tiles.order).all()
    assert (_array(given, "xy", "<u2").reshape(-1, 2) == opened.tiles.places).all()
    assert (_array(given, "index", TILE) == opened.tiles.index).all()
    column = map_column(context, opened, "cluster")
    assert (_array(given, f"column {column.id}", np.uint8) == column.codes).all()
    codes, clusters = _array(given, "clusters", np.uint8), cluster_of(context)[opened.tiles.order]
    assert [given["clusters"][code][0] if code < 255 else -1 for code in codes] == clusters.tolist()


def test_texts_come_only_when_they_are_asked_for_and_are_no_markup(
    workspace: Workspace, tmp_path: Path
) -> None:
    done = share_map(workspace, DATASET, tmp_path / "map.html", texts=True)
    given = _given(done.path)
    cards = [card for one in given["texts"] for card in orjson.loads(gzip.decompress(base64.b64decode(one)))]
    assert len(cards) == N_ROWS
    assert any("<script>" in card["prompt"] + card["response"] for card in cards)
    assert "alert(1)" not in done.path.read_text("utf-8")


def test_more_rows_than_a_file_takes_are_a_sample_that_says_so(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 25)
    scope = ALL_ROWS.and_where("cluster", [0, 1])
    done = share_map(
        workspace, DATASET, tmp_path / "map.html", view=MapView(scope=scope, camera=(0.5, 0.5, 0.3))
    )
    assert (done.n_points, done.n_rows) == (25, N_ROWS)
    assert any("25 of 60 rows, a random sample" in fact for fact in done.caption)
    given, context = _given(done.path), open_context(workspace, DATASET)
    rows = _array(given, "rows", "<u4")
    assert len(np.unique(rows)) == 25
    column = given["column"]
    by_code = [item for item in column["items"] if item["code"] >= 0]
    codes = _array(given, f"column {column['id']}", np.uint8)
    names = {item["code"]: item["label"] for item in by_code}
    assert [names[code] for code in codes] == [
        context.cluster_name(int(i)) for i in cluster_of(context)[rows]
    ]
    bits = np.unpackbits(_array(given, f"bits {given['mask']}", np.uint8), bitorder="little")[:25]
    assert (bits.astype(bool) == np.isin(cluster_of(context)[rows], [0, 1])).all()


@pytest.mark.parametrize("colour", ["cluster", "score:alignment", "selected"])
def test_a_picture_is_well_formed_and_says_what_it_shows(
    workspace: Workspace, tmp_path: Path, colour: str
) -> None:
    done = share_map(
        workspace, DATASET, tmp_path / "map.svg", view=MapView(colour=colour, dark=colour == "selected")
    )
    root = ET.fromstring(done.path.read_text("utf-8"))
    said = " ".join(root.itertext())
    assert f"{N_ROWS} rows" in said
    assert "colour:" in said
    assert done.caption[0] in said
    drawn = sum(path.get("d", "").count("M") for path in root.iter("{http://www.w3.org/2000/svg}path"))
    assert drawn == N_ROWS


def test_many_points_are_one_picture_with_the_colours_of_the_palette() -> None:
    rng = np.random.default_rng(0)
    at, colours = (
        rng.random((500, 2)) * 40,
        np.array([[200, 10, 10], [10, 10, 200]], np.uint8)[rng.integers(0, 2, 500)],
    )
    pixels = raster(
        np.vstack([at, [[-3.0, 5.0], [41.0, 2.0]]]),
        np.vstack([colours, colours[:2]]),
        width=40,
        height=40,
        size=3,
        alpha=0.5,
    )
    inked = pixels[..., 3] > 0
    assert {tuple(one) for one in pixels[inked][:, :3].tolist()} <= {(200, 10, 10), (10, 10, 200)}
    x, y = at.astype(int).T
    assert inked[y, x].all()
    assert encode_png(pixels).startswith(b"\x89PNG")


def test_what_cannot_be_written_is_said(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptions, match=r"\.html or \.svg"):
        share_map(workspace, DATASET, tmp_path / "map.pdf")
    with pytest.raises(UnknownName, match="nothing"):
        share_map(workspace, DATASET, tmp_path / "map.html", view=MapView(colour="nothing"))


def test_joined_modules_import_nothing_and_keep_their_names_apart() -> None:
    joined = join_modules(
        {
            "a.js": 'import b from "./b.js"\nimport { c,\n  d } from "./c.js"\nconst x = b + c + d\nrun(x)\n',
            "b.js": "const x = 1\nexport default function (y) { return x + y }\n",
            "c.js": "export const c = 2\nexport function d() { return c }\n",
        },
        "a.js",
    )
    assert "import" not in joined
    assert "export" not in joined
    assert joined.index('modules["b.js"] =') < joined.index('modules["a.js"] =')
    everything = join_modules(read_modules(), "sent.js")
    assert not re.search(r"^(import|export) ", everything, re.MULTILINE)
