"""What a process that reads files of strangers may use: memory, processor time, and the size of what it writes.

A few kilobytes can unpack to any size. The system ends what goes beyond its limits (setrlimit), and a message says which
setting raises them. Where a system has no such limits, nothing is limited.
"""

from __future__ import annotations

import errno
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tamis.errors import LimitReached
from tamis.settings import Settings

GB = 1e9
LAST_WORDS_S = 60  # after the limit on processor time, in which a reason can still be written down


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """``memory_gb`` beyond what the process has when it is limited, ``cpu_s`` with the setting that it comes from, and
    ``output_gb`` of any one file.
    """

    memory_gb: float
    cpu_s: float
    output_gb: float
    cpu_setting: str

    @classmethod
    def of_look(cls, settings: Settings) -> ReadLimits:
        """For looking at a file before it is imported, while a person waits."""
        return cls(settings.read_memory_gb, settings.read_cpu_s, settings.read_output_gb, "TAMIS_READ_CPU_S")

    @classmethod
    def of_import(cls, settings: Settings) -> ReadLimits:
        """For an import."""
        cpu_s = 60 * settings.import_cpu_min
        return cls(settings.read_memory_gb, cpu_s, settings.read_output_gb, "TAMIS_IMPORT_CPU_MIN")

    @property
    def memory_text(self) -> str:
        """What to say where the memory did not do."""
        return (
            f"The file needs more than {self.memory_gb:g} GB of memory to be read, which is the limit here. A small file that "
            "does is made to do harm, or holds one enormous value. If you trust it, raise TAMIS_READ_MEMORY_GB."
        )

    @property
    def cpu_text(self) -> str:
        """The same of the processor time."""
        return (
            f"The file takes more than {self.cpu_s:,.0f} s of processor time to be read, which is the limit here. If you trust "
            f"it, raise {self.cpu_setting}."
        )

    @property
    def output_text(self) -> str:
        """The same of what is written."""
        return (
            f"The file unpacks to more than {self.output_gb:g} GB, which is the limit here. If you trust it, raise "
            "TAMIS_READ_OUTPUT_GB."
        )


@contextmanager
def limited_for_good(limits: ReadLimits) -> Iterator[None]:
    """Limit this process, which reads a file and ends; raises LimitReached with what is to be raised.

    Processes that it starts have the same limits each.
    """
    limit_memory(limits)
    _limit_output(limits)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(spent.ru_utime + spent.ru_stime + limits.cpu_s)
    with suppress(ValueError, OSError):  # only the main thread has signals
        signal.signal(signal.SIGXCPU, _Stop(limits))
        resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + LAST_WORDS_S))
    with explain_limits(limits):
        yield


@contextmanager
def limited_for_now(limits: ReadLimits) -> Iterator[None]:
    """Limit the memory of this process while it looks at a file, and no longer; raises LimitReached."""
    _now.enter(limits)
    try:
        with explain_limits(limits):
            yield
    finally:
        _now.leave()


@contextmanager
def explain_limits(limits: ReadLimits) -> Iterator[None]:
    """Turn what a limit makes of the code inside into LimitReached."""
    try:
        yield
    except MemoryError as error:
        raise LimitReached(limits.memory_text) from error
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise LimitReached(limits.memory_text) from error
        if error.errno == errno.EFBIG or "File too large" in str(error):
            raise LimitReached(limits.output_text) from error
        raise


def limit_memory(limits: ReadLimits) -> None:
    """Allow the process so much more memory than it has now; nothing where the system cannot say how much that is."""
    used = _address_space()
    if used:
        _lower(resource.RLIMIT_AS, used + int(limits.memory_gb * GB))


def limit_call(limits: ReadLimits) -> None:
    """Allow the process so much more processor time than it has used; beyond that the system ends it."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime + limits.cpu_s) + 1)
    _limit_output(limits)


def _limit_output(limits: ReadLimits) -> None:
    _lower(resource.RLIMIT_FSIZE, int(limits.output_gb * GB))


def _lower(kind: int, soft: int) -> None:
    """Set the soft limit, as far as the hard one allows; it can be raised again."""
    hard = resource.getrlimit(kind)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _address_space() -> int:
    """Bytes of addresses that the process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return 0


class _Now:
    """The limit of a while: the last to leave, of several threads, puts back what was there before the first."""

    def __init__(self) -> None:
        self._lock, self._n_inside = threading.Lock(), 0
        self._before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

    def enter(self, limits: ReadLimits) -> None:
        with self._lock:
            if not self._n_inside:
                self._before = resource.getrlimit(resource.RLIMIT_AS)
                limit_memory(limits)
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                with suppress(ValueError, OSError):
                    resource.setrlimit(resource.RLIMIT_AS, self._before)


_now = _Now()


class _Stop:
    """Raises, once, where the processor time is over; the system ends the process a little later."""

    def __init__(self, limits: ReadLimits) -> None:
        self._limits = limits

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise LimitReached(self._limits.cpu_text)
