"""Texts that stand under another name than usual: a turn's under a key of its own, an answer's among annotations."""

from __future__ import annotations

import json

import pytest

from tamis.formats.detect import inspect_file
from tests.core.formats.cases import case_of

ASKS = {"role": "user", "text": "Tide?"}
SAYS = {"role": "ai", "text": "3 m"}
ROWS = {
    "null beside it": {"role": "system", "text": None, "system_prompt": "Be brief.", "cutoff_date": "01.01.2023"},
    "empty beside it": {"role": "system", "text": "", "system_prompt": "Be brief.", "cutoff_date": "1 May 2023"},
    "nothing beside it": {"role": "system", "system_prompt": "Be brief."},
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_turn_without_text_under_the_usual_key_is_read_from_its_own_and_written_there(tmp_path, name):
    turn = ROWS[name]
    rows = [{"trajectory": [turn, ASKS, SAYS]}] * 2
    got = case_of(tmp_path, rows)
    assert got.reasons == []
    assert got.turns[0] == [("system", "Be brief."), ("user", "Tide?"), ("assistant", "3 m")]
    assert (
        got.imported.notes["system_prompt", "own-key"]
        == got.inspection.notes["system_prompt", "own-key"]
        == 2
    )
    assert got.written() == rows
    assert got.edited(0, "4 m") == {"trajectory": [turn, ASKS, SAYS | {"text": "4 m"}]}
    examples = got.stored()
    examples[0].messages[0]["content"] = "Be long."
    assert got.written(examples)[0] == {"trajectory": [turn | {"system_prompt": "Be long."}, ASKS, SAYS]}


def test_any_role_may_have_its_text_elsewhere_and_so_may_a_prompt_in_turns(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "", "response": "3 m"}]},
        {"messages": [{"role": "user", "content": None, "query": "Tide?"}, {"role": "assistant", "content": "3 m"}]},
    ]  # fmt: skip
    got = case_of(tmp_path, rows)
    assert got.turns == [[("user", "Tide?"), ("assistant", "3 m")]] * 2 and got.written() == rows
    rows = [
        {"prompt": [{"role": "system", "content": None, "system_prompt": "Be brief."}, {"role": "user", "content": "Tide?"}],
         "completion": "3 m"},
    ]  # fmt: skip
    got = case_of(tmp_path, rows)
    assert got.turns[0][0] == ("system", "Be brief.") and got.written() == rows
    assert got.imported.notes["system_prompt", "own-key"] == 1


@pytest.mark.parametrize(
    "texts", [{"system_prompt": "Be brief.", "text": "Be long."}, {"remark": "Be brief and kind."}]
)
def test_a_silent_system_turn_with_texts_that_may_be_notes_is_told(tmp_path, texts):
    turn = {"role": "system", "content": None, **texts}
    rows = [
        {"messages": [turn, {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}]}
    ]
    got = case_of(tmp_path, rows)
    assert got.turns[0][0] == ("system", None) and got.written() == rows
    assert {key for key, kind in got.inspection.notes if kind == "no-text"} == set(texts)
    assert got.imported.notes == got.inspection.notes
    silent = {"role": "system", "content": "", "name": "clerk"}
    got = case_of(tmp_path, [{"messages": [silent, *rows[0]["messages"][1:]]}])
    assert not got.imported.notes


def task(results: list[dict], column: str = "annotations", **more: str) -> dict:
    other = "predictions" if column == "annotations" else "annotations"
    return {"id": 7, "data": {"prompt": "Tide?", **more}, column: [{"id": 1, "result": results}], other: []}


def area(text: object) -> dict:
    return {"from_name": "answer", "to_name": "prompt", "type": "textarea", "value": {"text": text}}


@pytest.mark.parametrize("column", ["annotations", "predictions"])
@pytest.mark.parametrize("given", [["3 m", "or so"], "3 m"])
def test_the_answer_of_a_task_is_what_was_written_about_its_text(tmp_path, column, given):
    stars = {"from_name": "stars", "to_name": "prompt", "type": "rating", "value": {"rating": 4}}
    rows = [task([stars, area(given)], column, text="The port of X.")] * 2
    got = case_of(tmp_path, rows)
    assert got.turns[0] == [("user", "Tide?"), ("assistant", "3 m")] and got.reasons == []
    assert got.written() == rows
    after = ["4 m", "or so"] if isinstance(given, list) else "4 m"
    assert got.edited(0, "4 m") == task([stars, area(after)], column, text="The port of X.")
    unlabelled = rows[0] | {column: []}
    assert case_of(tmp_path, [rows[0], unlabelled]).reasons == ["empty response"]


def test_annotations_that_hold_no_answer_are_told_and_several_are_told(tmp_path):
    choice = {"from_name": "good", "to_name": "prompt", "type": "choices", "value": {"choices": ["yes"]}}
    got = case_of(tmp_path, [task([choice], text="3 m")] * 2)
    assert got.turns[0][-1] == ("assistant", "3 m")
    assert (
        got.imported.notes["annotations", "annotations"]
        == 2
        == got.inspection.notes["annotations", "annotations"]
    )
    both = task([area(["3 m"])])
    both["annotations"] += [
        {"result": [area(["4 m"])], "ground_truth": True},
        {"result": [area(["5 m"])], "was_cancelled": True},
    ]
    got = case_of(tmp_path, [both])
    assert got.turns[0][-1] == ("assistant", "4 m") and got.written() == [both]
    assert got.imported.notes["annotations", "one-of-several"] == 1


def test_what_an_import_would_tell_is_told_before_it(tmp_path):
    path = tmp_path / "given.jsonl"
    rows = [
        json.dumps({"question": "Tide?", "answers": ["3 m", "4 m"]}),
        '{"question": "Tide?", "answers": ["3 m"], "tag": 1, "tag": 2}',
    ]
    path.write_text("\n".join(rows) + "\n")
    notes = inspect_file(path).notes
    assert notes["answers", "one-of-several"] == 1 and notes["tag", "duplicate-key"] == 1
