"""Decisions from the command line: what stands, undo, decisions from and to a file, and a new version from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from tamis.actions.submit import submit
from tamis.cli.jobs_view import progress_line
from tamis.cli.session import Session
from tamis.compute.apply import with_response
from tamis.errors import InvalidOptions
from tamis.formats.check import check_messages
from tamis.jobs.scheduler.wait import wait
from tamis.steps.curate.step import plan_curate
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.store import write_atomically
from tamis.store.database.names import find_dataset
from tamis.store.review import decisions
from tamis.store.review.decisions import BulkChoice, DecisionEvent
from tamis.store.rows.version_diff import diff_versions
from tamis.types import JSON, Message

DONE, FAILED = 0, 1
MAX_SHOWN = 5

Command = Callable[[Session, argparse.Namespace], int]
Verb = Callable[[str, Command, str], argparse.ArgumentParser]


def add_verbs(verb: Verb, shared: argparse.ArgumentParser) -> None:
    """``tamis decisions`` with its actions, and ``tamis apply``."""
    apply = verb("apply", apply_decisions, "make a new version of a dataset with its decisions applied")
    _add_apply_flags(apply)
    top = verb(
        "decisions", summary, "what is decided about a dataset; import, export, undo and apply decisions"
    )
    # SUPPRESS, or the default of an action would overwrite what was given before it.
    top.add_argument("--dataset", default=argparse.SUPPRESS, help="id or name")
    actions = top.add_subparsers(metavar="ACTION")

    def action(name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name, parents=[shared], help=help_text, description=help_text, allow_abbrev=False
        )
        added.add_argument("--dataset", default=argparse.SUPPRESS, help="id or name")
        added.set_defaults(command=command)
        return added

    listing = action("list", history, "what was decided, newest first")
    listing.add_argument("--reviewer", default="", help="only what this reviewer did")
    listing.add_argument("--limit", type=int, default=50)
    for name, command, help_text in (
        ("undo", undo, "undo your latest decision, or any by its number"),
        ("redo", redo, "redo what you undid last"),
    ):
        turn = action(name, command, help_text)
        turn.add_argument("--reviewer", default="", help="your name; TAMIS_REVIEWER when left out")
        if name == "undo":
            turn.add_argument("--event", type=int, default=0, help="number of the decision, as in the list")
    settle_flags = action("settle", settle, "settle a conflict")
    settle_flags.add_argument("--event", type=int, required=True, help="number of the stale decision")
    settle_flags.add_argument("--keep", choices=("mine", "theirs"), required=True)
    settle_flags.add_argument("--reviewer", default="", help="your name; TAMIS_REVIEWER when left out")
    bring = action(
        "import", import_decisions, "decide rows from JSON lines: example_id, verdict, response or messages"
    )
    bring.add_argument("file")
    bring.add_argument("--reviewer", default="", help="your name; TAMIS_REVIEWER when left out")
    action("export", export_decisions, "write the decisions in force as JSON lines").add_argument(
        "--out", required=True, help="file to write"
    )
    _add_apply_flags(action("apply", apply_decisions, "same as tamis apply"), dataset=False)


def summary(session: Session, parsed: argparse.Namespace) -> int:
    """How many rows are decided how, and what waits for a person."""
    dataset_id = _dataset(session, parsed)
    state = decisions.decision_state(session.workspace.database, dataset_id)
    n_rows = int(session.workspace.artifacts.examples(dataset_id).summary["n_examples"])
    decided = list(state.decided.values())
    by_verdict = {name: sum(d.verdict == name for d in decided) for name in decisions.VERDICTS}
    by_reviewer: dict[str, int] = {}
    for decision in decided:
        by_reviewer[decision.reviewer] = by_reviewer.get(decision.reviewer, 0) + 1
    session.show(f"{dataset_id}: {len(decided):,} of {n_rows:,} rows decided")
    session.show("\n".join(f"  {name:10} {count:>10,}" for name, count in by_verdict.items()))
    for conflict in state.conflicts:
        other = state.decided.get(conflict.example_id)
        session.show(
            f"  conflict: row {conflict.example_id}, {conflict.reviewer} decided {conflict.verdict} (event "
            f"{conflict.event_id}), in force is {other.verdict if other else 'no decision'}"
        )
    session.result(
        {
            "dataset_id": dataset_id,
            "n_rows": n_rows,
            "n_decided": len(decided),
            "by_verdict": by_verdict,
            "by_reviewer": dict(sorted(by_reviewer.items())),
            "conflicts": [
                {
                    "event_id": c.event_id,
                    "example_id": c.example_id,
                    "reviewer": c.reviewer,
                    "verdict": c.verdict,
                }
                for c in state.conflicts
            ],
            "revision": state.revision,
        }
    )
    return DONE


def history(session: Session, parsed: argparse.Namespace) -> int:
    """The log, newest first."""
    dataset_id = _dataset(session, parsed)
    events = decisions.decision_history(
        session.workspace.database, dataset_id, reviewer=parsed.reviewer or None, limit=parsed.limit
    )
    for event in events:
        session.show(_line(event))
    session.result({"events": [_event(event) for event in events]})
    return DONE


def undo(session: Session, parsed: argparse.Namespace) -> int:
    """Undo the reviewer's latest change, or revert the one named."""
    dataset_id, reviewer = _dataset(session, parsed), _reviewer(session, parsed)
    if parsed.event:
        event: DecisionEvent | None = decisions.undo_event(
            session.workspace.database, dataset_id, parsed.event, reviewer
        )
    else:
        event = decisions.undo_decision(session.workspace.database, dataset_id, reviewer)
    return _turned(session, event, f"{reviewer} has nothing to undo in {dataset_id}.")


