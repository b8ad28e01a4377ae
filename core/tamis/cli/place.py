"""Where ``tamis run`` runs a step: its flags, and the check before submitting."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tamis.cli.session import Session
from tamis.jobs.backends import (
    BACKENDS,
    Backends,
    backend_row,
)
from tamis.jobs.forecast.preflight import (
    Check,
    Preflight,
    duration_text,
    preflight,
    submission_preview,
)
from tamis.jobs.model import Resources
from tamis.registry import parse_options
from tamis.types import JSON

DONE, FAILED = 0, 1
_MARKS = {True: "ok", None: "?", False: "!!"}
_METAVARS = {"mem_gb": "X"}


@dataclass(frozen=True, slots=True)
class Place:
    """Backend, resources and priority of a job."""

    backend: str = "local"
    resources: Resources = Resources()
    priority: int = 0


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


def chosen(parsed: argparse.Namespace) -> Place:
    """What the flags say; raises UnknownName for the backend and InvalidOptions for a resource out of range."""
    row = backend_row(parsed.backend)
    given = {name: getattr(parsed, name) for name in Resources.model_fields}
    resources = parse_options(
        row.options, {name: value for name, value in given.items() if value is not None}
    )
    assert isinstance(resources, Resources)
    return Place(parsed.backend, resources, parsed.priority)


def show_preflight(
    session: Session, dataset_id: str, step: str, values: Mapping[str, JSON], place: Place
) -> int:
    """Every check with its next step; exit code 1 when something stands in the way."""
    backends = Backends(session.settings)
    found = preflight(
        session.workspace, dataset_id, step, values,
        backend=place.backend, resources=place.resources, backends=backends,
    )  # fmt: skip
    text = submission_preview(backends[place.backend], session.workspace.path, step, place.resources)
    for line in _lines(found):
        session.show(line)
    if not backend_row(place.backend).shares_machine:
        session.show(f"\n{text}")
    session.result(asdict(found) | {"ok": found.ok, "submission": text})
    return DONE if found.ok else FAILED


def _lines(found: Preflight) -> list[str]:
    seconds, disk, memory = found.seconds_estimate, found.disk_needed_gb, found.memory_estimate_gb
    said = [
        "rows unknown" if found.rows is None else f"{found.rows:,} rows",
        "time unknown" if seconds is None else f"about {duration_text(seconds)}",
        "disk unknown" if disk is None else f"{disk:.2f} GB of disk",
        "memory unknown" if memory is None else f"{memory:.2f} GB of memory",
    ]
    if found.already_done:
        said.append("made before: nothing is computed again")
    return [", ".join(said), *[_line(check) for check in found.checks]]


def _line(check: Check) -> str:
    following = f" {check.next_step}" if check.next_step else ""
    return f"{_MARKS[check.ok]:3} {check.name}: {check.message}{following}"
