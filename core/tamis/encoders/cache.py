"""Vectors already computed, found again by the text they belong to, whatever dataset it came from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamis.errors import CurationError
from tamis.types import Bools, Float32s, Int64s

UInt64s: TypeAlias = NDArray[np.uint64]

KEY_BYTES = 16
KEYS, VECTORS, ABOUT = "keys.npy", "vectors.npy", "encoder.json"
UNIT_TOLERANCE = 1e-3  # stored vectors have length 1; anything else came from a damaged file


def text_key(text: str) -> bytes:
    """The 16 bytes that stand for a text: BLAKE2b-128 of its UTF-8."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


class VectorCache:
    """Unit vectors of one encoder in append-only segments, for any number of processes at once.

    A segment is a folder ``<directory>/<encoder>/<name>.segment`` with ``keys.npy`` (n, 2) uint64 and ``vectors.npy``
    (n, dimension) float32. It is written beside and renamed into place, so it is whole or absent. A segment that cannot
    be read, or holds other bytes than were written, is left alone and named in ``notes``. Keys are held in memory (16 + 12 bytes per vector), vectors are not.
    """

    def __init__(self, directory: Path, identity: str, dimension: int) -> None:
        self.dimension = dimension
        self.notes: list[str] = []
        label = hashlib.blake2b(f"{identity}\n{dimension}".encode(), digest_size=KEY_BYTES).hexdigest()
        self.folder = Path(directory) / label
        self._identity = identity
        self._seen: set[str] = set()
        self._sound: set[tuple[object, ...]] = set()  # files that were read whole, as they were then
        self._names: list[str] = []  # usable segments, in the order in which they were met
        # The keys of all segments, ascending in their first half, with segment and row of each.
        self._keys: UInt64s = np.empty((0, 2), dtype=np.uint64)
        self._segment: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._row: Int64s = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        """Vectors known now, in whichever process they were put."""
        self._refresh()
        return len(self._keys)

    def get(self, hashes: Sequence[bytes]) -> tuple[Float32s, Bools]:
        """Vectors (n, dimension) float32, zero where none is known, and which ones are known, shape (n,)."""
        self._refresh()
        keys = _packed(hashes)
        while True:
            place = self._find(keys)
            vectors, usable = self._fetch(place)
            damaged = np.unique(self._segment[place[(place >= 0) & ~usable]])
            if not damaged.size:
                return vectors, usable
            self._forget(damaged)  # the same text may stand in a sound segment too: look again without these

    def put(self, hashes: Sequence[bytes], vectors: Float32s) -> None:
        """Keep vectors (n, dimension) under their keys; those not of unit length (blank texts) are left out.

        Raises CurationError when the shapes do not fit.
        """
        keys, vectors = _packed(hashes), np.asarray(vectors, dtype=np.float32)
        if vectors.shape != (len(keys), self.dimension):
            raise CurationError(
                f"{len(keys)} keys need vectors of shape ({len(keys)}, {self.dimension}), got {vectors.shape}."
            )
        unit = _is_unit(vectors)
        keys, vectors = keys[unit], vectors[unit]
        keys, first = np.unique(keys, axis=0, return_index=True)
        if len(keys):
            self._write(keys, vectors[first])

    def _fetch(self, place: Int64s) -> tuple[Float32s, Bools]:
        """Vectors at positions of the sorted keys (-1: none), and where one of unit length was read."""
        vectors = np.zeros((len(place), self.dimension), dtype=np.float32)
        known = np.flatnonzero(place >= 0)
        segments = self._segment[place[known]]
        for segment in np.unique(segments):
            rows = known[segments == segment]
            vectors[rows] = self._read(int(segment), self._row[place[rows]])
        usable: Bools = _is_unit(vectors)
        vectors[~usable] = 0
        return vectors, usable

    def _write(self, keys: UInt64s, vectors: Float32s) -> None:
        name = uuid.uuid4().hex
        beside = self.folder / f"{name}.writing"
        beside.mkdir(parents=True)
        try:
            _save(beside / KEYS, keys)
            _save(beside / VECTORS, vectors)
            about = {"identity": self._identity, "dimension": self.dimension}
            about |= {name: _digest(beside / name) for name in (KEYS, VECTORS)}
            (beside / ABOUT).write_text(json.dumps(about), "utf-8")
            beside.rename(self.folder / f"{name}.segment")
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise

    def _refresh(self) -> None:
        """Take in the segments that this or another process has added since the last look."""
        try:
            with os.scandir(self.folder) as entries:
                present = {entry.name for entry in entries if entry.name.endswith(".segment")}
        except FileNotFoundError:
            return
        new = sorted(present - self._seen)
        if not new:
            return
        self._seen.update(new)
        keys, segment, row = [self._keys], [self._segment], [self._row]
        for name in new:
            new_keys = self._load_keys(name)
            if new_keys is not None:
                keys.append(new_keys)
                segment.append(np.full(len(new_keys), len(self._names), dtype=np.int32))
                row.append(np.arange(len(new_keys), dtype=np.int64))
                self._names.append(name)
        merged = np.concatenate(keys)
        order = np.argsort(merged[:, 0], kind="stable")  # runs already in order are merged, not sorted anew
        self._keys = merged[order]
        self._segment, self._row = np.concatenate(segment)[order], np.concatenate(row)[order]

    def _load_keys(self, name: str) -> UInt64s | None:
        try:
            self._require_sound(name, KEYS)
            keys: UInt64s = np.load(self.folder / name / KEYS, allow_pickle=False)
            vectors = np.load(self.folder / name / VECTORS, mmap_mode="r", allow_pickle=False)
            whole = keys.dtype == np.uint64 and keys.ndim == 2 and keys.shape[1] == 2
            whole = whole and vectors.dtype == np.float32 and vectors.shape == (len(keys), self.dimension)
        except (OSError, ValueError, EOFError) as error:
            self._note(name, str(error))
            return None
        if not whole:
            self._note(name, f"keys {keys.shape} and vectors {vectors.shape} do not fit")
            return None
        return keys

    def _read(self, segment: int, rows: Int64s) -> Float32s:
        """Rows of one segment; zero where its file has gone or been cut since it was met."""
        name = self._names[segment]
        try:
            self._require_sound(name, VECTORS)
            vectors = np.load(self.folder / name / VECTORS, mmap_mode="r", allow_pickle=False)
            return np.asarray(vectors[rows], dtype=np.float32)
        except (OSError, ValueError, IndexError) as error:
            self._note(name, str(error))
            return np.zeros((len(rows), self.dimension), dtype=np.float32)

    def _require_sound(self, name: str, file: str) -> None:
        """Raise ValueError where a file is not what was written; one that stays as it is is read once. Those of before have
        no digest.
        """
        path = self.folder / name / file
        status = path.stat()
        as_it_is = (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if as_it_is in self._sound:
            return
        wanted = json.loads((self.folder / name / ABOUT).read_text("utf-8")).get(file)
        if wanted is not None and _digest(path) != wanted:
            raise ValueError(f"{file} holds other bytes than were written")
        self._sound.add(as_it_is)

    def _find(self, wanted: UInt64s) -> Int64s:
        """Position in the sorted keys of each wanted key, -1 where there is none."""
        result = np.full(len(wanted), -1, dtype=np.int64)
        if not len(self._keys):
            return result
        firsts = self._keys[:, 0]
        place = np.searchsorted(firsts, wanted[:, 0])
        open_rows = np.arange(len(wanted))
        # Keys that share their first half stand side by side: step along them until both halves agree.
        while open_rows.size:
            inside = place[open_rows] < len(firsts)
            open_rows = open_rows[inside]
            open_rows = open_rows[firsts[place[open_rows]] == wanted[open_rows, 0]]
            agrees = self._keys[place[open_rows], 1] == wanted[open_rows, 1]
            result[open_rows[agrees]] = place[open_rows[agrees]]
            open_rows = open_rows[~agrees]
            place[open_rows] += 1
        return result

    def _forget(self, segments: NDArray[np.int32]) -> None:
        for segment in segments:
            self._note(self._names[int(segment)], "it holds vectors that are not of unit length")
        kept = ~np.isin(self._segment, segments)
        self._keys, self._segment, self._row = self._keys[kept], self._segment[kept], self._row[kept]

    def _note(self, name: str, reason: str) -> None:
        if any(str(self.folder / name) in note for note in self.notes):
            return  # one reason per segment is enough
        note = (
            f"The cached vectors in {self.folder / name} cannot be used ({reason}) and are computed again: the folder "
            "may be deleted."
        )
        self.notes.append(note)


def _packed(hashes: Sequence[bytes]) -> UInt64s:
    """Keys as two big-endian halves each, shape (n, 2)."""
    joined = b"".join(hashes)
    if len(joined) != KEY_BYTES * len(hashes):
        raise CurationError(f"Keys must have {KEY_BYTES} bytes each, as text_key makes them.")
    return np.frombuffer(joined, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def _is_unit(vectors: Float32s) -> Bools:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    result: Bools = np.abs(lengths - 1) < UNIT_TOLERANCE  # False for NaN
    return result


def _save(path: Path, array: NDArray[np.generic]) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
