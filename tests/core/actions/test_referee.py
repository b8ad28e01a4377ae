"""A referee from the request to the answer: with a planted truth, with none, stopped and gone on, and refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.actions.export import ExportRequest, export
from tamis.actions.referee import (
    RefereeRequest,
    judged_title,
    list_referees,
    methods_of,
    prepare_referee,
    read_ruling,
    submit_referee,
)
from tamis.actions.referee_estimate import estimate_referee
from tamis.actions.replay import replay_manifest
from tamis.actions.submit import submit
from tamis.errors import (
    ArtifactMissing,
    CurationError,
    InvalidOptions,
    JobCancelled,
    UnknownName,
    UnreadableFile,
)
from tamis.jobs import job_table
from tamis.recipes import SftOptions
from tamis.steps.execute import Task, execute
from tamis.steps.proxies.judged import judged_examples
from tamis.steps.proxies.preparation import most_tokens
from tamis.steps.proxies.training import KIND, LOSSES
from tamis.steps.referee.options import RefereeOptions
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.targets import TargetExample, store_target
from tamis.store.workspace import open_workspace
from tests.support.array_tasks import TwoTasks
from tests.support.in_process import Silent, run_queued
from tests.support.kept_files import kept_files
from tests.support.small_trainings import RECIPE, sound_and_noise
from tests.support.threads import one_thread

__all__ = ["one_thread"]  # a fixture

pytest.importorskip("torch")
pytest.importorskip("trl")

N_HELD_OUT = 48


@pytest.fixture(scope="module")
def referee(tmp_path_factory):
    """A workspace in which even rows are answered alike and odd ones by noise, and the request for a referee over it."""
    workspace, dataset_id, model = sound_and_noise(tmp_path_factory.mktemp("referee"))
    held_out = freeze_rows(workspace.artifacts, dataset_id, np.arange(0, 2 * N_HELD_OUT, 2), "good rows")
    request = RefereeRequest(
        methods=("top_quality",), budget_tokens=700, step_tokens=100, max_seeds=4, held_out=held_out.id,
        model=model, recipe_options=RECIPE, quality="column:good",
    )  # fmt: skip
    return workspace, dataset_id, request


@pytest.fixture(scope="module")
def judged(referee):
    workspace, dataset_id, request = referee
    asked = submit_referee(workspace, dataset_id, request)
    run_queued(workspace)
    return workspace, workspace.artifacts.get(dataset_id, "referee", asked.job.artifact_id)


def test_the_better_method_is_claimed_and_the_answer_is_a_sentence(judged):
    result = read_ruling(judged[1])
    assert [one.name for one in result.methods] == ["random", "longest", "top_quality"]
    top = result.against_random()[1]
    assert top.verdict == "better" and top.difference + top.half_width < 0
    assert (
        result.sentence.startswith("Top quality beats random by")
        and "4 seeds, 48 families, 700 tokens each" in result.sentence
    )
    assert result.best == 2 and result.top == [2] and result.methods[2].in_top
    assert result.methods[2].loss < result.methods[0].loss < result.base_loss


def test_every_training_reads_exactly_the_budget_in_as_many_steps_and_random_is_drawn_twice(judged):
    workspace, artifact = judged
    proxies = workspace.artifacts.list(artifact.manifest.dataset_id, KIND)
    trained = [one for one in proxies if "selection" in one.manifest.inputs]
    assert len(trained) == 4 * 4 and len(proxies) == len(trained) + 1
    assert {(one.summary["n_tokens"], one.summary["n_steps"]) for one in trained} == {(700, 7)}
    held_out = set(
        read_frozen(
            workspace.artifacts.get(
                artifact.manifest.dataset_id, "rows", artifact.manifest.inputs["held_out"]
            )
        ).tolist()
    )
    for one in trained:
        picked = workspace.artifacts.get(
            artifact.manifest.dataset_id, "selection", one.manifest.inputs["selection"]
        )
        assert not held_out & set(read_selected_ids(picked).tolist())
        assert pq.read_table(one.file(LOSSES)).num_rows == N_HELD_OUT


def test_all_runs_of_a_dataset_are_listed(judged):
    workspace, artifact = judged
    listed = list_referees(workspace, artifact.manifest.dataset_id)
    assert artifact.id in [one.artifact_id for one in listed]
    assert listed[0].text == artifact.summary["sentence"]


def test_a_target_without_answers_steers_and_is_told_and_not_measured_on(judged, referee):
    workspace, first = judged
    _, dataset_id, request = referee
    examples = [TargetExample("abc def gha"), TargetExample("hgf cab")]
    store_target(workspace.artifacts, dataset_id, "typed", examples, split=False, source="a test")
    bm25 = {"target_round_robin": {"similarity": "target_bm25"}}
    wanted = replace(request, methods=("target_round_robin",), target="typed", options=bm25)
    before = len(workspace.artifacts.list(dataset_id, KIND))
    asked = submit_referee(workspace, dataset_id, wanted)
    assert [one.step for one in asked.first] == ["score"]
    run_queued(workspace)
    made = workspace.artifacts.get(dataset_id, "referee", asked.job.artifact_id)
    ruling = read_ruling(made)
    assert ruling.methods[2].title == "For a target (towards typed)" and ruling.methods[2].towards == "typed"
    assert "For a target (towards typed)" in ruling.sentence == list_referees(workspace, dataset_id)[0].text
    assert made.summary["towards"] == {"target_round_robin": "typed"} and not ruling.targets
    assert any(note.startswith("No example of typed has an answer") for note in ruling.notes)
    # Nothing else is told from a run without it: random and longest are those trainings.
    assert len(workspace.artifacts.list(dataset_id, KIND)) == before + 4
    with pytest.raises(InvalidOptions, match="'typed' has an answer"):
        submit_referee(workspace, dataset_id, replace(request, target="typed"))


def test_a_run_that_was_stopped_goes_on_from_the_trainings_that_are_there(referee):
    workspace, dataset_id, request = referee
    examples = [TargetExample(f"zz{i} yy{i} xx{i}", "yes yes yes yes") for i in range(30)]
    # No answer of these is read: their prompts fill a row.
    examples += [TargetExample(" ".join(f"{i}{j}" for j in range(99)), "yes yes") for i in range(4)]
    store_target(workspace.artifacts, dataset_id, "sure", examples, split=True, source="a test")
    asked = submit_referee(workspace, dataset_id, replace(request, seed=7, target="sure"))
    # The selections first; then the referee is stopped in its fifth training.
    job = asked.job
    for one in reversed(job_table.list_jobs(workspace.database)):
        if (
            one.step == "select"
            and workspace.artifacts.find(dataset_id, "selection", one.artifact_id) is None
        ):
            execute(
                workspace.artifacts,
                Task(one.dataset_id, one.step, one.options, one.inputs, one.input_kinds, one.artifact_id),
                Silent(),
            )
    before = {one.id for one in workspace.artifacts.list(dataset_id, KIND)}
    task = Task(dataset_id, job.step, job.options, job.inputs, job.input_kinds, job.artifact_id)

    class Stopping(Silent):
        def progress(self, stage, done, total, message=""):
            if stage == "train" and done >= 5:
                raise JobCancelled("stop")

    with pytest.raises(JobCancelled):
        execute(workspace.artifacts, task, Stopping())
    kept = {one.id for one in workspace.artifacts.list(dataset_id, KIND)} - before
    assert len(kept) == 5
    made_at = {
        one.id: one.path.joinpath("manifest.json").stat().st_mtime_ns
        for one in workspace.artifacts.list(dataset_id, KIND)
    }
    # It goes on as an array on Slurm does: the last trainings are made by a task that has seen the job's folder alone.
    array = TwoTasks(workspace.path)
    ruling = read_ruling(execute(workspace.artifacts, task, Silent(), parallel=array))
    assert array.shares == [1, 17 - 5 - 1]
    sure = workspace.artifacts.get(dataset_id, "target", job.inputs["target"])
    judges = judged_examples(sure)
    judging = sum(len(one.prompt) < 99 for one in judges.examples)
    assert 0 < judging < len(judges.examples)
    said = f"{judging} of {len(judges.examples)} examples of sure can be read within 64 tokens"
    assert any(note.startswith(said) for note in ruling.notes)
    assert {(one.target, one.n_examples) for one in ruling.targets} == {("sure", judging)}
    assert [one.method for one in ruling.targets] == [1, 2] and ruling.n_held_out == N_HELD_OUT
    assert ruling.targets[1].difference < 0 and all(one.p <= one.q for one in ruling.targets)
    again = {
        one.id: one.path.joinpath("manifest.json").stat().st_mtime_ns
        for one in workspace.artifacts.list(dataset_id, KIND)
    }
    assert {one: made_at[one] for one in kept} == {one: again[one] for one in kept}
    assert len(again) == len(made_at) + 12


def test_a_target_that_cannot_be_read_is_refused_by_the_estimate_as_by_the_run(referee):
    workspace, dataset_id, request = referee
    examples = [TargetExample(" ".join(f"{i}{j}" for j in range(99)), "yes") for i in range(3)]
    store_target(workspace.artifacts, dataset_id, "endless", examples, split=False, source="a test")
    asked = replace(request, target="endless")
    for ask in (submit_referee, estimate_referee):
        with pytest.raises(
            InvalidOptions, match="3 examples of target 'endless' .* within 64 tokens.* raise max_length"
        ):
            ask(workspace, dataset_id, asked)
    # What a model cannot read at once is no more read than what max_length cuts.
    assert most_tokens(Path(request.model), SftOptions(max_length=10**6)) < 10**6


def test_held_out_families_are_the_same_for_every_run_and_in_no_pool(referee):
    workspace, dataset_id, request = referee
    drawn = replace(request, held_out="", n_held_out=60)
    first, second = (
        prepare_referee(workspace, dataset_id, one) for one in (drawn, replace(drawn, methods=()))
    )
    assert first.held_out.id == second.held_out.id
    assert first.split.n_families >= 40 and not set(first.split.held_out.tolist()) & set(
        first.split.pool.tolist()
    )


@pytest.mark.parametrize(("change", "match"), [
    ({"methods": ("kmq_released",)}, "rows are no fair budget"),
    ({"held_out": "", "n_held_out": 20}, "40 families"),
    ({"budget_tokens": 5000}, "twice as many"),
    ({"step_tokens": 50}, "no row may be longer than a step"),
])  # fmt: skip
def test_what_cannot_be_judged_is_refused_before_anything_is_queued(referee, change, match):
    workspace, dataset_id, request = referee
    with pytest.raises(InvalidOptions, match=match):
        submit_referee(workspace, dataset_id, replace(request, **change))


def test_an_estimate_writes_nothing_and_can_be_had_where_the_workspace_can_only_be_looked_at(
    referee, monkeypatch
):
    workspace, dataset_id, request = referee
    for name in ("first", "second"):
        examples = [TargetExample(f"{name} asks {i}", "yes yes yes yes") for i in range(4)]
        store_target(workspace.artifacts, dataset_id, name, examples, split=False, source="a test")
    before = kept_files(workspace.path)
    monkeypatch.setattr(workspace.database, "is_read_only", True)
    asked = replace(request, held_out="", n_held_out=61, seed=99, target="first=2,second")
    found = estimate_referee(workspace, dataset_id, asked)
    assert found.training_seconds > 0 and (found.n_first, found.n_most) == (17, 17)
    assert kept_files(workspace.path) == before
    with pytest.raises(CurationError, match="written"):
        submit_referee(workspace, dataset_id, asked)


def test_each_method_selects_by_what_is_its_own(referee):
    """For the targets that were named, not the newest; and by a score of its own, whatever quality the others go by."""
    workspace, dataset_id, request = referee
    made = {}
    for name in ("wanted", "newer"):
        examples = [TargetExample(f"{name} asks {i}", "yes yes yes yes") for i in range(4)]
        made[name] = store_target(
            workspace.artifacts, dataset_id, name, examples, split=False, source="a test"
        )
    bm25 = {"target_round_robin": {"similarity": "target_bm25"}}
    asked = replace(request, methods=("target_round_robin",), target="wanted", options=bm25, seed=3)
    there = {one.job_id for one in job_table.list_jobs(workspace.database)}
    submit_referee(workspace, dataset_id, asked)
    (chosen,) = [
        one
        for one in job_table.list_jobs(workspace.database)
        if one.options.get("method") == "target_round_robin" and one.job_id not in there
    ]
    assert chosen.inputs["target"] == made["wanted"].id
    # Options of a method that is not there would be left out in silence, and the verdict be on another than was meant.
    for name in ("top_qualty", "kmq", "worth:1"):
        with pytest.raises(UnknownName, match=name):
            submit_referee(workspace, dataset_id, replace(request, options={name: {}}))
    with pytest.raises(InvalidOptions, match="give an object"):
        submit_referee(workspace, dataset_id, replace(request, options={"top_quality": 3}))
    with pytest.raises(ArtifactMissing, match="perplexity"):
        submit_referee(workspace, dataset_id, replace(request, methods=("grape",)))


def test_random_and_longest_are_in_every_protocol():
    assert methods_of(RefereeRequest(preset="token_length")) == ["random", "longest"]
    assert methods_of(RefereeRequest(preset="dnc"))[:2] == ["random", "longest"]
    with pytest.raises(UnknownName):
        methods_of(RefereeRequest(preset="nobody"))


def test_the_manifest_of_a_result_is_said_to_be_one_where_an_export_is_replayed(referee, tmp_path):
    workspace, dataset_id, _ = referee
    path = workspace.artifacts.examples(dataset_id).path / "manifest.json"
    with pytest.raises(UnreadableFile) as said:
        replay_manifest(path, tmp_path / "w", sources=(), out=None, say=print)
    assert str(said.value) == (
        f"{path} is the manifest of a result, not of an export: tamis doctor --verify --recompute makes a result again."
    )


def test_the_protocol_of_mig_has_the_methods_of_its_table():
    wanted = ["random", "longest", "top_quality:ifd", "deita", "car", "qdit", "mig"]
    assert methods_of(RefereeRequest(preset="mig")) == wanted
    assert judged_title("top_quality:ifd") == "Top ifd"


def test_a_score_named_with_the_method_is_the_one_it_goes_by_and_is_asked_for_where_missing(referee):
    workspace, dataset_id, request = referee
    with pytest.raises(ArtifactMissing, match="--scorer ifd"):
        submit_referee(workspace, dataset_id, replace(request, methods=("top_quality:ifd",)))


def test_a_selection_with_a_held_out_row_is_refused_with_the_pool_to_select_within(referee):
    workspace, dataset_id, request = referee
    picked = submit(workspace, dataset_id, "select", {"method": "random", "budget": 60}).job
    run_queued(workspace)
    with pytest.raises(InvalidOptions, match="select within"):
        submit_referee(workspace, dataset_id, replace(request, methods=(f"selection:{picked.artifact_id}",)))


def test_the_rows_of_one_of_its_selections_can_be_replayed(judged, tmp_path):
    workspace, artifact = judged
    dataset_id, selection = artifact.manifest.dataset_id, artifact.manifest.inputs["selection_000"]
    out = tmp_path / "rows.jsonl"
    export(workspace, ExportRequest(dataset_id=dataset_id, selection=selection, format_name="messages"), out)
    again = replay_manifest(
        tmp_path / "rows.jsonl.manifest.json", tmp_path / "w", sources=(), out=None, say=print, trust=True
    )
    assert again.identical


@pytest.mark.nightly
def test_a_referee_is_replayed_from_what_its_manifest_says_to_the_same_bytes(judged, tmp_path):
    workspace, artifact = judged
    dataset_id = artifact.manifest.dataset_id
    shutil.copytree(workspace.path, tmp_path / "w")
    again = open_workspace(tmp_path / "w")
    for kind in ("referee", KIND):  # the verdict and every training: only what was asked for is left
        shutil.rmtree(again.artifacts.artifact_path(dataset_id, kind, "x").parent)
    recorded = artifact.manifest
    options = {name: value for name, value in recorded.options.items() if name != "step"}
    pointers = {name: one for name, one in recorded.inputs.items() if name in RefereeOptions.POINTERS}
    selections = [recorded.inputs[role] for role in sorted(recorded.inputs) if role.startswith("selection_")]
    asked = submit(again, dataset_id, "referee", options | pointers | {"selections": selections})
    assert asked.job.artifact_id == artifact.id
    run_queued(again)
    made = again.artifacts.get(dataset_id, "referee", artifact.id)
    assert made.manifest.digests == recorded.digests
