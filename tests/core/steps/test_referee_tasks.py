"""Tasks of the lm-evaluation-harness in a referee: what is compared, what is not tested, and a training that answers one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tamis.actions import referee
from tamis.actions.referee import RefereeRequest, submit_referee
from tamis.errors import MissingExtra
from tamis.steps.execute import execute
from tamis.steps.proxies.options import MixtureTrainingOptions, ProxyOptions
from tamis.steps.proxies.training import KIND, PROXIES, task_answers, training_task
from tamis.steps.referee.tasks import TaskAnswers, task_results
from tamis.store.artifacts.frozen_rows import freeze_rows
from tests.core.steps.test_harness import TASK
from tests.support.in_process import Silent
from tests.support.small_trainings import RECIPE, sound_and_noise

N_QUESTIONS = 60


def answer(values, *, task="choose", metric="acc", chance=0.5, rows=True):
    one = {
        "task": task,
        "metric": metric,
        "value": float(np.mean(values)),
        "n": len(values),
        "chance": chance,
    }
    one |= {"higher_is_better": True}
    return one | ({"rows": {str(i): float(value) for i, value in enumerate(values)}} if rows else {})


def planted(right, *, rng, **more):
    """Four blocks of random (two draws) and one other method, whose answers are right as often as said."""

    def drawn(share):
        return [answer(rng.random(N_QUESTIONS) < share, **more)]

    blocks = [[[drawn(right[0]), drawn(right[0])], [drawn(right[1])]] for _ in range(4)]
    return TaskAnswers(drawn(right[0]), blocks)


def test_a_method_that_answers_better_has_a_small_q_and_guesses_are_not_tested():
    rng = np.random.default_rng(1)
    sound = np.ones(4, dtype=bool)
    (better,) = task_results(planted((0.6, 0.95), rng=rng), sound)
    assert (better.method, better.task, better.metric, better.n_questions) == (
        1,
        "choose",
        "acc",
        N_QUESTIONS,
    )
    assert better.value == pytest.approx(0.95, abs=0.05) and better.random == pytest.approx(0.6, abs=0.06)
    assert not better.is_guessed and better.p == better.q < 0.01
    (guessed,) = task_results(planted((0.5, 0.5), rng=rng), sound)
    assert guessed.is_guessed and guessed.p is guessed.q is None
    (whole,) = task_results(planted((0.6, 0.95), rng=rng, rows=False), sound)
    assert whole.value > whole.random and whole.p is None, "values of questions are needed for a test"


def test_blocks_that_diverged_are_left_out_and_q_is_over_all_tasks():
    rng = np.random.default_rng(2)
    one, other = planted((0.6, 0.95), rng=rng), planted((0.6, 0.6), rng=rng, task="other")
    both = TaskAnswers([*one.untrained, *other.untrained], [
        [[[*a, *b] for a, b in zip(first, second, strict=True)] for first, second in zip(x, y, strict=True)]
        for x, y in zip(one.of_trainings, other.of_trainings, strict=True)
    ] + [[[[], []], [[]]]])  # fmt: skip
    found = task_results(both, np.array([True] * 4 + [False]))
    assert [(entry.task, entry.q) for entry in found] == [
        ("choose", pytest.approx(min(1, 2 * found[0].p))), ("other", pytest.approx(max(found[1].p, found[0].q))),
    ]  # fmt: skip
    assert task_results(TaskAnswers([], [[[[]], [[]]]] * 4), np.ones(4, dtype=bool)) == []


def test_trainings_without_tasks_keep_their_names():
    for kind, more in ((ProxyOptions, {}), (MixtureTrainingOptions, {"groups": (0,), "shares": (1.0,)})):
        assert not {"lm_eval_tasks", "lm_eval_limit"} & set(kind(**more).identity())
        assert "lm_eval_tasks" in kind(**more, lm_eval_tasks=("piqa",)).identity()


def test_without_the_harness_nothing_is_queued(monkeypatch):
    monkeypatch.setattr(referee, "harness_missing", lambda: "not there")
    with pytest.raises(MissingExtra, match="harness"):
        submit_referee.__wrapped__(None, "", RefereeRequest(lm_eval_tasks=("piqa",)))


def test_the_model_of_a_training_answers_a_task_beside_the_held_out_rows(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("trl")
    pytest.importorskip("lm_eval")
    workspace, dataset_id, model = sound_and_noise(tmp_path)
    rows = tmp_path / "questions.jsonl"
    rows.write_text("\n".join(json.dumps({"question": f"zz{i} yy xx", "gold": 0}) for i in range(8)))
    task = tmp_path / "choose.yaml"
    task.write_text(TASK.format(rows=rows).replace('"no"', '"qvz"'))
    monkeypatch.setenv("TAMIS_TASK_FOLDERS", json.dumps([str(tmp_path)]))
    store, before = workspace.artifacts, torch.get_num_threads()
    torch.set_num_threads(1)
    held_out = freeze_rows(store, dataset_id, np.arange(0, 8, 2), "good rows")
    given = {"examples": store.examples(dataset_id), "held_out": held_out}
    options = ProxyOptions(
        model=model, recipe_options=RECIPE, budget_tokens=0, lm_eval_tasks=(str(task),), lm_eval_limit=6
    )
    asked = training_task(dataset_id, options, given)
    try:
        execute(store, asked, Silent(), steps=PROXIES)
    finally:
        torch.set_num_threads(before)
    (found,) = task_answers(store.get(dataset_id, KIND, asked.artifact_id))
    assert (found["task"], found["metric"], found["n"], found["chance"]) == ("choose_yes", "acc", 6, 0.5)
    assert len(found["rows"]) == 6
