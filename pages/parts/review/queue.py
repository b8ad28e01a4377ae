"""Which proposals wait in which order: chosen here, kept in the address, computed once and shared by all sessions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import streamlit as st

from pages.shared.address import read_scope
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.scope_bar import show_scope_bar
from tamis.actions.artifact_names import artifact_names
from tamis.actions.proposals import (
    Proposal,
    ProposalColumns,
    many_cut,
    method_title,
    proposal_columns,
    proposal_table,
    proposals_for,
    say_kind,
)
from tamis.actions.read_rows import Scope
from tamis.actions.review_queue import ORDER_TITLES, ReviewQueue, open_queue
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

PROPOSALS, ORDER, KINDS = "proposals", "order", "kinds"
_ORDER_KEY, _KINDS_KEY, _PICKER = "review_order", "review_kinds", "review_proposals"


def proposals_in_view(artifacts: list[Artifact]) -> Artifact:
    """Those that the address names, else the newest."""
    by_id = {one.id: one for one in artifacts}
    asked = st.query_params.get(PROPOSALS, "")
    if asked and asked not in by_id:
        st.warning(
            f"There are no proposals {plain(asked)} in this dataset: here are the newest.",
            icon=":material/link_off:",
        )
    return by_id.get(asked, artifacts[0])


def queue_in_view(context: DatasetContext, proposals: Artifact) -> tuple[ReviewQueue, str]:
    """The queue that the address describes, and a name for everything that it depends on besides the decisions."""
    order, kinds = st.query_params.get(ORDER, ""), st.query_params.get(KINDS, "")
    scope = read_scope()
    revision = context.tags.revision if scope.conditions else 0
    key = f"{context.key}:{proposals.id}:{revision}:{scope.to_url()}:{order}:{kinds}"
    return _queue(key, order, kinds, _about=(context, proposals, scope)), key


def show_controls(context: DatasetContext, queue: ReviewQueue, artifacts: list[Artifact]) -> None:
    """What the queue is made of, folded into the line that says it."""
    names = artifact_names(context.workspace, context.dataset_id, "proposals")
    with st.expander(say_queue(queue), icon=":material/filter_list:", key="review_controls"):
        left, middle, right = st.columns([4, 3, 5], gap="small")
        by_id = {one.id: one for one in artifacts}
        st.session_state[_PICKER] = queue.proposals.id
        left.selectbox(
            "Proposals", list(by_id), format_func=lambda one: say_proposals(by_id[one], names[one]), key=_PICKER,
            on_change=_keep, args=(PROPOSALS, _PICKER),
        )  # fmt: skip
        st.session_state[_ORDER_KEY] = queue.order
        middle.selectbox(
            "Order", list(ORDER_TITLES), format_func=lambda name: ORDER_TITLES[name][0], key=_ORDER_KEY,
            on_change=_keep, args=(ORDER, _ORDER_KEY), help=ORDER_TITLES[queue.order][1],
        )  # fmt: skip
        counts = queue.kind_counts
        st.session_state[_KINDS_KEY] = list(queue.kinds)
        right.multiselect(
            "What is proposed", list(counts), format_func=lambda kind: f"{say_kind(kind)} · {counts.get(kind, 0):,}",
            key=_KINDS_KEY, on_change=_keep_kinds, placeholder="Whatever asks for a change",
        )  # fmt: skip
        show_scope_bar(context, queue.scope)


def say_queue(queue: ReviewQueue) -> str:
    """The queue in one line of markdown."""
    parts = [
        f"**{count_of(len(queue.rows), 'row')}**",
        plain(method_title(queue.proposals)),
        ORDER_TITLES[queue.order][0].lower(),
    ]
    if not queue.is_usual:
        parts.append(", ".join(say_kind(kind).lower() for kind in queue.kinds))
    if queue.scope.conditions:
        parts.append(count_of(len(queue.scope.conditions), "filter"))
    return " · ".join(parts)


def say_proposals(artifact: Artifact, name: str) -> str:
    """Its name, with ``9 candidates cut`` where that is many, and how many replies could not be read."""
    parts = [plain(name)]
    n_cut = many_cut(artifact)
    if n_cut:
        parts.append(f"{count_of(n_cut, 'candidate')} cut")
    n_unread = int(artifact.summary.get("n_unread_replies") or 0)
    if n_unread:
        parts.append(f"{n_unread:,} of the judge's replies unreadable")
    return " · ".join(parts)


def proposals_of(queue: ReviewQueue, rows: Int64s) -> list[Proposal]:
    """The proposals for rows of the queue, in their order."""
    table = _table(str(queue.proposals.path), _artifact=queue.proposals)
    return proposals_for(table, queue.columns, rows)


def proposal_of(queue: ReviewQueue, row: int) -> Proposal:
    """One proposal in full."""
    return proposals_of(queue, np.asarray([row]))[0]


def forget_place() -> None:
    """Leave the row: another queue starts at its own beginning; from a callback."""
    st.query_params.pop("row", None)


def _keep(parameter: str, key: str) -> None:
    st.query_params[parameter] = st.session_state[key]
    if parameter == PROPOSALS:
        st.query_params.pop(KINDS, None)
    forget_place()


def _keep_kinds() -> None:
    chosen = st.session_state[_KINDS_KEY]
    if chosen:
        st.query_params[KINDS] = ",".join(chosen)
    else:
        st.query_params.pop(KINDS, None)
    forget_place()


@st.cache_resource(max_entries=8, show_spinner=False)
def _columns(path: str, *, _artifact: Artifact) -> ProposalColumns:
    return proposal_columns(_artifact)


# Two at most: the candidates of a large dataset are a large table.
@st.cache_resource(max_entries=2, show_spinner=False)
def _table(path: str, *, _artifact: Artifact) -> pa.Table:
    return proposal_table(_artifact)


@st.cache_resource(max_entries=32, show_spinner=False)
def _queue(
    key: str, order: str, kinds: str, *, _about: tuple[DatasetContext, Artifact, Scope]
) -> ReviewQueue:
    context, proposals, scope = _about
    return open_queue(
        context, proposals, order=order, kinds=kinds.split(","), scope=scope,
        columns=_columns(str(proposals.path), _artifact=proposals),
    )  # fmt: skip
