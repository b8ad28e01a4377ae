"""What a refinement becomes the start of: more rounds from where it stands, and the same values for its form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from pages.parts.refinement.facts import Course, names_of
from pages.parts.refinement.picker import CONTINUED, open_run
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_rows import decided_rows
from pages.shared.forms.run_target import RunPlace
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import count_of
from pages.shared.runs.runs import Run
from tamis.compute.apply import apply_decisions
from tamis.jobs.scheduler.queue import submit
from tamis.steps.refine.options import (
    EXCLUDED,
    OF_THE_RUN,
    PINNED,
    RefineOptions,
)
from tamis.steps.select.options import NO_QUALITY
from tamis.store.artifacts.frozen_decisions import freeze_decisions
from tamis.types import JSON

CONTINUE_FROM, DECISIONS, FACTORS = "continue_from", "decisions", "cluster_factors"
MOST_MORE = 20


def continued_values(run: Run) -> dict[str, JSON]:
    """The options and exact inputs of a finished run, as those of rounds that go on from it."""
    inputs = run.inputs
    values: dict[str, JSON] = {key: value for key, value in run.options.items() if key not in OF_THE_RUN}
    if "scores" not in inputs and "quality" in values:
        values["quality"] = NO_QUALITY  # named, it would have to be there
    values |= {role: inputs[role] for role in RefineOptions.POINTERS if role in inputs}
    return values | {CONTINUE_FROM: run.run_id, "unit": "rows"}


def rows_per_round(run: Run) -> int:
    """Rows that one round of a finished run took, rounded up."""
    return -(-int(run.summary["budget"]) // max(1, int(run.summary["n_rounds"])))


def offer_decisions(context: DatasetContext, key: str) -> bool:
    """Whether the review's decisions are respected; nothing is asked while there are none."""
    decided = decided_rows(context)
    if not decided:
        return False
    found = apply_decisions(np.arange(context.n_rows), decided)
    said = f"{count_of(found.n_dropped, 'row')} dropped, {len(found.replaced):,} corrected"
    return st.toggle(
        f"Respect the decisions of the review ({said})", value=True, key=key,
        help="Dropped rows leave the pool, and those picked before are replaced; corrected rows replace theirs.",
    )  # fmt: skip


def frozen_decisions(context: DatasetContext, *, wanted: bool) -> dict[str, JSON]:
    """The decisions in force as the step reads them: frozen now, or none."""
    frozen = freeze_decisions(context.workspace, context.dataset_id) if wanted else None
    return {DECISIONS: frozen.id if frozen is not None else ""}


def offer_more_rounds(context: DatasetContext, run: Run, course: Course) -> None:
    """The popover that continues a run with few questions; the form has all of them."""
    with st.popover("Add rounds", icon=":material/add_circle:", type="primary", width="content"):
        st.caption("The rows picked so far stay, and the weights go on from where they are.")
        left, right = st.columns(2, gap="small")
        n_rounds = left.number_input("Rounds to add", 1, MOST_MORE, 1, key="more_rounds")
        usual = rows_per_round(run) * int(n_rounds)
        n_rows = right.number_input(
            "Rows to add", int(n_rounds), None, max(usual, int(n_rounds)), key=f"more_rows_{n_rounds}"
        )
        factors = _choose_factors(context, run, course)
        decided = offer_decisions(context, "more_decided")
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            pressed = st.button(
                f"Add {count_of(int(n_rounds), 'round')}",
                type="primary",
                icon=":material/play_arrow:",
                key="add_rounds",
            )
            if st.button("Change more first", icon=":material/tune:", key="continue_in_form"):
                st.query_params[CONTINUED] = run.run_id
                st.rerun()
        if pressed:
            more: dict[str, JSON] = {"rounds": int(n_rounds), "budget": int(n_rows), FACTORS: factors}
            _submit(context, run, more, decided=decided)


def _choose_factors(context: DatasetContext, run: Run, course: Course) -> dict[str, JSON]:
    held: Mapping[str, JSON] = run.options.get(FACTORS) or {}
    ids, names = [int(i) for i in course.cluster_ids], names_of(context, course.cluster_ids)
    out = st.multiselect(
        "Leave out from now on", ids, default=[i for i in ids if held.get(str(i)) == EXCLUDED], format_func=names.__getitem__,
        key=f"more_excluded_{run.run_id}", placeholder="No cluster",
    )  # fmt: skip
    pinned = st.multiselect(
        "Keep the weight of", [i for i in ids if i not in out],
        default=[i for i in ids if held.get(str(i)) == PINNED and i not in out], format_func=names.__getitem__,
        key=f"more_pinned_{run.run_id}", placeholder="No cluster",
    )  # fmt: skip
    boosts = {key: value for key, value in held.items() if value not in (EXCLUDED, PINNED)}
    return boosts | {str(i): PINNED for i in pinned} | {str(i): EXCLUDED for i in out}


def _submit(context: DatasetContext, run: Run, more: dict[str, JSON], *, decided: bool) -> None:
    place = RunPlace()
    if run.job is not None:
        place = RunPlace(
            run.job.backend, run.job.resources.model_dump(exclude_defaults=True), run.job.priority
        )
    with errors_in_place():
        values = continued_values(run) | more | frozen_decisions(context, wanted=decided)
        done = submit(
            context.workspace, context.dataset_id, "refine", values,
            backend=place.backend, resources=place.resources, priority=place.priority,
        )  # fmt: skip
        open_run(done.job.artifact_id)
        st.rerun()
