"""The view Team and what belongs to it: shares that are assigned, a queue of one's own, notes, and who did what."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf.text_encoding import CUnescape
from streamlit.testing.v1 import AppTest

from pages.shared import frame
from pages.shared.navigation import APP_PAGES
from tamis.actions import decisions, teams
from tamis.actions.dataset_context import open_context
from tamis.actions.decisions import DecidedBy, list_decisions
from tamis.actions.drop_reasons import note_drop_reason
from tamis.actions.proposals import proposal_columns, proposal_table, proposals_for
from tamis.actions.review_queue import open_queue
from tamis.campaigns.moves import Move, MoveKind
from tamis.store.actor import Actor
from tamis.store.artifacts.store import utc_now
from tamis.store.database import campaigns
from tamis.store.workspace import Workspace, open_workspace
from tests.core.steps import test_propose_alc3 as labels
from tests.core.steps.test_augment import House
from tests.pages.page_workspace import button, checked, open_page, said
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.pages.test_augment import SCRIPTED

labelled = labels.labelled  # a fixture
VIEWS = ({}, *({"view": view} for view in ("rules", "history", "calibration", "apply", "team")))
DRAWN_ANEW = re.compile(
    r'\\"page\\": \{[^}]*\}, |[0-9a-f]{32}|just now|\d+ \w+ ago'
)  # a session's token, names that charts give to data, and how long ago something was
ASKED = {"review": (*VIEWS, {"row": "1"}), "data_map": ({}, {"row": "1"})}


def _open_as(
    monkeypatch: pytest.MonkeyPatch,
    account: str,
    role: str,
    dataset_id: str,
    page: str = "review",
    **query: str,
) -> AppTest:
    monkeypatch.setattr(frame, "current_actor", lambda: Actor(account, role, "login"))  # type: ignore[arg-type]
    return open_page(page, dataset=dataset_id, **query)


def _whole(app: AppTest) -> list[str]:
    """Everything that a page sends to a browser, a line each; what names this one session, and the table of shares, left out."""
    lines = [line for part in (app.main, app.sidebar) for one in part for line in str(one.proto).splitlines()]
    return [DRAWN_ANEW.sub("", _unpacked(line) if "pandas" in line else line) for line in lines]


def _unpacked(line: str) -> str:
    """The rows of a table or of a chart's data; none of the table of shares, which says how many each has decided."""
    packed = CUnescape(line[line.index('"') + 1 : line.rindex('"')])
    table = pa.ipc.open_stream(packed).read_all()
    return "" if "shared" in table.column_names else str(table.to_pylist())


def _all_that_ben_sees(
    handle: Workspace, monkeypatch: pytest.MonkeyPatch, pages: list[tuple[str, str, dict[str, str]]]
) -> dict[str, list[str]]:
    found = {}
    for dataset_id, page, asked in pages:
        with handle.database.writing() as connection:  # what a tab before this one holds would be skipped
            connection.execute("DELETE FROM claims")
        app = _open_as(monkeypatch, "ben", "reviewer", dataset_id, page, **asked)
        assert not app.exception
        found[f"{page} of {dataset_id} {asked}"] = _whole(app)
    return found


def _told(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, set[str]]:
    """What is said by one of two looks alone, by page."""
    return {name: set(after[name]) ^ set(before[name]) for name in before if before[name] != after[name]}


