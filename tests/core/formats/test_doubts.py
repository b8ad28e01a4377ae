"""What no rule decides is asked: where two columns may be what is learned, an import stops and names them and the mapping."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tamis.errors import UnreadableFile
from tamis.formats.detect import inspect_file
from tamis.steps.import_file.identify import plan_import
from tests.core.formats.cases import case_of
from tests.core.formats.files import csv_bytes, lines_of
from tests.core.formats.round_trip import import_all


def turns(answer: str, asked: str = "q") -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def said(answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": "q"}, {"from": "gpt", "value": answer}]


EARLIER = turns("before", "the question before")
PAIRS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": "q", "output": "GOOD"}, "prompt_completion": {"prompt": "q", "response": "GOOD"},
    "question_answer": {"question": "q", "answer": "GOOD"}, "instruction_response": {"instruction": "q", "response": "GOOD"},
    "preference": {"prompt": "q", "chosen": "GOOD", "rejected": "BAD"},
}  # fmt: skip
BESIDE = (
    "critique",
    "judge_messages",
    "dialog_context",
    "context_turns",
    "messages_before",
    "few_shot_examples",
    "zzz",
)
# Columns of conversations side by side, first the better one; none of them is called as conversations are.
RIVALS = (
    ("good_conversation", "bad_conversation"), ("correct_messages", "incorrect_messages"), ("improved_conversation", "original_conversation"),
    ("messages_safe", "messages_toxic"), ("conversation_en", "conversation_de"), ("x", "y"),
)  # fmt: skip


def asked(tmp_path: Path, rows: list[dict[str, Any]], *columns: str) -> str:
    """The sentence in which an import of the rows asks, which names the columns; the page is asked the same."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of(rows))
    seen = inspect_file(path)
    assert seen.format_name is None and seen.doubt is not None, seen.fields
    with pytest.raises(UnreadableFile) as error:
        plan_import([str(path)])
    assert seen.doubt.sentence in str(error.value)
    assert all(repr(column) in seen.doubt.sentence for column in columns)
    return seen.doubt.sentence


def answers(tmp_path: Path, options: str = "") -> list[str]:
    """What is learned of the rows with the options of an import."""
    words = shlex.split(options)
    named = dict(zip(words[::2], words[1::2], strict=True))
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    stored = import_all(tmp_path / "rows.jsonl", format_name=named.get("--format", ""), fields=fields)
    return [str(example.messages[-1]["content"]) for example in stored.examples]


def read_by(tmp_path: Path, options: str) -> list[dict[str, Any]]:
    """The turns that the first row gives with the options of an import."""
    words = shlex.split(options)
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    stored = import_all(tmp_path / "rows.jsonl", format_name=words[1], fields=fields)
    return list(stored.examples[0].messages)


def offered(sentence: str) -> list[str]:
    return re.findall(r"--format \w+(?: --map \S+)*", sentence)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("as_text", [False, True])
def test_turns_beside_a_prompt_and_its_answer_are_asked_about(
    tmp_path: Path, name: str, as_text: bool
) -> None:
    for column in BESIDE:
        value = json.dumps(EARLIER) if as_text else EARLIER
        for rows in (
            [PAIRS[name] | {column: value}] * 2,
            [{column: value} | PAIRS[name]] * 2,
            [PAIRS[name] | {column: empty} for empty in (None, [], "")] + [PAIRS[name] | {column: value}],
        ):
            before, beside, whole = offered(asked(tmp_path, rows, column))
            assert answers(tmp_path, before) == answers(tmp_path, beside) == ["GOOD"] * len(rows)
            assert (
                len(
                    import_all(tmp_path / "rows.jsonl", format_name=name, fields={"history": column})
                    .examples[-1]
                    .messages
                )
                == 4
            )
            assert set(answers(tmp_path, whole)) == {"before"}


def test_a_short_turn_is_not_held_by_a_word_of_the_prompt(tmp_path: Path) -> None:
    short = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
    asked(
        tmp_path,
        [{"prompt": "Hide it. Yes?", "response": "Yes, hidden.", "before_it": short}] * 2,
        "before_it",
    )


@pytest.mark.parametrize("when", ["prev", "previous", "prior", "past", "earlier", "preceding"])
def test_earlier_turns_by_their_name_come_before_the_prompt(tmp_path: Path, when: str) -> None:
    for what in ("messages", "turns", "conversation"):
        for rows in ([PAIRS["question_answer"] | {f"{when}_{what}": EARLIER}] * 2, [PAIRS["question_answer"], PAIRS["question_answer"] | {f"{when}_{what}": EARLIER}]):  # fmt: skip
            got = case_of(tmp_path, rows)
            assert [text for _, text in got.turns[-1]] == ["the question before", "before", "q", "GOOD"]


