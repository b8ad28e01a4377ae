"""The form of a selection, with what it would pick shown while it is filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.address import read_scope, stored_scope
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import cluster_chart
from pages.shared.forms.options_form import Form, FormField, draw_options
from pages.shared.forms.planned import lacks_clusters, offer_clusters, plan_of
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.runs.job_watch import FormDefaults, cloned_defaults, is_cloned, start_job
from pages.shared.wording import percent
from tamis.actions.artifact_names import names_in_view
from tamis.actions.forecast import SelectionForecast, forecast_detail
from tamis.actions.given_scores import cost_columns, numeric_quality
from tamis.actions.jobs import find_job
from tamis.actions.read_rows import describe_scope
from tamis.actions.selections import total_tokens
from tamis.actions.submit import PlannedRun, RunTarget, lacking_for_target, submit
from tamis.actions.targets import list_targets
from tamis.errors import CurationError
from tamis.scorers import in_sentence, scorer_title
from tamis.selectors import SELECTORS
from tamis.steps import STEPS
from tamis.steps.select.options import COLUMN, SelectOptions
from tamis.types import JSON

ROW_ROLES = {"within": "Pick from", "pinned": "Always in", "excluded": "Never in"}
NO_ROWS = {"within": "All rows", "pinned": "Nothing", "excluded": "Nothing"}
NO_QUALITY = "none"
NAME = "select"  # of the form: what its widgets are called after

# Draws what a planned selection would pick; the form, by the keyword ``form``, says how the widgets are called that hold it.
ShowPicks = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionFormValues:
    """What the form holds, resolved as far as it goes; ``problem`` says why it goes no further."""

    values: Mapping[str, JSON]
    planned: PlannedRun | None = None
    expected: SelectionForecast | None = None
    problem: str = ""
    first: tuple[str, ...] = ()  # steps that are run before it, for what it reads and is not there

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The jobs under way whose results it reads; it is submitted all the same, and starts behind them."""
        return () if self.planned is None else self.planned.plan.waits_for

    @property
    def is_made(self) -> bool:
        """Whether a selection of just these options is there."""
        return self.planned is not None and self.planned.is_made

    @property
    def label(self) -> str:
        """What the button says that it does."""
        if self.is_made:
            return "Open this selection"
        if self.waits_for:
            return "Select then"
        n_picked = None if self.expected is None else self.expected.n_picked
        return "Select" if n_picked is None else f"Select {count_of(n_picked, 'row')}"


def show_selection_form(context: DatasetContext, show_picks: ShowPicks) -> None:
    """The form, and beside it what it would pick (by ``show_picks``) and what each cluster would get."""
    left, right = st.columns([0.46, 0.54], gap="large")
    with left:
        start = cloned_defaults(context.workspace, "select")
        filled = _resolve(context, _draw_form(context, start))
        asked = JobRequest(
            dataset_id=context.dataset_id, step="select", values=filled.values, problem=filled.problem
        )
        target = choose_target(context.workspace, asked, start=start.target, suffix=start.suffix)
        _show_submit(context, filled, target)
    with right:
        _show_preview(context, filled, partial(show_picks, form=Form(name=NAME, suffix=start.suffix)))


