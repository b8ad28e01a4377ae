"""One batch: what came of it in a sentence with what to do next, the funnel, the reasons, and where its rows come from."""

from __future__ import annotations

import streamlit as st

from pages.parts.augment.charts import funnel_chart, groups_chart
from pages.parts.augment.join import offer_join
from pages.parts.augment.reasons import show_dropped_for, show_filter_reasons, show_problems
from pages.shared.frame import PARAMETER, errors_in_place
from pages.shared.identity import Greyed, asks
from pages.shared.navigation import go_to, link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FOLLOWED
from pages.shared.server import reviewer_name
from pages.shared.wording import ago
from tamis.actions.augmenting import ADDITIONS, BatchFunnel, accept_passed, batch_groups
from tamis.actions.datasets import dataset_names
from tamis.actions.proposals import list_proposals
from tamis.actions.submit import submit
from tamis.generators import GENERATORS
from tamis.llms import LLMS
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

STOPPED = {
    "rows": "as many rows passed as were wanted",
    "jobs": "every parent was written from",
    "stall": "too many drafts in a row did not pass",
    "calls": "the cap of questions was reached",
    "tokens": "the cap of tokens was reached",
    "cost": "the cap of the cost was reached",
    "seconds": "the time was over",
}


def show_batch(workspace: Workspace, funnel: BatchFunnel) -> None:
    """The answer first, then what it rests on."""
    examples = workspace.artifacts.examples(funnel.dataset_id)
    with st.container(border=True):
        st.subheader(plain(_answer(funnel)), anchor=False)
        st.caption(plain(_how(workspace, funnel, ago(examples.manifest.created_at))))
        _show_actions(workspace, funnel)
    left, right = st.columns([6, 5], gap="small")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**From what was asked to what is accepted**")
        funnel_chart(funnel)
    with right, st.container(border=True, height="stretch"):
        st.markdown("**What speaks against drafts**")
        show_filter_reasons(workspace, funnel)
        show_dropped_for(workspace, funnel)
    groups = batch_groups(workspace, funnel.dataset_id)
    if len(groups) > 1:
        with st.container(border=True):
            st.markdown("**Rows by group, against the accuracy there**")
            groups_chart(groups)
    show_problems(workspace, funnel)
    offer_join(workspace, funnel)


def _answer(funnel: BatchFunnel) -> str:
    """What came of it and what waits, in one sentence."""
    if not funnel.n_drafts:
        return f"No draft could be read, of {count_of(funnel.n_jobs, 'job')}."
    passed = f"{funnel.n_passed:,} of {count_of(funnel.n_drafts, 'draft')} passed"
    if not funnel.n_passed:
        return f"None of {count_of(funnel.n_drafts, 'draft')} passed the filters."
    if funnel.n_waiting:
        return f"{passed}; {funnel.n_waiting:,} of these wait for you."
    return f"{passed}; {funnel.n_accepted:,} accepted, {funnel.n_dropped:,} dropped."


def _how(workspace: Workspace, funnel: BatchFunnel, made: str) -> str:
    """By whom, what it took and why it ended."""
    summary = workspace.artifacts.examples(funnel.dataset_id).summary
    names = dataset_names(workspace)
    generator, teacher = str(summary["generator"]), str(summary["llm"])
    parts = [
        names.get(funnel.dataset_id, funnel.dataset_id),
        GENERATORS[generator].title if generator in GENERATORS else generator,
        f"by {LLMS[teacher].title if teacher in LLMS else teacher}",
        count_of(funnel.questions, "question"),
        count_of(funnel.tokens, "token"),
        *([] if funnel.cost is None else [f"cost {funnel.cost:,.2f}"]),
        f"ended because {STOPPED.get(funnel.stopped_by, funnel.stopped_by)}",
        made,
    ]
    return " · ".join(parts)


def _show_actions(workspace: Workspace, funnel: BatchFunnel) -> None:
    """Review, accept by rule, look at the rows, and the dataset that they are for."""
    batch = funnel.dataset_id
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        waiting, made = funnel.n_waiting, _proposals(workspace, batch)
        label = f"Review {count_of(waiting, 'addition')}" if waiting else "Look through them again"
        # Proposals are made first where there are none, which only some may.
        asked = (
            asks(workspace, submit, disabled=not funnel.n_drafts)
            if made is None
            else Greyed(disabled=False, help=None)
        )
        if st.button(
            label, icon=":material/rate_review:", type="primary" if waiting else "secondary", key="review_batch", **asked
        ):  # fmt: skip
            with errors_in_place():
                _open_review(workspace, batch, made)
        if st.button(
            _accept_label(waiting), icon=":material/done_all:", key="accept_passed",
            **asks(workspace, accept_passed, disabled=not waiting, words="One decision in the log, undone as one: under Review, History."),
        ):  # fmt: skip
            with errors_in_place():
                event = accept_passed(workspace, batch, reviewer=reviewer_name(workspace))
                st.toast(f"{count_of(event.n_rows, 'row')} accepted.", icon=":material/check:")
                st.rerun()
        link_to("data_map", "Its rows", icon=":material/table_rows:", query={"dataset": batch})
        words = dataset_names(workspace).get(funnel.adds_to)
        if words is not None and st.query_params.get(PARAMETER) == batch:
            here = {PARAMETER: funnel.adds_to}
            link_to("augment", f"All batches of {plain(words)}", icon=":material/arrow_back:", query=here)


def _accept_label(waiting: int) -> str:
    if waiting < 2:
        return "Accept the one that passed" if waiting else "Nothing waits"
    return f"Accept all {waiting:,} that passed"


def _proposals(workspace: Workspace, batch: str) -> Artifact | None:
    """The newest proposals that were made of the batch; None where there are none."""
    return next(
        (one for one in list_proposals(workspace, batch) if one.summary.get("method") == ADDITIONS), None
    )


def _open_review(workspace: Workspace, batch: str, made: Artifact | None) -> None:
    """The queue of additions; its proposals are made first where there are none, which asks nobody anything."""
    if made is not None:
        go_to("review", {PARAMETER: batch, "proposals": made.id})
    job = submit(workspace, batch, "propose", {"method": ADDITIONS}).job
    go_to("review", {PARAMETER: batch, FOLLOWED: job.job_id})
