"""Blind votes."""

from __future__ import annotations

import pytest

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.database.votes import undo_vote, vote, votes, winners


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "tamis.sqlite")


def test_a_later_vote_of_the_same_reviewer_takes_the_place_of_the_earlier(database):
    vote(database, "d", "a1", 7, "base", "ann", left_was="tuned")
    vote(database, "d", "a1", 7, "tuned", "ann")
    assert winners(database, "d", "a1") == {7: "tuned"}
    assert len(votes(database, "d", "a1")) == 1


def test_votes_of_other_adapters_datasets_and_reviewers_stay_apart(database):
    vote(database, "d", "a1", 7, "base", "ann")
    vote(database, "d", "a2", 7, "tuned", "ann")
    vote(database, "e", "a1", 7, "tuned", "ann")
    vote(database, "d", "a1", 8, "tie", "bob")
    assert winners(database, "d", "a1") == {7: "base", 8: "tie"}
    assert winners(database, "d", "a1", reviewer="bob") == {8: "tie"}


def test_reviewers_who_differ_make_a_tie_unless_one_side_has_more(database):
    vote(database, "d", "a1", 7, "base", "ann")
    vote(database, "d", "a1", 7, "tuned", "bob")
    assert winners(database, "d", "a1") == {7: "tie"}
    vote(database, "d", "a1", 7, "tuned", "cid")
    assert winners(database, "d", "a1") == {7: "tuned"}


def test_undo_withdraws_the_reviewers_latest_vote_and_then_the_one_before(database):
    vote(database, "d", "a1", 7, "base", "ann")
    vote(database, "d", "a1", 8, "tuned", "ann")
    vote(database, "d", "a1", 9, "tuned", "bob")
    assert undo_vote(database, "d", "a1", "ann").example_id == 8
    assert undo_vote(database, "d", "a1", "ann").example_id == 7
    assert undo_vote(database, "d", "a1", "ann") is None
    assert winners(database, "d", "a1") == {9: "tuned"}


def test_an_unknown_winner_is_refused(database):
    with pytest.raises(InvalidOptions, match="not 'left'"):
        vote(database, "d", "a1", 7, "left", "ann")
