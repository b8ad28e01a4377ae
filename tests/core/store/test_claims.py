import multiprocessing
import time
from pathlib import Path

from tamis.store.database.database import Database
from tamis.store.review.claims import claim, claim_ahead, claimed, release, release_reviewer
from tamis.store.review.decisions import decide, decision_revision


def test_two_sessions_never_get_the_same_row(database):
    assert claim(database, "d", [4, 2, 9], "s1", reviewer="ann") == 4
    assert claim(database, "d", [4, 2, 9], "s2", reviewer="bob") == 2
    assert claim(database, "d", [4, 2], "s3", reviewer="carl") is None
    assert claim(database, "other", [4], "s3", reviewer="carl") == 4


def test_a_session_moves_its_claim_and_frees_the_row_it_had(database):
    claim(database, "d", [1], "s1", reviewer="ann")
    assert claim(database, "d", [2], "s1", reviewer="ann") == 2
    assert claim(database, "d", [1], "s2", reviewer="bob") == 1
    assert {i: c.session for i, c in claimed(database, "d").items()} == {1: "s2", 2: "s1"}


def test_a_claim_ends_by_itself_and_is_renewed_by_asking_again(database):
    claim(database, "d", [1], "s1", reviewer="ann", timeout_s=60, now=1000.0)
    assert claim(database, "d", [1], "s2", reviewer="bob", now=1059.0) is None
    assert claim(database, "d", [1], "s1", reviewer="ann", timeout_s=60, now=1050.0) == 1
    assert claim(database, "d", [1], "s2", reviewer="bob", now=1100.0) is None
    assert claimed(database, "d", now=1111.0) == {}
    assert claim(database, "d", [1], "s2", reviewer="bob", now=1111.0) == 1


def test_a_session_that_finds_nothing_gives_up_what_it_had(database):
    claim(database, "d", [1], "s1", reviewer="ann")
    assert claim(database, "d", [], "s1", reviewer="ann") is None
    assert claim(database, "d", [1], "s2", reviewer="bob") == 1


def test_release_frees_the_row(database):
    claim(database, "d", [1], "s1", reviewer="ann")
    release(database, "d", "s1")
    release(database, "d", "nobody")
    assert claim(database, "d", [1], "s2", reviewer="bob") == 1


def test_a_row_of_an_ended_session_is_taken_over_by_its_own_reviewer_only(database):
    claim(database, "d", [1], "gone", reviewer="ann")
    assert claim(database, "d", [1, 2], "s2", reviewer="bob", ended={"gone"}) == 2
    assert claim(database, "d", [1, 3], "s3", reviewer="ann") == 3
    assert claim(database, "d", [1, 3], "s3", reviewer="ann", ended={"gone"}) == 1
    assert {i: c.session for i, c in claimed(database, "d").items()} == {1: "s3", 2: "s2"}


def test_releasing_a_reviewer_frees_all_but_the_session_that_asks(database):
    for row, session, reviewer in ((1, "s1", "ann"), (2, "s2", "ann"), (3, "s3", "bob")):
        claim(database, "d", [row], session, reviewer=reviewer)
    claim(database, "other", [1], "s4", reviewer="ann")
    assert release_reviewer(database, "d", "ann", "s1") == 1
    assert set(claimed(database, "d")) == {1, 3}
    assert set(claimed(database, "other")) == {1}
    assert release_reviewer(database, "d", "ann", "s1") == 0


def test_a_row_decided_since_the_candidates_were_computed_is_passed_over(database):
    seen = decision_revision(database, "d")
    decide(database, "d", 1, verdict="drop", via="approve", reviewer="bob")
    assert claim(database, "d", [1, 2], "s1", reviewer="ann", since=seen) == 2
    now = decision_revision(database, "d")
    assert claim(database, "d", [1, 2], "s1", reviewer="ann", since=now) == 1


def _review(workspace: Path, session: str, start, out) -> None:
    """Claim, hold for a moment, decide, next: notes when it had which row."""
    database, held = Database(workspace), []
    start.wait(30)
    left = list(range(40))
    while left:
        row = claim(database, "d", left, session, reviewer=session)
        if row is None:
            continue
        began = time.monotonic()
        time.sleep(0.002)
        held.append((row, began, time.monotonic()))
        left.remove(row)
    release(database, "d", session)
    out.put(held)


def test_two_processes_that_claim_at_once_never_hold_the_same_row_together(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, out = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_review, args=(tmp_path, name, start, out)) for name in ("s1", "s2")]
    for worker in workers:
        worker.start()
    first, second = out.get(timeout=60), out.get(timeout=60)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(row for row, _, _ in first) == sorted(row for row, _, _ in second) == list(range(40))
    by_row = {row: (began, ended) for row, began, ended in second}
    for row, began, ended in first:
        other_began, other_ended = by_row[row]
        assert ended <= other_began or other_ended <= began, row
    # They did work at the same time: the stretches in which each was busy overlap.
    assert first[0][1] < second[-1][2]
    assert second[0][1] < first[-1][2]


def test_rows_held_ahead_are_the_tabs_own_and_nobody_elses(database):
    assert claim(database, "d", [1], "s1", reviewer="ann") == 1
    assert claim_ahead(database, "d", [2, 3, 4, 5], 3, "s1", reviewer="ann") == [2, 3, 4]
    assert claim(database, "d", [2, 5], "s2", reviewer="bob") == 5
    assert claim_ahead(database, "d", [4, 6], 2, "s2", reviewer="bob") == [6]
    # The tab goes on to one of its own, and asks for those behind it.
    assert claim(database, "d", [2], "s1", reviewer="ann") == 2
    assert claim_ahead(database, "d", [2, 3, 4, 5, 7], 9, "s1", reviewer="ann") == [2, 3, 4, 7]
    assert claimed(database, "d")[2].session == "s1"  # which the next call does not give up
    assert {i: c.tab for i, c in claimed(database, "d").items()} == {
        2: "s1", 3: "s1", 4: "s1", 7: "s1", 5: "s2", 6: "s2"
    }  # fmt: skip
    # An ended tab's are taken over by its own reviewer, and a release takes them all.
    assert claim(database, "d", [3], "s3", reviewer="ann", ended={"s1"}) == 3
    assert release_reviewer(database, "d", "ann", "s1") == 1
    assert release_reviewer(database, "d", "ann", "s3") == 3
    assert set(claimed(database, "d")) == {5, 6}


def test_what_was_decided_meanwhile_is_not_held_ahead(database):
    before = decision_revision(database, "d")
    decide(database, "d", 2, verdict="drop", via="reject", reviewer="bob")
    assert claim_ahead(database, "d", [2, 3], 2, "s1", reviewer="ann", since=before) == [3]
