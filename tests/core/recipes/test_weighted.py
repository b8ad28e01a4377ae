"""Weights per token: what the loss makes of them, and that a training carries them through batches and packing."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from tamis.models.chat_rows import ChatRow, chat_record, read_chat_row  # noqa: E402
from tamis.models.row_marks import UnfitRow, turn_weight  # noqa: E402
from tamis.recipes import SftOptions  # noqa: E402
from tamis.recipes.rows import MARKED, NOT_LEARNED, TurnTokens, prepare_rows  # noqa: E402
from tamis.recipes.tokenizers import load_tokenizer  # noqa: E402
from tamis.recipes.weighted import WEIGHTS, WeightedCollator, weighted_loss  # noqa: E402
from tests.core.recipes.conftest import train, turn, weights  # noqa: E402


def marked(prompt, response, **marks):
    user, answer = turn(prompt, response)
    return [user, answer | marks]


def write(path, rows):
    path.write_text(
        "".join(json.dumps(row if isinstance(row, dict) else {"messages": row}) + "\n" for row in rows)
    )
    return path


def test_the_loss_is_the_weighted_sum_over_the_tokens_that_are_learned():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, generator=generator)
    labels = torch.tensor(
        [[NOT_LEARNED, 2, 3, NOT_LEARNED, 4], [NOT_LEARNED, NOT_LEARNED, 6, 1, NOT_LEARNED]]
    )
    own = torch.tensor([[0, 0.5, 2.0, 0, 1.0], [0, 0, 0.25, 1.0, 0]])
    logs = torch.log_softmax(logits, dim=-1)
    total, count = 0.0, 0
    for row in range(2):
        for place in range(1, 5):
            if labels[row, place] != NOT_LEARNED:
                total -= float(own[row, place] * logs[row, place - 1, labels[row, place]])
                count += 1
    assert float(weighted_loss(logits, labels, own)) == pytest.approx(total / count)
    assert float(weighted_loss(logits, labels, own, 10)) == pytest.approx(total / 10)


def test_a_batch_holds_each_tokens_weight_where_the_token_stands():
    rows = [
        {"input_ids": [1, 2, 3], "labels": [NOT_LEARNED, 2, 3], WEIGHTS: [0.0, 0.5, 1.0]},
        {"input_ids": [4, 5], "labels": [NOT_LEARNED, 5], WEIGHTS: [0.0, 2.0]},
    ]
    batch = WeightedCollator(pad_token_id=0)(rows)
    assert batch[WEIGHTS].tolist() == [[0.0, 0.5, 1.0], [0.0, 2.0, 0.0]]
    flat = WeightedCollator(pad_token_id=0, padding_free=True)(rows)
    assert flat[WEIGHTS].tolist() == [[0.0, 0.5, 1.0, 0.0, 2.0]]
    assert flat["labels"].shape == flat[WEIGHTS].shape


@pytest.mark.parametrize(
    ("marks", "weight"),
    [
        ({}, 1), ({"weight": 0}, 0), ({"weight": 0.5, "loss_weight": 0.5}, 0.25), ({"train": False}, 0),
        ({"train": True, "weight": 2}, 2), ({"label": False}, 0), ({"weight": None, "train": None}, 1),
        ({"loss": False}, 0), ({"loss": 0.3}, 1), ({"loss_scale": 0.5}, 0.5), ({"kto_tag": False}, 0),
    ],
)  # fmt: skip
def test_marks_of_a_turn_are_multiplied(marks, weight):
    assert turn_weight({"role": "assistant", "content": "x", **marks}) == weight


@pytest.mark.parametrize(
    "marks", [{"weight": "much"}, {"weight": -1}, {"loss_weight": float("nan")}, {"train": "no"}]
)
def test_a_mark_that_says_nothing_is_named(marks):
    with pytest.raises(UnfitRow, match=f"have a turn whose {next(iter(marks))} is"):
        turn_weight({"role": "assistant", "content": "x", **marks})


def test_marks_of_a_row_weigh_all_of_it(tiny):
    def weights_of(**fields):
        record = chat_record(turn("a", "bc"), fields)
        return set(TurnTokens(load_tokenizer(tiny), "assistant").row(read_chat_row(record)).weights)

    assert weights_of() == weights_of(label=1, train="yes", loss=0.2) == {0.0, 1.0}
    assert weights_of(weight=7) == {0.0, 7.0}
    assert weights_of(weight=0) == weights_of(label="false") == weights_of(label="undesirable") == {0.0}
    assert (
        weights_of(label=0) == weights_of(label="0") == weights_of(train=0) == {0.0, 1.0}
    )  # a class, a split
    assert weights_of(label=False) == weights_of(kto_tag=False) == weights_of(train=False) == {0.0}
    assert weights_of(loss_weight=0.25) == {0.0, 0.25}


def test_marks_of_parts_of_a_turn_are_said_to_be_beyond_it():
    with pytest.raises(UnfitRow, match="train_detail"):
        turn_weight(
            {
                "role": "assistant",
                "content": "x",
                "train_detail": [{"begin_offset": 0, "end_offset": 0, "train": False}],
            }
        )


def test_marks_reach_the_tokens_of_their_turn(tiny):
    tokenizer = load_tokenizer(tiny)
    row = ChatRow((*marked("a", "bc", weight=0), *marked("d", "ef", loss_weight=0.5), *marked("g", "h")))
    learned = TurnTokens(tokenizer, "assistant").row(row)
    runs = []
    for token, weight in zip(learned.input_ids, learned.weights, strict=True):
        if weight:
            runs.append((tokenizer.decode([token]), weight))
    assert runs == [("e", 0.5), ("f", 0.5), ("<|stop|>", 0.5), ("h", 1.0), ("<|stop|>", 1.0)]
    everything = TurnTokens(tokenizer, "all").row(row)
    assert everything.weights.count(0.0) == 3  # b, c and the end behind them
    assert everything.labels[0] == everything.input_ids[0]


def test_rows_that_are_not_to_be_learned_are_counted(tiny, tmp_path):
    rows = [
        {"messages": turn("a", "b"), "label": False},
        marked("a", "b", train=False),
        turn("a", "b"),
        [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "b"}],
        {"messages": turn("a", "b"), "images": ["a.png"]},
    ]
    prepared = prepare_rows(write(tmp_path / "rows.jsonl", rows), load_tokenizer(tiny), SftOptions(), 1000)
    assert len(prepared.rows) == 1
    assert prepared.fit.reasons == {MARKED: 2, "have images or other parts that a text model cannot read": 2}
    assert "2 are marked as not to be learned" in prepared.fit.text


def test_rows_of_one_weight_train_as_their_loss_says(make, tmp_path):
    """AdamW does not see the size of a gradient, so halves train as wholes do; nothing does."""
    whole = train(make("whole"), max_grad_norm=0, weight_decay=0)
    rows = [marked(f"What is {i} plus {i}?", f"It is {2 * i}.", weight=0.5) for i in range(16)]
    half = train(
        make("half", train_file=write(tmp_path / "half.jsonl", rows)), max_grad_norm=0, weight_decay=0
    )
    assert half.fit.n_learned == whole.fit.n_learned
    losses = [[p.value for p in done.curves if p.name == "loss"] for done in (half, whole)]
    assert losses[0][0] == pytest.approx(losses[1][0] / 2, rel=1e-3)
    moved = [weights(done.folder) for done in (half, whole)]
    assert all(torch.allclose(moved[0][name], moved[1][name], atol=2e-3) for name in moved[0])


@pytest.mark.parametrize("more", [{}, {"packing": True}])
def test_what_weighs_more_is_learned_more(make, tmp_path, more):
    rows = [[*marked("Say", "xxxx", weight=4.0)], [*marked("Say", "yyyy", weight=0.1)]] * 8
    done = train(make("run", train_file=write(tmp_path / "rows.jsonl", rows)), num_train_epochs=6, **more)
    from tests.core.recipes.test_sft import open_model

    found = open_model(done.folder).loglikelihood(["Say", "Say"], ["xxxx", "yyyy"]).mean
    assert found[0] > found[1] + 0.5


def test_marks_of_users_turns_weigh_where_everything_is_learned(tiny):
    tokenizer = load_tokenizer(tiny)
    for template in (
        tokenizer.chat_template,
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
    ):
        tokenizer.chat_template = template
        user, answer = turn("abc", "d")
        row = TurnTokens(tokenizer, "all").row(ChatRow((user | {"weight": 0.5}, answer)))
        halves = [token for token, weight in zip(row.input_ids, row.weights, strict=True) if weight == 0.5]
        assert tokenizer.decode(halves) == "abc"
        assert row.weights.count(1.0) == len(row.weights) - 3
