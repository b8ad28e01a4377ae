"""Of answers side by side the preferred one is the response, however the choice names it; one that is not sure is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tamis.errors import InvalidRecord, UnreadableFile
from tamis.formats import load_format
from tamis.formats.detect import inspect_file, rank_formats
from tests.core.formats.cases import case_of
from tests.core.formats.files import import_file, lines_of
from tests.core.formats.round_trip import import_all

PAIRS = (
    "response_0", "response_a", "answer_a", "answer_0", "completion_a", "output_1", "output_a", "response_1", "answer_1",
    "conversation_a", "messages_a",
)  # fmt: skip
SPELLINGS = {
    "snake": lambda stem, end: f"{stem}_{end}",
    "joined": lambda stem, end: f"{stem}{end.upper()}",
    "words": lambda stem, end: f"{stem.capitalize()} {end.upper()}",
    "dashes": lambda stem, end: f"{stem}-{end}",
}
TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "BAD"}]
GOOD = [TURNS[0], {"role": "assistant", "content": "GOOD"}]
# How a choice names the answer at a place, and whether numbers may be counted so among so many.
NAMINGS: dict[str, Any] = {
    "from 0": lambda at, columns: at,
    "from 0 as text": lambda at, columns: str(at),
    "from 1": lambda at, columns: at + 1,
    "from 1 as text": lambda at, columns: str(at + 1),
    "from 1 with a fraction": lambda at, columns: float(at + 1),
    "letter": lambda at, columns: "ABCD"[at],
    "model": lambda at, columns: f"model_{'abcd'[at]}",
    "column": lambda at, columns: columns[at],
    "strength": lambda at, columns: (-3, 2)[at],
}


STRENGTHS = ("preference_strength", "overall_preference")


def columns_of(first: str, spelling: str, n: int) -> list[str]:
    stem, _, start = first.rpartition("_")
    ends = "abcd" if start == "a" else "0123"[: n + 1] if start == "0" else "1234"
    return [SPELLINGS[spelling](stem, end) for end in ends[:n]]


def row_of(columns: list[str], at: int, choice: str, said: Any) -> dict[str, Any]:
    in_turns = columns[0].lower().startswith(("conversation", "messages"))
    bad, good = (TURNS, GOOD) if in_turns else ("BAD", "GOOD")
    asked = {} if in_turns else {"prompt": "q"}
    return asked | {column: good if i == at else bad for i, column in enumerate(columns)} | {choice: said}


def learned(rows: list[dict[str, Any]]) -> list[Any]:
    best = rank_formats(rows)[0]
    assert best.format_name == "preference"
    form = load_format("preference")
    return [form.parse(row, best.fields)[0].response for row in rows]


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("first", PAIRS)
def test_the_named_answer_is_the_response(first: str, naming: str) -> None:
    wrong = []
    for spelling in SPELLINGS:
        for n in (2,) if naming == "strength" else (2, 3, 4):
            columns = columns_of(first, spelling, n)
            if n == 2 and naming.startswith("from 0") and first.endswith("1"):
                continue  # 1 may name the first one
            for choice in STRENGTHS if naming == "strength" else ("preference", "label", "winner"):
                said = [NAMINGS[naming](at, columns) for at in range(n)]
                rows = [row_of(columns, at, choice, said[at]) for at in range(n)]
                if learned(rows * 2) != ["GOOD"] * (2 * n):
                    wrong.append((columns, choice))
    assert wrong == []


EDGES: dict[str, tuple[list[str], str, list[Any], list[int | None]]] = {  # None: refused
    "Social IQa": (["answerA", "answerB", "answerC"], "label", ["1", "2", "3"], [0, 1, 2]),
    "a third answer": (["response_0", "response_1", "response_2"], "better_response_id", [0, 2, 1], [0, 2, 1]),
    "a number without an answer": (["response_0", "response_1"], "better_response_id", [0, 2, 1], [0, None, 1]),
    "0 is a tie": (["response1", "response2"], "label", [0, 1, 2], [None, 0, 1]),
    "0 of a strength is a tie": (["response_1", "response_2"], "preference_strength", [0, -1, 1], [None, 0, 1]),
    "0 may be a tie": (["response_1", "response_2"], "label", [0, 0], [None, None]),
    "1 may be either": (["response_a", "response_b"], "label", [1, 1], [None, None]),
    "2 may be a tie": (["response_a", "response_b"], "label", [0, 1, 2], [None, None, None]),
    "0 and 1 of answers counted from 1": (["response_1", "response_2"], "winner", [1, 0], [None, None]),
    "0 and 1 as text": (["answer_1", "answer_2"], "label", ["1", "0"], [None, None]),
    "only 1 of answers counted from 1": (["response1", "response2"], "preference", [1.0, 1.0], [None, None]),
    "only 1 as a place": (["response_1", "response_2"], "better_response_id", [1, 1], [0, 0]),
    "only 1 behind a name": (["response_1", "response_2"], "winner", ["model_1", "model_1"], [0, 0]),
    "yes and no": (["response_a", "response_b"], "label", [True, False], [None, None]),
    "hidden labels": (["answer1", "answer2"], "label", [-1, -1], [None, None]),
    "hidden labels of three": (["answerA", "answerB", "answerC"], "label", [0, 1, 2, -1], [0, 1, 2, None]),
    "a scale of five steps": (["response_a", "response_b"], "preference", [1, 3, 5], [None, None, None]),
    "a scale of three steps": (["response_1", "response_2"], "preference", [1, 2, 3], [None, None, None]),
    "a fraction": (["response_a", "response_b"], "preference", [0.4, 0.9], [None, None]),
    "signs or places": (["response1", "response2"], "overall_preference", [1, 2], [None, None]),
    "a letter beyond": (["response_a", "response_b"], "winner", ["a", "c", "b"], [0, None, 1]),
    **{
        f"{low} or {high} of a {choice}": (["response_a", "response_b"], choice, [low, high], [None, None])
        for choice in ("winner", "label", "preference", "choice", "better") for low, high in ((-1, 1), (-3, 2), ("-1", "1"), (-1.0, 1.0))
    },
    "a word of one's own": (["response_a", "response_b"], "label", ["A>B", "B>A"], [None, None]),
    "not that one": (["response_a", "response_b"], "winner", ["a", "not_b", "tie"], [0, None, None]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_what_names_no_answer_for_sure_is_refused_with_the_reason(name: str) -> None:
    columns, choice, said, places = EDGES[name]
    rows = [row_of(columns, at or 0, choice, one) for one, at in zip(said, places, strict=True)]
    (match,) = [one for one in rank_formats(rows) if one.format_name == "preference"]
    form = load_format("preference")
    for row, at in zip(rows, places, strict=True):
        if at is None:
            with pytest.raises(InvalidRecord, match="no answer was preferred|scale=1,2.*scale=-,+"):
                form.parse(row, match.fields)
        else:
            assert form.parse(row, match.fields)[0].response == "GOOD"


def test_all_answers_come_back_and_those_not_learned_are_told(tmp_path: Path) -> None:
    columns = ["answerA", "answerB", "answerC"]
    rows = [
        {"context": "The tide.", "question": "q", **row_of(columns, at, "correct", str(at + 1))}
        for at in range(3)
    ]
    rows = [{key: value for key, value in row.items() if key != "prompt"} for row in rows]
    got = case_of(tmp_path, rows)
    assert [turns[-1] for turns in got.turns] == [("assistant", "GOOD")] * 3
    assert got.written() == rows
    assert got.edited(2, "BETTER") == rows[2] | {"answerC": "BETTER"}
    told = {column: n for (column, kind), n in got.imported.notes.items() if kind == "answers-beside"}
    assert told == {"answerC": 2, "answerB": 1}


def test_the_scale_is_read_from_the_whole_file_and_can_be_given(tmp_path: Path) -> None:
    columns = ["response_a", "response_b"]
    rows = [row_of(columns, 0, "label", 1)] * 150 + [row_of(columns, 1, "label", 2)] * 50
    got = case_of(tmp_path, rows)
    assert {turns[-1] for turns in got.turns} == {("assistant", "GOOD")} and len(got.turns) == 200
    path = tmp_path / "ones.jsonl"
    path.write_bytes(lines_of(rows[:3]))
    with pytest.raises(UnreadableFile, match="scale=1,2"):
        inspect_file(path)
    form = load_format("preference")
    seen = inspect_file(path, format_name="preference", fields=form.fields(scale="1,2"))
    given = import_file(path, "preference", seen.fields)
    assert given.n_imported == 3 and '"GOOD"' in given.rows[0]["messages"]


def test_a_person_says_what_words_and_signs_of_a_choice_mean(tmp_path: Path) -> None:
    columns = ["response_a", "response_b"]
    path = tmp_path / "rows.jsonl"
    for first, second, scale in (
        ("A>B", "B>A", "A>B,B>A"),
        (1, -1, "+,-"),
        (-2, 1, "-,+"),
        ("gpt4", "llama", "gpt4,llama"),
    ):
        path.write_bytes(
            lines_of([row_of(columns, 0, "winner", first), row_of(columns, 1, "winner", second)])
        )
        with pytest.raises(UnreadableFile, match="import again with the mapping scale="):
            inspect_file(path)
        stored = import_all(path, format_name="preference", fields={"scale": scale})
        assert [one.messages[-1]["content"] for one in stored.examples] == ["GOOD", "GOOD"], scale


def test_how_a_number_was_counted_is_told_where_it_may_be_counted_otherwise(tmp_path: Path) -> None:
    for columns, choice, numbers, told in (
        (["response_a", "response_b"], "label", (0, 1), True), (["response_a", "response_b"], "winner", ("1", "2"), False),
        (["response_0", "response_1"], "better_response_id", (0, 1), False), (["response_a", "response_b"], "winner", ("a", "b"), False),
    ):  # fmt: skip
        got = case_of(tmp_path, [row_of(columns, at, choice, numbers[at]) for at in (0, 1, 1)])
        assert got.imported.notes[choice, "from-0"] == (3 if told else 0), columns


@pytest.mark.parametrize(
    ("answers", "choice", "said", "told"),
    [("responses", "preferred", 1, True), ("answers", "label", "1", True), ("answers", "correct_answer_id", 0, True),
     ("completions", "chosen_idx", 2, True), ("answers", "label", "sea", False), ("answers", "label", True, False)],
)  # fmt: skip
def test_a_number_beside_a_list_of_answers_is_told(
    tmp_path: Path, answers: str, choice: str, said: Any, told: bool
) -> None:
    got = case_of(tmp_path, [{"prompt": "q", answers: ["x", "y", "z"], choice: said}] * 2)
    assert got.imported.notes[answers, "one-of-several"] == 2
    assert (got.imported.notes[choice, "names-one"] == 2) is told


@pytest.mark.parametrize(
    ("columns", "choice", "first", "second"),
    [
        (("left_response", "right_response"), "preference", "left", "right"),
        (("left_answer", "right_answer"), "choice", "left", "right"),
        (("response_left", "response_right"), "winner", "left", "right"),
        (("response_1", "response_2"), "answer", 1, 2),
        (("response_a", "response_b"), "target", "A", "B"),
        (("answer_1", "answer_2"), "answer", "answer_1", "answer_2"),
        (("answer_a", "answer_b"), "correct_answer", "A", "B"),
        (("response_a", "response_b"), "chosen", "A", "B"),
        (("response_1", "response_2"), "chosen", "1", "2"),
    ],
)
def test_sides_of_a_row_and_choices_that_are_called_an_answer(
    tmp_path: Path, columns: tuple[str, str], choice: str, first: object, second: object
) -> None:
    rows = [
        {"prompt": "q0", columns[0]: "GOOD", columns[1]: "BAD", choice: first},
        {"prompt": "q1", columns[0]: "BAD", columns[1]: "GOOD", choice: second},
    ]
    if choice == "chosen":
        rows = [row | {"rejected": second if row is rows[0] else first} for row in rows]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    named: dict[str, Any] = {}
    if choice in ("answer", "target", "correct_answer") and len(str(first)) == 1:
        # A letter under the name of an answer may be the answer itself: a person says which.
        seen = inspect_file(path)
        assert seen.format_name is None and seen.doubt is not None
        assert (
            f"--format preference --map choice={choice} or --format prompt_completion --map completion={choice}"
            in seen.doubt.sentence
        )
        named = {"format_name": "preference", "fields": {"choice": choice}}
    stored = import_all(path, **named)
    assert [example.messages[-1]["content"] for example in stored.examples] == ["GOOD", "GOOD"]


def test_an_answer_beside_one_answer_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"question": "q", "answer": "2", "note_a": "x", "note_b": "y"})
    )
    (example,) = import_all(tmp_path / "rows.jsonl").examples
    assert example.messages[-1]["content"] == "2"


SCORED = {
    "one-hot": ("response_a", "response_b", {"winner_model_a": (1, 0, 0), "winner_model_b": (0, 1, 0), "winner_tie": (0, 0, 1)}),
    "scores": ("answer_0", "answer_1", {"score_0": (0.5, -0.5, 0.0), "score_1": (-0.5, 0.5, 0.0)}),
    "flags": ("completion_a", "completion_b", {"is_winner_a": (True, False, False), "is_winner_b": (False, True, False)}),
    "ratings as text": ("output_1", "output_2", {"rating_1": ("5", "2", "3"), "rating_2": ("1", "4", "3")}),
}  # fmt: skip


@pytest.mark.parametrize("name", SCORED)
def test_the_answer_with_the_higher_number_is_the_response_and_a_tie_is_none(tmp_path, name):
    first, second, numbers = SCORED[name]
    texts = [("GOOD", "BAD"), ("BAD", "GOOD"), ("EQUAL", "ALIKE")]
    rows = [
        {"prompt": "q", first: texts[at][0], second: texts[at][1]}
        | {key: values[at] for key, values in numbers.items()}
        for at in range(3)
    ]
    got = case_of(tmp_path, rows)
    assert [turns[-1][1] for turns in got.turns] == ["GOOD", "GOOD"]
    assert [meta["rejected"] for meta in got.meta] == ["BAD", "BAD"]
    assert len(got.reasons) == 1 and got.reasons[0].startswith("no answer was preferred")
    assert got.edited(1, "NEW") == rows[1] | {second: "NEW"}
    assert got.written() == rows[:2]


@pytest.mark.parametrize("mapping", [None, {"chosen": "answer_0", "rejected": "answer_1"}])
def test_scores_are_found_for_the_answers_that_a_person_names(tmp_path, mapping):
    path = tmp_path / "given.jsonl"
    row = {
        "question": {"full_text": "Why?"},
        "answer_0": "BAD",
        "answer_1": "GOOD",
        "score_0": -1,
        "score_1": 1,
    }
    path.write_bytes(lines_of([row] * 2))
    stored = import_all(path, format_name="preference", fields=mapping)
    assert {one.messages[-1]["content"] for one in stored.examples} == {"GOOD"}
    assert {one.messages[0]["content"] for one in stored.examples} == {"Why?"}
