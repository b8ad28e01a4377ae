"""What a refinement will take, shown before it starts: rows per round, the first draw, and what to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from core.compute.allocate import allocate
from core.compute.refine_draw import split_budget
from core.errors import CurationError
from core.jobs.queue import pending_results
from core.jobs.requirements import missing_packages
from core.steps.plan import Plan, plan_step
from core.steps.refine_options import RefineOptions
from core.steps.refine_scorers import GAPS
from core.steps.refine_state import read_state
from core.steps.scopes import freeze
from core.store.artifacts import Artifact
from core.store.refinements import KIND, rounds_of
from core.types import JSON
from pages.shared.lens import Lens
from pages.shared.plain_text import count_of
from pages.shared.refine_again import frozen_decisions
from pages.shared.refine_facts import names_of
from pages.shared.selection_charts import cluster_chart
from pages.shared.selection_form import ROW_ROLES
from pages.shared.wording import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The next round before it is drawn: per cluster what may be picked and what would be, and rows picked before."""

    clusters: pd.DataFrame
    n_pool: int
    n_before: int
    n_wanted: int
    n_next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What the form holds, resolved as far as it goes; ``problem`` says why it goes no further."""

    values: Mapping[str, JSON]
    decided: bool = False
    problem: str = ""
    made: bool = False
    options: RefineOptions | None = None
    parts: tuple[int, ...] = field(default=())
    preview: Preview | None = None


def resolve(lens: Lens, values: dict[str, JSON], *, decided: bool, problem: str) -> Filled:
    """Freeze the rows and decisions that are named, and look at what the first round would draw from."""
    store, database = lens.workspace.store, lens.workspace.database
    try:
        for role in ROW_ROLES:
            if values.get(role):
                values[role] = freeze(store, database, lens.dataset_id, str(values[role]))
        values |= frozen_decisions(lens, wanted=decided)
        plan = plan_step(
            store, lens.dataset_id, "refine", values, pending=pending_results(database, lens.dataset_id)
        )
        options = plan.options
        assert isinstance(options, RefineOptions)
        parts = split_budget(int(options.budget), options.rounds)
        problem = problem or _lacking(options)
        preview = (
            None if plan.waits_for else _preview(lens.key, plan.artifact_id, parts[0], _lens=lens, _plan=plan)
        )
    except CurationError as error:
        return Filled(values=values, decided=decided, problem=problem or str(error))
    made = store.find(lens.dataset_id, KIND, plan.artifact_id) is not None
    return Filled(
        values=values,
        decided=decided,
        problem=problem,
        made=made,
        options=options,
        parts=parts,
        preview=preview,
    )


def show_outlook(lens: Lens, filled: Filled) -> None:
    """Rounds in numbers, then the clusters of the first one."""
    if filled.options is None:
        st.subheader("What it would do", anchor=False)
        st.caption("Rounds and clusters appear here as soon as the form is complete.")
        return
    with st.container(border=True):
        st.markdown("**What it would do**")
        _show_parts(filled, filled.options)
        if filled.preview is not None:
            _warn(filled, filled.preview)
        _say_paper(filled.options)
    if filled.preview is not None:
        _show_clusters(lens, filled, filled.preview)


def _lacking(options: RefineOptions) -> str:
    missing = [] if options.static else missing_packages(GAPS[options.scorer].extra)
    if not missing:
        return ""
    return f"The score {GAPS[options.scorer].title} needs {', '.join(missing)}, which is not installed: install it, or choose another score."


@st.cache_data(max_entries=32, show_spinner=False)
def _preview(key: str, artifact_id: str, first: int, *, _lens: Lens, _plan: Plan) -> Preview:
    store, options = _lens.workspace.store, _plan.options
    assert isinstance(options, RefineOptions)
    inputs: dict[str, Artifact] = {
        role: store.get(_plan.dataset_id, _plan.input_kinds[role], identifier)
        for role, identifier in _plan.inputs.items()
    }
    earlier = inputs.get("continue_from")
    state = read_state(inputs, options, rounds_of(store, earlier) if earlier is not None else [])
    groups, shown = state.pool.groups(), state.shown
    free = ~state.pool.excluded & ~state.taken & (state.drawn_by[groups] > 0)
    left = np.bincount(groups[free], minlength=state.pool.n_clusters + 1)
    wanted = state.n_planned + first - int(state.kept.sum())
    taken = min(wanted, int(left.sum()))
    quota = allocate(taken, state.drawn_by, left)
    table = pd.DataFrame(
        {
            "cluster_id": state.cluster_ids(),
            "size": state.pool.sizes()[shown],
            "picked": quota[shown],
            "weight": state.drawn_by[shown],
        }
    )
    return Preview(
        clusters=table,
        n_pool=int(free.sum()),
        n_before=int(state.kept.sum()),
        n_wanted=wanted,
        n_next=int(quota.sum()),
    )


def _show_parts(filled: Filled, options: RefineOptions) -> None:
    before = filled.preview.n_before if filled.preview is not None else 0
    selected = before + np.cumsum(filled.parts)
    table = pd.DataFrame(
        {"round": np.arange(len(filled.parts)) + 1, "adds": filled.parts, "selected": selected}
    )
    if options.train and not options.static:
        table["trains"] = selected
    if not options.static:
        most = options.generate_rows or np.iinfo(np.int64).max
        table["answers"] = np.minimum(filled.parts if options.score_rows == "new" else selected, most)
    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, height="content" if len(table) < 8 else 280,
        column_config={
            "round": number("Round" if not before else "New round", width=80),
            "adds": number("Adds", format="localized", help="Rows that the round picks."),
            "selected": number("Selected", format="localized", help="Rows selected after it."),
            "trains": number("Trains on", format="localized", help="Rows that its guide is trained on, from the base."),
            "answers": number("Answers", format="localized", help="Prompts that the model answers, and answers that are scored."),
        },
        alt="Rows that each round would add, train on and answer",
    )  # fmt: skip
    if "trains" in table:
        total = int(table["trains"].sum() * options.guide_epochs)
        st.caption(
            f"Together {total:,} rows are read in training and {int(table['answers'].sum()):,} prompts answered."
        )


def _warn(filled: Filled, preview: Preview) -> None:
    asked, left = sum(filled.parts), preview.n_pool
    if asked > left:
        st.warning(
            f"The budget of {asked:,} rows is larger than the pool: {count_of(left, 'row')} may be picked, so {asked - left:,} "
            "stay unspent. Lower the budget, or widen what it may pick from.",
            icon=":material/production_quantity_limits:",
        )
    with_rows = int((preview.clusters["weight"] > 0).sum())
    first = filled.parts[0]
    if with_rows > first:
        st.caption(
            f":material/info: A round adds {count_of(first, 'row')} and there are {with_rows:,} clusters, so most clusters are not "
            "scored in a round and keep their weight. Fewer clusters or a larger budget move more of them."
        )


def _say_paper(options: RefineOptions) -> None:
    if options.static:
        return
    st.caption(
        ":material/science: In the paper rounds helped with a judge or a reward model, on one seed, and hurt one of three models; "
        "the best static kMQ was above all of them. Run a control beside it to see what the rounds are worth here."
    )
    if options.mode == "paper":
        st.caption(
            ":material/info: Eq. 6 is undefined for scores below zero: such clusters get almost nothing at once. The mode Tamis "
            "moves weights more carefully."
        )


def _show_clusters(lens: Lens, filled: Filled, preview: Preview) -> None:
    table = preview.clusters.copy()
    names = names_of(lens, table["cluster_id"].to_numpy())
    table["name"] = [names[int(i)] for i in table["cluster_id"]]
    table["expected"] = table["size"] * preview.n_next / max(1, int(table["size"].sum()))
    table["ratio"] = table["picked"] / table["expected"].where(table["expected"] > 0)
    with st.container(border=True):
        st.markdown(
            "**Rows of the next round, by cluster**"
            if preview.n_before
            else "**Rows of round 1, by cluster**"
        )
        hit = int((table["picked"] > 0).sum())
        said = f"{preview.n_next:,} of {count_of(preview.n_pool, 'row')} that may be picked ({percent(preview.n_next / max(1, preview.n_pool))})"
        st.caption(f"{said}, from {hit:,} of {count_of(len(table), 'cluster')}.")
        cluster_chart(
            table.sort_values(["size", "cluster_id"], ascending=[False, True]), picked_label="Would be picked"
        )
