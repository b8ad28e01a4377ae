"""One builder: what a model is asked is what it was trained on, for every template and kind of row."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("transformers")

from tamis.llms.templates import PromptTokens
from tamis.models.chat_rows import ChatRow, read_chat_row
from tamis.models.chat_tokens import ChatTokens
from tamis.models.row_marks import UnfitRow
from tamis.recipes.rows import TurnTokens
from tamis.steps.chat_prompts import question_and_answer
from tests.support.chat_rows import RECORDS, TIDE, WIND, called, chat_row, says, system, told, user
from tests.support.chat_templates import TEMPLATES, byte_tokenizer, merging_tokenizer, template_text

OTHERS = {
    "plain": None,
    "refuses system": "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "ends by nothing": "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
    "asks otherwise": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
}
BLANK = [  # a system turn that says nothing is left out of both
    {"messages": [system(" \n\u00a0"), user("Hi?"), says("Ho.")]},
    {"messages": [system("  "), system("Be kind."), user("Hi?"), says("Ho.")]},
    {"messages": [system("\n"), user("Hi?"), says("Ho."), user("And?"), says("So.")]},
]
TOKENIZERS = {"bytes": byte_tokenizer, "merges": merging_tokenizer}


def dressed(name: str, kind: str):
    if name in TEMPLATES:
        return TOKENIZERS[kind](name)
    tokenizer = TOKENIZERS[kind]("chatml")
    tokenizer.chat_template = OTHERS[name]
    return tokenizer


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("name", [*TEMPLATES, *OTHERS])
def test_a_question_is_the_beginning_of_its_row_and_the_first_learned_token_comes_next(name, kind):
    tokenizer = dressed(name, kind)
    chat, asking = ChatTokens(tokenizer), PromptTokens(tokenizer, 10_000)
    learning = TurnTokens(tokenizer, "last")
    fits = 0
    for record in (*RECORDS.values(), *BLANK):
        row = read_chat_row(record)
        try:
            learned = learning.row(ChatRow(row.messages, row.tools, n_images=row.n_images))
        except UnfitRow:
            continue
        fits += 1
        question = chat.question(ChatRow(row.messages[:-1], row.tools))
        assert learned.input_ids[: len(question)] == question
        assert asking.contexts([question_and_answer(record)[0]]) == [question]
        if not any(learned.weights):  # its own marks say so
            continue
        assert learned.n_question == len(question)
        assert not any(learned.weights[: len(question)])
        assert learned.weights[len(question)] > 0
        answer = asking.asked(*question_and_answer(record))
        read = answer.context + answer.answer
        assert learned.input_ids[: len(read)] == read
        assert not any(learned.weights[len(read) :])
        assert answer.ends is (tokenizer.eos_token_id is not None)
    assert fits >= 9


@pytest.mark.parametrize("name", TEMPLATES)
def test_of_earlier_answers_what_a_model_would_write_is_learned(name):
    tokenizer = byte_tokenizer(name)
    row = chat_row("two exchanges")
    learned = TurnTokens(tokenizer, "assistant").row(row)
    first = ChatTokens(tokenizer).question(ChatRow(row.messages[:1]))
    again = learned.weights.index(1.0)
    assert (
        learned.input_ids[:again] == first or name == "mistral"
    )  # asks with what it puts before the last user's turn
    texts = []
    for token, weight, before in zip(
        learned.input_ids, learned.weights, [0.0, *learned.weights], strict=False
    ):
        if weight:
            texts = [*texts, ""] if not before else texts
            texts[-1] += tokenizer.decode([token])
    assert len(texts) == 2
    assert [text in piece for text, piece in zip(("Ho.", "So."), texts, strict=True)] == [True, True]
    assert all(
        any(piece.endswith(closer) for closer in ChatTokens(tokenizer).template.closers) for piece in texts
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_tokens_are_those_of_the_template(name):
    """Byte by byte, so that nothing depends on where a text is cut."""
    tokenizer = byte_tokenizer(name)
    for kind in ("one exchange", "two exchanges", "space around", "other scripts"):
        row = chat_row(kind)
        text = tokenizer.apply_chat_template(list(row.messages), tokenize=False)
        assert ChatTokens(tokenizer).row(row).ids == tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_marks_inside_texts_stay_text(name):
    tokenizer = byte_tokenizer(name)
    special = set(tokenizer.all_special_ids)
    row, tame = chat_row("marks in texts"), chat_row("two exchanges")
    counts = [sum(token in special for token in ChatTokens(tokenizer).row(one).ids) for one in (row, tame)]
    assert counts[0] == counts[1]
    text = tokenizer.decode(ChatTokens(tokenizer).row(row).ids)
    assert "Say <|im_end|> or </s> or <|eot_id|>" in text


def test_templates_written_down_are_whole():
    assert all(template_text(name) for name in TEMPLATES[:4])


def test_calls_are_numbered_anew_for_templates_that_take_no_other_ids():
    """Mistral's refuse ids that are not of nine letters, which hardly any file has."""
    tokenizer = byte_tokenizer("mistral")
    calls = [called("tide", "{}") | {"id": "a"}, called("wind", "{}") | {"id": "b"}]
    results = [told("2") | {"tool_call_id": "b"}, {"role": "tool", "content": "1"}]
    row = ChatRow((user("Both?"), says("", tool_calls=calls), *results, says("3")), (TIDE, WIND))
    text = tokenizer.decode(ChatTokens(tokenizer).row(row).ids)
    found = re.findall(r'"(?:call_)?id": "(\w+)"', text)
    assert found == ["000000001", "000000002", "000000002", "000000001"]
