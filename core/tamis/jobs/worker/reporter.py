"""A worker's voice and ear: a thread that says how far the step is, and notices when it should stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import psutil

from tamis.errors import CurationError, JobCancelled
from tamis.jobs.causes import oom_kill_count, peak_memory_gb
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec, Progress
from tamis.store.artifacts.store import utc_now

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
LOOK_EVERY_S = 0.25
RATE_WINDOW_S = 30.0
SAMPLE_EVERY_S = 0.2


class Stop(StrEnum):
    """Why a worker should stop before its step is done."""

    NO = ""
    CANCELLED = "cancelled by a person"
    TERMINATED = "stopped by SIGTERM"
    TIME_LIMIT = "time limit reached"
    SUPERSEDED = "another attempt of this job has begun"


@dataclass(slots=True)
class StageProgress:
    """Where one stage is: its last report, and the marks of the last half minute, where ``done`` grew, for the rate.

    Rows come in chunks: between two marks nothing is known of the speed, so it stays what it was, and the time left counts
    down by what passes.
    """

    name: str
    began: float
    done: int = 0
    total: int = 0
    message: str = ""
    tokens: int = 0
    recent: deque[tuple[float, int]] = field(default_factory=deque)

    def report(self, done: int, total: int, message: str, now: float) -> None:
        """Take in a position; going back (a new round of the same stage) starts the rate afresh."""
        if done < self.done:
            self.recent.clear()
        self.done, self.total, self.message = done, total, message
        if not self.recent:
            self.recent.append((now, done))
        elif done > self.recent[-1][1]:
            if len(self.recent) > 1 and now - self.recent[-2][0] < SAMPLE_EVERY_S:
                self.recent.pop()
            self.recent.append((now, done))
        while len(self.recent) > 2 and now - self.recent[1][0] > RATE_WINDOW_S:
            self.recent.popleft()

    def rate(self) -> float | None:
        """Steps of ``done`` per second of late, as of the last mark; None before two."""
        if len(self.recent) < 2:
            return None
        (first_at, first_done), (last_at, last_done) = self.recent[0], self.recent[-1]
        return (last_done - first_done) / (last_at - first_at) if last_at > first_at else None

    def seconds_left(self, now: float) -> float | None:
        """Until ``total`` at that rate, less what passed since the last mark; 0 once that is over, None where unknown."""
        rate = self.rate()
        if not rate or not self.total:
            return None
        return max(0.0, (self.total - self.done) / rate - (now - self.recent[-1][0]))


class FolderReporter:
    """Progress of a step into a job folder, about once a second, even while the step is in one long call."""

    def __init__(self, folder: JobFolder, spec: JobSpec) -> None:
        self._folder = folder
        self._attempt = spec.attempt
        self._limit_s = spec.resources.time_limit_min * 60.0
        self._began = time.monotonic()
        self._stage = StageProgress("starting", self._began)
        self._timings: dict[str, float] = {}
        self._beat = 0
        self._started_at = utc_now()
        self._oom_kills = oom_kill_count()
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self.stop = Stop.NO

    def start(self) -> None:
        """Write the first report and go on reporting."""
        self._write()
        self._thread.start()

    def close(self) -> dict[str, float]:
        """Stop reporting, write the last report, and return the seconds per stage."""
        self._closing.set()
        self._thread.join(timeout=10.0)
        self._write()
        return self._timings_now(time.monotonic())

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Take in a position; raises JobCancelled once the worker should stop."""
        now = time.monotonic()
        with self._lock:
            if stage != self._stage.name:
                self._timings[self._stage.name] = self._stage_seconds(now)
                self._stage = StageProgress(stage, now)
            self._stage.report(done, total, message, now)
        if self.stop is not Stop.NO:
            raise JobCancelled(f"The job was stopped: {self.stop}.")

    def hear(self, n_tokens: int) -> None:
        """Take in that a model has read or written so many tokens, between two positions."""
        with self._lock:
            self._stage.tokens += n_tokens

    def metric(self, name: str, value: float, position: float) -> None:
        """Add a point to a curve."""
        self._folder.add_metric(name, value, position)

    def request_stop(self, why: Stop) -> None:
        """Make the next ``progress`` raise; the first cause stands. Safe in a signal handler."""
        if self.stop is Stop.NO:
            self.stop = why

    def superseded(self) -> bool:
        """Whether the folder has been given to a later attempt, so that this worker must leave it alone."""
        try:
            return self._folder.read_spec().attempt != self._attempt
        except CurationError:
            return False

    def _run(self) -> None:
        written, stage = time.monotonic(), self._stage.name
        while not self._closing.wait(LOOK_EVERY_S):
            self._look()
            if time.monotonic() - written >= WRITE_EVERY_S or stage != self._stage.name:
                self._write()
                written, stage = time.monotonic(), self._stage.name

    def _look(self) -> None:
        if self._folder.cancel_path.exists():
            self.request_stop(Stop.CANCELLED)
        if self._limit_s and time.monotonic() - self._began > self._limit_s:
            self.request_stop(Stop.TIME_LIMIT)

    def _write(self) -> None:
        if self.superseded():
            self.request_stop(Stop.SUPERSEDED)
            return
        try:
            self._folder.write(self._folder.progress_path, self._report())
        except OSError as error:
            # A report that cannot be written (a full disk) must not end the step; the next one may succeed.
            logger.warning("Progress could not be written: %s", error)

    def _report(self) -> Progress:
        now = time.monotonic()
        self._beat += 1
        with self._lock:
            stage = self._stage
            return Progress(
                attempt=self._attempt,
                stage=stage.name,
                done=stage.done,
                total=stage.total,
                message=stage.message,
                tokens=stage.tokens,
                rate=stage.rate(),
                seconds_left=stage.seconds_left(now),
                timings=self._timings_now(now),
                beat=self._beat,
                heartbeat=utc_now(),
                started_at=self._started_at,
                pid=os.getpid(),
                host=socket.gethostname(),
                memory_gb=self._process.memory_info().rss / 1e9,
                peak_memory_gb=peak_memory_gb(),
                oom_kills=self._oom_kills,
            )

    def _timings_now(self, now: float) -> dict[str, float]:
        timings = {**self._timings, self._stage.name: self._stage_seconds(now)}
        return {name: round(seconds, 3) for name, seconds in timings.items()}

    def _stage_seconds(self, now: float) -> float:
        # A stage that comes back (one of many rounds) goes on counting.
        return self._timings.get(self._stage.name, 0.0) + now - self._stage.began
