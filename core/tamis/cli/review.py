"""``tamis review …``: proposals one by one or by rule, decided without a browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.command import dataset_option, group, reviewer_option
from tamis.cli.row_choice import named_rows, row_options
from tamis.cli.session import Session, as_percent
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.decisions import DecisionSnapshot
    from tamis.actions.proposals import Proposal
    from tamis.actions.review_calibration import ProbabilityEstimate
    from tamis.actions.review_queue import ReviewQueue
    from tamis.store.review.types import RecordedDecision
    from tamis.types import Int64s

EXAMPLE = "--dataset my-data-1a2b3c"
proposals_option = click.option(
    "--proposals", default="", metavar="ID", help="Which; the newest when left out."
)
kind_option = click.option(
    "--kind", "kinds", multiple=True, metavar="ACTION:OUTCOME",
    help="Only proposals of this kind, as in the queue; repeat it. All that change something when left out.",
)  # fmt: skip


@group(
    f"tamis review queue {EXAMPLE}",
    f"tamis review rule approve {EXAMPLE} --measure verdict_confidence --above 0.95",
)
def review() -> None:
    """Look at proposals, approve or reject them one by one or by rule."""


@review.command("queue", examples=[f"tamis review queue {EXAMPLE} --order gain --limit 5"])
@dataset_option
@proposals_option
@kind_option
@click.option(
    "--order",
    default="confidence",
    show_default=True,
    metavar="NAME",
    help="confidence, disagreement, gain, cluster or sample.",
)
@click.option("--limit", default=20, show_default=True, help="The first so many (0: all).")
def queue(
    session: Session, dataset: str, proposals: str, kinds: tuple[str, ...], order: str, limit: int
) -> None:
    """List the proposals that wait for a decision, in the order of the review page."""
    from tamis.actions.proposals import score_word
    from tamis.actions.review_queue import next_rows

    opened, decided = open_review(session, dataset, proposals, kinds, order)
    waiting, measure = next_rows(opened, decided), score_word(opened.proposals)
    listed = [asdict(one) for one in _proposed(opened, waiting[:limit] if limit else waiting)]
    for kind, number in opened.kind_counts.items():
        session.show(f"{number:>10,}  {kind}")
    for one in listed:
        session.show(
            f"  row {one['example_id']}: {one['action']}, {one['outcome']}, {measure} {one['confidence']:.3f}"
        )
    session.result(
        {
            "proposals": opened.proposals.id,
            "n_waiting": len(waiting),
            "kinds": opened.kind_counts,
            "rows": listed,
        }
    )


@review.command("approve", examples=[f"tamis review approve {EXAMPLE} --rows 5,17 --reviewer ann"])
@dataset_option
@row_options
@proposals_option
@reviewer_option
def approve(session: Session, dataset: str, proposals: str, reviewer: str, **where: str) -> None:
    """Do what is proposed for rows."""
    from tamis.actions.decisions import approve_proposal

    _judge(session, approve_proposal, dataset, proposals, reviewer, where)


@review.command("reject", examples=[f"tamis review reject {EXAMPLE} --rows 5,17 --reviewer ann"])
@dataset_option
@row_options
@proposals_option
@reviewer_option
def reject(session: Session, dataset: str, proposals: str, reviewer: str, **where: str) -> None:
    """Do the opposite of what is proposed: keep what was to change, drop what was to be kept."""
    from tamis.actions.decisions import reject_proposal

    _judge(session, reject_proposal, dataset, proposals, reviewer, where)


@review.command(
    "rule",
    examples=[
        f"tamis review rule approve {EXAMPLE} --kind replace:corrected --measure verdict_confidence --above 0.95 --reviewer ann"
    ],
)
@click.argument(
    "verdict",
    type=click.Choice(("approve", "reject")),
    help="What to do with every proposal that it is about.",
)
@dataset_option
@proposals_option
@kind_option
@click.option(
    "--measure",
    type=click.Choice(("none", "confidence", "verdict_confidence")),
    default="none",
    show_default=True,
    help="What the limit is on.",
)
@click.option("--above", type=float, help="Only rows above this limit.")
@click.option("--below", type=float, help="Only rows below this limit.")
@click.option("--dry-run", is_flag=True, help="Only say how many rows it is about.")
@reviewer_option
def rule(
    session: Session,
    verdict: str,
    dataset: str,
    proposals: str,
    kinds: tuple[str, ...],
    reviewer: str,
    dry_run: bool,
    **limits: JSON,
) -> None:
    """Decide every waiting proposal that a rule is about, as one decision."""
    from tamis.actions.bulk_decisions import decide_by_rule, describe_rule, rows_of_rule
    from tamis.compute.clear.review_rule import ReviewRule

    opened, decided = open_review(session, dataset, proposals, kinds, "")
    asked = ReviewRule(
        approves=verdict == "approve", kinds=kinds, measure=limits["measure"], **_limit(**limits)
    )
    words, n_rows = describe_rule(asked, opened), len(rows_of_rule(asked, opened, decided))
    answer: dict[str, JSON] = {"rule": words, "n_rows": n_rows}
    if not dry_run:
        name = session.reviewer(reviewer)
        event = decide_by_rule(
            session.workspace, session.dataset(dataset), asked, opened, decided, reviewer=name
        )
        answer["event"] = asdict(event)
    session.show(
        f"{words}: {n_rows:,} rows" + ("" if dry_run else f", decision {answer['event']['event_id']}")
    )
    session.result(answer)


@review.command("progress", examples=[f"tamis review progress {EXAMPLE}"])
@dataset_option
@proposals_option
def progress(session: Session, dataset: str, proposals: str) -> None:
    """Say how far the review of some proposals is, and how often people agreed with them."""
    from tamis.actions.decisions import review_progress

    opened, _ = open_review(session, dataset, proposals, (), "")
    done = review_progress(session.workspace, session.dataset(dataset), opened.columns.rows)
    session.show("\n".join(f"{name:20} {value}" for name, value in asdict(done).items()))
    session.result(asdict(done))


@review.command("calibrate", examples=[f"tamis review calibrate {EXAMPLE} --threshold 0.3"])
@dataset_option
@proposals_option
@click.option("--threshold", type=float, help="Also say what dropping the rows at or below it would do.")
def calibrate(session: Session, dataset: str, proposals: str, threshold: float | None) -> None:
    """Say what your decisions about the unbiased sample tell of all rows: the share of bad ones by score."""
    from tamis.actions.review_calibration import calibrate_review

    opened, decided = open_review(session, dataset, proposals, (), "")
    made = calibrate_review(opened.columns, decided)
    session.show(
        f"{made.n_decisions:,} rows decided one by one, {made.n_by_rule:,} by rule; of the unbiased sample "
        f"{made.sample.n_counted:,} of {made.sample.n_rows:,} are counted, {made.n_bad:,} of them bad"
    )
    answer: dict[str, JSON] = {
        name: getattr(made, name) for name in ("n_decisions", "n_by_rule", "n_bad", "problem")
    }
    answer["n_counted"] = made.sample.n_counted
    if made.bands is None:
        session.show(f"{made.problem} See what it asks: tamis review queue --order sample")
    else:
        bands = {name: column.tolist() for name, column in asdict(made.bands).items()}
        for start, end, value, low, high, n_rows, n_counted in zip(*bands.values(), strict=True):
            session.show(
                f"  score {start:.3f} to {end:.3f}: {as_percent(value)} bad ({as_percent(low)} to {as_percent(high)}) of {n_rows:,} rows, from {n_counted}"
            )
        session.show("In brackets: 95 % intervals (Clopper-Pearson with the effective number of rows)")
        answer["bands"] = bands
        if threshold is not None:
            report = made.at(threshold).estimate
            session.show(
                f"At or below {threshold:g} are {report.n_below:,} of {report.n_scored:,} rows: {_share(report.precision)} of "
                f"them bad, and {_share(report.recall)} of all bad rows"
            )
            answer["threshold"] = asdict(report)
    session.result(answer)


def _share(estimate: ProbabilityEstimate) -> str:
    """A share with its interval."""
    if math.isnan(estimate.value):
        return "an unknown share"
    return f"{as_percent(estimate.value)} ({as_percent(estimate.low)} to {as_percent(estimate.high)})"


def open_review(
    session: Session, dataset: str, proposals: str, kinds: tuple[str, ...], order: str
) -> tuple[ReviewQueue, DecisionSnapshot]:
    """The queue of some proposals in an order, and what is decided now; raises UnknownName."""
    from tamis.actions.dataset_context import open_context
    from tamis.actions.decisions import decision_snapshot
    from tamis.actions.proposals import find_proposals
    from tamis.actions.review_queue import ORDER_TITLES, open_queue
    from tamis.errors import UnknownName

    if order and order not in ORDER_TITLES:
        raise UnknownName("order", order, ORDER_TITLES)
    context = open_context(session.workspace, session.dataset(dataset))
    made = find_proposals(session.workspace, context.dataset_id, proposals)
    decided = decision_snapshot(session.workspace, context.dataset_id)
    return open_queue(context, made, order=order, kinds=kinds), decided


def _proposed(queue: ReviewQueue, rows: Int64s) -> list[Proposal]:
    from tamis.actions.proposals import proposal_table, proposals_for

    return proposals_for(proposal_table(queue.proposals), queue.columns, rows)


def _judge(
    session: Session,
    judge: Callable[..., RecordedDecision],
    dataset: str,
    proposals: str,
    reviewer: str,
    where: dict[str, str],
) -> None:
    from tamis.actions.decisions import DecidedBy

    dataset_id = session.dataset(dataset)
    opened, decided = open_review(session, dataset_id, proposals, (), "")
    rows = named_rows(session, dataset_id, **where)
    name, made = session.reviewer(reviewer), []
    for one in _proposed(opened, rows):
        by = DecidedBy(
            reviewer=name, proposals_id=opened.proposals.id, seen_event=decided.seen_event(one.example_id)
        )
        made.append(judge(session.workspace, dataset_id, one, by))
    for record in made:
        text = "waits: somebody decided it meanwhile" if record.conflict else record.decision.verdict
        session.show(f"row {record.decision.example_id}: {text}")
    session.result(
        {
            "decided": [
                {
                    "example_id": one.decision.example_id,
                    "verdict": one.decision.verdict,
                    "conflict": one.conflict,
                }
                for one in made
            ]
        }
    )


def _limit(*, measure: str, above: float | None, below: float | None) -> dict[str, Any]:
    from tamis.errors import InvalidOptions

    if (measure == "none") != (above is None and below is None) or (above is not None and below is not None):
        raise InvalidOptions("A --measure needs one limit: --above NUMBER or --below NUMBER.")
    return {"is_above": below is None, "limit": (above if below is None else below) or 0.0}
