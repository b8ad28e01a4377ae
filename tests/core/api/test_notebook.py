"""The notebook in docs runs from top to bottom, as a newcomer would run it: elsewhere, offline, in a fresh interpreter."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "front_door.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
# What a kernel does: cells in one namespace, and the value of a last expression shown, as text and as HTML.
RUNNER = """
import ast, json, sys
from pathlib import Path

space = {"__name__": "__main__"}
for cell in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] != "code":
        continue
    source = "".join(cell["source"])
    print("In:", source, flush=True)
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), cell["id"], "exec"), space)
    if last is not None:
        value = eval(compile(last, cell["id"], "eval"), space)
        if value is not None:
            print("Out:", repr(value), flush=True)
            getattr(value, "_repr_html_", str)()
"""


def test_the_notebook_is_kept_without_its_outputs() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert len(code) > 15
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    assert len(CELLS) > 1.5 * len(code), "every part is explained"


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(NOTEBOOK)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    said = done.stdout
    assert "Out: Selection " in said
    assert ": 100 of " in said
    assert "cluster has no option 'n_cluster'. Known: " in said
    assert "Out: Identical: 100 rows" in said
    assert "Sample, reviewed: " in said
    assert "100%" in done.stderr


def test_the_lines_of_the_readme_are_all_that_it_takes(pipeline: Path, tmp_path: Path) -> None:
    """On what the pipeline made already, so that only the options that differ are computed."""
    readme = (NOTEBOOK.parents[1] / "README.md").read_text(encoding="utf-8")
    lines = readme.partition("## From Python")[2].partition("```python\n")[2].partition("```")[0]
    assert len(lines.splitlines()) == 10  # seven statements, three of them on a line of their own
    smaller = lines.replace("n_clusters=64", "n_clusters=4").replace("budget=1000", "budget=10")
    shutil.copytree(pipeline, tmp_path / "workspace")
    shutil.copy(pipeline.parent / "questions.jsonl", tmp_path / "train.jsonl")
    named = smaller.replace("My data", "Questions").replace("embed()", 'embed("hashing")')
    done = subprocess.run(
        [sys.executable, "-c", named], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert len((tmp_path / "subset.jsonl").read_text(encoding="utf-8").splitlines()) == 10
