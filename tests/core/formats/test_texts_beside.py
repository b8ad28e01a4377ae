"""What stands beside a conversation reaches the prompt, or an import counts it and names the mapping that joins it: never silence."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tamis.cli.main import run
from tamis.formats import load_format
from tamis.formats.detect import inspect_file
from tamis.formats.notes import say_note
from tamis.formats.writer import row_lines
from tamis.models.chat_rows import chat_record, read_chat_row, template_turns
from tamis.registry import parse_options
from tests.core.formats.cases import Case, case_of
from tests.core.formats.files import csv_bytes, import_file, lines_of
from tests.core.formats.round_trip import import_all
from tests.support import scale

PAIR = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SAID = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
LAYOUTS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": "q", "output": "a"},
    "alpaca in capitals": {"Instruction": "q", "Output": "a"},
    "instruction and response": {"instruction": "q", "response": "a"},
    "prompt and completion": {"prompt": "q", "completion": "a"},
    "prompt and response": {"prompt": "q", "response": "a"},
    "prompt of turns": {"prompt": PAIR[:1], "completion": PAIR[1:]},
    "query and answer": {"query": "q", "answer": "a"},
    "question and answer": {"question": "q", "answer": "a"},
    "question and answers": {"question": "q", "answers": {"text": ["a"], "answer_start": [0]}},
    "pairs": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "pairs of turns": {"prompt": PAIR[:1], "chosen": PAIR[1:], "rejected": [{"role": "assistant", "content": "b"}]},
    "pairs of conversations": {"chosen": PAIR, "rejected": [PAIR[0], {"role": "assistant", "content": "b"}]},
    "kto": {"prompt": "q", "completion": "a", "label": True},
    "messages": {"messages": PAIR},
    "messages with a system turn": {"messages": [{"role": "system", "content": "s"}, *PAIR]},
    "sharegpt": {"conversations": SAID},
    "turns": {"conversations": ["q", "a"]},
    "exchanges": {"conversation": [{"human": "q", "assistant": "a"}]},
    "self-instruct": {"instruction": "q", "instances": [{"input": "", "output": "a"}]},
    "transcript": {"text": "\n\nHuman: q\n\nAssistant: a"},
    "nested": {"data": {"prompt": "q", "response": "a"}},
}  # fmt: skip
EVERY = scale.times(3, 1)  # of the cases every third is tried by day
TEXT = "the document"
HAD = [
    {"role": "user", "content": "the question of before"},
    {"role": "assistant", "content": "the answer of before"},
]
TOOLS = [{"type": "function", "function": {"name": "tide", "description": "the height", "parameters": {}}}]
COMPANIONS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "context", "input", "inputs", "document", "passage", "source_text", "article", "knowledge", "background", "evidence",
            "support", "system", "system_prompt", "system_message", "persona", "scenario", "schema", "sql_context", "paragraph",
            "hint", "retrieved_context", "task_description", "preamble",
        ),
        TEXT,
    ),
    "contexts": ["the first text", "the second text"], "documents": [{"title": "t", "text": "the document"}],
    "passages": ["the passage of the book"], "options": {"A": "the first", "B": "the second"}, "choices": ["one way", "the other"],
    "history": [["the question of before", "the answer of before"]], "chat_history": HAD, "dialogue_history": "A: hello\nB: hello you",
    "tools": TOOLS, "functions": TOOLS, "available_tools": TOOLS, "tool_list": TOOLS, "api_definitions": TOOLS,
}  # fmt: skip
SPELLINGS = {
    "as it is": str,
    "Capital": str.capitalize,
    "camel": lambda name: re.sub("_(.)", lambda match: match[1].upper(), name),
}


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else [str(value)]


def is_trained(got: Case, row: int, column: str, value: Any) -> bool:
    """Whether what a model reads before its answer holds everything that the column says."""
    given = read_chat_row(chat_record(got.messages[row], got.meta[row]))
    asked = json.dumps([given.messages[:-1], given.tools], ensure_ascii=False)
    told = HAD if column in ("history", "chat_history") and isinstance(value, list) else value
    words = [text for text in texts_in(told) if text not in ("user", "assistant")]
    return all(json.dumps(text, ensure_ascii=False)[1:-1] in asked for text in words)


def said_of(got: Case, column: str) -> list[str]:
    return [say_note(*key, rows) for key, rows in got.imported.notes.items() if key[0] == column]


def with_answer(value: Any, text: str) -> Any:
    """A record with another text for the answer "a"."""
    if isinstance(value, dict):
        return {key: item if key == "rejected" else with_answer(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [with_answer(item, text) for item in value]
    return re.sub("(^|Assistant: )a$", rf"\1{text}", value) if isinstance(value, str) else value


def of_rows(path: Path, rows: list[dict[str, Any]]) -> Case:
    path.write_bytes(lines_of(rows))
    seen = inspect_file(path, sample=5)
    if seen.doubt and seen.guess:  # it is asked, and the first answer that is offered is given
        form, parts = load_format(seen.guess.format_name), seen.guess.parts
        seen = inspect_file(path, sample=5, format_name=form.name, fields=parse_options(form.fields, parts))
    assert seen.format_name
    return Case(seen, import_file(path, seen.format_name, seen.fields))


def spelled(column: str) -> set[str]:
    return {column, *(spell(column) for spell in SPELLINGS.values())}


def cases_of(base: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Companion, its spelling, and how many rows stand before the first one with it; a part of them by day."""
    own = {key.lower() for key in base}
    found = [
        (name, column, n_before)
        for name in COMPANIONS
        for column in sorted(spelled(name))
        for n_before in ((0, 8) if column == name else (0,))
        if column.lower() not in own
    ]
    return found[len(own) % EVERY :: EVERY]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_text_beside_any_layout_is_trained_or_told(tmp_path: Path, layout: str) -> None:
    base = LAYOUTS[layout]
    silent = []
    for name, column, n_before in cases_of(base):
        value = COMPANIONS[name]
        beside = {"data": base["data"] | {column: value}} if "data" in base else base | {column: value}
        got = of_rows(tmp_path / "in.jsonl", [base] * n_before + [beside] * 2)
        assert got.edited(n_before, "better") == with_answer(beside, "better"), (
            column,
            got.inspection.fields,
        )
        if is_trained(got, n_before, name, value):
            continue
        placed = f"data.{column}" if "data" in base else column
        notes = said_of(got, placed)
        if not any(f"{placed!r}, 2 rows" in one and ("--map" in one or "tool" in one) for one in notes):
            silent.append((column, n_before))
    assert silent == []


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "nested"])
@pytest.mark.parametrize("column", ["knowledge", "options", "chat_history"])
def test_the_mapping_that_is_named_joins_it(tmp_path: Path, layout: str, column: str) -> None:
    rows = [LAYOUTS[layout] | {column: COMPANIONS[column], "input": "the input"}, LAYOUTS[layout]]
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines_of(rows))
    stored = import_all(path, format_name=str(inspect_file(path).format_name), fields={"join": column})
    asked = json.dumps(stored.examples[0].messages[:-1], ensure_ascii=False)
    assert all(json.dumps(text)[1:-1] in asked for text in texts_in(COMPANIONS[column]))
    assert (column, "unjoined") not in stored.notes
    lines = list(row_lines(stored.examples, format_name="source"))
    assert [json.loads(line) for line in lines] == rows
    # An edited answer leaves the joined column as it was.
    first = stored.examples[0]
    first.messages[-1]["content"] = "better"
    (edited,) = row_lines([first], format_name="source")
    assert json.loads(edited)[column] == COMPANIONS[column]
    # What was trained is what other formats get.
    (line,) = row_lines([first], format_name="messages")
    assert json.loads(line)["messages"][:-1] == first.messages[:-1]
    assert column not in json.loads(line)


