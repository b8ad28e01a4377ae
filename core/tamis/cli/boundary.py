"""The one boundary of the command line: whatever was raised becomes a sentence, an exit code and an id in the log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from tamis.cli.exit_codes import DONE, INTERRUPTED, exit_code
from tamis.cli.session import Session
from tamis.errors import CurationError, explain_os_error


@dataclass(frozen=True, slots=True)
class Failure:
    """What a person is told; ``error_id`` names the traceback in the log and is empty for what is no fault of ours."""

    reason: str
    code: int
    error_id: str = ""


def guarded(session: Session, work: Callable[[], int]) -> int:
    """Do the work of a command and return its exit code, or that of what was raised; raises nothing."""
    try:
        code = work()
    except BaseException as error:  # libraries written in Rust panic with something that is no Exception
        code = _ended(session, error)
    for stream in (sys.stdout, sys.stderr):
        try:
            # Now, while it can be said: a full disk behind it would show while the interpreter ends.
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            _silence(stream)
        except (OSError, ValueError) as error:
            _silence(stream)
            code = _ended(session, error)
    return code


def _ended(session: Session, error: BaseException) -> int:
    """The exit code of what was raised, after saying it."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return error.code or DONE
    if isinstance(error, BrokenPipeError):
        # Whoever read the answer has enough; the interpreter must not complain about it while it ends.
        _silence(sys.stdout)
        return DONE
    failure = failure_of(session, error)
    with suppress(OSError, ValueError):  # else nobody is left to be told
        _tell(session, error, failure)
    return failure.code


def _tell(session: Session, error: BaseException, failure: Failure) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    if session.debug:
        import traceback

        traceback.print_exception(error)
    session.say(f"tamis: {failure.reason}")
    if failure.code != INTERRUPTED:
        answer = {"error": failure.reason}
        session.result(answer | {"error_id": failure.error_id} if failure.error_id else answer)


def failure_of(session: Session, error: BaseException) -> Failure:
    """The sentence, exit code and id of an exception that ended a command."""
    code = exit_code(error)
    if code == INTERRUPTED:
        return Failure("stopped; jobs go on. See: tamis jobs list", code)
    if isinstance(error, click.UsageError):
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return Failure(error.format_message() + where, code)
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), code)
    return Failure(str(error), code) if isinstance(error, CurationError) else _logged(session, error)


def _logged(session: Session, error: BaseException) -> Failure:
    from tamis.store.error_log import log_error

    workspace = _workspace(session)
    logged = log_error(workspace, error)
    where = f"in {logged.path} as {logged.error_id}" if logged.path else f"not written ({logged.error_id})"
    known = _explained(error, workspace)
    reason = (
        f"{known} The traceback is {where}."
        if known
        else f"Something went wrong inside Tamis ({type(error).__name__}). The traceback is {where}; --debug shows it here."
    )
    return Failure(reason, exit_code(error), logged.error_id)


def _explained(error: BaseException, workspace: Path) -> str:
    """The cause in words where it lies outside the program; empty for a fault of the program."""
    import sqlite3

    if isinstance(error, sqlite3.DatabaseError):
        from tamis.jobs.causes import explain_database_error

        return explain_database_error(error, workspace)
    if isinstance(error, MemoryError):
        return "Out of memory. Work on fewer rows, or where there is more memory."
    return explain_os_error(error) if isinstance(error, OSError) else ""


def _workspace(session: Session) -> Path:
    try:
        return session.settings.workspace.expanduser().resolve()
    except (CurationError, OSError, RuntimeError):  # what is wrong with it has been said, or is being said
        return Path(session.folder or "workspace")


def _silence(stream: object) -> None:
    """Let what a stream still holds go nowhere: its reader is gone, or its disk is full."""
    import os

    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return
