"""APP_PAGES: the one table of the app's pages, the rail that links to them, and links that carry the dataset along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException
from streamlit.navigation.page import StreamlitPage

from tamis.settings import app_folder

MENU_DRAWN = "menu_drawn"
_HEAD = "rail_head"


@dataclass(frozen=True, slots=True)
class AppPage:
    """A page: its file, and how the menu shows it.

    The address of a page is the name of its file. Until the menu has been built once in a server, Streamlit's old
    discovery answers for ``pages/`` by file name, so only then does a link work as the first thing a server is asked.
    """

    name: str
    section: str
    title: str
    icon: str
    help: str

    @property
    def file(self) -> str:
        """The script, relative to app.py."""
        return f"pages/{self.name}.py"

    @property
    def exists(self) -> bool:
        """Whether this installation has the page."""
        return (app_folder() / self.file).is_file()


APP_PAGES = (
    AppPage("overview", "Data", "Overview", ":material/home:", "Datasets, where each stands, and what to do next."),
    AppPage(
        "import_data", "Data", "Import", ":material/upload_file:",
        "Bring in a file, a folder or a hub dataset; nothing is imported before you agree to the mapping.",
    ),
    AppPage(
        "data_map", "Data", "Map", ":material/scatter_plot:", "See, search, filter and tag the rows of a dataset."
    ),
    AppPage("scoring", "Curate", "Scores", ":material/speed:", "Give every row a number to sort and pick by."),
    AppPage(
        "selection", "Curate", "Selection", ":material/filter_alt:",
        "Pick a diverse subset of exactly the budget you give.",
    ),
    AppPage(
        "compare", "Curate", "Compare", ":material/compare:",
        "Selections side by side at one budget: overlap, coverage, diversity, quality and cost.",
    ),
    AppPage(
        "referee", "Curate", "Referee", ":material/balance:",
        "Which way of selecting makes a better model at equal tokens, and whether that can be told.",
    ),
    AppPage(
        "worth", "Curate", "Cluster worth", ":material/scale:",
        "What more of each cluster does to a model, by training on mixtures of them.",
    ),
    AppPage(
        "refinement", "Curate", "Refinement", ":material/autorenew:",
        "Reweigh clusters over rounds of training and scoring.",
    ),
    AppPage(
        "augment", "Curate", "Augment", ":material/library_add:",
        "Have a model write rows like those you point at; nothing joins before you accept it.",
    ),
    AppPage("review", "Curate", "Review", ":material/rate_review:", "Decide about proposed drops and repairs."),
    AppPage("finetuning", "Train", "Fine-tune", ":material/model_training:", "Train on what was selected."),
    AppPage("job_list", "Run", "Jobs", ":material/list_alt:", "Everything that runs, waits or has ended."),
    AppPage("export_data", "Share", "Export", ":material/download:", "Write exactly these rows to a file."),
)  # fmt: skip
HOME = "overview"
_ROOT = "home"  # what Streamlit calls the first page where it needs a name for it
_BY_NAME = {page.name: page for page in APP_PAGES}


def menu() -> dict[str, list[StreamlitPage]]:
    """The pages that exist, by section, as ``st.navigation`` wants them."""
    # The first page answers to the bare address only; who asks for it by name, as for every other page, is sent there.
    named = st.Page(_go_home, title=_BY_NAME[HOME].title, url_path=HOME, visibility="hidden")
    return {"": [named]} | _sections(HOME)


def ensure_navigation() -> None:
    """Have app.py draw a page that the server runs without it; nothing where app.py has drawn the menu."""
    if st.session_state.get(MENU_DRAWN):
        return
    # The server resolved this page by its own name, which the first page of the app does not answer to; so for this
    # one run something else is the first.
    start = st.Page(_draw_nothing, title="Tamis", url_path="start", default=True, visibility="hidden")
    try:
        st.navigation({"": [start]} | _sections(""))
    except StreamlitAPIException:
        # The page is the main script itself, as in a test of one page: then there is no menu.
        return
    st.session_state[MENU_DRAWN] = True
    st.rerun()


def keep_rail_head() -> None:
    """Keep a place for them at this point of the sidebar, before the menu is drawn below it."""
    st.session_state[_HEAD] = st.container(gap="small", key=_HEAD)


def rail_head() -> DeltaGenerator:
    """The place on top of the sidebar for the dataset and what is active of it, as it was kept in this run."""
    head: DeltaGenerator = st.session_state[_HEAD]
    return head


def draw_menu(query: Mapping[str, str]) -> None:
    """Links to all pages by section, with these parameters; nothing where a page is drawn without the app around it."""
    if not st.session_state.get(MENU_DRAWN):
        return
    for section in dict.fromkeys(page.section for page in APP_PAGES if page.exists):
        with st.container(gap="xxsmall"):
            st.caption(section)
            for page in APP_PAGES:
                if page.exists and page.section == section:
                    link_to(page.name, query=query, help=page.help)


def _sections(home: str) -> dict[str, list[StreamlitPage]]:
    sections: dict[str, list[StreamlitPage]] = {}
    for page in APP_PAGES:
        if page.exists:
            sections.setdefault(page.section, []).append(_page(page, home=home))
    return sections


def _page(page: AppPage, *, home: str) -> StreamlitPage:
    is_home = page.name == home
    return st.Page(
        page.file,
        title=page.title,
        icon=page.icon,
        help=page.help,
        default=is_home,
        url_path=_ROOT if is_home else None,
    )


def _go_home() -> None:
    """Stand for the name of the first page."""
    go_to(HOME, st.query_params.to_dict())


def _draw_nothing() -> None:
    """Stand in for a first page that is never shown."""


def link_to(
    name: str,
    label: str = "",
    *,
    icon: str = "",
    query: Mapping[str, str] | None = None,
    help: str | None = None,
) -> None:
    """A link to another page with these parameters in its address; greyed text where the page cannot be reached."""
    page = _BY_NAME[name]
    shown = label or page.title
    try:
        st.page_link(
            app_folder() / page.file,
            label=shown,
            icon=icon or page.icon,
            query_params=dict(query or {}),
            help=help,
        )
    except StreamlitAPIException:
        # A page that is not part of this installation, or a page drawn without the app around it.
        st.caption(shown)


def go_to(name: str, query: Mapping[str, str] | None = None) -> None:
    """Leave for another page; raises StreamlitAPIException where it cannot be reached."""
    st.switch_page(app_folder() / _BY_NAME[name].file, query_params=dict(query or {}))
