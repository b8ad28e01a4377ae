"""The rules by which LLaMA-Factory reads a file, restated from its ``data/parser.py`` and ``data/converter.py``.

Source: hiyouga/LLaMA-Factory at ff6d4d1 (August 2026), Apache 2.0; our own words, its behaviour: which keys an entry may
have, what an absent one means, which column a row must have, and which turns are read.
"""

from __future__ import annotations

import json
from typing import Any

COLUMNS = {
    "prompt": "instruction", "query": "input", "response": "output", "history": None, "messages": "conversations",
    "system": None, "tools": None, "images": None, "videos": None, "audios": None, "chosen": None, "rejected": None,
    "kto_tag": None,
}  # fmt: skip
TAGS = {
    "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
    "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
}  # fmt: skip
FORMATTINGS = ("alpaca", "sharegpt", "openai")
FILE_TYPES = ("arrow", "csv", "json", "jsonl", "parquet", "txt")
TOP_KEYS = {
    "file_name",
    "formatting",
    "ranking",
    "columns",
    "tags",
    "subset",
    "split",
    "folder",
    "num_samples",
}


class Broken(Exception):
    """A row that the reader skips with a warning."""


def read(entry: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the trainer makes of every row: prompt, response, system, tools, images. Raises as the reader would."""
    assert set(entry) <= TOP_KEYS
    assert entry["file_name"].rpartition(".")[2] in FILE_TYPES
    formatting = entry.get("formatting", "alpaca")
    assert formatting in FORMATTINGS
    # Named columns replace all defaults: those that are not named are unset. So do tags.
    columns = {key: entry["columns"].get(key) for key in COLUMNS} if "columns" in entry else dict(COLUMNS)
    tags = {key: entry["tags"].get(key) for key in TAGS} if "tags" in entry else dict(TAGS)
    assert not set(entry.get("columns", {})) - set(COLUMNS)
    assert not set(entry.get("tags", {})) - set(TAGS)
    reader = {"alpaca": _alpaca, "sharegpt": _sharegpt, "openai": _openai}[formatting]
    return [reader(row, columns, tags, bool(entry.get("ranking"))) for row in rows]


def _beside(row: dict[str, Any], columns: dict[str, Any]) -> dict[str, Any]:
    tools = row[columns["tools"]] if columns["tools"] else ""
    return {"tools": tools, "images": row[columns["images"]] if columns["images"] else None}


def _alpaca(row: dict[str, Any], columns: dict[str, Any], _: object, ranking: bool) -> dict[str, Any]:
    prompt = []
    if columns["history"] and isinstance(row[columns["history"]], list):
        for asked, answered in row[columns["history"]]:
            prompt += [("user", asked), ("assistant", answered)]
    parts = [row[columns[part]] for part in ("prompt", "query") if columns[part] and row[columns[part]]]
    prompt.append(("user", "\n".join(parts)))
    if ranking and isinstance(row[columns["chosen"]], str) and isinstance(row[columns["rejected"]], str):
        response = [("assistant", row[columns["chosen"]]), ("assistant", row[columns["rejected"]])]
    elif columns["response"] and isinstance(row[columns["response"]], str):
        response = [("assistant", row[columns["response"]])]
    else:
        response = []
    system = row[columns["system"]] if columns["system"] else ""
    return {"prompt": prompt, "response": response, "system": system or "", **_beside(row, columns)}


def _roles(tags: dict[str, Any]) -> dict[Any, str]:
    names = ("user", "assistant", "observation", "function", "system")
    return {tags[f"{name}_tag"]: name for name in names}


def _start(
    row: dict[str, Any], columns: dict[str, Any], tags: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    turns = row[columns["messages"]]
    if tags["system_tag"] and turns and turns[0][tags["role_tag"]] == tags["system_tag"]:
        return turns[0][tags["content_tag"]], turns[1:]
    return (row[columns["system"]] if columns["system"] else "") or "", turns


def _sharegpt(
    row: dict[str, Any], columns: dict[str, Any], tags: dict[str, Any], ranking: bool
) -> dict[str, Any]:
    system, turns = _start(row, columns, tags)
    roles = _roles(tags)
    read = [(roles.get(turn[tags["role_tag"]], "?"), turn[tags["content_tag"]]) for turn in turns]
    _check(read, ranking)
    return _ended(read, system, row, columns, tags, ranking)


def _openai(
    row: dict[str, Any], columns: dict[str, Any], tags: dict[str, Any], ranking: bool
) -> dict[str, Any]:
    system, turns = _start(row, columns, tags)
    roles, read, waiting = _roles(tags), [], []
    for turn in turns:
        label, content = turn[tags["role_tag"]], turn[tags["content_tag"]]
        if label in (tags["assistant_tag"], tags["function_tag"]) and turn.get("tool_calls"):
            content = json.dumps([call["function"] for call in turn["tool_calls"]], ensure_ascii=False)
            label = tags["function_tag"]
        if label == tags["observation_tag"]:
            waiting.append(content)
            continue
        if waiting:
            read.append(("observation", "\n</tool_response>\n<tool_response>\n".join(waiting)))
            waiting = []
        read.append((roles[label], content))
    _check(read, ranking)
    done = _ended(read, system, row, columns, tags, ranking)
    if isinstance(done["tools"], dict | list):
        done["tools"] = json.dumps(done["tools"], ensure_ascii=False)
    return done


def _check(read: list[tuple[str, Any]], ranking: bool) -> None:
    sides = (("user", "observation"), ("assistant", "function"))
    for at, (role, content) in enumerate(read):
        if role not in sides[at % 2]:
            raise Broken(f"turn {at + 1} is a turn of {role}")
        assert isinstance(content, str), "the templates join texts"
    if len(read) % 2 != (1 if ranking else 0):
        raise Broken(f"{len(read)} turns")


def _ended(
    read: list[tuple[str, Any]], system: str, row: dict[str, Any], columns: dict[str, Any],
    tags: dict[str, Any], ranking: bool,
) -> dict[str, Any]:  # fmt: skip
    beside = _beside(row, columns)
    if not ranking:
        return {"prompt": read[:-1], "response": read[-1:], "system": system, **beside}
    answers = [row[columns["chosen"]], row[columns["rejected"]]]
    assert all(isinstance(one, dict) for one in answers), (
        "else the prompt's last turn is taken for the response"
    )
    roles = _roles(tags)
    response = [(roles[one[tags["role_tag"]]], one[tags["content_tag"]]) for one in answers]
    return {"prompt": read, "response": response, "system": system, **beside}
