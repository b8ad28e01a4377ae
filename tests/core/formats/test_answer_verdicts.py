"""Of several answers one that its verdict calls right is the response; where none is, the import says so."""

from __future__ import annotations

import pytest

from tamis.formats.detect import inspect_file
from tests.core.formats.cases import case_of
from tests.core.formats.files import lines_of
from tests.core.formats.round_trip import import_all

# What stands beside the answers "BAD" and "GOOD", in this order.
BESIDE = {
    "is_correct": [False, True], "correctness": [False, True], "correct": [0, 1], "verified": [False, True], "passed": ["no", "yes"],
    "is_valid": [None, True], "correctness_math_verify": [False, True], "verdicts": ["incorrect", "correct"], "is_wrong": [True, False],
    "hallucinated": [1, 0], "labels": [False, True], "tests_passed": [False, True],
}  # fmt: skip
MARKS = [
    ("is_correct", False, True), ("correct", 0, 1), ("verified", False, True), ("passed", "fail", "pass"), ("selected", False, True),
    ("is_accepted", False, True), ("incorrect", True, False), ("label", False, True),
]  # fmt: skip


def learned(got) -> set[object]:
    assert got.reasons == []
    return {turns[-1][1] for turns in got.turns}


@pytest.mark.parametrize("column", BESIDE)
def test_a_list_of_verdicts_beside_the_answers(tmp_path, column):
    row = {"problem": "Q", "generations": ["BAD", "GOOD"], column: BESIDE[column]}
    got = case_of(tmp_path, [row] * 2)
    assert learned(got) == {"GOOD"} and got.written() == [row] * 2
    assert got.edited(0, "NEW") == row | {"generations": ["BAD", "NEW"]}
    assert not any(kind == "none-right" for _, kind in got.imported.notes)
    inside = {"question": "Q", "answers": {"text": ["BAD", "GOOD"], column: BESIDE[column]}}
    assert learned(case_of(tmp_path, [inside] * 2)) == {"GOOD"}


@pytest.mark.parametrize(("key", "bad", "good"), MARKS)
def test_a_verdict_inside_each_answer(tmp_path, key, bad, good):
    outputs = [{"text": "BAD", key: bad}, {"text": "GOOD", key: good}, {"text": "LATER", key: good}]
    got = case_of(tmp_path, [{"prompt": "Q", "outputs": outputs}] * 2)
    assert learned(got) == {"GOOD"}


def test_the_first_list_that_calls_one_right_counts(tmp_path):
    row = {
        "problem": "Q",
        "generations": ["BAD", "GOOD"],
        "is_verified": [False, False],
        "correct": [False, True],
    }
    assert learned(case_of(tmp_path, [row] * 2)) == {"GOOD"}


def test_of_right_answers_the_best_scored_is_taken_and_a_wrong_one_never(tmp_path):
    said = [("BAD", False, 9), ("FAIR", True, 1), ("GOOD", True, 5)]
    answers = [{"text": text, "is_correct": right, "score": score} for text, right, score in said]
    assert learned(case_of(tmp_path, [{"question": "Q", "answers": answers}] * 2)) == {"GOOD"}
    columns = zip(*said, strict=True)
    row = {"prompt": "Q"} | dict(zip(("responses", "correct", "scores"), map(list, columns), strict=True))
    assert learned(case_of(tmp_path, [row] * 2)) == {"GOOD"}


@pytest.mark.parametrize("answers", [["BAD"], ["BAD", "WORSE"]])
def test_where_none_is_right_it_is_told(tmp_path, answers):
    row = {"prompt": "Q", "responses": answers, "is_correct": [False] * len(answers)}
    good = {"prompt": "Q2", "responses": ["GOOD"], "is_correct": [True]}
    got = case_of(tmp_path, [row, good, row])
    assert got.imported.notes["responses", "none-right"] == 2
    items = [{"text": text, "is_correct": False} for text in answers]
    got = case_of(tmp_path, [{"prompt": "Q", "outputs": items}] * 2)
    assert got.imported.notes["outputs", "none-right"] == 2


