"""Tasks of the lm-evaluation-harness, chosen where it is installed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.plain_text import plain
from tamis.steps.finetune.options import harness_missing

KNOWN_TASKS = ("arc_easy", "hellaswag", "ifeval", "piqa")


def choose_tasks(key: str, who: str, given: Sequence[str] = ()) -> list[str]:
    """Draw the choice, or why there is none; ``who`` answers them, as a sentence begins."""
    missing = harness_missing()
    if missing:
        st.caption(f":material/info: {plain(missing)}")
        return []
    chosen: list[str] = st.multiselect(
        "Tasks of the lm-evaluation-harness", list(dict.fromkeys([*given, *KNOWN_TASKS])), default=list(given),
        accept_new_options=True, key=key, placeholder="Choose a task, or type a name or the path of a task file",
        help=f"{who} Most fetch their data from the hub. A task file may run Python code of its own.",
    )  # fmt: skip
    return chosen
