"""Requests with a limit on all of their time: a server that drips bytes keeps every wait for the next one short."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tamis.llms.endpoint_errors import TooSlow

T = TypeVar("T")


class EndpointLoop:
    """An event loop in a thread of its own, where a request can be given up whatever it is waiting for.

    A client's own time-out counts from byte to byte, and a thread that reads cannot be interrupted. The thread ends with
    this object.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=_run, args=(self._loop,), name="endpoint", daemon=True)
        self.thread.start()
        weakref.finalize(self, _stop, self._loop)

    def run(self, ask: Callable[[], Awaitable[T]], limit_s: float) -> T:
        """What ``ask`` gives, from any thread; raises TooSlow when that takes longer, and what ``ask`` raises."""

        async def limited() -> T:
            async with asyncio.timeout(limit_s):
                return await ask()

        try:
            return asyncio.run_coroutine_threadsafe(limited(), self._loop).result()
        except TimeoutError as error:
            raise TooSlow from error


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
