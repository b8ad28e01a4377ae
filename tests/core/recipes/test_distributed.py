"""One training in two processes, which stand for two GPUs."""

from __future__ import annotations

import pytest

from tamis.errors import CurationError, JobCancelled
from tamis.recipes import SftLoraOptions, distributed
from tamis.recipes.distributed import launch
from tests.core.recipes.conftest import LORA, QUICK, train, weights

pytestmark = pytest.mark.slow


@pytest.mark.nightly
def test_two_processes_train_one_adapter_stop_together_and_go_on(make, monkeypatch):
    # Steps of a tiny model take milliseconds: looked at twice a second, it would be done before it is stopped.
    monkeypatch.setattr(distributed, "POLL_S", 0.01)
    epochs = {"num_train_epochs": 10}
    options = SftLoraOptions(**QUICK | epochs, **LORA)
    seen = []

    def stop_at_two(step, n_steps, message):
        seen.append((step, n_steps))
        if step >= 2:
            raise JobCancelled("stop")

    request = make("two", on_progress=stop_at_two)
    with pytest.raises(JobCancelled):
        launch(request, "sft_lora", options, 2)
    left = [path.name for path in (request.folder / "checkpoints").iterdir()]
    assert left
    assert not (request.folder / "trained.json").exists()
    points = []
    launch(make("two", on_metric=lambda *point: points.append(point)), "sft_lora", options, 2)
    done = train(make("two"), **epochs)
    # 16 rows in batches of two in two processes are four steps.
    assert done.n_steps == 40
    assert max(n_steps for _, n_steps in seen) == 40
    assert [p.step for p in done.curves if p.name == "loss"] == list(range(1, 41))
    assert {name for name, _, _ in points} >= {"loss", "learning_rate"}
    alone = train(make("alone"), per_device_train_batch_size=4)
    assert weights(done.folder).keys() == weights(alone.folder).keys()


@pytest.mark.nightly
def test_what_is_wrong_in_a_process_is_said_by_its_own_message(make):
    with pytest.raises(CurationError, match="No row can be learned from"):
        launch(make(), "sft_lora", SftLoraOptions(**QUICK | {"max_length": 8}), 2)
