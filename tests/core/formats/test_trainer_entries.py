"""What trainers are told about a file: LLaMA-Factory's rules restated, datasets and TRL themselves, on every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from tamis.actions.trainer_entries import describe_for_trainers
from tamis.formats import FORMATS, load_format
from tamis.formats.targets import Target
from tamis.formats.writer import SOURCE_SHAPE, StoredExample, export_file
from tamis.registry import parse_options
from tests.core.formats import llama_factory_rules

datasets = pytest.importorskip("datasets")

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "tide", "parameters": PLACE}}]
CALL = [{"id": "1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def human(text: str) -> dict[str, Any]:
    return {"from": "human", "value": text}


def gpt(text: str) -> dict[str, Any]:
    return {"from": "gpt", "value": text}


SYSTEM = {"role": "system", "content": "Be brief."}
CALLED = [
    user("Tide?"),
    {"role": "assistant", "content": None, "tool_calls": CALL},
    {"role": "tool", "tool_call_id": "1", "content": "3"},
    assistant("3 m"),
]
TWO_CALLS = [
    user("Tides?"),
    {"role": "assistant", "content": None, "tool_calls": CALL * 2},
    {"role": "tool", "tool_call_id": "1", "content": "3"},
    {"role": "tool", "tool_call_id": "2", "content": "4"},
    assistant("3 m and 4 m"),
]
CALLED_SHAREGPT = [
    human("Tide?"),
    {"from": "function_call", "value": '{"name": "tide"}'},
    {"from": "observation", "value": "3"},
    gpt("3 m"),
]

# name: format, fields that are not the format's own, rows, what LLaMA-Factory must read of the last row
READ: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]], dict[str, Any]]] = {
    "alpaca": ("alpaca", {}, [{"instruction": "a", "input": "", "output": "b"}, {"instruction": "c", "input": "d", "output": "e"}],
        {"prompt": [("user", "c\nd")], "response": [("assistant", "e")], "system": ""}),
    "alpaca, no input": ("alpaca", {}, [{"instruction": "a", "output": "b"}], {"prompt": [("user", "a")], "response": [("assistant", "b")]}),
    "alpaca, system": ("alpaca", {}, [{"instruction": "a", "output": "b"}, {"instruction": "c", "output": "e", "system": "s"}], {"system": "s"}),
    "alpaca, history": ("alpaca", {}, [{"instruction": "a", "output": "b"}, {"instruction": "c", "output": "e", "history": [["q", "r"]]}],
        {"prompt": [("user", "q"), ("assistant", "r"), ("user", "c")]}),
    "alpaca, tools as text": ("alpaca", {}, [{"instruction": "a", "output": "b", "tools": json.dumps(TOOLS)}], {"tools": json.dumps(TOOLS)}),
    "alpaca, images": ("alpaca", {}, [{"instruction": "<image>a", "output": "b", "images": ["a.png"]}], {"images": ["a.png"]}),
    "alpaca, own names": ("alpaca", {"instruction": "Frage", "input": "Kontext", "output": "Antwort", "system": "Rolle"},
        [{"Frage": "a", "Kontext": "k", "Antwort": "b", "Rolle": "s"}], {"prompt": [("user", "a\nk")], "response": [("assistant", "b")], "system": "s"}),
    "instruction_response": ("instruction_response", {}, [{"instruction": "a", "response": "b"}], {"prompt": [("user", "a")], "response": [("assistant", "b")]}),
    "instruction_response, context": ("instruction_response", {}, [{"instruction": "a", "context": "k", "response": "b", "system": "s"}],
        {"prompt": [("user", "a\nk")], "system": "s"}),
    "prompt_completion": ("prompt_completion", {}, [{"prompt": "a", "completion": "b"}], {"prompt": [("user", "a")], "response": [("assistant", "b")], "system": ""}),
    "prompt_completion, system": ("prompt_completion", {}, [{"prompt": "a", "completion": "b", "system": "s"}], {"system": "s"}),
    "question_answer": ("question_answer", {}, [{"question": "a", "answer": "b"}], {"prompt": [("user", "a")], "response": [("assistant", "b")]}),
    "question_answer, own names": ("question_answer", {"question": "Question", "answer": "Response"}, [{"Question": "q", "Response": "a"}, {"Question": "q2", "Response": "a2"}],
        {"prompt": [("user", "q2")], "response": [("assistant", "a2")]}),
    "sharegpt": ("sharegpt", {}, [{"conversations": [human("a"), gpt("b")]}], {"prompt": [("user", "a")], "response": [("assistant", "b")], "system": ""}),
    "sharegpt, system column": ("sharegpt", {}, [{"conversations": [human("a"), gpt("b")], "system": "s"}], {"system": "s"}),
    "sharegpt, system turn": ("sharegpt", {}, [{"conversations": [{"from": "system", "value": "s"}, human("a"), gpt("b"), human("c"), gpt("d")]}],
        {"system": "s", "prompt": [("user", "a"), ("assistant", "b"), ("user", "c")]}),
    "sharegpt, other labels": ("sharegpt", {}, [{"conversations": [{"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]}], {"prompt": [("user", "a")]}),
    "sharegpt, tools": ("sharegpt", {}, [{"conversations": CALLED_SHAREGPT, "tools": json.dumps(TOOLS)}],
        {"prompt": [("user", "Tide?"), ("function", '{"name": "tide"}'), ("observation", "3")], "tools": json.dumps(TOOLS)}),
    "sharegpt, images": ("sharegpt", {}, [{"conversations": [human("<image>a"), gpt("b")], "images": ["a.png"]}], {"images": ["a.png"]}),
    "sharegpt, own names": ("sharegpt", {"conversations": "chat", "role": "who", "content": "says"},
        [{"chat": [{"who": "human", "says": "a"}, {"who": "gpt", "says": "b"}]}], {"prompt": [("user", "a")], "response": [("assistant", "b")]}),
    "messages": ("messages", {}, [{"messages": [user("a"), assistant("b")]}, {"messages": [SYSTEM, user("c"), assistant("d")]}],
        {"prompt": [("user", "c")], "response": [("assistant", "d")], "system": "Be brief."}),
    "messages, system column": ("messages", {}, [{"messages": [user("a"), assistant("b")], "system": "s"}], {"system": "s"}),
    "messages, tool calls": ("messages", {}, [{"messages": [user("a"), assistant("b")]}, {"messages": CALLED, "tools": TOOLS}],
        {"prompt": [("user", "Tide?"), ("function", '[{"name": "tide", "arguments": "{}"}]'), ("observation", "3")], "response": [("assistant", "3 m")],
         "tools": json.dumps(TOOLS)}),
    "messages, two calls at once": ("messages", {}, [{"messages": TWO_CALLS}], {"response": [("assistant", "3 m and 4 m")]}),
    "messages, tools unused": ("messages", {}, [{"messages": [user("a"), assistant("b")], "tools": TOOLS}], {"prompt": [("user", "a")]}),
    "messages, images": ("messages", {}, [{"messages": [user("<image>a"), assistant("b")], "images": ["a.png"]}], {"images": ["a.png"]}),
    "messages, own names": ("messages", {"messages": "talk", "role": "who", "content": "says"},
        [{"talk": [{"who": "user", "says": "a"}, {"who": "assistant", "says": "b"}]}], {"prompt": [("user", "a")], "response": [("assistant", "b")]}),
    "preference, texts": ("preference", {}, [{"prompt": "a", "chosen": "b", "rejected": "c"}], {"prompt": [("user", "a")], "response": [("assistant", "b"), ("assistant", "c")]}),
    "preference, input and system": ("preference", {}, [{"prompt": "a", "input": "i", "chosen": "b", "rejected": "c", "system": "s"}],
        {"prompt": [("user", "a\ni")], "system": "s"}),
    "preference, own names": ("preference", {"prompt": "question", "chosen": "better", "rejected": "worse"},
        [{"question": "a", "better": "b", "worse": "c"}], {"prompt": [("user", "a")], "response": [("assistant", "b"), ("assistant", "c")]}),
    "preference, turns": ("preference", {}, [{"prompt": [user("a")], "chosen": assistant("b"), "rejected": assistant("c")}],
        {"prompt": [("user", "a")], "response": [("assistant", "b"), ("assistant", "c")]}),
    "preference, ShareGPT turns": ("preference", {"prompt": "conversations"}, [{"conversations": [human("a"), gpt("x"), human("y")], "chosen": gpt("b"), "rejected": gpt("c")}],
        {"prompt": [("user", "a"), ("assistant", "x"), ("user", "y")], "response": [("assistant", "b"), ("assistant", "c")]}),
}  # fmt: skip

REFUSED = {
    "prompt_completion, turns": ("prompt_completion", [{"prompt": [user("a")], "completion": [assistant("b")]}]),
    "preference, lists of turns": ("preference", [{"prompt": [user("a")], "chosen": [assistant("b")], "rejected": [assistant("c")]}]),
    "preference, whole conversations": ("preference", [{"chosen": [user("a"), assistant("b")], "rejected": [user("a"), assistant("c")]}]),
    "turns": ("turns", [{"conversations": ["a", "b"]}]),
    "self_instruct": ("self_instruct", [{"instruction": "a", "instances": [{"input": "", "output": "b"}]}]),
    "messages, parts": ("messages", [{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, assistant("b")]}]),
}  # fmt: skip


def written(
    folder: Path, format_name: str, records: list[dict[str, Any]], given: dict[str, Any], *,
    to: str = SOURCE_SHAPE, name: str = "rows.jsonl",
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Read the records as a file of that format would be, write them, and describe the file."""
    form = load_format(format_name)
    fields = parse_options(FORMATS[format_name].options, given)
    stored = [
        StoredExample(
            messages=example.messages, raw=orjson.dumps(record).decode(), source="in", source_row=number,
            meta=example.meta, format_name=format_name, fields=fields,
        )
        for number, record in enumerate(records, 1)
        for example in form.parse(record, fields)
    ]  # fmt: skip
    path = folder / name
    kind = "parquet" if name.endswith("parquet") else "jsonl"
    export_file(stored, path, format_name=to, target=Target("parquet" if kind == "parquet" else "jsonl"))
    files = [{"format": format_name, "fields": fields.model_dump(mode="json")}]
    return path, describe_for_trainers(path, "mine", to, kind, files)


