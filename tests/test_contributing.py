"""CONTRIBUTING's walk is walked: its changes are made in a copy of the project, and the checks that it names pass there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALK = GUIDE[GUIDE.index("## Add a scorer") : GUIDE.index("## Changes and releases")]
CREATED = re.compile(r"Create `([^`]+)`:\n\n```\w+\n(.*?)```", re.S)
INSERTED = re.compile(r"[Ii]n\s`([^`]+)`, before (`{1,2})(.+?)\2:\n\n```\w+\n(.*?)```", re.S)
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", ".*", "fixtures", "e2e", "workspace", "build", "dist", "node_modules"
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as it stands, without what the walk does not touch."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("core", "pages", "tests", "docs", "sample_data"):
        shutil.copytree(ROOT / name, project / name, ignore=LEFT_OUT)
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, project)
    return project


def walk(project: Path) -> None:
    """Make the changes of the walk, in the order in which they stand."""
    for path, text in CREATED.findall(WALK):
        assert not (project / path).exists(), f"{path} is there already"
        (project / path).write_text(text, encoding="utf-8")
    inserted = INSERTED.findall(WALK)
    assert len(inserted) == 5
    for path, _, before, text in inserted:
        content = (project / path).read_text(encoding="utf-8")
        assert content.count(f"\n{before}") == 1, f"{before!r} does not stand once in {path}"
        (project / path).write_text(content.replace(f"\n{before}", f"\n{text}{before}"), encoding="utf-8")


def outside_of_xdist() -> dict[str, str]:
    """The environment without what would tell a test run that it is part of this one."""
    return {name: value for name, value in os.environ.items() if "PYTEST" not in name}


def test_the_scorer_of_the_walk_works_and_every_check_passes(copy: Path) -> None:
    walk(copy)
    [command] = re.findall(r"```sh\npython -m (pytest .*?)\n```", WALK)
    environment = outside_of_xdist() | {"PYTHONPATH": str(copy / "core"), "HF_HUB_OFFLINE": "1"}
    checks = [sys.executable, "-m", *command.split(), "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(checks, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "core", "tests"], cwd=copy, capture_output=True, text=True
    )
    assert linted.returncode == 0, linted.stdout[-2000:] + linted.stderr[-500:]
    asked = (
        "from tamis.scorers import SCORERS, ScorerInput\n"
        "row = SCORERS['variety']\n"
        "found = row.load()(row.options()).score(ScorerInput(['p', 'p'], ['again and again', '']))\n"
        "print(found['score'].tolist())"
    )
    said = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("[0.666")
    assert "nan" in said.stdout


def test_the_walk_would_fail_without_its_row(copy: Path) -> None:
    walk(copy)
    table = copy / "core" / "tamis" / "compute" / "METHODS.md"
    table.write_text(table.read_text(encoding="utf-8").replace("`variety`", "`varied`"), encoding="utf-8")
    environment = outside_of_xdist() | {"PYTHONPATH": str(copy / "core")}
    checks = [
        sys.executable,
        "-m",
        "pytest",
        "tests/test_methods_document.py",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(checks, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "variety" in done.stdout
