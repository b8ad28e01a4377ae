"""PLACES: the one table of the app's pages, and links between them that carry the dataset along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.navigation.page import StreamlitPage

from core.settings import project_folder


@dataclass(frozen=True, slots=True)
class Place:
    """A page: its file, and how the menu shows it.

    ``url_path`` differs from the name of the file on purpose: until the menu has been built once, the server's old
    discovery also answers for file names in ``pages/``, and would draw that page without the menu.
    """

    name: str
    section: str
    title: str
    icon: str
    url_path: str
    help: str

    @property
    def file(self) -> str:
        """The script, relative to app.py."""
        return f"pages/{self.name}.py"

    @property
    def exists(self) -> bool:
        """Whether this installation has the page."""
        return (project_folder() / self.file).is_file()


PLACES = (
    Place("overview", "Data", "Overview", ":material/home:", "", "Datasets, where each stands, and what to do next."),
    Place(
        "import_data", "Data", "Import", ":material/upload_file:", "import",
        "Bring in a file, a folder or a hub dataset; nothing is imported before you agree to the mapping.",
    ),
    Place(
        "data_map", "Data", "Map", ":material/scatter_plot:", "map",
        "See, search, filter and tag the rows of a dataset.",
    ),
    Place("scoring", "Curate", "Scores", ":material/speed:", "scores", "Give every row a number to sort and pick by."),
    Place(
        "selection", "Curate", "Selection", ":material/filter_alt:", "select",
        "Pick a diverse subset of exactly the budget you give.",
    ),
    Place(
        "refinement", "Curate", "Refinement", ":material/autorenew:", "refine",
        "Reweigh clusters over rounds of training and scoring.",
    ),
    Place("review", "Curate", "Review", ":material/rate_review:", "decide", "Decide about proposed drops and repairs."),
    Place("finetuning", "Train", "Fine-tune", ":material/model_training:", "finetune", "Train on what was selected."),
    Place("compare", "Train", "Compare", ":material/compare:", "comparison", "Answers of models side by side."),
    Place("job_list", "Run", "Jobs", ":material/list_alt:", "jobs", "Everything that runs, waits or has ended."),
    Place("export_data", "Share", "Export", ":material/download:", "export", "Write exactly these rows to a file."),
)  # fmt: skip
_BY_NAME = {place.name: place for place in PLACES}


def menu() -> dict[str, list[StreamlitPage]]:
    """The pages that exist, by section, as ``st.navigation`` wants them."""
    sections: dict[str, list[StreamlitPage]] = {}
    for place in PLACES:
        if place.exists:
            page = st.Page(
                place.file,
                title=place.title,
                icon=place.icon,
                url_path=place.url_path or None,
                default=not place.url_path,
                help=place.help,
            )
            sections.setdefault(place.section, []).append(page)
    return sections


def link_to(name: str, label: str = "", *, icon: str = "", query: Mapping[str, str] | None = None) -> None:
    """A link to another page with these parameters in its address; greyed text where the page cannot be reached."""
    place = _BY_NAME[name]
    shown = label or place.title
    try:
        st.page_link(
            project_folder() / place.file, label=shown, icon=icon or place.icon, query_params=dict(query or {})
        )
    except StreamlitAPIException:
        # A page that is not part of this installation, or a page drawn without the app around it.
        st.caption(shown)


def go_to(name: str, query: Mapping[str, str] | None = None) -> None:
    """Leave for another page; raises StreamlitAPIException where it cannot be reached."""
    st.switch_page(project_folder() / _BY_NAME[name].file, query_params=dict(query or {}))
