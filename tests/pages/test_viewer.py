"""Who only looks sees every page, and writes nothing by looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.shared import frame
from pages.shared.navigation import APP_PAGES
from tamis.store.actor import Actor
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import open_page
from tests.pages.review_workspace import mixed_rows, write_proposals


@pytest.mark.parametrize("name", [page.name for page in APP_PAGES])
def test_a_viewer_sees_every_page_and_writes_nothing_by_looking(
    name: str, dataset_id: str, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    monkeypatch.setattr(frame, "current_actor", lambda: Actor("vic@example.org", "viewer", "login"))
    app = open_page(name, dataset=dataset_id)
    assert not app.error
    assert app.sidebar.caption[0].value.endswith("· viewer")
    assert not [one for one in app.text_input if one.label == "Your name"]
    with open_workspace(workspace).database.reading() as connection:
        assert not connection.execute("SELECT * FROM claims").fetchall()
