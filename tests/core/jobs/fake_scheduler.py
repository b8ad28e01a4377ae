"""Slurm's commands as scripts that remember: for states that a real cluster takes hours or an accident to reach.

The scripts run nothing. Their memory is a JSON file beside them, which a test reads and changes.
"""

from __future__ import annotations

import fcntl
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sinfo")
UNREACHABLE = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


class FakeScheduler:
    """The test's side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in COMMANDS:
            script = folder / name
            # -I and -S start quickest, and keep out whatever the project sets up.
            script.write_text(f"#!{sys.executable} -IS\n{Path(__file__).read_text()}")
            script.chmod(0o755)
        (folder / "state.json").write_text(
            json.dumps(
                {"jobs": {}, "calls": [], "down": False, "lose": False, "refuse": "", "accounts": None}
            )
        )

    @contextmanager
    def state(self) -> Iterator[dict[str, Any]]:
        """Everything it remembers; changes are kept."""
        with remembered(self.folder) as state:
            yield state

    def change(self, **values: object) -> None:
        """Set how it behaves: down, lose (accept without an answer), refuse, accounts."""
        with self.state() as state:
            state.update(values)

    def set(self, job_id: str, **values: str) -> None:
        """Set what it says about a job."""
        with self.state() as state:
            state["jobs"][job_id].update(values)

    def forget(self, job_id: str) -> None:
        """Drop a job from the controller's memory."""
        with self.state() as state:
            del state["jobs"][job_id]

    def calls(self, name: str) -> list[list[str]]:
        """The arguments of every call of a command."""
        with self.state() as state:
            return [arguments for command, *arguments in state["calls"] if command == name]


@contextmanager
def remembered(folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / "state.json"
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(path.read_text())
        yield state
        path.write_text(json.dumps(state))


def answer(state: dict[str, Any], command: str, arguments: list[str], script: str) -> tuple[int, str, str]:
    """Exit code, output and error output of a command."""
    state["calls"].append([command, *arguments])
    if state["down"]:
        return 1, "", UNREACHABLE
    return ANSWERS[command](state, arguments, script)


def sbatch(state: dict[str, Any], _: list[str], script: str) -> tuple[int, str, str]:
    if state["refuse"]:
        return 1, "", f"sbatch: error: Batch job submission failed: {state['refuse']}"
    job_id = str(len(state["jobs"]) + 1)
    found = re.search("--job-name=(.*)", script)
    assert found is not None
    array = re.search("--array=0-(.*)", script)
    for task in [f"_{number}" for number in range(int(array[1]) + 1)] if array else [""]:
        state["jobs"][job_id + task] = {
            "name": found[1], "state": "PENDING", "node": "", "reason": "Priority", "exit": "0:0", "script": script,
        }  # fmt: skip
    if state["lose"]:
        return 1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    return 0, job_id, ""


def squeue(state: dict[str, Any], arguments: list[str], _: str) -> tuple[int, str, str]:
    jobs = state["jobs"]
    if "-j" in arguments:
        wanted = arguments[arguments.index("-j") + 1].split(",")
        if len(wanted) == 1 and wanted[0] not in jobs:
            return 1, "", "slurm_load_jobs error: Invalid job id specified"
        jobs = {job_id: jobs[job_id] for job_id in wanted if job_id in jobs}
    names = [word[7:] for word in arguments if word.startswith("--name=")]
    lines = [
        f"{job_id}|{job['name']}|{job['state']}|{job['node']}|{job['reason']}"
        for job_id, job in jobs.items()
        if not names or job["name"] in names
    ]
    return 0, "\n".join(lines), ""


def scancel(state: dict[str, Any], arguments: list[str], _: str) -> tuple[int, str, str]:
    names = [word[7:] for word in arguments if word.startswith("--name=")]
    for job_id, job in state["jobs"].items():
        named = arguments[-1] in (job_id, job_id.partition("_")[0]) and job["name"] in names
        if named and job["state"] in ("PENDING", "RUNNING"):
            job["state"] = "CANCELLED"
    return 0, "", ""


def scontrol(state: dict[str, Any], arguments: list[str], _: str) -> tuple[int, str, str]:
    job = state["jobs"].get(arguments[-1])
    if job is None:
        return 1, "", "slurm_load_jobs error: Invalid job id specified"
    shown = f"JobId={arguments[-1]} JobName={job['name']} JobState={job['state']} Reason={job['reason']} "
    return 0, shown + f"ExitCode={job['exit']} NodeList={job['node'] or '(null)'}", ""


def sacct(state: dict[str, Any], arguments: list[str], _: str) -> tuple[int, str, str]:
    if state["accounts"] is None:
        return 1, "", "Slurm accounting storage is disabled"
    wanted = arguments[arguments.index("-j") + 1].split(",")
    return 0, "\n".join(line for line in state["accounts"] if line.split("|")[0] in wanted), ""


def sinfo(_: dict[str, Any], __: list[str], ___: str) -> tuple[int, str, str]:
    return 0, "idle", ""


ANSWERS = {
    "sbatch": sbatch,
    "squeue": squeue,
    "scancel": scancel,
    "scontrol": scontrol,
    "sacct": sacct,
    "sinfo": sinfo,
}

if __name__ == "__main__":
    called = Path(sys.argv[0])
    text = sys.stdin.read() if called.name == "sbatch" else ""
    with remembered(called.parent) as memory:
        code, output, error = answer(memory, called.name, sys.argv[1:], text)
    print(output)
    print(error, file=sys.stderr)
    sys.exit(code)
