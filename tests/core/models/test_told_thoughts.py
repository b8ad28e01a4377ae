"""Thoughts that a row tells twice, in the answer's text and beside it, are learned once; others than those learned are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.recipes.rows import TurnTokens
from tests.core.formats.cases import Case, case_of
from tests.support.chat_rows import says, user
from tests.support.chat_templates import merging_tokenizer

THOUGHT, OTHER = "because of the tide at noon", "because of the moon, they say"
MARKED = ("<think>{}</think>", "<think>\n{}\n</think>\n\n", "<THINK> {} </THINK>", "<thinking>{}</thinking>", "{}\n</think>\n\n",
          "<|begin_of_thought|>{}<|end_of_thought|>", "[THINK]{}[/THINK]", "◁think▷{}◁/think▷")  # fmt: skip
# Rows that tell thoughts beside an answer: where they stand, and what the note of other ones names.
BESIDE: dict[str, Any] = {
    "a column": lambda thought, answer: {"prompt": "q", "reasoning": thought, "response": answer},
    "a column of public data": lambda thought, answer: {"question": "q", "thinking_trajectories": [thought], "solution": answer},
    "a column beside turns": lambda thought, answer: {"prompt": [user("q")], "completion": [says(answer)], "reasoning_content": thought},
    "a column beside a conversation": lambda thought, answer: {"messages": [user("q"), says(answer)], "reasoning": thought},
    "a key": lambda thought, answer: {"messages": [user("q"), says(answer, reasoning_content=thought)]},
    "another key": lambda thought, answer: {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": answer, "thinking": thought}]},
    "two keys": lambda thought, answer: {"messages": [user("q"), says(answer, reasoning=thought, reasoning_content=thought)]},
    "an exchange": lambda thought, answer: {"conversation": [{"human": "q", "assistant": answer, "thought": thought}]},
}  # fmt: skip


def learned(got: Case, template: str = "qwen3") -> str:
    tokenizer = merging_tokenizer(template)
    row = TurnTokens(tokenizer, "assistant").row(read_chat_row(chat_record(got.messages[0], got.meta[0])))
    return str(
        tokenizer.decode([token for token, weight in zip(row.input_ids, row.weights, strict=True) if weight])
    )


def once(tmp_path: Path) -> str:
    return learned(case_of(tmp_path, [{"messages": [user("q"), says("yes", reasoning_content=THOUGHT)]}] * 2))


@pytest.mark.parametrize("place", BESIDE)
def test_the_same_thoughts_are_learned_once(tmp_path: Path, place: str) -> None:
    expected = once(tmp_path)
    for text in MARKED:
        rows = [BESIDE[place](THOUGHT, text.format(THOUGHT) + "yes")] * 2
        got = case_of(tmp_path, rows)
        assert learned(got).count(THOUGHT) == 1, text
        # Beside a conversation what its text says already stays as it is written there.
        assert learned(got) == expected or (
            place == "a column beside a conversation" and not text.startswith("<think>")
        ), text
        assert not got.imported.notes["reasoning", "thoughts-twice"] and got.written() == rows
        assert learned(got, "smollm2").count(THOUGHT) == 1  # no place for it but the text


@pytest.mark.parametrize("place", BESIDE)
def test_marks_around_thoughts_beside_an_answer_are_not_learned(tmp_path: Path, place: str) -> None:
    expected = once(tmp_path)
    for text in (*MARKED, "<think>{}", "<think>{}</think>yes"):
        rows = [BESIDE[place](text.format(THOUGHT), "yes")] * 2
        got = case_of(tmp_path, rows)
        assert learned(got) == expected, text
        assert got.written() == rows


@pytest.mark.parametrize("place", BESIDE)
def test_of_different_thoughts_those_in_the_text_are_learned_and_the_others_told(
    tmp_path: Path, place: str
) -> None:
    for text in ("<think>{}</think>", "<think>\n{}\n</think>\n\n"):
        rows = [BESIDE[place](OTHER, text.format(THOUGHT) + "yes")] * 2
        got = case_of(tmp_path, rows)
        assert learned(got) == once(tmp_path)
        told = {kind for _, kind in got.imported.notes} - {"in-words"}
        assert told == (
            {"thoughts-beside"} if place == "a column beside a conversation" else {"thoughts-twice"}
        )
        assert got.written() == rows


@pytest.mark.parametrize("place", BESIDE)
def test_empty_marks_in_the_text_leave_the_thoughts_beside_it(tmp_path: Path, place: str) -> None:
    got = case_of(tmp_path, [BESIDE[place](THOUGHT, "<think>\n\n</think>\n\nyes")] * 2)
    assert learned(got) == once(tmp_path)


def test_of_several_places_without_a_text_the_first_is_learned_and_others_are_told(tmp_path: Path) -> None:
    got = case_of(
        tmp_path, [{"messages": [user("q"), says("yes", reasoning=OTHER, reasoning_content=THOUGHT)]}] * 2
    )
    assert learned(got) == once(tmp_path) and got.imported.notes == {("reasoning", "thoughts-twice"): 2}
    parts = [{"type": "thinking", "thinking": OTHER}, {"type": "text", "text": "yes"}]
    got = case_of(tmp_path, [{"messages": [user("q"), says(parts, reasoning_content=THOUGHT)]}] * 2)
    assert learned(got) == once(tmp_path) and got.imported.notes == {("content", "thoughts-twice"): 2}


def test_what_only_sounds_alike_is_learned_as_it_stands(tmp_path: Path) -> None:
    for answer in ("yes: close it with </think> at the end", "Because it is so.", f"It is so {THOUGHT}."):
        got = case_of(tmp_path, [BESIDE["a key"](THOUGHT, answer)] * 2)
        assert learned(got).startswith(f"<think>\n{THOUGHT}\n</think>") and answer in learned(got)
        assert not got.imported.notes
