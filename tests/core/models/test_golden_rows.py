"""Exact ids and masks of rows of every kind under real templates, kept in a file that a person can read.

``TAMIS_REMAKE_GOLDEN=1 pytest tests/core/models/test_golden_rows.py`` writes the file anew; look at its difference then.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from tamis.models.row_marks import UnfitRow
from tamis.recipes.rows import TurnTokens
from tests.support.chat_rows import RECORDS, chat_row
from tests.support.chat_templates import merging_tokenizer

FILE = Path(__file__).parents[2] / "fixtures" / "golden_rows.json"
NAMES = (
    "chatml",
    "smollm2",
    "llama3_1",
    "qwen2_5",
    "qwen3",
    "mistral",
    "mistral_v1",
    "gemma",
    "phi3",
    "gptoss",
)
REMAKE = bool(os.environ.get("TAMIS_REMAKE_GOLDEN"))


class Then(datetime.datetime):
    """Some templates write the day."""

    @classmethod
    def now(cls, zone=None):
        return cls(2025, 1, 31, tzinfo=zone)


@pytest.fixture(autouse=True)
def then(monkeypatch):
    monkeypatch.setattr("tamis.models.template_engine.datetime", Then)


def shown(tokenizer, row):
    """The text, what is learned of it between brackets, with its weight where that is not 1; one piece for each stretch."""
    pairs = zip(row.input_ids, row.weights, strict=True)
    pieces = []
    for weight, group in itertools.groupby(pairs, key=lambda pair: pair[1]):
        text = tokenizer.decode([token for token, _ in group])
        mark = "" if weight == 1 else f"{weight:g}: "
        pieces.append(f"⟦{mark}{text}⟧" if weight else text)
    return pieces


def packed(ids):
    return base64.b85encode(np.asarray(ids, dtype="<u2").tobytes()).decode()


def made(name):
    tokenizer = merging_tokenizer(name)
    learning = TurnTokens(tokenizer, "assistant")
    rows = {}
    for kind in RECORDS:
        try:
            row = learning.row(chat_row(kind))
        except UnfitRow as error:
            rows[kind] = f"rows {error}"
            continue
        rows[kind] = {"text": shown(tokenizer, row), "ids": packed(row.input_ids)}
    return {"template": hashlib.sha256(tokenizer.chat_template.encode()).hexdigest()[:16], "rows": rows}


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_masks_are_those_that_were_looked_at(name):
    found = made(name)
    kept = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    if REMAKE:
        FILE.write_text(json.dumps(kept | {name: found}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return
    if found["template"] != kept[name]["template"]:
        pytest.skip(f"TRL ships another template {name} than the one whose rows were looked at")
    for kind in RECORDS:
        assert found["rows"][kind] == kept[name]["rows"][kind], kind


@dataclass(frozen=True)
class Hand:
    """A template as its model's card describes it, written down by hand: what stands around each turn."""

    system: str
    user: str
    answer: str  # before an answer, where the model begins to write
    close: str
    begin: str = ""
    no_system: str = ""
    after: str = ""  # behind an answer, what no model says
    end: str = ""
    lead: str = ""  # of an answer, said by the model
    lead_of_last: str = ""
    close_last: str = ""
    strips: bool = False
    in_turn: str = ""  # "first" or "last": the user turn that the system prompt joins