def loaded(path: Path, entry: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows as ``datasets`` gives them to a trainer: every row has every column, and a struct every key."""
    kind = "parquet" if path.suffix == ".parquet" else "json"
    arguments = entry or {"path": kind, "split": "train"}
    return list(
        datasets.load_dataset(
            arguments["path"],
            data_files=str(path),
            split=arguments["split"],
            cache_dir=str(path.parent / "cache"),
        )
    )


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("case", READ)
def test_llama_factory_reads_what_was_written(case: str, name: str, tmp_path: Path) -> None:
    format_name, given, records, expected = READ[case]
    path, told = written(tmp_path, format_name, records, given, name=name)
    assert told["dataset_info"], told["trainer_remarks"]
    entry = told["dataset_info"]["mine"]
    assert entry["file_name"] == name
    last = llama_factory_rules.read(entry, loaded(path))[-1]
    assert {key: last[key] for key in expected} == expected


@pytest.mark.parametrize("case", REFUSED)
def test_what_llama_factory_cannot_read_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    format_name, records = REFUSED[case]
    _, told = written(tmp_path, format_name, records, {})
    assert told["dataset_info"] == {}
    assert len(told["trainer_remarks"]["llama_factory"][0]) > 40


CONVERSATION = {"messages": [SYSTEM, user("a"), assistant("b")]}


@pytest.mark.parametrize(
    ("to", "system"),
    [("alpaca", "Be brief."), ("messages", "Be brief."), ("sharegpt", "Be brief."), ("prompt_completion", "Be brief."),
     ("question_answer", "Be brief."), ("instruction_response", "Be brief.")],
)  # fmt: skip
def test_an_export_into_another_format_is_read_as_well(to: str, system: str, tmp_path: Path) -> None:
    path, told = written(
        tmp_path, "messages", [{"messages": [user("x"), assistant("y")]}, CONVERSATION], {}, to=to
    )
    entry = told["dataset_info"]["mine"]
    assert set(json.loads(path.read_text().splitlines()[-1])) <= set(entry["columns"].values())
    assert ("formatting" in entry) == (to in ("messages", "sharegpt"))
    first, last = llama_factory_rules.read(entry, loaded(path))
    assert (first["prompt"], first["response"], first["system"]) == (
        [("user", "x")],
        [("assistant", "y")],
        "",
    )
    assert (last["prompt"], last["response"], last["system"]) == (
        [("user", "a")],
        [("assistant", "b")],
        system,
    )


def chat_rows(kind: str, system: str, tools: str, called: bool, images: bool) -> list[dict[str, Any]]:
    """Two rows of a chat format, of which the second has everything that is asked for."""
    listed = kind == "messages"
    plain = [user("a"), assistant("b")] if listed else [human("a"), gpt("b")]
    full = list((CALLED if listed else CALLED_SHAREGPT) if called else plain)
    if system == "turn":
        full.insert(0, SYSTEM if listed else {"from": "system", "value": "Be brief."})
    row: dict[str, Any] = {"messages" if listed else "conversations": full}
    if system == "column":
        row["system"] = "Be brief."
    if tools != "none":
        name = tools.partition(" under ")[2] or "tools"
        row[name] = {"text": json.dumps(TOOLS), "object": TOOLS[0]}.get(tools, TOOLS)
    if images:
        row["images"] = ["a.png"]
    return [{"messages" if listed else "conversations": plain}, row]


TOOL_KINDS = ("none", "text", "list", "object", "list under functions")


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("tools", TOOL_KINDS)
@pytest.mark.parametrize("system", ["none", "column", "turn"])
@pytest.mark.parametrize("kind", ["messages", "sharegpt"])
def test_every_combination_of_chat_columns_is_read_or_said(
    kind: str, system: str, tools: str, called: bool, images: bool, tmp_path: Path
) -> None:
    rows = chat_rows(kind, system, tools, called, images)
    path, told = written(tmp_path, kind, rows, {})
    entry = told["dataset_info"]["mine"]
    # As datasets gives them: every row has every column.
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    columns = {column for line in lines for column in line}
    read = llama_factory_rules.read(entry, [dict.fromkeys(columns) | line for line in lines])
    last = read[-1]
    assert last["system"] == ("" if system == "none" else "Be brief.")
    assert last["images"] == (["a.png"] if images else None)
    assert [role for role, _ in last["prompt"]] == (
        ["user", "function", "observation"] if called else ["user"]
    )
    assert (last["tools"] or "") == ("" if tools in ("none", "object") else json.dumps(TOOLS))
    said = " ".join(told["trainer_remarks"].get("llama_factory", []))
    assert ("holds objects" in said) == (tools == "object")
    stanza = told["axolotl"]["datasets"][0]
    assert stanza.get("field_tools", "") == (
        "" if tools == "none" else tools.partition(" under ")[2] or "tools"
    )


def test_marks_and_reasoning_are_told_to_axolotl_and_said_not_to_be_read_by_llama_factory(
    tmp_path: Path,
) -> None:
    turns = [user("a"), assistant("b") | {"train": False}, user("c"), assistant("d") | {"thinking": "So."}]
    _, told = written(tmp_path, "messages", [{"messages": turns, "label": True}], {})
    said = " ".join(told["trainer_remarks"]["llama_factory"])
    assert "1 turns have the key 'train'" in said
    assert "1 turns have the key 'thinking'" in said
    assert '"kto_tag": "label"' in said
    (stanza,) = told["axolotl"]["datasets"]
    assert stanza["message_field_training"] == "train"
    assert stanza["message_property_mappings"]["reasoning_content"] == "thinking"


def test_rows_that_llama_factory_would_skip_are_said_with_their_number(tmp_path: Path) -> None:
    records = [
        {"conversations": [human("a"), gpt("b")]},
        {"conversations": [human("c"), gpt("d")]},
        {"conversations": [{"from": "user", "value": "e"}, gpt("f")]},
    ]
    _, told = written(tmp_path, "sharegpt", records, {})
    (said,) = told["trainer_remarks"]["llama_factory"]
    assert "1 turns are labelled 'user'" in said


def test_a_file_whose_name_says_no_kind_is_refused(tmp_path: Path) -> None:
    _, told = written(tmp_path, "messages", [CONVERSATION], {}, name="rows")
    assert told["dataset_info"] == told["trl"] == told["axolotl"] == {}
    assert set(told["trainer_remarks"]) == {"llama_factory", "axolotl", "trl"}


def test_rows_in_the_shapes_of_several_files_are_no_entry(tmp_path: Path) -> None:
    path, _ = written(tmp_path, "messages", [CONVERSATION], {})
    files = [{"format": "messages", "fields": {}}, {"format": "alpaca", "fields": {}}]
    told = describe_for_trainers(path, "mine", SOURCE_SHAPE, "jsonl", files)
    assert told["dataset_info"] == {}
    assert "several source files" in told["trainer_remarks"]["trl"][0]


TRL_READS = {
    "messages": ("SFTTrainer", ["messages"]),
    "messages, own names": None,
    "messages, tool calls": ("SFTTrainer", ["messages", "tools"]),
    "prompt_completion": ("SFTTrainer", ["prompt", "completion"]),
    "question_answer, own names": ("SFTTrainer", ["prompt", "completion"]),
    "alpaca, no input": ("SFTTrainer", ["prompt", "completion"]),
    "alpaca": None,
    "alpaca, history": None,
    "instruction_response": ("SFTTrainer", ["prompt", "completion"]),
    "instruction_response, context": None,
    "preference, texts": ("DPOTrainer", ["prompt", "chosen", "rejected"]),
    "preference, own names": ("DPOTrainer", ["prompt", "chosen", "rejected"]),
    "preference, turns": None,
    "sharegpt": None,
}


@pytest.mark.parametrize("case", TRL_READS)
def test_trl_finds_the_columns_that_it_expects(case: str, tmp_path: Path) -> None:
    format_name, given, records, _ = READ[case]
    path, told = written(tmp_path, format_name, records, given)
    expected = TRL_READS[case]
    if expected is None:
        assert told["trl"] == {}
        assert (
            "Export as" in told["trainer_remarks"]["trl"][0]
            or "TRL takes" in told["trainer_remarks"]["trl"][0]
        )
        return
    assert (told["trl"]["trainer"], sorted(told["trl"]["columns"])) == (expected[0], sorted(expected[1]))
    check_with_trl(path, told["trl"])


@pytest.mark.parametrize(
    "case", ["prompt_completion, turns", "preference, lists of turns", "preference, whole conversations"]
)
def test_trl_takes_turns_in_its_own_columns(case: str, tmp_path: Path) -> None:
    format_name, records = REFUSED[case]
    path, told = written(tmp_path, format_name, records, {})
    check_with_trl(path, told["trl"])


def check_with_trl(path: Path, entry: dict[str, Any]) -> None:
    """Load as the entry says, and have TRL itself find a conversation or a text in every row."""
    trl = pytest.importorskip("trl")
    rows = datasets.load_dataset(
        entry["load_dataset"]["path"],
        data_files=str(path),
        split="train",
        cache_dir=str(path.parent / "cache"),
    )
    rows = rows.rename_columns(entry["rename_columns"]).select_columns(entry["columns"])
    main = "chosen" if "chosen" in entry["columns"] else entry["columns"][0]
    for row in rows:
        assert trl.data_utils.is_conversational(row) == isinstance(row[main], list)
        if entry["trainer"] == "DPOTrainer":
            row = trl.data_utils.maybe_extract_prompt(row)
            assert set(row) == {"prompt", "chosen", "rejected"}


AXOLOTL_KEYS = {
    "path", "ds_type", "data_files", "split", "type", "field_messages", "field_system", "field_tools", "field_chosen",
    "field_rejected", "message_property_mappings", "roles", "message_field_training", "message_field_training_detail",
}  # fmt: skip
AXOLOTL_TYPE_KEYS = {
    "system_prompt", "field_system", "field_instruction", "field_input", "field_output", "format", "no_input_format",
    "field_prompt", "field_chosen", "field_rejected", "prompt_format",
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_axolotl_is_told_columns_and_labels_that_are_there(case: str, tmp_path: Path) -> None:
    format_name, given, records, _ = READ[case]
    path, told = written(tmp_path, format_name, records, given)
    if not told["axolotl"]:
        assert case in ("alpaca, history", "preference, input and system")
        assert "no place" in told["trainer_remarks"]["axolotl"][0]
        return
    (stanza,) = told["axolotl"]["datasets"]
    assert set(stanza) <= AXOLOTL_KEYS
    assert (told["axolotl"].get("rl") == "dpo") == (format_name == "preference")
    rows = loaded(path)
    prompt = stanza["type"] if isinstance(stanza["type"], dict) else {}
    assert set(prompt) <= AXOLOTL_TYPE_KEYS
    for key, column in {**prompt, **stanza}.items():
        if key.startswith("field_"):
            assert all(column in row for row in rows), key
    if "field_messages" in stanza:
        keys, roles = stanza["message_property_mappings"], stanza["roles"]
        known = {label: role for role, labels in roles.items() for label in labels}
        for row in rows:
            said = [known[turn[keys["role"]]] for turn in row[stanza["field_messages"]]]
            assert said[0] in ("system", "user")
            assert set(said) <= {"system", "user", "assistant", "tool"}


@pytest.mark.parametrize("file", ["openai_tool_calls.jsonl", "own_columns.jsonl", "plain_alpaca.jsonl"])
def test_the_files_of_the_report_are_read(file: str, tmp_path: Path) -> None:
    lines = (Path(__file__).parents[2] / "fixtures" / "cases" / "02-llamafactory" / file).read_text()
    records = [json.loads(line) for line in lines.splitlines()]
    kinds = {"openai_tool_calls.jsonl": ("messages", {}), "plain_alpaca.jsonl": ("alpaca", {})}
    format_name, given = kinds.get(file, ("question_answer", {"question": "Question", "answer": "Response"}))
    path, told = written(tmp_path, format_name, records, given)
    read = llama_factory_rules.read(told["dataset_info"]["mine"], loaded(path))
    assert all(isinstance(content, str) for row in read for _, content in [*row["prompt"], *row["response"]])
    assert all(row["response"] for row in read)


BAD = {"label": False}
PAIR = {"prompt": "a", "completion": "b"}
GEMINI = {
    "messages": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]
}
ITEMS = {
    "messages": [user("a"), {"type": "function_call", "name": "tide", "arguments": "{}"}, assistant("b")]
}
ENTRIES = {"llama_factory": "dataset_info", "axolotl": "axolotl", "trl": "trl"}


@pytest.mark.parametrize("trainer", ENTRIES)
@pytest.mark.parametrize(
    ("format_name", "record", "said"),
    [
        ("messages", {"messages": [user("a"), assistant("b") | {"weight": 0}]}, "'weight'"),
        ("messages", {"messages": [user("a"), assistant("b")], "weight": 0}, "'weight'"),
        ("messages", {"messages": [user("a"), assistant("b")], "reasoning": "So."}, "'reasoning'"),
        ("prompt_completion", PAIR | {"thinking": "So."}, "'thinking'"),
        ("alpaca", {"instruction": "a", "output": "b", "history": '[["q", "r"]]'}, "history"),
        ("messages", {"messages": [user("a") | {"images": ["a.png"]}, assistant("b")]}, "'images'"),
        ("messages", {"messages": [user("a"), assistant("b")]} | BAD, "'label'"),
        ("prompt_completion", PAIR | BAD, "'label'"),
    ],
)
def test_whatever_a_trainer_does_not_read_is_said(
    format_name: str, record: dict[str, Any], said: str, trainer: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(record) + "\n")
    told = describe_for_trainers(path, "mine", format_name, "jsonl", [])
    text, entry = " ".join(told["trainer_remarks"].get(trainer, [])), told[ENTRIES[trainer]]
    if (trainer, said, format_name) == ("trl", "'label'", "prompt_completion"):
        assert (entry["trainer"], entry["columns"], text) == (
            "KTOTrainer",
            ["prompt", "completion", "label"],
            "",
        )
        return
    assert said in text or (trainer == "axolotl" and said == "history" and "earlier turns" in text)
    assert not (entry and said == "'label'" and trainer != "llama_factory")


@pytest.mark.parametrize("trainer", ENTRIES)
@pytest.mark.parametrize("record", [GEMINI, ITEMS])
def test_turns_that_say_by_other_keys_who_speaks_are_no_entry(
    record: dict[str, Any], trainer: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(record) + "\n")
    told = describe_for_trainers(path, "mine", "messages", "jsonl", [])
    assert told[ENTRIES[trainer]] == {}
    (said,) = told["trainer_remarks"][trainer]
    assert "turns have no" in said
    assert "Export as 'messages'" not in said


@pytest.mark.parametrize(
    "silent",
    [
        {"role": "assistant", "tool_calls": CALL},
        {"role": "assistant", "content": None, "function_call": {"name": "tide", "arguments": "{}"}},
    ],
)
def test_llama_factory_gets_no_entry_for_turns_at_which_it_stops(
    silent: dict[str, Any], tmp_path: Path
) -> None:
    turns = [user("Tide?"), silent, {"role": "tool", "content": "3"}, assistant("3 m")]
    _, told = written(tmp_path, "messages", [{"messages": turns}] * 2, {})
    assert told["dataset_info"] == {}
    assert "2 turns have no text" in told["trainer_remarks"]["llama_factory"][0]
    assert told["trl"] and told["axolotl"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "a", "prompt": "c", "completion": "b"}', "2 rows hold a name twice"),
        ('{"prompt": "a", "completion": "b", "n": "\\ud800"}', "2 rows hold an escape that is no character"),
    ],
)
def test_what_datasets_cannot_load_is_no_entry(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{line}\n" * 2)
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        loaded(path)
    files = [{"format": "prompt_completion", "fields": {}}]
    told = describe_for_trainers(path, "mine", SOURCE_SHAPE, "jsonl", files)
    assert told["dataset_info"] == told["axolotl"] == told["trl"] == {}
    assert all(said in remarks[0] for remarks in told["trainer_remarks"].values())


def test_tools_of_a_log_are_named_to_every_trainer(tmp_path: Path) -> None:
    row = {
        "request": {"messages": [user("a")], "tools": TOOLS},
        "response": {"choices": [{"message": assistant("b")}]},
    }
    given = {"prompt": "request.messages", "completion": "response.choices"}
    _, told = written(tmp_path, "prompt_completion", [row], given, to="messages")
    assert told["dataset_info"]["mine"]["columns"]["tools"] == "request.tools"
    assert told["axolotl"]["datasets"][0]["field_tools"] == "request.tools"
    assert told["trl"]["rename_columns"]["request.tools"] == "tools"