def redo(session: Session, parsed: argparse.Namespace) -> int:
    """Redo what the reviewer undid last."""
    dataset_id, reviewer = _dataset(session, parsed), _reviewer(session, parsed)
    event = decisions.redo_decision(session.workspace.database, dataset_id, reviewer)
    return _turned(session, event, f"{reviewer} has nothing to redo in {dataset_id}.")


def settle(session: Session, parsed: argparse.Namespace) -> int:
    """Put a stale decision in force, or leave what is in force."""
    dataset_id, reviewer = _dataset(session, parsed), _reviewer(session, parsed)
    event = decisions.settle_decision(
        session.workspace.database, dataset_id, parsed.event, reviewer, parsed.keep == "mine"
    )
    return _turned(session, event, "")


def import_decisions(session: Session, parsed: argparse.Namespace) -> int:
    """Decide rows from a file as one event; a single bad line and nothing is decided."""
    dataset_id, reviewer = _dataset(session, parsed), _reviewer(session, parsed)
    path = Path(parsed.file)
    if not path.is_file():
        raise InvalidOptions(f"There is no file {parsed.file}.")
    texts = read_examples(session.workspace.artifacts.examples(dataset_id), ["messages"])["messages"]
    choices: list[BulkChoice] = []
    problems: list[str] = []
    for number, line in _lines(path):
        try:
            choices.append(_choice(line, lambda row: orjson.loads(texts[row].as_py()), len(texts)))
        except InvalidOptions as error:
            problems.append(f"line {number}: {error}")
    if problems:
        more = f" and {len(problems) - MAX_SHOWN} more lines" if len(problems) > MAX_SHOWN else ""
        raise InvalidOptions(f"Nothing was decided. {parsed.file}, {'; '.join(problems[:MAX_SHOWN])}{more}")
    event = decisions.decide_many(
        session.workspace.database, dataset_id, choices, rule=f"file {path.name}", reviewer=reviewer
    )
    session.show(f"event {event.event_id}: {event.n_rows:,} rows decided, {event.n_conflicts:,} conflicts")
    session.result(_event(event))
    return DONE


def export_decisions(session: Session, parsed: argparse.Namespace) -> int:
    """Write the decisions in force, one per line, as ``import`` reads them."""
    dataset_id = _dataset(session, parsed)
    decided = decisions.decision_state(session.workspace.database, dataset_id).decided.values()
    lines = [
        orjson.dumps(
            {"example_id": d.example_id, "verdict": d.verdict}
            | ({"messages": d.messages} if d.messages is not None else {})
            | {"via": d.via, "reviewer": d.reviewer, "created_at": d.created_at}
        )
        for d in decided
    ]
    path = Path(parsed.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, b"".join(line + b"\n" for line in lines))
    session.show(f"{path}: {len(lines):,} decisions")
    session.result({"path": str(path), "n_decided": len(lines)})
    return DONE


