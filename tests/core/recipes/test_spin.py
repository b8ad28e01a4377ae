"""Self-play over the tiny model: what is a pair, what the reference is, and the loss at the first step."""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip("trl")

import torch

from tamis.errors import CurationError
from tamis.llms import LLMS, TransformersOptions
from tamis.recipes import SpinOptions
from tamis.recipes.callbacks import Watch
from tamis.recipes.sft import load_model
from tamis.recipes.spin import CUT, EMPTY, NO_ROOM, SAME, _trainer, read_pairs
from tamis.recipes.tokenizers import load_tokenizer
from tests.core.recipes.conftest import train

SPIN = {"lora_r": 4, "lora_alpha": 8}


def pair(i, own="It is many.", cut=False):
    return {
        "prompt": [{"role": "user", "content": f"What is {i} plus {i}?"}],
        "chosen": [{"role": "assistant", "content": f"It is {2 * i}."}],
        "rejected": [{"role": "assistant", "content": own}],
        "cut": cut,
    }


def write_pairs(path, pairs):
    path.write_text("".join(json.dumps(one) + "\n" for one in pairs))
    return path


@pytest.fixture
def request_of(make, tmp_path):
    """A request with 12 pairs and 4 held-out ones."""

    def made(name, **given):
        files = {
            "pairs_file": write_pairs(tmp_path / "pairs.jsonl", [pair(i) for i in range(12)]),
            "eval_pairs_file": write_pairs(tmp_path / "held_out.jsonl", [pair(i) for i in range(50, 54)]),
        }
        return make(name, **files | given)

    return made


@pytest.fixture(scope="module")
def tokenizer(tiny):
    return load_tokenizer(tiny)


def read(tmp_path, tokenizer, pairs, **options):
    return read_pairs(write_pairs(tmp_path / "some.jsonl", pairs), tokenizer, SpinOptions(**options), 200)


def test_only_answers_that_differ_are_pairs_and_why_not_is_counted(tmp_path, tokenizer):
    pairs = [
        pair(1),
        pair(2, "it is 4"),
        pair(3, "  "),
        pair(4, "It is very", cut=True),
        pair(5, "It is " + "9" * 300),
    ]
    pairs.append(pair(6) | {"prompt": [{"role": "user", "content": "x" * 300}]})
    made, fit = read(tmp_path, tokenizer, pairs)
    assert len(made) == 2 and fit.n_truncated == 1
    assert fit.reasons == {SAME: 1, EMPTY: 1, CUT: 1, NO_ROOM: 1}


def test_both_answers_are_in_the_one_template_and_end_with_its_mark(tmp_path, tokenizer):
    (made,), _ = read(tmp_path, tokenizer, [pair(3)])
    asked, given, own = (
        tokenizer.decode(ids) for ids in (made.prompt_ids, made.chosen_ids, made.rejected_ids)
    )
    assert asked.endswith("assistant\n")
    assert given == "It is 6.<|stop|>" and own == "It is many.<|stop|>"


def test_a_cut_answer_is_compared_without_marks_over_the_shorter_length(tmp_path, tokenizer):
    (made,), _ = read(tmp_path, tokenizer, [pair(3, "It is very very", cut=True)], cut_pairs="shorten")
    assert tokenizer.decode(made.chosen_ids) == "It is 6."
    assert tokenizer.decode(made.rejected_ids) == "It is ve"


def test_the_loss_begins_at_log_2_in_both_iterations_and_the_given_answers_get_ahead(request_of):
    first = train(request_of("first"), "spin", **SPIN)
    second = train(request_of("second", model=first.folder), "spin", **SPIN)
    for made in (first, second):
        losses = [point.value for point in made.curves if point.name == "loss"]
        assert losses[0] == pytest.approx(math.log(2), abs=1e-4)
    names = {point.name for point in first.curves}
    assert {
        "margin",
        "pair_accuracy",
        "logp_given",
        "eval_margin",
        "eval_pair_accuracy",
        "eval_logp_given",
    } <= names
    margins = [point.value for point in second.curves if point.name == "eval_margin"]
    accuracy = [point.value for point in second.curves if point.name == "eval_pair_accuracy"]
    assert margins[-1] > 0 and accuracy[-1] > 0.5 and second.n_held_out_pairs == 4
    assert (second.folder / "adapter_model.safetensors").exists() and not (second.folder / "ref").exists()


