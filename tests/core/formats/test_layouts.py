"""Layouts of columns seen in public datasets: each is detected, read as what it means, and written back as it was."""

from __future__ import annotations

import json

import orjson
import pytest

from tamis.errors import InvalidOptions, UnreadableFile
from tamis.formats.detect import inspect_file
from tamis.steps.import_file.identify import plan_import
from tests.core.formats.cases import CASES, case, case_of
from tests.core.formats.files import lines_of

U, A, S = "user", "assistant", "system"
QA = [(U, "q"), (A, "a")]
SQA = [(S, "s"), (U, "q"), (A, "a")]
HAD = [(U, "q1"), (A, "a1")]
PAIR = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
CALLS = [{"name": "tide", "arguments": {"port": "Brest"}}]

FLAT = [  # prompt column, response column, what else stands there
    ("inputs", "targets", {"language": "spa"}),  # Aya, xP3
    ("input", "target", {"kind": "NLI"}),  # Firefly
    ("input", "output", {}),
    ("query", "response", {"type": "GSM"}),  # MetaMathQA
    ("query", "answer", {"resource": "evol", "lang": "python"}),  # CodeFeedback
    ("query", "answers", {}),
    ("problem", "solution", {"source": "olympiads"}),  # NuminaMath
    ("problem", "answer", {"level": 3}),
    ("problem", "generated_solution", {"problem_source": "augmented"}),  # OpenMathInstruct
    ("question", "generated_solution", {"expected_answer": "2"}),
    ("question", "solution", {}),
    ("question", "correct_answer", {"distractor1": "x"}),  # SciQ
    ("question", "response", {}),
    ("QUESTION", "LONG_ANSWER", {"final_decision": "yes"}),  # PubMedQA
    ("question", "query", {"db_id": "x"}),  # Spider
    ("instruction", "generation", {"model_name": "m"}),  # distilabel
    ("instruction", "completion", {}),
    ("instruction", "answer", {}),
    ("instruction", "generated_text", {}),
    ("Instruction", "Output", {}),
    ("prompt", "response", {}),
    ("prompt", "generation", {}),
    ("prompt", "canonical_solution", {"task_id": "HumanEval/0"}),
    ("prompt", "text", {"seed_data": "web"}),  # Cosmopedia
    ("prompt", "answer", {}),
    ("prompt", "output", {}),
    ("human", "assistant", {}),
    ("human", "bot", {}),
    ("user", "assistant", {}),
    ("User", "Assistant", {}),
    ("user_prompt", "model_response", {}),
    ("user_input", "bot_response", {}),
    ("input_text", "output_text", {}),  # Vertex
    ("sql_prompt", "sql", {}),
    ("message_1", "message_2", {"topic;": "physics"}),  # CAMEL
    ("Patient", "Doctor", {"Description": "d"}),
    ("Context", "Response", {}),  # counselling
    ("q", "a", {}),
    ("input", "ideal", {}),  # OpenAI evals
    ("prompt_text", "response_text", {}),
    ("instructions", "outputs", {}),
]


@pytest.mark.parametrize(("said", "replied", "beside"), FLAT)
def test_pairs_of_columns_under_many_names(tmp_path, said, replied, beside):
    rows = [{"id": i, said: "q", replied: "a", **beside} for i in range(3)]
    got = case_of(tmp_path, rows)
    assert got.turns == [QA] * 3
    assert got.meta[0].items() >= {"id": 0, **beside}.items()
    assert got.written() == rows
    assert got.edited(0, "better") == rows[0] | {replied: "better"}


