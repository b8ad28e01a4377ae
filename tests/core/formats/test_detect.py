from __future__ import annotations

import gzip

import orjson
import pytest

from tamis.errors import UnreadableFile
from tamis.formats.alpaca import AlpacaFields
from tamis.formats.columns import PromptCompletionFields
from tamis.formats.detect import inspect_file, rank_formats
from tamis.formats.encodings import check_encoding
from tamis.formats.layout import detect_layout
from tests.core.formats.files import alpaca_rows, csv_bytes, lines_of, parquet_bytes
from tests.core.formats.test_formats import CANONICAL

TURN = {"from": "human", "value": "a"}
REPLY = {"from": "gpt", "value": "b"}


@pytest.mark.parametrize(("name", "record"), CANONICAL)
def test_each_format_is_detected_before_any_other(name, record):
    assert rank_formats([record] * 3)[0].format_name == name


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"instruction": "a", "context": "", "response": "b", "category": "x"}, "instruction_response"),
        ({"prompt": "a", "response": "b"}, "prompt_completion"),
        ({"question": "a", "answer": "b"}, "question_answer"),
        ({"conversation": [TURN, REPLY]}, "sharegpt"),
        (
            {"conversations": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            "messages",
        ),
        (
            {
                "prompt": "a",
                "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            },
            "messages",
        ),
        ({"dialog": ["a", "b"], "act": [1, 2]}, "turns"),
        ({"instruction": "a", "chosen_response": "b", "rejected_response": "c"}, "preference"),
    ],
)
def test_common_variants_are_detected_with_their_columns(record, name):
    found = rank_formats([record] * 2)[0]
    assert (found.format_name, found.confidence) == (name, 1.0)


def test_inspection_shows_what_an_import_would_do(tmp_path):
    rows = [{"instruction": "", "input": "", "output": "x"}, *alpaca_rows(500)]
    path = tmp_path / "set.jsonl.gz"
    path.write_bytes(gzip.compress(b"junk\n" + lines_of(rows)))
    seen = inspect_file(path)
    assert (seen.container, seen.compression, seen.encoding) == ("jsonl", "gzip", "utf-8")
    assert (seen.format_name, seen.fields, seen.confidence) == ("alpaca", AlpacaFields(), 0.99)
    assert [row.line for row in seen.rows] == [3, 4, 5]
    assert seen.rows[0].record == rows[1]
    assert seen.rows[0].example.prompt == "Question 0?"
    assert seen.columns == ("instruction", "input", "output", "id")
    assert [(problem.line, problem.reason) for problem in seen.problems][1] == (2, "empty prompt")
    assert "not JSON" in seen.problems[0].reason
    assert seen.n_sampled == 101
    assert not seen.is_whole_file
    assert seen.name == "set.jsonl.gz"


def test_unknown_columns_are_listed_for_mapping_by_hand(tmp_path):
    path = tmp_path / "set.csv"
    path.write_bytes(b"query,reply\nhello,there\n")
    seen = inspect_file(path)
    assert (seen.format_name, seen.fields, seen.rows) == (None, None, ())
    assert seen.columns == ("query", "reply")
    mapped = inspect_file(
        path,
        format_name="prompt_completion",
        fields=PromptCompletionFields(prompt="query", completion="reply"),
    )
    assert [(row.example.prompt, row.example.response) for row in mapped.rows] == [("hello", "there")]
    assert mapped.confidence == 1.0


def test_a_wrong_format_by_hand_shows_its_problems_and_raises_nothing(tmp_path):
    path = tmp_path / "set.csv"
    path.write_bytes(csv_bytes(alpaca_rows(3)))
    seen = inspect_file(path, format_name="messages")
    assert seen.rows == ()
    assert len(seen.problems) == 3
    assert seen.alternatives[0].format_name == "alpaca"


def test_other_formats_that_fit_are_offered(tmp_path):
    path = tmp_path / "set.json"
    path.write_bytes(orjson.dumps([{"instruction": "a", "output": "b", "question": "c", "answer": "d"}]))
    seen = inspect_file(path)
    assert seen.format_name == "alpaca"
    assert [candidate.format_name for candidate in seen.alternatives] == [
        "instruction_response",
        "question_answer",
    ]


def test_a_file_of_which_every_record_is_refused_is_an_error(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(lines_of([{"instruction": "a", "output": ""}] * 4))
    with pytest.raises(UnreadableFile, match=r"all 4 were rejected.*empty response \(4 records\)"):
        inspect_file(path)
    path.write_bytes(b"{1\n{2\n{3\n")
    with pytest.raises(UnreadableFile, match="all 3 were rejected"):
        inspect_file(path)


@pytest.mark.parametrize(
    ("content", "container", "delimiter"),
    [
        (lines_of(alpaca_rows(1)), "jsonl", ""),
        (b"{broken\n" + lines_of(alpaca_rows(3)), "jsonl", ""),
        (b"[broken\n" + lines_of(alpaca_rows(3)), "jsonl", ""),
        (b'{"messages": [{"role": "user", "content": "a"}]}', "jsonl", ""),
        (b'{"id": 1, "conversations": [{"from": "human"}]}', "jsonl", ""),
        (b'{"instruction": "a", "instances": [{"output": "b"}]}', "jsonl", ""),
        (b"[1, 2]\n[3]\n", "jsonl", ""),
        (b'  \n [{"a": 1}]', "json", ""),
        (b'{"version": 1.0, "note": "x, y", "rows": [{"a": 1}]}', "json", ""),
        (b"question,answer\n1,2\n", "csv", ","),
        (b"question;answer\n1,5;2\n", "csv", ";"),
        (b"question|answer\nx|y\n", "csv", "|"),
        (b"question\tanswer\nx, y, z\tw, v\n", "tsv", "\t"),
        (b'messages\n"[1]"\n', "csv", ","),
        (parquet_bytes([{"a": "b"}]), "parquet", ""),
    ],
)
def test_container_is_told_from_content_alone(tmp_path, content, container, delimiter):
    path = tmp_path / "no_ending"
    path.write_bytes(content)
    layout = detect_layout(path)
    assert (layout.container, layout.delimiter) == (container, delimiter)


@pytest.mark.parametrize(
    "name", ["bz2_codec", "zlib_codec", "hex", "rot13", "idna", "punycode", "undefined", "utf-8,zip"]
)
def test_what_is_no_encoding_of_a_text_file_is_refused(name):
    with pytest.raises(UnreadableFile, match="no text encoding"):
        check_encoding(name)
