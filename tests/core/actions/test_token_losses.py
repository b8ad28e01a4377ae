"""The loss of each token before and after a run, by the action, by command and by the front door."""

from __future__ import annotations

import json
import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

import tamis
from tamis.actions.token_losses import token_losses
from tamis.cli.main import run
from tamis.errors import CurationError, UnknownName
from tamis.models.adapters import WEIGHTS
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import run_step
from tests.support.chat_rows import says, user
from tests.support.thinking_model import build_thinking_model

RECIPE = {"use_cpu": True, "max_steps": 2, "learning_rate": 0.05, "max_length": 200, "bf16": "off"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A dataset, and a run of two steps on it that takes reasoning."""
    folder = tmp_path_factory.mktemp("losses")
    rows = [[user(f"Say {i}?"), says(f"So: {i}!", reasoning="Hm.")] for i in range(4)]
    rows[1] = [user("Hi 日本?"), says("Ho.", weight=0), user("And?"), says("So.")]
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"messages": one}) + "\n" for one in rows))
    data = tamis.open(folder / "ws").import_file(file, progress=False)
    asked = {
        "model": str(build_thinking_model(folder / "model")), "recipe_options": RECIPE, "held_out_fraction": 0, "n_generate": 0,
    }  # fmt: skip
    return folder / "ws", data, run_step(folder / "ws", data.id, "finetune", asked)


def test_losses_are_those_of_the_models_themselves(trained):
    from transformers import AutoModelForCausalLM

    folder, data, made = trained
    found = token_losses(open_workspace(folder), data.id, 1, run_id=made.id)
    ids = [token for one in found.learned.tokens for token in one.ids]
    model = AutoModelForCausalLM.from_pretrained(made.manifest.options["model"])
    with torch.inference_mode():
        logs = torch.log_softmax(model(torch.tensor([ids])).logits[0, :-1].float(), dim=-1)
    expected = [math.nan, *(-float(logs[i, token]) for i, token in enumerate(ids[1:]))]
    place = 0
    for one, loss in zip(found.learned.tokens, found.base, strict=True):
        own = expected[place : place + len(one.ids)]
        assert loss == pytest.approx(sum(own), rel=0.02, abs=0.05, nan_ok=True), one.text
        place += len(one.ids)
    assert math.isnan(found.tuned[0])
    assert found.base != found.tuned
    learned = [i for i, one in enumerate(found.learned.tokens) if one.weight]
    assert found.means[0] == pytest.approx(sum(found.base[i] for i in learned) / len(learned))
    assert (made.path / WEIGHTS).is_dir()


def test_the_command_and_the_result_tell_the_same(trained, capsys):
    folder, data, made = trained
    asked = ["--workspace", str(folder), "tokens", "--dataset", data.id, "--row", "0", "--by", "loss"]
    assert run(asked) == 0
    shown = capsys.readouterr().out
    assert "before   after  token" in shown
    assert "'<|im_end|>'" in shown
    assert "mean loss of a learned token" in shown
    assert run([*asked, "--run", made.id, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    by_method = next(one for one in data.results("adapter") if one.id == made.id).token_losses(0)
    assert found["means"] == pytest.approx(by_method.means)
    assert found["base"][0] is None


def test_a_run_and_a_row_that_are_not_there_are_named(trained):
    folder, data, _ = trained
    with pytest.raises(UnknownName, match="nothing"):
        token_losses(open_workspace(folder), data.id, 0, run_id="nothing")
    with pytest.raises(CurationError, match="There is no row 99: rows go from 0 to"):
        token_losses(open_workspace(folder), data.id, 99)
