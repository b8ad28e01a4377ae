"""Labels of turns that a person explains: read as the role, written back as they were, in every format of turns."""

from __future__ import annotations

from typing import Any

import pytest

from tamis.formats import load_format
from tamis.registry import parse_options

SAID = [("narrator", "A dark night"), ("held", "Hej"), ("gpt", "Hej!")]
ROLES = {"narrator": "system", "Held": "user"}
TURNS = [{"role": label, "content": text} for label, text in SAID]
ANSWER = {"role": "assistant", "content": "Hej!"}
SHARED = [{"from": label, "value": text} for label, text in SAID]


@pytest.mark.parametrize(
    ("name", "given", "record"),
    [
        ("messages", {}, {"messages": TURNS}),
        ("messages", {"role": "who", "content": "says"}, {"messages": [{"who": a, "says": b} for a, b in SAID]}),
        ("sharegpt", {}, {"conversations": SHARED, "id": 1}),
        ("prompt_completion", {}, {"prompt": TURNS[:2], "completion": [ANSWER]}),
        ("preference", {}, {"prompt": TURNS[:2], "chosen": [ANSWER], "rejected": [ANSWER]}),
    ],
)  # fmt: skip
def test_every_format_of_turns_reads_them_and_writes_them_back(
    name: str, given: dict[str, Any], record: dict[str, Any]
) -> None:
    form = load_format(name)
    fields = parse_options(form.fields, given | {"roles": ROLES})
    (example,) = form.parse(record, fields)
    assert [turn["role"] for turn in example.messages] == ["system", "user", "assistant"]
    assert form.write(example, fields) == record
    # A turn that says something else keeps its label; a turn that is another's does not.
    example.messages[1] = {"role": "user", "content": "Tjena"}
    written = form.write(example, fields)
    assert "held" in str(written)
    assert "Tjena" in str(written)


def test_a_mapping_without_roles_says_what_it_said_before_there_were_any() -> None:
    fields = load_format("messages").fields
    assert "roles" not in fields().model_dump(mode="json")
    assert fields(roles={"narrator": "system"}).model_dump(mode="json")["roles"] == {"narrator": "system"}
