"""The tiles of a layout as files that can be mapped into memory: in the artifact, or beside it where that is older.

A layout made before there were tiles gets them on its first look, in ``datasets/ID/.maps/LAYOUT``: what lies there can be
made again, so no backup takes it, and it goes to the trash with its dataset.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.map.tiles import TILE, Tiles, build_tiles
from tamis.errors import ArtifactDamaged
from tamis.store.artifacts.digests import digest_of, is_sound, sealed, unsealed
from tamis.store.artifacts.readers import read_coordinates
from tamis.store.artifacts.store import Artifact
from tamis.store.durable import make_folder, move_into_place, write_atomically
from tamis.store.locks import FileLock

INDEX, ORDER, PLACES, ABOUT = "tiles.npy", "order.npy", "places.npy", "tiles.json"
_ARRAYS = (INDEX, ORDER, PLACES)
_WAIT_S = 0.05


def write_tiles(folder: Path, tiles: Tiles) -> None:
    """Write the files of some tiles into a folder."""
    np.save(folder / INDEX, tiles.index)
    np.save(folder / ORDER, tiles.order)
    np.save(folder / PLACES, tiles.places)
    digests = {name: digest_of(folder / name) for name in _ARRAYS}
    about = {"origin": tiles.origin, "side": tiles.side, "bounds": tiles.bounds, "digests": digests}
    write_atomically(folder / ABOUT, sealed(orjson.dumps(about, option=orjson.OPT_INDENT_2)))


def open_tiles(layout: Artifact) -> Tiles:
    """The tiles of a projection or of embeddings, their arrays mapped; built and kept where they are not there yet.

    Raises ArtifactDamaged.
    """
    if ABOUT in layout.manifest.files:
        for name in (ABOUT, *_ARRAYS):
            layout.file(name)
        return _read(layout, layout.path)
    folder = map_folder(layout) / "tiles"
    if not _is_kept(folder):
        if not may_keep(layout):
            return build_tiles(read_coordinates(layout))
        make_folder(folder.parent)
        _build(layout, folder)
    return _read(layout, folder)


def map_folder(layout: Artifact) -> Path:
    """Where what is derived from a layout is kept, whether it is there yet or not."""
    return layout.path.parent.parent / ".maps" / layout.id


def may_keep(layout: Artifact) -> bool:
    """Whether anything can be kept: a workspace that can only be looked at has its maps in memory."""
    return os.access(layout.path.parent.parent, os.W_OK)


def _build(layout: Artifact, folder: Path) -> None:
    lock = FileLock(folder.with_name(".lock"))
    while not lock.acquire():
        time.sleep(_WAIT_S)  # another reader builds them: seconds at ten million rows
    try:
        if _is_kept(folder):
            return
        aside = folder.with_name(".tiles.partial")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        write_tiles(aside, build_tiles(read_coordinates(layout)))
        shutil.rmtree(folder, ignore_errors=True)
        move_into_place(aside, folder)
    finally:
        lock.release()


def _is_kept(folder: Path) -> bool:
    """Whether tiles are there as they were written; others are built anew."""
    try:
        about = orjson.loads(unsealed((folder / ABOUT).read_bytes()))
        return all(is_sound(folder / name, about["digests"][name]) for name in _ARRAYS)
    except (OSError, ValueError, KeyError, TypeError, ArtifactDamaged):
        return False


def _read(layout: Artifact, folder: Path) -> Tiles:
    try:
        about = orjson.loads(unsealed((folder / ABOUT).read_bytes()))
        index = np.load(folder / INDEX, allow_pickle=False)
        order = np.load(folder / ORDER, mmap_mode="r", allow_pickle=False)
        places = np.load(folder / PLACES, mmap_mode="r", allow_pickle=False)
        if index.dtype != TILE or len(order) != len(places) or index["n"].sum() != len(order):
            raise ValueError("the files do not belong together")
        origin, bounds = about["origin"], about["bounds"]
        return Tiles(
            index, order, places, (origin[0], origin[1]), float(about["side"]), (bounds[0], bounds[1])
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ArtifactDamaged(
            f"{layout.kind} {layout.id}: its tiles cannot be read ({error}). Delete the folder {folder}"
            + ("." if folder != layout.path else f" and run {layout.manifest.step!r} again.")
        ) from error
