"""What is active of a dataset is what a person made or chose last, whatever runs draw for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import tamis
from tamis.actions.active import activate, active_artifacts, delete_selection, list_selections, look_at
from tamis.actions.artifact_names import artifact_names, name_artifacts, names_of_jobs, plain_name
from tamis.actions.dataset_context import open_context
from tamis.actions.grid import Grid, submit_grid
from tamis.actions.jobs import list_jobs
from tamis.actions.refinements import compare_with_controls, selection_after
from tamis.actions.runs import find_run
from tamis.actions.selections import submit_baseline
from tamis.actions.submit import freeze_pointers, submit
from tamis.cli.main import run
from tamis.errors import ArtifactMissing, JobConflict
from tamis.steps import STEPS
from tamis.steps.resolve_rows import find_selection, rows_of
from tamis.store.artifacts.choices import fold_choices
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline, run_step
from tests.support.in_process import run_queued, wait_here

STATIC = {"rounds": 2, "budget": 6, "control": "km_random"}  # asks no model
UMAP = {"n_neighbors": 5}
GRID = Grid(methods=("kmq", "random", "km_closest"), budget=10, n_seeds=2, quality="alignment")


def asked(workspace: Workspace, dataset_id: str, step: str, **options: object) -> Artifact:
    """Ask for a result as a person does, and have it."""
    done = submit(workspace, dataset_id, step, options)
    run_queued(workspace)
    return workspace.artifacts.get(dataset_id, done.job.kind, done.job.artifact_id)


@pytest.fixture
def done(workspace: Workspace, dataset_id: str) -> str:
    """A dataset that went through the pipeline by hand, without a selection yet."""
    for step, options in (
        ("embed", {"encoder": "hashing"}),
        ("cluster", {"method_options": {"n_clusters": 4}}),
        ("project", {"method": "pca"}),
        ("score", {"scorer": "alignment"}),
    ):
        asked(workspace, dataset_id, step, **options)
    return dataset_id


@dataclass(frozen=True)
class Way:
    """How a person selects, compares, refines and exports: each returns ids, and the export the ids of its rows."""

    select: Callable[[], str]
    compare: Callable[[], object]
    refine: Callable[[], object]
    export: Callable[[Path], object]


def by_python(workspace: Workspace, dataset_id: str) -> Way:
    data = tamis.open(workspace.path).dataset(dataset_id)
    return Way(
        lambda: data.select("kmq", budget=10).id,
        lambda: data.compare_methods(["random", "km_closest", "kmq"], budget=10, n_seeds=2),
        lambda: data.refine(**STATIC),
        lambda out: data.export(out, selection="active"),
    )


def by_command(workspace: Workspace, dataset_id: str) -> Way:
    def tamis_(*words: str) -> None:
        assert run([*words, "--workspace", str(workspace.path), "--dataset", dataset_id]) == 0

    def select() -> str:
        tamis_("run", "select", "--method", "kmq", "--budget", "10")
        return look_at(workspace, dataset_id).selection.id

    return Way(
        select,
        lambda: tamis_("compare", "--methods", "random,km_closest,kmq", "--budget", "10", "--seeds", "2", "--out",
                       str(workspace.path / "report.html")),
        lambda: tamis_("run", "refine", "--rounds", "2", "--budget", "6", "--control", "km_random"),
        lambda out: tamis_("export", "--selection", "active", "--out", str(out)),
    )  # fmt: skip


@pytest.mark.parametrize("way", [by_python, by_command])
def test_what_is_exported_is_what_was_selected(
    workspace: Workspace, done: str, way: Callable[..., Way], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tamis.actions.jobs.wait", wait_here)
    does = way(workspace, done)
    mine = does.select()
    does.compare()
    does.refine()
    drawn = {one.id for one in workspace.artifacts.list(done, "selection")} - {mine}
    assert len(drawn) >= 6  # five of the comparison, and one after each round
    assert [one.artifact.id for one in list_selections(workspace, done)] == [mine]
    assert {one.artifact.id for one in list_selections(workspace, done, own=True)} == {mine, *drawn}
    for word in ("active", "newest"):
        assert find_selection(workspace, done, word).id == mine
        assert freeze_pointers(workspace, done, "finetune", {"selection": word})["selection"] == mine
    assert open_context(workspace, done).view.selection.id == mine
    does.export(tmp_path / "subset.jsonl")
    manifest = json.loads((tmp_path / "subset.jsonl.manifest.json").read_bytes())
    assert (manifest["selection"], manifest["n_rows"]) == (mine, 10)
    assert (
        f"selection {mine}" in manifest["scope"]
    )  # which of them was active changes; what was written does not


@pytest.mark.parametrize(
    ("kind", "step", "first", "second"),
    [
        ("selection", "select", {"budget": 5}, {"budget": 6}),
        (
            "clustering",
            "cluster",
            {"method_options": {"n_clusters": 3}},
            {"method_options": {"n_clusters": 5}},
        ),
        ("layout", "project", {"method": "pca"}, {"method": "umap", "method_options": UMAP}),
        ("scores", "score", {"scorer": "length"}, {"scorer": "defects"}),
    ],
)
def test_of_every_kind_the_one_chosen_by_hand_stays_until_another_is(
    workspace: Workspace, done: str, kind: str, step: str, first: dict, second: dict
) -> None:
    old, new = (asked(workspace, done, step, **options) for options in (first, second))

    def active() -> str:
        return next(one.artifact_id for one in active_artifacts(workspace, done) if one.kind == kind)

    if kind != "scores":  # computing a score says nothing of which one is meant
        assert active() == new.id
    activate(workspace, done, old.id)
    assert active() == old.id
    submit_grid(workspace, done, GRID)
    run_queued(workspace)
    run_step(workspace.path, done, "refine", STATIC)
    assert active() == old.id
    third = asked(workspace, done, "select", budget=7)
    assert active() == (third.id if kind == "selection" else old.id)
    made = {"clustering": "clustering", "scores": "scores"}.get(kind)
    if made:  # what is made next goes by it
        assert third.manifest.inputs[made] == old.id
    if kind != "selection":
        asked(workspace, done, step, **second)
        assert active() == (old.id if kind == "scores" else new.id)


def test_rows_of_a_filter_are_those_of_what_is_active(workspace: Workspace, done: str) -> None:
    four = look_at(workspace, done).clustering.id
    asked(workspace, done, "cluster", method_options={"n_clusters": 2})
    activate(workspace, done, four)
    assert open_context(workspace, done).view.clustering.id == four
    assert len(rows_of(workspace, done)) == 40


def test_a_random_pick_beside_a_selection_is_listed_and_never_the_newest(
    workspace: Workspace, done: str
) -> None:
    mine = asked(workspace, done, "select", budget=10)
    submit_baseline(open_context(workspace, done), mine)
    run_queued(workspace)
    assert [one.name for one in list_selections(workspace, done)] == ["Random · 10 rows", plain_name(mine)]
    assert find_selection(workspace, done, "newest") == find_selection(workspace, done, "active")


def test_what_a_run_drew_is_kept_by_hand(workspace: Workspace, done: str) -> None:
    mine = asked(workspace, done, "select", budget=10)
    submit_grid(workspace, done, GRID)
    refined = run_step(workspace.path, done, "refine", STATIC)
    run_queued(workspace)
    theirs = next(one for one in list_selections(workspace, done, own=True) if one.is_own)
    activate(workspace, done, theirs.artifact.id)
    assert {one.artifact.id for one in list_selections(workspace, done)} == {mine.id, theirs.artifact.id}
    assert look_at(workspace, done).selection.id == theirs.artifact.id
    last = selection_after(workspace, find_run(workspace, done, "refine", refined.id), 2)
    activate(workspace, done, last.id)
    assert look_at(workspace, done).selection.id == last.id
    assert find_selection(workspace, done, "newest").id == theirs.artifact.id  # made after it
    # Drawn again by a run, what a person has stays a person's.
    compare_with_controls(workspace, done, find_run(workspace, done, "refine"), last)
    submit_grid(workspace, done, GRID)
    assert look_at(workspace, done).selection.id == last.id


def test_a_selection_is_deleted_unless_something_was_made_from_it(workspace: Workspace, done: str) -> None:
    first, second = (asked(workspace, done, "select", budget=number) for number in (5, 6))
    asked(workspace, done, "compare", selections=[first.id, second.id])
    with pytest.raises(JobConflict, match="comparison"):
        delete_selection(workspace, done, first.id)
    third = asked(workspace, done, "select", budget=7)
    delete_selection(workspace, done, third.id)
    assert look_at(workspace, done).selection.id == second.id  # the one chosen before it
    with pytest.raises(ArtifactMissing, match="5 rows"):
        activate(workspace, done, third.id)


def test_a_workspace_in_which_nobody_chose_goes_by_the_newest(workspace: Workspace, dataset_id: str) -> None:
    assert active_artifacts(workspace, dataset_id) == ()
    picked = run_pipeline(workspace.path, dataset_id)
    run_step(workspace.path, dataset_id, "select", {"method": "random", "budget": 3, "quality": "none"})
    found = {one.kind: one for one in active_artifacts(workspace, dataset_id)}
    assert found["selection"].artifact_id == picked.id and not found["selection"].by_hand
    assert [one.name for one in found.values()] == [
        "kMQ · 10 rows · by alignment", "k-means · 4 clusters", "PCA", "Alignment",
    ]  # fmt: skip


def test_equal_names_are_told_apart_by_the_shortest_mark(workspace: Workspace, done: str) -> None:
    one = asked(workspace, done, "select", budget=10)
    assert artifact_names(workspace, done, "selection") == {one.id: "kMQ · 10 rows · by alignment"}
    submit_grid(workspace, done, GRID)
    run_queued(workspace)
    names = artifact_names(workspace, done, "selection")
    assert names[one.id] == "kMQ · 10 rows · by alignment"  # as before: others are a run's own
    assert len(set(names.values())) == len(names)
    assert "kMQ · 10 rows · by alignment · seed 43" in names.values()
    two = asked(workspace, done, "select", budget=10, seed=7)
    names = artifact_names(workspace, done, "selection")
    assert (names[one.id], names[two.id]) == (
        "kMQ · 10 rows · by alignment · seed 42",
        "kMQ · 10 rows · by alignment · seed 7",
    )


def test_choices_are_folded_in_any_order() -> None:
    events = [
        ("selection", "a", "inside", 1), ("selection", "a", "asked", 2), ("selection", "b", "inside", 3),
        ("selection", "c", "beside", 4), ("clustering", "d", "active", 5), ("clustering", "e", "active", 6),
    ]  # fmt: skip
    for order in (events, events[::-1]):
        choices = fold_choices(order)
        assert (choices.inside, choices.beside) == ({"b"}, {"c"})
        assert choices.activated["clustering"] == ("e", "d")
        assert choices.asked == {"a": 2, "d": 5, "e": 6}
    assert name_artifacts([]) == {}


def test_a_job_is_called_what_it_made_is_called(
    workspace: Workspace, done: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(workspace, done, "select", method="kmq", budget=10, quality="alignment")
    jobs = list_jobs(workspace, dataset_id=done)
    made = names_of_jobs(workspace, jobs)
    by_step = {job.step: made[job.job_id] for job in jobs}
    assert by_step["select"] == "kMQ · 10 rows · by alignment"
    assert by_step["cluster"] == "k-means · 4 clusters"
    assert by_step["project"] == "PCA"
    for job in jobs:
        names = artifact_names(workspace, done, STEPS[job.step].makes)
        assert made[job.job_id] == names[job.artifact_id]
    assert run(["--workspace", str(workspace.path), "jobs", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in made.values())
