"""What came of an import: its progress, then how many lines became rows, and every line that did not."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pages.shared.activity import follow_jobs, show_progress, while_jobs_run
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import table_height
from tamis.actions.datasets import dataset_names
from tamis.actions.imports import columns_beside, columns_heeded, import_name
from tamis.actions.jobs import Job, JobState, cancel_job, list_jobs, resume_job
from tamis.actions.pipeline import MISSING, stages, submit_missing
from tamis.actions.rejects import Rejects, reject_lines, rejects_of
from tamis.errors import DatasetMissing
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

IMPORTED = "imported"
_MAX_LISTED = 1_000
_RAW_CHARS = 300


def show_import(workspace: Workspace, dataset_id: str) -> None:
    """The import of a dataset, wherever it stands; raises DatasetMissing for one that never began."""
    jobs = list_jobs(workspace, dataset_id=dataset_id, step="import", limit=1)
    if jobs and not jobs[0].state.final:
        _show_under_way(workspace, jobs[0])
    elif workspace.artifacts.list(dataset_id, "examples"):
        follow_jobs(workspace)
        _show_done(workspace, workspace.artifacts.examples(dataset_id))
    elif jobs:
        _show_ended(workspace, jobs[0])
    else:
        raise DatasetMissing(f"There is no import of a dataset {dataset_id!r} in this workspace.")
    st.button("Import something else", icon=":material/arrow_back:", on_click=_start_over, type="tertiary")


def _start_over() -> None:
    st.query_params.pop(IMPORTED, None)


def _show_under_way(workspace: Workspace, job: Job) -> None:
    with st.container(border=True):
        st.subheader(plain(import_name(job)), anchor=False)
        slot = st.container()
        if st.button("Cancel", icon=":material/close:", **asks(workspace, cancel_job)):
            with errors_in_place():
                cancel_job(workspace, job.job_id)
                st.rerun()

    def redraw(jobs: Sequence[Job]) -> None:
        with slot:
            for current in jobs:
                if current.job_id == job.job_id:
                    show_progress(current)
            if not any(current.job_id == job.job_id for current in jobs):
                show_progress(job)

    while_jobs_run(workspace, redraw)


def _show_ended(workspace: Workspace, job: Job) -> None:
    ending = "was cancelled" if job.state is JobState.CANCELLED else "failed"
    st.error(
        plain(job.reason) or "No reason was recorded.", title=f"The import {ending}", icon=":material/error:"
    )
    with st.container(horizontal=True, gap="small"):
        if st.button("Try again", icon=":material/replay:", type="primary", **asks(workspace, resume_job)):
            with errors_in_place():
                resume_job(workspace, job.job_id)
                st.rerun()
        link_to("job_list", "See the log", query={"job": job.job_id})


def _show_done(workspace: Workspace, examples: Artifact) -> None:
    summary = examples.summary
    dataset_id = examples.manifest.dataset_id
    name = dataset_names(workspace)[dataset_id]
    st.success(
        f"**{plain(name)}**: {count_of(int(summary['n_imported']), 'line')} imported as "
        f"{count_of(int(summary['n_examples']), 'row')}, {count_of(int(summary['n_rejected']), 'line')} rejected.",
        icon=":material/check_circle:",
    )
    _show_next(workspace, dataset_id)
    if len(summary["files"]) > 1:
        st.dataframe(_per_file(summary["files"]), hide_index=True)
    if summary["n_duplicate_ids"]:
        st.caption(
            f"{count_of(int(summary['n_duplicate_ids']), 'row')} have an id that an earlier row has too; all were kept."
        )
    if read := columns_heeded(summary):
        st.caption(f"Read beside the turns in training: {plain(read)}")
    if beside := columns_beside(summary):
        st.caption(f"Kept beside the rows, not trained on: {plain(beside)}")
    _show_notes(summary.get("notes", []))
    if summary["n_rejected"]:
        show_rejects(workspace, examples)


def _show_notes(notes: Sequence[dict[str, object]]) -> None:
    """What was read otherwise than it stands in the files."""
    if notes:
        with st.expander("Read otherwise than in the file", icon=":material/info:", expanded=True):
            for note in notes:
                st.caption(plain(str(note["note"])))


def _show_next(workspace: Workspace, dataset_id: str) -> None:
    stage_list = stages(workspace, dataset_id)
    here = {"dataset": dataset_id}
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        if any(stage.state in MISSING and stage.row.runs for stage in stage_list):
            if st.button(
                "Run the whole pipeline",
                type="primary",
                icon=":material/fast_forward:",
                **asks(workspace, submit_missing),
            ):
                with errors_in_place():
                    submit_missing(workspace, dataset_id)
                    st.rerun()
            st.caption("Embeds, clusters, maps, scores, and selects a tenth.", width="content")
        link_to("overview", "Open in the overview", query=here)
        if stage_list[1].made:
            link_to("data_map", "Open the map", query=here)


def _per_file(files: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "File": str(file["path"]).rsplit("/", 1)[-1],
                "Format": file["format"],
                "Rows": file["n_examples"],
                "Rejected lines": file["n_rejected"],
            }
            for file in files
        ]
    )


def show_rejects(workspace: Workspace, examples: Artifact) -> None:
    """A table of the rejected lines, filtered by reason; the whole text of one; all of them as a file."""
    rejects = _rejects(f"{workspace.path}:{examples.manifest.dataset_id}:{examples.id}", _examples=examples)
    st.subheader("Rejected lines", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        wanted = st.selectbox(
            "Reason",
            ["", *rejects.reasons],
            format_func=lambda one: (
                f"{one} ({rejects.reasons[one]:,})" if one else f"All reasons ({rejects.lines.num_rows:,})"
            ),
            key="reason",
            bind="query-params",
        )
        kept = rejects.of(wanted)
        st.download_button(
            "Download as JSONL",
            data=lambda: b"".join(reject_lines(kept)),
            file_name=f"{examples.manifest.dataset_id}.rejects.jsonl",
            mime="application/jsonl",
            icon=":material/download:",
            on_click="ignore",
        )
    _show_table(kept, [str(file["path"]).rsplit("/", 1)[-1] for file in examples.summary["files"]])


def _show_table(kept: pa.Table, names: Sequence[str]) -> None:
    listed = kept.slice(0, _MAX_LISTED)
    shown = pd.DataFrame(
        {
            "Line": listed["line"].to_pylist(),
            "Reason": listed["reason"].to_pylist(),
            "Text": pc.utf8_slice_codeunits(listed["raw"], 0, _RAW_CHARS).to_pylist(),
        }
    )
    if len(names) > 1:
        shown.insert(0, "File", [names[number] for number in listed["file"].to_numpy()])
    picked = st.dataframe(
        shown,
        hide_index=True,
        height=table_height(len(shown), 420),
        on_select="rerun",
        selection_mode="single-row",
        key="rejects_table",
        column_config={"Line": st.column_config.NumberColumn(width="small", format="localized")},
    ).selection.rows
    if kept.num_rows > _MAX_LISTED:
        st.caption(f"The first {_MAX_LISTED:,} of {kept.num_rows:,}; the download holds all.")
    if picked and picked[0] < listed.num_rows:
        st.code(listed["raw"][picked[0]].as_py()[:20_000], language=None, wrap_lines=True, height=240)
    else:
        st.caption("Tick a line to read its whole text.")


@st.cache_resource(max_entries=4, show_spinner="Reading the rejected lines")
def _rejects(key: str, *, _examples: Artifact) -> Rejects:
    return rejects_of(_examples)
