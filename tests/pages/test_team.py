"""The view Team and what belongs to it: shares that are assigned, a queue of one's own, notes, and who did what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import frame
from pages.shared.navigation import APP_PAGES
from tamis.actions import decisions, teams
from tamis.actions.dataset_context import open_context
from tamis.actions.decisions import DecidedBy, list_decisions
from tamis.actions.proposals import proposal_columns, proposal_table, proposals_for
from tamis.actions.review_queue import open_queue
from tamis.store.actor import Actor
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import button, checked, open_page, said
from tests.pages.review_workspace import mixed_rows, write_proposals

VIEWS = ({}, *({"view": view} for view in ("rules", "history", "calibration", "apply", "team")))
DRAWN_ANEW = re.compile(
    r'\\"page\\": \{[^}]*\}, |[0-9a-f]{32}'
)  # a session's token, and names that charts give to data
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
    return [DRAWN_ANEW.sub("", line) for line in lines if "pandas" not in line]


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
    pages = [(one.name, asked) for one in APP_PAGES for asked in ASKED.get(one.name, ({},))]

    def seen() -> dict[str, list[str]]:
        found = {}
        for page, asked in pages:
            with handle.database.writing() as connection:  # what a tab before this one holds would be skipped
                connection.execute("DELETE FROM claims")
            found[f"{page} {asked}"] = _whole(
                _open_as(monkeypatch, "ben", "reviewer", dataset_id, page, **asked)
            )
        return found

    def decide(account: str, rows: slice) -> None:
        by = DecidedBy(reviewer=account, proposals_id=made.id)
        person = handle.acting_as(Actor(account, "reviewer", "login"))
        for proposal in proposals_for(proposal_table(made), proposal_columns(made), queue.rows[rows]):
            (decisions.approve_proposal if account == "ben" else decisions.reject_proposal)(
                person, dataset_id, proposal, by
            )

    _open_as(monkeypatch, "ben", "reviewer", dataset_id)  # who comes in is written down, once
    decide("ben", slice(2))
    before = seen()
    decide("ann", slice(1, 12))
    after = seen()
    told = {name: set(after[name]) ^ set(before[name]) for name in before if before[name] != after[name]}
    assert not told
