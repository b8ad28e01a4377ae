"""What surrounds every page: title, dataset picker, running jobs, and errors turned into messages."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.shared.active import show_active
from pages.shared.activity import follow_jobs
from pages.shared.bar.bar import show_bar, show_rail_button
from pages.shared.identity import current_actor
from pages.shared.navigation import draw_menu, ensure_navigation, keep_rail_head, link_to, rail_head
from pages.shared.plain_text import plain
from pages.shared.server import open_server
from tamis.actions.audit import record_login
from tamis.actions.datasets import dataset_names, newest_first
from tamis.actions.imports import first_imports
from tamis.actions.jobs import active_jobs, explain_database_error
from tamis.errors import CurationError, explain_os_error
from tamis.settings import Settings
from tamis.store.actor import ROLE_SUMMARIES, Actor
from tamis.store.error_log import log_error
from tamis.store.workspace import Workspace

LOGO = Path(__file__).with_name("logo.svg")
ICON = Path(__file__).with_name("icon.svg")
STYLE = Path(__file__).with_name("frame.css")
PARAMETER = "dataset"
RAIL_PX = 200
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE)  # nobody's bug
_PICKER = "dataset_picker"
_REMEMBERED = "dataset_remembered"
_ABOUT_ROWS = (
    "scope",
    "row",
    "near",
    "at_least",
    "selection",
    "active",
    "tag",
    "proposals",
    "run",
    "comparison",
    "batch",
    "decisions",
    "changes_against",
    "changes_kind",
    "changes_page",
)  # parameters that mean nothing in another dataset


@dataclass(frozen=True, slots=True)
class OpenDataset:
    """The dataset a page is about."""

    dataset_id: str
    name: str
    n_rows: int
    workspace: Workspace
    selection_id: str = ""  # the active selection, or the one that the address names in its place


@contextmanager
def open_workspace_page(title: str, *, activity: bool = True) -> Iterator[Workspace]:
    """A page about the whole workspace. Without ``activity`` the page shows by itself what runs."""
    with _framed(title, activity=activity) as workspace:
        yield workspace


@contextmanager
def open_page(title: str, *, activity: bool = True, wide: bool = False) -> Iterator[OpenDataset]:
    """A page about one dataset, chosen in the sidebar and kept in the address as ``?dataset=``.

    ``wide`` folds the menu away, for a page whose picture needs the window; that page calls ``draw_head`` itself, where it
    takes no room from the picture.
    """
    with _framed(title, activity=activity, wide=wide) as workspace:
        opened, above = None, st.container()
        with errors_in_place():
            opened = _chosen_dataset(workspace)
        if opened is None:
            if wide:
                with above:
                    draw_head(title, workspace, activity=activity)
            st.stop()
        yield opened


def draw_head(title: str, workspace: Workspace, *, activity: bool = True, about: str = "") -> None:
    """The title of the page and, beside it, the bar; with ``activity`` the page is drawn anew when a job starts or ends.

    ``about`` says beside the title what the rail says, for a page that folds it away.
    """
    names = dataset_names(workspace)
    row = st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key=about and "wide_head" or None,
    )
    with row:
        st.title(title, anchor=False, width="content")
        if about:
            st.caption(plain(about), width="stretch")
        show_bar(workspace, title, names, _dataset_in_view(workspace, names))
    if activity:
        follow_jobs(workspace)


def _dataset_in_view(workspace: Workspace, names: Mapping[str, str]) -> str:
    """The dataset of the address, else the one this session had open, else the newest; empty where there is none."""
    asked, remembered = st.query_params.get(PARAMETER), st.session_state.get(_REMEMBERED)
    known = next((one for one in (asked, remembered) if one in names), None)
    return known or next(iter(newest_first(workspace, names)), "")


def _chosen_dataset(workspace: Workspace) -> OpenDataset | None:
    """The dataset that the page is about; None where there is none, which is said."""
    importing = first_imports(workspace, active_jobs(workspace)).get(st.query_params.get(PARAMETER, ""))
    if importing is not None:
        st.info(
            f"{plain(importing)} is being imported. It opens here as soon as its rows are read.",
            icon=":material/hourglass_top:",
        )
        return None
    dataset_id = pick_dataset(workspace)
    if dataset_id is None:
        say_empty()
        return None
    examples = workspace.artifacts.examples(dataset_id)
    name = dataset_names(workspace)[dataset_id]
    n_rows = int(examples.summary["n_examples"])
    return OpenDataset(dataset_id, name, n_rows, workspace, show_active(workspace, dataset_id))


def pick_dataset(workspace: Workspace) -> str | None:
    """Draw the picker in the sidebar and return the dataset; None in a workspace without one.

    The address comes first, so that a link opens what it names; then what this session had open before, so that a
    change of page keeps it; then the newest dataset. Raises nothing: a dataset that is gone is said, and replaced.
    """
    names = dataset_names(workspace)
    asked = st.query_params.get(PARAMETER)
    if asked and asked not in names:
        st.warning(
            f"There is no dataset {plain(asked)} in this workspace: it was deleted, or the link is from another one.",
            icon=":material/link_off:",
        )
    if not names:
        return None
    chosen = _dataset_in_view(workspace, names)
    st.session_state[_PICKER] = chosen
    rail_head().selectbox(
        "Dataset",
        list(names),
        key=_PICKER,
        format_func=lambda dataset_id: tell_apart(names, dataset_id),
        on_change=_picked,
    )
    remember_dataset(chosen)
    return chosen


def tell_apart(names: Mapping[str, str], dataset_id: str) -> str:
    """The name of a dataset, with its id where others have the same name."""
    name = names.get(dataset_id, dataset_id)
    alike = sum(other == name for other in names.values()) > 1
    return f"{name} ({dataset_id})" if alike else name


def remember_dataset(dataset_id: str) -> None:
    """Make a dataset the open one, in the address and for the pages this session opens next."""
    st.session_state[_REMEMBERED] = dataset_id
    if st.query_params.get(PARAMETER) != dataset_id:
        st.query_params[PARAMETER] = dataset_id


def open_dataset(dataset_id: str) -> None:
    """Change to another dataset and forget what the address says about rows of the former one; from a callback."""
    if dataset_id != st.session_state.get(_REMEMBERED):
        for name in _ABOUT_ROWS:
            st.query_params.pop(name, None)
    remember_dataset(dataset_id)


@contextmanager
def errors_in_place() -> Iterator[None]:
    """Errors become a message where the page was; a bug is told by an id, under which the log has its traceback.

    With ``TAMIS_DEBUG`` bugs keep their traceback on the page.
    """
    try:
        yield
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except sqlite3.DatabaseError as error:
        reason = explain_database_error(error, Settings().workspace)
        st.error(plain(reason), icon=":material/error:")
    except Exception as error:  # the one boundary: people get a sentence, the log gets the traceback
        if Settings().debug:
            raise
        st.error(plain(_told(error)), icon=":material/bug_report:")


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        return explain_os_error(OSError(error.errno, ""))  # without the path, which is the server's own
    logged = log_error(Settings().workspace.expanduser().resolve(), error)
    where = f"in {logged.path.name}" if logged.path else "on no disk: none could be written"
    return (
        f"Something went wrong inside Tamis ({type(error).__name__}); nothing was lost. Load the page again, or report "
        f"{logged.error_id}: the traceback is {where}. If files may be damaged: tamis doctor --verify."
    )


def say_empty() -> None:
    """An empty workspace, with the one thing to do."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.subheader(":material/inbox: No dataset yet", anchor=False, text_alignment="center")
        st.caption("Import a file to see what it is made of.", text_alignment="center")
        link_to("import_data", "Import a file")
        st.space("small")


