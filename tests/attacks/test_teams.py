"""Rows that two people decide: neither overrules the other, neither sees what the other said, a curator settles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import tamis
from tamis.actions import decisions, teams
from tamis.actions.audit import list_audit
from tamis.actions.dataset_context import open_context
from tamis.actions.decide_request import DecideRequest, decide_by_request
from tamis.actions.decisions import DecidedBy
from tamis.actions.export_files import list_exports
from tamis.actions.proposals import proposal_columns, proposal_table, proposals_for
from tamis.actions.review_queue import ReviewQueue, next_rows, open_queue
from tamis.cli.main import run
from tamis.errors import InvalidOptions, NotAllowed
from tamis.store.actor import Actor
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.review_workspace import mixed_rows, write_proposals

ANN, BEN = "ann@example.org", "ben@example.org"


@pytest.fixture
def team(tmp_path: Path) -> tuple[Workspace, str, ReviewQueue]:
    """Thirty rows that ask for a change, all of them both ann's and ben's."""
    dataset = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    proposals = write_proposals(tmp_path / "workspace", dataset, mixed_rows())
    workspace = open_workspace(tmp_path / "workspace")
    queue = open_queue(open_context(workspace, dataset), proposals)
    curator = workspace.acting_as(Actor("cas@example.org", "curator", "login"))
    shares = teams.assign_rows(curator, queue, [ANN, BEN], overlap_fraction=1.0)
    assert [(one.n_rows, one.n_shared) for one in shares] == [(30, 30), (30, 30)]
    return workspace, dataset, queue


def _as(workspace: Workspace, account: str) -> Workspace:
    return workspace.acting_as(Actor(account, "reviewer", "login"))


def _decide(
    team: tuple[Workspace, str, ReviewQueue], account: str, row: int, do: str, seen: int | None = None
) -> Any:
    workspace, dataset, queue = team
    proposal = proposals_for(
        proposal_table(queue.proposals), proposal_columns(queue.proposals), np.array([row])
    )[0]
    act = decisions.approve_proposal if do == "approve" else decisions.reject_proposal
    by = DecidedBy(reviewer=account, proposals_id=queue.proposals.id, seen_event=seen)
    return act(_as(workspace, account), dataset, proposal, by)


def test_whatever_is_said_to_have_been_seen_nobody_overrules_the_other(
    team: tuple[Workspace, str, ReviewQueue],
) -> None:
    workspace, dataset, queue = team
    first = _decide(team, ANN, 1, "approve")
    for row, seen in ((1, first.decision.event_id), (1, None)):
        assert not _decide(team, BEN, row, "reject", seen).conflict  # it waits, and Ben is not told
    sent = DecideRequest(
        sender="a-tab-of-ben", number=1, dataset=dataset, proposals=queue.proposals.id, row=1, do="reject",
        seen_event=first.decision.event_id,
    )  # fmt: skip
    assert not decide_by_request(_as(workspace, BEN), sent, BEN)["conflict"]
    now = decisions.decision_snapshot(workspace, dataset)
    assert now.by_row[1].reviewer == ANN
    assert 1 in now.conflicts
    with pytest.raises(NotAllowed, match="curator"):
        decisions.settle_conflict(_as(workspace, BEN), dataset, now.by_row[1].event_id, BEN, keep_mine=True)
    # Who agrees is in no conflict, and whoever changes their own mind neither.
    assert not _decide(team, BEN, 3, "approve").conflict
    assert not _decide(team, ANN, 3, "approve").conflict
    _decide(team, ANN, 5, "approve")
    assert not _decide(team, ANN, 5, "reject").conflict


def test_other_proposals_of_the_same_rows_are_no_way_around(team: tuple[Workspace, str, ReviewQueue]) -> None:
    workspace, dataset, queue = team
    _decide(team, ANN, 1, "approve")
    by = DecidedBy(reviewer=BEN, proposals_id="others", seen_event=None)
    (proposal,) = proposals_for(
        proposal_table(queue.proposals), proposal_columns(queue.proposals), np.array([1])
    )
    decisions.reject_proposal(_as(workspace, BEN), dataset, proposal, by)
    now = decisions.decision_snapshot(workspace, dataset)
    assert now.by_row[1].reviewer == ANN and now.conflicts == (1,)
    rows = teams.rows_seen_alone(_as(workspace, BEN), dataset, BEN, None)
    assert rows is not None and rows.tolist() == queue.rows[np.argsort(queue.rows)].tolist()
    cas = workspace.acting_as(Actor("cas@example.org", "curator", "login"))
    assert teams.rows_seen_alone(cas, dataset, "cas@example.org", None) is None


def test_nobody_is_shown_what_the_other_said(team: tuple[Workspace, str, ReviewQueue]) -> None:
    workspace, dataset, queue = team
    for row in (1, 3, 4):
        _decide(team, ANN, row, "approve")
    _decide(team, BEN, 3, "reject")
    rows = teams.rows_of_reviewer(workspace, dataset, queue.proposals.id, BEN)
    assert rows is not None
    whole = decisions.decision_snapshot(workspace, dataset)
    seen = teams.blind_to_others(workspace, dataset, whole, BEN, rows)
    assert {row: one.reviewer for row, one in seen.by_row.items()} == {3: BEN}
    assert not seen.conflicts
    assert len(next_rows(teams.share_of_queue(queue, rows), seen)) == 29
    assert teams.rows_of_reviewer(workspace, dataset, queue.proposals.id, "vic@example.org") is None
    # Nor by the history of a row, of an event, or of the log.
    _decide(team, BEN, 3, "approve")
    history = teams.blind_changes(decisions.history_of_row(workspace, dataset, 3), BEN)
    assert [(one.old_verdict, one.new_verdict) for one in history] == [("", "keep"), ("keep", "drop")]
    events = teams.blind_events(decisions.list_decisions(workspace, dataset), BEN)
    (first, _) = sorted(one.event_id for one in events)
    assert decisions.rows_of_decision(workspace, dataset, first)[0].old_verdict == "drop"
    (change,) = teams.blind_changes(decisions.rows_of_decision(workspace, dataset, first), BEN)
    assert (change.old_verdict, change.old_messages) == ("", None)
    assert not any(one.conflict for one in (*history, change)) and not any(one.n_conflicts for one in events)


def test_what_waits_for_people_waits_for_each_of_them(team: tuple[Workspace, str, ReviewQueue]) -> None:
    """A campaign that went on when every row had one decision told the second person the first one's."""
    workspace, dataset, queue = team
    rows = queue.rows.tolist()
    for row in rows:
        _decide(team, ANN, row, "approve")
    for row in rows[:-1]:
        _decide(team, BEN, row, "approve")

    def missing(*asked: int) -> int:
        return teams.second_opinions_missing(workspace, dataset, asked, queue.proposals.id)

    assert (missing(*rows), missing(rows[0]), missing()) == (
        1,
        0,
        0,
    )  # of the rows that are asked about alone
    assert teams.second_opinions_missing(workspace, dataset, rows, "ffff000011112222") == 0
    _decide(team, BEN, rows[-1], "approve")
    assert missing(*rows) == 0
    decisions.undo_decision(_as(workspace, BEN), dataset, BEN)
    assert missing(*rows) == 1
    _decide(team, "cas@example.org", rows[-1], "reject")  # who settles needs no other opinion
    assert missing(*rows) == 0


