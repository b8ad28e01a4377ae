"""The kinds of file are one list: what a folder reads, what the page offers, what messages name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.parts.import_data.sources import _ENDINGS
from tamis.errors import UnreadableFile
from tamis.formats.kinds import (
    ARCHIVE_ENDINGS,
    COMPRESSION_ENDINGS,
    DATA_ENDINGS,
    FILE_KINDS,
    is_archive,
    said_kinds,
)
from tamis.formats.layout import detect_layout
from tamis.formats.reader import file_stem
from tamis.steps.import_file.folders import list_folder


def test_every_door_takes_the_same_endings(tmp_path: Path) -> None:
    names = [f"x{ending}{packed}" for ending in DATA_ENDINGS for packed in ("", *COMPRESSION_ENDINGS)]
    for name in names:
        (tmp_path / name).write_text("x")
    assert {Path(file).name for file in list_folder(str(tmp_path)).files} == set(names)
    assert {f".{ending}" for ending in _ENDINGS} == {*DATA_ENDINGS, *COMPRESSION_ENDINGS}
    assert {file_stem(name) for name in names} == {"x"}


def test_the_kinds_in_words_name_each(tmp_path: Path) -> None:
    said = said_kinds()
    assert all(kind in said for kind in FILE_KINDS)
    assert all(ending.removeprefix(".") in said for ending in COMPRESSION_ENDINGS)
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(UnreadableFile) as refused:
        detect_layout(tmp_path / "x.pdf")
    assert said in str(refused.value)


def test_archives_are_told_from_packed_files() -> None:
    assert all(is_archive(f"x{ending}") for ending in (*ARCHIVE_ENDINGS, ".tar.gz", ".TAR.ZST", ".tar.bz2"))
    assert not any(is_archive(name) for name in ("x.jsonl.gz", "x.json", "zip", "x.zipped"))