def test_a_curator_assigns_and_a_reviewer_has_a_queue_of_the_share(
    dataset_id: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_proposals(workspace, dataset_id, mixed_rows())
    app = _open_as(monkeypatch, "cas", "curator", dataset_id, view="team")
    app.multiselect(key="team_people").set_value(["ann", "ben"])
    app.slider(key="team_overlap").set_value(50)
    checked(button(app, "Assign").click().run())  # type: ignore[attr-defined]
    assert list(app.dataframe[0].value["shared"]) == [15, 15]
    handle = open_workspace(workspace)
    rows = teams.rows_of_reviewer(handle, dataset_id, made.id, "ann")
    assert rows is not None
    app = _open_as(monkeypatch, "ann", "reviewer", dataset_id)
    assert f"{len(rows)} rows" in said(app) + "".join(one.label for one in app.expander)
    app = _open_as(monkeypatch, "ann", "reviewer", dataset_id, view="team")
    assert "Assign the" not in said(app)
    assert not list_decisions(handle, dataset_id)


def test_notes_and_what_was_done_are_shown(
    dataset_id: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    handle = open_workspace(workspace)
    teams.add_note(handle, dataset_id, 1, "The <b>year</b> is wrong.", "ben")
    app = _open_as(monkeypatch, "ann", "reviewer", dataset_id, row="1")
    assert "Notes (1)" in [one.label for one in app.expander]
    app = _open_as(
        monkeypatch, "ann", "reviewer", dataset_id, view="history", review_whose="Everything that was done"
    )
    assert app.dataframe[0].value[["what", "who", "role"]].to_numpy().tolist() == [
        ["login", "ann", "reviewer"]
    ]


def test_no_page_tells_who_shares_rows_what_the_other_decided(
    dataset_id: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ann decides, ben's pages are the same to the letter; a curator's are not."""
    made = write_proposals(workspace, dataset_id, mixed_rows())
    handle = open_workspace(workspace)
    queue = open_queue(open_context(handle, dataset_id), made)
    curator = handle.acting_as(Actor("cas", "curator", "login"))
    teams.assign_rows(curator, queue, ["ann", "ben"], overlap_fraction=1.0)
    pages = [(dataset_id, one.name, asked) for one in APP_PAGES for asked in ASKED.get(one.name, ({},))]

    def decide(account: str, rows: slice) -> None:
        by = DecidedBy(reviewer=account, proposals_id=made.id)
        person = handle.acting_as(Actor(account, "reviewer", "login"))
        for proposal in proposals_for(proposal_table(made), proposal_columns(made), queue.rows[rows]):
            (decisions.approve_proposal if account == "ben" else decisions.reject_proposal)(
                person, dataset_id, proposal, by
            )

    _open_as(monkeypatch, "ben", "reviewer", dataset_id)  # who comes in is written down, once
    decide("ben", slice(2))
    before = _all_that_ben_sees(handle, monkeypatch, pages)
    decide("ann", slice(1, 12))
    assert not _told(before, _all_that_ben_sees(handle, monkeypatch, pages))


def test_no_page_tells_who_shares_written_rows_what_the_other_decided(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of a batch, in its own pages, those of the dataset that it adds to, and where a campaign tells of it."""
    house = House(tmp_path)
    monkeypatch.setenv("TAMIS_WORKSPACE", str(house.workspace.path))
    handle, curator = house.workspace, house.workspace.acting_as(Actor("cas", "curator", "login"))
    asked = {"parents": house.wrong(), "filters": {"length": False, "format": False}, "rows": 4}
    batch = house.augment(**SCRIPTED, **asked).manifest.dataset_id
    made = house.run(batch, "propose", {"method": "additions"})
    queue = open_queue(open_context(handle, batch), made)
    teams.assign_rows(curator, queue, ["ann", "ben"], overlap_fraction=1.0)
    _write_campaigns(handle, house.data, batch)
    first, last = (int(queue.rows[at]) for at in (0, -1))
    pages = [(batch, "review", one) for one in (*VIEWS, {"row": str(first)}, {"row": str(last)})]
    pages += [(batch, "augment", {}), (house.data, "augment", {}), (house.data, "job_list", {})]
    pages += [(house.data, "overview", {}), (batch, "overview", {}), (batch, "export_data", {})]

    def decide(account: str, row: int, *, keep: bool) -> None:
        person = handle.acting_as(Actor(account, "reviewer", "login"))
        if not keep:
            note_drop_reason(person, batch, row, "wrong", account)
        (proposal,) = proposals_for(proposal_table(made), proposal_columns(made), np.array([row]))
        approves = keep == (proposal.action != "drop")
        act = decisions.approve_proposal if approves else decisions.reject_proposal
        act(person, batch, proposal, DecidedBy(reviewer=account, proposals_id=made.id))

    _open_as(monkeypatch, "ben", "reviewer", batch)
    decide("ben", first, keep=False)
    before = _all_that_ben_sees(handle, monkeypatch, pages)
    for row in queue.rows.tolist():
        decide("ann", row, keep=row == last)
    with handle.database.writing() as connection:
        facts = '{"n_passed": 2, "n_dropped": 2}'
        query = "UPDATE campaign_moves SET facts = ? WHERE number = 1 AND ended_at IS NOT NULL"
        connection.execute(query, (facts,))
    assert not _told(before, _all_that_ben_sees(handle, monkeypatch, pages))
    app = _open_as(monkeypatch, "cas", "curator", batch, "augment")
    assert f"wrong {len(queue.rows) - 1}" in said(app)


def _write_campaigns(handle: Workspace, dataset_id: str, batch: str) -> None:
    """One that waits for a review of the batch, and one whose review has ended and that waits for its brief."""
    for kind, ends in (("llm2llm", False), ("data_engine", True)):
        now = utc_now()
        row = campaigns.CampaignRow(
            campaign_id=f"{kind}-1", kind=kind, dataset_id=dataset_id, options={}, frozen={}, state="waiting",
            reason="", best_round=None, started_by="cas", created_at=now, updated_at=now,
        )  # fmt: skip
        campaigns.insert_campaign(handle.database, row)
        kinds: tuple[MoveKind, ...] = ("run", "review", *(("brief",) if ends else ()))  # type: ignore[assignment]
        for at, what in enumerate(kinds):
            step = "augment" if what == "run" else ""
            move = Move(kind=what, name=step or what, round=1, dataset_id=batch, step=step)
            campaigns.insert_move(
                handle.database, row.campaign_id, at, move, job_id="", made_dataset=batch, made=""
            )
            if at < len(kinds) - 1:
                facts = (
                    {"n_passed": 2, "n_accepted": 2, "n_dropped": 0} if what == "review" else {"n_passed": 2}
                )
                campaigns.end_move(handle.database, row.campaign_id, at, facts)


def test_no_page_tells_who_shares_a_round_of_labels_what_the_other_answered(
    labelled: tuple[Workspace, str, np.ndarray, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, dataset_id, *_ = labelled
    monkeypatch.setenv("TAMIS_WORKSPACE", str(handle.path))
    monkeypatch.setenv("TAMIS_SAMPLE_ON_EMPTY", "false")
    made = labels.propose(handle, dataset_id)
    asked = [int(one["example_id"]) for one in labels.rows_of(made, "ask")]
    queue = open_queue(open_context(handle, dataset_id), made)
    curator = handle.acting_as(Actor("cas", "curator", "login"))
    teams.assign_rows(curator, queue, ["ann", "ben"], overlap_fraction=1.0)
    by = DecidedBy(reviewer="ann", proposals_id=made.id)
    pages = [(dataset_id, "review", one) for one in (*VIEWS, {"row": str(asked[0])})]
    _open_as(monkeypatch, "ben", "reviewer", dataset_id)
    before = _all_that_ben_sees(handle, monkeypatch, pages)
    ann = handle.acting_as(Actor("ann", "reviewer", "login"))
    for row, own in zip(asked[:4], decisions.own_messages(handle, dataset_id, asked[:4]), strict=True):
        other = labels.NAMES[(labels.NAMES.index(str(own[-1]["content"])) + 1) % 3]
        changed = [*own[:-1], {"role": "assistant", "content": other}]
        decisions.save_edit(ann, dataset_id, row, changed, by)
    assert not _told(before, _all_that_ben_sees(handle, monkeypatch, pages))
    app = _open_as(monkeypatch, "cas", "curator", dataset_id)
    assert [one.value for one in app.metric[:2]] == [f"4 of {len(asked)}", "100 %"]


def test_a_note_of_another_is_read_once_one_has_decided(
    dataset_id: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_proposals(workspace, dataset_id, mixed_rows())
    handle = open_workspace(workspace)
    queue = open_queue(open_context(handle, dataset_id), made)
    teams.assign_rows(handle, queue, ["ann", "ben"], overlap_fraction=1.0)
    row = int(queue.rows[0])
    teams.add_note(handle, dataset_id, row, "I think it is wrong.", "ann")
    note_drop_reason(handle, dataset_id, row, "wrong", "ann")
    teams.add_note(handle, dataset_id, row, "Which year is meant?", "ben")
    ben = handle.acting_as(Actor("ben", "reviewer", "login"))

    def read(who: Workspace) -> list[str]:
        return [one.text for one in teams.list_notes(who, dataset_id, row)]

    assert read(ben) == ["Which year is meant?"]
    assert teams.notes_seen_by(ben, dataset_id, row, "ben").n_later == 1
    assert len(read(handle)) == 3
    (proposal,) = proposals_for(proposal_table(made), proposal_columns(made), np.array([row]))
    decisions.approve_proposal(ben, dataset_id, proposal, DecidedBy(reviewer="ben", proposals_id=made.id))
    assert read(ben) == ["I think it is wrong.", "Which year is meant?"]
    decisions.undo_decision(ben, dataset_id, "ben")
    assert read(ben) == ["Which year is meant?"]
