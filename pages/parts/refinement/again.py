"""More rounds of a finished refinement: few questions here, all of them in the form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from pages.parts.refinement.history import names_of
from pages.parts.refinement.picker import CONTINUED, PICKER
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_rows import decided, say_decided
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from pages.shared.runs.picker import open_run
from tamis.actions.refinement_history import RefinementHistory
from tamis.actions.refinements import cluster_factor, continue_refinement, rows_per_round
from tamis.actions.runs import Run
from tamis.steps.refine.options import EXCLUDED, PINNED
from tamis.types import JSON

FACTORS = "cluster_factors"
MOST_MORE = 20


def offer_decisions(context: DatasetContext, key: str) -> bool:
    """Whether the review's decisions are respected; nothing is asked while there are none."""
    outcome = decided(context, np.arange(context.n_rows))
    if outcome is None:
        return False
    return st.toggle(
        f"Respect the decisions of the review ({say_decided(outcome)})", value=True, key=key,
        help="Dropped rows leave the pool, and those picked before are replaced; corrected rows replace theirs.",
    )  # fmt: skip


def offer_more_rounds(context: DatasetContext, run: Run, history: RefinementHistory) -> None:
    """The popover that continues a run with few questions; the form has all of them."""
    with st.popover("Add rounds", icon=":material/add_circle:", type="primary", width="content"):
        st.caption("The rows picked so far stay, and the weights go on from where they are.")
        left, right = st.columns(2, gap="small")
        n_rounds = int(left.number_input("Rounds to add", 1, MOST_MORE, 1, key="more_rounds"))
        usual = rows_per_round(run) * n_rounds
        n_rows = right.number_input(
            "Rows to add", n_rounds, None, max(usual, n_rounds), key=f"more_rows_{n_rounds}"
        )
        factors = _choose_factors(context, run, history)
        respected = offer_decisions(context, "more_decided")
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            pressed = st.button(
                f"Add {count_of(n_rounds, 'round')}",
                type="primary",
                icon=":material/play_arrow:",
                key="add_rounds",
                **asks(context.workspace, continue_refinement),
            )
            if st.button("Change more first", icon=":material/tune:", key="continue_in_form"):
                st.query_params[CONTINUED] = run.run_id
                st.rerun()
        if pressed:
            with errors_in_place():
                done = continue_refinement(
                    context.workspace, context.dataset_id, run, rounds=n_rounds, budget=int(n_rows), cluster_factors=factors,
                    respect_decisions=respected,
                )  # fmt: skip
                open_run(PICKER, done.job.artifact_id)
                st.rerun()


def _choose_factors(context: DatasetContext, run: Run, history: RefinementHistory) -> dict[str, JSON]:
    by_hand: Mapping[str, JSON] = run.options.get(FACTORS) or {}
    ids, names = [int(i) for i in history.cluster_ids], names_of(context, history.cluster_ids)
    out = st.multiselect(
        "Leave out from now on", ids, default=[i for i in ids if by_hand.get(str(i)) == EXCLUDED], format_func=names.__getitem__,
        key=f"more_excluded_{run.run_id}", placeholder="No cluster",
    )  # fmt: skip
    pinned = st.multiselect(
        "Keep the weight of", [i for i in ids if i not in out],
        default=[i for i in ids if by_hand.get(str(i)) == PINNED and i not in out], format_func=names.__getitem__,
        key=f"more_pinned_{run.run_id}", placeholder="No cluster",
    )  # fmt: skip
    boosts = {key: value for key, value in by_hand.items() if value not in (EXCLUDED, PINNED)}
    chosen = {
        str(i): cluster_factor(pinned=i in pinned, excluded=i in out, factor=1.0) for i in [*pinned, *out]
    }
    return boosts | {key: value for key, value in chosen.items() if value is not None}
