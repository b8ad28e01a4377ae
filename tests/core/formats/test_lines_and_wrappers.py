"""How a file is built: Windows line ends, rows that an API wraps, JSON inside JSON, labels that are numbers, answers in lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tamis.actions.imports import unknown_roles
from tamis.errors import CurationError, UnreadableFile
from tamis.formats.detect import inspect_file
from tamis.formats.layout import detect_layout
from tamis.formats.writer import export_file
from tests.core.formats.round_trip import import_all

ROW = {"prompt": "Tide?", "completion": "3 m"}
TURNS = [{"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}]
MARK = "\ufeff"


@pytest.mark.parametrize("end", ["\r\n", " \r\n", "\r\n\r\n"])
@pytest.mark.parametrize("mark", ["", MARK])
def test_lines_of_windows_are_lines(tmp_path: Path, end: str, mark: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    line = '{"prompt": "Tide?",  "completion": "3 m", "n": 1.50}'
    source.write_bytes((mark + (line + end) * 3).encode())
    layout = detect_layout(source)
    assert (layout.container, layout.form) == ("jsonl", "")  # and not a document that is read as a whole
    import_all(source).export(target)
    assert target.read_text() == f"{line}\n" * 3


@pytest.mark.parametrize("odd", ["12345678901234567890123", "NaN", "1e400", "1"])
def test_a_name_that_stands_twice_is_told_whatever_else_is_odd(tmp_path: Path, odd: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(f'{{"prompt": "Tide?", "completion": "3 m", "n": {odd}, "tag": 1, "tag": 2}}\n')
    stored = import_all(source)
    assert stored.notes["tag", "duplicate-key"] == 1
    assert stored.examples[0].meta["tag"] == 2
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("depth", [100, 400, 700])
def test_a_field_too_deep_to_be_written_beside_an_edit_costs_its_row_alone(
    tmp_path: Path, depth: int
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    deep = f'{{"prompt": "Tide?", "completion": "3 m", "d": {"[" * depth}{"]" * depth}}}\n'
    source.write_text(deep * 2)
    stored = import_all(source)
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()
    stored.examples[0].messages[-1]["content"] = "5 m"
    if depth == 100:
        stored.export(target)
        assert target.read_text().endswith(deep)
        return
    with pytest.raises(CurationError, match="nested too deeply"):
        stored.export(target)
    done = export_file(stored.examples, target, format_name="source", skip_unfit=True)
    assert (target.read_text(), len(done.skipped)) == (deep, 1)


def test_a_column_of_the_name_of_our_notes_is_told(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({**ROW, "_shape": {"format": "alpaca"}}) + "\n")
    stored = import_all(source)
    assert stored.notes["_shape", "own-name"] == 1
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_tells_excel_the_delimiter_is_no_header(tmp_path: Path, delimiter: str, end: str) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    table = "".join(
        delimiter.join(cells) + end for cells in (["prompt", "completion", "n"], ["Tide?", "3 m", "1"])
    )
    source.write_bytes(f"sep={delimiter}{end}{table}".encode())
    stored = import_all(source)
    assert [turn["content"] for turn in stored.examples[0].messages] == ["Tide?", "3 m"]
    assert stored.notes["", "sep-line"] == 1
    stored.export(target)
    assert import_all(target).examples[0].messages == stored.examples[0].messages


def test_rows_that_an_api_wraps_are_the_rows(tmp_path: Path) -> None:
    source = tmp_path / "rows.json"
    features = [{"feature_idx": 0, "name": "prompt", "type": {"dtype": "string"}}]
    rows = [{"row_idx": at, "row": ROW, "truncated_cells": []} for at in range(3)]
    source.write_text(json.dumps({"features": features, "rows": rows, "partial": False}))
    stored = import_all(source)
    assert (len(stored.examples), stored.rejects) == (3, [])
    assert "split" not in stored.examples[0].meta
    assert stored.notes["features", "beside"] == 1


def test_lines_that_were_written_as_json_twice_are_said_to_be(tmp_path: Path) -> None:
    source = tmp_path / "twice.jsonl"
    source.write_text(f"{json.dumps(json.dumps({'messages': TURNS}))}\n" * 3)
    with pytest.raises(UnreadableFile, match="written as JSON once more.* jq -r"):
        inspect_file(source)


def test_what_numpy_prints_of_an_array_is_data(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f'messages,n\n"array({TURNS},\n      dtype=object)",1\n')
    stored = import_all(source)
    assert stored.examples[0].messages == TURNS
    stored.export(target)
    assert target.read_text() == source.read_text()


def test_labels_that_are_numbers_are_asked_about(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        json.dumps({"turns": [{"speaker": 0, "text": "Tide?"}, {"speaker": 1, "text": "3 m"}]}) + "\n"
    )
    with pytest.raises(UnreadableFile, match="--role 0=ROLE"):
        inspect_file(source)
    assert unknown_roles(inspect_file(source, lenient=True)) == ("0", "1")  # both at once
    seen = inspect_file(source, roles={"0": "user", "1": "assistant"})
    assert [turn["role"] for turn in seen.rows[0].example.messages] == ["user", "assistant"]


ANSWERS: list[tuple[dict[str, Any], str, int]] = [
    ({"text": ["3 m", "4 m"], "answer_start": [1, 2]}, "3 m", 1),
    ({"text": ["3 m", "3 m"], "answer_start": [1, 1]}, "3 m", 0),
    ({"text": ["2 m", "3 m"], "score": [1, 7]}, "3 m", 1),
    ({"text": ["2 m", " ", "3 m"], "rank": [2, 0, 1]}, "3 m", 1),
    ({"text": ["3 m"]}, "3 m", 0),
]


@pytest.mark.parametrize(("answers", "best", "n_told"), ANSWERS)
def test_of_several_answers_inside_an_object_the_best_is_read_and_the_others_are_told(
    tmp_path: Path, answers: dict[str, Any], best: str, n_told: int
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"question": "Tide?", "answers": answers}) + "\n")
    stored = import_all(source)
    assert stored.examples[0].messages[-1]["content"] == best
    assert stored.notes["answers", "one-of-several"] == n_told
    stored.examples[0].messages[-1]["content"] = "5 m"
    stored.export(target)
    texts = [("5 m" if text == best and n_told else text) for text in answers["text"]]
    texts = ["5 m", *answers["text"][1:]] if not n_told else texts
    assert json.loads(target.read_text())["answers"] == answers | {"text": texts}


LOGGED: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "ollama": ({"model": "m", "messages": TURNS[:1], "message": TURNS[1], "done": True}, TURNS),
    "anthropic": (
        {
            "request": {"model": "m", "system": "Be short.", "messages": TURNS[:1]},
            "response": {
                "role": "assistant",
                "type": "message",
                "content": [{"type": "text", "text": "3 m"}],
            },
        },
        [
            {"role": "system", "content": "Be short."},
            TURNS[0],
            {"role": "assistant", "type": "message", "content": [{"type": "text", "text": "3 m"}]},
        ],
    ),
    "braintrust": ({"input": "Tide?", "expected": "3 m"}, TURNS),
    "names that differ in case": ({"Prompt": "x", "prompt": "Tide?", "completion": "3 m"}, TURNS),
}


@pytest.mark.parametrize("name", LOGGED)
def test_logged_calls_are_conversations_and_come_back(tmp_path: Path, name: str) -> None:
    record, messages = LOGGED[name]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps(record) + "\n")
    stored = import_all(source)
    assert stored.examples[0].messages == messages
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()
    stored.examples[0].messages[-1] = TURNS[1] | {"content": "5 m"}
    stored.export(target)
    assert import_all(target).examples[0].messages[-1]["content"] == "5 m"
