"""Which column plays which part is decided from the whole file, and what nobody saw stops the import."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tamis.errors import UnreadableFile
from tamis.formats import survey
from tamis.formats.detect import inspect_file
from tests.core.formats.cases import CASES, case, case_of
from tests.core.formats.files import csv_bytes, import_file, lines_of

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "GOOD"}]
BAD = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "BAD"}]


def test_a_system_prompt_behind_the_sample_counts():
    got = case(CASES / "64-detect-sample" / "sysprompt.jsonl")
    assert got.inspection.fields.system == "system_prompt"
    assert [turns[0] for turns in got.turns[150:]] == [("system", "You are X")] * 3
    assert all(turns[0][0] == "user" for turns in got.turns[:150])
    assert (len(got.turns), got.reasons) == (153, [])


def test_rejected_turns_are_never_the_answer_whatever_comes_first():
    got = case(CASES / "64-detect-sample" / "rejmsgs.jsonl")
    assert got.inspection.format_name == "preference"
    assert [turns[-1] for turns in got.turns] == [("assistant", "GOOD")] * 2


@pytest.mark.parametrize(
    "record",
    [
        {"rejected_messages": BAD, "chosen_messages": TURNS},
        {"id": 1, "rejected_messages": BAD, "messages": TURNS},
        {"rejected_response": "BAD", "query": "q", "response": "GOOD"},
        {"rejected": "BAD", "messages": TURNS},
        {
            "non_preferred_output": BAD[1:],
            "preferred_output": TURNS[1:],
            "input": {"messages": TURNS[:1], "tools": []},
        },
        {"response_k": "BAD", "response_j": "GOOD", "question": "q"},
        {"rejected_conversations": BAD, "conversations": TURNS},
        {"answer_rejected": "BAD", "answer_chosen": "GOOD", "instruction": "q"},
    ],
)
def test_siblings_of_rejected_columns_never_become_the_answer(tmp_path, record):
    got = case_of(tmp_path, [record] * 2)
    assert [turns[-1] for turns in got.turns] == [("assistant", "GOOD")] * 2
    reordered = case_of(tmp_path, [dict(reversed(record.items()))] * 2)
    assert reordered.turns == got.turns


def test_a_file_whose_first_rows_are_empty_is_read_by_the_later_ones(tmp_path):
    rows = [{"instruction": "", "output": ""}] * 150 + [{"instruction": "a", "output": "b"}] * 3
    got = case_of(tmp_path, rows)
    assert (got.inspection.format_name, len(got.turns), len(got.reasons)) == ("alpaca", 3, 150)
    assert [row.line for row in got.inspection.rows] == [151, 152, 153]
    nothing = [{"messages": None}] * 120 + [{"messages": TURNS}]
    assert case_of(tmp_path, nothing).inspection.format_name == "messages"


@pytest.mark.parametrize(
    ("late", "first"),
    [
        ({"history": [["a", "b"]]}, ("user", "a")),
        (
            {"chat_history": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            ("user", "a"),
        ),
        ({"system": "S"}, ("system", "S")),
        ({"System_Prompt": "S"}, ("system", "S")),
        ({"context": "c"}, ("user", "q\n\nc")),
    ],
)
@pytest.mark.parametrize(
    "base",
    [
        {"prompt": "q", "response": "r"},
        {"instruction": "q", "response": "r"},
        {"question": "q", "answer": "r"},
    ],
)
def test_what_comes_late_is_kept_as_what_it_is(tmp_path, base, late, first):
    got = case_of(tmp_path, [base] * 130 + [base | late])
    assert got.turns[0] == [("user", "q"), ("assistant", "r")]
    assert got.turns[-1][0] == first
    assert got.written()[-1] == base | late
    assert got.written()[0] == base


def test_the_order_of_columns_does_not_matter(tmp_path):
    rows = [{"system": "S", "output": "r", "history": [["a", "b"]], "input": "i", "instruction": "q"}] * 3
    turned = case_of(tmp_path, [dict(sorted(row.items())) for row in rows])
    assert case_of(tmp_path, rows).turns == turned.turns


@pytest.fixture
def small_looks(monkeypatch):
    monkeypatch.setattr(survey, "WHOLE_BYTES", 4_000)
    monkeypatch.setattr(survey, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(survey, "N_PIECES", 4)


def _long(late_row: int, n_rows: int = 2_000) -> bytes:
    rows = [{"instruction": f"q{i}", "output": "r"} for i in range(n_rows)]
    rows[late_row - 1]["system_prompt"] = "S"
    return lines_of(rows)


def test_a_large_file_is_looked_at_in_pieces(tmp_path, small_looks):
    path = tmp_path / "given.jsonl"
    path.write_bytes(_long(2_000))
    seen = inspect_file(path)
    assert (seen.fields.system, seen.looked_at_all) == ("system_prompt", False)
    assert 100 < seen.n_looked_at < 1_000


@pytest.mark.parametrize("name", ["given.jsonl", "given.jsonl.gz"])
def test_a_column_that_nobody_saw_stops_the_import_with_its_name_and_row(tmp_path, small_looks, name):
    path = tmp_path / name
    content = _long(1_203)
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    seen = inspect_file(path)
    assert seen.fields.system == "system"
    with pytest.raises(
        UnreadableFile, match=r"'system_prompt' first appears in row 1,203.*--map system=system_prompt"
    ):
        import_file(path, seen.format_name, seen.fields)
    with_it = import_file(path, "alpaca", seen.fields.model_copy(update={"system": "system_prompt"}))
    assert orjson.loads(with_it.rows[1_202]["messages"])[0] == {"role": "system", "content": "S"}
    without = import_file(path, "alpaca", seen.fields.model_copy(update={"system": ""}))
    assert orjson.loads(without.rows[1_202]["meta"])["system_prompt"] == "S"


def test_a_column_that_plays_no_part_stops_nothing(tmp_path):
    rows = [{"instruction": "q", "output": "r", "system": "S"}] * 3
    rows.append(
        {"instruction": "q", "output": "r", "system": "S", "system_prompt": "other", "history": "of Brest"}
    )
    got = case_of(tmp_path, rows)
    assert len(got.turns) == 4
    assert got.meta[3]["system_prompt"] == "other"


def test_empty_columns_of_a_table_are_no_parts_of_its_rows(tmp_path):
    path = tmp_path / "given.csv"
    path.write_bytes(
        csv_bytes([{"prompt": "q", "response": "r", "system": "", "history": "", "context": ""}] * 2)
    )
    assert case(path).turns == [[("user", "q"), ("assistant", "r")]] * 2