@pytest.mark.parametrize("value", [[True, False, True], ["x", "y"], [0.5, 0.7], [None, None]])
def test_what_is_no_verdict_chooses_nothing(tmp_path, value):
    row = {"prompt": "Q", "responses": ["FIRST", "OTHER"], "correct": value}
    got = case_of(tmp_path, [row] * 2)
    assert learned(got) == {"FIRST"}
    assert not any(kind == "none-right" for _, kind in got.imported.notes)


def test_steps_are_one_answer(tmp_path):
    row = {"prompt": "Q", "completions": ["One.", "Two.", "So 3."], "labels": [True, True, False]}
    got = case_of(tmp_path, [row, row | {"labels": [True] * 3}])
    assert learned(got) == {"One.\nTwo.\nSo 3."}
    assert got.imported.notes["completions", "steps"] == 2
    assert got.imported.notes["completions", "wrong-step"] == 1
    assert got.written()[0] == row
    assert got.edited(0, "One.\nTwo.\nSo 4.")["completions"] == ["One.", "Two.", "So 4."]
    assert got.edited(0, "All at once")["completions"] == ["All at once"]


ARC = {
    "id": "x",
    "question": "Which?",
    "choices": {"text": ["BAD", "GOOD"], "label": ["A", "B"]},
    "answerKey": "B",
}


def test_of_options_with_labels_the_one_of_the_key_is_hinted_at(tmp_path):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([ARC] * 2))
    guess = inspect_file(path).guess
    assert (
        guess is not None
        and guess.options == "--format question_answer --map question=question --map answer=choices"
    )
    numbered = ARC | {"choices": {"text": ["BAD", "GOOD"], "label": ["1", "2"]}, "answerKey": "2"}
    path.write_bytes(lines_of([ARC, numbered]))
    stored = import_all(path, format_name="question_answer", fields=guess.parts)
    assert {one.messages[-1]["content"] for one in stored.examples} == {"GOOD"}
    assert not any(kind == "none-right" for _, kind in stored.notes)


@pytest.mark.parametrize("models", [("gpt4", "claude"), ("gpt4", "claude", "llama")])
def test_a_choice_between_columns_of_models_is_hinted_at_as_one(tmp_path, models):
    rows = [
        {"prompt": "q"}
        | {name: "GOOD" if name == best else "a BAD one" for name in models}
        | {"winner": best}
        for best in models
    ]
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([*rows, rows[0] | {"winner": "tie"}]))
    guess = inspect_file(path).guess
    assert guess is not None and guess.format_name == "preference"
    stored = import_all(path, format_name="preference", fields=guess.parts)
    assert [one.messages[-1]["content"] for one in stored.examples] == ["GOOD"] * len(models)
    assert len(stored.rejects) == 1


@pytest.mark.parametrize("winner", [1, "left one", "model_a"])
def test_no_answer_is_hinted_at_where_an_unclear_choice_stands_beside_two(tmp_path, winner):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([{"prompt": "q", "gpt4": "BAD", "claude": "GOOD", "winner": winner}] * 2))
    assert inspect_file(path).guess is None


@pytest.mark.parametrize("selected", [True, False])
def test_answers_with_authors_are_no_turns(tmp_path, selected):
    answers = [
        {"answer_id": 1, "author": "Bob", "pm_score": 1, "selected": False, "text": "BAD"},
        {"answer_id": 2, "author": "Ann", "pm_score": 5, "selected": selected, "text": "GOOD"},
    ]
    got = case_of(tmp_path, [{"qid": 1, "question": "How?", "answers": answers}] * 2)
    assert learned(got) == {"GOOD"} and not any(kind == "none-right" for _, kind in got.imported.notes)
