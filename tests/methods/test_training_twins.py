"""What a fine-tuning learns and how fast, beside the rendered text and the formulas of METHODS.md 1.5."""

from __future__ import annotations

import math

import pytest

from tamis.models.chat_rows import ChatRow
from tamis.recipes.rows import NOT_LEARNED, TurnTokens
from tamis.recipes.tokenizers import load_tokenizer
from tests.core.recipes.conftest import train, turn

TALKS = [
    turn("What is 3 plus 4?", "It is 7."),
    [*turn("Hi?", "Ho."), *turn("And then?", "So it is.\nTwo lines.")],
    [{"role": "system", "content": "Be brief."}, *turn("Why?", "Because.")],
    turn("Say the mark", "the word user and assistant"),
]


def learned_characters(rendered: str, messages: list[dict[str, str]], stop: str) -> list[bool]:
    """Which characters of the rendered conversation belong to an answer or to the mark right after it."""
    mask, at = [False] * len(rendered), 0
    for message in messages:
        at = rendered.index(message["content"], at)
        end = at + len(message["content"])
        if message["role"] == "assistant":
            closing = end + len(stop) if rendered[end:].startswith(stop) else end
            mask[at:closing] = [True] * (closing - at)
        at = end
    return mask


@pytest.mark.parametrize("messages", TALKS)
def test_learned_tokens_are_those_of_the_answers_and_their_end(tiny, messages: list[dict[str, str]]) -> None:
    tokenizer = load_tokenizer(tiny)
    row = TurnTokens(tokenizer, "assistant").row(ChatRow(tuple(messages)))
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    mask = learned_characters(rendered, messages, tokenizer.eos_token)
    whole = tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
    assert row.input_ids == whole["input_ids"]
    expected = [
        token if any(mask[low:high]) else NOT_LEARNED
        for token, (low, high) in zip(whole["input_ids"], whole["offset_mapping"], strict=True)
    ]
    assert row.labels == expected


@pytest.mark.slow
def test_the_learning_rate_warms_up_and_falls_along_a_cosine(make) -> None:
    done = train(make(), num_train_epochs=5, warmup_ratio=0.1, learning_rate=1e-2, lr_scheduler_type="cosine")
    rates = [point.value for point in done.curves if point.name == "learning_rate"]
    total = 5 * math.ceil(16 / 2)
    warm = int(0.1 * total)
    assert (done.n_steps, len(rates)) == (total, total)

    def rate(step: int) -> float:
        if step < warm:
            return 1e-2 * step / warm
        return 1e-2 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))

    assert rates == pytest.approx([rate(step) for step in range(total)], rel=1e-6, abs=1e-12)


def test_the_loss_is_a_mean_over_learned_tokens() -> None:
    """The recipe's library shifts labels by one and leaves out what is not learned: held against a plain loop."""
    torch = pytest.importorskip("torch")
    from transformers.loss.loss_utils import ForCausalLMLoss

    torch.manual_seed(0)
    logits = torch.randn(2, 6, 11)
    labels = torch.tensor([[-100, -100, 3, 4, 5, -100], [-100, 7, -100, -100, -100, 9]])
    found = float(ForCausalLMLoss(logits, labels, vocab_size=11))
    terms = []
    for b in range(2):
        for i in range(5):
            wanted = int(labels[b, i + 1])
            if wanted != -100:
                row = logits[b, i].double()
                terms.append(float(torch.logsumexp(row, 0) - row[wanted]))
    assert found == pytest.approx(sum(terms) / len(terms), rel=1e-6)
