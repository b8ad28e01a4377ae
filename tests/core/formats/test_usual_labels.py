"""Labels of turns in a named format: those that trainers read, unless a person mapped the parts or an older manifest is replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.formats.chat import MessagesFields
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.targets import Target
from tamis.formats.writer import export_file
from tests.core.formats.round_trip import import_all

SAID = [
    ("developer", "Be short."), ("Human", "Tide?"), ("model", "I look."), ("USER", "And?"), ("tool_call", '{"name": "tide", "arguments": {}}'),
    ("function", "3 m"), ("chatbot", "3 m."),
]  # fmt: skip
SHARED = [("system", "Be short."), ("user", "Tide?"), ("Assistant", "3 m.")]


def labels_in(path: Path, column: str, key: str) -> list[str]:
    return [turn[key] for turn in json.loads(path.read_text().splitlines()[0])[column]]


@pytest.mark.parametrize(
    ("fields", "layout", "expected"),
    [
        (None, 4, ["developer", "user", "assistant", "user", "assistant", "tool", "assistant"]),
        (MessagesFields(), 4, [label for label, _ in SAID]),
        (None, 3, [label for label, _ in SAID]),
    ],
    ids=["named", "mapped", "a manifest of before"],
)
def test_messages(tmp_path: Path, fields: ColumnMapping | None, layout: int, expected: list[str]) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        json.dumps({"messages": [{"role": role, "content": text} for role, text in SAID]}) + "\n"
    )
    stored = import_all(source)
    export_file(
        stored.examples, target, format_name="messages", fields=fields, target=Target("jsonl", layout=layout)
    )
    assert labels_in(target, "messages", "role") == expected
    # What is read of it is the same, and the shape of the source keeps every label.
    assert [turn["role"] for turn in import_all(target).examples[0].messages] == [
        turn["role"] for turn in stored.examples[0].messages
    ]
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()


def test_sharegpt(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        json.dumps({"conversations": [{"from": role, "value": text} for role, text in SHARED]}) + "\n"
    )
    stored = import_all(source)
    stored.export(target, "sharegpt")
    assert labels_in(target, "conversations", "from") == ["system", "human", "gpt"]
    stored.export(target)
    assert target.read_bytes() == source.read_bytes()
