"""What a worker imports before a short step computes: most of such a step's time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "scipy.stats", "scipy.optimize", "scipy.sparse", "sklearn", "pandas", "torch", "transformers", "datasets", "faiss", "numba",
    "umap", "hdbscan", "streamlit",
}  # fmt: skip


@pytest.mark.parametrize(
    ("step", "method"),
    [
        ("project", "tamis.projectors:PROJECTORS:pca"),
        ("select", "tamis.selectors:SELECTORS:kmq"),
        ("score", "tamis.scorers:SCORERS:length"),
        ("compare", ""),
        ("cluster", "tamis.clusterers:CLUSTERERS:kmeans"),
    ],
)
def test_a_short_step_imports_nothing_heavy(step: str, method: str) -> None:
    module, table, name = method.split(":") if method else ("tamis.steps", "STEPS", step)
    script = (
        "import importlib, json, sys\n"
        "import tamis.jobs.worker.main\n"
        "from tamis.steps import STEPS\n"
        f"STEPS[{step!r}].load()\n"
        f"getattr(importlib.import_module({module!r}), {table!r})[{name!r}].load()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(answer.stdout.splitlines()[-1]))
