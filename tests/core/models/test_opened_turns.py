"""Calls, results and reasoning as the vendors write them: read, learned as the template takes them, written as they were."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("transformers")

from tamis.errors import InvalidRecord
from tamis.formats import load_format
from tamis.formats.patch import rewritten_record
from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.models.row_marks import UnfitRow
from tamis.recipes.rows import TurnTokens
from tests.support.chat_rows import says, user
from tests.support.chat_templates import merging_tokenizer

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "The weather of a city"}
OPENAI = {
    "messages": [
        {"role": "system", "content": "Be exact."},
        user("Weather in Oslo?"),
        says(None, reasoning_content="Look it up.", tool_calls=[
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        ]),
        {"role": "tool", "tool_call_id": "call_1", "content": '{"t":3}'},
        says("3 degrees."),
    ],
    "tools": [{"type": "function", "function": TOOL | {"parameters": PLACE}}],
}  # fmt: skip
ROWS = {
    "Anthropic": {
        "system": "Be exact.",
        "tools": [TOOL | {"input_schema": PLACE}],
        "messages": [
            user("Weather in Oslo?"),
            says([
                {"type": "thinking", "thinking": "Look it up.", "signature": "EqQB"},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
            ]),
            user([{"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": '{"t":3}'}]}]),
            says([{"type": "text", "text": "3 degrees."}]),
        ],
    },
    "OpenAI's responses": {
        "tools": [{"type": "function", **TOOL, "parameters": PLACE}],
        "messages": [
            {"role": "developer", "content": [{"type": "input_text", "text": "Be exact."}]},
            user([{"type": "input_text", "text": "Weather in Oslo?"}]),
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look it up."}]},
            {"type": "function_call", "id": "fc", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": '{"t":3}'},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3 degrees."}]},
        ],
    },
    "OpenAI's responses as parts": {
        "tools": [{"type": "function", **TOOL, "parameters": PLACE}],
        "messages": [
            {"role": "system", "content": "Be exact."},
            user([{"type": "input_text", "text": "Weather in Oslo?"}]),
            says([
                {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Look it up."}]},
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'},
            ]),
            {"role": "tool", "content": [{"type": "function_call_output", "call_id": "call_1", "output": '{"t":3}'}]},
            says([{"type": "output_text", "text": "3 degrees."}]),
        ],
    },
    "Gemini": {
        "systemInstruction": {"parts": [{"text": "Be exact."}]},
        "tools": [{"functionDeclarations": [TOOL | {"parameters": PLACE}]}],
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Oslo?"}]},
            {"role": "model", "parts": [
                {"text": "Look it up.", "thought": True}, {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}},
            ]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"t": 3}}}]},
            {"role": "model", "parts": [{"text": "3 degrees."}]},
        ],
    },
    "Amazon": {
        "system": [{"text": "Be exact."}],
        "tools": [{"toolSpec": TOOL | {"inputSchema": {"json": PLACE}}}],
        "messages": [
            user([{"text": "Weather in Oslo?"}]),
            says([
                {"reasoningContent": {"reasoningText": {"text": "Look it up."}}},
                {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Oslo"}}},
            ]),
            user([{"toolResult": {"toolUseId": "call_1", "content": [{"text": '{"t":3}'}]}}]),
            says([{"text": "3 degrees."}]),
        ],
    },
    "what a tool gave as an object": OPENAI | {
        "messages": [*OPENAI["messages"][:3], {"role": "tool", "tool_call_id": "call_1", "content": {"t": 3}}, says("3 degrees.")]
    },
}  # fmt: skip


def read(row):
    form = load_format("messages")
    fields = form.suggest([row])
    (example,) = form.parse(row, fields)
    return form, fields, example


def trained(template, messages, fields, learn="assistant"):
    return TurnTokens(merging_tokenizer(template), learn).row(read_chat_row(chat_record(messages, fields)))


@pytest.mark.parametrize("kind", ROWS)
def test_the_forms_of_the_vendors_are_one_row_to_a_model_and_leave_as_they_came(kind):
    form, fields, example = read(ROWS[kind])
    assert form.write(example, fields) == ROWS[kind]
    _, _, plain = read(OPENAI)
    assert example.response == plain.response == "3 degrees."
    for text in ("Be exact.", "Weather in Oslo?", 'weather({"city"', '{"t":3}'):
        assert text in example.prompt, text
    for template in ("qwen3", "llama3_1") if kind != "Gemini" else ("qwen3",):
        try:
            expected = trained(template, plain.messages, plain.meta)
        except UnfitRow as error:
            with pytest.raises(UnfitRow, match=str(error).split(" (")[0]):
                trained(template, example.messages, example.meta)
            continue
        found = trained(template, example.messages, example.meta)
        assert (found.input_ids, found.weights) == (expected.input_ids, expected.weights)


@pytest.mark.parametrize("kind", ROWS)
def test_an_edit_of_another_turn_leaves_such_parts_as_they_were(kind):
    form, fields, example = read(ROWS[kind])
    at = next(i for i, turn in enumerate(example.messages) if turn["role"] == "user")
    content = example.messages[at]["content"]
    example.messages[at]["content"] = (
        "And in Rome?" if isinstance(content, str) else [{**content[0], "text": "And in Rome?"}]
    )
    record, _ = rewritten_record(form, fields, json.dumps(ROWS[kind]), example)
    assert record == json.loads(json.dumps(ROWS[kind]).replace("Weather in Oslo?", "And in Rome?"))


def test_a_message_between_items_comes_out_where_it_stood():
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "1", "output": "x"}
    turns = [
        user("a"),
        says("I look."),
        call,
        call | {"call_id": "2"},
        output,
        output | {"call_id": "2"},
        says("b"),
    ]
    for listed in (turns, [turns[0], {"type": "reasoning", "summary": []}, *turns[1:]]):
        form, fields, example = read({"messages": listed})
        assert [turn["role"] for turn in example.messages] == [
            "user",
            "assistant",
            "tool",
            "tool",
            "assistant",
        ]
        assert form.write(example, fields) == {"messages": listed}


NAMES = ("reasoning", "reasoning_content", "thinking", "thought", "cot", "rationale", "chain_of_thought")
FLAT = {"alpaca": ("instruction", "output"), "prompt_completion": ("prompt", "completion"),
        "question_answer": ("question", "answer"), "instruction_response": ("instruction", "response")}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format_name", [*FLAT, "messages", "sharegpt", "beside messages"])
def test_reasoning_under_any_name_is_learned_as_the_template_takes_it(name, format_name):
    if format_name in FLAT:
        asked, answered = FLAT[format_name]
        row = {asked: "2+2?", name: "Two and two.", answered: "4"}
    elif format_name == "beside messages":
        row = {"messages": [user("2+2?"), says("4")], name: "Two and two."}
    elif format_name == "sharegpt":
        row = {
            "conversations": [
                {"from": "human", "value": "2+2?"},
                {"from": "gpt", "value": "4", name: "Two and two."},
            ]
        }
    else:
        row = {"messages": [user("2+2?"), says("4", **{name: "Two and two."})]}
    form = load_format("messages" if format_name == "beside messages" else format_name)
    fields = form.suggest([row])
    (example,) = form.parse(row, fields)
    assert form.write(example, fields) == row
    for template in ("qwen3", "gptoss"):
        expected = trained(template, [user("2+2?"), says("4", reasoning_content="Two and two.")], {})
        assert trained(template, example.messages, example.meta).labels == expected.labels
    with pytest.raises(UnfitRow, match="reasoning that the chat template leaves out"):
        trained("chatml", example.messages, example.meta)


def test_thoughts_inside_the_text_are_the_reasoning_of_a_template_that_has_a_place_for_it():
    inside = [user("2+2?"), says("<think>\nTwo and two.\n</think>\n\n4")]
    apart = [user("2+2?"), says("4", reasoning_content="Two and two.")]
    for template in ("qwen3", "gptoss"):
        assert trained(template, inside, {}).input_ids == trained(template, apart, {}).input_ids
    tokenizer = merging_tokenizer("chatml")
    assert "<think>\nTwo and two.\n</think>\n\n4" in tokenizer.decode(trained("chatml", inside, {}).input_ids)


def test_thoughts_inside_the_text_that_a_template_cuts_away_are_counted():
    tokenizer = merging_tokenizer("chatml")
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    row = read_chat_row({"messages": [user("2+2?"), says("<think>Two.</think>4")]})
    with pytest.raises(UnfitRow, match="reasoning that the chat template leaves out"):
        TurnTokens(tokenizer, "assistant").row(row)


@pytest.mark.parametrize(
    "fields",
    [{"reasoning": "on"}, {"rationale": "A judge's.", "rejected": "5"}, {"reasoning": "4"}, {"thought": 3}],
)
def test_what_is_no_reasoning_of_the_answer_is_not_learned(fields):
    assert set(chat_record([user("2+2?"), says("4")], fields)) == {"messages"}


def test_reasoning_beside_several_answers_is_nobodys():
    turns = [user("2+2?"), says("4"), user("3+3?"), says("6")]
    assert set(chat_record(turns, {"reasoning": "Two and two."})) == {"messages"}


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"type": "input_audio", "input_audio": {}}, "input_audio"), ({"type": "video_url", "video_url": {}}, "video_url"),
        ({"type": "redacted_thinking", "data": "x"}, "redacted_thinking"), ({"inlineData": {"data": "x"}}, "inlineData"),
        ({"type": "image"}, "images"), ({"type": "input_image"}, "images"),
    ],
)  # fmt: skip
def test_a_part_that_no_text_model_reads_is_named(part, named):
    row = {"messages": [user([part, {"type": "text", "text": "What?"}]), says("A dock.")]}
    _, _, example = read(row)
    with pytest.raises(UnfitRow, match=named):
        trained("qwen3", example.messages, example.meta)


def test_a_picture_in_what_a_tool_gave_is_none_of_its_text():
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": {}}]}
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    _, _, example = read({"messages": [user("a"), says([call]), user([result]), says("b")]})
    with pytest.raises(UnfitRow, match="images"):
        trained("qwen3", example.messages, example.meta)


def test_parts_that_nobody_knows_are_named_where_the_row_is_refused():
    form = load_format("messages")
    row = {"messages": [user([{"bounding_box": [1, 2]}]), says("b")]}
    with pytest.raises(InvalidRecord, match=r"turn 1 \(user\) has no text in its parts: bounding_box"):
        form.parse(row, form.suggest([row]))