def _draw_form(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    key = f"select_method{'_' + start.suffix if start.suffix else ''}"
    linked = {one.title: name for name, one in SELECTORS.items()}.get(st.query_params.get(key, ""))
    row = SELECTORS[st.session_state.get(key) or linked or start.values.get("method", "kmq")]
    # Nobody is asked for what the method does not read.
    unasked = [read for read in ("clustering", "quality", "target") if not row.uses(read)]
    unasked += ([] if row.uses("embeddings") else ["whiten"]) + (["quality"] if row.quality else [])
    unasked += [] if row.uses("quality") else ["smooth"]
    form = Form(
        name=NAME,
        start={"budget": max(1, round(context.n_rows / 10)), **start.values},
        suffix=start.suffix,
        instead={
            "budget": partial(_draw_budget, context, str(start.values.get("unit", "rows"))),
            "unit": lambda drawn: st.session_state[drawn.key],
            "cost": partial(_draw_cost, context),
            "clustering": partial(draw_clustering, context),
            "quality": partial(draw_quality, context),
            "target": partial(draw_target, context),
            **{role: partial(draw_rows, context) for role in ROW_ROLES},
        },
        skip=("scores", *ROW_ROLES, *unasked),
    )
    values = draw_options(SelectOptions, form)
    if not row.uses("quality"):
        values["quality"] = NO_QUALITY
    named = any(start.values.get(role) for role in ROW_ROLES)
    with st.expander(
        "Restrict, pin or exclude rows", icon=":material/rule:", expanded=named or _in_address()
    ):
        st.caption("By a tag, by another selection, or by the filter that the map's link carries.")
        rows_form = replace(form, skip=[n for n in SelectOptions.model_fields if n not in ROW_ROLES])
        values |= {role: value for role, value in draw_options(SelectOptions, rows_form).items() if value}
    return values


def _in_address() -> bool:
    return bool(read_scope().conditions)


def _draw_budget(context: DatasetContext, first_unit: str, drawn: FormField) -> float:
    unit_key = drawn.key.replace("_budget", "_unit")
    place, beside = st.columns([0.31, 0.69], vertical_alignment="bottom", gap="xsmall")
    with beside:
        unit = st.segmented_control(
            "Unit", budget_units(context), default=first_unit, required=True, key=unit_key, width="stretch",
            format_func=str.capitalize, bind="query-params", persist_state="session", label_visibility="collapsed",
        )  # fmt: skip
    tokens = total_tokens(context)
    tenth = {
        "rows": max(1, round(context.n_rows / 10)), "fraction": 0.1, "tokens": (tokens or 100_000) // 10, "cost": 100.0,
    }  # fmt: skip
    usual = tenth | {first_unit: drawn.start}
    limits = {
        "rows": (1.0, float(context.n_rows), 10.0),
        "fraction": (0.0, 1.0, 0.01),
        "tokens": (1.0, None, 1000.0),
        "cost": (0.0, None, 1.0),
    }
    low, high, step = limits[unit]
    start = min(max(float(usual[unit]), low), high or float("inf"))
    with place:
        budget = st.number_input(
            "Budget", min_value=low, max_value=high, value=start, step=step, help=drawn.help,
            format="%g" if unit in ("fraction", "cost") else "%.0f", key=f"{drawn.key}_{unit}", bind="query-params",
            persist_state="session",
        )  # fmt: skip
    st.caption(_say_budget(context, float(budget), str(unit), tokens))
    return float(budget)


def budget_units(context: DatasetContext) -> list[str]:
    """What a budget can count; a cost where there is a column of numbers."""
    costs = cost_columns(context.workspace, context.dataset_id)
    return ["rows", "fraction", "tokens", *(["cost"] if costs else [])]


def _draw_cost(context: DatasetContext, drawn: FormField) -> str:
    """The column that the budget counts, where its unit is a cost."""
    if st.session_state.get(drawn.key.replace("_cost", "_unit")) != "cost":
        return ""
    options = cost_columns(context.workspace, context.dataset_id)
    cost = str(
        st.selectbox(
            "Cost of a row", options, index=options.index(drawn.start) if drawn.start in options else 0, key=drawn.key,
            format_func=scorer_title, bind="query-params", persist_state="session", help=drawn.help,
        )
    )  # fmt: skip
    column = cost if cost.startswith(COLUMN) else f"score:{cost}"
    st.caption(f"All rows together: {np.nansum(queries.values(context, column)):,g}")
    return cost


def _say_budget(context: DatasetContext, budget: float, unit: str, tokens: int | None) -> str:
    if unit == "cost":
        return "In the unit of the column below; never exceeded."
    if unit == "tokens":
        if not tokens:
            return "Tokens are counted when the rows are embedded."
        return f"= {percent(min(1.0, budget / tokens))} of {tokens:,} tokens"
    n_picked = round(budget * context.n_rows) if unit == "fraction" else round(budget)
    return (
        f"= {n_picked:,} of {count_of(context.n_rows, 'row')}, {percent(min(1.0, n_picked / context.n_rows))}"
    )


def draw_clustering(context: DatasetContext, drawn: FormField) -> str:
    """The clustering to spread over; empty where there is none."""
    clusterings = {a.id: a for a in context.view.artifacts if a.kind == "clustering"}
    if not clusterings:
        return ""
    options, names = list(clusterings), names_in_view(context.view, "clustering")
    active = context.view.clustering
    usual = drawn.start if drawn.start in clusterings else active.id if active is not None else options[0]
    start = options.index(usual)
    return st.selectbox(
        "Clustering", options, index=start, format_func=names.__getitem__, key=drawn.key,
        bind="query-params", persist_state="session", help=drawn.help,
    )  # fmt: skip


def draw_quality(context: DatasetContext, drawn: FormField) -> str:
    """The score to prefer rows by, or none."""
    columns = numeric_quality(context.workspace, context.dataset_id)
    options = list(dict.fromkeys([*context.view.scores, *columns, NO_QUALITY]))
    usual = drawn.start if drawn.start in options else NO_QUALITY if not context.view.scores else options[0]
    if context.view.active_score in options and drawn.start == drawn.info.default and not is_cloned():
        usual = context.view.active_score
    titles = {name: scorer_title(name) for name in options}
    titles[NO_QUALITY] = "None: all alike"
    quality = st.selectbox(
        "Quality score", options, index=options.index(usual), format_func=lambda n: titles[n], key=drawn.key,
        bind="query-params", persist_state="session", help=drawn.help,
    )  # fmt: skip
    if not context.view.scores:
        link_to("scoring", "Compute a score to prefer good rows", query={"dataset": context.dataset_id})
    return str(quality)


def draw_target(context: DatasetContext, drawn: FormField) -> str:
    """The targets as an option names them (``maths=2,code=1``); where there is none, a link to where one is made."""
    names = [one.name for one in list_targets(context.workspace, context.dataset_id)]
    if not names:
        st.caption("There is no target yet: examples of what the dataset is wanted for.")
        link_to("scoring", "Make a target", query={"dataset": context.dataset_id, "scorer": "Targets"})
        return ""
    given = _shares_given(str(drawn.start or ""), names)
    chosen = st.multiselect(
        "Targets", names, default=list(given) or names[:1], key=drawn.key, bind="query-params", help=drawn.help,
        placeholder="At least one",
    )  # fmt: skip
    if len(chosen) < 2:
        return ",".join(chosen)
    columns = st.columns(min(4, len(chosen)), gap="small")
    shares = [
        columns[place % len(columns)].number_input(
            f"Share of {plain(name)}", min_value=0.01, value=given.get(name, 1.0), step=1.0, format="%g",
            key=f"{drawn.key}_share_{names.index(name)}",
        )
        for place, name in enumerate(chosen)
    ]  # fmt: skip
    return ",".join(f"{name}={share:g}" for name, share in zip(chosen, shares, strict=True))


def _shares_given(start: str, names: list[str]) -> dict[str, float]:
    """What the form starts with, as far as it is names; a job that is cloned names an artifact."""
    found = {}
    for part in filter(None, start.split(",")):
        name, sign, share = part.strip().rpartition("=")
        called = name if sign else part.strip()
        if called in names:
            found[called] = float(share) if sign else 1.0
    return found


def draw_rows(context: DatasetContext, drawn: FormField) -> str:
    """A tag, the filter in the address or a selection, as a pointer that is frozen before it is used."""
    scope, names = stored_scope(), names_in_view(context.view, "selection")
    labels = {"": NO_ROWS[drawn.name]}
    if scope.conditions:
        said = describe_scope(scope, context.names.names, names)
        labels[f"scope:{scope.to_url()}"] = f"Filter: {shorten(said, 60)}"
    labels |= {f"tag:{tag}": f"Tag: {tag} ({len(rows):,})" for tag, rows in context.tags.rows.items()}
    labels |= {f"selection:{one.id}": f"Selection: {names[one.id]}" for one in context.view.selections}
    if drawn.start:
        labels[drawn.start] = f"As in the cloned job ({str(drawn.start)[:4]})"
    options = list(labels)
    usual = drawn.start if drawn.start in labels else ""
    if not usual and drawn.name == "within" and scope.conditions:
        usual = options[1]
    return st.selectbox(
        ROW_ROLES[drawn.name], options, index=options.index(usual), format_func=lambda p: labels[p], key=drawn.key,
        bind="query-params", persist_state="session", help=drawn.help,
    )  # fmt: skip


def _resolve(context: DatasetContext, values: dict[str, JSON]) -> SelectionFormValues:
    try:
        planned = plan_of(context, "select", values)
        expected = _forecast(context.key, planned.artifact_id, _context=context, _planned=planned)
    except CurationError as error:
        first = lacking_for_target(context.workspace, context.dataset_id, values)
        return SelectionFormValues(values=values, problem="" if first else str(error), first=first)
    return SelectionFormValues(values=values, planned=planned, expected=expected)


@st.cache_data(max_entries=64, show_spinner=False)
def _forecast(
    key: str, artifact_id: str, *, _context: DatasetContext, _planned: PlannedRun
) -> SelectionForecast | None:
    detail = forecast_detail(_context.workspace, _planned)
    return detail if isinstance(detail, SelectionForecast) else None


def _show_submit(context: DatasetContext, filled: SelectionFormValues, target: RunTarget) -> None:
    made, waits = filled.is_made, filled.waits_for
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            filled.label, type="primary", key="submit_select", **asks(context.workspace, submit, disabled=bool(filled.problem)),
            icon=":material/open_in_new:" if made else ":material/filter_alt:",
        )  # fmt: skip
        if made:
            st.caption("Made before with exactly these options.", width="content")
        if waits:
            _say_wait(context, waits)
    if filled.first:
        st.caption(f":material/info: Made first, because it is not there yet: {' and '.join(filled.first)}.")
    if filled.problem and not _lacks_clusters(context, filled):
        st.error(plain(filled.problem), icon=":material/error:")
    if pressed:
        start_job(context.workspace, context.dataset_id, "select", filled.values, target=target)


