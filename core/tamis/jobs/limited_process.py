"""A function on a stranger's file in a process of its own, with limits: what that file does to a process is done to that one.

``python -m tamis.jobs.limited_process`` is that process: pickled calls come in, pickled answers go out. One is kept for
the next call, because starting one takes most of a second.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from tamis import errors
from tamis.errors import CurationError, LimitReached
from tamis.jobs.backends import process_environment
from tamis.jobs.causes import exit_text, offer_to_be_killed_first
from tamis.jobs.limits import ReadLimits, explain_limits, limit_call, limit_memory
from tamis.pipes import close_pipes, receive
from tamis.settings import source_folder

T = TypeVar("T")

MODULE = "tamis.jobs.limited_process"
MOST_AT_ONCE = 2  # of several people; more wait
_LENGTH_BYTES = 8
_WAIT_FACTOR, _WAIT_MORE_S = (
    4,
    60.0,
)  # of the processor time, after which a process that waits for something is ended
_NEVER_SAID = "Unfinished"


def run_limited(function: Callable[..., T], *arguments: object, limits: ReadLimits) -> T:
    """Call a function of a module in a process with limits; its arguments and its answer travel pickled.

    Raises LimitReached, the CurationErrors of the function, and RuntimeError with the traceback of any other.
    """
    with _room:
        helper = _take()
        try:
            kind, value = helper.ask((function, arguments, limits), limits)
        except BaseException:
            helper.end()
            raise
        if kind == "limit":
            helper.end()  # what is left of its memory is nobody's to say
            raise LimitReached(value)
        _idle.append(helper)
    if kind == "answer":
        answer: T = value
        return answer
    name, text = value
    known = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, CurationError):
        error = known.__new__(known)
        error.args = (text,)
        raise error
    raise RuntimeError(f"{name} in the process that reads files:\n{text}")


class _Helper:
    """A process that answers one call at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=source_folder(),
            env={**os.environ, **process_environment(0)},
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, call: object, limits: ReadLimits) -> tuple[str, Any]:
        """What the process says; raises LimitReached where it went beyond a limit and died of it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        deadline = time.monotonic() + _WAIT_FACTOR * limits.cpu_s + _WAIT_MORE_S
        try:
            _send(self._process.stdin, call)
            length = int.from_bytes(receive(self._process, _LENGTH_BYTES, deadline), "little")
            said: tuple[str, Any] = pickle.loads(receive(self._process, length, deadline))
            return said
        except (EOFError, BrokenPipeError):
            raise LimitReached(self._why_dead(limits)) from None
        except TimeoutError:
            raise LimitReached(f"{limits.cpu_text} It was stopped while it waited.") from None

    def end(self) -> None:
        """End it, whatever it does."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        close_pipes(self._process)

    def _why_dead(self, limits: ReadLimits) -> str:
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return limits.cpu_text
        return f"{limits.memory_text} (While the file was read, {exit_text(code)}.)"


_room = threading.BoundedSemaphore(MOST_AT_ONCE)
_idle: list[_Helper] = []  # taken and put back whole, which threads may do


def _take() -> _Helper:
    while _idle:
        helper = _idle.pop()
        if helper.alive:
            return helper
        helper.end()
    return _Helper()


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


def main() -> int:
    """Answer calls until nobody asks any more."""
    offer_to_be_killed_first()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    is_limited = False
    while length := int.from_bytes(sys.stdin.buffer.read(_LENGTH_BYTES), "little"):
        function, arguments, limits = pickle.loads(sys.stdin.buffer.read(length))
        if not is_limited:
            limit_memory(limits)  # now, when everything that is needed has been imported
            is_limited = True
        _send(answers, _answer(function, arguments, limits))
    return 0


def _answer(
    function: Callable[..., object], arguments: tuple[object, ...], limits: ReadLimits
) -> tuple[str, object]:
    limit_call(limits)
    try:
        with explain_limits(limits):
            return "answer", function(*arguments)
    except LimitReached as error:
        return "limit", str(error)
    except CurationError as error:
        return "error", (type(error).__name__, str(error))
    except Exception:  # told with its traceback where the call came from, which has the log
        import traceback

        return "error", (_NEVER_SAID, traceback.format_exc())


def _send(stream: IO[bytes], value: object) -> None:
    body = pickle.dumps(value)
    stream.write(len(body).to_bytes(_LENGTH_BYTES, "little") + body)
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
