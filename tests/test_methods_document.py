"""METHODS.md beside the code: every section that is cited is there, every method listed, every file named is real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tamis.compute
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS
from tamis.steps import STEPS

DOCUMENT = Path(tamis.compute.__file__).parent / "METHODS.md"
ROOT = next(folder for folder in DOCUMENT.parents if (folder / "pyproject.toml").exists())
TEXT = DOCUMENT.read_text(encoding="utf-8")
SOURCES = [
    path for top in ("core", "pages", "tests") for path in (ROOT / top).rglob("*.py") if path.name != Path(__file__).name
]  # fmt: skip
NUMBER = r"\d+(?:\.\d+)*"
CITATION = re.compile(
    rf"METHODS\.md\s+({NUMBER}(?:(?:,\s*(?:and\s+)?|\s+and\s+|\s*[-–]\s*){NUMBER})*)", re.IGNORECASE
)
HEADINGS = set(re.findall(rf"^#+ ({NUMBER})\.? ", TEXT, re.MULTILINE))
ROWS = re.findall(
    r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", TEXT, re.MULTILINE
)  # kind, names, section, tests
LISTED = {(kind, name): section for kind, names, section in ROWS for name in re.findall(r"`(\w+)`", names)}


def sections_cited(text: str) -> Iterator[str]:
    """Every section number that a text cites, ranges written out."""
    for listed in CITATION.findall(text):
        for part in re.split(r",\s*(?:and\s+)?|\s+and\s+", listed):
            first, *last = re.split(r"\s*[-–]\s*", part)
            chapter, _, low = first.rpartition(".")
            high = int(last[0].rpartition(".")[2]) if last else int(low)
            yield from (f"{chapter}.{n}" if chapter else str(n) for n in range(int(low), high + 1))


CITED = [(path, section) for path in SOURCES for section in sections_cited(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("METHODS.md 1.4, 1.7, 1.8.", ["1.4", "1.7", "1.8"]),
        ("(2403.12776; METHODS.md 2.2-2.4)", ["2.2", "2.3", "2.4"]),
        ("METHODS.md 1.4 and 1.8: 3 rows", ["1.4", "1.8"]),
        ("METHODS.md\n    1.1, 1.8 and 4.10", ["1.1", "1.8", "4.10"]),
        ("METHODS.md 1). METHODS.md 4.2 with alpha 0", ["1", "4.2"]),
        ("METHODS.md says nothing, 1.8 neither", []),
    ],
)
def test_citations_are_read_whatever_their_form(text: str, wanted: list[str]) -> None:
    assert list(sections_cited(text)) == wanted


def test_every_section_cited_is_a_heading() -> None:
    assert len(CITED) > 40, "hardly any citation was found: the pattern or the folders are wrong"
    lost = sorted(
        {f"{path.relative_to(ROOT)}: {section}" for path, section in CITED if section not in HEADINGS}
    )
    assert not lost, f"METHODS.md has no such section: {lost}"


@pytest.mark.parametrize(("kind", "name"), [(t.kind, name) for t in (SELECTORS, SCORERS) for name in t])
def test_every_method_and_score_is_in_the_table_with_its_section(kind: str, name: str) -> None:
    section = LISTED.get((kind, name), "")
    assert section, f"{kind} {name!r} is not in the table of METHODS.md"
    assert set(re.findall(NUMBER, section)) <= HEADINGS


def test_no_method_in_the_table_is_gone() -> None:
    real = {(table.kind, name) for table in (SELECTORS, SCORERS) for name in table}
    assert {pair for pair in LISTED if pair[0] in (SELECTORS.kind, SCORERS.kind)} == real


def test_every_file_named_is_there() -> None:
    there = [f"/{path.relative_to(ROOT)}" for path in SOURCES]
    named = sorted(set(re.findall(r"`([\w/]+\.py)`", TEXT)))
    assert len(named) > 40
    assert not [name for name in named if not any(path.endswith(f"/{name}") for path in there)]


VERIFIED = {
    section: (how, unknown)
    for section, how, unknown in re.findall(rf"^\| ({NUMBER}) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
}


@pytest.mark.parametrize(
    "section", sorted(number for number in HEADINGS if re.fullmatch(r"[1-9]\.\d+", number))
)
def test_every_section_says_how_it_is_verified_and_what_is_not_known(section: str) -> None:
    assert section in VERIFIED, f"section {section} has no row in the table of 0.5"
    how, unknown = VERIFIED[section]
    assert re.search(r"`test_\w+\.py`", how) or how.startswith("not verified: ")
    assert len(unknown) > 8


def test_the_table_has_no_section_that_is_gone_and_names_every_file_of_twins() -> None:
    assert set(VERIFIED) <= HEADINGS
    named = " ".join(how for how, _ in VERIFIED.values())
    twins = {path.name for path in (ROOT / "tests" / "methods").glob("test_*.py")}
    assert not {name for name in twins if f"`{name}`" not in named}


# Where a step is a method; those that compute no number of their own say so.
STEP_SECTIONS = {
    "cluster": "1.2", "regroup": "1.2", "project": "6.1", "score": "4.3", "select": "1.1", "compare": "5.4", "propose": "2.3",
    "refine": "1.9", "finetune": "1.5", "prune": "3.1", "referee": "5.9", "worth": "5.10", "examine": "3.11", "augment": "3.8",
    "curate": "6.5", "name_clusters": "6.3",
}  # fmt: skip
NO_METHOD = {"import": "reads files as they are", "embed": "runs an encoder of others (0.2)"}


@pytest.mark.parametrize("step", list(STEPS))
def test_every_step_is_verified_somewhere_or_is_no_method(step: str) -> None:
    assert (step in STEP_SECTIONS) != (step in NO_METHOD)
    assert step in NO_METHOD or STEP_SECTIONS[step] in VERIFIED


@pytest.mark.parametrize(("kind", "name"), [(t.kind, name) for t in (SELECTORS, SCORERS) for name in t])
def test_every_method_and_score_says_how_it_is_verified_and_what_is_not_known(kind: str, name: str) -> None:
    sections = re.findall(NUMBER, LISTED[(kind, name)])
    assert sections
    assert set(sections) <= VERIFIED.keys()
