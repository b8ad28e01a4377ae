"""What a selection, a score and an evaluation say, worked out by hand on small sets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from tamis.actions.dataset_context import open_context
from tamis.actions.evaluations import (
    answered,
    cluster_losses,
    evaluation_of,
    measure_verdicts,
    measures_of,
    overall_losses,
    task_changes,
)
from tamis.actions.read_rows import cluster_of, read_column
from tamis.actions.scores import can_score_again, rows_at_the_end, score_per_cluster, score_stats
from tamis.actions.selections import (
    PICKED,
    find_baseline,
    overlaps,
    picked_histograms,
    picks_per_cluster,
    ranked_picks,
    selection_stats,
    submit_baseline,
)
from tamis.actions.votes import EVERY, record_vote, vote_rates, vote_winners
from tamis.compute.compare.histograms import count_in, mean_per_group, middle_edges
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.workspace import Workspace
from tests.pages.fine_tuned import write_adapter
from tests.pages.page_workspace import run_pipeline, run_step


def test_a_selection_is_counted_per_cluster_and_beside_a_random_pick(
    workspace: Workspace, dataset_id: str
) -> None:
    selection = run_pipeline(workspace.path, dataset_id)
    context = open_context(workspace, dataset_id)
    ids, labels = read_selected_ids(selection), cluster_of(context)
    table = picks_per_cluster(context, selection, None, "alignment").to_pydict()
    for cluster, size, picked in zip(table["cluster_id"], table["size"], table["picked"], strict=True):
        assert (size, picked) == ((labels == cluster).sum(), (labels[ids] == cluster).sum())
    assert table["size"] == sorted(table["size"], reverse=True)
    assert "random" not in table and sum(table["expected"]) == pytest.approx(10)
    stats = selection_stats(context, selection, "alignment")
    assert (stats.n_picked, stats.n_rows) == (10, 40)
    assert stats.quality == pytest.approx(read_column(context, "score:alignment")[ids].mean())
    other = run_step(
        workspace.path, dataset_id, "select", {"budget": 10, "method": "random", "quality": "none"}
    )
    context = open_context(workspace, dataset_id)
    assert find_baseline(context.view.selections, selection) == other
    assert submit_baseline(context, selection).already_done
    (shared,) = overlaps(context, selection)
    both = len(np.intersect1d(ids, read_selected_ids(other)))
    assert (shared.n_both, shared.by_chance, shared.shares_luck) == (both, pytest.approx(2.5), False)
    alike = {"budget": 6, "method": "random", "quality": "none"}
    run_step(workspace.path, dataset_id, "select", alike)
    by_id = {one.other.id: one for one in overlaps(open_context(workspace, dataset_id), other)}
    assert sorted((one.n_rows, one.shares_luck) for one in by_id.values()) == [(6, True), (10, False)]
    shares = picked_histograms(context, selection, other, "score:alignment").to_pandas()
    assert shares[shares["rows"] == PICKED]["count"].sum() == 10
    assert shares.groupby("rows")["share_fraction"].sum().round(6).tolist() == [1, 1, 1]


def test_ranks_count_up_in_every_cluster(workspace: Workspace, dataset_id: str) -> None:
    picks = ranked_picks(run_pipeline(workspace.path, dataset_id)).to_pandas()
    assert picks["rank"].is_monotonic_increasing
    for _, inside in picks.groupby("cluster_id"):
        assert inside["rank_in_cluster"].tolist() == list(range(1, len(inside) + 1))


def test_a_score_is_spread_over_the_rows_that_have_one(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    context = open_context(workspace, dataset_id)
    values = read_column(context, "score:alignment")
    stats = score_stats(context, "alignment")
    assert (stats.n, stats.n_missing, stats.counts.sum()) == (40, 0, 40)
    assert stats.quantiles[0.5] == pytest.approx(np.median(values))
    assert (
        rows_at_the_end(context, "alignment", 3, highest=True).tolist()
        == np.argsort(-values, kind="stable")[:3].tolist()
    )
    table = score_per_cluster(context, "alignment").to_pydict()
    assert table["mean"] == sorted(table["mean"]) and sum(table["n"]) == 40
    assert not can_score_again(context, "alignment")
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing", "encoder_options": {"seed": 2}})
    assert can_score_again(open_context(workspace, dataset_id), "alignment")


def test_an_evaluation_is_told_per_cluster_and_overall(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    context = open_context(workspace, dataset_id)
    adapter = write_adapter(workspace.path, dataset_id)
    table = evaluation_of(context, adapter)
    assert answered(table).num_rows == 6
    assert "json_valid" not in measures_of(table)
    frame = table.to_pandas()
    frame["change"] = frame["loss"] - frame["base_loss"]
    expected = frame.groupby("cluster_id")["change"].agg(["mean", "std", "size"])
    found = cluster_losses(context, table).to_pandas().set_index("cluster_id")
    assert found["change"].tolist() == sorted(found["change"])
    for cluster, line in expected.iterrows():
        assert found.loc[cluster, "change"] == pytest.approx(line["mean"])
        error = line["std"] / np.sqrt(line["size"])
        assert found.loc[cluster, "error"] == pytest.approx(error, nan_ok=True)
        reach = stdtrit(max(line["size"] - 1, 1), 0.975) * error
        assert found.loc[cluster, "high"] == pytest.approx(line["mean"] + reach, nan_ok=True)
    assert set(found["verdict"][found["n"] < 6]) <= {"not clear"}
    whole = overall_losses(table)
    assert whole["verdict"] == measure_verdicts(table)["loss"] == "better"
    assert whole["low"] < whole["change"] < whole["high"] < 0
    assert whole["n"] == 8 and whole["change"] == pytest.approx(frame["change"].mean())
    assert whole["error"] == pytest.approx(frame["change"].std() / np.sqrt(8))
    none = write_adapter(workspace.path, dataset_id, values={"held_out_fraction": 0}, n_held_out=0)
    assert (
        evaluation_of(context, none).num_rows
        == 0
        == cluster_losses(context, evaluation_of(context, none)).num_rows
    )


def test_tasks_are_judged_question_by_question_where_answers_were_kept() -> None:
    """A gain on the same questions is told that two samples of unrelated ones could not tell."""
    one = {
        "task": "a",
        "metric": "acc",
        "value": 0.6,
        "base": 0.5,
        "stderr": 0.05,
        "base_stderr": 0.05,
        "n": 100,
        "higher_is_better": True,
    }
    paired = {"n": 100, "mean": 0.1, "low": 0.04, "high": 0.16, "p": 0.001, "paired": True}
    (apart,), (together,) = task_changes([one]), task_changes([one | {"paired": paired}])
    assert (apart.said, together.said) == ("not clear", "better")
    assert apart.change is not None and together.change is not None
    assert (apart.change.paired, together.change.paired) == (False, True)
    unknown = task_changes([one | {"base": None}, one | {"higher_is_better": None}, one | {"stderr": None}])
    assert [found.said for found in unknown] == ["", "", "not clear"]


def test_votes_are_counted_over_all_rows_and_per_cluster(workspace: Workspace, dataset_id: str) -> None:
    for row, winner in enumerate(["tuned", "tuned", "base", "tie"]):
        record_vote(workspace, dataset_id, "an-adapter", row, winner, "kim")
    chosen = vote_winners(workspace, dataset_id, "an-adapter")
    rates = vote_rates(np.arange(6), np.array([0, 0, 1, 1, 1, 2]), chosen, np.arange(6))
    assert [(one.cluster_id, one.n_votes, one.rate) for one in rates] == [
        (EVERY, 4, 0.625),
        (0, 2, 1.0),
        (1, 2, 0.25),
    ]
    assert len(vote_rates(np.arange(2), np.array([0, 0]), chosen, np.arange(2))) == 1
    together = vote_rates(np.arange(4), np.array([0, 0, 1, 1]), chosen, np.array([5, 5, 5, 9]))
    assert [(one.n_votes, one.n_groups, one.n_won, one.n_tied) for one in together] == [
        (4, 2, 1, 1), (2, 1, 1, 0), (2, 2, 0, 1),
    ]  # fmt: skip
    assert together[0].rate == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_bins_lie_over_the_middle_and_count_what_is_outside_at_the_ends() -> None:
    values = np.r_[np.linspace(0, 1, 998), 1e9, np.nan]
    edges = middle_edges(values, 4)
    assert edges[-1] < 2 and count_in(values, edges).sum() == 999
    assert middle_edges([], 2).tolist() == [0.0, 0.5, 1.0]
    assert middle_edges([3.0, 3.0], 1).tolist() == [3.0, 4.0]
    assert middle_edges([0.5, 10.0, 100.0], 2, logarithmic=True)[0] == 1.0
    assert np.isnan(mean_per_group(np.array([0, 0, 2]), [1.0, np.nan, 4.0], 3)[1])
    assert mean_per_group(np.array([0, 0, 2]), [1.0, np.nan, 4.0], 3)[[0, 2]].tolist() == [1.0, 4.0]
