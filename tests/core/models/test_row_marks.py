"""Marks of rows and turns in every trainer's spelling: which tokens are then learned, and which marks are said not to be."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("transformers")

from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.models.row_marks import UnfitRow, heeded_marks, turn_weight, unheeded_marks
from tamis.recipes.rows import TurnTokens
from tests.support.chat_rows import says, user
from tests.support.chat_templates import merging_tokenizer

TEMPLATES = ("chatml", "llama3_1", "qwen3", "mistral", "gemma", "gptoss")
# Whose spelling, the mark of what is not learned, and that of what is.
OF_TURNS = {
    "OpenAI, Mistral, Axolotl's weight": ("weight", 0, 1),
    "weight as text": ("weight", "0", "1"),
    "LLaMA-Factory": ("loss_weight", 0.0, 1.0),
    "ms-swift's loss_scale": ("loss_scale", 0, 1.0),
    "ms-swift and XTuner": ("loss", False, True),
    "loss as a number": ("loss", 0, 1),
    "Axolotl's train": ("train", False, True),
    "Axolotl's training": ("training", False, True),
    "train as text": ("train", "false", "true"),
    "train as a number": ("train", 0, 1),
    "Tinker": ("trainable", False, True),
    "home-llm": ("train_on_turn", False, True),
    "torchtune": ("masked", True, False),
    "mask": ("mask", True, False),
    "mask as a number": ("mask", 1, 0),
    "label": ("label", False, True),
    "LLaMA-Factory's KTO": ("kto_tag", False, True),
}
OF_ROWS = {
    "Fireworks": ("weight", 0),
    "weight as text, of a CSV file": ("weight", "0"),
    "weight 0.0": ("weight", 0.0),
    "below 0": ("weight", -1),
    "loss_weight": ("loss_weight", 0),
    "sample_weight": ("sample_weight", 0),
    "TRL's and ms-swift's KTO": ("label", False),
    "label as text": ("label", "false"),
    "label as text in capitals": ("label", "False"),
    "LLaMA-Factory's KTO": ("kto_tag", False),
    "desirable": ("desirable", False),
    "undesirable": ("kto_label", "undesirable"),
    "train": ("train", False),
    "trainable": ("trainable", False),
    "train_on_turn": ("train_on_turn", 0),
    "loss": ("loss", False),
    "mask": ("mask", True),
    "masked": ("masked", 1),
}


@pytest.fixture(scope="module", params=TEMPLATES)
def tokenizer(request):
    return merging_tokenizer(request.param)


def learned(tokenizer, record) -> list[str]:
    """What is learned of a row, with the weight where it is not 1."""
    row = TurnTokens(tokenizer, "assistant").row(read_chat_row(record))
    pairs = itertools.groupby(zip(row.input_ids, row.weights, strict=True), key=lambda pair: pair[1])
    texts = [(weight, tokenizer.decode([token for token, _ in group])) for weight, group in pairs if weight]
    return [text if weight == 1 else f"{weight:g}: {text}" for weight, text in texts]


def plain(tokenizer) -> list[str]:
    return learned(tokenizer, {"messages": [user("Hi?"), says("Ho."), user("And?"), says("So.")]})


def test_turns_marked_in_any_spelling_are_learned_or_not(tokenizer):
    first, last = plain(tokenizer)
    assert "Ho." in first
    for whose, (name, no, yes) in OF_TURNS.items():
        for marks in itertools.product((no, yes), repeat=2):
            messages = [
                user("Hi?"), says("Ho.", **{name: marks[0]}), user("And?"), says("So.", **{name: marks[1]}),
            ]  # fmt: skip
            expected = [text for text, mark in zip((first, last), marks, strict=True) if mark is yes]
            assert learned(tokenizer, chat_record(messages, {})) == expected, (whose, marks)


def test_rows_marked_in_any_spelling_are_learned_or_not(tokenizer):
    messages = [user("Hi?"), says("Ho."), user("And?"), says("So.")]
    whole = plain(tokenizer)
    for whose, (name, no) in OF_ROWS.items():
        assert learned(tokenizer, chat_record(messages, {name: no})) == [], whose
        assert learned(tokenizer, chat_record(messages, {name: None})) == whole, whose
    assert learned(tokenizer, chat_record(messages, {"mask_history": True})) == whole[1:]
    assert learned(tokenizer, chat_record(messages, {"weight": 0.5})) == [f"0.5: {text}" for text in whole]


@pytest.mark.parametrize(
    "fields",
    [
        {"label": 1}, {"label": "sports"}, {"label": 3}, {"label": True}, {"loss": 0.2}, {"loss": 0.0}, {"train": "yes"},
        {"mask": "User"}, {"weight": "12 kg"}, {"weight": 1}, {"label": 0, "rejected": "the other answer"},
        {"label": False, "rejected": "the other answer"}, {"label": 0}, {"label": 0.0}, {"label": "0"}, {"loss": 0}, {"train": 0}, {"mask": 1},
    ],
)  # fmt: skip
def test_what_is_no_mark_changes_nothing(fields):
    record = chat_record([user("Hi?"), says("Ho.")], fields)
    assert set(record) == {"messages"}
    assert read_chat_row(record).weight == 1


def test_marks_are_named_whether_they_are_heeded_or_not():
    turns = [user("Hi?"), says("Ho.", weight=0.5, sft_mask=1, train=True)]
    fields = {
        "label": False, "mask_history": True, "is_trainable": False, "loss_mask": [0, 1], "loss": 0.7, "weight": "12 kg",
        "topic_label": "sports", "id": 7, "trainer": "me", "mask": "User",
    }  # fmt: skip
    assert list(heeded_marks(turns, fields)) == ["label", "mask_history", "weight of turns"]
    assert list(unheeded_marks(turns, fields)) == [
        "is_trainable", "loss_mask", "loss", "weight", "sft_mask of turns",
    ]  # fmt: skip
    assert list(unheeded_marks([], {"label": 0, "train": 0})) == ["label", "train"]
    # The number of a class is none of a turn's marks either.
    assert [turn_weight(says("Ho.", label=number)) for number in (0, 3, "0", False)] == [1, 1, 1, 0]


@pytest.mark.parametrize("name", ["train_detail", "training_detail"])
def test_marks_of_parts_of_a_turn_are_counted_by_their_name(name):
    with pytest.raises(UnfitRow, match=name):
        turn_weight(says("Ho.", **{name: [{"begin_offset": 0, "end_offset": 1, "train": False}]}))
