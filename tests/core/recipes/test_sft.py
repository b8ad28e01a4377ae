"""Fine-tuning the tiny model: what is learned, what is kept, what is said when it goes wrong."""

from __future__ import annotations

import json
import math

import pytest

from tamis.errors import CurationError, JobCancelled
from tamis.llms import LLMS, TransformersOptions
from tamis.recipes import TrainingOutOfMemory
from tests.core.llms.conftest import build_model
from tests.core.recipes.conftest import train, turn, weights, write_rows

torch = pytest.importorskip("torch")


class Stop:
    """Cancels a run at a step."""

    def __init__(self, step):
        self.step = step

    def __call__(self, done, total, message):
        if total and done >= self.step:
            raise JobCancelled("stop")


def open_model(folder):
    options = TransformersOptions(model=str(folder), dtype="float32", device="cpu")
    return LLMS["transformers"].load()(options, folder)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_an_adapter_learns_its_rows_and_opens_as_a_language_model(make, tiny):
    points = []
    done = train(make(on_metric=lambda *point: points.append(point)), num_train_epochs=6, learning_rate=3e-2)
    prompts, responses = ["What is 3 plus 3?"], ["It is 6."]
    before = open_model(tiny).loglikelihood(prompts, responses).mean[0]
    after = open_model(done.folder).loglikelihood(prompts, responses).mean[0]
    assert after > before + 1
    assert done.stopped == ""
    assert done.n_steps == 48
    assert done.fit.n_rows == 16
    assert done.n_tokens == done.fit.n_tokens * 6
    assert {name for name, _, _ in points} >= {
        "loss",
        "eval_loss",
        "learning_rate",
        "tokens_per_s",
        "memory_mb",
    }
    losses = [point.value for point in done.curves if point.name == "loss"]
    assert len(losses) == 48
    assert losses[-1] < losses[0]
    assert not list(done.folder.glob("*.bin")) + list(done.folder.glob("*.pt"))


def test_a_run_of_one_step_learns(make):
    done = train(make(), max_steps=1, warmup_ratio=0.05)
    rates = [point.value for point in done.curves if point.name == "learning_rate"]
    assert done.n_steps == 1
    assert rates[0] > 0
    moved = [value for name, value in weights(done.folder).items() if "lora_B" in name]
    assert max(float(value.abs().max()) for value in moved) > 0


def test_a_finished_training_is_not_done_again(make):
    first = train(make())

    def fail(*_given):
        raise AssertionError("it trained again")

    again = train(make(on_progress=fail))
    assert again == first


@pytest.mark.parametrize("recipe", ["sft_lora", "sft_full"])
@pytest.mark.parametrize("step", [1, 5])
def test_a_run_stopped_at_a_step_and_resumed_ends_with_the_same_weights(make, recipe, step):
    more = {"lora_dropout": 0.1} if recipe == "sft_lora" else {}
    whole = train(make("whole"), recipe, **more)
    with pytest.raises(JobCancelled):
        train(make("cut", on_progress=Stop(step)), recipe, **more)
    cut = train(make("cut"), recipe, **more)
    assert same(weights(cut.folder), weights(whole.folder))
    assert cut.n_steps == whole.n_steps == 8
    assert cut.n_tokens == whole.n_tokens
    steps = [[p.step for p in done.curves if p.name == "loss"] for done in (cut, whole)]
    assert steps[0] == steps[1] == list(range(1, 9))


def test_a_half_written_checkpoint_is_not_resumed_from(make):
    request = make("cut", on_progress=Stop(5))
    with pytest.raises(JobCancelled):
        train(request)
    broken = request.folder / "checkpoints" / "checkpoint-7"
    broken.mkdir()
    (broken / "adapter_model.safetensors").write_bytes(b"half")
    cut = train(make("cut"))
    assert same(weights(cut.folder), weights(train(make("whole")).folder))


@pytest.mark.parametrize("recipe", ["sft_lora", "sft_full"])
def test_losses_are_means_over_tokens_however_rows_are_batched(make, tiny, tmp_path, recipe):
    """Rows of a few and of many tokens: a mean of means of batches depends on how rows come together."""
    rows = [turn(f"Say {i}.", "word " * (1 if i % 2 else 20 + i)) for i in range(12)]
    file = tmp_path / "uneven.jsonl"
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    given = {"train_file": file, "eval_file": file}
    still = {"learning_rate": 1e-12, "num_train_epochs": 1, "eval_steps": 1.0}
    batches = [(1, 1, 1), (4, 1, 1), (2, 3, 1), (3, 1, 4)]
    found = [
        train(
            make(f"run{i}", **given), recipe, **still, per_device_train_batch_size=size,
            gradient_accumulation_steps=several, logging_steps=every,
        )
        for i, (size, several, every) in enumerate(batches)
    ]  # fmt: skip
    scored = open_model(tiny).loglikelihood(
        [row[0]["content"] for row in rows], [row[1]["content"] for row in rows]
    )
    per_row = float(-scored.mean.mean())
    for one in found:
        assert one.eval_loss == pytest.approx(found[0].eval_loss, abs=2e-4)
        assert one.train_loss == pytest.approx(one.eval_loss, abs=2e-4)
        assert (
            abs(one.train_loss - per_row) > 2e-3
        )  # where every row counts alike, and the end is not looked at


