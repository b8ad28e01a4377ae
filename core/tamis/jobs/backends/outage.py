"""A short memory of a cluster that did not answer, so that not every question waits for the same time-out."""

from __future__ import annotations

import time
from collections.abc import Callable

from tamis.jobs.backends import NoAnswer


class Outage:
    """While one lasts, ``check`` raises what was said when it began; safe in several threads."""

    def __init__(self, *, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._until = 0.0
        self._text = ""

    def check(self) -> None:
        """Raise NoAnswer when the cluster did not answer a moment ago."""
        if self.text is not None:
            raise NoAnswer(self.text)

    @property
    def text(self) -> str | None:
        """What was said when it began; None when there is none now."""
        return self._text if self._clock() < self._until else None

    def begin(self, text: str) -> NoAnswer:
        """Note that it did not answer; returns the error to raise."""
        self._text, self._until = text, self._clock() + self._pause_s
        return NoAnswer(text)

    def end(self) -> None:
        """It answers."""
        self._until = 0.0