LAYOUTS = {
    "swift": (
        {"query": "q", "response": "a", "history": [["q1", "a1"]], "system": "s"},
        [(S, "s"), *HAD, *QA],
    ),
    "chatglm": ({"prompt": "q", "response": "a", "history": [["q1", "a1"]]}, HAD + QA),
    "internlm history": (
        {"instruction": "q", "response": "a", "history": [{"user": "q1", "assistant": "a1"}]},
        HAD + QA,
    ),
    "history of turns": (
        {
            "question": "q",
            "answer": "a",
            "chat_history": [{"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}],
        },
        HAD + QA,
    ),
    "history of texts": ({"prompt": "q", "completion": "a", "history": ["q1", "a1"]}, HAD + QA),
    "orca": ({"id": "x", "system_prompt": "s", "question": "q", "response": "a"}, SQA),
    "supernatural": ({"definition": "d", "inputs": "q", "targets": "a"}, [(U, "d\n\nq"), (A, "a")]),
    "gretel sql": ({"sql_prompt": "q", "sql": "a", "sql_context": "t"}, [(U, "q\n\nt"), (A, "a")]),
    "create context": ({"question": "q", "context": "t", "answer": "a"}, [(U, "q\n\nt"), (A, "a")]),
    "sciq": ({"question": "q", "correct_answer": "a", "support": "t"}, [(U, "q\n\nt"), (A, "a")]),
    "squad": (
        {"context": "t", "question": "q", "answers": {"text": ["a", "b"], "answer_start": [1, 2]}},
        [(U, "q\n\nt"), (A, "a")],
    ),
    "triviaqa": ({"question": "q", "answer": {"value": "a", "aliases": ["b"]}}, QA),
    "marco": ({"query": "q", "answers": ["a", "b"], "query_id": 3}, QA),
    "pubmed contexts": (
        {"question": "q", "contexts": ["t1", "t2"], "long_answer": "a"},
        QA,
    ),
    "hotpot context of lists": (
        {"question": "q", "answer": "a", "context": {"title": ["t"], "sentences": [["x"]]}},
        QA,
    ),
    "nectar": (
        {"prompt": "q", "answers": [{"answer": "b", "rank": 2}, {"answer": "a", "rank": 1}]},
        QA,
    ),
    "ultrafeedback": (
        {
            "instruction": "q",
            "completions": [{"response": "b", "overall_score": 3.0}, {"response": "a", "overall_score": 8.5}],
        },
        QA,
    ),
    "stack exchange": (
        {"question": "q", "answers": [{"text": "b", "pm_score": 1}, {"text": "a", "pm_score": 7}]},
        QA,
    ),
    "distilabel generations": ({"instruction": "q", "generations": ["a", "b"], "model_name": "m"}, QA),
    "ultrachat": ({"id": "1", "data": ["q", "a"]}, QA),
    "ultrachat objects": ({"id": "1", "data": PAIR}, QA),
    "lima": ({"conversations": ["q", "a"], "source": "x"}, QA),
    "daily dialog": ({"dialog": ["q", "a"], "act": [1, 2]}, QA),
    "capybara": ({"source": "x", "conversation": [{"input": "q", "output": "a"}]}, QA),
    "moss": ({"conversation_id": 1, "conversation": [{"human": "q", "assistant": "a"}]}, QA),
    "coig": ({"instruction": "s", "conversations": [{"question": "q", "answer": "a"}]}, SQA),
    "xtuner": (
        {"conversation": [{"system": "s", "input": "q1", "output": "a1"}, {"input": "q", "output": "a"}]},
        [(S, "s"), *HAD, *QA],
    ),
    "pairs of texts": ({"conversation": [["q1", "a1"], ["q", "a"]]}, HAD + QA),
    "argilla": ({"id": "1", "fields": {"prompt": "q", "response": "a"}, "responses": {}}, QA),
    "argilla chat": ({"id": "1", "fields": {"chat": PAIR, "topic": "x"}, "responses": {}}, QA),
    "label studio": ({"id": 1, "data": {"prompt": "q", "response": "a"}, "annotations": []}, QA),
    "nested short": ({"data": {"q": "q", "a": "a"}}, QA),
    "twice nested": ({"row": {"item": {"instruction": "q", "output": "a"}, "n": 1}, "idx": 0}, QA),
    "prompt beside a nested answer": ({"prompt": "q", "response": {"text": "a", "tokens": 3}}, QA),
    "anthropic": ({"system": "s", "messages": PAIR}, SQA),
    "bedrock": ({"system": [{"text": "s"}], "messages": PAIR}, SQA),
    "gemini": (
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "s"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "q"}]},
                {"role": "model", "parts": [{"text": "a"}]},
            ],
        },
        [(S, "s"), (U, [{"text": "q"}]), (A, [{"text": "a"}])],
    ),
    "speakers": ({"log": [{"speaker": "user", "utterance": "q"}, {"speaker": "bot", "utterance": "a"}]}, QA),
    "cohere": ({"messages": [{"role": "User", "content": "q"}, {"role": "Chatbot", "content": "a"}]}, QA),
    "oasst": ({"thread": [{"role": "prompter", "text": "q"}, {"role": "assistant", "text": "a"}]}, QA),
    "qwen sharegpt": (
        {"conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}]},
        QA,
    ),
    "items": ({"id": "x", "items": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, QA),
    "toolace": (
        {
            "system": "s",
            "conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}],
        },
        SQA,
    ),
    "evals": (
        {"input": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}], "ideal": "a"},
        SQA,
    ),
    "nemotron": (
        {
            "input": [{"role": "user", "content": "q"}],
            "output": "a",
            "reasoning": "off",
            "system_prompt": "s",
            "category": "math",
        },
        SQA,
    ),
    "openai preferences": (
        {
            "input": {"messages": PAIR[:1], "tools": [], "parallel_tool_calls": True},
            "preferred_output": PAIR[1:],
            "non_preferred_output": [{"role": "assistant", "content": "b"}],
        },
        QA,
    ),
    "hh with a system": ({"system": "s", "question": "q", "chosen": "a", "rejected": "b"}, SQA),
    "swift preferences": ({"query": "q", "response": "a", "rejected_response": "b"}, QA),
    "stack pairs": ({"question": "q", "response_j": "a", "response_k": "b"}, QA),
    "ultra interact": (
        {
            "trajectory": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        QA,
    ),
    "v1 dpo": (
        {
            "chosen_messages": [
                {"role": "user", "content": [{"type": "text", "value": "q"}], "loss_weight": 0.0},
                {"role": "assistant", "content": [{"type": "text", "value": "a"}], "loss_weight": 1.0},
            ],
            "rejected_messages": [
                {"role": "user", "content": [{"type": "text", "value": "q"}], "loss_weight": 0.0},
                {"role": "assistant", "content": [{"type": "text", "value": "b"}], "loss_weight": 1.0},
            ],
        },
        [(U, [{"type": "text", "value": "q"}]), (A, [{"type": "text", "value": "a"}])],
    ),
    "glaive": ({"system": "SYSTEM: s", "chat": "USER: q\n\n\nASSISTANT: a <|endoftext|>\n\n\n"}, SQA),
    "guanaco": ({"text": "### Human: q### Assistant: a"}, QA),
    "chatml": (
        {
            "text": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
        },
        SQA,
    ),
    "llama 2": ({"text": "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq [/INST] a </s>"}, SQA),
    "mistral": ({"text": "<s>[INST] q1 [/INST] a1</s>[INST] q [/INST] a</s>"}, HAD + QA),
    "llama 3": (
        {
            "text": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"
        },
        QA,
    ),
    "gemma": (
        {"text": "<bos><start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n"},
        QA,
    ),
    "zephyr": ({"text": "<|system|>\ns</s>\n<|user|>\nq</s>\n<|assistant|>\na</s>"}, SQA),
    "baize": ({"input": "s\n[|Human|] q\n[|AI|] a\n[|Human|] ", "topic": "x"}, None),
    "vicuna": ({"text": "s USER: q ASSISTANT: a</s>"}, SQA),
    "alpaca template": (
        {"text": "Below is an instruction.\n\n### Instruction:\nq\n\n### Response:\na"},
        QA,
    ),
}