def apply_decisions(session: Session, parsed: argparse.Namespace) -> int:
    """Make the new version and wait for it."""
    dataset_id = _dataset(session, parsed)
    new_id, options = plan_curate(session.workspace, dataset_id, parsed.name)
    waiting = len(decisions.decision_state(session.workspace.database, dataset_id).conflicts)
    if waiting:
        session.say(
            f"tamis: {waiting:,} decisions that contradict others wait to be settled and are left out. See: tamis "
            f"decisions list --dataset {dataset_id}"
        )
    submission = submit(session.workspace, new_id, "curate", options)
    job = wait(
        session.workspace,
        submission.job.job_id,
        on_progress=lambda now: session.say(progress_line(now)),
    )
    values: dict[str, JSON] = {
        "job_id": job.job_id,
        "state": job.state,
        "dataset_id": new_id,
        "parent": dataset_id,
    }
    if job.state != "succeeded":
        session.say(f"tamis: apply {job.state}: {job.reason}\n  log: tamis jobs logs {job.job_id}")
        session.result(values | {"reason": job.reason})
        return FAILED
    found = diff_versions(session.workspace.artifacts, dataset_id, new_id)
    n_dropped = found.counts["dropped"]
    n_changed = len(found.rows) - n_dropped
    counts = {"n_dropped": n_dropped, "n_changed": n_changed, "n_kept": found.n_kept}
    session.show(
        f"{new_id}: {found.n_kept:,} rows as they were, {n_changed:,} changed, {n_dropped:,} dropped"
    )
    if not found.rows:
        session.say("tamis: these decisions change nothing, so the new version is like the old one.")
    session.result(values | {"decisions": options["decisions"], "n_conflicts": waiting} | counts)
    return DONE


def _add_apply_flags(parser: argparse.ArgumentParser, *, dataset: bool = True) -> None:
    if dataset:
        parser.add_argument("--dataset", required=True, help="id or name")
    parser.add_argument("--name", default="", help="name of the new version")


def _dataset(session: Session, parsed: argparse.Namespace) -> str:
    named = getattr(parsed, "dataset", "")
    if not named:
        raise InvalidOptions("Name the dataset: --dataset ID. See: tamis datasets")
    return find_dataset(session.workspace, named)


def _reviewer(session: Session, parsed: argparse.Namespace) -> str:
    name = str(parsed.reviewer or session.settings.reviewer).strip()
    if not name:
        raise InvalidOptions("Say who decides: --reviewer NAME, or set TAMIS_REVIEWER.")
    return name


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, line


def _choice(line: bytes, own: Callable[[int], list[Message]], n_rows: int) -> BulkChoice:
    """One line as a choice; raises InvalidOptions with what is wrong with it."""
    try:
        given: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidOptions(f"is not JSON ({error})") from error
    if not isinstance(given, dict):
        raise InvalidOptions("is not an object with example_id and verdict")
    example_id, verdict = given.get("example_id"), given.get("verdict")
    if type(example_id) is not int or not 0 <= example_id < n_rows:
        raise InvalidOptions(f"example_id {example_id!r} is no row of the dataset (0 to {n_rows - 1})")
    if verdict not in decisions.VERDICTS:
        raise InvalidOptions(f"verdict {verdict!r} is none of {', '.join(decisions.VERDICTS)}")
    original = own(example_id)
    messages = _given_messages(given, original) if verdict == "replace" else None
    seen = given.get("seen_event")
    return BulkChoice(example_id, verdict, messages, original, seen if type(seen) is int else None)


def _given_messages(given: Mapping[str, Any], original: list[Message]) -> list[Message]:
    messages, response = given.get("messages"), given.get("response")
    if isinstance(messages, list):
        decided = messages
    elif isinstance(response, str):
        decided = list(with_response(original, response))
    else:
        raise InvalidOptions("replace needs a response (text) or messages (a list of turns)")
    problems = check_messages(decided)
    if problems:
        raise InvalidOptions(problems[0])
    return decided


def _turned(session: Session, event: DecisionEvent | None, nothing: str) -> int:
    if event is None:
        session.say(f"tamis: {nothing}")
        session.result({"event": None})
        return DONE
    session.show(_line(event))
    session.result({"event": _event(event)})
    return DONE


def _event(event: DecisionEvent) -> dict[str, JSON]:
    return {name: getattr(event, name) for name in DecisionEvent.__dataclass_fields__}


def _line(event: DecisionEvent) -> str:
    about = f"row {event.example_id}" if event.example_id is not None else f"{event.n_rows:,} rows"
    what = event.rule or event.via or (f"event {event.target}" if event.target else "")
    state = "" if event.active else " (undone)"
    return f"{event.event_id:>7}  {event.created_at[:19]}  {event.reviewer}: {event.action} {about}, {what}{state}"
