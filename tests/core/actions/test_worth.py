"""What clusters are worth, from the request to the answer: a planted harm, more runs, a stop, refusals, and what starts from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamis.actions.referee import RefereeRequest, submit_referee
from tamis.actions.submit import submit
from tamis.actions.worth import (
    GOAL,
    WorthRequest,
    estimate_worth,
    extend_worth,
    list_worths,
    plan_worth,
    read_report,
    solved_weights,
    submit_worth,
)
from tamis.compute.worth.limits import MOST
from tamis.errors import ArtifactMissing, InvalidOptions, JobCancelled
from tamis.registry import parse_options
from tamis.steps.execute import Task, execute
from tamis.steps.proxies.options import MixtureTrainingOptions
from tamis.steps.proxies.training import KIND, draw_mixture
from tamis.steps.worth.options import MOST_CLUSTERS
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_examples, read_selected_ids
from tamis.store.artifacts.refinements import read_round_clusters
from tamis.store.artifacts.targets import TargetExample, store_target
from tests.pages.page_workspace import run_step
from tests.support.array_tasks import TwoTasks
from tests.support.in_process import Silent, run_queued
from tests.support.kept_files import kept_files
from tests.support.small_trainings import N_ROWS, RECIPE, sound_and_noise
from tests.support.threads import one_thread

__all__ = ["one_thread"]  # a fixture

pytest.importorskip("torch")
pytest.importorskip("trl")

N_HELD_OUT = 48


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A workspace whose two clusters are the rows answered alike and those answered by noise, and the request."""
    workspace, dataset_id, model = sound_and_noise(tmp_path_factory.mktemp("worth"))
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    run_step(workspace.path, dataset_id, "cluster", {"method_options": {"n_clusters": 2}})
    for name, first in (("sound", 0), ("noise", 1)):
        rows = freeze_rows(workspace.artifacts, dataset_id, np.arange(first, N_ROWS, 2), name)
        run_step(workspace.path, dataset_id, "regroup", {"rows": rows.id, "name": name})
    held_out = freeze_rows(workspace.artifacts, dataset_id, np.arange(0, 2 * N_HELD_OUT, 2), "good rows")
    request = WorthRequest(
        budget_tokens=1500,
        step_tokens=150,
        held_out=held_out.id,
        model=model,
        recipe_options=RECIPE,
        max_passes=6,
    )
    return workspace, dataset_id, request


@pytest.fixture(scope="module")
def weighed(asked):
    workspace, dataset_id, request = asked
    made = submit_worth(workspace, dataset_id, request)
    run_queued(workspace)
    return workspace, workspace.artifacts.get(dataset_id, "worth", made.job.artifact_id)


def test_noise_harms_what_is_held_out_helps_and_the_answer_is_a_sentence(weighed):
    workspace, artifact = weighed
    report = read_report(artifact)
    noise, sound = sorted(report.groups, key=lambda one: one.name != "noise")
    assert noise.name == "noise" and len(report.runs) == 8 and report.enough_runs
    assert sound.is_clear and sound.worth < 0 < noise.worth and sound.solved > sound.share
    assert report.sentence.startswith(
        f"A tenth of the tokens lowers the loss if it goes to {sound.name} (by "
    )
    assert "8 runs, 2 super-clusters, 1,500 tokens each" in report.sentence
    assert report.worth_changing and "let the referee decide" in report.sentence
    assert report.promised == pytest.approx(0.75 * report.difference)
    assert [one.name for one in report.heads] == [sound.name, GOAL]  # no noise is held out
    assert report.pool_loss < report.base_loss
    assert list_worths(workspace, artifact.manifest.dataset_id)[0].text == report.sentence