@pytest.mark.parametrize("name", [name for name, (_, turns) in LAYOUTS.items() if turns])
def test_layouts_of_public_datasets(tmp_path, name):
    record, turns = LAYOUTS[name]
    rows = [{"row": i} | record for i in range(2)] if "row" not in record else [record] * 2
    got = case_of(tmp_path, rows)
    assert got.turns == [turns] * 2
    assert got.reasons == []
    assert got.written() == rows
    if isinstance(turns[-1][1], str):
        edited = got.edited(0, "better")
        assert orjson.dumps(edited) != orjson.dumps(rows[0])
        again = case_of(tmp_path, [edited] * 2)
        assert again.turns[0][:-1] == turns[:-1]
        assert again.turns[0][-1] == (A, "better")


def test_a_transcript_that_ends_with_an_open_question_is_rejected_like_any(tmp_path):
    record, _ = LAYOUTS["baize"]
    with pytest.raises(UnreadableFile, match="ends with a user turn"):
        case_of(tmp_path, [record] * 2)


@pytest.mark.parametrize("path", sorted((CASES / "24-inputs-targets").iterdir()), ids=lambda path: path.stem)
def test_the_reported_layouts_are_detected(path):
    got = case(path)
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert len(got.turns) == len(rows)
    assert got.reasons == []
    assert got.written() == rows


@pytest.mark.parametrize(
    "record",
    [
        {"problem": "q", "deepseek_reasoning": "think", "deepseek_solution": "a"},  # OpenThoughts
        {"Question": "q", "Complex_CoT": "think", "Response": "a"},  # medical-o1
        {"input": "q", "reasoning_content": "think", "content": "a", "score": 10},
        {"question": "q", "deepseek_thinking_trajectory": "think", "deepseek_attempt": "a"},  # s1K-1.1
        {"prompt": "q", "thinking": "think", "response": "a"},
        {"instruction": "q", "reasoning": "think", "response": "a"},
        {"prompt": [PAIR[0]], "completion": [PAIR[1]], "reasoning_content": "think"},
    ],
)
def test_thoughts_in_a_column_of_their_own_are_the_turns_reasoning(tmp_path, record):
    got = case_of(tmp_path, [record] * 2)
    assert got.messages[0][-1] == {"role": "assistant", "content": "a", "reasoning_content": "think"}
    assert got.turns[0] == QA
    assert got.written() == [record] * 2


