"""JSON files of every shape: each row is read with its right values, and what is no row is said with its count."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from tamis.errors import UnreadableFile
from tamis.formats import json_documents
from tamis.formats.detect import inspect_file
from tamis.formats.notes import listed_notes
from tamis.formats.reader import ReadingOf
from tests.core.formats.cases import Case, case
from tests.core.formats.files import import_file

ROWS = [{"instruction": f"q{i}", "output": f"a{i}"} for i in range(4)]
TURNS = [[{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": f"a{i}"}] for i in range(4)]
SHARED = [[{"from": "human", "value": f"q{i}"}, {"from": "gpt", "value": f"a{i}"}] for i in range(4)]
ALL = [(f"q{i}", f"a{i}") for i in range(4)]
IDS = ["x1", "x2", "x3", "x4"]


def columns(rows: list[dict]) -> dict[str, list]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def by_label(rows: list[dict], labels: list[str]) -> dict[str, dict]:
    return {name: dict(zip(labels, cells, strict=True)) for name, cells in columns(rows).items()}


COUNTED = ["0", "1", "2", "3"]
PARAGRAPHS = [
    {"context": f"c{i}", "qas": [{"id": f"x{i + 1}", "question": f"q{i}", "answers": [{"text": f"a{i}", "answer_start": 0}]}]}
    for i in range(4)
]  # fmt: skip
CONTEXTS = [(f"q{i}\n\nc{i}", f"a{i}") for i in range(4)]
ONE_LINE = [json.dumps(row) for row in ROWS]
PRETTY = [json.dumps(row, indent=2) for row in ROWS]

# What the file holds; prompt and answer of every row; what each row says beside; what is said of the file.
SHAPES: dict[str, tuple[object, list, list[dict], dict]] = {
    "list": (ROWS, ALL, [{}] * 4, {}),
    "index, counted": (dict(zip(COUNTED, ROWS, strict=True)), ALL, [{}] * 4, {}),
    "index, counted from one": (dict(zip(["1", "2", "3", "4"], ROWS, strict=True)), ALL, [{}] * 4, {}),
    "index, ids": (dict(zip(IDS, ROWS, strict=True)), ALL, [{"id": one} for one in IDS], {}),
    "index, ids of a filtered frame": (
        dict(zip(["3", "7", "8", "12"], ROWS, strict=True)), ALL, [{"id": one} for one in ("3", "7", "8", "12")], {},
    ),
    "index, ids that the rows say too": (
        {one: {"id": one, **row} for one, row in zip(IDS, ROWS, strict=True)}, ALL, [{"id": one} for one in IDS], {},
    ),
    "index, ids beside other ids": (
        {one: {"id": 7, **row} for one, row in zip(IDS, ROWS, strict=True)}, ALL, [{"id": 7, "key": one} for one in IDS], {},
    ),
    "index, one row": ({"x1": ROWS[0]}, ALL[:1], [{"id": "x1"}], {}),
    "index, wrapped": ({"version": 2, "data": dict(zip(IDS, ROWS, strict=True))}, ALL, [{"id": one} for one in IDS], {"version": 1}),
    "columns, counted": (by_label(ROWS, COUNTED), ALL, [{}] * 4, {}),
    "columns, labelled": (by_label(ROWS, IDS), ALL, [{"id": one} for one in IDS], {}),
    "columns, with a gap": (
        {"instruction": by_label(ROWS, COUNTED)["instruction"], "output": by_label(ROWS, COUNTED)["output"], "level": {"1": 5}},
        ALL, [{}, {"level": 5}, {}, {}], {},
    ),
    "columns, wrapped": ({"columns_of": by_label(ROWS, COUNTED), "by": "pandas"}, ALL, [{}] * 4, {"by": 1}),
    "columns of lists": (columns(ROWS), ALL, [{}] * 4, {}),
    "columns of lists, numbers first": (
        {"level": [1, 2, 3, 4], **columns(ROWS)}, ALL, [{"level": i} for i in (1, 2, 3, 4)], {},
    ),
    "columns of lists and a version": ({"version": "1", **columns(ROWS)}, ALL, [{}] * 4, {"version": 1}),
    "columns of lists of turns": ({"id": IDS, "messages": TURNS}, ALL, [{"id": one} for one in IDS], {}),
    "column of turns first": ({"messages": TURNS, "id": IDS}, ALL, [{"id": one} for one in IDS], {}),
    "split": (
        {"columns": ["instruction", "output"], "index": [0, 1, 2, 3], "data": [list(row.values()) for row in ROWS]},
        ALL, [{}] * 4, {},
    ),
    "split, data first, labels": (
        {"data": [list(row.values()) for row in ROWS], "index": IDS, "columns": ["instruction", "output"]},
        ALL, [{"id": one} for one in IDS], {},
    ),
    "split without index": (
        {"columns": ["instruction", "output"], "data": [list(row.values()) for row in ROWS], "license": "mit"},
        ALL, [{}] * 4, {"license": 1},
    ),
    "table": (
        {"schema": {"fields": [{"name": "index"}], "pandas_version": "1.4.0"}, "data": [{"index": i, **row} for i, row in enumerate(ROWS)]},
        ALL, [{"index": i} for i in range(4)], {},
    ),
    "rows of cells": ([["instruction", "output"], *[list(row.values()) for row in ROWS]], ALL, [{}] * 4, {}),
    "wrapped": ({"data": ROWS}, ALL, [{}] * 4, {}),
    "wrapped, metadata around": (
        {"version": "1.1", "tags": ["a", "b"], "data": ROWS, "license": "mit", "info": {"by": "x"}},
        ALL, [{}] * 4, {"version": 1, "tags": 2, "license": 1, "info": 1},
    ),
    "wrapped twice": ({"result": {"count": 4, "items": ROWS}, "status": "ok"}, ALL, [{}] * 4, {"status": 1, "result.count": 1}),
    "features beside rows": (
        {"features": [{"name": "instruction", "type": "string"}], "rows": ROWS, "num_rows_total": 4},
        ALL, [{}] * 4, {"features": 1, "num_rows_total": 1},
    ),
    "splits": (
        {"train": ROWS[:3], "validation": ROWS[3:]}, ALL, [{"split": "train"}] * 3 + [{"split": "validation"}], {},
    ),
    "one split": ({"train": ROWS}, ALL, [{}] * 4, {}),
    "splits, nested wrappers": (
        {"train": {"data": ROWS[:3]}, "validation": {"data": ROWS[3:], "n": 1}},
        ALL, [{"split": "train"}] * 3 + [{"split": "validation"}], {"validation.n": 1},
    ),
    "splits of languages": (
        {"en": {"train": ROWS[:1], "test": ROWS[1:2]}, "fr": {"train": ROWS[2:3], "test": ROWS[3:]}},
        ALL, [{"split": one} for one in ("en/train", "en/test", "fr/train", "fr/test")], {},
    ),
    "splits of columns": (
        {"train": columns(ROWS[:2]), "test": columns(ROWS[2:])}, ALL, [{"split": "train"}] * 2 + [{"split": "test"}] * 2, {},
    ),
    "splits by id": (
        {"train": dict(zip(IDS[:2], ROWS[:2], strict=True)), "test": dict(zip(IDS[2:], ROWS[2:], strict=True))},
        ALL, [{"id": one, "split": split} for one, split in zip(IDS, ("train", "train", "test", "test"), strict=True)], {},
    ),
    "squad": (
        {"version": "1.1", "data": [{"title": "t", "paragraphs": PARAGRAPHS[:2]}, {"title": "u", "paragraphs": PARAGRAPHS[2:]}]},
        CONTEXTS, [{"id": f"x{i + 1}", "title": "ttuu"[i]} for i in range(4)], {"version": 1},
    ),
    "squad, articles alone": (
        [{"title": "t", "paragraphs": PARAGRAPHS}], CONTEXTS, [{"id": f"x{i + 1}", "title": "t"} for i in range(4)], {},
    ),
    "squad, paragraphs alone": ({"paragraphs": PARAGRAPHS}, CONTEXTS, [{"id": f"x{i + 1}"} for i in range(4)], {}),
    "questions below topics": (
        {"topics": [{"topic": "t", "faqs": [{"question": f"q{i}", "answer": f"a{i}"} for i in range(4)]}]},
        ALL, [{"topic": "t"}] * 4, {},
    ),
    "conversations below users": (
        [{"user_id": 7, "chats": [{"id": one, "messages": turns} for one, turns in zip(IDS, TURNS, strict=True)]}],
        ALL, [{"user_id": 7, "id": one} for one in IDS], {},
    ),
    "conversations by id, wrapped": ({"conversations": dict(zip(IDS, TURNS, strict=True))}, ALL, [{"id": one} for one in IDS], {}),
    "conversations by id": (dict(zip(IDS, TURNS, strict=True)), ALL, [{"id": one} for one in IDS], {}),
    "conversations by id, sharegpt": (dict(zip(IDS, SHARED, strict=True)), ALL, [{"id": one} for one in IDS], {}),
    "one conversation by id": ({"conversations": {"x1": TURNS[0]}}, ALL[:1], [{"id": "x1"}], {}),
    "records by id, turns inside": (
        {one: {"messages": turns, "lang": "en"} for one, turns in zip(IDS, TURNS, strict=True)},
        ALL, [{"id": one, "lang": "en"} for one in IDS], {},
    ),
    "list of conversations": (TURNS, ALL, [{}] * 4, {}),
    "list of conversations, sharegpt": (SHARED, ALL, [{}] * 4, {}),
    "one conversation": (TURNS[0], ALL[:1], [{}], {}),
    "lists of rows": ([ROWS[:2], ROWS[2:]], ALL, [{}] * 4, {}),
    "texts of objects": ([json.dumps(row) for row in ROWS], ALL, [{}] * 4, {}),
    "one record": (ROWS[0], ALL[:1], [{}], {}),
    "one record with a list": ({"question": "q0", "answers": ["a0"]}, ALL[:1], [{}], {}),
}  # fmt: skip

TEXTS: dict[str, tuple[str, list, dict]] = {
    "fused objects": ("".join(ONE_LINE), ALL, {}),
    "fused objects with commas": (", ".join(ONE_LINE), ALL, {}),
    "two to a line": (f"{ONE_LINE[0]}{ONE_LINE[1]}\n{ONE_LINE[2]} {ONE_LINE[3]}\n", ALL, {}),
    "objects over several lines": ("\n".join(PRETTY), ALL, {}),
    "objects over several lines with commas": (",\n".join(PRETTY), ALL, {}),
    "objects over several lines, fused": ("".join(PRETTY), ALL, {}),
    "one object over several lines": (PRETTY[0], ALL[:1], {}),
    "some over several lines": (f"{PRETTY[0]}\n{ONE_LINE[1]}\n{PRETTY[2]}\n{ONE_LINE[3]}", ALL, {}),
    "lists one after another": (f"{json.dumps(ROWS[:2])}\n{json.dumps(ROWS[2:])}\n", ALL, {}),
    "lists fused": (f"{json.dumps(ROWS[:2])}{json.dumps(ROWS[2:])}", ALL, {}),
    "lists over several lines": (f"{json.dumps(ROWS[:2], indent=1)}\n{json.dumps(ROWS[2:], indent=1)}", ALL, {}),
    "a list to a line": (
        "\n".join(json.dumps(one) for one in [["instruction", "output"], *[list(row.values()) for row in ROWS]]), ALL, {},
    ),
    "sequence of RFC 7464": ("".join(f"\x1e{one}\n" for one in ONE_LINE), ALL, {}),
    "sequence of RFC 7464 over several lines": ("".join(f"\x1e{one}\n" for one in PRETTY), ALL, {}),
    "a mark before every object": ("\ufeff" + "\n\ufeff".join(ONE_LINE), ALL, {}),
    "ends of lines of old": ("\r".join(ONE_LINE), ALL, {}),
    "wrapped with a trailing comma": (f'{{"data": [{",".join(ONE_LINE)},],}}', ALL, {}),
    "lines that say a name twice": (
        "\n".join(one.replace('"output"', '"output": "z", "output"') for one in ONE_LINE), ALL, {"output": 4},
    ),
}  # fmt: skip


def said_of(got: Case) -> dict[str, int]:
    notes = sum((batch.notes for batch in got.imported.batches), start=type(got.imported.batches[0].notes)())
    assert listed_notes(notes) == listed_notes(got.inspection.notes)
    return {column: n for (column, _), n in notes.items()}


def check(path: Path, pairs: list, said: dict[str, int]) -> Case:
    got = case(path)
    assert got.reasons == []
    assert [(turns[-2][1], turns[-1][1]) for turns in got.turns] == pairs
    assert said_of(got) == said
    return got


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", list(SHAPES))
def test_rows_are_found_in_every_shape(tmp_path: Path, name: str, indent: int | None) -> None:
    value, pairs, beside, said = SHAPES[name]
    path = tmp_path / "given.json"
    path.write_text(json.dumps(value, indent=indent))
    got = check(path, pairs, said)
    for meta, expected in zip(got.meta, beside, strict=True):
        meta.pop("_shape", None)
        meta.pop("answers", None)
        assert meta == expected


@pytest.mark.parametrize("name", list(TEXTS))
def test_values_are_read_however_they_follow_each_other(tmp_path: Path, name: str) -> None:
    text, pairs, said = TEXTS[name]
    path = tmp_path / "given.json"
    path.write_bytes(text.encode())
    check(path, pairs, said)


LARGE = ("index, ids", "columns, counted", "columns of lists", "split, data first, labels", "splits, nested wrappers",
         "squad", "conversations by id, wrapped", "wrapped, metadata around", "lists of rows", "list of conversations")  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_known_by_its_start(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tamis.formats.layout.SAMPLE_BYTES", 90)
    monkeypatch.setattr("tamis.formats.streams.READ_BYTES", 90)
    value, pairs, _, said = SHAPES[name]
    path = tmp_path / "given.json"
    path.write_text(json.dumps(value))
    check(path, pairs, said)


def test_a_broken_value_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    broken = PRETTY[1].replace(",\n", "\n")
    path.write_text("\n".join([PRETTY[0], broken, PRETTY[2]]))
    got = case(path)
    assert [turns[0][1] for turns in got.turns] == ["q0", "q2"]
    (reason,) = got.reasons
    assert reason.startswith("not JSON")
    assert "line 5" in reason


def test_columns_that_differ_in_length_are_refused_with_their_lengths(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"instruction": ["a", "b", "c"], "output": ["x", "y"]}))
    with pytest.raises(UnreadableFile, match="instruction 3, output 2"):
        inspect_file(path)


def test_what_a_document_is_too_large_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_documents, "MAX_BYTES", 20)
    path = tmp_path / "given.json"
    path.write_text(json.dumps(SHAPES["index, ids"][0]))
    with pytest.raises(UnreadableFile, match="read whole"):
        import_file(path)


def test_items_that_are_no_records_are_rejected_or_counted(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(orjson.dumps({"data": ["note", None, *ROWS, "end"], "x": []}))
    got = case(path)
    assert [turns[0][1] for turns in got.turns] == ["q0", "q1", "q2", "q3"]
    n_said = sum(said_of(got).values()) + len(got.reasons)
    assert n_said >= 3


def test_a_document_that_is_cut_off_gives_what_stands_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps(SHAPES["index, ids"][0])[:-20])
    got = case(path)
    assert [turns[0][1] for turns in got.turns] == ["q0", "q1", "q2"]
    assert got.reasons == ["the file ends in the middle of its JSON"]


def test_many_values_are_few_batches(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text("".join(ONE_LINE * 100 + ["[1]"] + ONE_LINE * 100))
    got = case(path)
    assert len(got.turns) == 800
    assert len(got.imported.batches) <= 3


PAIR = [("q0", "a0"), ("q1", "a1")]
TWO = ROWS[:2]
# What people write by hand and what tools hand out: the content, the pairs, rejects, and what is said by column.
SIBLINGS: dict[str, tuple[str, list, int, dict]] = {
    "metadata among the ids": (json.dumps({"x1": TWO[0], "x2": TWO[1], "meta": {"n": 2}, "version": 1}), PAIR, 0, {"meta": 1, "version": 1}),
    "an id without a record": (json.dumps({"x1": TWO[0], "x2": TWO[1], "x3": None}), PAIR, 0, {"x3": 1}),
    "tags among conversations": (json.dumps({"c1": TURNS[0], "c2": TURNS[1], "tags": ["a", "b"]}), PAIR, 0, {"tags": 2}),
    "turns side by side in a column": (
        json.dumps({"id": [1, 2], "messages": [{"role": ["user", "assistant"], "content": list(pair)} for pair in PAIR]}), PAIR, 0, {},
    ),
    "pages": (json.dumps({"pages": [{"page": 1, "rows": TWO[:1]}, {"page": 2, "rows": TWO[1:]}]}), PAIR, 0, {}),
    "edges and nodes": (json.dumps({"data": {"edges": [{"node": row} for row in TWO]}}), PAIR, 0, {}),
    "each record under its id": (json.dumps([{"x1": TWO[0]}, {"x2": TWO[1]}]), PAIR, 0, {}),
    "people before the rows": (json.dumps({"authors": [{"name": "x"}], "data": TWO}), PAIR, 0, {"authors": 1}),
    "deep splits": (json.dumps({"a": {"b": {"train": TWO[:1], "test": TWO[1:]}}}), PAIR, 0, {}),
    "tools before the messages": (json.dumps({"tools": [{"name": "f"}], "messages": TURNS[0]}), PAIR[:1], 0, {}),
    "examples beside a pair": (
        json.dumps([{"prompt": p, "completion": c, "examples": [{"question": "x", "answer": "y"}]} for p, c in PAIR]), PAIR, 0, {},
    ),
    "a page of an interface": (json.dumps({"object": "list", "data": TWO, "has_more": False}), PAIR, 0, {"object": 1, "has_more": 1}),
    "by category": (json.dumps({"art": TWO[:1], "law": TWO[1:]}), PAIR, 0, {}),
    "the same id twice": ('{{"x": {{"instruction": "z", "output": "z"}}, "x": {}, "y": {}}}'.format(*map(json.dumps, TWO)), PAIR, 0, {"": 1}),
    "a word behind the list": (json.dumps(TWO) + "\nEND", PAIR, 1, {}),
    "an empty split": (json.dumps({"train": [], "test": TWO}), PAIR, 0, {}),
    "counted conversations of texts": (json.dumps({"conv1": list(PAIR[0]), "conv2": list(PAIR[1])}), PAIR, 0, {}),
    "objects that are empty or none": (json.dumps([{}, *TWO, None]), PAIR, 2, {}),
    "a header and a short row": (json.dumps([["prompt", "completion"], *PAIR, ["q"]]), PAIR, 1, {}),
    "one column of JSON": ('data\n"{""prompt"":""q0"",""response"":""a0""}"\n"{""prompt"":""q1"",""response"":""a1""}"\n', PAIR, 0, {}),
    "a title beside a question": (
        "\n".join(json.dumps({"title": "t", "question": q, "answers": {"text": [a], "answer_start": [0]}}) for q, a in PAIR), PAIR, 0, {},
    ),
    "no answer of SQuAD": (
        "\n".join(json.dumps({"question": q, "answers": {"text": [a] if a != "a1" else []}}) for q, a in [*PAIR, ("q1", "a1")][:2]),
        PAIR[:1], 1, {},
    ),
    "a repeated name inside a turn": (
        '{"messages": [{"role": "user", "content": "z", "content": "q0"}, {"role": "assistant", "content": "a0"}]}\n'
        + json.dumps({"messages": TURNS[1]}), PAIR, 0, {"content": 1},
    ),
    "a repeated header": ("prompt;response;prompt\nq0;a0;c\nq1;a1;d\n", PAIR, 0, {"prompt_3": 1}),
    "ragged rows": ("prompt,response,level\nq0,a0\nq1,a1,2\nx,y,3,4\n", PAIR, 1, {"": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SIBLINGS))
def test_what_tools_and_people_write(tmp_path: Path, name: str) -> None:
    content, pairs, n_rejected, said = SIBLINGS[name]
    path = tmp_path / "given.data"
    path.write_text(content)
    got = case(path)
    assert [(turns[-2][1], turns[-1][1]) for turns in got.turns] == pairs
    assert len(got.reasons) == n_rejected
    assert said_of(got) == said


@pytest.mark.parametrize("repaired", [False, True])
def test_comments_before_and_behind_items_lose_no_item(tmp_path: Path, repaired: bool) -> None:
    path = tmp_path / "given.json"
    path.write_text(f"[\n// first\n{ONE_LINE[0]},\n{ONE_LINE[1]} // last\n]\n")
    if repaired:
        got = import_file(path, "alpaca", how=ReadingOf(repairs=("comments",)))
        assert [row["prompt"] for row in got.rows] == ["q0", "q1"]
    else:
        with pytest.raises(UnreadableFile, match=r"all 2 were rejected.*--repair comments"):
            case(path)
