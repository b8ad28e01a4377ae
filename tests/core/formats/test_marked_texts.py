"""A prompt and its answers whose texts have the marks of who speaks are the turns that they mark, and leave as they came."""

from __future__ import annotations

import orjson
import pytest

from tamis.formats import load_format
from tamis.formats.detect import inspect_file
from tamis.formats.targets import target_of
from tamis.formats.writer import row_lines
from tamis.registry import parse_options
from tests.core.formats.cases import Case, case_of
from tests.core.formats.files import import_file, lines_of

Q, A = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}
Q0, A0 = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
S = {"role": "system", "content": "Be brief."}
HH = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Tide?\n\nAssistant:"
# The prompt, the answer's text before and after what it says, and the turns before it.
TEXTS = {
    "human": (HH, " ", "", [Q0, A0, Q]),
    "human, one exchange": ("\n\nHuman: Tide?\n\nAssistant: ", "", "", [Q]),
    "chatml": ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nTide?<|im_end|>\n<|im_start|>assistant\n", "", "<|im_end|>", [S, Q]),
    "chatml, opened by the answer": ("<|im_start|>user\nTide?<|im_end|>\n", "<|im_start|>assistant\n", "<|im_end|>\n", [Q]),
    "llama 2": ("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nTide? [/INST]", " ", " </s>", [S, Q]),
    "mistral": ("<s>[INST] Hi [/INST] Hello</s>[INST] Tide? [/INST]", " ", "</s>", [Q0, A0, Q]),
    "llama 3": (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nTide?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "", "<|eot_id|>", [Q],
    ),
    "gemma": ("<bos><start_of_turn>user\nTide?<end_of_turn>\n<start_of_turn>model\n", "", "<end_of_turn>", [Q]),
    "zephyr": ("<|system|>\nBe brief.</s>\n<|user|>\nTide?</s>\n<|assistant|>\n", "", "</s>", [S, Q]),
    "vicuna": ("Be brief. USER: Tide? ASSISTANT:", " ", "</s>", [S, Q]),
    "alpaca": ("Below is an instruction.\n\n### Instruction:\nTide?\n\n### Response:\n", "", "", [Q]),
    "deepseek": ("<｜begin▁of▁sentence｜>Be brief.<｜User｜>Tide?<｜Assistant｜>", "", "<｜end▁of▁sentence｜>", [S, Q]),
    "answers repeat the prompt": (HH, HH + " ", "", [Q0, A0, Q]),
    "answers repeat a plain prompt": ("Tide?", "\n\nHuman: Tide?\n\nAssistant: ", "", [Q]),
    "a token behind the answer": ("Tide?", "", "<|im_end|>", [Q]),
    "a mark before the answer": ("Tide?", "Assistant: ", "", [Q]),
}  # fmt: skip
COLUMNS = {
    "preference": lambda p, a, b: {"prompt": p, "chosen": a, "rejected": b},
    "pair": lambda p, a, b: {"prompt": p, "completion": a},
    "instruction": lambda p, a, b: {"id": 1, "instruction": p, "output": a},
    "question": lambda p, a, b: {"question": p, "answer": a, "source": "x"},
    "chosen by a letter": lambda p, a, b: {"prompt": p, "response_a": b, "response_b": a, "preference": "b"},
    "inside": lambda p, a, b: {"data": {"prompt": p, "response": a}},
}


def n_told(got: Case) -> int:
    return sum(n for (_, kind), n in got.imported.notes.items() if kind == "marks")


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("name", TEXTS)
def test_marks_are_no_text_and_leave_as_they_came(tmp_path, name, columns):
    prompt, before, after, asked = TEXTS[name]
    row = COLUMNS[columns](prompt, f"{before}3 m{after}", f"{before}5 m{after}")
    got = case_of(tmp_path, [row] * 2)
    assert got.reasons == [] and got.messages == [[*asked, A]] * 2
    assert n_told(got) == 0
    assert got.written() == [row] * 2
    edited = COLUMNS[columns](prompt, f"{before}4 m{after}", f"{before}5 m{after}")
    assert got.edited(0, "4 m") == edited
    if "rejected" in got.meta[0]:
        assert got.meta[0]["rejected"] in ("5 m", [{"role": "assistant", "content": "5 m"}])


def test_an_edited_question_stands_between_its_marks(tmp_path):
    got = case_of(tmp_path, [{"prompt": HH, "chosen": f"{HH} 3 m", "rejected": f"{HH} 5 m"}] * 2)
    one = got.stored()[0]
    one.messages[2]["content"] = "Ebb?"
    (line,) = row_lines([one], format_name="source")
    told = HH.replace("Tide?", "Ebb?")
    assert orjson.loads(line)["prompt"] == told and orjson.loads(line)["chosen"] == f"{told} 3 m"