@pytest.mark.parametrize("layout", ["pairs", "pairs of turns", "pairs of conversations"])
def test_what_is_joined_to_the_chosen_answers_prompt_is_joined_to_the_refused_ones(
    tmp_path: Path, layout: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines_of([LAYOUTS[layout] | {"knowledge": TEXT}] * 2))
    stored = import_all(path, format_name="preference", fields={"join": "knowledge"})
    (line,) = row_lines(stored.examples[:1], format_name="preference")
    record = json.loads(line)
    prompts = [record[name][:-1] for name in ("chosen", "rejected") if isinstance(record[name], list)]
    assert all(prompt == prompts[0] for prompt in prompts)
    assert any(f"q\n\n{TEXT}" in text for text in texts_in(record))
    assert (
        list(map(json.loads, row_lines(stored.examples, format_name="source")))
        == [LAYOUTS[layout] | {"knowledge": TEXT}] * 2
    )


def test_a_context_that_comes_after_five_thousand_rows_is_part_of_its_prompt(tmp_path: Path) -> None:
    base = {"instruction": "q", "output": "a"}
    rows = [base | {"id": i} for i in range(5_000)] + [base | {"id": 5_000, "context": TEXT}]
    got = case_of(tmp_path, rows)
    assert got.turns[0][0] == ("user", "q")
    assert got.turns[-1][0] == ("user", f"q\n\n{TEXT}")
    assert got.written()[-1] == rows[-1]
    assert got.written()[0] == rows[0]


