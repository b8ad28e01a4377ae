"""What a run with language models will take, from a few rows that are asked about now; only when somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pandas as pd
import streamlit as st

from core.errors import CurationError
from core.llms import LLMS
from core.steps.llm_estimate import SAMPLE_ROWS, LLMEstimate, estimate_run
from core.types import JSON
from pages.shared.lens import Lens
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import duration

ROLES = {"candidates": "Candidates", "judge": "Judge", "score": "Score"}


def show_outlook(lens: Lens, step: str, values: Mapping[str, JSON]) -> None:
    """The button that asks about a few rows, and what they say about all of them."""
    asked = orjson.dumps([lens.dataset_id, step, values], option=orjson.OPT_SORT_KEYS).decode()
    held = st.session_state.get("llm_outlook")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            "Estimate time and cost", icon=":material/timer:", key="estimate_run",
            help=f"Asks the models about {SAMPLE_ROWS} rows now; their answers are not kept.",
        )  # fmt: skip
        if not held or held[0] != asked:
            st.caption("Not estimated for these settings yet.", width="content")
    if pressed:
        try:
            with st.spinner("Asking about a few rows", show_time=True):
                held = (asked, estimate_run(lens.workspace.store, lens.dataset_id, step, values))
        except CurationError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        st.session_state["llm_outlook"] = held
    if held and held[0] == asked:
        _show(held[1])


def _show(found: LLMEstimate) -> None:
    cost = "no prices configured" if found.cost is None else f"about {found.cost:,.2f}"
    n_calls = sum(role.n_calls for role in found.roles)
    n_tokens = sum(role.prompt_tokens + role.completion_tokens for role in found.roles)
    said = [
        f"about **{duration(found.seconds + found.load_s)}**",
        count_of(n_calls, "question"),
        f"{n_tokens:,} tokens",
        f"cost: {cost}",
    ]
    st.markdown(f"{count_of(found.n_rows, 'row')}: " + " · ".join(said))
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "who": ROLES.get(role.role, role.role),
                    "model": LLMS[role.llm].title,
                    "calls": role.n_calls,
                    "prompt": role.prompt_tokens,
                    "completion": role.completion_tokens,
                    "time": duration(role.seconds),
                    "cost": "" if role.cost is None else f"{role.cost:,.2f}",
                }
                for role in found.roles
            ]
        ),
        hide_index=True,
        column_config={
            "who": "Part",
            "model": "Model",
            "calls": st.column_config.NumberColumn("Questions", format="localized"),
            "prompt": st.column_config.NumberColumn("Tokens read", format="localized"),
            "completion": st.column_config.NumberColumn("Tokens written", format="localized"),
            "time": "Time",
            "cost": "Cost",
        },
        alt="What each model's part takes",
    )
    st.caption(f"Scaled up from {count_of(found.n_sampled, 'row')} asked about just now.")
