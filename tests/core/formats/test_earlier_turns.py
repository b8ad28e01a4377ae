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
