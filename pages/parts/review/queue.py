"""Which proposals wait in which order: chosen here, kept in the address, computed once and shared by all sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from pages.shared import queries
from pages.shared.address import read_scope
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.scope_bar import show_scope_bar
from pages.shared.wording import ago
from tamis.compute.clear.calibrate import sample_for_review
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.store import Artifact
from tamis.store.rows.row_sets import intersection
from tamis.store.rows.scope import Scope
from tamis.types import Float64s, Int64s

PROPOSALS, ORDER, KINDS = "proposals", "order", "kinds"
_ORDER_KEY, _KINDS_KEY, _PICKER = "review_order", "review_kinds", "review_proposals"
SAMPLE, SAMPLE_ROWS, SAMPLE_SEED = "sample", 200, 42
OUTCOMES = {
    "passed": "passed",
    "below_threshold": "below the threshold",
    "not_scored": "not scored",
    "corrected": "corrected",
    "identical": "identical answer",
    "tie": "tie",
    "order_disagreement": "verdict depends on the order",
    "unparseable": "verdict unreadable",
    "not_answered": "not answered",
    "no_candidate": "no candidate",
    "candidate_cut": "candidate cut",
    "random_control": "random control",
    "oracle_control": "oracle control",
}
MANY_CUT_FRACTION = 0.1  # of the candidates: the limit of tokens was too low for this run
ACTIONS = {"keep": "Keep", "drop": "Drop", "replace": "Replace"}
METHODS = {
    "filter": "Auto-Filter",
    "correct": "Auto-Correct",
    "random": "Random control",
    "oracle": "Oracle control",
}


@dataclass(frozen=True, slots=True)
class ProposalStats:
    """Proposals by columns, each shape (n,) and in ascending order of the row; confidences are NaN where there is none."""

    rows: Int64s
    kinds: NDArray[Any]  # action:outcome
    confidence: Float64s
    verdict_confidence: Float64s

    def place(self, row: int) -> int:
        """Where a row stands in the columns; -1 for none."""
        at = int(np.searchsorted(self.rows, row))
        return at if at < len(self.rows) and self.rows[at] == row else -1


@dataclass(frozen=True, slots=True)
class Queue:
    """The rows to review in order. ``key`` names everything that they depend on besides the decisions."""

    proposals: Artifact
    facts: ProposalStats
    order: str
    kinds: tuple[str, ...]
    scope: Scope
    rows: Int64s
    key: str


def find_proposals(context: DatasetContext) -> list[Artifact]:
    """Proposals of the dataset, newest first."""
    return list(context.workspace.artifacts.list(context.dataset_id, "proposals"))


def proposals_in_view(found: list[Artifact]) -> Artifact:
    """Those that the address names, else the newest."""
    by_id = {one.id: one for one in found}
    asked = st.query_params.get(PROPOSALS, "")
    if asked and asked not in by_id:
        st.warning(
            f"There are no proposals {plain(asked)} in this dataset: here are the newest.",
            icon=":material/link_off:",
        )
    return by_id.get(asked, found[0])


def open_queue(context: DatasetContext, proposals: Artifact) -> Queue:
    """The queue that the address describes."""
    facts = proposal_stats(proposals)
    order = st.query_params.get(ORDER, "")
    order = order if order in ORDERS else next(iter(ORDERS))
    kinds = _asked_kinds(facts, order)
    scope = read_scope()
    revision = context.tags.revision if scope.conditions else 0
    key = f"{context.key}:{proposals.id}:{revision}:{scope.to_url()}:{order}:{','.join(kinds)}"
    rows = _ordered(key, _context=context, _queue=(facts, order, kinds, scope))
    return Queue(proposals, facts, order, kinds, scope, rows, key)


def show_controls(context: DatasetContext, queue: Queue, found: list[Artifact]) -> None:
    """What the queue is made of, folded into the line that says it."""
    with st.expander(say_queue(queue), icon=":material/filter_list:", key="review_controls"):
        left, middle, right = st.columns([4, 3, 5], gap="small")
        by_id = {one.id: one for one in found}
        st.session_state[_PICKER] = queue.proposals.id
        left.selectbox(
            "Proposals", list(by_id), format_func=lambda one: say_proposals(by_id[one]), key=_PICKER,
            on_change=_keep, args=(PROPOSALS, _PICKER),
        )  # fmt: skip
        st.session_state[_ORDER_KEY] = queue.order
        middle.selectbox(
            "Order", list(ORDERS), format_func=lambda name: ORDERS[name].title, key=_ORDER_KEY,
            on_change=_keep, args=(ORDER, _ORDER_KEY), help=ORDERS[queue.order].summary,
        )  # fmt: skip
        counts = count_kinds(queue.facts)
        st.session_state[_KINDS_KEY] = list(queue.kinds)
        right.multiselect(
            "What is proposed", list(counts), format_func=lambda kind: f"{say_kind(kind)} · {counts.get(kind, 0):,}",
            key=_KINDS_KEY, on_change=_keep_kinds, placeholder="Whatever asks for a change",
        )  # fmt: skip
        show_scope_bar(context, queue.scope)


def say_queue(queue: Queue) -> str:
    """The queue in one line of markdown."""
    said = [
        f"**{count_of(len(queue.rows), 'row')}**",
        _method(queue.proposals),
        ORDERS[queue.order].title.lower(),
    ]
    usual = default_kinds(queue.facts, queue.order)
    if queue.kinds != usual:
        said.append(", ".join(say_kind(kind).lower() for kind in queue.kinds))
    if queue.scope.conditions:
        said.append(count_of(len(queue.scope.conditions), "filter"))
    return " · ".join(said)


def say_kind(kind: str) -> str:
    """``drop:below_threshold`` as ``Drop: below the threshold``."""
    action, _, outcome = kind.partition(":")
    return f"{ACTIONS.get(action, action)}: {OUTCOMES.get(outcome, outcome)}"


def say_proposals(artifact: Artifact) -> str:
    """``Auto-Correct · 12 drop, 30 replace · 5 min ago``, with ``9 candidates cut`` where that is many."""
    counts = [f"{int(artifact.summary.get(f'n_{action}', 0)):,} {action}" for action in ("drop", "replace")]
    counts = [text for text in counts if not text.startswith("0 ")] or ["nothing to change"]
    outcomes: dict[str, int] = artifact.summary.get("outcomes") or {}
    n_cut = int(outcomes.get("candidate_cut", 0))
    n_candidates = int(artifact.summary.get("n_rows", 0))
    n_candidates -= sum(int(outcomes.get(without, 0)) for without in ("no_candidate", "not_answered"))
    if n_cut > MANY_CUT_FRACTION * n_candidates:
        counts.append(f"{count_of(n_cut, 'candidate')} cut")
    return " · ".join([_method(artifact), ", ".join(counts), ago(artifact.manifest.created_at)])


def count_kinds(facts: ProposalStats) -> dict[str, int]:
    """How many rows there are of each kind, what changes something first."""
    kinds, counts = np.unique(facts.kinds, return_counts=True)
    found = {str(kind): int(n) for kind, n in zip(kinds, counts, strict=True)}
    first = sorted(found, key=lambda kind: (kind.startswith("keep"), kind))
    return {kind: found[kind] for kind in first}


def default_kinds(facts: ProposalStats, order: str) -> tuple[str, ...]:
    """Whatever asks for a change; every kind for a sample that is to say something about all rows."""
    counts = count_kinds(facts)
    changing = tuple(kind for kind in counts if not kind.startswith("keep"))
    return tuple(counts) if order == SAMPLE or not changing else changing


def proposal_stats(proposals: Artifact) -> ProposalStats:
    """The columns that a queue needs; not to be written to."""
    return _facts(str(proposals.path), _artifact=proposals)


def proposal_of(proposals: Artifact, row: int) -> dict[str, Any] | None:
    """One proposal in full; None for a row that was not considered."""
    at = proposal_stats(proposals).place(row)
    if at < 0:
        return None
    table = _table(str(proposals.path), _artifact=proposals)
    return dict(table.slice(at, 1).to_pylist()[0])


def candidates_of(proposals: Artifact, rows: Int64s) -> list[str | None]:
    """The candidates of these rows, in their order."""
    at = np.searchsorted(proposal_stats(proposals).rows, rows)
    table = _table(str(proposals.path), _artifact=proposals)
    texts: list[str | None] = table["candidate"].take(at).to_pylist()
    return texts


def forget_place() -> None:
    """Leave the row: another queue starts at its own beginning; from a callback."""
    st.query_params.pop("row", None)


def _asked_kinds(facts: ProposalStats, order: str) -> tuple[str, ...]:
    counts = count_kinds(facts)
    asked = [kind for kind in st.query_params.get(KINDS, "").split(",") if kind in counts]
    return tuple(kind for kind in counts if kind in asked) or default_kinds(facts, order)


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


def _method(artifact: Artifact) -> str:
    name = str(artifact.summary.get("method", "proposals"))
    return METHODS.get(name, plain(name))


@dataclass(frozen=True, slots=True)
class _Order:
    title: str
    summary: str
    rank: Callable[
        [ProposalStats, NDArray[Any]], tuple[NDArray[Any], ...]
    ]  # keys, the most important last, as lexsort has it


def _by_confidence(facts: ProposalStats, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (_missing_last(facts.confidence),)


def _by_disagreement(facts: ProposalStats, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    unsure = np.abs(facts.verdict_confidence - 0.5)
    torn = np.asarray([kind.endswith((":order_disagreement", ":tie")) for kind in facts.kinds.tolist()])
    return (-_doubt(facts), _missing_last(np.where(torn, -1.0, unsure)))


def _by_gain(facts: ProposalStats, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    # A change is worth as much as the row is probably bad, times how sure it is that the change is better.
    better = np.where(np.isnan(facts.verdict_confidence), 1.0, facts.verdict_confidence)
    return (-_doubt(facts) * better,)


def _by_cluster(facts: ProposalStats, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (_missing_last(facts.confidence), clusters[facts.rows])


def _by_chance(facts: ProposalStats, clusters: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return (np.random.default_rng(SAMPLE_SEED).random(len(facts.rows)),)


def drawn_sample(facts: ProposalStats) -> tuple[Int64s, Float64s]:
    """Places in the columns of the rows drawn for an unbiased estimate, ascending, and with which probability each was."""
    return sample_for_review(facts.confidence, SAMPLE_ROWS, np.random.default_rng(SAMPLE_SEED))


def _doubt(facts: ProposalStats) -> Float64s:
    """Share of the rows that are at least as trustworthy, in (0, 1]; half where nothing is known."""
    known = np.sort(facts.confidence[~np.isnan(facts.confidence)])
    if not len(known):
        return np.full(len(facts.rows), 0.5)
    share = 1.0 - np.searchsorted(known, facts.confidence) / len(known)
    return np.where(np.isnan(facts.confidence), 0.5, share)


def _missing_last(values: Float64s) -> Float64s:
    return np.where(np.isnan(values), np.inf, values)


ORDERS: Mapping[str, _Order] = {
    "confidence": _Order("Least confident first", "The rows that can be trusted least come first.", _by_confidence),
    "disagreement": _Order(
        "Disagreement first", "First where the judge contradicts itself or is torn, then by confidence.", _by_disagreement
    ),
    "gain": _Order(
        "Expected gain", "First the changes that most probably turn a bad row into a better one.", _by_gain
    ),
    "cluster": _Order("Cluster by cluster", "Rows on one subject together, the least confident first.", _by_cluster),
    SAMPLE: _Order(
        "Unbiased sample",
        f"{SAMPLE_ROWS} rows drawn by chance from all, also those to keep: what you decide here says something about all.",
        _by_chance,
    ),
}  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner=False)
def _facts(path: str, *, _artifact: Artifact) -> ProposalStats:
    table = read_proposals(_artifact, ["example_id", "action", "outcome", "confidence", "verdict_confidence"])
    actions, outcomes = table["action"].to_pylist(), table["outcome"].to_pylist()
    return ProposalStats(
        table["example_id"].to_numpy(),
        np.asarray([f"{action}:{outcome}" for action, outcome in zip(actions, outcomes, strict=True)], dtype=object),
        table["confidence"].to_numpy().astype(np.float64),
        table["verdict_confidence"].to_numpy().astype(np.float64),
    )  # fmt: skip


# Two at most: the candidates of a large dataset are a large table.
@st.cache_resource(max_entries=2, show_spinner=False)
def _table(path: str, *, _artifact: Artifact) -> pa.Table:
    return read_proposals(_artifact).combine_chunks()


@st.cache_resource(max_entries=32, show_spinner=False)
def _ordered(
    key: str, *, _context: DatasetContext, _queue: tuple[ProposalStats, str, tuple[str, ...], Scope]
) -> Int64s:
    facts, order, kinds, scope = _queue
    ranked = facts.rows[np.lexsort(ORDERS[order].rank(facts, queries.cluster_of(_context)))]
    wanted = facts.rows[np.isin(facts.kinds.astype(str), kinds)]
    if order == SAMPLE and len(facts.rows):
        wanted = intersection(wanted, facts.rows[drawn_sample(facts)[0]])
    if scope.conditions:
        wanted = intersection(wanted, queries.matches(_context, scope))
    rows: Int64s = ranked[np.isin(ranked, wanted)]
    rows.flags.writeable = False
    return rows
