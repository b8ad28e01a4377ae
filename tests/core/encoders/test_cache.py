from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

from tamis.encoders.cache import VectorCache, text_key
from tamis.errors import CurationError

DIMENSION = 6


def keys_of(*names: object) -> list[bytes]:
    return [text_key(str(name)) for name in names]


def vectors_of(*names: object) -> np.ndarray:
    rows = [np.random.default_rng(list(text_key(str(name)))).normal(size=DIMENSION) for name in names]
    return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32).reshape(-1, DIMENSION)


def fill(folder: Path, writer: int, parts: int) -> None:
    cache = VectorCache(folder, "encoder", DIMENSION)
    for part in range(parts):
        names = [f"own {writer} {part}", f"shared {part}"]
        cache.put(keys_of(*names), vectors_of(*names))
        assert cache.get(keys_of(*names))[1].all()


@pytest.fixture
def cache(tmp_path):
    return VectorCache(tmp_path, "encoder", DIMENSION)


def segments(cache: VectorCache) -> list[Path]:
    return sorted(cache.folder.glob("*.segment"))


def test_a_key_is_sixteen_bytes_of_the_text():
    assert len(text_key("")) == 16
    assert len(set(keys_of("a", "A", "a ", "", "é", "e\u0301"))) == 6


def test_vectors_come_back_bit_by_bit_in_the_order_asked_for(cache, tmp_path):
    cache.put(keys_of(*range(50)), vectors_of(*range(50)))
    asked = [7, "unknown", 3, 49, 7, 0]
    for reader in (cache, VectorCache(tmp_path, "encoder", DIMENSION)):
        vectors, found = reader.get(keys_of(*asked))
        assert found.tolist() == [True, False, True, True, True, True]
        assert vectors[found].tobytes() == vectors_of(7, 3, 49, 7, 0).tobytes()
        assert not vectors[1].any()


def test_an_empty_cache_knows_nothing(cache):
    vectors, found = cache.get(keys_of("a", "b"))
    assert vectors.shape == (2, DIMENSION)
    assert not found.any()
    assert cache.get([])[0].shape == (0, DIMENSION)
    assert len(cache) == 0


def test_another_encoder_or_dimension_shares_nothing(cache, tmp_path):
    cache.put(keys_of("a"), vectors_of("a"))
    assert not VectorCache(tmp_path, "other", DIMENSION).get(keys_of("a"))[1].any()
    assert not VectorCache(tmp_path, "encoder", DIMENSION + 1).get(keys_of("a"))[1].any()


def test_keys_that_share_their_first_half_are_told_apart(cache):
    same = [b"first hf" + bytes([i] * 8) for i in (3, 0, 2, 1)]
    cache.put(same[:3], vectors_of(*"abc"))
    vectors, found = cache.get([*same, b"\0" * 16, b"\xff" * 16])
    assert found.tolist() == [True, True, True, False, False, False]
    assert vectors[:3].tobytes() == vectors_of(*"abc").tobytes()


def test_vectors_of_blank_texts_and_damaged_ones_are_not_kept(cache):
    vectors = vectors_of("a", "b", "c")
    vectors[0], vectors[1, 0] = 0, np.nan
    cache.put(keys_of("a", "b", "c"), vectors)
    assert cache.get(keys_of("a", "b", "c"))[1].tolist() == [False, False, True]
    cache.put(keys_of("a"), vectors[:1])
    assert len(segments(cache)) == 1


def test_a_segment_of_another_process_is_seen_at_the_next_look(cache, tmp_path):
    assert not cache.get(keys_of("a"))[1].any()
    VectorCache(tmp_path, "encoder", DIMENSION).put(keys_of("a"), vectors_of("a"))
    assert cache.get(keys_of("a"))[1].all()


@pytest.mark.parametrize("file", ["keys.npy", "vectors.npy"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "garbage"])
def test_a_damaged_segment_is_left_out_with_a_note(cache, tmp_path, file, damage):
    cache.put(keys_of("a", "b"), vectors_of("a", "b"))
    path = segments(cache)[0] / file
    whole = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"cut": whole[:-5], "emptied": b"", "garbage": b"garbage" * 40}[damage])
    cache.put(keys_of("c"), vectors_of("c"))
    reader = VectorCache(tmp_path, "encoder", DIMENSION)
    assert reader.get(keys_of("a", "b", "c"))[1].tolist() == [False, False, True]
    assert len(reader.notes) == 1
    assert path.parent.name in reader.notes[0]


