"""Decisions from and to JSON lines: reviewed elsewhere, or by a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from tamis.actions.roles import needs
from tamis.compute.apply import with_response
from tamis.errors import InvalidOptions, no_such_row
from tamis.formats.check import check_messages
from tamis.formats.targets import check_place
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.steps.reach import allowed_data
from tamis.store.artifacts.readers import read_examples
from tamis.store.durable import write_atomically
from tamis.store.review import decisions
from tamis.store.review.decisions import BulkChoice, DecisionEvent
from tamis.store.workspace import Workspace
from tamis.types import Message

MAX_SHOWN = 5


@needs("curator")
def import_decisions(workspace: Workspace, dataset_id: str, path: Path, reviewer: str) -> DecisionEvent:
    """Decide rows from a file as one event: ``example_id`` and ``verdict`` a line, with ``response`` or ``messages``.

    ``seen_event`` is the decision that was in force when the row was looked at. Raises InvalidOptions naming the first
    bad lines; a single one and nothing is decided.
    """
    path = Path(allowed_data(workspace, str(path)))
    if not path.is_file():
        raise InvalidOptions(f"There is no file {path}.")
    texts = read_examples(workspace.artifacts.examples(dataset_id), ["messages"])["messages"]
    choices: list[BulkChoice] = []
    problems: list[str] = []
    with limited_for_now(ReadLimits.of_look(workspace.settings)):
        for number, line in _lines(path):
            try:
                choices.append(_choice(line, lambda row: orjson.loads(texts[row].as_py()), len(texts)))
            except InvalidOptions as error:
                problems.append(f"line {number}: {error}")
    if problems:
        more = f" and {len(problems) - MAX_SHOWN} more lines" if len(problems) > MAX_SHOWN else ""
        raise InvalidOptions(f"Nothing was decided. {path}, {'; '.join(problems[:MAX_SHOWN])}{more}")
    rule = f"file {path.name}"
    return decisions.decide_many(workspace.database, dataset_id, choices, rule=rule, reviewer=reviewer)


@needs("curator", noted="export", writes=False)
def export_decisions(workspace: Workspace, dataset_id: str, path: Path) -> int:
    """Write the decisions in force, one a line, as ``import_decisions`` reads them; returns how many."""
    decided = decisions.decision_state(workspace.database, dataset_id).decided.values()
    lines = [
        orjson.dumps(
            {"example_id": d.example_id, "verdict": d.verdict}
            | ({"messages": d.messages} if d.messages is not None else {})
            | {"via": d.via, "reviewer": d.reviewer, "created_at": d.created_at}
        )
        for d in decided
    ]
    check_place(path)
    write_atomically(path, b"".join(line + b"\n" for line in lines))
    return len(lines)


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
        raise no_such_row(repr(example_id), n_rows)
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
