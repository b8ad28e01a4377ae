"""The words for failures and vanished workers."""

from __future__ import annotations

import errno
import socket
import sqlite3
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.jobs import causes
from tamis.jobs.model import ErrorKind, Job, JobState, Progress, Resources

KILLED = causes.exit_text(-9)


def job(progress: Progress) -> Job:
    return Job(
        job_id="j",
        dataset_id="d",
        step="embed",
        options={},
        identity={},
        inputs={},
        input_kinds={},
        kind="embeddings",
        artifact_id="a",
        format_version=1,
        waits_for=(),
        backend="local",
        resources=Resources(),
        priority=0,
        state=JobState.RUNNING,
        submitted_at="",
        progress=progress,
    )


class OutOfMemoryError(RuntimeError):
    """Named as torch's own."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), ErrorKind.OUT_OF_MEMORY),
        (OutOfMemoryError("CUDA out of memory."), ErrorKind.OUT_OF_MEMORY),
        (RuntimeError("std::bad_alloc"), ErrorKind.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), ErrorKind.OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ErrorKind.OUT_OF_MEMORY),
        (OSError(errno.ENOSPC, "No space left on device"), ErrorKind.OUT_OF_DISK),
        (OSError("Error writing bytes to file. Detail: No space left on device"), ErrorKind.OUT_OF_DISK),
        (OSError("2097152 requested and 322528 written"), ErrorKind.OUT_OF_DISK),
        (OSError(errno.EACCES, "Permission denied", "/x"), ErrorKind.BUG),
        (CurationError("as it is"), ErrorKind.REQUEST),
        (RuntimeError("seven"), ErrorKind.BUG),
    ],
)
def test_an_exception_has_the_right_kind(error: Exception, kind: ErrorKind, tmp_path: Path) -> None:
    found, reason = causes.explain_failure(error, tmp_path)
    assert found is kind
    assert reason


def test_ends_are_named_by_code_and_signal() -> None:
    assert "exit code 3" in causes.exit_text(3)
    assert KILLED == "its process was killed by signal 9 (SIGKILL)"
    assert "signal 63" in causes.exit_text(-63)


def test_a_kill_while_the_kernel_ran_out_of_memory_is_called_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(causes, "oom_kill_count", lambda: 5)
    here = socket.gethostname()
    killed = job(Progress(host=here, oom_kills=4, memory_gb=14.2))
    kind, reason = causes.explain_loss(killed, KILLED, ErrorKind.LOST, tmp_path)
    assert kind is ErrorKind.OUT_OF_MEMORY
    assert "14.2 GB" in reason
    assert "Lower the batch size" in reason
    for progress in (Progress(host=here, oom_kills=5), Progress(host="node7", oom_kills=4), Progress()):
        kind, reason = causes.explain_loss(job(progress), KILLED, ErrorKind.LOST, tmp_path)
        assert kind is ErrorKind.LOST
        assert "SIGKILL" in reason
    kind, _ = causes.explain_loss(killed, causes.exit_text(3), ErrorKind.LOST, tmp_path)
    assert kind is ErrorKind.LOST, "a process that ended by itself was not killed"


def test_a_worker_lost_on_a_full_disk_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(causes, "free_bytes", lambda _: 0)
    kind, reason = causes.explain_loss(job(Progress()), causes.exit_text(3), ErrorKind.LOST, tmp_path)
    assert kind is ErrorKind.OUT_OF_DISK
    assert "is full (0 bytes free)" in reason


def test_the_free_space_of_a_path_that_is_not_there_is_its_parents(tmp_path: Path) -> None:
    assert causes.free_bytes(tmp_path / "no" / "such") is not None


def test_a_database_on_a_full_disk_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    assert "keeps it locked" in causes.explain_database_error(error, tmp_path)
    monkeypatch.setattr(causes, "free_bytes", lambda _: 17)
    assert "full (17 bytes free)" in causes.explain_database_error(error, tmp_path)
