"""Overview: the datasets of the workspace, where each stands, and the next sensible action."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.jobs.model import Job
from core.jobs.pipeline import StageState, stages
from core.store.names import dataset_names
from pages.shared.activity import active_jobs, while_jobs_run
from pages.shared.dataset_card import show_head
from pages.shared.export_files import count_exports
from pages.shared.facts_panel import show_facts
from pages.shared.frame import open_workspace_page, pick_dataset, say_empty
from pages.shared.imports import open_imports, show_failed_imports
from pages.shared.pipeline_strip import show_failure, show_running, show_strip
from pages.shared.plain_text import plain
from pages.shared.trash_panel import show_trash
from pages.shared.workspace import Workspace


def show_datasets(workspace: Workspace, opened: str | None) -> None:
    """A card for each dataset, newest first, those still being imported before all others."""
    importing = open_imports(workspace, active_jobs(workspace))
    names = importing | dataset_names(workspace.database, workspace.store)
    ordered = sorted(names, key=lambda one: _created(workspace, one), reverse=True)
    exports = count_exports(workspace.path)
    slots = {}
    for dataset_id in ordered:
        found = stages(workspace.database, workspace.store, dataset_id)
        with st.container(border=True, gap="small"):
            show_head(
                workspace, dataset_id, names[dataset_id], found,
                n_exports=exports.get(dataset_id, 0), is_open=dataset_id == opened,
            )  # fmt: skip
            slots[dataset_id] = st.container(gap="small")
            show_failure(workspace, found)

    def redraw(jobs: Sequence[Job]) -> None:
        for dataset_id, slot in slots.items():
            found = stages(workspace.database, workspace.store, dataset_id)
            with slot:
                show_strip(found, exports.get(dataset_id, 0))
                show_running(found)

    while_jobs_run(workspace, redraw)


def _created(workspace: Workspace, dataset_id: str) -> str:
    imported = stages(workspace.database, workspace.store, dataset_id)[0]
    return imported.made[0].manifest.created_at if imported.state is StageState.DONE else "9999"


with open_workspace_page("Overview", activity=False) as here:
    current = pick_dataset(here)
    if current is None and not active_jobs(here):
        show_failed_imports(here)
        say_empty()
    else:
        show_failed_imports(here)
        show_datasets(here, current)
        if current is not None:
            name = dataset_names(here.database, here.store)[current]
            st.subheader(f"What {plain(name)} is made of", anchor=False)
            show_facts(here, current)
    show_trash(here)
