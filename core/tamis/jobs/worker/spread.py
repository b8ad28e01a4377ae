"""One job's chunks over several processes: on this machine, or as actors of the Ray cluster that the job runs on.

The job's own process hands out chunk numbers and listens; members compute. A member is a process that is killed without
harm at any time: parts are renamed into place, and a chunk whose member has died goes back to the front.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tamis.errors import CurationError
from tamis.jobs.causes import (
    LESS_MEMORY,
    FailedElsewhere,
    explain_failure,
)
from tamis.jobs.model import ErrorKind, Resources
from tamis.steps.chunks import (
    ChunkWork,
    Compute,
    InThisProcess,
    Landed,
    Spread,
)

logger = logging.getLogger(__name__)

POLL_S = 0.02
MOST_TRIES = 3  # of one chunk whose process dies, and of one place whose process never gets ready
IN_A_RAY_JOB = (
    "RAY_JOB_CONFIG_JSON_ENV_VAR"  # what Ray sets for the process of a job that was submitted to it
)


class MemberDied(CurationError):
    """A member's process has ended, or its node; says how."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a chunk could not be computed; exceptions themselves do not all survive being pickled."""

    kind: ErrorKind
    reason: str
    trace: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a chunk."""

    number: int
    failure: Failure | None


class Member(Protocol):
    """A process that computes one chunk at a time. ``ready`` and ``answer`` do not wait, and raise MemberDied."""

    def ready(self) -> bool:
        """Whether a chunk can be given to it; False while it waits for a place on the cluster."""
        ...

    def give(self, number: int) -> None:
        """Begin a chunk."""
        ...

    def answer(self) -> Answer | None:
        """What became of the chunk it was given, None while it is at it."""
        ...

    def end(self) -> None:
        """Kill it."""
        ...


class Crew(Protocol):
    """Where members come from."""

    def hire(self, place: int, work: ChunkWork) -> Member:
        """Start the member of that place, counted from 0."""
        ...

    def close(self) -> None:
        """Let go of what hiring needed."""
        ...


class Chunker:
    """What a member does: it opens the work at the first chunk, and computes."""

    def __init__(self, work: ChunkWork, workspace: Path) -> None:
        self._work, self._workspace = work, workspace
        self._compute: Compute | None = None

    def ready(self) -> None:
        """Answer once the process is there."""

    def answer(self, number: int) -> Failure | None:
        """Compute a chunk; returns why it could not be."""
        try:
            if self._compute is None:
                self._compute = self._work.open()
            self._compute(number)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: B036 - native extensions panic past Exception
            kind, reason = explain_failure(error, self._workspace)
            return Failure(kind, reason, traceback.format_exc())
        return None


@dataclass(frozen=True, slots=True)
class Pool:
    """Chunks over the members of a crew, as many at most as there are chunks."""

    crew: Crew
    n_members: int

    def run(self, work: ChunkWork, numbers: Sequence[int], landed: Landed) -> None:
        """Compute these chunks in about this order.

        Raises FailedElsewhere for a chunk that failed, or whose process died three times, and what ``landed`` raises.
        """
        shift = _Shift(self.crew, work, deque(numbers))
        try:
            for place in range(min(self.n_members, len(numbers))):
                shift.hire(place)
            while shift.waiting or shift.given:
                moved = [shift.look(place, landed) for place in list(shift.members)]
                landed(None)
                if not any(moved):
                    time.sleep(POLL_S)
        finally:
            counts = ", ".join(f"{place}: {n}" for place, n in sorted(shift.landed.items()))
            logger.info("Chunks computed by each process: %s", counts or "none")
            for member in shift.members.values():
                member.end()
            self.crew.close()


@dataclass(slots=True)
class _Shift:
    """The members at work, by place, and the chunk that each was given."""

    crew: Crew
    work: ChunkWork
    waiting: deque[int]
    members: dict[int, Member] = field(default_factory=dict)
    given: dict[int, int] = field(default_factory=dict)
    landed: Counter[int] = field(default_factory=Counter)  # chunks by place
    deaths: Counter[int] = field(default_factory=Counter)  # by chunk
    false_starts: Counter[int] = field(default_factory=Counter)  # by place

    def hire(self, place: int) -> None:
        self.members[place] = self.crew.hire(place, self.work)

    def look(self, place: int, landed: Landed) -> bool:
        """Take a member's answer, or give it a chunk; whether there was something to do."""
        member = self.members[place]
        try:
            if place in self.given:
                return self._take(place, member.answer(), landed)
            if not self.waiting or not member.ready():
                return False
            member.give(self.waiting[0])
        except MemberDied as death:
            self._replace(place, death)
            return True
        self.given[place] = self.waiting.popleft()
        return True

    def _take(self, place: int, answer: Answer | None, landed: Landed) -> bool:
        if answer is None:
            return False
        if answer.failure is not None:
            logger.error("Chunk %d failed in another process\n%s", answer.number, answer.failure.trace)
            raise FailedElsewhere(answer.failure.kind, answer.failure.reason)
        del self.given[place]
        self.landed[place] += 1
        landed(answer.number)
        return True

    def _replace(self, place: int, death: MemberDied) -> None:
        self.members.pop(place).end()
        number = self.given.pop(place, None)
        logger.warning("Process %d of this job has ended (%s); it had chunk %s", place, death, number)
        if number is None:
            self.false_starts[place] += 1
        else:
            self.waiting.appendleft(number)
            self.deaths[number] += 1
        if number is not None and self.deaths[number] >= MOST_TRIES:
            text = f"Chunk {number} ended {MOST_TRIES} processes that computed it; the last time: {death}. {LESS_MEMORY}"
            raise FailedElsewhere(ErrorKind.LOST, text)
        if self.false_starts[place] < MOST_TRIES:
            self.hire(place)
        elif not self.members:
            raise FailedElsewhere(ErrorKind.BACKEND, f"No process of this job could start: {death}.")


def choose_spread(resources: Resources, workspace: Path) -> Spread:
    """Where a worker's chunks go: over Ray inside a job of a Ray cluster, over processes anywhere else.

    Raises MissingExtra when Ray is needed and its package is not there.
    """
    if resources.workers == 1:
        return InThisProcess()
    if IN_A_RAY_JOB in os.environ:
        from tamis.jobs.worker.spread_ray import RayCrew

        return Pool(RayCrew(resources, workspace), resources.workers)
    from tamis.jobs.worker.spread_local import LocalCrew

    return Pool(LocalCrew(resources, workspace), resources.workers)