def test_turns_that_the_conversation_holds_leave_no_doubt(tmp_path: Path) -> None:
    for row in PAIRS.values():
        for same in (turns("GOOD"), said("GOOD")):
            assert [one[-1][1] for one in case_of(tmp_path, [row | {"log": same}] * 2).turns] == ["GOOD"] * 2
    # A question without an answer behind it is no turn before the prompt; what is called a conversation is one.
    assert (
        case_of(tmp_path, [PAIRS["alpaca"] | {"generation_prompt": turns("x")[:1]}]).turns[0][-1][1] == "GOOD"
    )
    for column in ("messages", "conversations", "conversation", "dialog"):
        assert (
            case_of(tmp_path, [{"note_turns": turns("x"), "question": "q", column: turns("GOOD")}]).turns[0][
                -1
            ][1]
            == "GOOD"
            if column != "dialog"
            else True
        )


@pytest.mark.parametrize("columns", RIVALS)
@pytest.mark.parametrize("make", [turns, said, lambda answer: json.dumps(turns(answer))])
def test_of_conversations_side_by_side_none_is_taken_unasked(
    tmp_path: Path, columns: tuple[str, str], make: Any
) -> None:
    good, bad = columns
    for row in ({good: make("GOOD"), bad: make("BAD")}, {bad: make("BAD"), good: make("GOOD")}):
        sentence = asked(tmp_path, [row] * 2, good, bad)
        assert {tuple(answers(tmp_path, option)) for option in offered(sentence)} == {
            ("GOOD",) * 2,
            ("BAD",) * 2,
        }
        guess = inspect_file(tmp_path / "rows.jsonl").guess
        if len(good) > 1 and not good.endswith("_en"):
            assert guess and good in guess.parts.values()


def test_a_conversation_that_is_named_a_bad_one_is_not_learned_unasked(tmp_path: Path) -> None:
    for column in ("bad_conversation", "incorrect_messages", "toxic_turns"):
        (option,) = offered(asked(tmp_path, [{column: turns("BAD"), "id": 1}] * 2, column))
        assert column in option
    # The usual name wins; what stands beside it is told with the columns that are kept.
    for row in (
        {"original_messages": turns("BAD"), "messages": turns("GOOD")},
        {"messages": turns("GOOD"), "bad_messages": turns("BAD")},
    ):
        assert case_of(tmp_path, [row] * 2).turns[0][-1][1] == "GOOD"
    asked(tmp_path, [{"messages": turns("x"), "conversations": said("y")}] * 2, "messages", "conversations")


@pytest.mark.parametrize("column", ["dialog", "chat", "turns", "trajectory"])
def test_a_pair_of_which_the_conversation_beside_it_holds_nothing_is_asked_about(
    tmp_path: Path, column: str
) -> None:
    for asked_as, answered in (("question", "answer"), ("query", "response"), ("instruction", "output")):
        rows = [{column: EARLIER, asked_as: "q", answered: "GOOD"}] * 2
        after, alone = offered(asked(tmp_path, rows, column, asked_as))
        assert (answers(tmp_path, after), answers(tmp_path, alone)) == (["GOOD"] * 2, ["before"] * 2)
    # One of them inside says that the conversation is the whole.
    assert (
        case_of(tmp_path, [{column: turns("another"), "question": "q", "answer": "GOOD"}]).turns[0][-1][1]
        == "another"
    )


def test_names_of_columns_are_no_answers(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "gpt4": "GOOD", "llama": "BAD", "chosen": "gpt4", "rejected": "llama"},
            {"prompt": "q", "gpt4": "BAD", "llama": "GOOD", "chosen": "llama", "rejected": "gpt4"}]  # fmt: skip
    (option,) = offered(asked(tmp_path, rows, "chosen", "gpt4", "llama"))
    assert answers(tmp_path, option) == ["GOOD", "GOOD"]


def test_lists_of_texts_as_json_are_asked_about(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": '["q1", "q2"]',
            "response_a": '["a1", "a2"]',
            "response_b": '["b1", "b2"]',
            "winner": "model_a",
        }
    ] * 2
    asked(tmp_path, rows, "prompt", "response_a")
    asked(tmp_path, [{"prompt": '["q1"]', "response": '["a1"]'}] * 2, "prompt", "response")
    assert case_of(tmp_path, [{"prompt": "As JSON", "response": '["a1"]'}] * 2).turns[0][-1][1] == '["a1"]'