def test_every_run_reads_exactly_its_shares_of_the_budget_and_the_pool_is_trained_on_three_times(weighed):
    workspace, artifact = weighed
    report, dataset_id = read_report(artifact), artifact.manifest.dataset_id
    shares = np.array([one.shares for one in report.runs])
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(shares[:3], [one.share for one in report.groups], atol=1e-6)
    assert (shares <= [one.most + 1e-6 for one in report.groups]).all()
    for one, run in zip(shares, report.runs, strict=True):
        told = workspace.artifacts.get(dataset_id, KIND, run.proxy).summary
        assert told["n_tokens"] == sum(told["tokens_of_groups"]) == 1500 and told["n_steps"] == 10
        assert np.abs(np.array(told["tokens_of_groups"]) - 1500 * one).max() <= 1
    proxies = [one for one in workspace.artifacts.list(dataset_id, KIND) if "pool" in one.manifest.inputs]
    assert len({one.manifest.options["seed"] for one in proxies}) == len(proxies)


def test_rows_of_a_mixture_are_of_the_pool_and_of_the_clusters_asked_for(weighed):
    workspace, artifact = weighed
    dataset_id = artifact.manifest.dataset_id
    proxy = workspace.artifacts.get(dataset_id, KIND, read_report(artifact).runs[-1].proxy)
    inputs = {
        role: workspace.artifacts.get(dataset_id, kind, proxy.manifest.inputs[role])
        for role, kind in (("tokens", "scores"), ("clustering", "clustering"), ("pool", "rows"))
    }
    options = parse_options(MixtureTrainingOptions, proxy.manifest.options)
    drawn = draw_mixture(inputs, options)
    assert set(drawn.rows.tolist()) <= set(read_frozen(inputs["pool"]).tolist())
    groups = np.array(options.groups)[read_cluster_ids(inputs["clustering"])[drawn.rows]]
    assert np.array_equal(np.bincount(groups, drawn.kept, minlength=2), drawn.tokens)


def test_four_more_runs_are_added_and_no_training_is_made_again(weighed):
    workspace, artifact = weighed
    dataset_id = artifact.manifest.dataset_id
    before = read_report(artifact)
    made = extend_worth(workspace, dataset_id, artifact.id, "improve")
    there = {one.id for one in workspace.artifacts.list(dataset_id, KIND)}
    run_queued(workspace)
    after = read_report(workspace.artifacts.get(dataset_id, "worth", made.job.artifact_id))
    assert [one.proxy for one in after.runs[:8]] == [one.proxy for one in before.runs]
    assert [one.shares for one in after.runs[8:]] == before.improve
    assert len({one.id for one in workspace.artifacts.list(dataset_id, KIND)} - there) == 4


def test_a_run_that_was_stopped_goes_on_over_an_array_and_its_targets_are_measured_on(asked):
    workspace, dataset_id, request = asked
    leak = read_examples(workspace.artifacts.examples(dataset_id), ["prompt"])["prompt"][1].as_py()
    examples = [
        TargetExample(prompt, "yes yes yes yes")
        for prompt in (leak, *(f"zz{i} yy{i} xx{i}" for i in range(7)))
    ]
    store_target(workspace.artifacts, dataset_id, "sure", examples, split=False, source="a test")
    request = replace(request, seed=7, target="sure")
    assert 1 in plan_worth(workspace, dataset_id, replace(request, target="")).pool.split.pool
    assert 1 not in plan_worth(workspace, dataset_id, request).pool.split.pool
    job = submit_worth(workspace, dataset_id, request).job
    task = Task(dataset_id, job.step, job.options, job.inputs, job.input_kinds, job.artifact_id)
    before = {one.id for one in workspace.artifacts.list(dataset_id, KIND)}

    class Stopping(Silent):
        def progress(self, stage, done, total, message=""):
            if stage == "train" and done >= 4:
                raise JobCancelled("stop")

    with pytest.raises(JobCancelled):
        execute(workspace.artifacts, task, Stopping())
    kept = {one.id for one in workspace.artifacts.list(dataset_id, KIND)} - before
    assert len(kept) == 4
    made_at = {one: workspace.artifacts.get(dataset_id, KIND, one).path.stat().st_mtime_ns for one in kept}
    array = TwoTasks(workspace.path)
    report = read_report(execute(workspace.artifacts, task, Silent(), parallel=array))
    assert array.shares == [
        1,
        9 - 4 - 1,
    ]  # eight mixtures and the model as it is, of which four trainings were there
    assert made_at == {
        one: workspace.artifacts.get(dataset_id, KIND, one).path.stat().st_mtime_ns for one in kept
    }
    assert [one.group for one in report.heads] == [report.heads[0].group, -2, -1]
    assert report.heads[1].name == "sure" and report.heads[1].n_rows == 8
    assert report.heads[-1].n_rows == N_HELD_OUT  # examples of targets are no part of the goal
    noise = next(i for i, one in enumerate(report.groups) if one.name == "noise")
    assert next(one.worth for one in report.cells if (one.group, one.head) == (noise, 1)) > 0


