"""Shapes of public datasets beside those of the reports: read with their roles, calls and best answers, written as they were."""

from __future__ import annotations

import json

import pytest

from tamis.formats.notes import Notes
from tests.core.formats.cases import case, case_of

USER, REPLY = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}
TIDE = {"name": "tide", "arguments": {"port": "X"}}
CALL = {"type": "function", "function": TIDE}

# A text of each template: what it says by role.
TEXTS = {
    "llama 4": ("<|begin_of_text|><|header_start|>user<|header_end|>\n\nTide?<|eot|><|header_start|>assistant<|header_end|>\n\n3 m<|eot|>", ""),
    "command r": ("<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Tide?<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>3 m<|END_OF_TURN_TOKEN|>", ""),
    "glm 4": ("[gMASK]<sop><|user|>\nTide?<|assistant|>\n3 m", ""),
    "chatglm": ("[Round 1]\n\n问：Tide?\n\n答：3 m", ""),
    "internlm": ("<s><|User|>:Tide?<eoh>\n<|Bot|>:3 m<eoa>\n", ""),
    "gemma 4": ("<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nTide?<turn|>\n<|turn>model\n3 m<turn|>\n", "Be brief."),
    "phi 4": ("<|im_start|>user<|im_sep|>Tide?<|im_end|><|im_start|>assistant<|im_sep|>3 m<|im_end|>", ""),
    "granite": ("<|start_of_role|>user<|end_of_role|>Tide?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>3 m<|end_of_text|>", ""),
    "deepseek": ("<｜begin▁of▁sentence｜>Be brief.<｜User｜>Tide?<｜Assistant｜>3 m<｜end▁of▁sentence｜>", "Be brief."),
    "deepseek 1": ("<｜begin▁of▁sentence｜>User: Tide?\n\nAssistant: 3 m<｜end▁of▁sentence｜>", ""),
    "openchat": ("GPT4 Correct User: Tide?<|end_of_turn|>GPT4 Correct Assistant: 3 m<|end_of_turn|>", ""),
    "exaone": ("[|system|]Be brief.[|endofturn|]\n[|user|]Tide?\n[|assistant|]3 m[|endofturn|]", "Be brief."),
    "mistral": ("<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Tide?[/INST]3 m</s>", "Be brief."),
    "kimi": ("<|im_user|>user<|im_middle|>Tide?<|im_end|><|im_assistant|>assistant<|im_middle|>3 m<|im_end|>", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_marks_of_a_template_are_no_text(tmp_path, name):
    text, system = TEXTS[name]
    got = case_of(tmp_path, [{"text": text}] * 2)
    assert got.inspection.format_name == "transcript" and got.reasons == []
    head = [{"role": "system", "content": system}] if system else []
    assert got.messages[0] == [*head, USER, REPLY]
    assert got.written() == [{"text": text}] * 2
    assert got.edited(0, "4 m") == {"text": text.replace("3 m", "4 m")}


def test_calls_and_results_of_a_mistral_text_are_turns(tmp_path):
    text = f'<s>[INST] Tide?[/INST][TOOL_CALLS] [{json.dumps(TIDE)}]</s>[TOOL_RESULTS] {{"m": 3}}[/TOOL_RESULTS] 3 m</s>'
    got = case_of(tmp_path, [{"text": text}] * 2)
    result = {"role": "tool", "content": '{"m": 3}'}
    assert got.messages[0] == [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        result,
        REPLY,
    ]
    assert got.written() == [{"text": text}] * 2


def harmony(call: str) -> list[dict]:
    to = {"role": "assistant", "channel": "commentary", "recipient": "functions.tide", "content": call}
    return [USER, to, {"role": "tool", "name": "functions.tide", "content": "3"}, REPLY]


CALLING = {
    "harmony": ({"messages": harmony('{"port": "X"}')}, '{"port": "X"}', ""),
    "harmony, text": ({"text": '<|start|>user<|message|>Tide?<|end|><|start|>assistant<|channel|>commentary to=functions.tide <|constrain|>json'
        '<|message|>{"port": "X"}<|call|><|start|>functions.tide to=assistant<|channel|>commentary<|message|>3<|end|>'
        "<|start|>assistant<|channel|>final<|message|>3 m<|return|>"}, '{"port": "X"}', ""),
    "ms-swift": ({"messages": [USER, {"role": "tool_call", "content": json.dumps(TIDE)}, {"role": "tool_response", "content": "3"}, REPLY]},
        TIDE["arguments"], ""),
    "a thought before": ({"conversations": [{"from": "human", "value": "Tide?"},
        {"from": "function_call", "value": f"<think>\nAsk.\n</think>\n\n{json.dumps(TIDE)}"}, {"from": "observation", "value": "3"},
        {"from": "gpt", "value": "3 m"}]}, TIDE["arguments"], "Ask."),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLING)
def test_what_is_sent_to_a_function_is_a_call(tmp_path, name):
    row, arguments, thought = CALLING[name]
    got = case_of(tmp_path, [row] * 2)
    assert [role for role, _ in got.turns[0]] == ["user", "assistant", "tool", "assistant"]
    called = got.messages[0][1]
    assert called["tool_calls"] == [
        {"type": "function", "function": {"name": "tide", "arguments": arguments}}
    ]
    assert (called["content"], called.get("reasoning_content", "")) == (None, thought)
    assert got.written() == [row] * 2
    assert json.dumps(got.edited(0, "4 m")) == json.dumps(row).replace("3 m", "4 m")


def test_an_edited_call_keeps_the_form_of_its_thought(tmp_path):
    row, _, _ = CALLING["a thought before"]
    got = case_of(tmp_path, [row])
    examples = got.stored()
    examples[0].messages[1]["reasoning_content"] = "Ask again."
    (written,) = got.written(examples)
    said = written["conversations"][1]["value"]
    assert said.startswith("<think>\nAsk again.\n</think>\n\n{") and json.loads(said.split("\n\n")[1]) == TIDE


PAIRS = {
    "ratings": ({"instruction": "Tide?", "generations": ["1 m", "3 m", "2 m"], "ratings": [1.0, 5.0, 2.0]}, "3 m"),
    "scores": ({"prompt": "Tide?", "responses": ["1 m", "3 m"], "scores": [-1, 0.5]}, "3 m"),
    "ranks": ({"question": "Tide?", "answers": ["1 m", "3 m"], "rank": [2, 1]}, "3 m"),
    "no scores of them": ({"prompt": "Tide?", "responses": ["3 m", "1 m"], "scores": [1]}, "3 m"),
    "words apart": ({"User Prompt": "Tide?", "Model Response": "3 m"}, "3 m"),
    "humps": ({"userPrompt": "Tide?", "assistantResponse": "3 m"}, "3 m"),
    "hyphens": ({"user-prompt": "Tide?", "model-output": "3 m"}, "3 m"),
    "token ids beside": ({"inputs": [1], "inputs_pretokenized": "Tide?", "targets": [2], "targets_pretokenized": "3 m"}, "3 m"),
    "a logged chain": ({"inputs": {"messages": [USER]}, "outputs": {"messages": [REPLY]}}, "3 m"),
    "a strength of preference": ({"context": [USER], "response1": "1 m", "response2": "3 m", "overall_preference": 2}, "3 m"),
    "named turns": ({"messages": [{"user": "Tide?"}, {"assistant": "3 m"}]}, "3 m"),
    "named turns, other names": ({"conversation": [{"human": "Tide?"}, {"gpt": "3 m"}], "id": 1}, "3 m"),
    "keys with capitals": ({"messages": [{"Role": "user", "Content": "Tide?"}, {"Role": "assistant", "Content": "3 m"}]}, "3 m"),
    "roles of another language": ({"messages": [{"role": "用户", "content": "Tide?"}, {"role": "助手", "content": "3 m"}]}, "3 m"),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_question_and_best_answer_are_found(tmp_path, name):
    row, answer = PAIRS[name]
    got = case_of(tmp_path, [row] * 3)
    assert got.reasons == []
    assert got.turns[0] == [("user", "Tide?"), ("assistant", answer)]
    if answer == "3 m":
        assert json.dumps(got.edited(0, "4 m")) == json.dumps(row).replace("3 m", "4 m")


def test_who_speaks_is_no_answer_in_a_hint(tmp_path):
    rows = [{"message_id": "a", "parent_id": None, "text": "Tide?", "role": "prompter"}] * 3
    with pytest.raises(AssertionError, match="None"):
        case_of(tmp_path, rows)


@pytest.mark.parametrize(
    "record", [{"prompt": "Tide?", "completion": "3 m", "n": 1}, {"messages": [USER, REPLY]}, [USER, REPLY]]
)
def test_lines_that_are_a_record_under_its_id_are_rows_with_an_id(tmp_path, record):
    got = case_of(tmp_path, [{f"x{number}": record} for number in range(3)])
    assert got.reasons == []
    assert got.messages == [[USER, REPLY]] * 3
    assert [meta["id"] for meta in got.meta] == ["x0", "x1", "x2"]


def test_lines_with_one_column_are_no_records_by_id(tmp_path):
    rows = [{"messages": [USER, REPLY]}] * 3
    assert case_of(tmp_path, rows).written() == rows


def test_a_comparison_of_two_scored_answers_is_a_pair(tmp_path):
    question = {
        "dataset": "eli5",
        "full_text": "Why is the tide at the port of X as high as it is in spring?",
    }
    row = {"question": question, "answer_0": "The moon.", "answer_1": "3 m", "score_0": 0.5, "score_1": -0.5}
    got = case_of(tmp_path, [row, row | {"score_0": -0.5, "score_1": 0.5}])
    asked = ("user", question["full_text"])
    assert got.turns == [[asked, ("assistant", "The moon.")], [asked, ("assistant", "3 m")]]
    assert [meta["rejected"] for meta in got.meta] == ["3 m", "The moon."]
    del row["score_0"], row["score_1"]
    with pytest.raises(AssertionError, match="'prompt': 'question.full_text', 'completion': 'answer_0'"):
        case_of(tmp_path, [row] * 3)


def test_the_definition_of_a_task_is_the_instruction_of_its_instances(tmp_path):
    instances = [{"id": f"t{at}", "input": f"Port {at}?", "output": ["3 m"]} for at in range(3)]
    shown = [{"input": "Port X?", "output": "1 m", "explanation": "low"}]
    task = {
        "Categories": ["c"],
        "Definition": ["Say the tide."],
        "Positive Examples": shown,
        "Negative Examples": [],
        "Instances": instances,
    }
    path = tmp_path / "task.json"
    path.write_text(json.dumps(task, indent=1))
    got = case(path)
    assert [turns[-1] for turns in got.turns] == [("assistant", "3 m")] * 3
    assert all(
        "Say the tide." in turns[0][1] and f"Port {at}?" in turns[0][1] for at, turns in enumerate(got.turns)
    )
    notes = sum((batch.notes for batch in got.imported.batches), Notes())
    assert notes["Positive Examples", "beside"] == 1


THOUGHT = {"type": "reasoning", "id": "rs", "summary": []}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3 m"}]}


@pytest.mark.parametrize(
    ("asked", "beside"),
    [([USER], {}), ([USER], {"instructions": "Be brief."}), ("Tide?", {"model": "o3"})],
)
def test_a_response_that_begins_with_a_thought_is_an_answer(tmp_path, asked, beside):
    row = {"input": asked, "output": [THOUGHT, SAID]} | beside
    got = case_of(tmp_path, [row] * 2)
    assert got.reasons == [] and got.messages[0][-1]["content"] == [THOUGHT, SAID["content"][0]]
    assert got.messages[0][-2] == USER and got.written() == [row] * 2
