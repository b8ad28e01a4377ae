"""What is said of jobs wherever they are shown: their states, their options."""

from __future__ import annotations

from collections.abc import Mapping

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
