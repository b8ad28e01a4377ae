"""Fixtures that every room of tests may use."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Tests run beside each other: threads that wait for each other on busy cores cost many times what they save. Read by
# the numerical libraries when they are loaded, so before everything else.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What umap-learn compiles runs on a few rows once: making it fast takes longer than it is ever used.
os.environ.setdefault("NUMBA_OPT", "0")

import pytest

from tests.support import scale

# Nothing may be downloaded by a test, and a hub library that tries must fail at once.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A bug on a page must fail its test with its traceback.
os.environ.setdefault("TAMIS_DEBUG", "true")

# A worker that a test starts has its steps from the tests, so the checkout must be where it looks for modules.
_INHERITED = os.environ.get("PYTHONPATH", "")
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).resolve().parent.parent), _INHERITED])
)

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One switch for everything that `make test` has no time for."""
    parser.addoption(
        "--nightly", action="store_true", help="run the nightly tests too, and more of everything"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before the first module of tests is imported."""
    scale.choose(nightly=config.getoption("--nightly"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for; where processes share the tests, the longest modules go first."""
    asked = config.getoption("-m")
    if not config.getoption("--nightly") and "nightly" not in asked:
        _leave_out_nightly(config, items)
    for item in items:
        if item.get_closest_marker("external") and "external" not in asked:
            item.add_marker(pytest.mark.skip(reason="needs a network or a model that is not bundled"))
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """What was loaded until now stays: looked through for garbage again and again, it took a twentieth of a run."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end of the process it goes as it always does: some libraries count what is left."""
    gc.unfreeze()


def _leave_out_nightly(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Unless a test was named."""
    named = any("::" in argument for argument in config.args)
    left_out = [item for item in items if item.get_closest_marker("nightly") and not named]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _rank(item: pytest.Item) -> int:
    """A long module that begins last would be waited for by the other process."""
    return 0 if item.get_closest_marker("browser") else 1 if item.get_closest_marker("slow") else 2


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
