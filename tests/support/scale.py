"""How much of the same a run tries: `make test` looks at a part, `make test-all` at everything."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

_FEWEST = 20
_nightly = False


def choose(*, nightly: bool) -> None:
    """Called once, before any module of tests is imported."""
    global _nightly
    _nightly = nightly


def times(usual: int, nightly: int) -> int:
    """How often a test repeats what it does."""
    return nightly if _nightly else usual


def examples(nightly: int, **more: Any) -> settings:
    """Settings of a property: so many examples at night and a fifth of them in `make test`; no deadline on a busy machine."""
    return settings(max_examples=times(max(_FEWEST, nightly // 5), nightly), deadline=None, **more)