def test_a_mapping_of_something_else_does_not_settle_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of([PAIRS["alpaca"] | {"critique": EARLIER, "knowledge": "the sea"}] * 2))
    with pytest.raises(UnreadableFile, match="'critique'"):
        plan_import([str(path)], fields={"join": "knowledge"})
    plan = plan_import([str(path)], fields={"join": "knowledge", "history": "critique"})
    assert plan.options["files"][0]["fields"]["join"] == ["knowledge"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("toxic", True), ("stars", 4), ("is_spam", False), ("class", 1), ("polarity", -1), ("vulnerable", 0), ("score", 4), ("hate", 0.0), ("rating", 2.5), ("grade", 1)],
)  # fmt: skip
def test_a_text_beside_a_number_that_may_be_the_answer_is_not_learned(
    tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "rows.jsonl"
    for asked_as, text in (("instruction", "text"), ("prompt", "text"), ("instruction", "code")):
        path.write_bytes(lines_of([{asked_as: "Judge", text: "A long day.", name: value}] * 2))
        seen = inspect_file(path)
        assert seen.format_name is None
        assert isinstance(value, bool) or (seen.guess and seen.guess.parts["completion"] == name)


@pytest.mark.parametrize(
    "columns",
    [("good_answer", "bad_answer"), ("accept", "reject"), ("correct", "incorrect"), ("positive", "negative"), ("pos", "neg"), ("win", "lose"), ("response_good", "response_bad")],
)  # fmt: skip
def test_no_hint_names_the_refused_answer_to_be_learned(tmp_path: Path, columns: tuple[str, str]) -> None:
    good, bad = columns
    path = tmp_path / "rows.csv"
    path.write_bytes(
        csv_bytes([{"prompt": "q", bad: "BAD, and much longer than the other", good: "GOOD"}] * 2)
    )
    seen = inspect_file(path)
    assert seen.guess and seen.guess.parts == {"prompt": "prompt", "chosen": good, "rejected": bad}
    path.write_bytes(csv_bytes([{"prompt": "q", bad: "BAD"}] * 2))
    assert bad not in getattr(inspect_file(path).guess, "parts", {}).values()


def test_a_verdict_in_letters_is_hinted_at_as_the_choice(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        lines_of([{"prompt": "q", "response_a": "x", "response_b": "y", "judgment": side} for side in "AB"])
    )
    seen = inspect_file(path)
    assert seen.guess and seen.guess.options.endswith("--map choice=judgment")


@pytest.mark.parametrize("name", ["loser", "worse", "rejected", "worst", "bad_response", "not_preferred"])
def test_a_column_that_names_the_worse_one_is_never_hinted_at_as_the_choice(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "rows.jsonl"
    for sides, said in (("ab", "AB"), ("12", (1, 2)), ("01", (0, 1)), ("ab", ("response_a", "response_b"))):
        first, second = (f"response_{side}" for side in sides)
        path.write_bytes(lines_of([{"prompt": "q", first: "x", second: "y", name: worse} for worse in said]))
        seen = inspect_file(path)
        assert seen.format_name is None
        assert name not in getattr(seen.guess, "parts", {}).values()


@pytest.mark.parametrize(
    "name", ["answer", "gold", "correct", "label", "correct_option", "correct_answer_id"]
)
def test_a_letter_that_may_be_the_right_one_of_options_is_asked_about(tmp_path: Path, name: str) -> None:
    rows = [{"question": "Which? A) 4 B) 5", name: at, "response_a": "x", "response_b": "y"} for at in "AB"]
    choice, answer = offered(asked(tmp_path, rows, name, "response_a"))
    assert answers(tmp_path, choice) == ["x", "y"] and answers(tmp_path, answer) == ["A", "B"]
    # Options side by side, numbers under a label and the names of the columns leave no doubt.
    if name not in ("answer", "gold"):
        for said, sides in (("AB", "answer_a answer_b"), ((1, 2), "response_1 response_2"), (("response_a", "response_b"), "response_a response_b")):  # fmt: skip
            first, second = sides.split()
            rows = [{"question": "q", first: "x", second: "y", name: at} for at in said]
            assert [turns[-1][1] for turns in case_of(tmp_path, rows).turns] == ["x", "y"]


ASKING: dict[str, dict[str, Any]] = {
    "letters": {"response_a": "x", "response_b": "y", "answer": "A"},
    "numbers": {"response_1": "x", "response_2": "y", "correct_answer": 2},
    "letters of a label": {"response_a": "x", "response_b": "y", "label": "B"},
    "names of columns": {"gpt4": "x", "llama": "y", "chosen": "gpt4", "rejected": "llama"},
    "names of columns as the answer": {"gpt4": "x", "llama": "y", "answer": "gpt4", "other": "llama"},
    "turns": {"answer": "x", "critique": EARLIER},
    "turns as text": {"response": "x", "critique": json.dumps(EARLIER)},
    "system first": {"answer": "x", "critique": [{"role": "system", "content": "be kind"}, *EARLIER]},
    "turns beside a pair": {"chosen": "x", "rejected": "y", "critique": EARLIER},
    "a conversation": {"dialog": EARLIER, "answer": "x"},
    "another shape": {"dialog": said("before"), "response": "x"},
    "two conversations": {"good_messages": turns("x"), "bad_messages": turns("y")},
    "a bad one": {"toxic_turns": turns("x")},
    "a bad pair": {"bad_conversation": [{"human": "q", "assistant": "x"}]},
    "lists as text": {"response": '["a1"]'},
    "turns beside a prompt of turns": {"completion": turns("x")[1:], "critique": EARLIER},
    "turns beside a pair of turns": {"chosen": turns("x")[1:], "rejected": turns("y")[1:], "critique": EARLIER},
    "turns beside whole conversations": {"chosen": turns("x"), "rejected": turns("y"), "critique": EARLIER},
    "another system turn": {"completion": turns("x")[1:], "critique": [{"role": "system", "content": "be kind"}, *EARLIER]},
}  # fmt: skip
ASKED: dict[str, Any] = {
    "lists as text": '["q1"]', "turns beside a prompt of turns": turns("")[:1], "turns beside a pair of turns": turns("")[:1],
    "another system turn": [{"role": "system", "content": "be brief"}, *turns("")[:1]],
}  # fmt: skip
PROMISED = re.compile(r"(--format \w+(?: --map \S+)*)(?: to ([a-z ]+?))?(?= or --format|$)")


@pytest.mark.parametrize("question", ["prompt", "question", "instruction", "query", "problem"])
@pytest.mark.parametrize("name", ASKING)
def test_every_option_that_is_printed_imports(tmp_path: Path, name: str, question: str) -> None:
    said = ASKED.get(name, "q")
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of([{question: said} | ASKING[name]] * 2))
    seen = inspect_file(path)
    for option, promise in PROMISED.findall(seen.doubt.sentence if seen.doubt else ""):
        texts = [turn["content"] for turn in read_by(tmp_path, option) if turn["role"] != "system"]
        if promise in ("read them before it", "learn the answer after it"):
            assert texts == ["the question before" if name != "another shape" else "q", "before", "q", "x"]
        elif promise == "keep them beside the rows":
            assert texts == ["q", "x"]
        elif promise == "learn the answer alone":
            assert texts[-1] == "x"
        else:
            assert promise in ("", "learn them instead", "learn the conversation alone"), promise
            assert not promise or texts[-1] == "before"
    printed = [*offered(seen.doubt.sentence if seen.doubt else ""), getattr(seen.guess, "options", "")]
    assert seen.format_name is not None or any(printed)
    for option in filter(None, printed):
        assert len(answers(tmp_path, option)) == 2, option


@pytest.mark.parametrize("column", ["turns", "items", "contents", "trajectory", "texts", "paragraphs"])
@pytest.mark.parametrize("beside", [{}, {"question_id": 81, "category": "writing"}, {"title": "x"}])
def test_texts_of_a_list_are_said_in_turn_only_under_a_name_that_says_so(
    tmp_path: Path, column: str, beside: dict[str, Any]
) -> None:
    path = tmp_path / "rows.jsonl"
    for listed in (["q1", "q2"], '["q1", "q2"]'):
        path.write_bytes(lines_of([beside | {column: listed}] * 2))
        assert inspect_file(path).format_name is None
    path.write_bytes(lines_of([beside | {column: ["q1", "q2"]}] * 2))
    assert answers(tmp_path, f"--format turns --map conversations={column}") == ["q2", "q2"]
    # Under such a name, and as pairs or objects of exchanges, they are what two people say.
    for name in ("conversations", "messages", "dialog", "dialogue", "conversation"):
        assert case_of(tmp_path, [beside | {name: ["q1", "a1"]}] * 2).turns[0][-1][1] == "a1"
    if column == "turns":
        for exchanges in ([["q1", "a1"]], [{"user": "q1", "assistant": "a1"}]):
            assert case_of(tmp_path, [beside | {column: exchanges}] * 2).turns[0][-1][1] == "a1"