def test_an_adapter_that_is_trained_further_is_its_own_reference(request_of, tokenizer, tmp_path):
    """The reference's summed likelihoods are those of the adapter as it was loaded, whatever becomes of the trained one."""
    first = train(request_of("first"), "spin", **SPIN)
    options = SpinOptions(use_cpu=True, bf16="off", max_length=200, **SPIN)
    request = request_of("second", model=first.folder)
    pairs, _ = read_pairs(request.pairs_file, tokenizer, options, 200)
    model = load_model(first.folder, half=False, trainable=True)
    trainer = _trainer(request, options, model, tokenizer, Watch(request), (pairs, []), half=False)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if ".default." in name:
                weight.add_(0.5)  # as a training would change it
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(3)])
    given, own = trainer.compute_ref_log_probs(trainer.model, batch)
    client = LLMS["transformers"].load()(
        TransformersOptions(model=str(first.folder), dtype="float32", device="cpu"), tmp_path
    )
    for side, found in (("chosen_ids", given), ("rejected_ids", own)):
        for one, value in zip(pairs[:3], found.tolist(), strict=True):
            answer = getattr(one, side)
            logs = client.token_logs([one.prompt_ids + answer])[0]
            assert value == pytest.approx(logs[-len(answer) :].sum(), abs=1e-3)


@pytest.mark.parametrize(("loss", "wanted"), [("sigmoid", 0.5544), ("hinge", 0.7)])
def test_the_loss_of_a_pair_by_hand(loss, wanted, request_of, tokenizer, tiny):
    """β .1, log p −20 and −15 beside −22 and −14 of the reference: the argument is .3; the other way round −.3."""
    options = SpinOptions(use_cpu=True, bf16="off", loss_type=loss, **SPIN)
    request = request_of("hand")
    pairs, _ = read_pairs(request.pairs_file, tokenizer, options, 200)
    trainer = _trainer(
        request,
        options,
        load_model(tiny, half=False, trainable=True),
        tokenizer,
        Watch(request),
        (pairs, []),
        half=False,
    )
    trainer.precompute_ref_logps = True
    batch = dict(trainer.data_collator([trainer.train_dataset[0]]))
    with torch.no_grad():
        given, own = trainer.compute_ref_log_probs(
            trainer.model, batch
        )  # a new adapter says what its base says
    for sign, value in ((1, wanted), (-1, {"sigmoid": 0.8544, "hinge": 1.3}[loss])):
        batch["ref_chosen_logps"], batch["ref_rejected_logps"] = given - 2 * sign, own + 1 * sign
        with torch.no_grad():
            assert float(trainer.compute_loss(trainer.model, dict(batch))) == pytest.approx(value, abs=1e-3)


def test_the_usual_loss_can_stand_beside_it(request_of):
    made = train(request_of("sft", eval_pairs_file=None), "spin", sft_weight=0.5, max_steps=1, **SPIN)
    first = next(point.value for point in made.curves if point.name == "loss")
    assert first > math.log(2) + 0.5 and made.n_held_out_pairs is None


def test_without_pairs_it_says_what_to_name(request_of, tmp_path):
    with pytest.raises(CurationError, match="name the examination"):
        train(request_of("none", pairs_file=None), "spin", **SPIN)
    same = write_pairs(tmp_path / "same.jsonl", [pair(2, "It is 4.")])
    with pytest.raises(CurationError, match="1 are the same as the given ones"):
        train(request_of("same", pairs_file=same), "spin", **SPIN)
