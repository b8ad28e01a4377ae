"""Rows to learn, and a request to train the tiny model on them."""

from __future__ import annotations

import json

import pytest

from tamis.recipes import RECIPES, TrainingRequest
from tamis.registry import parse_options
from tests.core.llms.conftest import build_model
from tests.support.threads import one_thread

__all__ = ["one_thread"]  # a fixture

QUICK = {
    "num_train_epochs": 1,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "bf16": "off",
    "use_cpu": True,
    "max_length": 200,
    "learning_rate": 1e-2,
}
LORA = {"lora_r": 4, "lora_alpha": 8}


def write_rows(path, n, start=0):
    rows = [turn(f"What is {i} plus {i}?", f"It is {2 * i}.") for i in range(start, start + n)]
    path.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    return path


def turn(prompt, response):
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    pytest.importorskip("trl")
    return build_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def make(tiny, tmp_path):
    """A request over 16 rows and 4 held-out ones, in a folder of its own."""

    def made(name="run", *, model=tiny, **given):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        values = {
            "model": model,
            "train_file": write_rows(tmp_path / "train.jsonl", 16),
            "eval_file": write_rows(tmp_path / "eval.jsonl", 4, start=100),
            "folder": folder,
            "seed": 3,
        }
        return TrainingRequest(**(values | given))

    return made


def train(request, recipe="sft_lora", **values):
    row = RECIPES[recipe]
    given = QUICK | (LORA if recipe == "sft_lora" else {}) | values
    return row.load()(request, parse_options(row.options, given))


def weights(folder):
    from safetensors.torch import load_file

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found
