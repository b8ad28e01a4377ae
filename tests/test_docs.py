"""The README is held against the program: every name, setting, command, page and link in it must be real and all be there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from pages.shared.navigation import APP_PAGES
from tamis.campaigns import CAMPAIGNS
from tamis.cli.main import COMMANDS
from tamis.cli.main import ROOT as ROOT_COMMAND
from tamis.clusterers import CLUSTERERS
from tamis.encoders import ENCODERS
from tamis.filters import FILTERS
from tamis.formats import FORMATS
from tamis.generators import GENERATORS
from tamis.jobs.backends import BACKENDS
from tamis.llms import LLMS
from tamis.projectors import PROJECTORS
from tamis.pruners import PRUNERS
from tamis.recipes import RECIPES
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS
from tamis.settings import Settings
from tamis.steps import STEPS
from tamis.steps.examine.marks import MARKS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = (
    FORMATS,
    ENCODERS,
    CLUSTERERS,
    PROJECTORS,
    SCORERS,
    LLMS,
    PRUNERS,
    RECIPES,
    SELECTORS,
    BACKENDS,
    STEPS,
    GENERATORS,
    FILTERS,
    MARKS,
    CAMPAIGNS,
)
NAMES = [(table.kind, name) for table in TABLES for name in table]


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_of_every_table_is_in_the_readme(kind: str, name: str) -> None:
    assert f"`{name}`" in README, f"{kind} {name!r} is not in README.md"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`TAMIS_{name.upper()}`" in README


def test_every_setting_in_the_readme_is_real() -> None:
    known = {f"TAMIS_{name.upper()}" for name in Settings.model_fields} | {"TAMIS_CHROMIUM", "TAMIS_COMPLETE"}
    assert set(re.findall(r"TAMIS_[A-Z_]+", README)) <= known


def test_every_command_is_in_the_readme() -> None:
    missing = [name for name in COMMANDS if f"tamis {name}" not in README]
    assert not missing


def test_every_action_of_a_command_stands_beside_it_in_the_readme() -> None:
    lines = [line for line in README.splitlines() if line.startswith("tamis ")]
    context = click.Context(ROOT_COMMAND)
    missing = []
    for name in set(COMMANDS) - {"run"}:  # its actions are the steps, which have a table
        command = ROOT_COMMAND.get_command(context, name)
        about = " ".join(line for line in lines if re.match(rf"tamis {name}\b", line))
        actions = command.list_commands(context) if isinstance(command, click.Group) else []
        missing += [f"{name} {action}" for action in actions if not re.search(rf"\b{action}\b", about)]
    assert not missing


def test_every_page_is_in_the_readme() -> None:
    missing = [page.title for page in APP_PAGES if page.exists and f"**{page.title}**" not in README]
    assert not missing, f"pages missing from the tour: {missing}"


def test_relative_links_and_pictures_are_there() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README) + re.findall(
        r'src="(?!https?:)([^"]+)"', README
    )
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing


def test_no_page_shadows_a_module() -> None:
    import importlib.util

    for path in (ROOT / "pages").glob("*.py"):
        if path.stem != "__init__":
            assert importlib.util.find_spec(path.stem) is None, f"pages/{path.name} shadows a module"
