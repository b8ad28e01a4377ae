"""The entry that LLaMA-Factory's ``dataset_info.json`` needs for a file that was written (its data/README.md).

Its rules, as ``data/parser.py`` and ``data/converter.py`` had them in August 2026: a column or tag that an entry leaves out
is unset once the entry names any other; a column that it names must be in the file; the "sharegpt" reader takes plain
texts, one label a role, and turns that alternate; only the "openai" reader takes ``tool_calls``, tools as a list, and
several tool turns in a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tamis.formats.trainer_gaps import must_have_role_and_content, unread
from tamis.formats.written import NotReadable, TurnsSeen, WrittenShape
from tamis.models.row_marks import MARKS
from tamis.types import JSON

ENDINGS = ("json", "jsonl", "csv", "parquet", "arrow")
MEDIA = ("images", "videos", "audios")


class Parts(NamedTuple):
    """Which part of a format is prompt, query, response and history; empty where there is none."""

    prompt: str
    query: str
    response: str
    history: str = ""


PAIRS = {
    "alpaca": Parts("instruction", "input", "output", "history"),
    "instruction_response": Parts("instruction", "context", "response"),
    "prompt_completion": Parts("prompt", "", "completion"),
    "question_answer": Parts("question", "", "answer"),
}
LABELS = {
    "messages": {"user": "user", "assistant": "assistant", "tool": "tool"},
    "sharegpt": {"user": "human", "assistant": "gpt", "tool": "observation"},
}


def dataset_info_entry(name: str, shape: WrittenShape) -> dict[str, JSON]:
    """Return ``{name: entry}`` for a written file; raises NotReadable with why, and what to export instead."""
    if shape.file_name.rpartition(".")[2].lower() not in ENDINGS:
        raise NotReadable(f"LLaMA-Factory reads files that end in {', '.join(ENDINGS)}. Name the file so.")
    return {name: {"file_name": shape.file_name, **_shape(shape)}}


def llama_factory_remarks(shape: WrittenShape, entry: dict[str, JSON]) -> tuple[str, ...]:
    """What LLaMA-Factory will not read by ``entry`` of a file that it can read, in sentences."""
    remarks = list(_remarks_on_judged(shape))
    if shape.format_name in LABELS:
        remarks = [*_remarks_on_turns(shape, _turns(shape, shape.format_name)), *remarks]
    (named,) = entry.values()
    columns = list(named["columns"].values())
    if shape.format_name not in LABELS and shape.has(shape.tools, "list", "object"):
        remarks.append("The tools are lists; for this format LLaMA-Factory takes text: they are not named.")
        columns.append(shape.tools)
    if shape.has(shape.tools, "object"):
        columns.append(shape.tools)  # is said
    return (*remarks, *unread(shape, "LLaMA-Factory", columns, ()))


def _remarks_on_turns(shape: WrittenShape, seen: TurnsSeen) -> Iterator[str]:
    for role in ("user", "assistant", "tool", "system", "function"):
        for label in seen.labels_of(role)[1:]:
            yield (
                f"{seen.labels[label]:,} turns are labelled {label!r}: LLaMA-Factory takes one label a role, here "
                f"{seen.labels_of(role)[0]!r}, and skips these rows. Export as 'messages'."
            )
    by_openai = _needs_openai(shape, seen)
    if left_out := seen.n_rows - (seen.merged if by_openai else seen.strict):
        yield f"{left_out:,} rows are skipped by LLaMA-Factory: their turns do not alternate."
    if n_calls := seen.keys["function_call"]:
        yield f"{n_calls:,} turns have a function_call, which LLaMA-Factory does not read."
    if shape.has(shape.tools, "object"):
        yield f"The column {shape.tools!r} holds objects where LLaMA-Factory takes lists: it is not named."
    if by_openai:
        yield (
            "Tool calls and lists of tools are read by the 'openai' reader, which adds 'detailed thinking off' to the "
            "system prompt of rows without tools."
        )


def _remarks_on_judged(shape: WrittenShape) -> Iterator[str]:
    for name in MARKS:
        if shape.only(name, "true/false", everywhere=False):
            yield (
                f"The column {name!r} says which rows are good: it is read for KTO alone, with "
                f'"kto_tag": "{name}" among the columns.'
            )


def _shape(shape: WrittenShape) -> dict[str, JSON]:
    if shape.format_name in PAIRS:
        return {
            "columns": {**_pair_columns(shape, PAIRS[shape.format_name]), **_more_columns(shape, ("text",))}
        }
    if shape.format_name in LABELS:
        return _chat(shape)
    if shape.format_name == "preference":
        return _preference(shape)
    raise NotReadable(
        f"LLaMA-Factory cannot read the shape {shape.format_name!r}. Export as 'alpaca', 'sharegpt' or 'messages'."
    )


def _pair_columns(shape: WrittenShape, parts: Parts) -> dict[str, JSON]:
    columns = {"prompt": shape.named(parts.prompt), "response": shape.named(parts.response)}
    for column in columns.values():
        _must_be_text(shape, column)
    if parts.query and shape.named(parts.query) in shape.kinds:
        columns["query"] = shape.named(parts.query)
        _must_be_text(shape, columns["query"])
    if parts.history and shape.has(shape.named(parts.history), "list"):
        columns["history"] = shape.named(parts.history)
    return columns


def _must_be_text(shape: WrittenShape, column: str) -> None:
    if not shape.only(column, "text", everywhere=False):
        found = ", ".join(shape.kinds.get(column, {"nothing": 0}))
        raise NotReadable(
            f"The column {column!r} holds {found}, and LLaMA-Factory takes text there. Export as 'messages'."
        )


def _more_columns(shape: WrittenShape, tools: Sequence[str]) -> dict[str, JSON]:
    """The system column, and tools and media that stand beside the conversation."""
    columns: dict[str, JSON] = {}
    system = shape.named("system")
    if shape.has(system, "text"):
        columns["system"] = system
    if shape.tools and not {kind for kind, n in shape.kinds[shape.tools].items() if n} - {"null", *tools}:
        columns["tools"] = shape.tools
    return columns | {name: name for name in MEDIA if shape.has(name, "list", "text")}


def _chat(shape: WrittenShape) -> dict[str, JSON]:
    seen = _turns(shape, shape.format_name)
    must_have_role_and_content(seen, "LLaMA-Factory")
    if n_parted := seen.contents["list"] + seen.contents["object"]:
        raise NotReadable(
            f"{n_parted:,} turns are made of parts (images, or texts by the piece), and LLaMA-Factory takes "
            "one text a turn. Leave these rows out, or write their images as <image> beside a column 'images'."
        )
    if n_silent := seen.contents["null"] + seen.bare:
        raise NotReadable(
            f"{n_silent:,} turns have no text and no key {seen.content_key!r} beside their calls, or a function_call; "
            f"LLaMA-Factory stops there. Write calls as tool_calls with {seen.content_key!r} null, or leave these rows out."
        )
    by_openai = _needs_openai(shape, seen)
    column = shape.named("messages" if shape.format_name == "messages" else "conversations")
    kinds = ("text", "list") if by_openai else ("text",)
    return {
        "formatting": "openai" if by_openai else "sharegpt",
        "columns": {"messages": column, **_more_columns(shape, kinds)},
        "tags": _tags(seen, LABELS[shape.format_name]),
    }


def _turns(shape: WrittenShape, format_name: str) -> TurnsSeen:
    column = shape.named("messages" if format_name == "messages" else "conversations")
    seen = shape.turns.get(column)
    if seen is None or not shape.only(column, "list"):
        raise NotReadable(
            f"The column {column!r} does not hold a list of turns in every row, as LLaMA-Factory needs it. "
            "Export as JSON lines or Parquet."
        )
    return seen


def _needs_openai(shape: WrittenShape, seen: TurnsSeen) -> bool:
    """Whether only the "openai" reader takes it: calls beside the text, tools as data, tool turns side by side."""
    return bool(seen.keys["tool_calls"]) or shape.has(shape.tools, "list") or seen.merged > seen.strict


def _tags(seen: TurnsSeen, defaults: dict[str, str]) -> dict[str, JSON]:
    """All seven: one that an entry leaves out is unset."""

    def label(role: str, default: str) -> str:
        return next(iter(seen.labels_of(role)), default)

    return {
        "role_tag": seen.role_key,
        "content_tag": seen.content_key,
        "user_tag": label("user", defaults["user"]),
        "assistant_tag": label("assistant", defaults["assistant"]),
        "observation_tag": label("tool", defaults["tool"]),
        "function_tag": label("function", "function_call"),
        "system_tag": label("system", "system"),
    }


def refuse_choice(shape: WrittenShape) -> None:
    """Raise NotReadable for pairs of which a further column says which is the better one: no trainer reads it."""
    scores = (*getattr(shape.fields, "scores", ()), "")
    choice = getattr(shape.fields, "choice", "") or scores[0]
    if choice and shape.has(choice):
        raise NotReadable(
            f"The column {choice!r} says row by row which answer is the better one, which no trainer reads. "
            "Export as 'preference'."
        )


def _preference(shape: WrittenShape) -> dict[str, JSON]:
    prompt, chosen, rejected = (shape.named(part) for part in ("prompt", "chosen", "rejected"))
    refuse_choice(shape)
    answers = {"chosen": chosen, "rejected": rejected}
    if all(shape.only(column, "text") for column in (prompt, chosen, rejected)):
        columns: dict[str, JSON] = {"prompt": prompt, **answers}
        if shape.named("input") in shape.kinds:
            columns["query"] = shape.named("input")
        return {"ranking": True, "columns": columns | _more_columns(shape, ("text",))}
    turns = shape.turns.get(prompt)
    one_turn = all(shape.only(column, "object") for column in (chosen, rejected))
    if turns is None or not (shape.only(prompt, "list") and one_turn and turns.asks == turns.n_rows):
        raise NotReadable(
            "LLaMA-Factory takes preference pairs whose prompt is a text and whose answers are texts, or whose prompt is "
            "a list of turns and whose answers are one turn each; these are "
            f"{_said(shape, prompt)}, {_said(shape, chosen)} and {_said(shape, rejected)}."
        )
    labels = LABELS["messages" if turns.role_key == "role" else "sharegpt"]
    for column in (chosen, rejected):
        turns.labels.update(shape.turns[column].labels)
    return {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": prompt, **answers, **_more_columns(shape, ("text",))},
        "tags": _tags(turns, labels),
    }


def _said(shape: WrittenShape, column: str) -> str:
    return f"{column}: {', '.join(shape.kinds.get(column, {'missing': 0}))}"
