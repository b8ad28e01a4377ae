"""The sample data are read here with json and csv alone, so that a fault of the importer cannot hide one of theirs."""

from __future__ import annotations

import csv
import difflib
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"
DEFECT_KINDS = {
    "swapped_response",
    "wrong_fact",
    "cut",
    "off_topic",
    "garbled",
    "near_duplicate",
    "wrong_language",
    "refusal",
    "empty",
}
SCRIPTS = ("LATIN", "ARABIC", "DEVANAGARI", "HIRAGANA", "CJK")


class Row(NamedTuple):
    """One example: all prompt-side text in `prompt`, the last answer in `response`."""

    file: str
    id: str
    topic: str
    prompt: str
    response: str
    n_turns: int
    has_system: bool


def read_text(name: str) -> str:
    """The strict decoding is the check that a file is valid UTF-8."""
    return (SAMPLE_DATA / name).read_bytes().decode("utf-8", errors="strict")


def alpaca_rows(name: str) -> list[Row]:
    rows = []
    for line in read_text(name).splitlines():
        record = json.loads(line)
        prompt = "\n\n".join(part for part in (record["instruction"], record["input"]) if part)
        rows.append(Row(name, record["id"], record["topic"], prompt, record["output"], 2, False))
    return rows


def sharegpt_rows(name: str) -> list[Row]:
    rows = []
    for record in json.loads(read_text(name)):
        turns = record["conversations"]
        roles = [turn["from"] for turn in turns]
        has_system = roles[0] == "system"
        spoken = roles[1:] if has_system else roles
        assert spoken == ["human", "gpt"] * (len(spoken) // 2), record["id"]
        assert all(turn["value"].strip() for turn in turns), record["id"]
        prompt = "\n\n".join(turn["value"] for turn in turns[:-1])
        rows.append(
            Row(name, record["id"], record["topic"], prompt, turns[-1]["value"], len(spoken), has_system)
        )
    return rows


def csv_rows(name: str) -> list[Row]:
    with (SAMPLE_DATA / name).open(encoding="utf-8", errors="strict", newline="") as file:
        records = list(csv.DictReader(file, strict=True))
    return [Row(name, r["id"], r["topic"], r["prompt"], r["response"], 2, False) for r in records]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [
        *alpaca_rows("kitchen_and_home.jsonl"),
        *sharegpt_rows("science_and_history.json"),
        *csv_rows("work_and_code.csv"),
    ]


@pytest.fixture(scope="module")
def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row.id: row for row in rows}


@pytest.fixture(scope="module")
def defects() -> list[dict[str, str]]:
    content = json.loads(read_text("planted_defects.json"))
    assert content["description"]
    return list(content["defects"])


def test_there_are_enough_rows_topics_and_formats(rows: list[Row]) -> None:
    assert len(rows) >= 420
    assert len({row.file for row in rows}) == 3
    per_topic = Counter(row.topic for row in rows)
    assert len(per_topic) >= 14
    assert min(per_topic.values()) >= 20


def test_no_topic_comes_in_one_block(rows: list[Row]) -> None:
    for first, second, third, fourth in zip(rows, rows[1:], rows[2:], rows[3:], strict=False):
        assert len({first.topic, second.topic, third.topic, fourth.topic}) > 1, first.id


def test_ids_are_unique_over_all_files(rows: list[Row]) -> None:
    repeated = [row_id for row_id, count in Counter(row.id for row in rows).items() if count > 1]
    assert repeated == []


def test_every_prompt_and_answer_has_text(rows: list[Row]) -> None:
    assert [row.id for row in rows if not (row.prompt.strip() and row.response.strip())] == []


def test_no_text_has_control_or_replacement_characters(rows: list[Row]) -> None:
    def is_bad(character: str) -> bool:
        # Cs is a lone surrogate, Co and Cn are not text in any script.
        return character != "\n" and (
            unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"} or character == "\ufffd"
        )

    assert [row.id for row in rows if any(map(is_bad, row.prompt + row.response))] == []


def test_several_scripts_and_conversation_shapes_occur(rows: list[Row]) -> None:
    text = "".join(row.response for row in rows)
    found = {unicodedata.name(character, "").split(" ")[0] for character in set(text)}
    assert set(SCRIPTS) <= found
    assert sum(row.n_turns > 2 for row in rows) >= 5
    assert sum(row.has_system for row in rows) >= 5
    in_csv = [row.response for row in rows if row.file.endswith(".csv")]
    assert any("\n" in response and '"' in response for response in in_csv)


def test_every_planted_defect_names_an_existing_row_once(
    by_id: dict[str, Row], defects: list[dict[str, str]]
) -> None:
    assert all(by_id[defect["id"]].file == defect["file"] for defect in defects)
    assert len({defect["id"] for defect in defects}) == len(defects)


