"""The entry that LLaMA-Factory's ``dataset_info.json`` needs for an exported file (its data/README.md)."""

from __future__ import annotations

from tamis.errors import CurationError
from tamis.types import JSON

_PAIRS = {
    "prompt_completion": ("prompt", "completion"),
    "question_answer": ("question", "answer"),
}


def dataset_info_entry(name: str, file_name: str, format_name: str) -> dict[str, JSON]:
    """Return ``{name: entry}`` for a file in one of our formats with its default columns.

    Raises CurationError for a shape that LLaMA-Factory cannot read, with what to export instead.
    """
    return {name: {"file_name": file_name, **_shape(format_name)}}


def _shape(format_name: str) -> dict[str, JSON]:
    if format_name == "alpaca":
        columns = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"columns": {**columns, "system": "system", "history": "history"}}
    if format_name == "instruction_response":
        return {
            "columns": {
                "prompt": "instruction",
                "query": "context",
                "response": "response",
                "system": "system",
            }
        }
    if format_name in _PAIRS:
        prompt, response = _PAIRS[format_name]
        return {"columns": {"prompt": prompt, "response": response, "system": "system"}}
    if format_name == "preference":
        columns = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", "system": "system"}
        return {"ranking": True, "columns": columns}
    if format_name == "sharegpt":
        return {"formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system"}}
    if format_name == "messages":
        return _messages()
    raise CurationError(
        f"LLaMA-Factory cannot read the shape {format_name!r}. Export as 'alpaca', 'sharegpt' or 'messages'."
    )


def _messages() -> dict[str, JSON]:
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "tool",
        "system_tag": "system",
    }
    return {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