@contextmanager
def _framed(title: str, *, activity: bool, wide: bool = False) -> Iterator[Workspace]:
    ensure_navigation()
    # Here too, because a test draws a page without app.py around it.
    st.set_page_config(
        page_title=f"{title} · Tamis",
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state="collapsed" if wide else RAIL_PX,
    )
    st.logo(str(LOGO), size="large")
    st.html(STYLE)
    _draw_rail()
    # What fails before the page has begun must stop here: a generator that has not yielded may not end.
    workspace = None
    with errors_in_place():
        workspace = open_server().for_actor(current_actor())
        _show_account(workspace.actor)
        if not wide:
            draw_head(title, workspace, activity=activity)
    if workspace is None:
        st.stop()
    with errors_in_place():
        yield workspace


def _draw_rail() -> None:
    """The sidebar: on top a place for the dataset and what is active of it, below it the pages, which take it along."""
    with st.sidebar:
        keep_rail_head()
        opened = st.query_params.get(PARAMETER) or st.session_state.get(_REMEMBERED)
        with st.container(key="rail_pages", gap="small"):
            draw_menu({PARAMETER: opened} if opened else {})
        show_rail_button()


def _show_account(actor: Actor) -> None:
    """Who is logged in, with the way out; nothing where nobody logs in."""
    if actor.account:
        with st.sidebar.container(horizontal=True, vertical_alignment="center", key="rail_account"):
            st.caption(
                f"{plain(actor.account)} · {actor.role}", help=f"A {actor.role} {ROLE_SUMMARIES[actor.role]}."
            )
            if actor.via == "login":
                st.button("Log out", type="tertiary", key="log_out", on_click=_log_out, args=(actor,))


def _log_out(actor: Actor) -> None:
    record_login(open_server().workspace, actor, "logout")
    st.logout()


def _picked() -> None:
    open_dataset(st.session_state[_PICKER])
