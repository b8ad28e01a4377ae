"""What the sieve shows is what the job picks, row by row, and its numbers are those of the results."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.selections import selection_stats, submit_baseline
from tamis.actions.sieve import Setting, Sieve, open_sieve, request_at, sample_nearest, sift, usual_request
from tamis.actions.submit import plan_run, submit
from tamis.compute.compare.selections import coverage
from tamis.errors import InvalidOptions
from tamis.selectors import SELECTORS
from tamis.store.artifacts.readers import read_selected_ids, read_vectors
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import add_target, alpaca_file, import_file, run_pipeline, run_step

CASES = {
    "rows": ({"budget": 5}, Setting(budget=13)),
    "few": ({"budget": 5}, Setting(budget=1)),
    "more than there are": ({"budget": 5}, Setting(budget=60)),
    "a fraction": ({"budget": 0.1, "unit": "fraction"}, Setting(budget=0.325)),
    "tokens": ({"budget": 100, "unit": "tokens"}, Setting(budget=333)),
    "a temperature": ({"budget": 5}, Setting(budget=11, temperature=0.15)),
    "a share": ({"budget": 5}, Setting(budget=12, shares={2: 0.5, 0: 0.0})),
    "pins and a filter": (
        {"budget": 8, "pinned": "scope:" + ALL_ROWS.and_where("rows", [1, 2]).to_url(), "within": "scope:" + ALL_ROWS.and_where("rows", list(range(20))).to_url()},
        Setting(budget=9),
    ),
    "no quality": ({"budget": 5, "quality": "none", "method_options": {"quota": "equal"}}, Setting(budget=7)),
    "random": ({"budget": 5, "method": "random"}, Setting(budget=9)),
    "top": ({"budget": 5, "method": "top_quality"}, Setting(budget=9)),
    "closest": ({"budget": 5, "method": "km_closest"}, Setting(budget=9)),
    "by source": ({"budget": 5, "method": "stratified"}, Setting(budget=9)),
    "a cost": ({"budget": 900.0, "cost": "length"}, Setting(budget=1234.5)),
}  # fmt: skip


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Forty questions with clusters, scores and a selection, to copy."""
    folder = tmp_path_factory.mktemp("questions")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder))
    run_pipeline(folder / "workspace", dataset_id)
    run_step(folder / "workspace", dataset_id, "score", {"scorer": "length"})
    return folder / "workspace", dataset_id


@pytest.fixture
def context(questions: tuple[Path, str], tmp_path: Path) -> DatasetContext:
    made, dataset_id = questions
    shutil.copytree(made, tmp_path / "workspace")
    return open_context(open_workspace(tmp_path / "workspace"), dataset_id)


def opened(context: DatasetContext, options: dict) -> Sieve:
    return open_sieve(context, plan_run(context.workspace, context.dataset_id, "select", options))


def made(context: DatasetContext, request: dict) -> Artifact:
    planned = plan_run(context.workspace, context.dataset_id, "select", request)
    return run_step(context.workspace.path, context.dataset_id, "select", planned.options)


@pytest.mark.parametrize("case", CASES)
def test_it_shows_exactly_the_rows_that_the_job_picks(context: DatasetContext, case: str) -> None:
    options, setting = CASES[case]
    sieve = opened(context, options)
    for other in (Setting(budget=sieve.low), Setting(budget=sieve.high, shares=setting.shares)):
        sift(sieve, other)  # the way there leaves no trace
    sifted = sift(sieve, setting)
    selection = made(context, request_at(sieve.exact, setting))
    assert sifted.rows.tobytes() == read_selected_ids(selection).tobytes()
    stats = selection_stats(context, selection, sieve.score)
    assert (sifted.picked.n_rows, sifted.picked.n_clusters_hit) == (stats.n_picked, stats.n_clusters_hit)
    assert sifted.picked.n_tokens == stats.n_tokens
    assert sifted.picked.quality == pytest.approx(stats.quality)
    assert sifted.per_cluster.sum() == len(sifted.rows)


def test_a_hand_that_has_set_no_share_can_cut_by_every_quick_method(context: DatasetContext) -> None:
    target = add_target(context.workspace.path, context.dataset_id).id
    asked = {"scorer": "target_embedding", "target": target}
    run_step(context.workspace.path, context.dataset_id, "score", asked)
    for row in SELECTORS.values():
        if row.is_quick:
            request = {"budget": 5, "method": row.name, "quality": "alignment"}
            request |= {"target": target} if row.uses("target") else {}
            request |= {"method_options": {"weights": {"0": 1.0}}} if row.name == "mixture" else {}
            sieve = opened(context, request)
            kept = sift(sieve, Setting(budget=8, shares={})).rows
            assert kept.tolist() == sift(sieve, Setting(budget=8)).rows.tolist(), row.name


