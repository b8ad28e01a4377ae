"""One function per command; each returns the exit code."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tamis.actions.export import ExportRequest, export
from tamis.actions.jobs import Job, refresh_jobs, wait_for_job
from tamis.actions.replay import replay_manifest as replay_manifest
from tamis.actions.submit import RunTarget, Submission, submit
from tamis.cli import estimate, jobs_view, place
from tamis.cli.flags import parse_step_flags
from tamis.cli.session import Session
from tamis.errors import InvalidOptions
from tamis.jobs.scheduler.ticker import Ticker
from tamis.settings import app_folder
from tamis.steps import STEPS
from tamis.steps.import_file.identify import plan_import
from tamis.store.database.names import dataset_names
from tamis.types import JSON

DONE, FAILED = 0, 1
# Steps that make a dataset have commands of their own.
OWN_COMMANDS = {
    "import": "To import, use: tamis import PATH.",
    "curate": "To apply decisions, use: tamis apply --dataset DATASET --name NAME.",
}

jobs_list = jobs_view.list_all
jobs_show = jobs_view.show
jobs_logs = jobs_view.logs
jobs_cancel = jobs_view.cancel_job
jobs_resume = jobs_view.resume_job
jobs_retry = jobs_view.retry_job
jobs_delete = jobs_view.delete_job


def serve(session: Session, parsed: argparse.Namespace) -> int:
    """Start the app in the foreground, on this machine only unless another host is named."""
    environment = os.environ | {"TAMIS_WORKSPACE": str(session.workspace.path)}
    # -P: a file of the user's called random.py, or a folder called pages, is no module of the app.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(app_folder() / "app.py")]
    command += [f"--server.address={parsed.host}", f"--server.port={parsed.port}"]
    if _is_taken(parsed.host, parsed.port):
        raise InvalidOptions(
            f"Port {parsed.port} on {parsed.host} is in use. Take another one: make run PORT={parsed.port + 1}, or "
            f"tamis serve --port {parsed.port + 1}."
        )
    session.say(f"Tamis on http://{parsed.host}:{parsed.port} over {session.workspace.path}")
    # Jobs go on and are followed from the first second, also when nobody has opened a page yet.
    ticker = Ticker(session.workspace)
    ticker.start()
    app = subprocess.Popen(command, env=environment)
    # A service manager asks with SIGTERM; the app must not go on without the command that started it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return app.wait()
    except KeyboardInterrupt:
        return DONE
    finally:
        signal.signal(signal.SIGTERM, before)
        app.terminate()
        app.wait()
        ticker.stop()


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # A server that has just ended leaves its port in a state in which only this option may take it over.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def import_file(session: Session, parsed: argparse.Namespace) -> int:
    """Import and wait; the job keeps what it did even when nobody waits."""
    fields = dict(_pair(text) for text in parsed.field)
    plan = plan_import(parsed.path, name=parsed.name, format_name=parsed.format, fields=fields)
    for path in plan.skipped:
        session.say(f"skipped {path}: no format fits it")
    job = _submit_and_wait(session, plan.dataset_id, "import", plan.options, RunTarget())
    values: dict[str, object] = {"job_id": job.job_id, "state": job.state, "dataset_id": plan.dataset_id}
    if job.state == "succeeded":
        summary = session.workspace.artifacts.examples(plan.dataset_id).summary
        values |= {key: summary[key] for key in ("n_imported", "n_rejected", "n_examples", "format")}
        session.show(
            f"{plan.dataset_id}: {summary['n_imported']:,} records imported as {summary['n_examples']:,} examples, "
            f"{summary['n_rejected']:,} rejected."
        )
    return _finish(session, job, values)


def list_datasets(session: Session, parsed: argparse.Namespace) -> int:
    """One line per dataset: id, name, rows, and which artifacts it has."""
    names = dataset_names(session.workspace)
    rows = []
    for dataset_id in session.workspace.artifacts.dataset_ids():
        artifacts = session.workspace.artifacts.list(dataset_id)
        summary = session.workspace.artifacts.examples(dataset_id).summary
        rows.append(
            {
                "dataset_id": dataset_id,
                "name": names[dataset_id],
                "n_rows": summary["n_examples"],
                "artifacts": {a.kind: a.id for a in reversed(artifacts)},
            }
        )
    for row in rows:
        made = " ".join(kind for kind in row["artifacts"] if kind != "examples")
        session.show(f"{row['dataset_id']:32} {row['n_rows']:>10,} rows  {row['name']}  [{made}]")
    if not rows:
        session.show("No datasets yet. Import one: tamis import FILE")
    session.result({"datasets": rows})
    return DONE


def run_step(session: Session, parsed: argparse.Namespace) -> int:
    """Submit a step and, unless told otherwise, wait for it."""
    if parsed.step in OWN_COMMANDS:
        raise InvalidOptions(OWN_COMMANDS[parsed.step])
    STEPS[parsed.step]  # a wrong name is wrong usage, whatever the dataset
    session.workspace.artifacts.examples(parsed.dataset)
    values = parse_step_flags(parsed.step, parsed.rest)
    if parsed.estimate:
        return estimate.show_estimate(
            session, parsed.dataset, parsed.step, values, n_sample=parsed.estimate_rows
        )
    chosen = place.chosen(parsed)
    if parsed.preflight:
        return place.show_preflight(session, parsed.dataset, parsed.step, values, chosen)
    if parsed.no_wait:
        submission = submit(session.workspace, parsed.dataset, parsed.step, values, target=chosen)
        refresh_jobs(session.workspace)
        job = submission.job
        _say_attached(session, submission)
        session.show(f"{job.job_id} {job.state}")
        session.result({"job_id": job.job_id, "state": job.state, "artifact_id": job.artifact_id})
        return DONE
    job = _submit_and_wait(session, parsed.dataset, parsed.step, values, chosen)
    made = session.workspace.artifacts.find(parsed.dataset, job.kind, job.artifact_id)
    values = {"job_id": job.job_id, "state": job.state, "artifact_id": job.artifact_id if made else None}
    if made is not None:
        session.show(f"{job.kind} {job.artifact_id}\n" + _said(made.summary))
        values["summary"] = made.summary
        if made.summary.get("shortfall"):
            session.say(
                f"tamis: {made.summary['shortfall']:,} {made.summary['unit']} of the budget could not be spent: "
                "no row was left for them."
            )
    return _finish(session, job, values)


def export_rows(session: Session, parsed: argparse.Namespace) -> int:
    """Write rows and the manifest beside them."""
    request = ExportRequest(
        dataset_id=parsed.dataset,
        selection=parsed.selection,
        tag=parsed.tag,
        scope=parsed.scope,
        decisions=parsed.decisions,
        format_name=parsed.format,
        container=parsed.container or ("parquet" if parsed.out.endswith(".parquet") else "jsonl"),
    )
    done = export(session.workspace, request, Path(parsed.out))
    session.show(f"{done.path}: {done.n_rows:,} rows, sha256 {done.sha256}")
    if done.manifest.decisions and not parsed.decisions:
        session.say(
            f"tamis: the selection was made with the decisions {done.manifest.decisions}, so its rows are written as decided. "
            "For their imported text: --decisions none; for the decisions of now: --decisions current."
        )
    session.result(
        {
            "path": str(done.path),
            "n_rows": done.n_rows,
            "sha256": done.sha256,
            "decisions": done.manifest.decisions,
        }
    )
    return DONE


def replay(session: Session, parsed: argparse.Namespace) -> int:
    """Rebuild the rows of a manifest from its source in a fresh workspace, and compare."""
    done = replay_manifest(
        Path(parsed.manifest),
        session.workspace.path,
        sources=[Path(source) for source in parsed.source],
        out=Path(parsed.out) if parsed.out else None,
        say=session.say,
    )
    session.show(done.verdict)
    session.result({"identical": done.identical, "n_rows": done.n_rows, "sha256": done.sha256})
    return DONE if done.identical else FAILED


def doctor(session: Session, parsed: argparse.Namespace) -> int:
    """Versions, models found, devices, disk."""
    from tamis.cli.doctor import examine  # looks for heavy packages, so only on demand

    report = examine(session.workspace.path)
    for section, lines in report.items():
        session.show(f"{section}\n" + "\n".join(f"  {key:28} {value}" for key, value in lines.items()))
    session.result(report)
    return DONE


def _pair(text: str) -> tuple[str, str]:
    part, separator, column = text.partition("=")
    if not separator:
        raise InvalidOptions(f"--field wants PART=COLUMN, for example prompt=question; {text!r} has no '='.")
    return part, column


def _submit_and_wait(
    session: Session, dataset_id: str, step: str, values: dict[str, object], chosen: RunTarget
) -> Job:
    submission = submit(session.workspace, dataset_id, step, values, target=chosen)
    _say_attached(session, submission)
    return wait_for_job(session.workspace, submission.job.job_id, on_progress=_ChangedLines(session.say))


def _say_attached(session: Session, submission: Submission) -> None:
    """That nothing new was queued, and where what runs instead is."""
    job = submission.job
    if submission.moved:
        session.say(f"tamis: job {job.job_id} waited for exactly this; it now waits for {job.backend}.")
    elif submission.attached:
        session.say(
            f"tamis: job {job.job_id} on {job.backend} makes exactly this already; waiting for that one."
        )


def _said(summary: Mapping[str, JSON]) -> str:
    """A summary for a person: one line per plain value."""
    plain = {key: value for key, value in summary.items() if not isinstance(value, list | dict)}
    lines = [f"  {key:20} {value}" for key, value in plain.items()]
    for one in summary.get("lm_eval") or ():
        base = "–" if one["base"] is None else f"{one['base']:.3f}"
        error = "" if one["stderr"] is None else f" ± {one['stderr']:.3f}"
        lines.append(
            f"  {one['task']} {one['metric']}: {base} → {one['value']:.3f}{error} on {one['n']} rows"
        )
    return "\n".join(lines)


class _ChangedLines:
    """Says how a job goes, but no line twice in a row."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._last = say, ""

    def __call__(self, job: Job) -> None:
        line = jobs_view.progress_line(job)
        if line != self._last:
            self._last = line
            self._say(line)


def _finish(session: Session, job: Job, values: dict[str, object]) -> int:
    if job.state != "succeeded":
        session.say(f"tamis: {job.step} {job.state}: {job.reason}\n  log: tamis jobs logs {job.job_id}")
        values["reason"] = job.reason
    session.result(values)
    return DONE if job.state == "succeeded" else FAILED
