"""Conversations as tokens: what is read, what is learned, what is cut."""

from __future__ import annotations

import json

import pytest

from tamis.errors import CurationError
from tamis.models.chat_rows import ChatRow
from tamis.models.row_marks import UnfitRow
from tamis.recipes import SftLoraOptions
from tamis.recipes.rows import NOT_LEARNED, TurnTokens, prepare_rows
from tamis.recipes.tokenizers import PLAIN_TEMPLATE, load_tokenizer
from tests.core.recipes.conftest import turn

STRICT = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<|start|>' + m['role'] + '\n' + m['content'] | trim + '<|stop|>\n' }}{% endfor %}"
)


@pytest.fixture
def tokenizer(tiny):
    return load_tokenizer(tiny)


def learned(tokenizer, row):
    """The learned stretches as text."""
    text, found = "", []
    for token, label in zip(row.input_ids, row.labels, strict=True):
        assert label in (token, NOT_LEARNED)
        if label == NOT_LEARNED:
            found, text = found + [text] * bool(text), ""
        else:
            text += tokenizer.decode([token])
    return found + [text] * bool(text)


CHAT = [*turn("Hi?", "Ho."), *turn("And?", "So.")]


@pytest.mark.parametrize(
    ("learn", "expected"),
    [("assistant", ["Ho.<|stop|>", "So.<|stop|>"]), ("last", ["So.<|stop|>"])],
)
def test_answers_and_the_mark_that_ends_them_are_learned(tokenizer, learn, expected):
    assert learned(tokenizer, TurnTokens(tokenizer, learn).row(ChatRow(tuple(CHAT)))) == expected


def test_everything_can_be_learned(tokenizer):
    row = TurnTokens(tokenizer, "all").row(ChatRow(tuple(CHAT)))
    assert row.labels == row.input_ids


@pytest.mark.parametrize("template", [None, PLAIN_TEMPLATE])
def test_tokens_are_those_of_the_template(tokenizer, template):
    tokenizer.chat_template = template or tokenizer.chat_template
    rendered = tokenizer.apply_chat_template(CHAT, tokenize=False)
    whole = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert TurnTokens(tokenizer, "assistant").row(ChatRow(tuple(CHAT))).input_ids == whole


def test_marks_inside_a_text_stay_text(tokenizer):
    stop = tokenizer.eos_token_id
    row = TurnTokens(tokenizer, "assistant").row(ChatRow(tuple(turn("Say <|stop|>", "<|start|>ok"))))
    assert row.input_ids.count(stop) == 2
    assert learned(tokenizer, row) == ["<|start|>ok<|stop|>"]


def test_a_template_without_an_end_gets_the_end_of_text(tokenizer):
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    )
    row = TurnTokens(tokenizer, "assistant").row(ChatRow(tuple(turn("Hi?", "Ho."))))
    assert row.input_ids[-1] == tokenizer.eos_token_id
    assert learned(tokenizer, row) == ["Ho.<|stop|>"]


def test_a_system_turn_joins_the_user_where_the_template_knows_none(tokenizer):
    tokenizer.chat_template = STRICT
    row = TurnTokens(tokenizer, "assistant").row(
        ChatRow(({"role": "system", "content": "Be kind."}, *turn("Hi?", "Ho.")))
    )
    assert tokenizer.decode(row.input_ids).startswith("<|start|>user\nBe kind.\n\nHi?<|stop|>")


def test_a_refused_conversation_says_why(tokenizer):
    tokenizer.chat_template = "{{ raise_exception('no') }}"
    with pytest.raises(UnfitRow, match="refused by the chat template"):
        TurnTokens(tokenizer, "assistant").row(ChatRow(tuple(CHAT)))


def test_long_rows_are_cut_or_dropped_and_counted(tokenizer, tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [turn("a", "b" * 20), turn("a", "b" * 200), turn("a" * 200, "b")]
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    cut = prepare_rows(file, tokenizer, SftLoraOptions(max_length=100), window=1024)
    assert [len(row.input_ids) for row in cut.rows][1] == 100
    assert (cut.fit.n_rows, cut.fit.n_truncated, cut.fit.n_dropped) == (3, 1, 1)
    assert cut.fit.reasons == {"have no answer within that": 1}
    assert "1 (33.3 %) are cut at 100 tokens and 1 (33.3 %) are left out; 1 have no answer" in cut.fit.text
    dropped = prepare_rows(file, tokenizer, SftLoraOptions(max_length=2000, drop_longer=True), window=100)
    assert (dropped.fit.n_truncated, dropped.fit.n_dropped, dropped.fit.max_length) == (0, 2, 100)
    assert dropped.fit.n_tokens == len(dropped.rows[0].input_ids)


def test_a_line_that_is_no_conversation_is_named(tokenizer, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "x"}]}\n{"text": 1}\n')
    with pytest.raises(CurationError, match="line 2: it has no list"):
        prepare_rows(file, tokenizer, SftLoraOptions(), window=100)
