"""Many rows decided at once: by a rule over a queue, as one event that is undone as one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from tamis.actions.decisions import DecisionSnapshot, own_messages
from tamis.actions.proposals import proposal_table, proposals_for, say_kind, score_title, score_word
from tamis.actions.review_queue import ReviewQueue
from tamis.actions.roles import needs
from tamis.compute.apply import with_response
from tamis.compute.clear.review_rule import LimitOffered, Measure, ReviewRule, limit_of, measured
from tamis.store.review.decisions import decide_many
from tamis.store.review.types import BulkChoice, DecisionEvent
from tamis.store.rows.scope import describe_scope
from tamis.store.workspace import Workspace
from tamis.types import Int64s

__all__ = [
    "LimitOffered", "Measure", "ReviewRule", "decide_by_rule", "describe_rule", "limit_offered", "measure_titles",
    "rows_of_rule",
]  # fmt: skip

VERDICT_TITLE = "Verdict confidence"
_NO_NAMES: Mapping[int, str] = MappingProxyType({})


def rows_of_rule(rule: ReviewRule, queue: ReviewQueue, decided: DecisionSnapshot) -> Int64s:
    """The rows that a rule is about, in the order of the queue."""
    return rule.matches(queue.columns, queue.rows, decided.open_rows(queue.rows))


@needs("curator")
def decide_by_rule(
    workspace: Workspace,
    dataset_id: str,
    rule: ReviewRule,
    queue: ReviewQueue,
    decided: DecisionSnapshot,
    *,
    reviewer: str,
    cluster_names: Mapping[int, str] = _NO_NAMES,
) -> DecisionEvent:
    """Decide every row that a rule is about, as one event.

    Rows that somebody decided after ``decided`` was read wait as conflicts. Raises InvalidOptions when the rule is about
    no row.
    """
    rows = rows_of_rule(rule, queue, decided)
    return decide_many(
        workspace.database,
        dataset_id,
        _choices(workspace, dataset_id, rule, queue, rows, decided),
        rule=describe_rule(rule, queue, cluster_names),
        proposals_id=queue.proposals.id,
        reviewer=reviewer,
    )


def describe_rule(rule: ReviewRule, queue: ReviewQueue, cluster_names: Mapping[int, str] = _NO_NAMES) -> str:
    """The rule in words, as the history keeps it."""
    text = f"{'approve' if rule.approves else 'reject'} all"
    if rule.kinds:
        text += " of " + ", ".join(say_kind(kind).lower() for kind in rule.kinds)
    if rule.measure != "none":
        is_verdict = rule.measure == "verdict_confidence"
        measure = VERDICT_TITLE.lower() if is_verdict else score_word(queue.proposals)
        text += f" with {measure} {'above' if rule.is_above else 'below'} {rule.limit:g}"
    if queue.scope.conditions:
        text += f" where {describe_scope(queue.scope, cluster_names)}"
    return text


def measure_titles(queue: ReviewQueue) -> dict[Measure, str]:
    """The numbers of a queue that a rule can set a limit on, with what they are called; ``none`` for no limit."""
    named: dict[Measure, str] = {
        "confidence": score_title(queue.proposals),
        "verdict_confidence": VERDICT_TITLE,
    }
    known = {name: title for name, title in named.items() if np.isfinite(measured(queue.columns, name)).any()}
    return {"none": "No limit", **known}


def limit_offered(queue: ReviewQueue, measure: Measure) -> LimitOffered:
    """Where a limit on a number of ``measure_titles`` starts; raises ValueError for one that no row has."""
    return limit_of(queue.columns, measure)


def _choices(
    workspace: Workspace,
    dataset_id: str,
    rule: ReviewRule,
    queue: ReviewQueue,
    rows: Int64s,
    decided: DecisionSnapshot,
) -> list[BulkChoice]:
    proposals = proposals_for(proposal_table(queue.proposals), queue.columns, rows)
    choices = []
    for one, own in zip(proposals, own_messages(workspace, dataset_id, rows), strict=True):
        verdict = rule.verdict(one.action)
        messages = list(with_response(own, one.candidate or "")) if verdict == "replace" else None
        choices.append(BulkChoice(one.example_id, verdict, messages, own, decided.seen_event(one.example_id)))
    return choices
