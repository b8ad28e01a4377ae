"""A text that is asked about is never the response: it is so only where no other column may be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tamis.formats.detect import inspect_file, rank_formats
from tests.core.formats.cases import case_of
from tests.core.formats.files import lines_of

WEAK = [
    ("instruction", "text"), ("prompt", "text"), ("instruction", "code"), ("prompt", "code"), ("problem", "code"),
    ("input", "content"), ("question", "query"), ("Instruction", "Text"),
]  # fmt: skip
NAMED = [
    "summary", "label", "sentiment", "gold", "rewritten", "rewritten_text", "corrected_text", "correctedText", "fixed_code", "simplified",
    "Summary", "highlights", "translation", "label_text",
]  # fmt: skip
UNSURE: list[tuple[str, Any]] = [
    ("category", "b"),
    ("label", 1),
    ("labels", ["b"]),
    ("remark", "b"),
    ("test", "b"),
]
ABOUT: dict[str, Any] = {
    "id": "7", "url": "https://x.example", "date": "2024-01-01", "source": "web", "split": "train", "language": "en", "title": "t",
    "model_name": "m", "n_tokens": 7, "seed_data": "web", "audience": "pupils", "format": "textbook", "topic": "sea", "quality": 0.5,
    "metadata": {"a": 1}, "system": "s", "file_path": "x.py", "created_at": "2024",
}  # fmt: skip


@pytest.mark.parametrize(("asked", "text"), WEAK)
def test_a_column_with_the_name_of_an_answer_is_the_response(asked: str, text: str) -> None:
    for answer in NAMED:
        (best, *_) = rank_formats([{asked: "q", text: "t", answer: "a", **ABOUT}] * 2)
        parts = best.fields.parts
        assert (parts["prompt"], parts["context"], parts["completion"]) == (asked, text, answer)


@pytest.mark.parametrize(("asked", "text"), WEAK)
def test_where_another_column_may_be_the_response_the_mapping_is_named(
    tmp_path: Path, asked: str, text: str
) -> None:
    path = tmp_path / "in.jsonl"
    for column, value in UNSURE:
        path.write_bytes(lines_of([{asked: "q", text: "t", column: value, **ABOUT}] * 2))
        seen = inspect_file(path)
        assert seen.format_name is None and seen.guess is not None, column
        assert (
            seen.guess.options
            == f"--format prompt_completion --map prompt={asked} --map context={text} --map completion={column}"
        )


@pytest.mark.parametrize(("asked", "text"), WEAK)
def test_beside_what_is_about_a_row_the_text_is_the_response(asked: str, text: str) -> None:
    for more in ({}, {"label": True}, ABOUT, *({name: value} for name, value in ABOUT.items())):
        (best, *_) = rank_formats([{asked: "q", text: "a", **more}] * 2)
        assert (best.fields.parts["prompt"], best.fields.parts["completion"]) == (asked, text), more


def test_the_text_is_a_part_of_the_prompt_and_comes_back(tmp_path: Path) -> None:
    rows = [{"instruction": "Sum it up.", "text": "The tide came.", "summary": "Tide.", "id": "1"}] * 2
    got = case_of(tmp_path, rows)
    assert got.turns[0] == [("user", "Sum it up.\n\nThe tide came."), ("assistant", "Tide.")]
    assert got.written() == rows
    assert got.edited(0, "Ebb.") == rows[0] | {"summary": "Ebb."}


@pytest.mark.parametrize("value", [["harbour", "tide"], {"place": "harbour"}, [{"name": "tide"}]])
@pytest.mark.parametrize("name", ["entities", "json", "triples", "spans"])
def test_a_text_beside_an_answer_that_is_no_text_is_not_the_response(
    tmp_path: Path, name: str, value: object
) -> None:
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"instruction": "Extract", "text": "A long day.", name: value})
    )
    assert inspect_file(tmp_path / "rows.jsonl").format_name is None