def test_zeroed_vectors_are_noticed_and_a_sound_copy_is_used(cache, tmp_path):
    cache.put(keys_of("a", "b"), vectors_of("a", "b"))
    path = segments(cache)[0] / "vectors.npy"
    np.save(path, np.zeros((2, DIMENSION), dtype=np.float32))
    assert not cache.get(keys_of("a", "b"))[1].any()
    cache.put(keys_of("a"), vectors_of("a"))
    for reader in (cache, VectorCache(tmp_path, "encoder", DIMENSION)):
        vectors, found = reader.get(keys_of("a", "b"))
        assert found.tolist() == [True, False]
        assert vectors[0].tobytes() == vectors_of("a").tobytes()
        assert len(reader.notes) == 1


def test_a_segment_deleted_under_a_reader_is_a_miss(cache):
    cache.put(keys_of("a"), vectors_of("a"))
    assert len(cache) == 1
    for path in segments(cache)[0].iterdir():
        path.unlink()
    assert not cache.get(keys_of("a"))[1].any()


def test_a_write_that_fails_leaves_nothing(cache, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tamis.encoders.cache.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        cache.put(keys_of("a"), vectors_of("a"))
    assert list(cache.folder.iterdir()) == []


def test_a_write_that_was_killed_is_not_read(cache):
    cache.put(keys_of("a"), vectors_of("a"))
    segments(cache)[0].rename(cache.folder / "x.writing")
    assert not VectorCache(cache.folder.parent, "encoder", DIMENSION).get(keys_of("a"))[1].any()


def test_shapes_that_do_not_fit_are_refused(cache):
    with pytest.raises(CurationError, match="shape"):
        cache.put(keys_of("a", "b"), vectors_of("a"))
    with pytest.raises(CurationError, match="16 bytes"):
        cache.get([b"short"])


def test_several_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=fill, args=(tmp_path, i, 8)) for i in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
    assert [process.exitcode for process in writers] == [0, 0, 0]
    names = [f"own {i} {part}" for i in range(3) for part in range(8)] + [
        f"shared {part}" for part in range(8)
    ]
    reader = VectorCache(tmp_path, "encoder", DIMENSION)
    vectors, found = reader.get(keys_of(*names))
    assert found.all()
    assert vectors.tobytes() == vectors_of(*names).tobytes()
    assert not reader.notes


def test_a_million_keys_are_looked_up_quickly(tmp_path):
    rng = np.random.default_rng(0)
    cache = VectorCache(tmp_path, "encoder", 2)
    raw = rng.bytes(16 * 1_000_000)
    keys = [raw[i : i + 16] for i in range(0, len(raw), 16)]
    vectors = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (250_000, 1))
    for start in range(0, len(keys), 250_000):
        cache.put(keys[start : start + 250_000], vectors)
    assert len(cache) == 1_000_000
    start_s = time.process_time()
    found = cache.get(keys[::100])[1]
    assert found.all()
    assert time.process_time() - start_s < 2


@pytest.mark.parametrize("file", ["keys.npy", "vectors.npy"])
def test_a_flipped_bit_however_small_costs_the_vectors_and_is_told(cache, tmp_path, file):
    """The last bit of a number leaves a vector at length one, which is how far lengths tell."""
    cache.put(keys_of("a"), vectors_of("a"))
    cache.put(keys_of("b"), vectors_of("b"))
    path = next(one / file for one in segments(cache))
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    for reader in (VectorCache(tmp_path, "encoder", DIMENSION), cache):
        vectors, found = reader.get(keys_of("a", "b"))
        if reader is cache and file == "keys.npy":
            continue  # which it had read before
        assert found.sum() == 1
        assert vectors[found].tobytes() in (vectors_of("a").tobytes(), vectors_of("b").tobytes())
        assert "holds other bytes than were written" in reader.notes[0]
