"""The default way in which weights move: evidence of all rounds, rows that are heard beside the picks, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from tamis.compute.refine.evidence import RoundEvidence, pooled_effects, tilted_weights
from tamis.compute.refine.weights import first_weights
from tamis.steps.refine.options import RefineOptions
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.refinements import (
    read_flags,
    read_picks,
    read_round_clusters,
    read_row_scores,
    read_weights,
    rounds_of,
)
from tamis.store.artifacts.store import ArtifactStore
from tests.core.steps.test_refine import base, place, refine  # noqa: F401 - fixtures of that module

POOLED = {"mode": "pooled"}
COLUMNS = ("score", "standard_error", "n_scored")


def test_the_default_pools_evidence_and_old_runs_keep_their_rule_by_name():
    assert RefineOptions().mode == "tested"
    for named in (RefineOptions().identity(), RefineOptions(mode="pooled").identity()):
        assert {"effect_temperature", "fall_factor", "rise_factor", "forgetting"} <= set(named)
        assert not {"tau", "w_min_factor", "w_max_factor", "shrink_rows"} & set(named)
    before = RefineOptions(mode="tamis").identity()
    assert "tau" in before
    assert "effect_temperature" not in before


def test_every_cluster_is_heard_twice_a_round_by_rows_that_are_not_picked_where_needed(place):  # noqa: F811
    made = refine(place, **POOLED, rounds=2, budget=6)
    labels = read_cluster_ids(ArtifactStore(place[0]).list(place[1], "clustering")[0])
    picked = set(read_picks(made)["example_id"].to_pylist())
    assert len(picked) == 6
    for one in rounds_of(ArtifactStore(place[0]), made):
        asked = read_row_scores(one)["example_id"].to_numpy()
        assert len(set(asked.tolist())) == len(asked)
        assert (np.bincount(labels[asked], minlength=5) >= 2).all()
        assert not set(asked.tolist()) <= picked
    assert set(read_flags(made)["example_id"].to_pylist()) <= picked


@pytest.mark.parametrize("mode", ["tested", "pooled"])
def test_weights_follow_from_the_tables_of_the_rounds_alone(place, mode):  # noqa: F811
    made = refine(place, mode=mode, rounds=3, budget=14)
    labels = read_cluster_ids(ArtifactStore(place[0]).list(place[1], "clustering")[0])
    first = first_weights(np.bincount(labels), "proportional")
    evidence = []
    for one in rounds_of(ArtifactStore(place[0]), made):
        table = read_round_clusters(one)
        columns = [table[name].to_numpy() for name in ("score", "standard_error", "n_scored")]
        evidence.append(RoundEvidence.of(*columns))
        found = pooled_effects(evidence)
        assert table["effect"].to_numpy() == pytest.approx(found.effect)
        assert table["deviation"].to_numpy() == pytest.approx(found.deviation)
        moving, told = (found.tested, found.trust > 0) if mode == "tested" else (found.effect, found.told)
        assert table["learned_after"].to_numpy() == pytest.approx(tilted_weights(first, moving))
        assert one.summary["told"] == told
        assert one.summary["chance"] == pytest.approx(found.chance)
        assert 1 <= one.summary["effective_clusters"] <= 5
        assert any("No lasting difference" in note for note in one.summary["notes"]) == (not told)
    weights = read_weights(made).to_pandas()
    assert weights.groupby("round")["weight"].sum().to_numpy() == pytest.approx(1)
    assert weights[weights["round"] == 0]["effect"].isna().all()


def test_rows_scored_anew_in_every_round_count_once(place):  # noqa: F811
    made = refine(place, **POOLED, rounds=2, budget=8, score_rows="all")
    last = read_round_clusters(rounds_of(ArtifactStore(place[0]), made)[-1])
    alone = RoundEvidence.of(*[last[name].to_numpy() for name in ("score", "standard_error", "n_scored")])
    assert last["effect"].to_numpy() == pytest.approx(pooled_effects([alone]).effect)


def test_normal_scores_of_the_gaps_move_the_weights_where_they_are_asked_for(place):  # noqa: F811
    made = refine(place, **POOLED, rounds=2, budget=8, gap_scale="normal scores")
    labels = read_cluster_ids(ArtifactStore(place[0]).list(place[1], "clustering")[0])
    evidence = []
    for one in rounds_of(ArtifactStore(place[0]), made):
        asked = read_row_scores(one)
        gaps = asked["gap"].to_numpy().astype(float)
        ids = labels[asked["example_id"].to_numpy()]
        normal = norm.ppf(rankdata(gaps) / (len(gaps) + 1))
        table = read_round_clusters(one)
        means = [normal[ids == cluster].mean() for cluster in table["cluster_id"].to_numpy()]
        assert table["score"].to_numpy() == pytest.approx(means)
        evidence.append(RoundEvidence.of(*[table[name].to_numpy() for name in COLUMNS]))
        assert table["effect"].to_numpy() == pytest.approx(pooled_effects(evidence).effect)
        assert one.summary["mean_gap"] == pytest.approx(
            gaps.mean(), rel=1e-5
        )  # what is told of gaps stays gaps
        assert any("normal scores within the round" in note for note in one.summary["notes"])


def test_a_run_that_takes_gaps_as_they_are_has_the_name_it_had_before_there_was_a_choice():
    for mode in ("tested", "pooled", "tamis"):
        assert "gap_scale" not in RefineOptions(mode=mode).identity()
    assert RefineOptions(gap_scale="normal scores").identity()["gap_scale"] == "normal scores"
    # The older modes never look at it.
    assert "gap_scale" not in RefineOptions(mode="paper", gap_scale="normal scores").identity()


def test_shuffled_scores_use_the_same_rule(place):  # noqa: F811
    made = refine(place, **POOLED, rounds=2, budget=8, control="shuffled_scores")
    for one in rounds_of(ArtifactStore(place[0]), made):
        assert np.isfinite(read_round_clusters(one)["effect"].to_numpy()).all()
        assert "between" in one.summary


def test_a_cluster_that_is_left_out_is_not_asked_about(place):  # noqa: F811
    made = refine(place, **POOLED, rounds=1, budget=6, cluster_factors={"0": "excluded", "1": "pinned"})
    labels = read_cluster_ids(ArtifactStore(place[0]).list(place[1], "clustering")[0])
    [one] = rounds_of(ArtifactStore(place[0]), made)
    asked = labels[read_row_scores(one)["example_id"].to_numpy()]
    assert not (asked == 0).any()
    assert (np.bincount(asked, minlength=5)[1:] >= 2).all()
    table = read_round_clusters(one)
    first = first_weights(np.bincount(labels), "proportional")
    assert table["learned_after"].to_numpy()[1] == pytest.approx(first[1])


def test_the_forecast_counts_the_rows_that_are_heard_besides():
    from tamis.steps.refine.forecast import _heard_besides

    picked, left = np.array([3, 1, 0, 0]), np.array([40, 40, 40, 1])
    # Four picks are answered: the second cluster lacks one, the third two, the fourth the only row it has.
    assert _heard_besides(np.array([4]), picked, left).tolist() == [4]
    assert _heard_besides(np.array([40]), picked * 10, left).tolist() == [3]