def _lacks_clusters(context: DatasetContext, filled: SelectionFormValues) -> bool:
    reads = SELECTORS[str(filled.values["method"])].reads
    return bool(filled.problem) and "clustering" in reads and lacks_clusters(context)


def _say_wait(context: DatasetContext, waits: tuple[str, ...]) -> None:
    """What the selection will wait for, with the way to the first of these jobs."""
    jobs = [job for job in (find_job(context.workspace, one) for one in waits) if job is not None]
    titles = dict.fromkeys(STEPS[job.step].title.lower() for job in jobs if job.step in STEPS)
    st.caption(
        f":material/hourglass_top: Starts by itself as soon as this has ended: {', '.join(titles)}.",
        width="content",
    )
    link_to("job_list", f"Job {waits[0]}", query={"job": waits[0]})


def _show_preview(context: DatasetContext, filled: SelectionFormValues, show_picks: ShowPicks) -> None:
    st.subheader("What it would pick", anchor=False)
    if _lacks_clusters(context, filled):
        offer_clusters(context)
        return
    expected = filled.expected
    if expected is None or expected.n_picked is None or filled.first or filled.waits_for:
        st.caption(_why_no_preview(filled))
        return
    table = _as_table(context, expected)
    st.caption(_say_preview(expected, table), help="The same draw with the same seed as the job makes.")
    if expected.shortfall and not expected.by_tokens and not expected.cost:
        few = expected.n_available < expected.budget
        why = f"only {expected.n_available:,} rows may be picked" if few else "by its method"
        text = f"{expected.shortfall:,g} of the budget stay unspent: {why}."
        st.warning(text, icon=":material/production_quantity_limits:")
    if filled.planned is not None:
        show_picks(context, filled.planned)
    if len(table):
        cluster_chart(table, picked_label="Would be picked")


