"""A file that is not the one that was agreed to, before its reading or during it, makes no dataset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tamis.errors import UnreadableFile
from tamis.steps.import_file.identify import file_hash
from tamis.steps.import_file.options import SourceFile
from tamis.steps.import_file.watch import ContentWatch


def agreed(path: Path) -> SourceFile:
    return SourceFile(path=str(path), format="alpaca", fields={}, content_hash=file_hash(path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"instruction": "a", "output": "b"}\n')
    return path


def test_the_same_file_and_the_same_folder_pass(source: Path) -> None:
    for path in (source, source.parent):
        ContentWatch(agreed(path)).refuse_other_content()


def test_another_content_is_refused_before_and_during_the_reading(source: Path) -> None:
    file = agreed(source)
    watch = ContentWatch(file)
    watch._thread.join()  # type: ignore[union-attr]  # the hash is taken, reading goes on
    times = source.stat()
    source.write_text('{"instruction": "a", "output": "c"}\n')
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))  # even where its time is put back
    with pytest.raises(UnreadableFile, match="has changed since the import was agreed to"):
        watch.refuse_other_content()
    with pytest.raises(UnreadableFile, match="has changed"):
        ContentWatch(file).refuse_other_content()
    gone = ContentWatch(file)
    source.unlink()
    with pytest.raises(UnreadableFile, match="has changed"):
        gone.refuse_other_content()


def test_a_folder_with_another_file_is_refused(source: Path) -> None:
    watch = ContentWatch(agreed(source.parent))
    (source.parent / "more.jsonl").write_text("{}\n")
    with pytest.raises(UnreadableFile, match="has changed"):
        watch.refuse_other_content()
