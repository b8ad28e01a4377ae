"""What the list of proposals says about each of them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pages.parts.review.queue import say_proposals
from tamis.actions import proposals
from tamis.actions.artifact_names import plain_name
from tamis.compute.clear.clear import OUTCOMES
from tamis.steps.propose.additions import FILTERED, PASSED


def test_every_outcome_has_words():
    assert set(proposals.OUTCOMES) == {*OUTCOMES, PASSED, FILTERED}


@pytest.mark.parametrize(("n_cut", "said"), [(0, False), (8, False), (9, True)])
def test_cut_candidates_are_named_where_they_are_more_than_a_tenth(n_cut, said):
    outcomes = {"candidate_cut": n_cut, "no_candidate": 15, "not_answered": 5, "tie": 80 - n_cut}
    summary = {"method": "correct", "n_rows": 100, "n_drop": 3, "n_replace": 0, "outcomes": outcomes}
    made = SimpleNamespace(
        kind="proposals", summary=summary, manifest=SimpleNamespace(created_at=datetime.now(UTC).isoformat())
    )
    assert (" · 9 candidates cut" in say_proposals(made, plain_name(made))) is said
    assert "3 drop" in say_proposals(made, plain_name(made))
