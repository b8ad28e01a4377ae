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


SIDES = [
    ({"prompt": "q", "response_0": "GOOD", "response_1": "BAD", "better_response_id": 0}, 0),
    ({"prompt": "q", "response_0": "BAD", "response_1": "GOOD", "better_response_id": 1}, 0),
    ({"id": 1, "conversation_a": TURNS, "conversation_b": BAD, "winner": "model_a"}, 1),
    ({"id": 1, "conversation_a": BAD, "conversation_b": TURNS, "winner": "model_b"}, 1),
    ({"history": "q", "human_ref_A": "GOOD", "human_ref_B": "BAD", "labels": 1}, 2),
    ({"history": "q", "human_ref_A": "BAD", "human_ref_B": "GOOD", "labels": 0}, 2),
    ({"prompt": "q", "response_1": "GOOD", "response_2": "BAD", "preference_strength": -2}, 3),
    ({"prompt": "q", "response_1": "BAD", "response_2": "GOOD", "preference_strength": 3}, 3),
    ({"prompt": "q", "response_a": "BAD", "response_b": "GOOD", "winner": "b"}, 4),
    ({"prompt": "q", "response_1": "BAD", "response_2": "GOOD", "chosen": "2"}, 5),
]


@pytest.mark.parametrize("number", sorted({number for _, number in SIDES}))
def test_of_two_answers_the_preferred_one_is_the_response(tmp_path, number):
    rows = [record for record, one in SIDES if one == number]
    got = case_of(tmp_path, rows)
    assert got.inspection.format_name == "preference"
    assert [turns[-1] for turns in got.turns] == [("assistant", "GOOD")] * len(rows)
    assert all("BAD" in str(meta["rejected"]) for meta in got.meta)
    assert got.written() == rows


def test_a_tie_has_no_answer_and_sides_without_a_choice_are_no_conversation(tmp_path):
    row = {"conversation_a": TURNS, "conversation_b": BAD, "winner": "model_a"}
    got = case_of(tmp_path, [row, row | {"winner": "tie"}, row | {"winner": "tie (bothbad)"}])
    assert len(got.turns) == 1
    assert all("no answer was preferred" in reason for reason in got.reasons)
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([{"conversation_a": TURNS, "conversation_b": BAD}] * 2))
    assert inspect_file(path).format_name is None


@pytest.mark.parametrize(
    "record",
    [
        {"system": "S", "prompt": "q", "chosen": TURNS, "rejected": BAD},
        {"system": "S", "chosen": TURNS, "rejected": BAD},
        {"system": "S", "prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": BAD[1:]},
        {"system": "S", "prompt": "q", "chosen": "GOOD", "rejected": "BAD"},
    ],
)
def test_the_system_prompt_of_a_pair_is_kept_whatever_form_the_answers_have(tmp_path, record):
    got = case_of(tmp_path, [record] * 2)
    assert got.turns[0] == [("system", "S"), ("user", "q"), ("assistant", "GOOD")]
    assert got.written() == [record] * 2


def test_earlier_turns_of_a_pair_are_turns(tmp_path):
    record = {"instruction": "q", "history": [["a", "b"]], "chosen": "GOOD", "rejected": "BAD"}
    got = case_of(tmp_path, [record] * 2)
    assert [text for _, text in got.turns[0]] == ["a", "b", "q", "GOOD"]
    assert got.written() == [record] * 2


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
        {"instruction": "q", "output": "r"},
        {"prompt": "q", "chosen": "r", "rejected": "s"},
    ],
)
def test_what_comes_late_is_kept_as_what_it_is(tmp_path, base, late, first):
    got = case_of(tmp_path, [base] * 130 + [base | late])
    assert got.turns[0] == [("user", "q"), ("assistant", "r")]
    assert got.turns[-1][0] == first
    assert got.written()[-1] == base | late
    assert got.written()[0] == base


@pytest.mark.parametrize("nothing", [None, "", []])
@pytest.mark.parametrize("part", ["system", "history", "context", "input", "reasoning_content"])
@pytest.mark.parametrize(
    "base",
    [
        {"prompt": "q", "response": "r"},
        {"instruction": "q", "output": "r"},
        {"question": "q", "answer": "r"},
        {"prompt": "q", "chosen": "r", "rejected": "s"},
        {"messages": TURNS},
        {"conversation": [{"human": "q", "assistant": "r"}]},
    ],
)
def test_parts_with_nothing_in_them_come_back_as_they_were(tmp_path, base, part, nothing):
    rows = [base | {part: nothing}] * 2
    got = case_of(tmp_path, rows)
    assert [len(turns) for turns in got.turns] == [2, 2]
    assert got.written() == rows


def test_the_order_of_columns_does_not_matter(tmp_path):
    rows = [{"system": "S", "output": "r", "history": [["a", "b"]], "input": "i", "instruction": "q"}] * 3
    turned = case_of(tmp_path, [dict(sorted(row.items())) for row in rows])
    assert case_of(tmp_path, rows).turns == turned.turns


def test_a_part_under_two_names_in_one_file_is_read_from_both(tmp_path):
    base = {"instruction": "q", "output": "r"}
    rows = [
        *[base] * 120,
        base | {"system": "S"},
        base | {"system_prompt": "T", "chat_history": [["a", "b"]]},
        base | {"sysprompt": "U", "history": [["c", "d"]]},
    ]
    got = case_of(tmp_path, rows)
    assert [turns[0][1] for turns in got.turns[120:]] == ["S", "T", "U"]
    assert [len(turns) for turns in got.turns[120:]] == [3, 5, 5]
    assert got.written() == rows
    assert got.edited(121, "better") == rows[121] | {"output": "better"}
    table = tmp_path / "given.csv"
    lines = [base | {"system": "S", "system_prompt": ""}, base | {"system": "", "system_prompt": "T"}]
    table.write_bytes(csv_bytes(lines))
    both = case(table)
    assert [turns[0][1] for turns in both.turns] == ["S", "T"]
    assert both.written() == lines


def test_of_two_names_in_one_row_the_better_known_plays_the_part(tmp_path):
    row = {"instruction": "q", "output": "r", "system": "S", "system_prompt": "T"}
    got = case_of(tmp_path, [row] * 2)
    assert got.turns[0][0] == ("system", "S")
    assert got.meta[0]["system_prompt"] == "T"
    assert got.written() == [row] * 2


@pytest.fixture
def small_looks(monkeypatch):
    monkeypatch.setattr(survey, "WHOLE_BYTES", 4_000)
    monkeypatch.setattr(survey, "START_BYTES", 4_000)
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
        UnreadableFile, match=r"'system_prompt' first appears in row 1,203.*mapping system=system_prompt"
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
