"""A new batch: what it would be in a sentence with its two buttons, and below it from what, by whom, how much."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.parts.augment.limits import choose_limits, choose_more
from pages.parts.augment.parents import ParentChoice, choose_parents
from pages.parts.augment.trial import is_tried, offer_trial
from pages.parts.augment.writer import choose_writer, switch_filters
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import cloned_defaults, start_job
from tamis.actions.submit import check_options, submit
from tamis.errors import CurationError
from tamis.generators import GENERATORS
from tamis.llms import LLMS
from tamis.types import JSON

STEP = "augment"
CAPS = {"max_calls": "question", "max_tokens": "token"}


def show_augment_form(context: DatasetContext, *, have_batches: bool) -> None:
    """Draw the form; nothing is asked before somebody tries three or starts."""
    start = cloned_defaults(context.workspace, STEP)
    if not have_batches:
        st.caption(
            "A model writes rows that are like those you point at. They become a batch of their own, with what speaks against "
            "each; only what somebody accepts ever joins a version of this dataset."
        )
    head = st.container(border=True)
    left, right = st.columns([6, 5], gap="small")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**From which rows**")
        parents = choose_parents(context, start)
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Who writes**")
        writer = choose_writer(context, start)
    with st.container(border=True):
        limits = choose_limits(writer["llm_options"], start)
        filters = switch_filters(str(writer["generator"]), start)
        more = choose_more(context, start)
    values = {**more, **writer, **limits, **parents.values} | ({"filters": filters} if filters else {})
    problem = parents.problem or _problem(context, values)
    request = JobRequest(dataset_id=context.dataset_id, step=STEP, values=values, problem=problem)
    target = choose_target(context.workspace, request, start=start.target, suffix=start.suffix)
    with head:
        _say(values, parents)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            trial = st.container(horizontal=True, gap="small", width="content")
            pressed = st.button(
                f"Write {count_of(int(values['rows']), 'row')}", icon=":material/edit_note:", key="start_augment",
                type="primary" if not problem and is_tried(context, values) else "secondary", **asks(context.workspace, submit, disabled=bool(problem)),
            )  # fmt: skip
        if parents.problem:  # what is still to be chosen is no error
            st.info(plain(parents.problem), icon=":material/arrow_downward:")
        elif problem:
            st.error(plain(problem), icon=":material/error:")
        if problem:
            _lead_on(context, problem)
        offer_trial(context, values, place=trial, problem=problem)
    if pressed:
        start_job(context.workspace, context.dataset_id, STEP, values, target=target)


def _say(values: Mapping[str, JSON], parents: ParentChoice) -> None:
    """What would be run, as a sentence."""
    model = str(values["llm_options"].get("model") or "")
    teacher = LLMS[str(values["llm"])].title + (f" ({model})" if model else "")
    caps = [f"{int(values[name]):,} {noun}s" for name, noun in CAPS.items() if values.get(name)]
    caps += [f"a cost of {values['max_cost']:g}"] if values.get("max_cost") is not None else []
    caps += [f"{values['max_seconds']:g} s"] if values.get("max_seconds") else []
    generator = GENERATORS[str(values["generator"])].title.lower()
    source = f" from {parents.said}" if parents.said else ""
    within = f", within {', '.join(caps)}" if caps else ", without a cap on what it may take"
    text = f"{count_of(int(values['rows']), 'row')} by {teacher}, {generator}{source}{within}."
    st.subheader(plain(text), anchor=False)


def _problem(context: DatasetContext, values: Mapping[str, JSON]) -> str:
    """What cannot be with these options, without what is read of rows."""
    try:
        check_options(context.workspace, STEP, {**values, "parents": ""})
    except CurationError as error:
        return str(error)
    return ""


def _lead_on(context: DatasetContext, problem: str) -> None:
    """The page on which what is missing is made."""
    here = {"dataset": context.dataset_id}
    for words, page, label, query in (
        ("tag rows on the map", "data_map", "Tag rows on the map", {}),
        ("cluster it on the overview", "overview", "Cluster it", {}),
        ("There is no selection", "selection", "Make a selection", {"view": "new"}),
        ("Scores, Targets", "scoring", "Make a target", {"scorer": "targets"}),
        ("towards it", "scoring", "Score towards it", {"scorer": "target_embedding"}),
    ):
        if words in problem:
            link_to(page, label, query=here | query)
            return