def test_the_seed_decides_the_order_of_rows(make):
    first, second = train(make("a", seed=1)), train(make("b", seed=2))
    assert not same(weights(first.folder), weights(second.folder))


def test_all_weights_can_be_trained(make, tiny):
    done = train(make(), "sft_full")
    assert (done.folder / "config.json").exists()
    assert not same(weights(done.folder), weights(tiny))
    assert open_model(done.folder).complete(["What is 1 plus 1?"], max_new_tokens=3)


def test_an_adapter_can_be_trained_further(make):
    first = train(make("first"))
    second = train(make("second", model=first.folder))
    config = json.loads((second.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(make().model)
    assert not same(weights(first.folder), weights(second.folder))
    merged = train(make("merged", model=first.folder), "sft_full")
    assert (merged.folder / "config.json").exists()


def test_a_model_without_template_and_pad_token_gets_both(make, tmp_path):
    bare = build_model(tmp_path / "bare", chat=False)
    settings = json.loads((bare / "tokenizer_config.json").read_text())
    settings["pad_token"] = None
    (bare / "tokenizer_config.json").write_text(json.dumps(settings))
    done = train(make(model=bare), num_train_epochs=6, learning_rate=3e-2)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(done.folder)
    assert "### Response:" in tokenizer.chat_template
    assert tokenizer.pad_token
    prompts, responses = ["What is 3 plus 3?"], ["It is 6."]
    base, tuned = open_model(bare), open_model(done.folder)
    assert base._prompts.contexts(prompts) == tuned._prompts.contexts(prompts)
    assert (
        tuned.loglikelihood(prompts, responses).mean[0] > base.loglikelihood(prompts, responses).mean[0] + 1
    )


def test_packing_reads_the_same_tokens_in_fewer_steps(make):
    apart = train(make("apart"), max_length=1024)
    packed = train(make("packed"), max_length=1024, packing=True)
    assert packed.n_steps < apart.n_steps
    assert math.isfinite(packed.eval_loss)


def test_no_row_that_can_be_learned_is_said_with_the_reason(make):
    with pytest.raises(CurationError, match="16 have no answer within that.*Raise max_length"):
        train(make(), max_length=8)


def test_a_loss_that_is_no_number_keeps_the_last_sound_checkpoint(make, monkeypatch):
    spoil_at(monkeypatch, 6)
    done = train(make(), save_steps=2)
    assert done.stopped == "nan loss"
    assert done.n_steps == 4
    assert all(bool(torch.isfinite(value).all()) for value in weights(done.folder).values())
    monkeypatch.undo()
    kept = make("short", on_progress=Stop(4))
    with pytest.raises(JobCancelled):
        train(kept, save_steps=2)
    assert same(weights(done.folder), weights(kept.folder / "checkpoints" / "checkpoint-4"))


def test_a_loss_that_is_no_number_from_the_start_says_what_to_lower(make, monkeypatch):
    spoil_at(monkeypatch, 1)
    with pytest.raises(CurationError, match="no number at step 1.*Lower learning_rate"):
        train(make())


def spoil_at(monkeypatch, step):
    from trl import SFTTrainer

    real = SFTTrainer.compute_loss

    def spoilt(self, *given, **named):
        loss = real(self, *given, **named)
        return loss * float("nan") if self.model.training and self.state.global_step >= step - 1 else loss

    monkeypatch.setattr(SFTTrainer, "compute_loss", spoilt)


def test_out_of_memory_names_the_options_to_lower(make, monkeypatch):
    from trl import SFTTrainer

    def full(*_given, **_named):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(SFTTrainer, "compute_loss", full)
    with pytest.raises(
        TrainingOutOfMemory, match="per_device_train_batch_size 2 → 1.*gradient_checkpointing on"
    ):
        train(make())


def test_early_stopping_keeps_the_best_weights(make, tmp_path):
    # Held-out rows that contradict what is learned: their loss rises soon.
    odd = write_rows(tmp_path / "odd.jsonl", 4, start=100)
    odd.write_text(odd.read_text().replace("It is", "zzzz qqqq"))
    done = train(
        make(eval_file=odd), num_train_epochs=20, eval_steps=4, early_stopping_patience=2, learning_rate=3e-2
    )
    looks = [point.value for point in done.curves if point.name == "eval_loss"]
    assert done.stopped == "early"
    assert done.n_steps < 160
    assert done.eval_loss == pytest.approx(min(looks))
    assert done.eval_loss < looks[-1]


def test_gradient_checkpointing_changes_no_weight(make):
    plain, saving = train(make("a")), train(make("b"), gradient_checkpointing="on")
    for name, value in weights(plain.folder).items():
        torch.testing.assert_close(value, weights(saving.folder)[name], rtol=1e-3, atol=1e-4)