def test_both_an_input_and_a_context_can_be_joined(tmp_path: Path) -> None:
    rows = [{"instruction": "q", "input": "i", "context": TEXT, "knowledge": "the rest", "output": "a"}] * 2
    got = case_of(tmp_path, rows)
    assert got.turns[0][0] == ("user", "q\n\ni")
    (said,) = said_of(got, "context")
    assert said.startswith("column 'context', 2 rows: ")
    assert "--map join=context " in said
    path = tmp_path / "in.csv"
    path.write_bytes(csv_bytes(rows))
    stored = import_all(path, format_name="alpaca", fields={"join": "context,knowledge"})
    assert stored.examples[0].messages[0]["content"] == f"q\n\ni\n\n{TEXT}\n\nthe rest"
    stored.export(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("notes_of_the_case", "A patient of forty came in with a cough that had lasted for three weeks and did not go away at night.", True),
        ("explanation", "because of the tide", True),
        ("inner_thoughts", "because of the tide", True),
        ("source", "A journal of the sea in which all of this was said at some time or other, by people who knew all of it.", True),
        ("prompt_id", "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v w x y z", False),
        ("topic_note", "sea", False),
        ("formatted", "Below is an instruction that describes a task. Write a response. ### Instruction: q ### Response: a", False),
        ("prompt", "q", False),
        ("rejected_response", "A patient of forty came in with a cough that had lasted for three weeks and did not go away at night.", False),
    ],
)  # fmt: skip
def test_what_is_noted_is_text_that_the_conversation_has_not(
    tmp_path: Path, column: str, value: str, told: bool
) -> None:
    got = case_of(tmp_path, [{"messages": PAIR, column: value}] * 3)
    said = said_of(got, column)
    assert bool(said) is told, said
    assert all(f"join={shlex.quote(column)}" in one for one in said)


def test_thoughts_that_training_reads_are_not_told(tmp_path: Path) -> None:
    got = case_of(tmp_path, [{"messages": PAIR, "reasoning_content": "because of the tide"}] * 2)
    assert got.imported.notes == {}
    assert chat_record(got.messages[0], got.meta[0])["reasoning_content"] == "because of the tide"


def test_a_name_with_a_blank_is_quoted_as_a_shell_needs_it() -> None:
    assert "--map join='Source Text' " in say_note("Source Text", "unjoined", 2)