@pytest.mark.parametrize(("change", "match"), [
    ({"budget_tokens": 500}, "no two super-clusters"),
    ({"runs": 3}, "3 runs do not tell 2 super-clusters apart"),
    ({"step_tokens": 50}, "no row may be longer than a step"),
    ({"budget_tokens": 100_000}, "more than 6 passes"),
])  # fmt: skip
def test_what_cannot_be_weighed_is_refused_before_anything_is_queued(asked, change, match):
    workspace, dataset_id, request = asked
    with pytest.raises(InvalidOptions, match=match):
        plan_worth(workspace, dataset_id, replace(request, **change))


def test_an_estimate_writes_nothing_and_says_what_the_run_will_be(asked, monkeypatch):
    workspace, dataset_id, request = asked
    before = kept_files(workspace.path)
    monkeypatch.setattr(workspace.database, "is_read_only", True)
    found = estimate_worth(workspace, dataset_id, replace(request, held_out="", n_held_out=61, seed=99))
    assert found.training_seconds > 0 and (found.n_runs, found.n_clusters) == (8, 2)
    assert kept_files(workspace.path) == before


def test_the_most_super_clusters_are_those_of_the_method():
    assert MOST_CLUSTERS == MOST


def test_without_clusters_it_is_said_what_makes_them(asked, tmp_path):
    workspace, dataset_id, model = sound_and_noise(tmp_path)
    with pytest.raises(ArtifactMissing, match="tamis run cluster"):
        plan_worth(workspace, dataset_id, replace(asked[2], model=model, held_out=""))


def test_the_mixture_found_is_a_selection_the_start_of_a_refinement_and_a_method_of_the_referee(weighed):
    workspace, artifact = weighed
    dataset_id, report = artifact.manifest.dataset_id, read_report(artifact)
    made, weights = solved_weights(workspace, dataset_id, artifact.id)
    assert made.id == artifact.id and sum(weights.values()) == pytest.approx(1)
    picked = submit(workspace, dataset_id, "select", {
        "method": "mixture", "method_options": {"weights": weights}, "budget": 40,
        "clustering": artifact.manifest.inputs["clustering"],
    }).job  # fmt: skip
    refined = submit(workspace, dataset_id, "refine", {
        "rounds": 1, "budget": 20, "control": "none", "train": False, "quality": "none", "start_from": artifact.id,
        "model": report.model, "max_new_tokens": 1, "generate_rows": 4, "scorer": "pmi",
    }).job  # fmt: skip
    run_queued(workspace)
    rows = read_selected_ids(workspace.artifacts.get(dataset_id, "selection", picked.artifact_id))
    clusters = read_cluster_ids(
        workspace.artifacts.get(dataset_id, "clustering", artifact.manifest.inputs["clustering"])
    )
    share = {int(key): value for key, value in weights.items()}
    assert np.abs(np.bincount(clusters[rows]) - 40 * np.array([share[i] for i in sorted(share)])).max() <= 1
    refinement = workspace.artifacts.get(dataset_id, "refinement", refined.artifact_id)
    first = workspace.artifacts.get(dataset_id, "refinement_round", refinement.summary["rounds"][0])
    table = read_round_clusters(first)
    start = dict(zip(table["cluster_id"].to_pylist(), table["weight_before"].to_pylist(), strict=True))
    sound = max(share, key=lambda one: share[one])
    assert start[sound] == max(start.values()) and sum(start.values()) == pytest.approx(1)
    with pytest.raises(InvalidOptions, match="40 families"):
        submit_referee(workspace, dataset_id, RefereeRequest(
            methods=(f"worth:{artifact.id}",), model=report.model, recipe_options=RECIPE, step_tokens=150, n_held_out=20,
        ))  # fmt: skip