def _why_no_preview(filled: SelectionFormValues) -> str:
    if filled.first:
        return "What it picks is known when what is made first is there."
    if filled.waits_for:
        return "What it picks is known when what it reads is there; *Select then* waits for that."
    if filled.expected is None:
        return "The rows per cluster appear here as soon as the form is complete."
    return "This method looks at every vector as it goes, so its picks are known when its job ends."


def _as_table(context: DatasetContext, expected: SelectionForecast) -> pd.DataFrame:
    table = pd.DataFrame(
        {"cluster_id": expected.cluster_id, "size": expected.size, "picked": expected.picked}
    )
    table["expected"] = table["size"] * (expected.n_picked or 0) / max(1, expected.n_rows)
    table["ratio"] = table["picked"] / table["expected"].where(table["expected"] > 0)
    table["name"] = [context.cluster_name(int(i)) for i in table["cluster_id"]]
    return table.sort_values(["size", "cluster_id"], ascending=[False, True]).reset_index(drop=True)


def _say_preview(expected: SelectionForecast, table: pd.DataFrame) -> str:
    picked = expected.n_picked or 0
    parts = [f"**{picked:,}** of {expected.n_rows:,} rows ({percent(picked / expected.n_rows)})"]
    if expected.spent is not None:
        parts.append(
            f"{expected.spent:,g} of {expected.budget:,g} by {plain(in_sentence(scorer_title(expected.cost)))}"
        )
    if expected.n_tokens is not None:
        parts.append(f"{expected.n_tokens:,} of {expected.budget:,} tokens")
    clusters = table[table["cluster_id"] >= 0]
    if len(clusters):
        parts.append(f"from {(clusters['picked'] > 0).sum():,} of {count_of(len(clusters), 'cluster')}")
    if expected.n_available < expected.n_rows:
        parts.append(f"{expected.n_available:,} rows may be picked")
    return " · ".join(parts)
