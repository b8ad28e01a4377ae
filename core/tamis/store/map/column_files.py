"""Columns of a map, one byte a row in the order of its tiles: made on first use, kept beside the layout."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.compute.map.columns import MISSING, OTHER, encode_groups, encode_numbers
from tamis.compute.map.tiles import Tiles
from tamis.errors import ArtifactDamaged
from tamis.store.artifacts.digests import digest_of, is_sound, sealed, unsealed
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.tags import TagState
from tamis.store.durable import make_folder, write_atomically
from tamis.store.map.tile_files import map_folder, may_keep
from tamis.store.rows.query import column_values
from tamis.types import JSON

REVISIONS_KEPT = 4  # of one column: what a page of before still draws
HISTOGRAM_BINS = 48
UInt8s: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class ColumnCodes:
    """A column of a map: its bytes in tile order, and what they mean.

    ``values`` are what the codes from 0 stand for (clusters as ids, -1 for several that share a code), ``counts`` how
    many rows each has, with those of OTHER and of missing values after them. A number has ``edges`` of its codes
    instead, and a histogram of equal bins.
    """

    id: str
    kind: Literal["groups", "numbers"]
    codes: UInt8s
    values: tuple[JSON, ...]
    counts: tuple[int, ...]
    n_other: int
    n_missing: int
    edges: tuple[float, ...]
    histogram: tuple[int, ...]
    low: float
    high: float


def open_column(
    layout: Artifact, tiles: Tiles, view: DatasetView, key: str, *, tags: TagState | None = None
) -> ColumnCodes:
    """The column of that key, from its files where they are there. Raises UnknownName and ArtifactMissing."""
    name = column_id(view, key, tags)
    folder = map_folder(layout)
    data, about = folder / f"{name}.npy", folder / f"{name}.json"
    told = _kept(data, about)
    if told is not None:
        kept: UInt8s = np.load(data, mmap_mode="r", allow_pickle=False)
        return _described(name, kept, told)
    codes, meaning = _encode(view, key, tags)
    ordered = codes[tiles.order]
    if may_keep(layout):
        make_folder(folder)
        # What it means is written last: where that is, the bytes are whole.
        write_atomically(data, _npy(ordered))
        told = meaning | {"digest": digest_of(data)}
        write_atomically(about, sealed(orjson.dumps(told, option=orjson.OPT_INDENT_2)))
        _forget_old(folder, name)
    return _described(name, ordered, meaning)


def _kept(data: Path, about: Path) -> dict[str, JSON] | None:
    """What kept bytes mean; None where they, or what says it, are not what was written."""
    try:
        told: dict[str, JSON] = orjson.loads(unsealed(about.read_bytes()))
        return told if is_sound(data, told["digest"]) else None
    except (OSError, ValueError, KeyError, TypeError, ArtifactDamaged):
        return None


def _described(name: str, codes: UInt8s, meaning: dict[str, JSON]) -> ColumnCodes:
    return ColumnCodes(
        id=name,
        kind=meaning["kind"],
        codes=codes,
        values=tuple(meaning["values"]),
        counts=tuple(meaning["counts"]),
        n_other=meaning["n_other"],
        n_missing=meaning["n_missing"],
        edges=tuple(meaning["edges"]),
        histogram=tuple(meaning["histogram"]),
        low=meaning["low"],
        high=meaning["high"],
    )


def column_id(view: DatasetView, key: str, tags: TagState | None = None) -> str:
    """What names a column as it is now: whatever changes its values changes this."""
    family = key.partition(":")[0]
    of = {
        "cluster": [view.clustering],
        "distance": [view.clustering],
        "tokens": [view.embeddings],
        "score": [view.scores.get(key.partition(":")[2])],
        **dict.fromkeys(("selected", "rank", "weight"), [view.selection]),
    }.get(family, [view.examples])
    revision = tags.revision if tags is not None and family in ("tag", "tags") else 0
    said: Sequence[object] = [key, *(one.id if one else "" for one in of), revision]
    # The key first, so that the revisions of one column are found by their names.
    return f"{_digest(key)}-{_digest(orjson.dumps(said).decode())}"


def _digest(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=6).hexdigest()


def _encode(view: DatasetView, key: str, tags: TagState | None) -> tuple[UInt8s, dict[str, JSON]]:
    values = column_values(view, key, tags=tags)
    if key == "cluster":
        codes, stands_for = encode_groups(values, fold=True)
        return codes, _groups(codes, stands_for.tolist())
    if values.dtype == bool:
        codes, stands_for = encode_groups(values.astype(np.int64))
        return codes, _groups(codes, [bool(value) for value in stands_for])
    if values.dtype == object:
        values = _first_entries(values)
        # Arrow numbers the values of a million rows in the time that Python takes for ten thousand.
        numbered: Any = pc.dictionary_encode(pa.array(values, pa.string(), from_pandas=True))
        places = numbered.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes, stands_for = encode_groups(places)
        names = numbered.dictionary.to_pylist()
        return codes, _groups(codes, [names[place] for place in stands_for])
    return _numbers(values.astype(np.float64))


def _first_entries(values: NDArray[Any]) -> NDArray[Any]:
    """Of lists the first entry, of an empty one None; other values as they are."""
    if not any(isinstance(one, tuple) for one in values):
        return values
    made = np.empty(len(values), dtype=object)
    made[:] = [(one[0] if one else None) if isinstance(one, tuple) else one for one in values]
    return made


def _groups(codes: UInt8s, values: list[Any]) -> dict[str, JSON]:
    sizes = np.bincount(codes, minlength=256)
    return {
        "kind": "groups",
        "values": values,
        "counts": sizes[: len(values)].tolist(),
        "n_other": int(sizes[OTHER]),
        "n_missing": int(sizes[MISSING]),
        "edges": [],
        "histogram": [],
        "low": 0.0,
        "high": 0.0,
    }


def _numbers(values: NDArray[np.float64]) -> tuple[UInt8s, dict[str, JSON]]:
    codes, edges = encode_numbers(values)
    known = values[np.isfinite(values)]
    histogram = np.histogram(known, bins=HISTOGRAM_BINS)[0].tolist() if len(known) else []
    return codes, {
        "kind": "numbers",
        "values": [],
        "counts": [],
        "n_other": 0,
        "n_missing": int((codes == MISSING).sum()),
        "edges": edges.tolist(),
        "histogram": histogram,
        "low": float(known.min()) if len(known) else 0.0,
        "high": float(known.max()) if len(known) else 0.0,
    }


def _npy(codes: UInt8s) -> bytes:
    stream = io.BytesIO()
    np.save(stream, codes)
    return stream.getvalue()


def _forget_old(folder: Path, name: str) -> None:
    """Drop revisions of this column that no page can draw any more."""
    of_key = sorted(folder.glob(f"{name.partition('-')[0]}-*.json"), key=lambda path: path.stat().st_mtime_ns)
    for about in of_key[:-REVISIONS_KEPT]:
        about.unlink(missing_ok=True)
        about.with_suffix(".npy").unlink(missing_ok=True)