def test_the_random_pick_is_the_baseline(context: DatasetContext) -> None:
    sieve = opened(context, {"budget": 5, "seed": 7})
    sifted = sift(sieve, Setting(budget=11))
    selection = made(context, request_at(sieve.exact, Setting(budget=11)))
    submit_baseline(context, selection)
    random = made(context, {"method": "random", "budget": 11, "quality": "none", "seed": 7})
    assert sifted.random is not None
    assert sifted.random.quality == pytest.approx(selection_stats(context, random, "alignment").quality)
    assert sift(opened(context, {"budget": 5, "method": "random"}), Setting(budget=5)).random is None


def test_coverage_is_what_a_comparison_measures(context: DatasetContext) -> None:
    sieve, near = opened(context, {"budget": 5}), sample_nearest(context)
    assert near is not None
    assert near.of.tolist() == list(range(40))
    sifted = sift(sieve, Setting(budget=9), near=near)
    vectors = read_vectors(context.view.embeddings)
    assert sifted.picked.coverage == pytest.approx(coverage(vectors, sifted.rows).facility_location)
    assert sift(sieve, Setting(budget=9)).picked.coverage is None


def test_what_a_hand_sets_is_a_request_that_can_be_made_and_cloned(context: DatasetContext) -> None:
    setting = Setting(budget=12, temperature=0.2, shares={3: 0.25, 1: 0.5})
    sieve = opened(context, {"budget": 5})
    request = request_at(sieve.exact, setting)
    own = request["method_options"]
    assert (own["weighting"], own["spread_temperature"], own["cluster_shares"]) == (
        "softmax",
        0.2,
        "1=0.5,3=0.25",
    )
    done = submit(context.workspace, context.dataset_id, "select", request)
    assert (
        done.job.artifact_id == plan_run(context.workspace, context.dataset_id, "select", request).artifact_id
    )


def test_without_shares_a_selection_is_called_what_it_was(context: DatasetContext) -> None:
    plain = plan_run(context.workspace, context.dataset_id, "select", {"budget": 10})
    assert plain.is_made
    assert "cluster_shares" not in plain.plan.options.identity()["method_options"]
    own = {"method_options": {"cluster_shares": " 1=0.50 , 0=.2"}}
    named = plan_run(context.workspace, context.dataset_id, "select", {"budget": 10} | own)
    same = plan_run(
        context.workspace, context.dataset_id, "select", {"budget": 10, "method_options": {"cluster_shares": "0=0.2,1=0.5"}}
    )  # fmt: skip
    assert named.artifact_id == same.artifact_id != plain.artifact_id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "'x' is no share"),
        ("1=2", "cluster 1 is 2"),
        ("1=.1,1=.2", "two shares"),
        ("99=.1", "no cluster 99"),
    ],
)
def test_shares_that_cannot_be_are_refused_with_what_was_written(
    context: DatasetContext, given: str, said: str
) -> None:
    with pytest.raises(InvalidOptions, match=said):
        sift(opened(context, {"budget": 5, "method_options": {"cluster_shares": given}}), Setting(budget=5))


@pytest.mark.parametrize(
    "method", [name for name, row in SELECTORS.items() if not row.is_quick and "target" not in row.reads]
)
def test_a_method_that_takes_as_long_as_its_job_has_no_sieve(context: DatasetContext, method: str) -> None:
    with pytest.raises(InvalidOptions, match="known when its job ends"):
        opened(context, {"budget": 5, "method": method})


def test_on_the_map_it_begins_with_the_selection_in_view_and_keeps_to_the_filter(
    context: DatasetContext,
) -> None:
    assert usual_request(context, ALL_ROWS)["budget"] == 10
    scope = ALL_ROWS.and_where("rows", list(range(30)))
    request = usual_request(context, scope)
    sieve = opened(context, request)
    assert sieve.high == 30
    assert np.all(sift(sieve, Setting(budget=30)).rows < 30)
    empty = open_context(context.workspace, context.dataset_id)
    assert usual_request(empty, ALL_ROWS)["method_options"] == request["method_options"]


def test_without_scores_all_rows_are_alike_and_what_is_kept_can_be_made(tmp_path: Path) -> None:
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    run_step(tmp_path / "workspace", dataset_id, "embed", {"encoder": "hashing"})
    run_step(tmp_path / "workspace", dataset_id, "cluster", {"method_options": {"n_clusters": 3}})
    context = open_context(open_workspace(tmp_path / "workspace"), dataset_id)
    sieve = opened(context, usual_request(context, ALL_ROWS))
    sifted = sift(sieve, Setting(budget=7))
    assert sifted.picked.quality is None
    selection = made(context, request_at(sieve.exact, Setting(budget=7)))
    assert sifted.rows.tobytes() == read_selected_ids(selection).tobytes()
