from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.errors import CurationError, InvalidRecord, UnknownName
from tamis.formats import FORMATS, load_format
from tamis.formats.chat import MessagesFields, ShareGPTFields
from tamis.formats.columns import PromptCompletionFields
from tamis.types import ROLES, Example

CALL = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
TOOL_CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1 and 2 + 2?"},
    {"role": "assistant", "content": None, "tool_calls": [*CALL, {**CALL[0], "id": "c2"}]},
    {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"},
    {"role": "tool", "content": "4", "tool_call_id": "c2", "name": "add"},
    {"role": "assistant", "content": "2 and 4", "weight": 1},
]
HH = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: bye\n\nAssistant: so long"

# Records as each format's own tools write them: reading and writing them changes nothing.
CANONICAL = [
    ("alpaca", {"instruction": "Add.", "input": "1, 1", "output": "2"}),
    ("alpaca", {"instruction": "Add 1 and 1.", "input": "", "output": "2", "id": 7, "tags": ["a"]}),
    (
        "alpaca",
        {"instruction": "And 2?", "input": "", "output": "4", "system": "S", "history": [["1?", "2"]]},
    ),
    ("messages", {"messages": TOOL_CHAT, "tools": [{"type": "function"}]}),
    ("messages", {"messages": [{"role": "developer", "content": "d"}, *TOOL_CHAT[1:]]}),
    (
        "messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": "x"}],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "A cat"}]},
            ]
        },
    ),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "id": "x"},
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "human", "value": "1+1?"},
                {"from": "function_call", "value": '{"name": "add"}'},
                {"from": "observation", "value": "2"},
                {"from": "gpt", "value": "2", "weight": 0},
            ],
            "system": "S",
            "tools": "[]",
        },
    ),
    ("turns", {"conversations": ["a", "b", "c", "d"], "source": "lima"}),
    ("prompt_completion", {"prompt": "a", "completion": "b"}),
    ("prompt_completion", {"prompt": TOOL_CHAT[:2], "completion": TOOL_CHAT[2:]}),
    ("instruction_response", {"instruction": "a", "context": "c", "response": "b", "category": "qa"}),
    ("instruction_response", {"instruction": "a", "context": "", "response": "b"}),
    ("instruction_response", {"instruction": "a", "response": "b"}),
    ("question_answer", {"question": "a", "answer": "b", "system": "s"}),
    ("self_instruct", {"instruction": "a", "instances": [{"input": "i", "output": "b"}], "name": "n"}),
    ("preference", {"prompt": "a", "chosen": "b", "rejected": "c"}),
    ("preference", {"prompt": "a", "input": "i", "chosen": "b", "rejected": "c", "system": "s"}),
    ("preference", {"prompt": TOOL_CHAT[:2], "chosen": [TOOL_CHAT[-1]], "rejected": [TOOL_CHAT[-1]]}),
    ("preference", {"chosen": TOOL_CHAT[1:], "rejected": TOOL_CHAT[1:]}),
    ("preference", {"prompt": "1 + 1 and 2 + 2?", "chosen": TOOL_CHAT, "rejected": TOOL_CHAT, "score": 1.5}),
    ("preference", {"prompt": "elsewhere", "chosen": TOOL_CHAT, "rejected": TOOL_CHAT}),
    ("preference", {"prompt": TOOL_CHAT[:2], "chosen": TOOL_CHAT, "rejected": TOOL_CHAT}),
    ("preference", {"chosen": HH, "rejected": HH + "!"}),
    (
        "preference",
        {
            "prompt": [{"from": "human", "value": "a"}],
            "chosen": {"from": "gpt", "value": "b"},
            "rejected": {"from": "gpt", "value": "c"},
        },
    ),
]

