"""What a run with language models will take, from a few rows that are asked about now; only when somebody wants to know."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import count_of
from pages.shared.wording import duration
from tamis.actions.forecast import LIMIT_S, SAMPLE_ROWS, ForecastProcess, ModelsForecast
from tamis.actions.submit import check_options, freeze_pointers
from tamis.llms import LLMS
from tamis.types import JSON

KEPT, LOOK_EVERY_S = 16, 0.3
ROLES = {
    "candidates": "Candidates",
    "answers": "Answers",
    "judge": "Judge",
    "names": "Names",
    "score": "Score",
}


def show_models_forecast(context: DatasetContext, step: str, values: Mapping[str, JSON]) -> None:
    """The button that asks about a few rows, and what they say about all of them."""
    asked = orjson.dumps([context.dataset_id, step, values], option=orjson.OPT_SORT_KEYS).decode()
    forecasts: dict[str, ModelsForecast] = st.session_state.setdefault("llm_forecasts", {})
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            "Estimate again" if asked in forecasts else "Estimate time and cost", icon=":material/timer:",
            key="estimate_run",
            help=f"Asks the models about {SAMPLE_ROWS} rows now, in a process of its own; their answers are not kept.",
        )  # fmt: skip
        if asked not in forecasts and not pressed:
            st.caption("Not estimated for these settings yet.", width="content")
    if pressed:
        forecasts.pop(asked, None)
        with errors_in_place():
            forecasts[asked] = _ask_models(context, step, values)
        while len(forecasts) > KEPT:
            del forecasts[next(iter(forecasts))]
    if asked in forecasts:
        _show(forecasts[asked])


def _ask_models(context: DatasetContext, step: str, values: Mapping[str, JSON]) -> ModelsForecast:
    """The estimate of another process, which ends with this run of the page at the latest."""
    check_options(context.workspace, step, values)  # whose keys the process will use
    exact = freeze_pointers(context.workspace, context.dataset_id, step, values)
    text = f"Loading the models and asking about {SAMPLE_ROWS} rows, {duration(LIMIT_S)} at most"
    with (
        st.spinner(text, show_time=True),
        ForecastProcess(context.workspace.path, context.dataset_id, step, exact) as process,
    ):
        place = st.empty()
        while (answer := process.wait(LOOK_EVERY_S)) is None:
            # Here Streamlit ends this run when the person has done something else; the process ends with it.
            place.empty()
    return answer


def _show(models: ModelsForecast) -> None:
    cost = "no prices configured" if models.cost is None else f"about {models.cost:,.2f}"
    parts = [
        f"about **{duration(models.seconds + models.load_s)}**",
        count_of(models.n_calls, "question"),
        f"{models.n_tokens:,} tokens",
        f"cost: {cost}",
    ]
    st.markdown(f"{count_of(models.n_rows, 'row')}: " + " · ".join(parts))
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
                for role in models.roles
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
    st.caption(f"Scaled up from {count_of(models.n_sampled, 'row')} asked about just now.")
