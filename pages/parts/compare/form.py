"""What to compare: selections there are, or methods drawn at one budget with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.parts.compare.picker import PICKER
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.options_form import FormField
from pages.shared.forms.planned import plan_of
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.forms.selection_form import budget_units, draw_target
from pages.shared.frame import errors_in_place
from pages.shared.identity import Greyed, asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FOLLOWED, start_job
from pages.shared.runs.picker import open_run
from pages.shared.wording import percent
from tamis.actions.artifact_names import names_in_view
from tamis.actions.given_scores import cost_columns
from tamis.actions.grid import MAX_SEEDS, Grid, grid_requests, submit_grid
from tamis.actions.selections import total_tokens
from tamis.actions.submit import RunTarget, Submission, submit
from tamis.errors import CurationError
from tamis.scorers import SCORERS, scorer_title
from tamis.selectors import SELECTORS
from tamis.steps.compare.options import MAX_COMPARED
from tamis.steps.select.options import SelectOptions
from tamis.types import JSON

EXISTING, GRID = "Selections there are", "Methods at one budget"
USUAL = ("kmq", "random", "km_closest", "k_center", "deita")


def show_comparison_form(context: DatasetContext) -> None:
    """Two ways to say what is compared; both end in one job."""
    few = len(context.view.selections) < 2
    way = st.radio(
        "Compare", [GRID, EXISTING], horizontal=True, key="compare_way", bind="query-params", disabled=few,
        label_visibility="collapsed",
        captions=["Draws them now, then compares.", "At least two are needed." if few else f"{len(context.view.selections)} to choose from."],
    )  # fmt: skip
    if way == EXISTING and not few:
        _show_existing(context)
    else:
        _show_grid(context)


def _show_existing(context: DatasetContext) -> None:
    names = names_in_view(context.view, "selection")
    selections = [one.id for one in context.view.selections]
    chosen = st.multiselect(
        "Selections", selections, format_func=names.__getitem__,
        key="compare_with", bind="query-params", persist_state="session", max_selections=MAX_COMPARED,
        placeholder="Choose two or more",
        help="Selections that differ by their seed alone count as one method, with intervals over seeds.",
    )  # fmt: skip
    values: dict[str, JSON] = {"selections": chosen, **_show_measures(context)}
    made, problem = "", "Choose at least two selections." if len(chosen) < 2 else ""
    if not problem:
        try:
            planned = plan_of(context, "compare", values)
            made = planned.artifact_id if planned.is_made else ""
        except CurationError as error:
            problem = str(error)
            st.error(plain(problem), icon=":material/error:")
    target = _choose_target(context, "compare", values, problem)
    label = "Open this comparison" if made else f"Compare {count_of(len(chosen), 'selection')}"
    # What is there already is only opened.
    asked = (
        Greyed(disabled=False, help=None) if made else asks(context.workspace, submit, disabled=bool(problem))
    )
    if st.button(label, type="primary", icon=":material/compare:", **asked):
        if made:
            open_run(PICKER, made)
            st.rerun()
        start_job(context.workspace, context.dataset_id, "compare", values, target=target)


def _show_grid(context: DatasetContext) -> None:
    scored = bool(context.view.scores)
    usual = [name for name in USUAL if scored or "quality" not in SELECTORS[name].reads]
    methods = st.pills(
        "Methods", list(SELECTORS), selection_mode="multi", default=usual, format_func=lambda n: SELECTORS[n].title,
        key="compare_methods", bind="query-params", persist_state="session", wrap=True,
    )  # fmt: skip
    if not scored:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption("Methods that pick by quality need a score first.", width="content")
            link_to("scoring", "Compute a score", query={"dataset": context.dataset_id})
    target_of = _draw_target_of(context, methods)
    budget, unit, cost, n_seeds = _draw_size(context)
    measures = _show_measures(context)
    quality = str(measures.get("quality", ""))
    grid = Grid(
        methods=tuple(methods), budget=budget, unit=unit, cost=cost, n_seeds=n_seeds, quality=quality,
        compare=measures, shared=target_of,
    )  # fmt: skip
    problem, n_selections = _check(grid)
    _say_grid(methods, n_selections, n_seeds)
    # The check looks at one of the selections: they differ by method, and the comparison is cheaper than they are.
    first = {} if problem else grid_requests(grid)[0]
    target = _choose_target(context, "select", first, problem)
    if st.button(
        f"Draw {count_of(n_selections, 'selection')} and compare", type="primary", icon=":material/play_arrow:",
        key="submit_grid", **asks(context.workspace, submit_grid, disabled=bool(problem)),
    ):  # fmt: skip
        _submit(context, grid, target)
    if problem:
        st.caption(plain(problem))


def _draw_target_of(context: DatasetContext, methods: Sequence[str]) -> dict[str, JSON]:
    """The targets that methods which select for one go by; nothing is asked where none does."""
    if not any("target" in SELECTORS[name].reads for name in methods):
        return {}
    field = FormField(
        name="target", key="compare_target", label="Targets", help="What methods that select for a target go by.", start="",
        info=SelectOptions.model_fields["target"],
    )  # fmt: skip
    named = draw_target(context, field)
    return {"target": named} if named else {}


def _draw_size(context: DatasetContext) -> tuple[float, str, str, int]:
    """Budget, its unit, the column of a cost, and how many seeds."""
    first, second, third = st.columns([0.3, 0.4, 0.3], vertical_alignment="bottom")
    kept: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
    with second:
        unit = str(
            st.segmented_control(
                "Unit", budget_units(context), default="rows", required=True, format_func=str.capitalize,
                key="compare_unit", width="stretch", **kept,
            )
        )  # fmt: skip
    tokens = total_tokens(context)
    start = {
        "rows": max(1, round(context.n_rows / 10)),
        "fraction": 0.1,
        "tokens": (tokens or 100_000) // 10,
        "cost": 100.0,
    }[unit]
    high = {"rows": float(context.n_rows), "fraction": 1.0, "tokens": None, "cost": None}[unit]
    with first:
        budget = st.number_input(
            "Budget of each", min_value=1.0 if unit in ("rows", "tokens") else 0.001, max_value=high, value=float(start),
            step={"rows": 10.0, "fraction": 0.01, "tokens": 1000.0, "cost": 1.0}[unit], key=f"compare_budget_{unit}",
            format="%.0f" if unit in ("rows", "tokens") else "%g", **kept,
        )  # fmt: skip
    with third:
        n_seeds = st.number_input(
            "Seeds", min_value=1, max_value=MAX_SEEDS, value=3, key="compare_seeds",
            help="Draws of each method that has chance in it; the others give the same rows every time.", **kept,
        )  # fmt: skip
    if unit == "rows":
        st.caption(f"= {percent(budget / context.n_rows)} of {count_of(context.n_rows, 'row')}")
    cost = ""
    if unit == "cost":
        costs = cost_columns(context.workspace, context.dataset_id)
        cost = str(st.selectbox("Cost of a row", costs, format_func=scorer_title, key="compare_cost", **kept))
    return float(budget), unit, cost, int(n_seeds)


def _show_measures(context: DatasetContext) -> dict[str, JSON]:
    """Options of the comparison itself."""
    values: dict[str, JSON] = {}
    kept: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if context.view.scores:
            values["quality"] = st.selectbox(
                "Quality score", list(context.view.scores), key="compare_quality", width=240,
                format_func=lambda name: SCORERS[name].title if name in SCORERS else name, **kept,
            )  # fmt: skip
        values["epochs"] = st.number_input(
            "Epochs", min_value=0.5, max_value=100.0, value=3.0, step=1.0, format="%g", key="compare_epochs", width=120,
            help="Passes over the rows in training, for its cost.", **kept,
        )  # fmt: skip
        values["tokens_per_second"] = st.number_input(
            "Tokens per GPU second", min_value=1.0, value=None, format="%.0f", key="compare_rate", width=200,
            placeholder="Not known", help="When it is given, the cost of training is also shown in GPU hours.", **kept,
        )  # fmt: skip
    return values


def _check(grid: Grid) -> tuple[str, int]:
    try:
        return "", len(grid_requests(grid))
    except CurationError as error:
        return str(error), 0


def _say_grid(methods: Sequence[str], n_selections: int, n_seeds: int) -> None:
    if not n_selections:
        return
    drawn = sum(SELECTORS[name].random for name in methods)
    text = f"{count_of(drawn, 'method')} with chance, {count_of(n_seeds, 'seed')} each"
    still = len(methods) - drawn
    st.caption(f"{text}; {count_of(still, 'method')} without." if still else f"{text}.")


def _choose_target(context: DatasetContext, step: str, values: dict[str, JSON], problem: str) -> RunTarget:
    asked = JobRequest(dataset_id=context.dataset_id, step=step, values=values, problem=problem)
    return choose_target(context.workspace, asked)


def _submit(context: DatasetContext, grid: Grid, target: RunTarget) -> None:
    with errors_in_place():
        done = submit_grid(context.workspace, context.dataset_id, grid, target=target)
        _say_made(done.selections)
        st.query_params[FOLLOWED] = done.comparison.job.job_id
        st.rerun()


def _say_made(selections: Sequence[Submission]) -> None:
    made = sum(one.already_done for one in selections)
    if made:
        st.toast(f"{count_of(made, 'selection')} had been made before.", icon=":material/bolt:")
