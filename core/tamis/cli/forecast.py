"""``tamis run STEP --preflight`` and ``--estimate``: what a run will take, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from tamis.actions.forecast import (
    SAMPLE_ROWS,
    Check,
    Forecast,
    ModelsForecast,
    duration_text,
    forecast,
    forecast_models,
    submission_text,
)
from tamis.actions.jobs import Backends, backend_row
from tamis.actions.submit import RunTarget
from tamis.cli.session import Session
from tamis.types import JSON

DONE, FAILED = 0, 1
_MARKS = {True: "ok", None: "?", False: "!!"}
Run = tuple[str, str, Mapping[str, JSON]]  # dataset, step, options


def show_preflight(session: Session, run: Run, target: RunTarget) -> int:
    """Every check with its next step; exit code 1 when something stands in the way."""
    backends = Backends(session.settings)
    found = forecast(session.workspace, *run, target=target, backends=backends)
    text = submission_text(session.workspace, run[1], target, backends)
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


def show_estimate(session: Session, run: Run, n_sample: int | None) -> int:
    """Print the estimate; with --json as one object."""
    n_rows = SAMPLE_ROWS if n_sample is None else max(1, n_sample)
    found = forecast_models(session.workspace, *run, n_sample=n_rows)
    session.show(said(found))
    session.result(asdict(found) | {"cost": found.cost, "n_calls": found.n_calls})
    return DONE


def said(found: ModelsForecast) -> str:
    """The estimate in words."""
    if not found.roles:
        return f"{found.n_rows:,} rows; no language model is asked."
    head = f"{found.n_rows:,} rows, from a timed sample of {found.n_sampled:,} spread over the lengths:"
    lines = [head]
    for role in found.roles:
        cost = "no prices configured" if role.cost is None else f"cost {role.cost:,.2f}"
        lines.append(
            f"  {role.role:12} {role.llm}: {role.n_calls:,} questions, {role.prompt_tokens:,} tokens read, "
            f"{role.completion_tokens:,} written, about {duration_text(role.seconds)}, {cost}"
        )
    lines.append(
        f"  all          about {duration_text(found.seconds)}, after {duration_text(found.load_s)} to load"
    )
    return "\n".join(lines)


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
