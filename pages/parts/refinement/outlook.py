"""What a refinement will take, shown before it starts: rows per round, the first draw, and what to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.refinement.again import frozen_decisions
from pages.parts.refinement.facts import names_of
from pages.parts.refinement.preview import Preview, look_at, rows_per_round
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import cluster_chart
from pages.shared.forms.finetune_lengths import length_chart, lengths_of, say_counted, say_long
from pages.shared.forms.selection_form import ROW_ROLES
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.wording import percent
from tamis.compute.refine.draw import split_budget
from tamis.errors import CurationError
from tamis.jobs.forecast.requirements import missing_packages
from tamis.jobs.scheduler.queue import pending_results
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.finetune.forecast import Lengths, look_ahead, window_of
from tamis.steps.plan import plan_step
from tamis.steps.refine.gaps import GAPS
from tamis.steps.refine.options import RefineOptions
from tamis.steps.resolve_rows import freeze
from tamis.store.artifacts.refinements import KIND
from tamis.types import JSON, Int64s

MOST_NAMED = 4


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


def resolve(context: DatasetContext, values: dict[str, JSON], *, decided: bool, problem: str) -> Filled:
    """Freeze the rows and decisions that are named, and look at what the first round would draw from."""
    store, database = context.workspace.artifacts, context.workspace.database
    try:
        for role in ROW_ROLES:
            if values.get(role):
                values[role] = freeze(context.workspace, context.dataset_id, str(values[role]))
        values |= frozen_decisions(context, wanted=decided)
        plan = plan_step(
            store, context.dataset_id, "refine", values, pending=pending_results(database, context.dataset_id)
        )
        options = plan.options
        assert isinstance(options, RefineOptions)
        parts = split_budget(int(options.budget), options.rounds)
        problem = problem or _lacking(options)
        preview = (
            None
            if plan.waits_for
            else look_at(context.key, plan.artifact_id, parts[0], _context=context, _plan=plan)
        )
    except CurationError as error:
        return Filled(values=values, decided=decided, problem=problem or str(error))
    made = store.find(context.dataset_id, KIND, plan.artifact_id) is not None
    return Filled(
        values=values,
        decided=decided,
        problem=problem,
        made=made,
        options=options,
        parts=parts,
        preview=preview,
    )


def show_outlook(context: DatasetContext, filled: Filled) -> None:
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
        _show_clusters(context, filled.preview)
        _show_long(context, filled.options, filled.preview)


def _lacking(options: RefineOptions) -> str:
    missing = [] if options.static else missing_packages(GAPS[options.scorer].extra)
    if not missing:
        return ""
    return f"The score {GAPS[options.scorer].title} needs {', '.join(missing)}, which is not installed: install it, or choose another score."


def _show_parts(filled: Filled, options: RefineOptions) -> None:
    before, adds = 0, np.asarray(filled.parts, dtype=np.int64)
    if filled.preview is not None:
        before = filled.preview.n_before
        adds = rows_per_round(filled.parts, n_pool=filled.preview.n_pool, n_owed=filled.preview.n_owed)
    table = _plan_table(options, adds, before)
    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, height="content" if len(table) < 8 else 280,
        column_config={
            "round": number("Round" if not before else "New round", width=80),
            "adds": number("Adds", format="localized", help="Rows that the round picks, as far as the pool has them."),
            "selected": number("Selected", format="localized", help="Rows selected after it."),
            "trains": number("Trains on", format="localized", help="Rows that its round model is trained on, from the base."),
            "answers": number("Answers", format="localized", help="Prompts that the model answers, and answers that are scored."),
        },
        alt="Rows that each round would add, train on and answer",
    )  # fmt: skip
    if "trains" in table:
        total = int(table["trains"].sum() * options.guide_epochs)
        st.caption(
            f"Together {total:,} rows are read in training and {int(table['answers'].sum()):,} prompts answered."
        )


def _plan_table(options: RefineOptions, adds: Int64s, before: int) -> pd.DataFrame:
    """One line per round; a round whose model answers nothing trains none either."""
    selected = before + np.cumsum(adds)
    table = pd.DataFrame({"round": np.arange(len(adds)) + 1, "adds": adds, "selected": selected})
    if options.static:
        return table
    looked_at = adds if options.score_rows == "new" else selected
    if options.train:
        table["trains"] = np.where(looked_at > 0, selected, 0)
    most = options.generate_rows or np.iinfo(np.int64).max
    return table.assign(answers=np.minimum(looked_at, most))


def _warn(filled: Filled, preview: Preview) -> None:
    asked, left = sum(filled.parts) + preview.n_owed, preview.n_pool
    if asked > left:
        adds = rows_per_round(filled.parts, n_pool=left, n_owed=preview.n_owed)
        st.warning(
            f"The budget of {asked:,} rows is larger than the pool: {count_of(left, 'row')} may be picked, so {asked - left:,} "
            f"stay unspent{_first_short(adds)}. Lower the budget, or widen what it may pick from.",
            icon=":material/production_quantity_limits:",
        )
    with_rows = int((preview.clusters["weight"] > 0).sum())
    first = filled.parts[0]
    if with_rows > first:
        whole = sum(filled.parts)
        unseen = f" All rounds together take {count_of(whole, 'row')}, so some clusters are never looked at."
        st.caption(
            f":material/info: A round adds {count_of(first, 'row')} and there are {with_rows:,} clusters, so most clusters are not "
            f"scored in a round and keep their weight.{unseen if with_rows > whole else ''} Fewer clusters or a larger budget "
            "move more of them."
        )


def _first_short(adds: Int64s) -> str:
    """From which round on nothing is left."""
    empty = np.flatnonzero(adds == 0)
    return f", and nothing is left for round {empty[0] + 1}" if len(empty) else ""


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


def _show_clusters(context: DatasetContext, preview: Preview) -> None:
    table = preview.clusters.copy()
    names = names_of(context, table["cluster_id"].to_numpy())
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
        ended = say_run_out(table)
        if ended:
            st.caption(f":orange[:material/hourglass_bottom:] {plain(ended)}")
        cluster_chart(
            table.sort_values(["size", "cluster_id"], ascending=[False, True]), picked_label="Would be picked"
        )


def say_run_out(table: pd.DataFrame) -> str:
    """Clusters that have fewer rows left than their share by weight; empty when every share can be had."""
    short = table[(table["weight"] > 0) & (table["left"] < np.floor(table["share"]))].sort_values("left")
    if short.empty:
        return ""
    named = [
        f"{shorten(str(row.name_), 40)} ({row.left:,} of {row.share:,.0f})"
        for row in short.head(MOST_NAMED).rename(columns={"name": "name_"}).itertuples()
    ]
    more = f" and {len(short) - MOST_NAMED:,} more" if len(short) > MOST_NAMED else ""
    has = "cluster has" if len(short) == 1 else "clusters have"
    return (
        f"{len(short):,} {has} fewer rows left than their share: {', '.join(named)}{more}. They give all they have, and the "
        "others take the rest."
    )


def _show_long(context: DatasetContext, options: RefineOptions, preview: Preview) -> None:
    """Rows that do not fit into what the round model trains on, or into what is read to score them."""
    if options.static or not preview.n_pool:
        return
    lengths = lengths_of(context, preview.rows, options.model)
    window = window_of(options.model, context.workspace.path)
    with st.container(border=True):
        st.markdown("**How long the rows are**")
        limit = _read_tokens(options)
        if options.train:
            recipe = parse_options(RECIPES[options.recipe].options, options.recipe_options)
            assert isinstance(recipe, SftOptions)
            found = look_ahead(lengths, recipe, n_train=preview.n_pool, n_held_out=0, window=window)
            say_long(found, window=window, drop_longer=recipe.drop_longer, of=" that may be picked")
            limit_drawn = found.limit
        else:
            limit_drawn = limit
        if GAPS[options.scorer].asks == "model":
            _say_read(lengths, options, limit)
        length_chart(lengths, limit_drawn)
        say_counted(lengths, preview.n_pool)


def _read_tokens(options: RefineOptions) -> int:
    return int(options.model_options["max_prompt_tokens"]) + int(options.model_options["max_response_tokens"])


def _say_read(lengths: Lengths, options: RefineOptions, limit: int) -> None:
    """What the score reads of a row: a longer one is read shortened, never left out."""
    held = options.model_options
    said = (
        f"To answer and score, {held['max_prompt_tokens']:,} tokens of a prompt and {held['max_response_tokens']:,} of an answer "
        "are read."
    )
    share = float((lengths.tokens > limit).mean()) if len(lengths.tokens) else 0.0
    if share:
        st.caption(
            f":orange[:material/content_cut:] {said} At least {percent(share)} of the rows are longer and are read shortened."
        )
    else:
        st.caption(f":material/info: {said} A longer one is read shortened.")
