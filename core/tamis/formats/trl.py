"""How TRL's trainers read a file that was written: how ``datasets`` loads it, and the columns that they expect.

TRL's dataset formats: ``messages`` of role and content; ``prompt`` and ``completion``, both texts or both turns;
``chosen`` and ``rejected`` with or without ``prompt``; ``tools`` beside any of them.
"""

from __future__ import annotations

from tamis.formats.llama_factory import LABELS, PAIRS, Parts, refuse_choice
from tamis.formats.trainer_gaps import judged_bad, must_have_role_and_content, unread
from tamis.formats.written import NotReadable, WrittenShape
from tamis.types import JSON, ROLES

BUILDERS = {"jsonl": "json", "json": "json", "csv": "csv", "parquet": "parquet", "arrow": "arrow"}
_SFT, _DPO, _KTO = "SFTTrainer", "DPOTrainer", "KTOTrainer"
_READ_BY_TEMPLATES = ("reasoning_content", "thinking")  # of the keys of a turn that hold reasoning


def trl_entry(shape: WrittenShape) -> dict[str, JSON]:
    """Return ``trainer``, ``load_dataset`` (its arguments), ``rename_columns`` and ``columns``, in the order to apply.

    Raises NotReadable with why, and what to export instead.
    """
    name = shape.file_name.lower().removesuffix(".gz").removesuffix(".zst")
    ending = name.rpartition(".")[2]
    if ending not in BUILDERS:
        raise NotReadable(f"datasets reads files that end in {', '.join(BUILDERS)}. Name the file so.")
    trainer, renamed = _columns(shape)
    if shape.tools and trainer == _SFT:
        renamed = renamed | {shape.tools: "tools"}
    columns = list(renamed.values())
    return {
        "trainer": trainer,
        "load_dataset": {"path": BUILDERS[ending], "data_files": shape.file_name, "split": "train"},
        "rename_columns": {old: new for old, new in renamed.items() if old != new},
        "columns": columns,
    }


def trl_remarks(shape: WrittenShape, entry: dict[str, JSON]) -> tuple[str, ...]:
    """What TRL will not read by ``entry`` of a file that it can read, in sentences."""
    columns = [*entry["rename_columns"], *entry["columns"]]
    return tuple(unread(shape, "TRL", columns, _READ_BY_TEMPLATES))


def trl_script(entry: dict[str, JSON]) -> str:
    """The same as Python, ready to be pasted before a trainer is made."""
    load = ", ".join(f"{key}={value!r}" for key, value in entry["load_dataset"].items() if key != "path")
    lines = [
        "from datasets import load_dataset",
        f"from trl import {entry['trainer']}",
        "",
        f"rows = load_dataset({entry['load_dataset']['path']!r}, {load})",
    ]
    if entry["rename_columns"]:
        lines.append(f"rows = rows.rename_columns({entry['rename_columns']!r})")
    lines.append(f"rows = rows.select_columns({entry['columns']!r})")
    lines.append(f"trainer = {entry['trainer']}(model=..., train_dataset=rows)")
    return "\n".join(lines)


def _columns(shape: WrittenShape) -> tuple[str, dict[str, str]]:
    """The trainer, and TRL's name of each column that it reads."""
    if judged := judged_bad(shape):
        return _KTO, _judged(shape, judged)
    if shape.format_name in LABELS:
        return _SFT, _chat(shape)
    if shape.format_name == "prompt_completion" and _both_turns(shape):
        return _SFT, {shape.named("prompt"): "prompt", shape.named("completion"): "completion"}
    if shape.format_name in PAIRS:
        return _SFT, _pair(shape, PAIRS[shape.format_name])
    if shape.format_name == "preference":
        return _DPO, _preference(shape)
    raise NotReadable(f"TRL has no reader for the shape {shape.format_name!r}. Export as 'messages'.")


def _judged(shape: WrittenShape, label: str) -> dict[str, str]:
    if shape.format_name not in PAIRS or not shape.only(label, "true/false"):
        raise NotReadable(
            f"{shape.marked[label]:,} rows are bad answers by their column {label!r}, which SFTTrainer would learn. "
            "KTOTrainer takes a prompt, a completion and a label that is true or false in every row. Leave the bad "
            "answers out, or write rows so."
        )
    both = {shape.named("prompt"): "prompt", shape.named("completion"): "completion"}
    if shape.format_name != "prompt_completion" or not _both_turns(shape):
        both = _pair(shape, PAIRS[shape.format_name])
    return both | {label: "label"}


def _chat(shape: WrittenShape) -> dict[str, str]:
    column, seen = shape.turn_column()
    must_have_role_and_content(seen, "TRL")
    if (seen.role_key, seen.content_key) != ("role", "content") or set(seen.labels) - {*ROLES, "developer"}:
        raise NotReadable(
            "TRL hands turns to the model's chat template, which knows role and content, and the roles system, user, "
            f"assistant and tool; these are called {', '.join(sorted(seen.labels))}. Export as 'messages'."
        )
    _no_system_column(shape)
    return {column: "messages"}


def _pair(shape: WrittenShape, parts: Parts) -> dict[str, str]:
    prompt, response = shape.named(parts.prompt), shape.named(parts.response)
    if not (shape.only(prompt, "text") and shape.only(response, "text")):
        raise NotReadable(
            f"The columns {prompt!r} and {response!r} do not hold text in every row. Export as 'messages'."
        )
    for part in (parts.query, parts.history):
        column = shape.named(part) if part else ""
        if column and shape.filled[column]:
            raise NotReadable(
                f"TRL reads one prompt column, and {column!r} holds a part of {shape.filled[column]:,} prompts. "
                "Export as 'messages' or 'prompt_completion'."
            )
    _no_system_column(shape)
    return {prompt: "prompt", response: "completion"}


def _both_turns(shape: WrittenShape) -> bool:
    return all(shape.only(shape.named(part), "list") for part in ("prompt", "completion"))


def _preference(shape: WrittenShape) -> dict[str, str]:
    prompt, chosen, rejected = (shape.named(part) for part in ("prompt", "chosen", "rejected"))
    refuse_choice(shape)
    given = [chosen, rejected, *([prompt] if shape.has(prompt) else [])]
    if not any(all(shape.only(column, kind) for column in given) for kind in ("text", "list")):
        raise NotReadable(
            "TRL takes preference pairs of which prompt and both answers are texts, or all are lists of turns; these are "
            + ", ".join(f"{column}: {', '.join(shape.kinds.get(column, {}))}" for column in given)
            + "."
        )
    if shape.filled[shape.named("input")]:
        raise NotReadable("TRL reads one prompt column, and the input column holds a part of some prompts.")
    _no_system_column(shape)
    named = {chosen: "chosen", rejected: "rejected"}
    return {prompt: "prompt", **named} if shape.has(prompt) else named


def _no_system_column(shape: WrittenShape) -> None:
    system = shape.named("system")
    if shape.filled[system]:
        raise NotReadable(
            f"TRL reads system prompts as turns, and {shape.filled[system]:,} rows have theirs in the column {system!r}. "
            "Export as 'messages'."
        )
