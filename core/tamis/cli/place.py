"""Where ``tamis run`` runs a step: its flags, and the check before submitting."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict

from tamis.actions.forecast import (
    Check,
    Forecast,
    duration_text,
    forecast,
    submission_text,
)
from tamis.actions.submit import RunTarget
from tamis.cli.session import Session
from tamis.jobs.backends import (
    BACKENDS,
    Backends,
    backend_row,
)
from tamis.jobs.model import Resources
from tamis.registry import parse_options
from tamis.types import JSON

DONE, FAILED = 0, 1
_MARKS = {True: "ok", None: "?", False: "!!"}
_METAVARS = {"mem_gb": "X"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Backend, one flag for each resource, priority, and the check."""
    names = "; ".join(f"{name}: {row.summary}" for name, row in BACKENDS.items())
    parser.add_argument("--backend", default="local", metavar="B", help=f"where it runs ({names})")
    for name, field in Resources.model_fields.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, metavar=_METAVARS.get(name, "N"), help=field.description)
    parser.add_argument(
        "--priority", type=int, default=0, metavar="P", help="of the jobs that wait, the highest starts first"
    )
    parser.add_argument(
        "--preflight", action="store_true", help="only check what stands in the way, and submit nothing"
    )


def chosen(parsed: argparse.Namespace) -> RunTarget:
    """What the flags say; raises UnknownName for the backend and InvalidOptions for a resource out of range."""
    row = backend_row(parsed.backend)
    given = {name: getattr(parsed, name) for name in Resources.model_fields}
    asked = {name: value for name, value in given.items() if value is not None}
    return RunTarget(parsed.backend, parse_options(row.options, asked).model_dump(), parsed.priority)


def show_preflight(
    session: Session, dataset_id: str, step: str, values: Mapping[str, JSON], target: RunTarget
) -> int:
    """Every check with its next step; exit code 1 when something stands in the way."""
    backends = Backends(session.settings)
    found = forecast(session.workspace, dataset_id, step, values, target=target, backends=backends)
    text = submission_text(session.workspace, step, target, backends)
    for line in _lines(found):
        session.show(line)
    if not backend_row(target.backend).shares_machine:
        session.show(f"\n{text}")
    session.result(
        {
            "rows": found.rows,
            "tokens": found.tokens,
            "seconds_estimate": found.seconds,
            "disk_needed_gb": found.disk_gb,
            "memory_estimate_gb": found.memory_gb,
            "already_done": found.already_done,
            "checks": [asdict(check) for check in found.checks],
            "ok": found.ok,
            "submission": text,
        }
    )
    return DONE if found.ok else FAILED


def _lines(found: Forecast) -> list[str]:
    seconds, disk, memory = found.seconds, found.disk_gb, found.memory_gb
    said = [
        "rows unknown" if found.rows is None else f"{found.rows:,} rows",
        "time unknown" if seconds is None else f"about {duration_text(seconds)}",
        "disk unknown" if disk is None else f"{disk:.2f} GB of disk",
        "memory unknown" if memory is None else f"{memory:.2f} GB of memory",
    ]
    said += [f"{found.tokens:,} tokens"] if found.tokens is not None else []
    if found.already_done:
        said.append("made before: nothing is computed again")
    return [", ".join(said), *[_line(check) for check in found.checks]]


def _line(check: Check) -> str:
    following = f" {check.next_step}" if check.next_step else ""
    return f"{_MARKS[check.ok]:3} {check.name}: {check.message}{following}"
