"""Slurm's words for a job's state, and what they mean for a job of ours."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from tamis.jobs.backends import BackendState, Phase
from tamis.jobs.backends.node_script import FOLDER_UNSEEN, ended
from tamis.jobs.model import ErrorKind

WAITING = {
    "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT",
}  # fmt: skip
ALIVE = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"}
# The state on its own says why it ended.
ENDINGS: dict[str, tuple[ErrorKind, str]] = {
    "TIMEOUT": (
        ErrorKind.TIME_LIMIT,
        "time limit reached: Slurm ended the job at its time_limit_min, or at its partition's own limit",
    ),
    "DEADLINE": (ErrorKind.TIME_LIMIT, "time limit reached: Slurm ended the job at its deadline"),
    "OUT_OF_MEMORY": (ErrorKind.OUT_OF_MEMORY, "Slurm ended it for using more memory than its mem_gb"),
    "NODE_FAIL": (ErrorKind.LOST, "its node failed"),
    "BOOT_FAIL": (ErrorKind.LOST, "its node failed to start"),
    "PREEMPTED": (ErrorKind.TERMINATED, "Slurm took its node for a job of higher priority"),
    "REVOKED": (ErrorKind.LOST, "Slurm gave it to another cluster"),
    "CANCELLED": (ErrorKind.TERMINATED, "it was cancelled in Slurm, outside of Tamis"),
}
HELD = "launch_failed_requeued_held"
OUTPUT_UNOPENED = 53  # the "signal" that slurmd reports when it cannot open the output file


@dataclass(frozen=True, slots=True)
class Record:
    """What Slurm says about a job; ``exit_code`` is ``code:signal``, empty when it was not asked for."""

    job_id: str
    name: str
    state: str
    node: str = ""
    reason: str = ""
    exit_code: str = ""


def read_squeue(text: str) -> list[Record]:
    """Records from lines of ``%i|%j|%T|%N|%r``."""
    return [Record(*line.split("|", 4)) for line in text.splitlines() if line.count("|") >= 4]


def read_sacct(text: str) -> list[Record]:
    """Records from lines of ``JobID|JobName|State|NodeList|ExitCode``."""
    records = []
    for line in text.splitlines():
        if line.count("|") >= 4:
            job_id, name, state, node, exit_code = line.split("|", 4)
            # "CANCELLED by 1000"
            records.append(Record(job_id, name, state.split(" ")[0], node, exit_code=exit_code))
    return records


def read_show_job(text: str) -> Record | None:
    """The record in the one line of ``scontrol show job -o``; None when it holds none."""
    fields = dict(word.split("=", 1) for word in text.split() if "=" in word)
    if "JobState" not in fields or "JobId" not in fields:
        return None
    return Record(
        fields["JobId"],
        fields.get("JobName", ""),
        fields["JobState"],
        fields.get("NodeList", ""),
        fields.get("Reason", ""),
        fields.get("ExitCode", ""),
    )


def explain(record: Record) -> BackendState:
    """What a record means; ``exit_code`` is looked at where the state does not say why it ended."""
    state = record.state.rstrip("+*")
    where = f"Slurm job {record.job_id}"
    if state in WAITING:
        return BackendState(Phase.WAITING, _waiting(record, where))
    if state in ALIVE:
        return BackendState(Phase.ALIVE)
    if state in ENDINGS:
        kind, text = ENDINGS[state]
        on = f" on {record.node}" if record.node and record.node != "(null)" else ""
        return BackendState(Phase.ENDED, f"{text} ({where}, {state}{on})", kind)
    if state in ("COMPLETED", "FAILED"):
        return _exited(record, where)
    return BackendState(Phase.UNKNOWN, f"{where} is {state or 'in no state'}")


def _waiting(record: Record, where: str) -> str:
    if HELD in record.reason:
        return (
            f"{where} is held: its launch failed on a node ({record.reason}). Ask the cluster's administrators, "
            "or cancel it and resume it later."
        )
    reason = record.reason if record.reason not in ("", "None", "(null)") else record.state.lower()
    return f"{where} waits in the queue: {reason}"


def _exited(record: Record, where: str) -> BackendState:
    node = f"node {record.node} ({where})" if record.node and record.node != "(null)" else where
    code, number = _exit_code(record.exit_code)
    if number == OUTPUT_UNOPENED:
        return ended(FOLDER_UNSEEN, node)
    state = ended(-number if number else code, node)
    if state.kind is not ErrorKind.LOST:
        return state
    # The batch shell reports a signalled child as 128 + signal, unless the worker took its place.
    if 128 < code <= 128 + signal.NSIG:
        state = ended(128 - code, node)
    return BackendState(state.phase, f"{state.detail} ({where} on {record.node or 'no node'})", state.kind)


def _exit_code(text: str) -> tuple[int, int]:
    code, _, number = text.partition(":")
    return int(code) if code.isdigit() else 0, int(number) if number.isdigit() else 0