REJECTED = [
    ("alpaca", {"instruction": "a"}, "no field 'output'; the record has 'instruction'"),
    ("alpaca", {}, "the record has no fields"),
    ("alpaca", {"instruction": " \n", "output": "b"}, "empty prompt"),
    ("alpaca", {"instruction": "a", "output": "\t"}, "empty response"),
    ("alpaca", {"instruction": "a", "output": None}, "empty response"),
    ("alpaca", {"instruction": "a", "output": ["b"]}, "field 'output' holds list, not text"),
    ("messages", {"messages": "hello"}, "field 'messages' holds text"),
    ("messages", {"messages": "[1, "}, "is not JSON"),
    ("messages", {"messages": []}, "no turns"),
    ("messages", {"messages": [{"role": "user", "content": "a"}]}, "ends with a user turn: no response"),
    ("messages", {"messages": TOOL_CHAT[1:4]}, "ends with a tool turn: no response"),
    ("messages", {"messages": [TOOL_CHAT[0]]}, "ends with a system turn"),
    ("messages", {"messages": TOOL_CHAT[2:]}, "wrong role order: turn 1 (assistant) comes first"),
    (
        "messages",
        {"messages": [TOOL_CHAT[1], TOOL_CHAT[1]]},
        "wrong role order: turn 2 (user) comes after user",
    ),
    ("messages", {"messages": [*TOOL_CHAT[1:], TOOL_CHAT[0]]}, "wrong role order: turn 6 (system)"),
    (
        "messages",
        {"messages": [TOOL_CHAT[1], {"role": "king", "content": "x"}]},
        "unknown role 'king' in turn 2",
    ),
    ("messages", {"messages": [{"content": "x"}]}, "turn 1 has no 'role'"),
    ("messages", {"messages": [{"role": ["user"], "content": "x"}]}, "unknown role ['user']"),
    ("messages", {"messages": [{"role": "user"}]}, "has no 'content'"),
    ("messages", {"messages": ["a", "b"]}, "turn 1 is text, not an object"),
    ("messages", {"messages": [{"role": "user", "content": " "}, TOOL_CHAT[-1]]}, "empty prompt: turn 1"),
    ("messages", {"messages": [TOOL_CHAT[1], {"role": "assistant", "content": ""}]}, "empty response"),
    (
        "messages",
        {"messages": [TOOL_CHAT[1], {"role": "assistant", "content": 5}]},
        "has content of type number",
    ),
    ("sharegpt", {"conversations": [{"from": "human", "value": "a"}]}, "ends with a user turn"),
    ("sharegpt", {"conversations": [{"from": "human", "value": "a", "content": "b"}]}, "change the mapping"),
    ("turns", {"conversations": ["a", "b", "c"]}, "ends with a user turn: no response"),
    ("turns", {"conversations": ["a", 1]}, "turn 2 is number, not text"),
    ("prompt_completion", {"prompt": "a", "completion": True}, "holds true/false, not text"),
    ("prompt_completion", {"prompt": TOOL_CHAT[:2], "completion": []}, "empty response"),
    ("instruction_response", {"instruction": "a"}, "no field 'response'"),
    ("question_answer", {"answer": "a"}, "no field 'question'"),
    ("self_instruct", {"instruction": "a", "instances": []}, "empty list"),
    ("self_instruct", {"instruction": "a", "instances": [1]}, "instance 1 is number"),
    (
        "self_instruct",
        {"instruction": "a", "instances": [{"output": "x"}, {"output": ""}]},
        "instance 2: empty response",
    ),
    ("preference", {"prompt": "a", "chosen": "b"}, "no field 'rejected'"),
    ("preference", {"prompt": "a", "chosen": None, "rejected": "b"}, "empty response"),
    ("preference", {"prompt": "a", "chosen": 3, "rejected": "b"}, "neither text nor turns"),
    ("preference", {"chosen": "b", "rejected": "c"}, "transcript"),
    ("preference", {"chosen": [], "rejected": []}, "no turns"),
]


@pytest.mark.parametrize(("name", "record"), CANONICAL)
def test_a_canonical_record_is_written_back_as_it_was(name, record):
    form = load_format(name)
    fields = form.fields()
    (example,) = form.parse(record, fields)
    assert form.write(example, fields) == record


@pytest.mark.parametrize(("name", "record"), CANONICAL)
def test_a_canonical_record_is_recognised_by_its_format(name, record):
    assert load_format(name).matches([record, record]) == 1.0


