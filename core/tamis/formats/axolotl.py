"""The ``datasets:`` stanza that Axolotl's configuration needs for a file that was written.

Its fields, as ``utils/schemas/datasets.py`` and ``prompt_strategies`` had them in 2026: ``chat_template`` for turns, a
prompt described field by field for pairs, ``rl: dpo`` beside the stanza for preferences.
"""

from __future__ import annotations

from tamis.formats.llama_factory import LABELS, PAIRS, Parts, refuse_choice
from tamis.formats.trainer_gaps import judged_bad, must_have_role_and_content, unread
from tamis.formats.written import NotReadable, TurnsSeen, WrittenShape, side_of
from tamis.models.opened_turns import REASONING
from tamis.models.row_marks import OF_PARTS
from tamis.types import JSON

TRAINING = (
    "train",
    "training",
    "trainable",
    "train_on_turn",
    "loss",
)  # keys of turns that say whether they are learned
DS_TYPES = {"jsonl": "json", "json": "json", "csv": "csv", "parquet": "parquet", "arrow": "arrow"}


def axolotl_config(shape: WrittenShape) -> dict[str, JSON]:
    """Return ``{"datasets": [stanza]}``, with ``rl`` for preferences; raises NotReadable with what to export instead."""
    ending = shape.file_name.rpartition(".")[2].lower()
    if ending not in DS_TYPES:
        raise NotReadable(f"Axolotl reads files that end in {', '.join(DS_TYPES)}. Name the file so.")
    if judged := judged_bad(shape):
        raise NotReadable(
            f"{shape.marked[judged]:,} rows are bad answers by their column {judged!r}, which Axolotl would learn. "
            "Leave them out, or write its KTO configuration by hand."
        )
    file: dict[str, JSON] = {"path": shape.file_name, "ds_type": DS_TYPES[ending]}
    if shape.format_name in LABELS:
        return {"datasets": [file | _chat(shape)]}
    if shape.format_name in PAIRS:
        return {"datasets": [file | {"type": _pair(shape, PAIRS[shape.format_name])}]}
    if shape.format_name == "preference":
        # A local file of preferences is named by its kind and its files.
        local = {"path": DS_TYPES[ending], "data_files": [shape.file_name], "split": "train"}
        return {"rl": "dpo", "datasets": [local | _preference(shape)]}
    raise NotReadable(f"Axolotl has no reader for the shape {shape.format_name!r}. Export as 'messages'.")


def axolotl_remarks(shape: WrittenShape, config: dict[str, JSON]) -> tuple[str, ...]:
    """What Axolotl will not read by ``config`` of a file that it can read, in sentences."""
    (stanza,) = config["datasets"]
    pair = stanza["type"] if isinstance(stanza["type"], dict) else {}
    columns = [value for key, value in {**pair, **stanza}.items() if key.startswith("field_")]
    keys = [value for key, value in stanza.items() if key.startswith("message_field_")]
    keys += list(stanza.get("message_property_mappings", {}).values())
    return tuple(unread(shape, "Axolotl", columns, keys))


def _chat(shape: WrittenShape) -> dict[str, JSON]:
    column, seen = shape.turn_column()
    must_have_role_and_content(seen, "Axolotl")
    stanza = {"type": "chat_template", "field_messages": column, **_turns(seen)}
    if shape.has(shape.named("system"), "text"):
        stanza["field_system"] = shape.named("system")
    return stanza | ({"field_tools": shape.tools} if shape.tools else {})


def _turns(seen: TurnsSeen) -> dict[str, JSON]:
    roles: dict[str, list[str]] = {}
    for label in seen.labels:
        if side := side_of(label):
            roles.setdefault(side, []).append(label)
    keys = {"role": seen.role_key, "content": seen.content_key}
    if thoughts := next((name for name in REASONING if seen.keys[name]), ""):
        keys["reasoning_content"] = thoughts
    marks = {"message_field_training": TRAINING, "message_field_training_detail": OF_PARTS}
    named = {key: next((name for name in names if seen.keys[name]), "") for key, names in marks.items()}
    return {
        "message_property_mappings": keys,
        "roles": {role: sorted(roles[role]) for role in sorted(roles)},
        **{key: name for key, name in named.items() if name},
    }


def _pair(shape: WrittenShape, parts: Parts) -> dict[str, JSON]:
    prompt, response = shape.named(parts.prompt), shape.named(parts.response)
    if not (shape.only(prompt, "text", everywhere=False) and shape.only(response, "text")):
        raise NotReadable(
            f"The columns {prompt!r} and {response!r} do not hold text in every row. Export as 'messages'."
        )
    if parts.history and shape.filled[shape.named(parts.history)]:
        raise NotReadable("Axolotl's readers of pairs have no place for earlier turns. Export as 'messages'.")
    fields: dict[str, JSON] = {"field_instruction": prompt, "field_output": response}
    if parts.query and shape.named(parts.query) in shape.kinds:
        fields["field_input"] = shape.named(parts.query)
    if shape.has(shape.named("system"), "text"):
        fields["field_system"] = shape.named("system")
    both = "{instruction}\n\n{input}" if "field_input" in fields else "{instruction}"
    return fields | {"system_prompt": "", "format": both, "no_input_format": "{instruction}"}


def _preference(shape: WrittenShape) -> dict[str, JSON]:
    prompt, chosen, rejected = (shape.named(part) for part in ("prompt", "chosen", "rejected"))
    refuse_choice(shape)
    answers = {"field_chosen": chosen, "field_rejected": rejected}
    if shape.has(shape.named("input"), "text"):
        raise NotReadable(
            "Axolotl's readers of preferences have no place for an input column. Export as 'messages'."
        )
    if all(shape.only(column, "text") for column in (prompt, chosen, rejected)):
        fields: dict[str, JSON] = {"field_prompt": prompt, **answers}
        if shape.has(shape.named("system"), "text"):
            fields |= {"field_system": shape.named("system"), "prompt_format": "{system}\n\n{prompt}"}
        return {"type": fields}
    turns = shape.turns.get(prompt)
    if turns is None or not shape.only(prompt, "list"):
        raise NotReadable("Axolotl needs a prompt column, of texts or of turns, beside the two answers.")
    for column in (chosen, rejected):
        if column in shape.turns:
            turns.labels.update(shape.turns[column].labels)
        elif shape.has(column, "text"):
            turns.labels["assistant"] += 1
    return {"type": "chat_template.default", "field_messages": prompt, **answers, **_turns(turns)}
