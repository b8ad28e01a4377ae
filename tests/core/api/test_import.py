"""``import tamis`` brings nothing along, and every name of the front door is there when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tamis
from tamis.selectors import SELECTORS

STUB = ast.parse(Path(tamis.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement and had not before."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_tamis_imports_nothing_else() -> None:
    assert modules_after("import tamis") == {"tamis"}


def test_an_error_is_caught_without_importing_anything_heavy() -> None:
    loaded = modules_after("import tamis; tamis.errors.InvalidOptions; dir(tamis)")
    assert not {"numpy", "pydantic", "pyarrow", "tamis.api"} & loaded


def test_a_method_on_arrays_needs_no_workspace() -> None:
    loaded = modules_after("import tamis; tamis.kmq; tamis.kmeans; tamis.update_weights")
    heavy = {
        "duckdb",
        "pyarrow",
        "pandas",
        "torch",
        "transformers",
        "sqlite3",
        "streamlit",
        "tqdm",
        "tamis.store",
    }
    assert not heavy & loaded


@pytest.mark.parametrize("name", tamis.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(tamis, name) is not None
    assert name in dir(tamis)


def test_a_name_that_is_none_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'tamis' has no attribute 'kmeens'"):
        tamis.kmeens  # noqa: B018


def test_every_selection_method_is_a_name() -> None:
    assert set(SELECTORS) <= set(tamis.__all__)


def test_editors_are_told_the_same_names() -> None:
    imported = {
        f"{node.module}:{alias.asname}"
        for node in STUB.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {f"{module}:{name}" for name, module in tamis._WHERE.items()} | {"tamis:errors"}


def test_opening_a_workspace_loads_no_model_library() -> None:
    loaded = modules_after("import tamis; tamis.open('nowhere')")
    heavy = {
        "torch",
        "transformers",
        "faiss",
        "sklearn",
        "scipy.optimize",
        "scipy.stats",
        "pandas",
        "streamlit",
        "tqdm",
    }
    assert not heavy & loaded


def test_an_import_is_asked_for_without_what_only_computing_needs() -> None:
    loaded = modules_after("import tamis.cli.data, tamis.actions.imports")
    heavy = {
        "scipy",
        "icu4py",
        "charset_normalizer",
        "sklearn",
        "pandas",
        "torch",
        "transformers",
        "datasets",
    }
    assert not heavy & loaded
