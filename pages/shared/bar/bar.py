"""The bar itself: a component that is given what it lists, answers keys in the browser, and asks for one address in the end.

A few lines of JavaScript each for the menu, the tray and what both are drawn with lie beside this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared.bar.commands import COMMANDS
from pages.shared.bar.tray import hold_tray
from pages.shared.navigation import APP_PAGES, AppPage, go_to
from tamis.actions.roles import why_not
from tamis.store.workspace import Workspace
from tamis.types import JSON

_PARTS = Path(__file__).with_name("js")
_OF_PAGES = {page.name: page for page in APP_PAGES}
# What the browser may be sent to a page with, besides the dataset; anything else it says is left out.
_MOST_CHARS = 8_000


def show_bar(workspace: Workspace, title: str, datasets: Mapping[str, str], opened: str) -> None:
    """Draw it, and leave for the page that was asked for, if one was; ``opened`` is the dataset that the page is about."""
    here = next((page.name for page in APP_PAGES if page.title == title), "")
    data: dict[str, JSON] = {
        "here": here,
        "dataset": opened,
        "rows": _count_rows(workspace, opened),
        "pages": [_say_page(page) for page in APP_PAGES if page.exists],
        "commands": _say_commands(workspace),
        "datasets": [[dataset_id, name] for dataset_id, name in datasets.items()],
        "tray": hold_tray(workspace),
    }
    said: Any = _bar()(key="frame_bar", data=data, on_go_change=_nothing)
    asked = getattr(said, "go", None)
    if isinstance(asked, dict):
        _go(str(asked.get("page", "")), asked.get("query"), here)


def _say_page(page: AppPage) -> list[JSON]:
    return [page.name, page.title, page.help]


def _say_commands(workspace: Workspace) -> list[JSON]:
    """Words, other words, page, address, and why whoever looks may not do it."""
    return [
        [one.words, one.also, one.page, one.query, why_not(one.action, workspace)]
        for one in COMMANDS
        if one.page in _OF_PAGES and _OF_PAGES[one.page].exists
    ]


def _count_rows(workspace: Workspace, dataset_id: str) -> int:
    examples = workspace.artifacts.list(dataset_id, "examples") if dataset_id else []
    return int(examples[0].summary["n_examples"]) if examples else 0


def _go(page: str, query: object, here: str) -> None:
    """Open an address of the app's own; what is not one is left alone."""
    if page not in _OF_PAGES or not isinstance(query, dict):
        return
    said = {str(name): str(value)[:_MOST_CHARS] for name, value in query.items()}
    if page != here:
        go_to(page, said)
    st.query_params.from_dict(said)
    st.rerun()


def _nothing() -> None:
    """What is asked for is read where the bar is drawn, before the rest of the page is."""


@st.cache_resource(show_spinner=False)
def _bar() -> Callable[..., Any]:
    script = "\n".join(
        (_PARTS / name).read_text(encoding="utf-8") for name in ("draw.js", "menu.js", "tray.js", "bar.js")
    )
    style = (_PARTS / "bar.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "tamis_bar", js=script, css=style, html='<div class="bar" data-testid="frame-bar"></div>'
    )


def show_rail_button() -> None:
    """The button that folds the rail to icons, at this point of the sidebar; the browser answers and remembers it."""
    _rail_button()(key="rail_button")


@st.cache_resource(show_spinner=False)
def _rail_button() -> Callable[..., Any]:
    script, style = ((_PARTS / name).read_text(encoding="utf-8") for name in ("rail.js", "rail.css"))
    mark = '<span class="mark" aria-hidden="true">«</span>'
    return st.components.v2.component(
        "tamis_rail",
        js=script,
        css=style,
        html=f'<button type="button" data-testid="rail-fold">{mark}</button>',
    )