@pytest.mark.parametrize(("name", "record", "reason"), REJECTED)
def test_a_bad_record_is_refused_with_its_reason(name, record, reason):
    form = load_format(name)
    with pytest.raises(InvalidRecord) as refused:
        form.parse(record, form.fields())
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_listed_format_loads_and_describes_its_fields(name):
    form = load_format(name)
    assert form.name == name
    assert form.fields is FORMATS[name].options
    assert all(field.description for field in form.fields.model_fields.values())
    assert form.matches([]) == 0.0
    assert form.matches([{"weather": "fine"}]) == 0.0


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match="alpaca"):
        load_format("yaml")


def test_every_instance_becomes_an_example():
    form = load_format("self_instruct")
    record = {
        "instruction": "Add.",
        "instances": [{"input": "1", "output": "a"}, {"input": "", "output": "b"}],
    }
    examples = form.parse(record, form.fields())
    assert [example.prompt for example in examples] == ["Add.\n\n1", "Add."]
    assert [instance for example in examples for instance in form.write(example)["instances"]] == record[
        "instances"
    ]


def test_chosen_becomes_the_response_and_rejected_stays_in_meta():
    form = load_format("preference")
    (example,) = form.parse({"prompt": "p", "chosen": "good", "rejected": "bad"}, form.fields())
    assert (example.prompt, example.response, example.meta["rejected"]) == ("p", "good", "bad")


def test_prompt_is_bare_for_one_user_turn_and_labelled_otherwise():
    form = load_format("messages")
    (example,) = form.parse({"messages": TOOL_CHAT}, form.fields())
    assert example.response == "2 and 4"
    assert example.prompt == (
        "system: Be brief.\n\nuser: 1 + 1 and 2 + 2?\n\n"
        'assistant: add({"a": 1})\nadd({"a": 1})\n\ntool: 2\n\ntool: 4'
    )
    (bare,) = form.parse({"messages": [TOOL_CHAT[1], TOOL_CHAT[5]]}, form.fields())
    assert bare.prompt == "1 + 1 and 2 + 2?"


def test_text_parts_are_joined_and_other_parts_kept():
    form = load_format("messages")
    parts = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": "u"},
        {"type": "text", "text": "two"},
    ]
    (example,) = form.parse(
        {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "ok"}]},
        form.fields(),
    )
    assert example.prompt == "one\ntwo"
    assert example.messages[0]["content"] == parts


def test_a_final_tool_call_is_a_response():
    form = load_format("messages")
    (example,) = form.parse({"messages": TOOL_CHAT[:3]}, form.fields())
    assert example.response == 'add({"a": 1})\nadd({"a": 1})'


def test_an_edited_prompt_is_not_split_where_the_input_was():
    form = load_format("alpaca")
    (example,) = form.parse({"instruction": "Add.", "input": "1, 1", "output": "2"}, form.fields())
    example.messages[0]["content"] = "Something else altogether"
    assert form.write(example)["instruction"] == "Something else altogether"
    assert form.write(example)["input"] == ""


def test_numbers_in_a_table_become_text():
    form = load_format("question_answer")
    (example,) = form.parse({"question": "1 + 1?", "answer": 2}, form.fields())
    assert example.response == "2"


def test_turns_in_a_cell_of_text_are_read():
    form = load_format("messages")
    (example,) = form.parse(
        {"messages": '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'},
        form.fields(),
    )
    assert example.response == "b"


def test_a_mapping_by_hand_reads_other_names():
    pairs = load_format("prompt_completion")
    fields = PromptCompletionFields(prompt="query", completion="reply")
    (example,) = pairs.parse({"query": "a", "reply": "b", "id": 1}, fields)
    assert (example.prompt, example.response, example.meta) == ("a", "b", {"id": 1})
    chat = load_format("messages")
    own = MessagesFields(messages="log", role="who", content="said")
    record = {"log": [{"who": "user", "said": "a"}, {"who": "assistant", "said": "b"}]}
    (talk,) = chat.parse(record, own)
    assert talk.messages == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert chat.write(talk, own) == record


