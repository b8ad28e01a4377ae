"""Files of a few kilobytes that unpack to gigabytes, or that take for ever to read, each made when a test asks for it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

MB = 1 << 20
ROW = b'{"instruction": "What is bread?", "output": "Flour, water, salt and time."}\n'


def parquet_of_one_huge_value(path: Path) -> None:
    """1,000 rows of one text of 13.9 MB, which a dictionary holds once: 13.9 GB in under 20 kB."""
    once = pa.array(["x" * 13_900_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int16()), once)
    pq.write_table(pa.table({"instruction": column, "output": column}), path, compression="zstd")


def arrow_of_huge_buffers(path: Path) -> None:
    """A stream whose one batch says that its buffer unpacks to 64 GB."""
    rows = pa.record_batch({"instruction": pa.array(["x" * 1000]), "output": pa.array(["y" * 1000])})
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(rows)
    said = stream.getvalue()
    # Before each packed buffer stands how long it is unpacked.
    length = (1000).to_bytes(8, "little")
    assert length in said
    path.write_bytes(said.replace(length, (64 << 30).to_bytes(8, "little")))


def json_list_of_blanks(pack: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """96 MB of nothing in a JSON list that one record begins."""

    def write(path: Path) -> None:
        path.write_bytes(pack(b"[" + ROW.strip() + b"," + b" " * (96 * MB)))

    return write


def packed_parquet(path: Path) -> None:
    """A Parquet file of 64 MB in few bytes, packed once more: it must be unpacked to be read."""
    path.write_bytes(zstandard.compress(b"PAR1" + bytes(64 * MB) + b"PAR1"))


def deep_json(path: Path) -> None:
    """100,000 lists in each other."""
    path.write_bytes(b'[{"instruction": ' + b"[" * 100_000 + b"]" * 100_000 + b', "output": "x"}]')


def deep_lines(path: Path) -> None:
    """The same in a line among good ones."""
    path.write_bytes(
        ROW + b'{"instruction": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b', "output": "x"}\n' + ROW
    )


def long_integer(path: Path) -> None:
    """An integer of a million digits."""
    path.write_bytes(ROW + b'{"instruction": "x", "output": "y", "n": ' + b"7" * 1_000_000 + b"}\n")


def many_columns(path: Path) -> None:
    """A table of a million columns and one row."""
    path.write_bytes(b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n" + b"," * 999_999 + b"\n")


def alike_columns(path: Path) -> None:
    """A million columns of one name."""
    path.write_bytes(b"a," * 999_999 + b"a\n" + b"," * 999_999 + b"\n")


def many_keys(path: Path) -> None:
    """A record of 200,000 fields."""
    fields = b",".join(b'"f%d":1' % i for i in range(200_000))
    path.write_bytes(ROW + b'{"instruction": "x", "output": "y", ' + fields + b"}\n")


def open_quote(path: Path) -> None:
    """A table whose first cell opens a quote that never closes."""
    path.write_bytes(b'instruction,output\n"Q,A\n' + b"Q,A\n" * 50_000)


def open_quotes(path: Path) -> None:
    """A table each of whose rows opens one."""
    path.write_bytes(b"instruction,output\n" + b'a",x,"c\n' * 40_000)


def long_line(path: Path) -> None:
    """A record of 200 MB without an end; no disk holds it whole."""
    with path.open("wb") as file:
        file.write(ROW + b'{"instruction": "')
        file.truncate(200 * MB)


def zip_of_many(path: Path) -> None:
    """An archive of many files."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2_000):
            archive.writestr(f"{number}.jsonl", b"")


def zip_of_zeros(path: Path) -> None:
    """An archive of one file of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", bytes(64 * MB))


def tar_of_zeros(path: Path) -> None:
    """A packed archive."""
    with tarfile.open(path, "w:gz") as archive:
        about = tarfile.TarInfo("rows.jsonl")
        about.size = 64 * MB
        archive.addfile(about, io.BytesIO(bytes(64 * MB)))


BOMBS: dict[str, Callable[[Path], None]] = {
    "huge.parquet": parquet_of_one_huge_value,
    "huge.arrow": arrow_of_huge_buffers,
    "blanks.json.gz": json_list_of_blanks(lambda text: gzip.compress(text, 1)),
    "blanks.json.zst": json_list_of_blanks(zstandard.compress),
    "blanks.json.xz": json_list_of_blanks(lambda text: lzma.compress(text, preset=0)),
    "blanks.json.bz2": json_list_of_blanks(lambda text: bz2.compress(text, 1)),
    "packed.parquet.zst": packed_parquet,
    "deep.json": deep_json,
    "deep.jsonl": deep_lines,
    "digits.jsonl": long_integer,
    "columns.csv": many_columns,
    "alike.csv": alike_columns,
    "keys.jsonl": many_keys,
    "quote.csv": open_quote,
    "quotes.csv": open_quotes,
    "line.jsonl": long_line,
    "many.zip": zip_of_many,
    "zeros.zip": zip_of_zeros,
    "zeros.tar.gz": tar_of_zeros,
}
