"""The view Team and what belongs to it: shares that are assigned, a queue of one's own, notes, and who did what."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import frame
from tamis.actions import teams
from tamis.actions.decisions import list_decisions
from tamis.store.actor import Actor
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import button, checked, open_page, said
from tests.pages.review_workspace import mixed_rows, write_proposals


def _open_as(
    monkeypatch: pytest.MonkeyPatch, account: str, role: str, dataset_id: str, **query: str
) -> AppTest:
    monkeypatch.setattr(frame, "current_actor", lambda: Actor(account, role, "login"))  # type: ignore[arg-type]
    return open_page("review", dataset=dataset_id, **query)


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
