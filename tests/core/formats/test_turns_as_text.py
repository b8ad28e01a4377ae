"""Conversations that were JSON text are lists in a named format, and text in the source's own shape; trainers are told."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tamis.actions.trainer_entries import describe_for_trainers
from tamis.formats.targets import target_of
from tamis.formats.writer import export_file
from tests.core.formats.cases import Case, case

USER, REPLY = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}
WORSE = {"role": "assistant", "content": "A soap"}
ROWS: dict[str, dict[str, Any]] = {
    "preference": {"prompt": [USER], "chosen": [REPLY], "rejected": [WORSE]},
    "messages": {"messages": [USER, REPLY]},
    "alpaca": {"instruction": "Now?", "output": "3 m", "history": [["a", "b"]]},
    "sharegpt": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "n": "1"},
    "turns": {"conversations": ["a", "b"], "n": "1"},
}


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}


def _imported(tmp_path: Path, row: dict[str, Any]) -> Case:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerows([_as_text(row)] * 2)
    path = tmp_path / "in.csv"
    path.write_bytes(text.getvalue().encode())
    return case(path)


def _exported(got: Case, path: Path, format_name: str) -> dict[str, Any]:
    written = export_file(got.stored(), path, format_name=format_name, target=target_of(path.name))
    assert written.n_rows == 2
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()[0]
    if path.suffix == ".csv":
        return next(csv.DictReader(path.open(encoding="utf-8")))
    text = path.read_text(encoding="utf-8")
    return json.loads(text)[0] if path.suffix == ".json" else json.loads(text.splitlines()[0])


def _told(got: Case, path: Path, format_name: str) -> dict[str, Any]:
    file = {"format": got.inspection.format_name, "fields": got.inspection.fields.model_dump()}
    return describe_for_trainers(path, "mine", format_name, path.suffix[1:], [file])


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("name", list(ROWS))
def test_turns_that_were_text_are_lists_in_a_named_format(tmp_path, name, ending):
    got = _imported(tmp_path, ROWS[name])
    assert got.inspection.format_name == name
    record = _exported(got, tmp_path / f"out.{ending}", name)
    assert {key: record[key] for key in ROWS[name]} == ROWS[name]


@pytest.mark.parametrize("name", list(ROWS))
def test_the_sources_own_shape_keeps_the_text(tmp_path, name):
    got = _imported(tmp_path, ROWS[name])
    assert _exported(got, tmp_path / "out.jsonl", "source") == _as_text(ROWS[name])
    assert _exported(got, tmp_path / "out.csv", name) | _as_text(ROWS[name]) == _exported(
        got, tmp_path / "out.csv", name
    )


@pytest.mark.parametrize(("name", "wanted"), [("preference", "preference"), ("messages", "messages")])
def test_trainers_are_told_of_text_and_read_lists(tmp_path, name, wanted):
    got = _imported(tmp_path, ROWS[name])
    _exported(got, tmp_path / "out.jsonl", "source")
    told = _told(got, tmp_path / "out.jsonl", "source")
    assert (told["dataset_info"], told["axolotl"], told["trl"]) == ({}, {}, {})
    assert {
        remark.endswith(f"holds JSON text; export as {wanted!r}.")
        for remarks in told["trainer_remarks"].values()
        for remark in remarks
    } == {True}
    _exported(got, tmp_path / "lists.jsonl", name)
    told = _told(got, tmp_path / "lists.jsonl", name)
    assert told["axolotl"] and told["trl"]
    assert not [one for remarks in told["trainer_remarks"].values() for one in remarks if "JSON text" in one]
    _exported(got, tmp_path / "out.csv", name)
    told = _told(got, tmp_path / "out.csv", name)
    assert not told["trl"] and "to .jsonl, .json or .parquet" in told["trainer_remarks"]["trl"][0]


def test_no_remark_advises_what_was_just_done(tmp_path):
    system = [{"role": "narrator", "content": "x"}, USER, REPLY]
    path = tmp_path / "out.jsonl"
    path.write_text(
        json.dumps({"messages": system}) + "\n" + json.dumps({"messages": "x"}) + "\n", encoding="utf-8"
    )
    told = describe_for_trainers(path, "mine", "messages", "jsonl", [])
    assert told["trainer_remarks"]
    assert not [
        one for remarks in told["trainer_remarks"].values() for one in remarks if "as 'messages'" in one
    ]