def test_defects_have_at_least_six_known_kinds(defects: list[dict[str, str]]) -> None:
    counts = Counter(defect["kind"] for defect in defects)
    assert set(counts) <= DEFECT_KINDS
    assert len(counts) >= 6
    assert min(counts.values()) >= 4


def test_about_fifteen_percent_of_the_rows_of_each_file_are_defective(
    rows: list[Row], defects: list[dict[str, str]]
) -> None:
    n_rows = Counter(row.file for row in rows)
    n_defects = Counter(defect["file"] for defect in defects)
    assert 0.12 <= len(defects) / len(rows) <= 0.18
    for file, count in n_rows.items():
        assert 0.12 <= n_defects[file] / count <= 0.20, file


def test_defects_are_spread_over_each_file(rows: list[Row], defects: list[dict[str, str]]) -> None:
    planted = {defect["id"] for defect in defects}
    for start in range(0, len(rows) - 60, 60):
        share = sum(row.id in planted for row in rows[start : start + 60]) / 60
        assert 0.03 <= share <= 0.35, rows[start].id


def test_nothing_in_the_data_files_gives_the_defects_away() -> None:
    for line in read_text("kitchen_and_home.jsonl").splitlines():
        assert list(json.loads(line)) == ["id", "topic", "instruction", "input", "output"]
    for record in json.loads(read_text("science_and_history.json")):
        assert list(record) == ["id", "topic", "conversations"]
        assert all(set(turn) == {"from", "value"} for turn in record["conversations"])
    assert read_text("work_and_code.csv").startswith("id,topic,prompt,response\n")
    label = re.compile("|".join(kind for kind in DEFECT_KINDS if "_" in kind))
    for name in ("kitchen_and_home.jsonl", "science_and_history.json", "work_and_code.csv"):
        assert label.search(read_text(name)) is None, name


def test_no_row_repeats_another(rows: list[Row]) -> None:
    assert len({row.prompt.casefold() for row in rows}) == len(rows)
    answers = Counter(row.response.casefold() for row in rows)
    assert [answer for answer, count in answers.items() if count > 1] == []


def test_near_duplicates_resemble_their_twin_and_only_labelled_rows_do(
    rows: list[Row], by_id: dict[str, Row], defects: list[dict[str, str]]
) -> None:
    pairs = {(d["id"], d["twin"]) for d in defects if d["kind"] == "near_duplicate"}
    assert not {twin for _, twin in pairs} & {defect["id"] for defect in defects}
    for row_id, twin in pairs:
        assert _likeness(by_id[row_id].response, by_id[twin].response) >= 0.5, row_id
    allowed = {frozenset(pair) for pair in pairs}
    for row, other in _pairs_within_topics(rows):
        if frozenset((row.id, other.id)) not in allowed:
            assert _likeness(row.response, other.response) < 0.5, (row.id, other.id)


def test_swapped_responses_belong_to_the_row_their_note_names(
    by_id: dict[str, Row], defects: list[dict[str, str]]
) -> None:
    swapped = [defect for defect in defects if defect["kind"] == "swapped_response"]
    owners = [defect["note"].rsplit(" ", 1)[-1] for defect in swapped]
    # Each chain closes on itself, so no answer is lost and none stands twice.
    assert set(owners) == {defect["id"] for defect in swapped}
    assert all(owner != defect["id"] for owner, defect in zip(owners, swapped, strict=True))
    assert all(by_id[owner].file == defect["file"] for owner, defect in zip(owners, swapped, strict=True))


def test_cut_and_empty_answers_look_like_what_they_are(
    by_id: dict[str, Row], defects: list[dict[str, str]]
) -> None:
    for defect in defects:
        response = by_id[defect["id"]].response
        if defect["kind"] == "cut":
            assert response[-1].isalpha(), defect["id"]
        if defect["kind"] == "empty":
            assert len(response) <= 4, defect["id"]


def test_readme_counts_match_the_files(rows: list[Row], defects: list[dict[str, str]]) -> None:
    readme = read_text("README.md")
    for file, count in Counter(row.file for row in rows).items():
        (line,) = [line for line in readme.splitlines() if line.startswith(f"| `{file}`")]
        assert f"| {count} |" in line
        per_topic = Counter(row.topic for row in rows if row.file == file)
        assert all(f"{topic} {n}" in line for topic, n in per_topic.items()), file
    for kind, count in Counter(defect["kind"] for defect in defects).items():
        assert f"| `{kind}` | {count} |" in readme
    assert f"{len(rows)} instruction-tuning examples" in readme
    assert f"{len(defects)} planted defects" in readme


def _likeness(left: str, right: str) -> float:
    """Share of words in common, in order; in [0, 1]."""
    return difflib.SequenceMatcher(None, left.split(), right.split(), autojunk=False).ratio()


def _pairs_within_topics(rows: list[Row]) -> list[tuple[Row, Row]]:
    return [(row, other) for i, row in enumerate(rows) for other in rows[i + 1 :] if row.topic == other.topic]
