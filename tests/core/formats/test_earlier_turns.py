"""Earlier turns beside a prompt and its answer: a system turn first, a greeting, and the prompt itself at their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tamis.formats.detect import inspect_file
from tests.core.formats.cases import case_of
from tests.core.formats.files import import_file, lines_of

KEYS = {"openai": ("role", "content"), "sharegpt": ("from", "value")}
PAIRS: dict[str, dict[str, Any]] = {
    "prompt_completion": {"prompt": "q", "response": "a"},
    "alpaca": {"instruction": "q", "input": "", "output": "a"},
    "question_answer": {"question": "q", "answer": "a"},
    "preference": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "side by side": {"prompt": "q", "response_a": "b", "response_b": "a", "winner": "B"},
}


def said(keys: str, *turns: tuple[str, str]) -> list[dict[str, str]]:
    role, content = KEYS[keys]
    return [{role: who, content: text} for who, text in turns]


SYSTEM, ASKED, ANSWERED = ("system", "be kind"), ("user", "q0"), ("assistant", "a0")


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("column", ["history", "previous_messages"])
def test_a_system_turn_before_the_earlier_turns_stays_one(
    tmp_path: Path, name: str, keys: str, column: str
) -> None:
    plain = PAIRS[name] | {column: said(keys, ASKED, ANSWERED)}
    opened = PAIRS[name] | {column: said(keys, SYSTEM, ASKED, ANSWERED)}
    for rows in ([opened] * 2, [plain, plain, opened]):
        got = case_of(tmp_path, rows)
        assert got.turns[-1] == [SYSTEM, ASKED, ANSWERED, ("user", "q"), ("assistant", "a")]
        assert got.written() == rows
    both = opened | {"system": "be another"}
    got = case_of(tmp_path, [both] * 2)
    assert got.turns[0][0] == SYSTEM and got.meta[0]["system"] == "be another"
    assert got.written() == [both] * 2


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    "first",
    [[("assistant", "Welcome!"), ASKED, ANSWERED], [SYSTEM, ("assistant", "Welcome!"), ASKED, ANSWERED], [ASKED, ("user", "q1"), ANSWERED]],
)  # fmt: skip
def test_earlier_turns_in_another_order_are_refused_with_the_reason(
    tmp_path: Path, name: str, first: list[tuple[str, str]]
) -> None:
    path = tmp_path / "rows.jsonl"
    good, odd = (PAIRS[name] | {"history": said("openai", *turns)} for turns in ([ASKED, ANSWERED], first))
    path.write_bytes(lines_of([good, good, odd]))
    seen = inspect_file(path)
    got = import_file(path, str(seen.format_name), seen.fields)
    assert got.n_imported == 2
    assert [reject.reason.partition(":")[0] for reject in got.rejects] == ["wrong role order"]


@pytest.mark.parametrize("name", ["prompt_completion", "alpaca", "question_answer"])
@pytest.mark.parametrize("before", [[], [ASKED, ANSWERED], [SYSTEM, ASKED, ANSWERED], [SYSTEM]])
def test_the_prompt_and_its_answer_at_the_end_of_the_earlier_turns_are_not_said_twice(
    tmp_path: Path, name: str, before: list[tuple[str, str]]
) -> None:
    own = [("user", "q"), ("assistant", "a")]
    forms: list[Any] = [said("openai", *before, *own), said("sharegpt", *before, *own)]
    if SYSTEM not in before:
        texts = [text for _, text in [*before, *own]]
        forms.append([list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)])
    for history in forms:
        row = PAIRS[name] | {"history": history}
        got = case_of(tmp_path, [row] * 2)
        assert got.turns == [[*before, *own]] * 2
        assert got.imported.notes["history", "again"] == 2
        assert got.written() == [row] * 2
        assert "BETTER" in str(got.edited(0, "BETTER")["history"])


ANSWERS: dict[str, Any] = {
    "text": lambda text: text,
    "turns": lambda text: [{"role": "assistant", "content": text}],
    "a turn": lambda text: {"role": "assistant", "content": text},
    "ShareGPT's": lambda text: [{"from": "gpt", "value": text}],
}
PROMPTS: dict[str, Any] = {
    "text": "q", "turns": [{"role": "user", "content": "q"}], "system": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "q"}],
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", ["completion", "preference", "side by side"])
def test_whatever_holds_the_answer_it_is_not_said_twice_nor_is_the_refused_one_learned(
    tmp_path: Path, kind: str, prompt: str, answer: str
) -> None:
    made = ANSWERS[answer]
    if kind == "completion":
        base = {"prompt": PROMPTS[prompt], "response": made("a")}
    elif kind == "preference":
        base = {"prompt": PROMPTS[prompt], "chosen": made("a"), "rejected": made("b")}
    else:
        base = {"prompt": PROMPTS[prompt], "response_a": made("b"), "response_b": made("a"), "winner": "B"}
    whole = [SYSTEM] if prompt == "system" else []
    for before in ([], [ASKED, ANSWERED]):
        for said_last in ("a", "b") if kind != "completion" else ("a",):
            texts = [text for _, text in [*before, ("user", "q"), ("assistant", said_last)]]
            pairs = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
            turns = said("openai", *before, ("user", "q"), ("assistant", said_last))
            objects = [{"human": asked, "assistant": answered} for asked, answered in pairs]
            for history in (turns, pairs, objects):
                row = base | {"history": history}
                got = case_of(tmp_path, [row] * 2)
                assert got.turns == [[*whole, *before, ("user", "q"), ("assistant", "a")]] * 2
                assert got.imported.notes["history", "again"] == 2
                assert got.written() == [row] * 2
                # An edited answer is the last of its own earlier turns; a refused one stays there as it was.
                edited = got.edited(0, "BETTER")
                assert ("BETTER" in str(edited["history"])) == (said_last == "a")
                assert "BETTER" in str({key: value for key, value in edited.items() if key != "history"})
            row = base | {"history": said("openai", *before, ("user", "q"), ("assistant", "c"))}
            got = case_of(tmp_path, [row] * 2)  # another answer was given, and the prompt asked again
            assert len(got.turns[0]) == len(whole) + len(before) + 4


@pytest.mark.parametrize("kind", ["completion", "preference"])
@pytest.mark.parametrize("column", ["history", "previous_messages"])
def test_earlier_turns_come_before_a_prompt_of_turns_and_are_not_in_it_twice(
    tmp_path: Path, kind: str, column: str
) -> None:
    answered = said("openai", ("assistant", "a"))
    base: dict[str, Any] = (
        {"completion": answered}
        if kind == "completion"
        else {"chosen": answered, "rejected": said("openai", ("assistant", "b"))}
    )
    own, first = ("user", "q"), [ASKED, ANSWERED]
    older = [("user", "q00"), ("assistant", "a00")]
    cases: list[tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]], bool]] = [
        ([own], first, [*first, own], False),
        ([SYSTEM, own], first, [SYSTEM, *first, own], False),
        ([own], [SYSTEM, *first], [SYSTEM, *first, own], False),
        ([SYSTEM, own], [SYSTEM, *first], [SYSTEM, *first, own], False),
        ([*first, own], first, [*first, own], True),
        ([SYSTEM, *older, *first, own], first, [SYSTEM, *older, *first, own], True),
        ([SYSTEM, *first, own], [SYSTEM, *older, *first], [SYSTEM, *older, *first, own], True),
    ]
    for prompt, history, expected, again in cases:
        row = {"prompt": said("openai", *prompt), column: said("openai", *history)} | base
        for rows in ([row] * 2, [{key: value for key, value in row.items() if key != column}, row]):
            got = case_of(tmp_path, rows)
            assert got.turns[-1] == [*expected, ("assistant", "a")]
            assert bool(got.imported.notes[column, "again"]) is again
            assert got.written() == rows
            edited = got.edited(1, "BETTER")
            assert {key: value for key, value in edited.items() if key in ("prompt", column)} == {
                "prompt": row["prompt"],
                column: row[column],
            }
    both = {
        "prompt": said("openai", SYSTEM, own),
        column: said("openai", ("system", "be another"), *first),
    } | base
    got = case_of(tmp_path, [both] * 2)
    assert got.turns[0] == [SYSTEM, own, ("assistant", "a")] and got.imported.notes[column, "set-aside"] == 2
    assert got.written() == [both] * 2
    beside = {"system": "be kind", "prompt": said("openai", own), column: [["q0", "a0"]]} | base
    got = case_of(tmp_path, [beside] * 2)
    assert got.turns[0] == [SYSTEM, *first, own, ("assistant", "a")] and got.written() == [beside] * 2
