from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tamis.formats.detect import inspect_file
from tamis.formats.writer import row_lines
from tests.core.formats.files import import_file
from tests.core.formats.test_writer import stored_rows

DATA = Path(__file__).parents[3].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not on this machine")


def test_lima_is_imported_but_for_its_one_odd_conversation():
    path = DATA / "lima_train.jsonl"
    seen = inspect_file(path)
    assert (seen.format_name, seen.confidence) == ("turns", 1.0)
    got = import_file(path, seen.format_name, seen.fields)
    assert (got.n_records, got.n_imported, len(got.rows)) == (1029, 1028, 1028)
    assert [reject.reason for reject in got.rejects] == ["ends with a user turn: no response"]
    assert sum(row["n_turns"] > 2 for row in got.rows) == 29
    lines = path.read_bytes().splitlines()
    assert list(row_lines(stored_rows(path, "turns"), format_name="source")) == [
        line for number, line in enumerate(lines, 1) if number != got.rejects[0].line
    ]


def test_seed_tasks_are_imported_whole():
    path = DATA / "seed_tasks.jsonl"
    seen = inspect_file(path)
    assert seen.format_name == "self_instruct"
    got = import_file(path, seen.format_name, seen.fields)
    assert (got.n_imported, got.rejects) == (175, [])
    assert [
        orjson.loads(line) for line in row_lines(stored_rows(path, "self_instruct"), format_name="source")
    ] == [orjson.loads(line) for line in path.read_bytes().splitlines()]