CHATML = {
    "system": "<|im_start|>system\n{}<|im_end|>\n", "user": "<|im_start|>user\n{}<|im_end|>\n", "answer": "<|im_start|>assistant\n",
    "close": "<|im_end|>", "after": "\n",
}  # fmt: skip
LLAMA_DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
LLAMA_SYSTEM = f"<|start_header_id|>system<|end_header_id|>\n\n{LLAMA_DATES}{{}}<|eot_id|>"
HARMONY = (
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n"
    "Current date: 2025-01-31\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, final. Channel must be included for every "
    "message.<|end|>"
)
HANDS = {
    "chatml": Hand(**CHATML),
    "smollm2": Hand(
        **CHATML, no_system="<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    ),
    "qwen2_5": Hand(
        **CHATML, no_system="<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    ),
    "qwen3": Hand(**CHATML, lead_of_last="<think>\n\n</think>\n\n"),
    "llama3_1": Hand(
        begin="<|begin_of_text|>", system=LLAMA_SYSTEM, no_system=LLAMA_SYSTEM.format(""), strips=True, close="<|eot_id|>",
        user="<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>", answer="<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "mistral": Hand(begin="<s>", system="{}\n\n", in_turn="last", user="[INST] {}[/INST]", answer="", lead=" ", close="</s>"),
    "mistral_v1": Hand(begin="<s>", system="{}\n\n", in_turn="first", user="[INST] {} [/INST]", answer="", lead=" ", close="</s>"),
    "gemma": Hand(
        begin="<bos>", system="{}\n\n", in_turn="first", user="<start_of_turn>user\n{}<end_of_turn>\n", answer="<start_of_turn>model\n",
        close="<end_of_turn>", after="\n", strips=True,
    ),
    "phi3": Hand(
        system="<|system|>\n{}<|end|>\n", user="<|user|>\n{}<|end|>\n", answer="<|assistant|>\n", close="<|end|>", after="\n",
        end="<|endoftext|>",
    ),
    "gptoss": Hand(
        begin=HARMONY, system="<|start|>developer<|message|># Instructions\n\n{}\n\n<|end|>", user="<|start|>user<|message|>{}<|end|>",
        answer="<|start|>assistant", lead="<|channel|>final<|message|>", close="<|end|>", close_last="<|return|>",
    ),
}  # fmt: skip
# How much each answer of a row is learned, where that is not everything; by the marks that the row has.
LEARNED = {
    "weight 0, then 1": (0, 1), "train false": (0, 1), "weight a fraction": (0.25, 1), "a turn's label": (0, 1), "row's label": (0,),
    "masked": (0, 1), "only the last answer": (0, 1), "three exchanges, one of no weight": (1, 0, 1),
    "a whole row of half weight": (0.5, 0.5),
}  # fmt: skip
PLAIN = (
    "one exchange", "system", "two exchanges", "system, two exchanges", "space around", "other scripts", "empty system", "parts",
    "code in an answer", "JSON in an answer", "letters that run the other way", *LEARNED,
)  # fmt: skip


def by_hand(hand, kind):
    """The pieces of a row with their weights, put together from what stands around each turn."""
    said = [
        (turn["role"], "\n".join(part["text"] for part in turn["content"]) if isinstance(turn["content"], list) else turn["content"])
        for turn in RECORDS[kind]["messages"]
    ]  # fmt: skip
    system = next((text for role, text in said if role == "system" and text), "")
    turns = [(role, text.strip() if hand.strips else text) for role, text in said if role != "system"]
    asked = [at for at, (role, _) in enumerate(turns) if role == "user"]
    joined = {"first": asked[0], "last": asked[-1]}.get(hand.in_turn)
    pieces = [(hand.begin, 0)]
    if joined is None:
        pieces.append((hand.system.format(system) if system else hand.no_system, 0))
    weights = iter(LEARNED.get(kind, (1,) * len(turns)))
    for at, (role, text) in enumerate(turns):
        if role == "user":
            given = hand.system.format(system) + text if system and at == joined else text
            pieces.append((hand.user.format(given), 0))
            continue
        is_last = at == len(turns) - 1
        lead = hand.lead + (hand.lead_of_last if is_last else "")
        told = text.lstrip("\n") if "think" in lead else text
        close = hand.close_last if is_last and hand.close_last else hand.close
        pieces += [(hand.answer, 0), (lead + told + close, next(weights)), (hand.after, 0)]
    return [*pieces, (hand.end, 0)]


@pytest.mark.parametrize("name", NAMES)
def test_twenty_rows_are_those_that_are_put_together_by_hand(name):
    kept = json.loads(FILE.read_text("utf-8"))[name]
    tokenizer = merging_tokenizer(name)
    if hashlib.sha256(tokenizer.chat_template.encode()).hexdigest()[:16] != kept["template"]:
        pytest.skip(f"TRL ships another template {name} than the one that was written down by hand")
    learning = TurnTokens(tokenizer, "assistant")
    assert len(PLAIN) == 20
    for kind in PLAIN:
        stretches = [
            ("".join(text for text, _ in group), weight)
            for weight, group in itertools.groupby(by_hand(HANDS[name], kind), key=lambda piece: piece[1])
        ]
        # What is learned and what is not are split into tokens apart: none stands in both.
        each = [(tokenizer(text, add_special_tokens=False).input_ids, weight) for text, weight in stretches]
        row = learning.row(chat_row(kind))
        assert list(row.input_ids) == [token for ids, _ in each for token in ids], kind
        assert list(row.weights) == [weight for ids, weight in each for _ in ids], kind
        assert kept["rows"][kind]["ids"] == packed(row.input_ids), kind
        assert tokenizer.decode(row.input_ids) == "".join(text for text, _ in stretches), kind
