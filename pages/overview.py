"""Overview: the datasets of the workspace, where each stands, and the next sensible action."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.overview.additions import show_additions_waiting
from pages.parts.overview.campaigns import say_campaigns
from pages.parts.overview.damaged import show_damaged
from pages.parts.overview.dataset_card import show_dataset_head
from pages.parts.overview.failed_imports import show_failed_imports
from pages.parts.overview.pipeline_strip import show_running, show_stage_failure, show_strip
from pages.parts.overview.stats_panel import show_stats
from pages.parts.overview.trash_panel import show_trash
from pages.parts.overview.version_changes import show_changes
from pages.shared.active import show_active
from pages.shared.activity import while_jobs_run
from pages.shared.frame import open_workspace_page, pick_dataset, say_empty
from pages.shared.plain_text import plain
from pages.shared.queries import list_exports
from tamis.actions.augmenting import additions_waiting
from tamis.actions.datasets import dataset_names, order_datasets, version_depths
from tamis.actions.export_files import count_exports
from tamis.actions.imports import first_imports
from tamis.actions.jobs import Job, active_jobs
from tamis.actions.pipeline import stages
from tamis.store.workspace import Workspace

PAGE_CARDS = 8


def show_datasets(workspace: Workspace, opened: str | None) -> None:
    """A card for each dataset, newest first, those still being imported before all others."""
    importing = first_imports(workspace, active_jobs(workspace))
    stored = dataset_names(workspace)
    names = importing | stored
    ordered = order_datasets(workspace, importing, opened=opened, n_shown=PAGE_CARDS)
    exports = count_exports(list_exports(workspace))
    additions = additions_waiting(workspace)
    depths = version_depths(workspace, [one for one in ordered if one in stored])
    slots = {}
    for dataset_id in _one_page(ordered, names):
        stage_list = stages(workspace, dataset_id)
        with _below(depths.get(dataset_id, 0)), st.container(border=True, gap="small"):
            show_dataset_head(
                workspace, dataset_id, names[dataset_id], stage_list,
                n_exports=exports.get(dataset_id, 0), is_open=dataset_id == opened,
            )  # fmt: skip
            show_additions_waiting(dataset_id, additions.get(dataset_id))
            slots[dataset_id] = st.container(gap="small")
            show_stage_failure(workspace, stage_list)

    def redraw(jobs: Sequence[Job]) -> None:
        for dataset_id, slot in slots.items():
            stage_list = stages(workspace, dataset_id)
            with slot:
                if dataset_id == opened or dataset_id not in stored:
                    show_strip(stage_list, exports.get(dataset_id, 0))
                show_running(stage_list)

    while_jobs_run(workspace, redraw)


def _below(depth: int) -> DeltaGenerator:
    """The place of a dataset, farther to the right the more versions lie between it and what was imported."""
    return st.columns([min(depth, 4), 24])[1] if depth else st.container()


def _one_page(ordered: list[str], names: Mapping[str, str]) -> list[str]:
    """The datasets to draw: all of a few, else those whose name holds the words, a page at a time."""
    if len(ordered) <= PAGE_CARDS:
        return ordered
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        words = st.text_input(
            "Find a dataset", placeholder=f"Find among {len(ordered):,} datasets", key="find_dataset",
            bind="query-params", icon=":material/search:", label_visibility="collapsed", width=360,
        )  # fmt: skip
        matching = [one for one in ordered if words.casefold() in f"{names[one]} {one}".casefold()]
        n_pages = math.ceil(len(matching) / PAGE_CARDS)
        page = st.pagination(n_pages, key="datasets_page", bind="query-params") if n_pages > 1 else 1
    if not matching:
        st.caption(f"No dataset is called like {plain(words)}.")
    return matching[(page - 1) * PAGE_CARDS : page * PAGE_CARDS]


PURPOSE = (
    "Tamis helps you choose what a model learns from: see a dataset on a map, score and select its rows, have others repaired or "
    "dropped, and take along exactly the rows you decided on."
)

with open_workspace_page("Overview", activity=False) as here:
    st.caption(PURPOSE)
    current = pick_dataset(here)
    if current is not None:
        show_active(here, current)
    if current is None and not active_jobs(here):
        show_failed_imports(here)
        if not show_damaged(here):
            say_empty()
    else:
        show_failed_imports(here)
        show_damaged(here)
        say_campaigns(here)
        show_datasets(here, current)
        if current is not None:
            name = dataset_names(here)[current]
            st.subheader(f"What {plain(name)} is made of", anchor=False)
            show_stats(here, current)
            show_changes(here, current)
    show_trash(here)
