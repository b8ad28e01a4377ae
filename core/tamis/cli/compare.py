"""``tamis compare``: selections beside each other, or methods at one budget, as one HTML file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tamis.actions.grid import Grid, submit_grid
from tamis.actions.report.report import notes_of, write_report
from tamis.actions.submit import RunTarget, submit
from tamis.cli import jobs_view
from tamis.cli.session import Session
from tamis.errors import InvalidOptions
from tamis.jobs.model import Job
from tamis.jobs.scheduler.wait import wait
from tamis.selectors import SELECTORS
from tamis.steps.compare.comparison import Comparison, read_comparison
from tamis.store.database.names import dataset_names
from tamis.types import JSON

DONE, FAILED = 0, 1


def compare(session: Session, parsed: argparse.Namespace) -> int:
    """Make what is missing, compare, and write the report."""
    session.workspace.artifacts.examples(parsed.dataset)
    if bool(parsed.selection) == bool(parsed.methods):
        raise InvalidOptions(
            "Give selections (--selection ID, twice or more) or methods to draw (--methods kmq,random --budget 1000)."
        )
    job = _submit_selections(session, parsed) if parsed.selection else _submit_grid(session, parsed)
    done = wait(session.workspace, job.job_id, on_progress=_said_once(session))
    if done.state != "succeeded":
        session.say(f"tamis: compare {done.state}: {done.reason}\n  log: tamis jobs logs {done.job_id}")
        session.result({"job_id": done.job_id, "state": done.state, "reason": done.reason})
        return FAILED
    return _report(session, parsed, done)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("--dataset", required=True)
    parser.add_argument(
        "--selection", action="append", default=[], help="artifact id of a selection; repeat it"
    )
    parser.add_argument("--methods", default="", help=f"draw these instead: {','.join(SELECTORS)}")
    parser.add_argument("--budget", type=float, default=0.0, help="with --methods: how much each picks")
    parser.add_argument("--unit", default="rows", choices=("rows", "fraction", "tokens"))
    parser.add_argument(
        "--seeds", type=int, default=1, help="with --methods: draws of each method that has chance"
    )
    parser.add_argument("--seed", type=int, default=42, help="the first seed")
    parser.add_argument("--quality", default="", help="score to pick by and to look at")
    parser.add_argument("--within", default="", help="pick from tag:NAME, scope:SCOPE or selection:ID only")
    parser.add_argument(
        "--epochs", type=float, default=3.0, help="passes over the rows, for the cost of training"
    )
    parser.add_argument(
        "--tokens-per-second", type=float, default=None, help="of one GPU, for the cost in hours"
    )
    parser.add_argument("--backend", default="local")
    parser.add_argument("--out", required=True, help="HTML file to write")


def _submit_selections(session: Session, parsed: argparse.Namespace) -> Job:
    values = {"selections": parsed.selection, **_compare_options(parsed)}
    target = RunTarget(parsed.backend)
    return submit(session.workspace, parsed.dataset, "compare", values, target=target).job


def _submit_grid(session: Session, parsed: argparse.Namespace) -> Job:
    if parsed.budget <= 0:
        raise InvalidOptions("--methods needs a --budget above 0, the same for every method.")
    shared: dict[str, JSON] = {}
    if parsed.within:
        shared["within"] = parsed.within
    grid = Grid(
        methods=tuple(name.strip() for name in parsed.methods.split(",") if name.strip()),
        budget=parsed.budget,
        unit=parsed.unit,
        n_seeds=parsed.seeds,
        first_seed=parsed.seed,
        quality=parsed.quality,
        shared=shared,
        compare=_compare_options(parsed),
    )
    submitted = submit_grid(session.workspace, parsed.dataset, grid, target=RunTarget(parsed.backend))
    made = sum(one.already_done for one in submitted.selections)
    session.say(f"{len(submitted.selections)} selections, {made} of them there already, and their comparison")
    return submitted.comparison.job


def _compare_options(parsed: argparse.Namespace) -> dict[str, JSON]:
    values: dict[str, JSON] = {"epochs": parsed.epochs, "tokens_per_second": parsed.tokens_per_second}
    return values | ({"quality": parsed.quality} if parsed.quality else {})


def _report(session: Session, parsed: argparse.Namespace, job: Job) -> int:
    made = session.workspace.artifacts.get(parsed.dataset, "comparison", job.artifact_id)
    name = dataset_names(session.workspace)[parsed.dataset]
    report = write_report(session.workspace.artifacts, made, Path(parsed.out), dataset_name=name)
    found = read_comparison(made)
    for line in [*_table(found), *notes_of(found)]:
        session.show(line)
    session.show(f"{report.path}: {report.n_bytes:,} bytes, sha256 {report.sha256}")
    session.result(
        {
            "job_id": job.job_id,
            "artifact_id": made.id,
            "selections": [one.id for one in found.selections],
            "notes": notes_of(found),
            "path": str(report.path),
            "sha256": report.sha256,
        }
    )
    return DONE


def _table(found: Comparison) -> list[str]:
    """The summary as lines of text: one per method, the best of each column with a star."""
    metrics = found.shown_metrics()
    bests = [found.best(metric) for metric in metrics]
    lines = [f"{'':28}" + "".join(f"{metric.title:>20}" for metric in metrics)]
    for i, method in enumerate(found.methods):
        cells = ""
        for metric, best in zip(metrics, bests, strict=True):
            value = method.values.get(metric.key)
            said = "-" if value is None or value.value is None else f"{value.value:,.{metric.digits}f}"
            if (
                value is not None
                and value.over == "seeds"
                and value.low is not None
                and value.high is not None
            ):
                said += f" ±{(value.high - value.low) / 2:,.{metric.digits}f}"
            cells += f"{said + ('*' if best.get(i) else ''):>20}"
        lines.append(f"{method.title[:27]:28}{cells}")
    return lines


def _said_once(session: Session) -> Callable[[Job], None]:
    last = ""

    def say(job: Job) -> None:
        nonlocal last
        line = jobs_view.progress_line(job)
        if line != last:
            last = line
            session.say(line)

    return say