def test_a_file_that_was_written_by_decisions_is_not_for_who_shares_the_rows(
    team: tuple[Workspace, str, ReviewQueue],
) -> None:
    workspace, dataset, _ = team
    _decide(team, ANN, 1, "approve")
    data = tamis.open(workspace.path).dataset(dataset)
    data.export(workspace.path / "exports" / "as_imported.jsonl", decisions="none")
    data.export(workspace.path / "exports" / "as_decided.jsonl", decisions="current")
    assert [one.path.name for one in list_exports(workspace, dataset)] == [
        "as_decided.jsonl",
        "as_imported.jsonl",
    ]
    assert [one.path.name for one in list_exports(_as(workspace, BEN), dataset)] == ["as_imported.jsonl"]


def test_agreement_is_measured_on_what_each_decided(team: tuple[Workspace, str, ReviewQueue]) -> None:
    workspace, dataset, queue = team
    for at, row in enumerate(queue.rows[:12].tolist()):
        _decide(team, ANN, row, "approve")
        _decide(team, BEN, row, "reject" if at < 3 else "approve")
    found = teams.measure_agreement(workspace, dataset, queue.proposals.id)
    assert (found.alpha.n_rows, found.observed) == (12, 0.75)
    assert found.kappas[ANN, BEN].low < found.kappas[ANN, BEN].value < 1
    # Settled or undone, it stays what each decided; what is taken back counts no more.
    decisions.undo_decision(_as(workspace, BEN), dataset, BEN)
    assert teams.measure_agreement(workspace, dataset, queue.proposals.id).alpha.n_rows == 11


@pytest.mark.parametrize(
    ("people", "overlap"),
    [([], 0.0), (["ann", "ann"], 0.0), (["ann", " "], 0.0), (["ann"], 0.5), (["a", "b"], 2.0)],
)
def test_a_division_that_makes_no_sense_is_refused(
    team: tuple[Workspace, str, ReviewQueue], people: list[str], overlap: float
) -> None:
    with pytest.raises(InvalidOptions):
        teams.assign_rows(team[0], team[2], people, overlap_fraction=overlap)
    assert {one.reviewer for one in teams.list_shares(*team[:2], team[2].proposals.id)} == {ANN, BEN}


def test_by_command_and_python(
    team: tuple[Workspace, str, ReviewQueue], capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, dataset, queue = team

    def tell(*words: str) -> Any:
        assert (
            run(["--workspace", str(workspace.path), "--json", "review", *words, "--dataset", dataset]) == 0
        )
        return orjson.loads(capsys.readouterr().out.splitlines()[-1])

    told = tell("assign", "--to", "ann,ben,cas", "--overlap", "0.2", "--reviewer", "dan")
    assert sum(one["n_rows"] for one in told["shares"]) == 36
    assert tell("shares") == told
    assert tell("agreement")["alpha"]["n_rows"] == 0
    assert tell("note", "1", "The year\x1b[2J is wrong.", "--reviewer", "ann")["reviewer"] == "ann"
    data = tamis.open(workspace.path, reviewer="ben").dataset(dataset)
    data.decisions.note(1, "I think so too.")
    assert [one["reviewer"] for one in tell("notes", "--row", "1")["notes"]] == ["ann", "ben"]
    assert [one.reviewer for one in data.decisions.shares()] == ["ann", "ben", "cas"]
    assert [one.reviewer for one in data.decisions.assign(["eve"], overlap=0.0)] == ["eve"]
    assert data.decisions.agreement().alpha.n_rows == 0
    assert [one.text for one in data.decisions.notes()] == ["The year\x1b[2J is wrong.", "I think so too."]
    with pytest.raises(InvalidOptions, match="no row 40"):
        data.decisions.note(40, "Nothing there.")
    assert [one.account for one in list_audit(workspace, action="assign")][1:] == ["dan", "cas@example.org"]
