"""Who only looks sees every page, and writes nothing by looking."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import numpy as np
import pytest

from pages.shared import frame
from pages.shared.navigation import APP_PAGES
from tamis.actions.roles import needed_role
from tamis.actions.tags import add_tag
from tamis.store.actor import Actor
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import open_page
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.support.kept_files import kept_files

ROOT = Path(__file__).resolve().parent.parent.parent


# Buttons that lead somewhere, or change what this one person sees.
LEADING = {
    "Log out", "Export", "Next: Export", "Open the map", "Colour the map", "See the lowest 5 % on the map", "Use as quality", "Export these rows",
    "Fine-tune on these", "Open on the map", "Skip", "review_next", "review_previous", "Run a step", "Names",
}  # fmt: skip
FOR_OTHER_REASONS = {"Add"}  # the filter, before a condition is complete
# Actions that a page calls on its way: an answer over HTTP, a draft while one types in an editor that is greyed, rows held for
# whoever may decide, the first start of a server, campaigns that the server moves on, the rows of a training whose button is
# greyed.
ON_THE_WAY = {
    "decide_by_request",
    "keep_edit",
    "forget_edit",
    "hold_ahead",
    "bootstrap_sample",
    "go_on_with_all",
    "hold_out_again",
}


def test_whatever_a_page_calls_is_greyed_for_who_may_not_do_it() -> None:
    """Each action that needs more than to look is asked about where its button, menu or field is drawn."""
    called: set[str] = set()
    asked: set[str] = set()
    for path in (ROOT / "pages").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "start_job(" not in text or "def start_job(" in text or "asks(" in text, f"{path} starts jobs"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tamis.actions"):
                module = importlib.import_module(str(node.module))
                actions = {one.name: getattr(module, one.name, None) for one in node.names}
                called |= {
                    name for name, one in actions.items() if callable(one) and needed_role(one) != "viewer"
                }
            if isinstance(node, ast.Call):  # asks(...), and partial(asks, ...)
                names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
                parts = {one.id for one in (node.func, *node.args) if isinstance(one, ast.Name)}
                asked |= names if parts & {"asks", "why_not"} else set()
    assert len(called) > 40
    assert called - asked - ON_THE_WAY == set()


@pytest.mark.parametrize("name", [page.name for page in APP_PAGES])
def test_a_viewer_sees_every_page_and_writes_nothing_by_looking(
    name: str, dataset_id: str, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    write_proposals(workspace, dataset_id, mixed_rows())
    monkeypatch.setattr(frame, "current_actor", lambda: Actor("vic@example.org", "viewer", "login"))
    app = open_page(name, dataset=dataset_id)
    assert not app.error
    assert [one for one in app.sidebar.caption if one.value.endswith("· viewer")]
    assert not [one for one in app.text_input if one.label == "Your name"]
    offered = {one.label or str(one.key).rstrip("_0123456789") for one in app.button if not one.disabled}
    assert offered <= LEADING, "greyed by asks(), or in LEADING because it changes nothing"
    for one in app.button:
        assert not one.disabled or one.label in FOR_OTHER_REASONS or "Needs the role" in one.help
    with open_workspace(workspace).database.reading() as connection:
        assert not connection.execute("SELECT * FROM claims").fetchall()


@pytest.mark.parametrize("name", ["finetuning", "selection", "refinement", "augment"])
def test_no_address_makes_who_only_looks_write(
    name: str, dataset_id: str, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    """What a link fills in is frozen into artifacts as it is planned: for a curator."""
    write_proposals(workspace, dataset_id, mixed_rows())
    add_tag(open_workspace(workspace), dataset_id, "mine", np.arange(5), "ann")
    monkeypatch.setattr(frame, "current_actor", lambda: Actor("vic@example.org", "viewer", "login"))

    def artifacts() -> set[Path]:  # without the tiles of maps, which are made as they are looked at
        return {path for path in kept_files(workspace / "datasets") if ".maps" not in path.parts}

    before = artifacts()
    rows = {name: "tag:mine" for name in ("rows", "within", "held_out", "pinned", "parents", "scope")}
    open_page(name, dataset=dataset_id, quality="column:topic", **rows)
    assert artifacts() == before
