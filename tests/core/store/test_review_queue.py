import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InvalidOptions
from core.store.artifacts import ArtifactStore
from core.store.decisions import decide, decide_many, decision_state
from core.store.proposals import SCHEMA
from core.store.review_queue import BulkRule, matching_proposals, order_queue, proposal_choices
from tests.core.store.small_workspace import make_rows, write, write_dataset

NAN = float("nan")
ROWS = [  # example_id, action, outcome, confidence, verdict_confidence, candidate
    (0, "replace", "corrected", 0.2, 0.97, "better 0"),
    (1, "drop", "order_disagreement", 0.1, 0.9, "other"),
    (2, "replace", "corrected", 0.4, 0.99, "better 2"),
    (4, "drop", "below_threshold", 0.3, NAN, None),
    (5, "keep", "passed", 0.9, 0.52, "tie"),
    (7, "keep", "not_scored", NAN, NAN, None),
]


@pytest.fixture
def made(tmp_path):
    store = ArtifactStore(tmp_path)
    examples = write_dataset(store, make_rows(12))["examples"]
    columns = list(zip(*ROWS, strict=True))
    table = pa.table([*map(list, columns), ["{}"] * len(ROWS)], schema=SCHEMA)
    proposals = write(
        store, "proposals", step="propose", fill=lambda w: pq.write_table(table, w.path / "proposals.parquet")
    )
    return examples, proposals


def _order(made, by, rows=(0, 1, 2, 4, 5, 7), **more):
    return order_queue(made[1], np.array(rows), by, **more).tolist()


def test_the_lowest_confidence_comes_first_and_unscored_rows_last(made):
    assert _order(made, "confidence") == [1, 0, 4, 2, 5, 7]


def test_disagreement_puts_verdicts_that_flipped_first_then_the_least_certain(made):
    assert _order(made, "disagreement") == [1, 5, 0, 2, 4, 7]


def test_expected_gain_is_verdict_confidence_minus_confidence(made):
    assert _order(made, "expected_gain") == [1, 0, 2, 5, 4, 7]


def test_clusters_stay_together_the_largest_first_and_noise_last(made):
    clusters = np.array([1, -1, 1, 0, 0, 1, 0, -1, 0, 0, 0, 0], dtype=np.int32)
    assert _order(made, "cluster", cluster_ids=clusters) == [0, 2, 5, 4, 1, 7]
    with pytest.raises(InvalidOptions, match="Run 'cluster' first"):
        _order(made, "cluster")


def test_a_row_without_a_proposal_comes_last_and_an_unknown_order_is_refused(made):
    assert _order(made, "confidence", rows=(0, 3, 4, 11)) == [0, 4, 3, 11]
    with pytest.raises(InvalidOptions, match="'luck'"):
        _order(made, "luck")


def test_a_rule_counts_what_it_is_about_before_it_is_applied(made):
    found = matching_proposals(made[1], BulkRule(action="replace", verdict_confidence_above=0.95))
    assert (found.ids.tolist(), found.n_by_action, found.n_decided) == ([0, 2], {"replace": 2}, 0)
    found = matching_proposals(made[1], BulkRule(verdict_confidence_above=0.95), decided=[2, 9])
    assert (found.ids.tolist(), found.n_decided) == ([0], 1)
    found = matching_proposals(made[1], BulkRule(confidence_below=0.35), within=np.array([4, 1]))
    assert (found.ids.tolist(), found.n_by_action) == ([1, 4], {"drop": 2})
    assert matching_proposals(made[1], BulkRule(outcome="tie")).ids.tolist() == []
    assert matching_proposals(made[1], BulkRule()).n_by_action == {"drop": 2, "keep": 2, "replace": 2}


def test_an_unsure_judge_and_an_unscored_row_meet_no_bound(made):
    assert 4 not in matching_proposals(made[1], BulkRule(verdict_confidence_above=0.0)).ids
    assert 7 not in matching_proposals(made[1], BulkRule(confidence_below=99)).ids


def test_a_rule_is_told_in_words():
    rule = BulkRule(action="replace", verdict_confidence_above=0.95)
    assert rule.describe() == "action replace and verdict confidence above 0.95"
    assert BulkRule().describe() == "every proposal"


def test_approving_by_rule_decides_what_was_proposed_and_rejecting_keeps(made, database):
    examples, proposals = made
    choices = proposal_choices(examples, proposals, np.array([0, 1, 4, 5]))
    decide_many(database, "d", choices, rule="r", reviewer="ann", proposals_id=proposals.id)
    decided = decision_state(database, "d").decided
    assert {i: d.verdict for i, d in decided.items()} == {0: "replace", 1: "drop", 4: "drop", 5: "keep"}
    assert decided[0].messages[-1]["content"] == "better 0"
    assert decided[0].messages[0]["role"] == "user"
    rejected = proposal_choices(examples, proposals, np.array([0]), approve=False)
    assert (rejected[0].verdict, rejected[0].messages) == ("keep", None)
    with pytest.raises(InvalidOptions, match="3 has no proposal"):
        proposal_choices(examples, proposals, np.array([3]))


def test_a_row_decided_while_the_rule_was_looked_at_becomes_a_conflict(made, database):
    examples, proposals = made
    choices = proposal_choices(examples, proposals, np.array([0, 1]), decided={})
    decide(database, "d", 1, verdict="keep", via="reject", reviewer="bob")
    assert decide_many(database, "d", choices, rule="r", reviewer="ann").n_conflicts == 1
