"""Fixtures for jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.jobs.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A workspace with two slots; workers that a failing test leaves behind are ended."""
    made = Engine.over(tmp_path / "workspace", cpu_slots=2)
    yield made
    made.stop_everything()
