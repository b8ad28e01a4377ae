"""Every method through the step: what it reads is found or named, and a stopped run goes on where it was."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.given_scores import import_scores
from tamis.actions.grid import Grid, grid_requests
from tamis.errors import ArtifactMissing, InvalidOptions, JobCancelled
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.selectors.options import KmqOptions
from tamis.selectors.problem import Problem
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.steps.select.checkpoint import SelectionCheckpoint
from tamis.steps.select.options import SelectOptions
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_scores, read_selection, read_token_counts
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.artifacts.view import open_view
from tamis.store.rows.query import column_values
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step, towards_target

N_ROWS = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("select")
    workspace = folder / "workspace"
    dataset_id = import_file(workspace, alpaca_file(folder, N_ROWS))
    run_pipeline(workspace, dataset_id)
    return workspace, dataset_id


def rows_of(artifact) -> list[int]:
    return read_selection(artifact)["example_id"].to_pylist()


@pytest.mark.parametrize("name", SELECTORS)
def test_every_method_runs_on_rows_and_tells_its_shortfall(made: tuple[Path, str], name: str) -> None:
    workspace, dataset_id = made
    selection = run_step(
        workspace, dataset_id, "select", {"method": name, "budget": 12} | towards_target(*made, name)
    )
    rows = rows_of(selection)
    assert len(set(rows)) == len(rows) == selection.summary["n_selected"]
    assert len(rows) + selection.summary["shortfall"] == 12


@pytest.mark.parametrize("name", [name for name in SELECTORS if SELECTORS[name].counts_tokens])
def test_every_method_counts_tokens_alike(made: tuple[Path, str], name: str) -> None:
    workspace, dataset_id = made
    values = {"method": name, "budget": 150, "unit": "tokens"} | towards_target(*made, name)
    selection = run_step(workspace, dataset_id, "select", values)
    counts = read_token_counts(ArtifactStore(workspace).list(dataset_id, "embeddings")[0])
    spent = int(counts[rows_of(selection)].sum())
    assert spent == selection.summary["n_tokens"]
    assert spent + selection.summary["n_unused_tokens"] == 150


@pytest.mark.parametrize("name", SELECTORS)
def test_frozen_rows_are_respected_by_every_method(made: tuple[Path, str], name: str) -> None:
    workspace, dataset_id = made
    store = ArtifactStore(workspace)
    values = {
        "method": name,
        "budget": 9,
        "within": freeze_rows(store, dataset_id, np.arange(0, 40), "first").id,
        "pinned": freeze_rows(store, dataset_id, np.array([50]), "pin").id,
        "excluded": freeze_rows(store, dataset_id, np.arange(10), "out").id,
    }
    values |= towards_target(*made, name)
    rows = set(rows_of(run_step(workspace, dataset_id, "select", values)))
    assert 50 in rows
    assert rows <= {50, *range(10, 40)}


def test_tokens_are_refused_by_the_released_code(made: tuple[Path, str]) -> None:
    with pytest.raises(InvalidOptions, match="budget in rows"):
        run_step(*made, "select", {"method": "kmq_released", "budget": 100, "unit": "tokens"})


@pytest.mark.parametrize("name", [name for name in SELECTORS if "quality" in SELECTORS[name].reads])
def test_a_method_that_needs_quality_says_so(made: tuple[Path, str], name: str) -> None:
    workspace, dataset_id = made
    with pytest.raises(InvalidOptions, match="quality score"):
        run_step(workspace, dataset_id, "select", {"method": name, "budget": 5, "quality": "none"})
    with pytest.raises(ArtifactMissing, match="--scorer length"):
        run_step(workspace, dataset_id, "select", {"method": name, "budget": 5, "quality": "length"})


@pytest.mark.parametrize("name", SELECTORS)
def test_what_is_missing_is_named_with_the_step_to_run(tmp_path: Path, name: str) -> None:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 10))
    reads = set(SELECTORS[name].reads) - {"column"}
    if not reads:
        assert len(rows_of(run_step(workspace, dataset_id, "select", {"method": name, "budget": 3}))) == 3
        return
    with pytest.raises(ArtifactMissing, match=r"Run '(cluster|embed|score)' first|tamis target add"):
        run_step(workspace, dataset_id, "select", {"method": name, "budget": 3})


def test_the_name_of_a_quality_that_is_not_read_does_not_matter(made: tuple[Path, str]) -> None:
    store = ArtifactStore(made[0])
    ids = {
        plan_step(store, made[1], "select", {"method": "random", "budget": 5, "quality": quality}).artifact_id
        for quality in ("alignment", "none")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("column", "n_groups"),
    [("meta:topic", 4), ("source", 1), ("cluster", 4), ("tokens", 2), ("score:alignment", 5)],
)
def test_any_column_can_be_the_strata(made: tuple[Path, str], column: str, n_groups: int) -> None:
    options = {"column": column, "quota": "equal", "n_bins": 5}
    selection = run_step(*made, "select", {"method": "stratified", "budget": 20, "method_options": options})
    found = selection.summary["notes"]["n_groups"]
    assert found == n_groups if column != "tokens" else 1 <= found <= 5
    if column == "meta:topic":
        topics = column_values(open_view(ArtifactStore(made[0]), made[1]), "meta:topic")[rows_of(selection)]
        assert sorted(np.unique(topics, return_counts=True)[1].tolist()) == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("column", "said"), [("prompt", "text"), ("tag:kept", "by hand"), ("nope", "column")]
)
def test_a_column_that_cannot_be_strata_is_refused(made: tuple[Path, str], column: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        run_step(*made, "select", {"method": "stratified", "budget": 5, "method_options": {"column": column}})


class _StopAfter:
    """A reporter that cancels once so many rows are picked."""

    def __init__(self, n: int) -> None:
        self.n = n

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        if stage == "select" and total > 1 and done >= self.n:
            raise JobCancelled("stopped")

    def metric(self, name: str, value: float, position: float) -> None:
        raise AssertionError("selections have no curve")


@pytest.mark.parametrize("name", [name for name in SELECTORS if SELECTORS[name].resumes])
def test_a_stopped_selection_goes_on_and_ends_the_same(
    made: tuple[Path, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tamis.steps.select.checkpoint.WRITE_EVERY_S", 0.0)
    workspace, dataset_id = made
    store = ArtifactStore(workspace)
    plan = plan_step(store, dataset_id, "select", {"method": name, "budget": 25, "seed": 5})
    task = Task(
        dataset_id,
        "select",
        plan.options.model_dump(mode="json"),
        plan.inputs,
        plan.input_kinds,
        plan.artifact_id,
    )
    with pytest.raises(JobCancelled):
        execute(store, task, _StopAfter(11))
    part = store.artifact_path(dataset_id, "selection", plan.artifact_id).parent
    prefix = np.load(part / f".{plan.artifact_id}.partial" / "parts" / "picked.npy")
    assert len(prefix) == 11
    resumed = rows_of(execute(store, task, _StopAfter(10**9)))
    assert resumed[:11] == prefix.tolist()
    shutil.rmtree(store.artifact_path(dataset_id, "selection", plan.artifact_id))
    assert rows_of(execute(store, task, _StopAfter(10**9))) == resumed


def test_the_prefix_is_written_only_now_and_then(tmp_path: Path) -> None:
    now = time.monotonic()
    clock = iter([now, now + 1.0, now + 4.0, now + 4.0, now + 5.0])
    prefix = SelectionCheckpoint(tmp_path / "picked.npy", clock=lambda: next(clock))
    prefix.record([1])
    assert prefix.read() is None
    prefix.record([1, 2])
    assert prefix.read() is not None
    assert prefix.read().tolist() == [1, 2]
    prefix.record([1, 2, 3])
    assert prefix.read().tolist() == [1, 2]


def test_two_methods_with_one_seed_do_not_share_their_luck() -> None:
    from tamis.selectors.problem import method_seed

    assert method_seed(42, "kmq") != method_seed(42, "random")
    assert method_seed(42, "kmq") == method_seed(42, "kmq") != method_seed(43, "kmq")


def test_a_row_cannot_be_both_pinned_and_excluded(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made
    rows = freeze_rows(ArtifactStore(workspace), dataset_id, np.arange(3), "three").id
    with pytest.raises(InvalidOptions, match="Row 0 is both pinned and excluded"):
        run_step(
            workspace,
            dataset_id,
            "select",
            {"method": "random", "budget": 5, "pinned": rows, "excluded": rows},
        )


def test_excluding_everything_is_said_and_makes_no_empty_selection(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made
    rows = freeze_rows(ArtifactStore(workspace), dataset_id, np.arange(3), "three").id
    with pytest.raises(InvalidOptions, match="None of the 60 rows is left"):
        run_step(
            workspace,
            dataset_id,
            "select",
            {"method": "random", "budget": 5, "within": rows, "excluded": rows},
        )


@pytest.mark.parametrize("quality", ["perplexity", "pmi", "alignment", "reward_model"])
def test_odds_in_proportion_to_a_score_that_can_be_negative_are_refused_with_the_way_out(
    quality: str,
) -> None:
    options = SelectOptions(quality=quality, method_options={"weighting": "linear"})
    with pytest.raises(InvalidOptions, match=rf"{quality}.*'rank' or 'softmax'"):
        options.needs()
    for weighting in ("auto", "rank", "softmax"):
        assert SelectOptions(quality=quality, method_options={"weighting": weighting}).needs()


@pytest.mark.parametrize(("scale", "level"), [(1.0, 0.0), (100.0, 0.0), (1.0, -50.0), (0.01, 7.0)])
def test_a_score_that_is_scaled_or_shifted_makes_the_same_pick_and_forces_none(
    scale: float, level: float
) -> None:
    quality = np.linspace(0, 1, 200) ** 3
    ids = np.arange(200) % 4
    masks = {"pinned": np.zeros(200, bool), "excluded": np.zeros(200, bool)}
    for weighting in ("rank", "softmax"):
        options = KmqOptions(weighting=weighting)
        picks = []
        for q in (quality, scale * quality + level):
            problem = Problem(n_rows=200, budget=40, seed=3, n_clusters=4, cluster_id=ids, quality=q, **masks)
            picks.append(SELECTORS["kmq"].load()(problem, options).selection)
        assert picks[0].rows.tolist() == picks[1].rows.tolist()
        assert picks[1].n_forced == 0


def test_forced_picks_are_counted_in_the_summary(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made
    values = {"quality": "length", "method_options": {"weighting": "linear"}, "budget": 5}
    run_step(workspace, dataset_id, "score", {"scorer": "length"})
    assert run_step(workspace, dataset_id, "select", values).summary["n_forced"] == 0


@pytest.mark.parametrize("extra", [{}, {"method": "semdedup", "then": "kmq", "threshold": 1.0}])
def test_picks_without_a_chance_stand_in_summary_and_manifest(
    made: tuple[Path, str], tmp_path: Path, extra: dict[str, object]
) -> None:
    workspace, dataset_id = made
    file = tmp_path / "sparse.csv"
    worth = [int(row < 7) for row in range(N_ROWS)]
    file.write_text("example_id,worth\n" + "".join(f"{row},{one}\n" for row, one in enumerate(worth)))
    scores = import_scores(
        open_workspace(workspace), dataset_id, file, name="sparse", column="worth", non_negative=True
    ).scores
    how = {name: one for name, one in extra.items() if name != "method"} | {"weighting": "linear"}
    values = {"quality": "sparse", "scores": scores.id, "budget": 40, "method": extra.get("method", "kmq")}
    selection = run_step(workspace, dataset_id, "select", values | {"method_options": how})
    forced = sum(not worth[row] for row in rows_of(selection))
    assert forced >= 33
    assert selection.summary["n_forced"] == forced
    written = json.loads((selection.path / "manifest.json").read_text("utf-8"))
    assert written["summary"]["n_forced"] == forced


def test_how_much_quality_told_is_in_the_summary(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made

    def gain(quality: str, method: str = "top_quality") -> float | None:
        values = {"method": method, "quality": quality, "budget": 5}
        return run_step(workspace, dataset_id, "select", values).summary["quality_gain"]

    run_step(workspace, dataset_id, "score", {"scorer": "length"})
    assert gain("alignment") == pytest.approx(1.0)
    assert gain("length") == 0  # all responses of this file are as long
    assert gain("alignment", "random") is None


def test_whitened_vectors_pick_other_rows_and_name_another_selection(made: tuple[Path, str]) -> None:
    asked = {"method": "k_center", "budget": 12, "method_options": {"first": "nearest to mean"}}
    plain, whitened = (run_step(*made, "select", asked | {"whiten": one}) for one in (False, True))
    assert rows_of(plain) != rows_of(whitened)
    assert "whiten" not in plain.manifest.options
    assert whitened.manifest.options["whiten"] is True
    random = [
        run_step(*made, "select", {"method": "random", "budget": 5, "whiten": one}).id
        for one in (False, True)
    ]
    assert random[0] == random[1]


def test_the_longest_go_by_length_whatever_score_is_active(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made
    words = run_step(workspace, dataset_id, "score", {"scorer": "length"})
    tokens = {"scorer": "length", "scorer_options": {"unit": "tokens"}}
    lengths = read_scores(run_step(workspace, dataset_id, "score", tokens))
    run_step(workspace, dataset_id, "score", {"scorer": "length", "scorer_options": {"unit": "characters"}})
    rows = rows_of(run_step(workspace, dataset_id, "select", {"method": "longest", "budget": 5}))
    by_words = {"method": "longest", "budget": 5, "scores": words.id}
    assert sorted(rows_of(run_step(workspace, dataset_id, "select", by_words))) == sorted(
        np.argsort(-read_scores(words), kind="stable")[:5].tolist()
    )
    assert sorted(rows) == sorted(np.argsort(-lengths, kind="stable")[:5].tolist())
    options = parse_options(SelectOptions, {"method": "longest"})
    assert options.quality == "length"
    assert parse_options(SelectOptions, {"method": "longest", "quality": "alignment"}).quality == "alignment"
    grid = Grid(methods=("longest", "top_quality"), budget=5, quality="alignment")
    assert [one.get("quality") for one in grid_requests(grid)] == [None, "alignment"]


def test_a_mixture_has_its_shares_and_names_a_cluster_that_is_not_there(made: tuple[Path, str]) -> None:
    workspace, dataset_id = made
    clusters = column_values(open_view(ArtifactStore(workspace), dataset_id), "cluster")
    values = {"method": "mixture", "budget": 8, "method_options": {"weights": {"1": 3, "2": 1}}}
    rows = rows_of(run_step(workspace, dataset_id, "select", values))
    assert np.bincount(clusters[rows], minlength=4).tolist() == [0, 6, 2, 0]
    with pytest.raises(InvalidOptions, match="weights name cluster 9"):
        run_step(workspace, dataset_id, "select", values | {"method_options": {"weights": {"9": 1}}})
    with pytest.raises(InvalidOptions, match="shares of 0 or more"):
        run_step(workspace, dataset_id, "select", values | {"method_options": {"weights": {"1": -1}}})


def test_qualities_are_averaged_over_neighbours_where_that_is_asked_for(made: tuple[Path, str]) -> None:
    asked = {"method": "top_quality", "budget": 12}
    plain, smoothed = (run_step(*made, "select", asked | {"smooth": one}) for one in (0, 10))
    assert rows_of(plain) != rows_of(smoothed)
    assert "smooth" not in plain.manifest.options and smoothed.manifest.options["smooth"] == 10
    assert "embeddings" in smoothed.manifest.inputs and "embeddings" not in plain.manifest.inputs
    random = [
        run_step(*made, "select", {"method": "random", "budget": 5, "smooth": one}).id for one in (0, 10)
    ]
    assert random[0] == random[1]


def test_mig_takes_labels_from_a_column(tmp_path: Path) -> None:
    lines = [
        {"instruction": f"q{i}", "output": f"a{i}", "tags": [["x"], ["y"], ["x", "z"], []][i % 4], "n": i}
        for i in range(24)
    ]
    path = tmp_path / "tagged.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, path)
    run_pipeline(workspace, dataset_id)
    asked = {"method": "mig", "budget": 6}
    by_tag = run_step(workspace, dataset_id, "select", asked | {"method_options": {"labels": "column:tags"}})
    assert "clustering" not in by_tag.manifest.inputs
    assert all(row % 4 != 3 for row in rows_of(by_tag))  # a row without a tag tells nothing
    usual = run_step(workspace, dataset_id, "select", asked)
    assert not {"labels", "per_label"} & set(usual.manifest.options["method_options"])
    for column, said in (("column:n", "holds no labels"), ("tag:x", "changes by hand")):
        with pytest.raises(InvalidOptions, match=said):
            run_step(workspace, dataset_id, "select", asked | {"method_options": {"labels": column}})


def test_of_several_answers_to_a_prompt_one_can_be_picked(tmp_path: Path) -> None:
    lines = [
        {"instruction": f"Say {i // 3}{'!' * (i % 3)}", "output": "one two three four five " * (1 + i % 3)}
        for i in range(12)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, path)
    run_step(workspace, dataset_id, "score", {"scorer": "length"})
    picked = run_step(workspace, dataset_id, "select", {"method": "grape", "budget": 10, "quality": "length"})
    assert sorted(rows_of(picked)) == [2, 5, 8, 11]
    assert picked.summary["notes"] == {"n_prompts_with_choice": 4, "n_other_answers": 8}