@pytest.mark.parametrize("flag", ["on", "off", "High"])
def test_a_switch_is_no_thought(tmp_path, flag):
    got = case_of(tmp_path, [{"prompt": "q", "response": "a", "reasoning": flag}] * 2)
    assert got.messages[0][-1] == {"role": "assistant", "content": "a"}
    assert got.meta[0]["reasoning"] == flag


@pytest.mark.parametrize("dump", [lambda value: value, json.dumps])
def test_answers_that_call_functions_are_tool_calls(tmp_path, dump):
    record = {
        "id": 1,
        "query": "q",
        "answers": dump(CALLS),
        "tools": dump([{"name": "tide", "description": "d"}]),
    }
    got = case_of(tmp_path, [record] * 2)
    assert got.messages[0][-1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": CALLS[0]}],
    }
    assert got.meta[0]["tools"] == [{"name": "tide", "description": "d"}]
    assert got.written() == [record] * 2


def test_tool_calls_of_sharegpt_stay_calls_and_go_back_as_they_were(tmp_path):
    got = case(CASES / "03-sharegpt-tools-roundtrip" / "in.jsonl")
    source = [orjson.loads(line) for line in (CASES / "03-sharegpt-tools-roundtrip" / "in.jsonl").open("rb")]
    assert [turn["role"] for turn in got.messages[0]] == ["system", "user", "assistant", "tool", "assistant"]
    assert got.messages[0][2]["tool_calls"] == [
        {"type": "function", "function": {"name": "t", "arguments": {"p": 1}}}
    ]
    assert got.written() == source
    as_messages = [{"messages": messages} for messages in got.messages]
    back = case_of(tmp_path, as_messages)
    from tamis.formats.writer import row_lines

    (line,) = row_lines(back.stored(), format_name="sharegpt")
    assert orjson.loads(line)["conversations"] == source[0]["conversations"]


def test_calls_in_a_transcript_are_tool_calls(tmp_path):
    chat = (
        'USER: q\n\n\nASSISTANT: <functioncall> {"name": "tide", "arguments": \'{"port": "Brest"}\'} <|endoftext|>'
        '\n\n\nFUNCTION RESPONSE: {"height": 3}\n\n\nASSISTANT: a <|endoftext|>\n\n\n'
    )
    record = {"system": "SYSTEM: s", "chat": chat}
    got = case_of(tmp_path, [record] * 2)
    assert [turn["role"] for turn in got.messages[0]] == ["system", "user", "assistant", "tool", "assistant"]
    assert got.messages[0][2]["tool_calls"][0]["function"]["name"] == "tide"
    assert got.written() == [record] * 2


@pytest.mark.parametrize(
    ("record", "hint"),
    [
        (
            {"ask": "q", "reply": "a longer text"},
            "--format prompt_completion --map prompt=ask --map completion=reply",
        ),
        (
            {"id": "7", "body": {"ask": "q", "reply": "a longer text"}},
            "--format prompt_completion --map prompt=body.ask --map completion=body.reply",
        ),
        (
            {"log": [{"who": "user", "said": "q q q q"}, {"who": "assistant", "said": "a a a a"}]},
            "--format messages --map messages=log --map role=who --map content=said",
        ),
    ],
)
def test_where_nothing_fits_the_hint_is_what_would_do(tmp_path, record, hint):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([record] * 2))
    assert inspect_file(path).guess.options == hint
    with pytest.raises(UnreadableFile, match="No format fits given.jsonl") as refused:
        plan_import([str(path)])
    assert hint in str(refused.value)
    words = hint.split()
    parts = dict(word.split("=") for word in words if "=" in word)
    planned = plan_import([str(path)], format_name=words[1], fields=parts)
    assert planned.options["files"][0]["format"] == words[1]
    alone = plan_import([str(path)], fields=parts)
    assert alone.options["files"][0]["fields"].items() >= parts.items()


def test_parts_that_no_format_has_are_named(tmp_path):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([{"a": "b", "c": "d"}]))
    with pytest.raises(InvalidOptions, match="No format has the parts weather"):
        plan_import([str(path)], fields={"weather": "a"})


@pytest.mark.parametrize(
    "record",
    [
        {"text": "A poem of the sea.\nIt ends: well."},
        {"text": "high", "label": 1},
        {"title": "t", "url": "u", "tags": ["a", "b"]},
        {"sentence1": "x", "sentence2": "y", "label": 0},
        {"id": "1", "embedding": [0.5, 0.25]},
    ],
)
def test_what_is_no_conversation_is_not_taken_for_one(tmp_path, record):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([record] * 3))
    assert inspect_file(path).format_name is None
