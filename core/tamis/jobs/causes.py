"""Why a step failed or a worker vanished, in words that name the cause and the next step."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

from tamis.errors import CurationError
from tamis.jobs.model import ErrorKind, Job, Progress
from tamis.recipes import TrainingOutOfMemory

LESS_MEMORY = (
    "Lower the batch size, the number of rows or the number of threads, let fewer jobs run at once "
    "(TAMIS_CPU_SLOTS), or run it where there is more memory; then resume."
)
RESUME = "Finished parts are kept: resume the job to go on from them."
NEARLY_FULL_BYTES = 1_000_000
_MEMORY_TEXTS = ("bad_alloc", "can't allocate memory", "Cannot allocate memory", "out of memory")
_DISK_TEXTS = ("No space left on device", "Disk quota exceeded")
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")  # numpy's tofile, in an OSError without a number


class FailedElsewhere(Exception):
    """A part of a step failed in another process of its job, which has explained it already."""

    def __init__(self, kind: ErrorKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def explain_failure(error: BaseException, workspace: Path) -> tuple[ErrorKind, str]:
    """Kind and reason of an exception that ended a step; the traceback belongs in the log, not here."""
    if isinstance(error, FailedElsewhere):
        return error.kind, str(error)
    if isinstance(error, TrainingOutOfMemory):
        return ErrorKind.OUT_OF_MEMORY, f"{error} {RESUME}"
    if _is_out_of_memory(error):
        text = (
            f"Out of memory ({_named(error)}); the worker used up to {peak_memory_gb():.1f} GB. {LESS_MEMORY}"
        )
        return ErrorKind.OUT_OF_MEMORY, text
    if isinstance(error, OSError) and _is_out_of_disk(error, workspace):
        return ErrorKind.OUT_OF_DISK, _disk_text(error, workspace)
    if isinstance(error, CurationError):
        return ErrorKind.REQUEST, str(error)
    return ErrorKind.BUG, f"{_named(error)}. The log has the traceback."


def explain_loss(job: Job, detail: str, kind: ErrorKind, workspace: Path) -> tuple[ErrorKind, str]:
    """Kind and reason for a worker that is gone without a result; ``detail`` and ``kind`` are its backend's."""
    cause = detail or "its process is gone and left no result"
    if kind in (ErrorKind.BACKEND, ErrorKind.TIME_LIMIT):
        return kind, f"{cause[:1].upper()}{cause[1:]}. {RESUME}"
    perhaps_killed = kind is ErrorKind.LOST and (not detail or "SIGKILL" in detail)
    if kind is ErrorKind.OUT_OF_MEMORY or (perhaps_killed and _kernel_ran_out_of_memory(job.progress)):
        return ErrorKind.OUT_OF_MEMORY, (
            f"worker lost: out of memory ({cause}{_memory_text(job.progress)}). {LESS_MEMORY}"
        )
    free = free_bytes(workspace)
    if free is not None and free < NEARLY_FULL_BYTES:
        return ErrorKind.OUT_OF_DISK, (
            f"worker lost: {cause}, and the disk of {workspace} is full ({free:,} bytes free). "
            f"Free some space. {RESUME}"
        )
    if "SIGKILL" in cause:
        cause += f"{_memory_text(job.progress)}: by a person, a scheduler, or the kernel when memory ran out"
    return kind, f"worker lost: {cause}. {RESUME}"


def time_limit_text(limit_min: int) -> str:
    """The reason of a job that was stopped at its time limit."""
    return f"Time limit of {limit_min} min reached. {RESUME} Give it a higher time_limit_min if it needs one."


def exit_text(code: int) -> str:
    """A process's end in words; negative codes are signals, as ``subprocess`` has them."""
    if code >= 0:
        return f"its process ended with exit code {code} and left no result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    return f"its process was killed by signal {-code} ({name})"


def peak_memory_gb() -> float:
    """The most memory this process ever held, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e9 / 1024)


def oom_kill_count() -> int | None:
    """How often the kernel has ended a process for lack of memory, on this machine or in this container."""
    counts = [
        _count(Path("/proc/vmstat"), "oom_kill"),
        _count(Path("/sys/fs/cgroup/memory.events"), "oom_kill"),
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def offer_to_be_killed_first() -> None:
    """When memory runs out, the kernel should end this worker and not the app or the desktop."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def free_bytes(path: Path) -> int | None:
    """Free space on the disk of ``path`` (or of the nearest folder above it); None when nobody can say."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def explain_database_error(error: sqlite3.DatabaseError, workspace: Path) -> str:
    """Why the database of a workspace cannot be used, with what to do about it."""
    if not isinstance(error, sqlite3.OperationalError):
        return (
            f"The database of {workspace} is damaged ({error}). Stop Tamis and put a copy in its place: the newest are in "
            f"{workspace / 'backups'}. What was computed is not touched by this."
        )
    free = free_bytes(workspace)
    if free is not None and free < NEARLY_FULL_BYTES:
        return (
            f"The disk of {workspace} is full ({free:,} bytes free), so its database cannot be used. Nothing is lost. "
            f"Free some space first, for example what is in {workspace / 'trash'} or {workspace / 'exports'}."
        )
    return (
        f"The database of {workspace} cannot be used ({error}). Check that the folder can be written, and that no "
        "other program keeps it locked."
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # faiss and torch on a CPU raise a bare RuntimeError when an allocation fails.
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MEMORY_TEXTS)


def _is_out_of_disk(error: OSError, workspace: Path) -> bool:
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or any(text in str(error) for text in _DISK_TEXTS):
        return True
    if _SHORT_WRITE.search(str(error)):
        return True
    free = free_bytes(workspace)
    return error.errno is None and free is not None and free < NEARLY_FULL_BYTES


def _disk_text(error: OSError, workspace: Path) -> str:
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else workspace
    free = free_bytes(path)
    amount = "an unknown number of" if free is None else f"{free:,}"
    return (
        f"Out of disk: {path} could not be written, {amount} bytes are free there. Free some space (old datasets, "
        f"leftovers of failed jobs), or move the workspace. {RESUME}"
    )


def _kernel_ran_out_of_memory(progress: Progress) -> bool:
    # The counters are this machine's; they say nothing about a worker on another one.
    if progress.oom_kills is None or progress.host != socket.gethostname():
        return False
    now = oom_kill_count()
    return now is not None and now > progress.oom_kills


def _memory_text(progress: Progress) -> str:
    return f", it last held {progress.memory_gb:.1f} GB" if progress.memory_gb else ""


def _named(error: BaseException) -> str:
    text = " ".join(str(error).split())[:500].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _count(path: Path, key: str) -> int | None:
    try:
        lines = path.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), None)
