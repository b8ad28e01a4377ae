"""Decisions from the command line: what stands, undo, decisions from and to a file, and a new version from them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tamis.cli.audit import account_option, action_option, limit_option, show_entries
from tamis.cli.command import DATASET, command, dataset_option, group, note, reviewer_option
from tamis.cli.row_choice import named_rows, row_options
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.store.review.types import DecisionEvent, Verdict

# Before the action or after it: the dataset is that of the session.
dataset_flag = click.option(
    "--dataset", "named", expose_value=False, callback=note, **DATASET | {"required": False}
)
name_option = click.option("--name", default="", help="Name of the new version.")
carry_option = click.option(
    "--carry-over",
    is_flag=True,
    help="Queue vectors, clusters, map and scores for the version as this dataset has them; unchanged rows are not computed again.",
)
with_option = click.option(
    "--with",
    "batches",
    multiple=True,
    metavar="BATCH",
    help="A batch whose accepted rows come in; may be repeated.",
)


@dataset_flag
@group(
    "tamis decisions --dataset my-data-1a2b3c",
    "tamis decisions import decided.jsonl --dataset my-data-1a2b3c --reviewer ann",
    alone="summary",
)
def decisions() -> None:
    """What is decided about a dataset; import, export, undo and apply decisions."""


@decisions.command("summary", examples=["tamis decisions summary --dataset my-data-1a2b3c"])
@dataset_flag
def summary(session: Session) -> None:
    """Count how many rows are decided how, and what waits for a person."""
    from tamis.actions.decisions import summarise_decisions

    decided = summarise_decisions(session.workspace, session.dataset())
    session.show(f"{decided.dataset_id}: {decided.n_decided:,} of {decided.n_rows:,} rows decided")
    session.show("\n".join(f"  {name:10} {count:>10,}" for name, count in decided.by_verdict.items()))
    for one in decided.conflicts:
        session.show(
            f"  conflict: row {one.example_id}, {one.reviewer} decided {one.verdict} (event {one.event_id}), in force is "
            f"{decided.in_force.get(one.example_id, 'no decision')}"
        )
    shown = ("event_id", "example_id", "reviewer", "verdict")
    session.result(
        {
            "dataset_id": decided.dataset_id,
            "n_rows": decided.n_rows,
            "n_decided": decided.n_decided,
            "by_verdict": decided.by_verdict,
            "by_reviewer": decided.by_reviewer,
            "conflicts": [{name: getattr(one, name) for name in shown} for one in decided.conflicts],
            "revision": decided.revision,
        }
    )


@decisions.command("list", examples=["tamis decisions list --dataset my-data-1a2b3c --reviewer ann"])
@dataset_flag
@click.option("--reviewer", default="", metavar="NAME", help="Only what this reviewer did.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
def history(session: Session, reviewer: str, limit: int) -> None:
    """List what was decided, the newest first."""
    from tamis.actions.decisions import list_decisions

    events = list_decisions(session.workspace, session.dataset(), reviewer=reviewer, limit=limit)
    for event in events:
        session.show(_line(event))
    session.result({"events": [asdict(event) for event in events]})


@decisions.command("log", examples=["tamis decisions log --dataset my-data-1a2b3c"])
@dataset_flag
@account_option
@action_option
@limit_option
def log(session: Session, account: str, action: str, limit: int) -> None:
    """List who did what with the dataset, from the audit log: decisions, runs, exports, deletions, logins."""
    show_entries(session, session.dataset(), account, action, limit)


@decisions.command("row", examples=["tamis decisions row 17 --dataset my-data-1a2b3c"])
@click.argument("row", type=int, help="Its number.")
@dataset_flag
def row_history(session: Session, row: int) -> None:
    """List what was decided about one row, the oldest first."""
    from tamis.actions.decisions import history_of_row

    changes = history_of_row(session.workspace, session.dataset(), row)
    for one in changes:
        session.show(
            f"{one.event_id:>7}  {one.created_at[:19]}  {one.reviewer}: {one.action}, {one.new_verdict or 'no decision'}"
        )
    if not changes:
        session.show(f"Row {row} is undecided: nobody decided anything about it.")
    session.result({"changes": [asdict(one) for one in changes]})


@decisions.command(
    "decide", examples=["tamis decisions decide drop --dataset my-data-1a2b3c --rows 5,17 --reviewer ann"]
)
@click.argument("verdict", type=click.Choice(("keep", "drop", "replace")), help="What to do with the rows.")
@dataset_flag
@row_options
@click.option("--response", help="With replace: the new response of the row.")
@click.option("--reason", default="", help="Kept in the history.")
@reviewer_option
def decide(
    session: Session, verdict: Verdict, response: str | None, reason: str, reviewer: str, **where: str
) -> None:
    """Keep or drop rows, or replace the response of one."""
    from tamis.actions.decisions import decide_rows

    dataset_id = session.dataset()
    event = decide_rows(
        session.workspace, dataset_id, named_rows(session, dataset_id, **where), verdict,
        response=response, reason=reason, reviewer=session.reviewer(reviewer),
    )  # fmt: skip
    _say_event(session, event, "")


@decisions.command(
    "undo", examples=["tamis decisions undo --dataset my-data-1a2b3c --event 17 --reviewer ann"]
)
@dataset_flag
@reviewer_option
@click.option("--event", default=0, metavar="NUMBER", help="Number of the decision, as in the list.")
def undo(session: Session, reviewer: str, event: int) -> None:
    """Undo your latest decision, or any by its number."""
    from tamis.actions.decisions import revert_decision, undo_decision

    run, name = (session.workspace, session.dataset()), session.reviewer(reviewer)
    made = revert_decision(*run, event, name) if event else undo_decision(*run, name)
    _say_event(session, made, f"{name} has nothing to undo in {run[1]}.")


@decisions.command("redo", examples=["tamis decisions redo --dataset my-data-1a2b3c --reviewer ann"])
@dataset_flag
@reviewer_option
def redo(session: Session, reviewer: str) -> None:
    """Redo what you undid last."""
    from tamis.actions.decisions import redo_decision

    dataset_id, name = session.dataset(), session.reviewer(reviewer)
    made = redo_decision(session.workspace, dataset_id, name)
    _say_event(session, made, f"{name} has nothing to redo in {dataset_id}.")


@decisions.command(
    "settle",
    examples=["tamis decisions settle --dataset my-data-1a2b3c --event 17 --keep mine --reviewer ann"],
)
@dataset_flag
@reviewer_option
@click.option("--event", type=int, required=True, metavar="NUMBER", help="Number of the stale decision.")
@click.option(
    "--keep", type=click.Choice(("mine", "theirs")), required=True, help="The stale one, or the one in force."
)
def settle(session: Session, reviewer: str, event: int, keep: str) -> None:
    """Settle a conflict."""
    from tamis.actions.decisions import settle_conflict

    dataset_id, name = session.dataset(), session.reviewer(reviewer)
    made = settle_conflict(session.workspace, dataset_id, event, name, keep_mine=keep == "mine")
    _say_event(session, made, "")


@decisions.command(
    "import", examples=["tamis decisions import decided.jsonl --dataset my-data-1a2b3c --reviewer ann"]
)
@click.argument(
    "file", type=click.Path(path_type=Path), help="JSON lines: example_id, verdict, response or messages."
)
@dataset_flag
@reviewer_option
def import_decided(session: Session, file: Path, reviewer: str) -> None:
    """Decide rows from a file."""
    from tamis.actions.decision_files import import_decisions

    event = import_decisions(session.workspace, session.dataset(), file, session.reviewer(reviewer))
    session.show(f"event {event.event_id}: {event.n_rows:,} rows decided, {event.n_conflicts:,} conflicts")
    session.result(asdict(event))


@decisions.command("export", examples=["tamis decisions export --dataset my-data-1a2b3c --out decided.jsonl"])
@dataset_flag
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
def export_decided(session: Session, out: Path) -> None:
    """Write the decisions in force as JSON lines."""
    from tamis.actions.decision_files import export_decisions

    n_decided = export_decisions(session.workspace, session.dataset(), out)
    session.show(f"{out}: {n_decided:,} decisions")
    session.result({"path": str(out), "n_decided": n_decided})


@decisions.command(
    "apply", examples=['tamis decisions apply --dataset my-data-1a2b3c --name "My data, reviewed"']
)
@dataset_flag
@name_option
@carry_option
@with_option
def apply_here(session: Session, name: str, carry_over: bool, batches: tuple[str, ...]) -> int:
    """Do the same as tamis apply."""
    return _make_version(session, session.dataset(), name, batches, onward=carry_over)


@decisions.command("rule", examples=["tamis decisions rule --dataset my-batch-1a2b3c --accept passed"])
@dataset_flag
@click.option(
    "--accept", type=click.Choice(("passed",)), required=True, help="Rows of a batch that passed all filters."
)
@reviewer_option
def rule(session: Session, accept: str, reviewer: str) -> None:
    """Accept all rows of a batch that passed its filters, as one decision that is undone as one."""
    from tamis.actions.augmenting import accept_passed

    event = accept_passed(session.workspace, session.dataset(), reviewer=session.reviewer(reviewer))
    _say_event(session, event, "")


@command(
    'tamis apply --dataset my-data-1a2b3c --name "My data, reviewed"',
    "tamis apply --dataset my-data-1a2b3c --carry-over",
    "tamis apply --dataset my-data-1a2b3c --with my-batch-1a2b3c",
)
@dataset_option
@name_option
@carry_option
@with_option
def apply(session: Session, dataset: str, name: str, carry_over: bool, batches: tuple[str, ...]) -> int:
    """Make a new version of a dataset with its decisions applied, and the accepted rows of batches behind."""
    return _make_version(session, session.dataset(dataset), name, batches, onward=carry_over)


def _make_version(
    session: Session, dataset_id: str, name: str, batches: tuple[str, ...], *, onward: bool
) -> int:
    from tamis.actions.decisions import summarise_decisions
    from tamis.actions.versions import carry_over, compare_versions, make_version

    submission = make_version(session.workspace, dataset_id, name, additions=batches)
    waiting = len(summarise_decisions(session.workspace, dataset_id).conflicts)
    if waiting:
        session.say(
            f"tamis: {waiting:,} decisions that contradict others wait to be settled and are left out. See: tamis "
            f"decisions --dataset {dataset_id}"
        )
    job = follow(session, submission)
    answer: dict[str, JSON] = {"dataset_id": job.dataset_id, "parent": dataset_id}
    if job.state == "succeeded":
        diff = compare_versions(session.workspace, dataset_id, job.dataset_id)
        n_dropped, n_added = diff.counts["dropped"], diff.counts["added"]
        n_changed = len(diff.rows) - n_dropped - n_added
        added = f", {n_added:,} added" if n_added else ""
        session.show(
            f"{job.dataset_id}: {diff.n_kept:,} rows as they were, {n_changed:,} changed, {n_dropped:,} dropped{added}"
        )
        if not diff.rows:
            session.say("tamis: these decisions change nothing, so the new version is like the old one.")
        answer |= {"decisions": job.options["decisions"], "n_conflicts": waiting}
        if onward:
            carried = carry_over(session.workspace, dataset_id, job.dataset_id)
            for one in carried:
                follow(session, one)
            answer["carried_over"] = [one.job.step for one in carried]
        answer |= {"n_dropped": n_dropped, "n_changed": n_changed, "n_kept": diff.n_kept, "n_added": n_added}
    return end(session, job, answer)


def _say_event(session: Session, event: DecisionEvent | None, nothing: str) -> None:
    if event is None:
        session.say(f"tamis: {nothing}")
        session.result({"event": None})
    else:
        session.show(_line(event))
        session.result({"event": asdict(event)})


def _line(event: DecisionEvent) -> str:
    about = f"row {event.example_id}" if event.example_id is not None else f"{event.n_rows:,} rows"
    about_it = event.rule or event.via or (f"event {event.target}" if event.target else "")
    state = "" if event.active else " (undone)"
    return f"{event.event_id:>7}  {event.created_at[:19]}  {event.reviewer}: {event.action} {about}, {about_it}{state}"
