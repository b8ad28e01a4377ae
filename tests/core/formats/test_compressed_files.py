"""Compressed files that are whole, joined, cut or damaged."""

from __future__ import annotations

import gzip

import orjson
import pytest
import zstandard

from tamis.formats.streams import TextStream
from tests.core.formats.files import alpaca_rows, compress, csv_bytes, import_file, lines_of, written


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_a_cut_stream_gives_the_rows_before_the_cut_and_one_reject(tmp_path, kind, compression):
    content = {
        "jsonl": lines_of(alpaca_rows(40_000)),
        "json": orjson.dumps(alpaca_rows(40_000)),
        "csv": csv_bytes(alpaca_rows(40_000)),
    }[kind]
    packed = compress(content, compression)
    got = import_file(written(tmp_path, packed[: len(packed) * 2 // 3]))
    assert 0 < got.n_imported < 40_000
    (reject,) = got.rejects
    assert f"the file ends in the middle of its {compression} stream after " in reject.reason
    assert got.n_records == got.n_imported + 1
    prompts = [row["prompt"] for row in got.rows]
    assert prompts == [row["instruction"] for row in alpaca_rows(len(prompts))]


def test_a_damaged_stream_is_named_as_such(tmp_path):
    packed = bytearray(gzip.compress(lines_of(alpaca_rows(40_000))))
    packed[len(packed) // 2 : len(packed) // 2 + 50] = b"\xff" * 50
    got = import_file(written(tmp_path, bytes(packed)))
    assert "the gzip stream is damaged" in got.rejects[-1].reason
    assert got.n_imported > 0


def test_joined_compressed_files_are_read_to_the_end(tmp_path):
    pieces = [lines_of(alpaca_rows(3)), lines_of(alpaca_rows(2))]
    for compression in ("gzip", "zstd"):
        path = written(tmp_path, b"".join(compress(piece, compression) for piece in pieces))
        assert import_file(path).n_imported == 5


def test_a_stream_that_unpacks_to_gigabytes_is_read_in_pieces(tmp_path):
    packed = zstandard.ZstdCompressor().compress(b"\n" * 50_000_000)
    with TextStream(written(tmp_path, packed), "zstd") as stream:
        assert max(len(block) for block in stream.blocks()) < 60_000_000
    packed = gzip.compress(b"\n" * 50_000_000)
    with TextStream(written(tmp_path, packed), "gzip") as stream:
        assert max(len(block) for block in stream.blocks()) <= 9 << 20
