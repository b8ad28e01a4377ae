"""What a text template leaves out of rows, known or not: pictures beside texts, and reasoning of earlier turns."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("transformers")

from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.models.chat_template import ChatTemplate
from tamis.models.row_fields import IMAGES
from tamis.models.row_marks import turn_weight, unheeded_marks
from tamis.recipes.rows import why_unfit
from tests.core.formats.round_trip import import_all
from tests.support.chat_rows import says, user
from tests.support.chat_templates import byte_tokenizer

PICTURES = "have images or other parts that a text model cannot read"
CALL = {"id": "1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "3"}


@pytest.mark.parametrize("template", ["chatml", "qwen3", None])
@pytest.mark.parametrize("place", ["turn", "row"])
@pytest.mark.parametrize("name", IMAGES)
def test_media_beside_the_text_of_a_turn_or_a_row_are_no_text(name, place, template):
    media = {name: ["a.png"] if name.endswith("s") else "a.png"}
    turns = [user("What is this?") | (media if place == "turn" else {}), says("A cat.")]
    row = read_chat_row({"messages": turns} | (media if place == "row" else {}))
    known = ChatTemplate(byte_tokenizer(template)) if template else None
    assert why_unfit(known, row, unfit_as_text=False) == PICTURES
    assert why_unfit(known, row, unfit_as_text=True) == ""


@pytest.mark.parametrize(
    ("template", "turns", "lost"),
    [
        ("qwen3", [user("a"), says("b", thinking="hm"), user("c"), says("d")], True),
        ("qwen3", [user("a"), says("b"), user("c"), says("d", thinking="hm")], False),
        ("qwen3", [user("a"), says("<think>\nhm\n</think>\n\nb"), user("c"), says("d")], True),
        ("gptoss", [user("a"), says("", reasoning_content="hm", tool_calls=[CALL]), RESULT, says("3")], True),
        ("gptoss", [user("a"), says("b", reasoning_content="hm")], False),
        ("qwen3", [user("a"), says("b")], False),
    ],
)
def test_reasoning_that_a_template_with_a_place_for_it_leaves_out_is_known(template, turns, lost):
    known = ChatTemplate(byte_tokenizer(template))
    row = read_chat_row({"messages": turns})
    assert known.leaves_out_reasoning(row) == lost
    assert why_unfit(known, row, unfit_as_text=False) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"request.tools": [CALL]},
        {"Tools": [CALL]},
        {"toolConfig": {"tools": [CALL]}},
        {"body.Functions": [CALL]},
    ],
)
def test_tools_inside_an_object_or_spelled_otherwise_are_given_to_the_model(fields):
    assert read_chat_row(chat_record([user("a"), says("b")], fields)).tools == (CALL,)


def test_other_columns_are_no_tools():
    assert read_chat_row(chat_record([user("a"), says("b")], {"tools": None, "toolConfig": "x"})).tools == ()


@pytest.mark.parametrize(
    "column", [pa.array([b"\x89PNG\0"]), pa.array([{"bytes": b"\x89PNG\0", "path": None}])]
)
def test_a_picture_of_which_only_bytes_are_there_is_counted(tmp_path, column):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"image": column, "question": ["a"], "answer": ["b"]}), path)
    (row,) = import_all(path).examples
    assert (
        why_unfit(None, read_chat_row(chat_record(row.messages, row.meta)), unfit_as_text=False) == PICTURES
    )


def test_a_label_that_names_something_is_no_mark():
    assert turn_weight(says("a") | {"label": "quality:4"}) == 1.0


def test_what_is_handed_to_the_template_of_a_row_is_said_not_to_be_heeded():
    assert list(unheeded_marks([], {"chat_template_kwargs": {"enable_thinking": False}})) == [
        "chat_template_kwargs"
    ]