def test_thoughts_of_an_answer_are_its_own(tmp_path):
    harmony = "<|start|>user<|message|>Tide?<|end|><|start|>assistant"
    said = (
        "<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>final<|message|>3 m<|return|>"
    )
    got = case_of(tmp_path, [{"prompt": harmony, "completion": said}] * 2)
    assert got.messages[0] == [Q, A | {"reasoning_content": "Look."}]
    assert got.written() == [{"prompt": harmony, "completion": said}] * 2
    open_thought = {
        "prompt": "<｜User｜>Tide?<｜Assistant｜><think>\n",
        "completion": "Look.\n</think>\n\n3 m",
    }
    got = case_of(tmp_path, [open_thought] * 2)
    assert got.messages[0][1]["content"] == "<think>\nLook.\n</think>\n\n3 m"
    assert got.written() == [open_thought] * 2


def test_the_best_of_several_answers_follows_the_turns_of_its_prompt(tmp_path):
    answers = [{"answer": "5 m", "rank": 2.0}, {"answer": "3 m", "rank": 1.0}]
    got = case_of(tmp_path, [{"prompt": HH + " ", "answers": answers, "turns": 2}] * 2)
    assert got.messages[0] == [Q0, A0, Q, A] and got.written()[0]["prompt"] == HH + " "


def test_a_trainer_is_given_turns_and_no_marks(tmp_path):
    got = case_of(tmp_path, [{"prompt": HH, "chosen": " 3 m", "rejected": " 5 m"}] * 2)
    (line,) = row_lines(
        got.stored()[:1],
        format_name="preference",
        fields=got.inspection.fields,
        target=target_of("x.jsonl"),
    )
    turns = {"prompt": [Q0, A0, Q], "chosen": [A], "rejected": [A | {"content": "5 m"}]}
    assert orjson.loads(line) == turns


@pytest.mark.parametrize(
    ("prompt", "answer", "told"),
    [
        ("Human: is that a greeting?", "Yes", 0),
        ("Question: Tide?\nAnswer:", " 3 m", 0),
        ("Q: Hi?\nA: Hello\n\nQ: Tide?\nA:", " 3 m", 0),
        ("Continue:\nUser: Hi\nAssistant: Hello\nUser: Tide?", "3 m", 0),
        ("What does <|im_start|> mean?", "A token", 0),
        ("Is <b>bold</b> or <|x|>?", "Bold", 0),
        ("User: Hi\nAssistant: Hello\nUser: Tide?", "A talk about tides", 1),
        ("Tide?", "Assistant: 3 m\n\nHuman: Thanks\n\nAssistant: Bye", 0),
    ],
)
def test_a_text_that_only_mentions_marks_stays_as_it_is(tmp_path, prompt, answer, told):
    rows = [{"prompt": prompt, "completion": answer}, {"prompt": "Ebb?", "completion": "1 m"}]
    for given in (rows[:1], rows):
        got = case_of(tmp_path, given)
        assert [turn["content"] for turn in got.messages[0]] == [prompt, answer]
        assert got.imported.notes["prompt", "marks"] == told


@pytest.mark.parametrize("part", ["prompt", "completion"])
def test_marks_that_not_all_rows_have_are_counted(tmp_path, part):
    marked = (
        {"prompt": HH, "completion": "3 m"}
        if part == "prompt"
        else {"prompt": "Tide?", "completion": "3 m<|im_end|>"}
    )
    got = case_of(tmp_path, [marked, {"prompt": "Ebb?", "completion": "1 m"}, marked])
    assert got.messages[0][0]["content"] == marked["prompt"]
    assert got.messages[0][1]["content"] == marked["completion"]
    assert got.imported.notes[part, "marks"] == 2


def test_text_of_a_template_inside_a_turn_is_counted(tmp_path):
    text = "<|im_start|>user\nTide?<|im_end|>\n<|im_start|>assistant\n"
    got = case_of(tmp_path, [{"messages": [{"role": "user", "content": text}, A]}] * 2)
    assert n_told(got) == 2


def test_an_input_beside_a_marked_prompt_is_not_lost(tmp_path):
    row = {"prompt": HH, "input": "Port X", "chosen": " 3 m", "rejected": " 5 m"}
    got = case_of(tmp_path, [row] * 2)
    assert "Port X" in got.messages[0][0]["content"] and n_told(got) == 2


def test_marks_are_left_in_the_text_by_an_empty_mapping(tmp_path):
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of([{"prompt": HH, "completion": " 3 m"}] * 2))
    fields = parse_options(load_format("prompt_completion").fields, {"marked": ""})
    seen = inspect_file(path, format_name="prompt_completion", fields=fields)
    rows = import_file(path, "prompt_completion", seen.fields).rows
    assert orjson.loads(rows[0]["messages"])[0]["content"] == HH
