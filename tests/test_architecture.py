"""The shape of the house, beyond what the import contracts can say: no circle, no shared drawer, nothing too long to read."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from xml.etree import ElementTree

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"tamis": ROOT / "core" / "tamis", "pages": ROOT / "pages"}
SOURCES = [ROOT / "app.py", *(path for folder in PACKAGES.values() for path in sorted(folder.rglob("*.py")))]
PAGE_LINES, MODULE_LINES, BODY_LINES = 150, 400, 40
SHARED_MODULES = 45


@cache
def _imports() -> dict[str, set[str]]:
    """Every module of ours with the modules of ours that it imports."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_a_detour(package: str) -> None:
    ours = {module: imported for module, imported in _imports().items() if module.split(".")[0] == package}
    try:
        TopologicalSorter(ours).prepare()
    except CycleError as circle:
        pytest.fail(" ← ".join(circle.args[1]))


def test_the_parts_of_a_page_are_imported_by_that_page_alone() -> None:
    strangers = []
    for module, imported in _imports().items():
        for name in imported:
            page = name.removeprefix("pages.parts.").split(".")[0]
            at_home = module == f"pages.{page}" or f"{module}.".startswith(f"pages.parts.{page}.")
            if name.startswith("pages.parts.") and not at_home:
                strangers.append(f"{module} imports {name}")
    assert not strangers


def test_what_pages_share_stays_a_shelf() -> None:
    """Whatever serves one page lies with that page."""
    shared = [path for path in (ROOT / "pages" / "shared").rglob("*.py") if path.name != "__init__.py"]
    assert len(shared) < SHARED_MODULES


def test_what_pages_share_is_used_by_more_than_one() -> None:
    imports = _imports()
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    reached = {page: _reached(imports, page) for page in pages}
    for module in imports:
        if module.startswith("pages.shared.") and any(module in names for names in reached.values()):
            users = [page for page in pages if module in reached[page]]
            assert len(users) > 1, f"{module} serves only {users[0]}: it belongs into pages/parts/{users[0]}"


def _reached(imports: dict[str, set[str]], page: str) -> set[str]:
    found: set[str] = set()
    waiting = [f"pages.{page}"]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [name for name in imports[module] if name.startswith("pages.")]
    return found


def test_the_picture_shows_the_layers_of_the_contracts() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = {
        contract["containers"][0]: [set(layer.split(" | ")) for layer in contract["layers"]]
        for contract in config["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and "containers" in contract
    }
    assert _drawn_layers() == layers
    assert "docs/architecture.svg" in (ROOT / "README.md").read_text(encoding="utf-8")


def _drawn_layers() -> dict[str, list[set[str]]]:
    """What docs/architecture.svg shows from top to bottom: per package its layers, each with the names of its rooms."""
    svg = "{http://www.w3.org/2000/svg}"
    picture = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    return {
        package.get("id", ""): [
            {text.text or "" for text in layer.iter(f"{svg}text") if "room" in text.get("class", "").split()}
            for layer in package.findall(f"{svg}g[@class='layer']")
        ]
        for package in picture.findall(f"{svg}g[@id]")
    }


def test_every_module_is_short_enough_to_read() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    pages = ROOT / "pages"
    assert not {
        path.relative_to(ROOT).as_posix(): lines
        for path, lines in lengths.items()
        if lines > (PAGE_LINES if path.parent == pages else MODULE_LINES)
    }


def test_every_function_is_short_enough_to_read() -> None:
    assert not {
        f"{path.relative_to(ROOT).as_posix()}: {name}": lines
        for path in SOURCES
        for name, lines in _functions(path)
        if lines > BODY_LINES
    }


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # What a function takes and its docstring are a table to look things up in; what it does is to be read.
            code = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield node.name, (code[-1].end_lineno or 0) - code[0].lineno + 1 if code else 0
