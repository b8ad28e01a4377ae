"""What labels of turns mean: the common names of the four roles, and those that a person explains.

The latter are read as the role that they mean, and written back as they were.
"""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any

import orjson

from tamis.types import JSON, ROLES

CALL_LABEL = "function_call"
CALL_LABELS = (CALL_LABEL, "tool_call", "tool_calls", "function_calls")
# What other tools call the four roles.
ROLE_OF = {
    "human": "user", "prompter": "user",
    "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
    "chatbot": "assistant", "ai_assistant": "assistant", "llm": "assistant",
    **dict.fromkeys(CALL_LABELS, "assistant"),
    "developer": "system",
    "function": "tool", "observation": "tool", "function_response": "tool", "tool_response": "tool",
    "function_result": "tool", "tool_result": "tool", "function_output": "tool", "tool_output": "tool",
    "environment": "tool", "ipython": "tool",
    "用户": "user", "人类": "user", "ユーザー": "user", "사용자": "user", "usuario": "user", "utilisateur": "user", "benutzer": "user",
    "助手": "assistant", "机器人": "assistant", "アシスタント": "assistant", "어시스턴트": "assistant", "asistente": "assistant",
    "系统": "system", "システム": "system", "시스템": "system", "工具": "tool",
    **{role: role for role in ROLES},
}  # fmt: skip
_KEYS = ("role", "from")
_UNKNOWN = re.compile(r"""unknown role ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") in turn""")


def role_of(label: str) -> str:
    """The role that a label is a common name of, however it is spelled; empty for none."""
    return ROLE_OF.get(label) or ROLE_OF.get(spelled(label), "")


def spelled(label: str) -> str:
    """The label in small letters, with one kind of dash."""
    return label.strip().lower().replace("-", "_").replace(" ", "_")


def is_call_label(label: str) -> bool:
    """Whether a label says that its turn is a call of functions."""
    return spelled(label) in CALL_LABELS


def label_text(label: JSON) -> str:
    """How a label is named by a person: as it is, or as JSON writes what is no text."""
    return label if isinstance(label, str) else orjson.dumps(label).decode()


def unknown_label(reason: str) -> str | None:
    """The label for whose sake a record was rejected; None for any other reason."""
    found = _UNKNOWN.match(reason)
    return str(ast.literal_eval(found[1])) if found else None


def role_option(label: str) -> str:
    """The option of an import that says what a label means; ROLE is left to the person."""
    return f"--role {shlex.quote(f'{label}=ROLE')}"


def relabelled(record: dict[str, JSON], fields: Any) -> tuple[dict[str, JSON], dict[str, JSON]]:  # noqa: ANN401 - a mapping
    """Return the record with the role in place of every label that ``fields.roles`` names, and what restores these."""
    roles: dict[str, str] = {label.casefold(): role for label, role in fields.roles.items()}
    called = {column: f"={part}" for part, column in fields.parts.items()}
    noted: dict[str, JSON] = {}
    result = dict(record)
    for column, value in record.items():
        turns = value if isinstance(value, list) else [value]
        if not turns or not all(isinstance(turn, dict) for turn in turns):
            continue
        key = next((one for one in (getattr(fields, "role", ""), *_KEYS) if one and one in turns[0]), None)
        if key is None:
            continue
        labels = [turn.get(key) for turn in turns]
        kept = [_noted(label) if _known(label, roles) else None for label in labels]
        if kept.count(None) < len(kept):
            changed = [
                turn if note is None else {**turn, key: roles[label_text(turn.get(key)).casefold()]}
                for turn, note in zip(turns, kept, strict=True)
            ]
            result[column] = changed if isinstance(value, list) else changed[0]
            noted[called.get(column, column)] = {"key": key, "labels": kept}
    return result, noted


def with_own_labels(record: dict[str, JSON], noted: dict[str, JSON], fields: Any) -> dict[str, JSON]:  # noqa: ANN401
    """Return a written record with the labels of its source, where the turns still have the role these mean."""
    columns = {f"={part}": column for part, column in fields.parts.items()}
    result = dict(record)
    for name, kept in noted.items():
        column = columns.get(name, name)
        value = result.get(column)
        turns = value if isinstance(value, list) else [value]
        if len(turns) != len(kept["labels"]) or not all(isinstance(turn, dict) for turn in turns):
            continue
        changed = [
            {**turn, kept["key"]: label[0]}
            if label and _means(turn.get(kept["key"]), label_text(label[0]), fields)
            else turn
            for turn, label in zip(turns, map(_label_in, kept["labels"]), strict=True)
        ]
        result[column] = changed if isinstance(value, list) else changed[0]
    return result


def _known(label: JSON, roles: dict[str, str]) -> bool:
    return not isinstance(label, list | dict) and label_text(label).casefold() in roles


def _noted(label: JSON) -> JSON:
    return label if isinstance(label, str) else {"value": label}


def _label_in(note: JSON) -> tuple[JSON, ...]:
    """The label that a note keeps, if it keeps one."""
    return () if note is None else (note["value"] if isinstance(note, dict) else note,)


def _means(written: JSON, label: str, fields: Any) -> bool:  # noqa: ANN401
    meant = {one.casefold(): role for one, role in fields.roles.items()}.get(label.casefold(), "")
    return isinstance(written, str) and role_of(written) == role_of(meant)