LONG = "A patient of forty came in with a cough that had lasted for three weeks and did not go away at night."
PUBLIC: dict[str, tuple[dict[str, Any], list[str], set[str]]] = {  # the record, what the turns say, the columns that are told
    "narrativeqa": (
        {"document": {"title": "t", "text": TEXT}, "question": {"text": "q", "tokens": ["q"]}, "answers": [{"text": "a"}]},
        [f"q\n\n{TEXT}", "a"], set(),
    ),
    "apps": ({"question": "q", "solutions": '["a", "another"]', "starter_code": "def f():"}, ["q", "a"], {"solutions", "starter_code"}),
    "s1K": ({"question": "q", "solution": "a", "attempt": LONG}, ["q", "a"], {"attempt"}),
    "LIMO": ({"question": "q", "solution": LONG, "answer": "a"}, ["q", "a"], {"solution"}),
    "MedQA": ({"question": "q", "answer": "a", "options": {"A": "one", "B": "two"}, "answer_idx": "A"}, ["q", "a"], {"options"}),
    "PubMedQA": ({"question": "q", "context": {"contexts": ["one", "two"]}, "long_answer": "a"}, ["q", "a"], {"context"}),
    "HaluEval": ({"knowledge": TEXT, "question": "q", "right_answer": "a", "hallucinated_answer": LONG}, ["q", "a"], {"knowledge"}),
    "LongBench v2": ({"question": "q", "choice_A": "one", "choice_B": "two", "answer": "a", "context": TEXT}, [f"q\n\n{TEXT}", "a"], {"choice_A", "choice_B"}),
    "SODA": ({"dialogue": ["q", "a"], "narrative": TEXT, "speakers": ["x", "y"]}, ["q", "a"], {"narrative"}),
    "BIRD": ({"db_id": "d", "question": "q", "evidence": "e", "SQL": "a"}, ["q", "a"], {"evidence"}),
    "prosocial": ({"context": "q", "response": "a", "rots": [LONG], "source": "s"}, ["q", "a"], {"rots"}),
    "Gemini": ({"text_input": "q", "output": "a"}, ["q", "a"], set()),
    "OIG": ({"text": "<human>: q\n<bot>: a", "metadata": "{}"}, ["q", "a"], set()),
    "OpenAI's responses": (
        {"instructions": "s", "input": [{"role": "user", "content": "q"}], "output": [{"role": "assistant", "content": "a"}]}, ["s", "q", "a"], set(),
    ),
    "a document in a turn": ({"messages": [PAIR[0] | {"documents": [{"text": TEXT}]}, PAIR[1]]}, ["q", "a"], {"documents"}),
    "thoughts of an exchange": ({"conversation": [{"human": "q", "assistant": "a", "thinking": TEXT}]}, ["q", "a"], set()),  # learned as those of a turn
    "a context of an instance": ({"instruction": "q", "instances": [{"input": "", "output": "a", "context": TEXT}]}, ["q", "a"], {"context"}),
    "a switch": ({"prompt": "q", "response": "a", "reasoning": "on"}, ["q", "a"], set()),
    "Chinese": ({"问题": "q", "背景": TEXT, "答案": "a"}, ["q", "a"], {"背景"}),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_of_public_shapes_nothing_is_lost_without_a_word(tmp_path: Path, name: str) -> None:
    record, said, told = PUBLIC[name]
    got = case_of(tmp_path, [record] * 2)
    assert [text for _, text in got.turns[0]] == said
    assert {column for column, _ in got.imported.notes} == told
    assert got.written() == [record] * 2


@pytest.mark.parametrize(
    "record",
    [
        {"Definition": ["d"], "Positive Examples": [{"input": "a", "output": "b"}], "Instances": [{"id": "1", "input": "q", "output": ["a"]}]},
        {"Name": "n", "Instances": [{"input": "q", "output": "a"}, {"input": "r", "output": "b"}]},
        {"train": [{"input": "q", "output": "a"}], "test": [{"input": "r", "output": "b"}], "id": 1},
    ],
)  # fmt: skip
def test_examples_that_stand_each_for_itself_are_no_conversation(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines_of([record] * 2))
    assert inspect_file(path).format_name is None


OPTIONS = [
    ("A", "B", "C", "D"), ("a", "b", "c", "d", "e"), ("option1", "option2"), ("choice1", "choice2", "choice3"), ("choice_0", "choice_1"),
    ("opa", "opb", "opc", "opd"), ("ending0", "ending1", "ending2", "ending3"), ("sol1", "sol2"), ("Option A", "Option B"), ("optionA", "optionB"),
]  # fmt: skip


@pytest.mark.parametrize("columns", OPTIONS)
@pytest.mark.parametrize(
    "values",
    [("one way", "another", "a third", "a fourth", "a fifth"), ("1", "2", "3", "4", "5"), (0, 2, 3, 4, 5)],
)
def test_options_in_columns_of_their_own_are_told(
    tmp_path: Path, columns: tuple[str, ...], values: tuple[Any, ...]
) -> None:
    row = {"id": "7", "Question": "q", **dict(zip(columns, values, strict=False)), "Answer": "A"}
    got = case_of(tmp_path, [row] * 2)
    assert [key for key, _ in got.imported.notes] == list(columns)
    for column in columns:
        (said,) = said_of(got, column)
        assert f"--map join={shlex.quote(column)} " in said
    assert got.written() == [row] * 2


LOST = [
    *((name, LONG) for name in ("api_documentation", "tool_descriptions", "function_list", "tool_results")),
    ("tool_list", '[{"name": "tide"}]'), ("developer", "Be brief."), ("sys", "Be brief."),
    *((name, value) for name in ("grounding", "world_info", "body_of_it") for value in ({"text": LONG}, [{"title": "t", "text": LONG}])),
    *((name, json.dumps([{"title": "t", "text": LONG}])) for name in ("grounding", "world_info")),
    ("text", "the tide at noon"), ("code", "f(x) = 1"), ("sentence", "the tide at noon"), ("selftext", "the tide at noon"), ("sentence1", "潮は正午に来る"),
]  # fmt: skip
SYSTEMS = (
    "系统提示",
    "系統提示",
    "システムプロンプト",
    "시스템 프롬프트",
    "Systemanweisung",
    "sistema",
    "système",
)
PLAIN = ("alpaca", "prompt and response", "question and answer", "pairs", "messages", "sharegpt")


@pytest.mark.parametrize("layout", PLAIN)
def test_no_text_is_lost_whatever_holds_it(tmp_path: Path, layout: str) -> None:
    base = LAYOUTS[layout]
    silent = []
    for column, value in LOST:
        got = of_rows(tmp_path / "in.jsonl", [base | {column: value}] * 2)
        if not is_trained(got, 0, column, value) and not said_of(got, column):
            silent.append((column, value))
    assert silent == []
    for column in SYSTEMS:
        got = of_rows(tmp_path / "in.jsonl", [base | {column: "Be brief."}] * 2)
        assert got.messages[0][0] == {"role": "system", "content": "Be brief."}, column


@pytest.mark.parametrize(
    ("column", "value"),
    [("code", "US"), ("text", "ok"), ("A", "ok"), ("tool_version", "2"), ("function_name", "tide"), ("vector", [0.5] * 900)],
)  # fmt: skip
def test_marks_and_numbers_beside_an_exchange_are_not_told(tmp_path: Path, column: str, value: Any) -> None:
    got = case_of(tmp_path, [{"instruction": "q", "output": "a", column: value}] * 2)
    assert got.imported.notes == {}


def lines_of_import(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[set[str], set[str]]:
    """The columns that an import says it keeps beside the rows, and those that it says training reads there."""
    assert run(["import", str(path), "--workspace", str(path.parent / "w")]) == 0
    said = capsys.readouterr().out
    found = (
        re.search(f"^{told}: (.*)$", said, re.MULTILINE)
        for told in ("kept beside the rows, not trained on", "read beside the turns in training")
    )
    kept, read = (set(one[1].split(", ")) if one else set() for one in found)
    return kept, read


def test_an_import_names_every_column_that_is_kept_beside_and_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a column is called, however short its texts are and whatever they stand in; those that training reads apart."""
    kept = {"role": "a pirate", "source": "log", "stars": 4, "revised": {"text": "better"}, "alt": [{"text": "x"}], "empty_then": None, "label": 0} | {
        f"c{i:02d}": i for i in range(40)
    }  # fmt: skip
    read = {"weight": 0.5, "train": False, "reasoning_content": "because", "tools": TOOLS}
    rows = [{"instruction": f"Headline {i}", "output": "A tide."} | kept | read for i in range(3)]
    path = tmp_path / "rows.jsonl"
    # A column may come when the rows of which the types of fields are learned are over, and a class of 0 is no mark.
    late = [{"instruction": f"q{i}", "output": "a"} for i in range(20_100)] + [
        {"instruction": "q", "output": "a", "better_output": "b", "empty_then": [1]}
    ]
    path.write_bytes(lines_of(rows + late))
    assert lines_of_import(path, capsys) == ({*kept, "better_output"}, set(read))


@pytest.mark.parametrize(
    ("key", "value"),
    [("answer", "GOOD"), ("is_correct", False), ("label", "rejected"), ("feedback", "thumbs_down"), ("corrected", "GOOD"), ("if_chosen", False), ("score", 9)],
)  # fmt: skip
@pytest.mark.parametrize("column", ["messages", "conversations", "dialog"])
def test_an_import_names_every_key_of_turns_that_training_does_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, key: str, value: Any
) -> None:
    path = tmp_path / "rows.jsonl"
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "name": "bot", "train": False},
    ]
    path.write_bytes(
        lines_of([{column: turns}, {column: [turns[0], turns[1] | {key: value, "empty": None}]}])
    )
    assert lines_of_import(path, capsys) == ({f"{column}[].{key}"}, set())


@pytest.mark.parametrize(
    ("rows", "kept", "read"),
    [
        ([{"prompt": "q", "completion": "a", "label": label} for label in (True, False)], set(), {"label"}),
        ([{"instruction": "q", "output": "a", "label": label} for label in (0, 1, 2, 3)], {"label"}, set()),
        ([{"question": "q", "rationale": "because", "answer": "a"}], set(), {"rationale"}),
        ([{"messages": PAIR, "original_messages": SAID}], {"original_messages"}, set()),
        ([{"prompt": "q", "response_a": "a", "response_b": "b", "winner": side, "judge": "j"} for side in "ab"], {"judge"}, set()),
        ([{"prompt": "q", "chosen": "a", "rejected": "b", "note": ""}], set(), set()),
        ([{"prompt": "q", "responses": ["a", "b"]}], set(), set()),
    ],
)  # fmt: skip
def test_what_training_reads_is_not_said_to_be_kept_from_it(
    tmp_path: Path, rows: list[dict[str, Any]], kept: set[str], read: set[str]
) -> None:
    (batch,) = case_of(tmp_path, rows).imported.batches
    assert batch.kept == dict.fromkeys(kept, False) | dict.fromkeys(read, True)


@pytest.mark.parametrize(
    ("column", "values", "kind", "n"),
    [
        ("label", [0, 1, 1, 0], "class-number", 2), ("label", [0, 1, 2, 3], "class-number", 1), ("train", [0, 0, 1, 1], "class-number", 2),
        ("label", [True, False, True, False], "class-number", 0), ("label", ["rejected", "chosen", "bad", "good"], "verdict", 2),
        ("is_correct", [True, False, False, None], "verdict", 2), ("is_safe", [False] * 4, "verdict", 4), ("is_wrong", [True, False, False, False], "verdict", 1),
        ("thumbs_up", [False, True, True, True], "verdict", 1), ("verdict", ["incorrect", "correct", "wrong", ""], "verdict", 2),
        ("desirable", [True, False, True, True], "verdict", 0), ("type", ["news", "bad", "poem", "x"], "verdict", 1), ("stars", [1, 2, 3, 4], "verdict", 0),
    ],
)  # fmt: skip
def test_what_speaks_against_a_row_is_told_with_its_count(
    tmp_path: Path, column: str, values: list[Any], kind: str, n: int
) -> None:
    got = case_of(tmp_path, [{"instruction": "q", "output": "a", column: value} for value in values])
    assert got.imported.notes[column, kind] == n
    weights = [
        read_chat_row(chat_record(turns, meta)).weight
        for turns, meta in zip(got.messages, got.meta, strict=True)
    ]
    assert weights == [
        0.0 if value is False and column in ("label", "desirable") else 1.0 for value in values
    ]


def test_tools_of_the_system_turn_are_those_of_the_row(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief.", "tools": TOOLS}, *PAIR]
    got = case_of(tmp_path, [{"messages": turns}])
    assert read_chat_row(chat_record(got.messages[0], got.meta[0])).tools == tuple(TOOLS)
    assert got.written() == [{"messages": turns}]


@pytest.mark.parametrize(
    "called",
    [
        {"name": "tide", "arguments": {"port": "X"}},
        [{"name": "tide", "arguments": {}}, {"name": "tide", "arguments": {}}],
    ],
)
@pytest.mark.parametrize("label", ["function_call", "tool call", "tool_calls"])
def test_a_call_of_functions_may_stand_as_data_in_a_turn(tmp_path: Path, called: Any, label: str) -> None:
    rows = [
        {
            "conversations": [
                SAID[0],
                {"from": label, "value": called},
                {"from": "observation", "value": "3"},
                SAID[1],
            ]
        }
    ] * 2
    got = case_of(tmp_path, rows)
    calls = called if isinstance(called, list) else [called]
    assert got.reasons == [] and [call["function"] for call in got.messages[0][1]["tool_calls"]] == calls
    assert got.written() == rows
    assert got.edited(0, "b")["conversations"][:-1] == rows[0]["conversations"][:-1]


def test_calls_that_a_turn_holds_as_text_are_calls(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "tide", "arguments": {}}}
    turns = [
        PAIR[0],
        {"role": "assistant", "content": "", "tool_calls": json.dumps([call])},
        {"role": "tool", "content": "3"},
        PAIR[1],
    ]
    got = case_of(tmp_path, [{"messages": turns}])
    assert template_turns(read_chat_row(chat_record(got.messages[0], got.meta[0])))[1]["tool_calls"] == [call]
    assert got.written() == [{"messages": turns}]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (
            "source",
            "Der Hafenmeister zählte die Boote an diesem Morgen zweimal, denn eines war mit der Flut fortgetrieben.",
        ),
        ("системный_промпт", "Будь краток"),
        ("prompt_sistema", "Sé breve"),
        ("system_prompt_zh", "简短"),
        ("sistem_mesajı", "Kısa yaz"),
        ("answer1", "the moon"),
        ("alt_1", "the moon"),
        ("1", "the moon"),
        ("(a)", "the moon"),
    ],
)
def test_what_is_asked_about_under_names_of_other_kinds_is_told(
    tmp_path: Path, column: str, text: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"instruction": "Translate", column: text, "output": "Done."}, ensure_ascii=False)
    )
    assert column in {name for name, _ in import_all(tmp_path / "rows.jsonl").notes}
