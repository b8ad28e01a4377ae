"""What a refinement will take, shown before it starts: rows per round, the first draw, and what to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.refinement.history import names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import cluster_chart
from pages.shared.forms.finetune_lengths import length_chart, lengths_of, say_counted, say_long
from pages.shared.forms.planned import plan_of
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.wording import percent
from tamis.actions.forecast import (
    Lengths,
    RoundsForecast,
    forecast_detail,
    missing_packages,
    training_forecast,
)
from tamis.actions.submit import PlannedRun
from tamis.errors import CurationError
from tamis.recipes import SftOptions
from tamis.steps.refine.gaps import GAPS
from tamis.steps.refine.options import LEAST_SCORED, RefineOptions
from tamis.types import JSON, Int64s

MOST_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementFormValues:
    """What the form holds, resolved as far as it goes; ``problem`` says why it goes no further."""

    values: Mapping[str, JSON]
    problem: str = ""
    planned: PlannedRun | None = None
    expected: RoundsForecast | None = None

    @property
    def made(self) -> bool:
        """Whether the result is there already."""
        return self.planned is not None and self.planned.is_made


def resolve(context: DatasetContext, values: dict[str, JSON], *, problem: str) -> RefinementFormValues:
    """Plan the run, and look at what its rounds would draw from."""
    try:
        planned = plan_of(context, "refine", values)
        expected = _forecast(context.key, planned.artifact_id, _context=context, _planned=planned)
    except CurationError as error:
        return RefinementFormValues(values=values, problem=problem or str(error))
    return RefinementFormValues(
        values=values, problem=problem or _lacking(_options(planned)), planned=planned, expected=expected
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _forecast(
    key: str, artifact_id: str, *, _context: DatasetContext, _planned: PlannedRun
) -> RoundsForecast | None:
    detail = forecast_detail(_context.workspace, _planned)
    return detail if isinstance(detail, RoundsForecast) else None


def _options(planned: PlannedRun) -> RefineOptions:
    assert isinstance(planned.plan.options, RefineOptions)
    return planned.plan.options


def show_refinement_forecast(context: DatasetContext, filled: RefinementFormValues) -> None:
    """Rounds in numbers, then the clusters of the first one."""
    if filled.planned is None:
        st.subheader("What it would do", anchor=False)
        st.caption("Rounds and clusters appear here as soon as the form is complete.")
        return
    options, expected = _options(filled.planned), filled.expected
    with st.container(border=True):
        st.markdown("**What it would do**")
        if expected is None:
            st.caption("Rounds and clusters appear here when what it reads is there: a job makes it now.")
        else:
            _show_rounds(options, expected)
            _warn(expected, options)
        _say_paper(options)
    if expected is not None:
        _show_clusters(context, expected)
        _show_long(context, options, expected)


def _lacking(options: RefineOptions) -> str:
    missing = [] if options.static else missing_packages(GAPS[options.scorer].extra)
    if not missing:
        return ""
    return f"The score {GAPS[options.scorer].title} needs {', '.join(missing)}, which is not installed: install it, or choose another score."


def _show_rounds(options: RefineOptions, expected: RoundsForecast) -> None:
    columns = {
        "adds": expected.adds,
        "selected": expected.selected,
        "trains": expected.trains,
        "answers": expected.answers,
    }
    table = pd.DataFrame({name: values for name, values in columns.items() if values is not None})
    table.insert(0, "round", np.arange(len(table)) + 1)
    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, height="content" if len(table) < 8 else 280,
        column_config={
            "round": number("New round" if expected.n_before else "Round", width=80),
            "adds": number("Adds", format="localized", help="Rows that the round picks, as far as the pool has them."),
            "selected": number("Selected", format="localized", help="Rows selected after it."),
            "trains": number("Trains on", format="localized", help="Rows that its round model is trained on, from the base."),
            "answers": number("Answers", format="localized", help="Prompts that the model answers, and answers that are scored."),
        },
        alt="Rows that each round would add, train on and answer",
    )  # fmt: skip
    if expected.trains is not None and expected.answers is not None:
        total = int(expected.trains.sum() * options.guide_epochs)
        st.caption(
            f"Together {total:,} rows are read in training and {int(expected.answers.sum()):,} prompts answered."
        )


def _warn(expected: RoundsForecast, options: RefineOptions) -> None:
    if expected.n_unspent:
        st.warning(
            f"The budget of {expected.n_asked + expected.n_owed:,} rows is larger than the pool: {count_of(expected.n_rows, 'row')} may be "
            f"picked, so {expected.n_unspent:,} stay unspent{_first_short(expected.adds)}. Lower the budget, or widen what it may pick "
            "from.",
            icon=":material/production_quantity_limits:",
        )
    n_clusters, first = int((expected.weight > 0).sum()), expected.n_first
    if n_clusters > first and not options.pools_rounds:
        unseen = f" All rounds together take {count_of(expected.n_asked, 'row')}, so some clusters are never looked at."
        st.caption(
            f":material/info: A round adds {count_of(first, 'row')} and there are {n_clusters:,} clusters, so most clusters are not "
            f"scored in a round and keep their weight.{unseen if n_clusters > expected.n_asked else ''} Fewer clusters or a larger "
            "budget move more of them."
        )
    elif n_clusters > first and not options.static:
        st.caption(
            f":material/info: A round adds {count_of(first, 'row')} and there are {n_clusters:,} clusters, so further rows are "
            f"answered, and not selected: {LEAST_SCORED} of every cluster in each round. So few say little; more rows a round, or "
            "fewer clusters, say more."
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
            ":material/info: Eq. 6 is undefined for scores below zero: such clusters get almost nothing at once. The mode tested "
            "moves weights by what all rounds agree on."
        )


def _show_clusters(context: DatasetContext, expected: RoundsForecast) -> None:
    table = pd.DataFrame(
        {
            name: getattr(expected, name)
            for name in ("cluster_id", "size", "left", "share", "picked", "weight")
        }
    )
    names = names_of(context, expected.cluster_id)
    table["name"] = [names[int(i)] for i in expected.cluster_id]
    table["expected"] = table["size"] * expected.n_next / max(1, int(expected.size.sum()))
    table["ratio"] = table["picked"] / table["expected"].where(table["expected"] > 0)
    with st.container(border=True):
        st.markdown(f"**Rows of {'the next round' if expected.n_before else 'round 1'}, by cluster**")
        hit, share = int((expected.picked > 0).sum()), percent(expected.n_next / max(1, expected.n_rows))
        text = f"{expected.n_next:,} of {count_of(expected.n_rows, 'row')} that may be picked ({share})"
        st.caption(f"{text}, from {hit:,} of {count_of(len(table), 'cluster')}.")
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


def _show_long(context: DatasetContext, options: RefineOptions, expected: RoundsForecast) -> None:
    """Rows that do not fit into what the round model trains on, or into what is read to score them."""
    if options.static or not expected.n_rows:
        return
    lengths = lengths_of(context, expected.rows, options.model)
    with st.container(border=True):
        st.markdown("**How long the rows are**")
        limit = limit_drawn = _read_tokens(options)
        if options.train:
            recipe = options.chosen_options("recipe")
            assert isinstance(recipe, SftOptions)
            training = training_forecast(
                context.workspace, recipe, options.model, lengths, n_train=expected.n_rows
            )
            say_long(training, of=" that may be picked")
            limit_drawn = training.limit
        if GAPS[options.scorer].asks == "model":
            _say_read(lengths, options, limit)
        length_chart(lengths, limit_drawn)
        say_counted(lengths, expected.n_rows)


def _read_tokens(options: RefineOptions) -> int:
    return int(options.model_options["max_prompt_tokens"]) + int(options.model_options["max_response_tokens"])


def _say_read(lengths: Lengths, options: RefineOptions, limit: int) -> None:
    """What the score reads of a row: a longer one is read shortened, never left out."""
    model_options = options.model_options
    text = (
        f"To answer and score, {model_options['max_prompt_tokens']:,} tokens of a prompt and {model_options['max_response_tokens']:,} of an answer "
        "are read."
    )
    share = float((lengths.tokens > limit).mean()) if len(lengths.tokens) else 0.0
    if share:
        st.caption(
            f":orange[:material/content_cut:] {text} At least {percent(share)} of the rows are longer and are read shortened."
        )
    else:
        st.caption(f":material/info: {text} A longer one is read shortened.")
