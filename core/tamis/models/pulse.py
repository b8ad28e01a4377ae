"""Signs of life of long work: a model says after each piece how many tokens it took, and whoever watches hears it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[int], None]
# Of the whole process: a client of an endpoint works in threads of its own.
_LISTENERS: list[Listener] = []


def beat(n_tokens: int) -> None:
    """Say that a piece of work is done, with the tokens that it read or wrote; nothing where nobody listens."""
    for listener in tuple(_LISTENERS):
        listener(n_tokens)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear every beat of this process meanwhile, from whichever thread."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
