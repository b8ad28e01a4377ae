"""What is said of jobs wherever they are shown: their states, their options, and where their results are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson
import pandas as pd
import streamlit as st

from pages.shared.plain_text import shorten
from pages.shared.wording import BadgeColour, sentence
from tamis.actions.jobs import Job, JobState
from tamis.types import JSON

STATE_COLOURS: dict[JobState, BadgeColour] = {
    JobState.QUEUED: "gray",
    JobState.RUNNING: "blue",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "orange",
}
ICONS = {
    JobState.QUEUED: ":material/schedule:",
    JobState.RUNNING: ":material/progress_activity:",
    JobState.SUCCEEDED: ":material/check:",
    JobState.FAILED: ":material/error:",
    JobState.CANCELLED: ":material/block:",
}
# Where the result of a step is looked at: page, and what its address says.
RESULTS: dict[str, Callable[[Job], tuple[str, dict[str, str]]]] = {
    "import": lambda job: ("overview", {}),
    "embed": lambda job: ("data_map", {}),
    "cluster": lambda job: ("data_map", {}),
    "project": lambda job: ("data_map", {}),
    "score": lambda job: ("scoring", {}),
    "select": lambda job: ("selection", {"selection": job.artifact_id}),
    "compare": lambda job: ("compare", {"comparison": job.artifact_id}),
    "propose": lambda job: ("review", {"proposals": job.artifact_id}),
    "examine": lambda job: ("augment", {"view": "new"}),
    "augment": lambda job: ("augment", {}),
    "curate": lambda job: ("overview", {}),
    "finetune": lambda job: ("finetuning", {"run": job.artifact_id}),
    "referee": lambda job: ("referee", {"referee": job.artifact_id}),
    "worth": lambda job: ("worth", {"worth": job.artifact_id}),
    "refine": lambda job: ("refinement", {"run": job.artifact_id}),
}


def address_of_result(job: Job) -> tuple[str, dict[str, str]]:
    """Where a job that ended is looked at: the page of what it made, else its own, and what the address says."""
    page, query = "job_list", {"job": job.job_id}
    if job.state is JobState.SUCCEEDED and job.step in RESULTS:
        page, query = RESULTS[job.step](job)
    return page, {"dataset": job.dataset_id} | query


def show_options(job: Job) -> None:
    """The options as a table of two columns; those of plug-ins below the field that names them."""
    flat = _flat(job.options)
    table = pd.DataFrame({"Option": [sentence(n) for n in flat], "Value": [_say(v) for v in flat.values()]})
    st.dataframe(
        table, hide_index=True, height="content" if len(table) < 15 else 460, alt="Options of the job"
    )


def _flat(options: Mapping[str, JSON]) -> dict[str, JSON]:
    flat: dict[str, JSON] = {}
    for name, value in options.items():
        if name.endswith("_options") and isinstance(value, dict):
            flat |= {f"{name.removesuffix('_options')}: {inner}": option for inner, option in value.items()}
        else:
            flat[name] = value
    return flat


def _say(value: JSON) -> str:
    if value in ("", None):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return shorten(value if isinstance(value, str) else orjson.dumps(value).decode(), 300)