def test_suggested_mapping_finds_the_columns_whatever_their_case():
    assert load_format("alpaca").suggest([{"Instruction": "a", "Output": "b"}]).instruction == "Instruction"
    turn = {"from": "human", "value": "a"}
    assert load_format("sharegpt").suggest([{"log": [turn]}]) == ShareGPTFields(
        conversations="log", function_calls=True
    )


@pytest.mark.parametrize(
    ("name", "obstacle"),
    [
        ("alpaca", "a tool turn"),
        ("sharegpt", "tool calls"),
        ("turns", "a system prompt"),
        ("prompt_completion", "tool calls"),
        ("instruction_response", "tool calls"),
        ("question_answer", "tool calls"),
        ("self_instruct", "a system prompt"),
        ("preference", "needs a rejected answer"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_a_format_that_fits(name, obstacle):
    messages = TOOL_CHAT[:1] + TOOL_CHAT[1:2] + [TOOL_CHAT[2]] + TOOL_CHAT[3:]
    if name == "alpaca":
        messages = [
            TOOL_CHAT[1],
            {"role": "assistant", "content": "x"},
            {"role": "tool", "content": "y"},
            TOOL_CHAT[5],
        ]
    with pytest.raises(CurationError) as refused:
        load_format(name).write(Example(messages, "p", "r"), None)
    assert obstacle in str(refused.value)
    assert f"{len(messages)} turns" in str(refused.value)
    assert "'messages'" in str(refused.value)


def test_several_exchanges_do_not_fit_one_prompt_column():
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant", "user", "assistant")]
    with pytest.raises(CurationError, match="more than one exchange"):
        load_format("prompt_completion").write(Example(turns, "", ""), None)


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
).filter(lambda text: bool(text.strip()))


@st.composite
def conversations(draw, *, max_exchanges: int = 3, system: bool = True) -> list[dict]:
    n_exchanges = draw(st.integers(1, max_exchanges))
    turns = [{"role": "system", "content": draw(texts)}] if system and draw(st.booleans()) else []
    for _ in range(n_exchanges):
        turns.append({"role": "user", "content": draw(texts)})
        turns.append({"role": "assistant", "content": draw(texts)})
    return turns


def _written_and_read(name: str, messages: list[dict], meta: dict | None = None) -> list[dict]:
    form = load_format(name)
    record = form.write(Example(messages, "", "", meta=meta or {}), None)
    (again,) = form.parse(record, form.fields())
    return again.messages


@given(conversations())
def test_formats_with_history_hold_every_plain_conversation(messages):
    # Earlier turns that end with the prompt and its own answer are not said twice.
    said = [turn["content"].strip() for turn in messages]
    once = messages[:-4] + messages[-2:] if said[-4:-2] == said[-2:] else messages
    assert _written_and_read("alpaca", messages) == once
    for name in ("messages", "sharegpt"):
        assert _written_and_read(name, messages) == messages
    assert _written_and_read("preference", messages, {"rejected": "worse"}) == messages


@given(conversations(system=False))
def test_plain_turns_hold_every_conversation_without_system(messages):
    assert _written_and_read("turns", messages) == messages


@given(conversations(max_exchanges=1))
def test_pair_formats_hold_every_single_exchange(messages):
    for name in ("prompt_completion", "instruction_response", "question_answer"):
        assert _written_and_read(name, messages) == messages


@given(texts, st.one_of(st.just(""), texts), texts)
def test_instruction_and_input_are_told_apart_again(instruction, given_input, output):
    record = {"instruction": instruction, "input": given_input, "output": output}
    form = load_format("alpaca")
    assert form.write(form.parse(record, form.fields())[0]) == record
    nested = {"instruction": instruction, "instances": [{"input": given_input, "output": output}]}
    several = load_format("self_instruct")
    assert several.write(several.parse(nested, several.fields())[0]) == nested


@given(
    conversations(), st.dictionaries(st.sampled_from(["name", "weight", "tool_call_id"]), texts, max_size=2)
)
def test_messages_keep_every_key_of_a_turn(messages, extra):
    kept = [{**message, **extra} for message in messages]
    assert _written_and_read("messages", kept) == kept
    assert {message["role"] for message in kept} <= set(ROLES)
