"""Estimates before a run: what a few rows took, scaled to all of them."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from tamis.cli.main import run as tamis
from tamis.errors import InvalidOptions
from tamis.jobs.forecast.llm import Metered, forecast_models, sample_rows
from tamis.llms.scripted import ScriptedModel
from tamis.protocols import Usage
from tamis.store.artifacts.store import ArtifactStore
from tests.core.store.small_workspace import DATASET, make_rows, write_confidence, write_dataset

N = 60


@pytest.fixture
def store(tmp_path):
    store = ArtifactStore(tmp_path / "ws")
    write_dataset(store, make_rows(N))
    write_confidence(store, N)
    return store


def seconds():
    """A clock that goes on by one at every look."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


def test_the_sample_is_spread_from_the_shortest_to_the_longest():
    lengths = np.array([5, 100, 1, 50, 10, 1000, 20, 2])
    assert sorted(lengths[sample_rows(lengths, 4)].tolist()) == [2, 10, 50, 1000]
    assert sorted(lengths[sample_rows(lengths, 2)].tolist()) == [5, 100]
    assert sample_rows(lengths, 99).tolist() == list(range(8))
    assert len(sample_rows(np.array([], dtype=np.int64), 4)) == 0


def test_questions_of_a_score_grow_with_the_rows(store):
    found = forecast_models(
        store, DATASET, "score", {"scorer": "llm_rating", "llm": "scripted"}, clock=seconds()
    )
    [role] = found.roles
    assert (found.n_rows, found.n_sampled, role.role) == (N, 8, "score")
    rows = make_rows(N)
    lengths = np.array([len(p) + len(r) for p, r in zip(rows.prompts, rows.responses, strict=True)])
    filled = sum(bool(rows.responses[i].strip()) for i in sample_rows(lengths, 8))
    assert role.n_calls == round(filled * N / 8)  # blank responses are not asked about
    assert role.seconds == pytest.approx(N / 8)  # one batch, one tick
    assert found.load_s == 1.0
    assert found.cost is None


def test_correct_is_estimated_by_writer_and_judge(store):
    values = {
        "method": "correct",
        "llm": "scripted",
        "judge": "scripted",
        "judge_options": {"answers": ["x"]},
    }
    found = forecast_models(store, DATASET, "propose", values, n_sample=6, clock=seconds())
    assert [role.role for role in found.roles] == ["candidates", "judge"]
    assert found.roles[0].n_calls == N
    assert found.roles[1].n_calls == 2 * N  # both orders
    assert found.seconds >= sum(role.seconds for role in found.roles)


def test_examining_is_estimated_by_who_answers_and_who_judges(store):
    asked = {"llm": "scripted", "mark": "label"}
    found = forecast_models(store, DATASET, "examine", asked, n_sample=6, clock=seconds())
    [role] = found.roles
    assert (found.n_rows, found.n_sampled, role.role, role.n_calls) == (N, 6, "answers", N)
    judged = asked | {"mark": "judge", "judge": "scripted", "judge_options": {"answers": ["[[A]]"]}}
    found = forecast_models(store, DATASET, "examine", judged, n_sample=6, clock=seconds())
    assert [role.role for role in found.roles] == ["answers", "judge"]
    assert found.roles[1].n_calls > 0


def test_prices_give_a_cost_and_an_endpoint_is_taken_to_be_full(store, monkeypatch):
    class Endpoint(ScriptedModel):
        def _note(self, prompts):
            super()._note(prompts)
            calls = self.usage.calls
            self.usage = Usage(calls, 100 * calls, 10 * calls, calls * 0.5)

    pytest.importorskip("openai")
    monkeypatch.setattr(
        "tamis.llms.openai_chat.open_endpoint",
        lambda options, folder: Endpoint(completes=lambda prompt, k: "3"),
    )
    values = {"scorer": "llm_rating", "llm": "openai", "llm_options": {"concurrency": 80, "logprobs": False}}
    found = forecast_models(store, DATASET, "score", values, n_sample=6, clock=seconds())
    [role] = found.roles
    asked = role.n_calls
    assert (role.prompt_tokens, role.completion_tokens) == (100 * asked, 10 * asked)
    assert found.cost == role.cost == pytest.approx(asked * 0.5)
    assert role.seconds == pytest.approx(asked / 80)  # one second for up to 80 questions at once


def test_no_model_is_asked_for_what_needs_none(store):
    assert forecast_models(store, DATASET, "score", {"scorer": "length"}).roles == ()
    assert forecast_models(store, DATASET, "propose", {}).roles == ()
    with pytest.raises(InvalidOptions, match="asks no language model"):
        forecast_models(store, DATASET, "project", {})


def test_nothing_is_kept_by_an_estimate(store):
    forecast_models(store, DATASET, "score", {"scorer": "llm_rating", "llm": "scripted"})
    assert not (store.workspace / "cache" / "answers").exists()
    assert [
        a for a in store.list(DATASET, "scores") if a.manifest.options.get("scorer") == "llm_rating"
    ] == []


def test_a_meter_notes_only_what_was_asked_through_it():
    client = ScriptedModel(completes=lambda prompt, k: "x")
    first, second = Metered(client, seconds()), Metered(client, seconds())
    first.complete(["a", "b"])
    second.complete(["c"])
    assert (first.spent.calls, second.spent.calls) == (2, 1)
    assert (first.n_batches, first.seconds) == (1, 1.0)


def test_a_tiny_model_is_timed(store, tmp_path):
    from tests.core.llms.conftest import build_model

    tiny = {"model": str(build_model(tmp_path / "tiny")), "dtype": "float32", "device": "cpu"}
    found = forecast_models(
        store, DATASET, "score", {"scorer": "pmi", "llm": "transformers", "llm_options": tiny}, n_sample=4
    )
    assert found.seconds > 0
    assert found.roles[0].prompt_tokens > 0


def test_the_command_line_prints_the_estimate(store, capsys):
    arguments = ["--workspace", str(store.workspace), "run", "propose", "--dataset", DATASET, "--estimate"]
    flags = [
        "--method",
        "correct",
        "--llm",
        "scripted",
        "--judge",
        "scripted",
        "--judge-answers",
        '["[[A]]"]',
    ]
    assert tamis([*arguments, *flags]) == 0
    assert "60 rows, from a timed sample of 8" in capsys.readouterr().out
    assert tamis([*arguments, *flags, "--estimate-rows", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (found["n_sampled"], found["cost"]) == (3, None)
    assert found["n_calls"] == sum(role["n_calls"] for role in found["roles"])
    assert tamis([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["n_calls"] == 0
