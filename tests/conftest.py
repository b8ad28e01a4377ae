"""Fixtures that every room of tests may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Nothing may be downloaded by a test, and a hub library that tries must fail at once.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A worker that a test starts has its steps from the tests, so the checkout must be where it looks for modules.
_INHERITED = os.environ.get("PYTHONPATH", "")
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).resolve().parent.parent), _INHERITED])
)

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a network unless it was asked for by its mark."""
    if config.getoption("-m"):
        return
    for item in items:
        if "external" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a network or a model that is not bundled"))


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit puts the page of an ``AppTest`` in place of ``__main__``, which every process spawned later would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def lima_file() -> Path:
    """LIMA beside the repository; tests that need it skip where it is missing."""
    path = SHARED_DATA / "lima_train.jsonl"
    if not path.exists():
        pytest.skip("../shared/data/lima_train.jsonl is not there")
    return path
