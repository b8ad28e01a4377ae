"""One style of numbers: a space before the percent sign, a minus and no hyphen, said in one place (``tamis.reprs``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tamis.reprs import as_percent, percent, signed, with_minus

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("core/tamis", "pages")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".jinja")
)
# Streamlit tells the direction of a change by its hyphen.
BY_HYPHEN = {"pages/parts/finetuning/results.py"}
FORMS = {
    "a format of Python that writes 12%": re.compile(r":[<>+]*\d*\.\d%\}"),
    "Streamlit's format that writes 38.85%": re.compile(r"format=\"percent\""),
    "a format of d3 without the theme of figures (pages/shared/figures/__init__.py)": re.compile(
        r"(format=|:)\"?\.\d%[\"}]"
    ),
    "a percentage in words without its space": re.compile(
        r"(?<![\w.#%])\d+(\.\d+)?% (?!\d)[a-z]|\d%-? interval"
    ),
}
SIGNED = re.compile(r"\{[^{}]*:\+,?\.\d[fg]\}")


@pytest.mark.parametrize("said", FORMS)
def test_no_source_says_a_percentage_otherwise(said: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FORMS[said].search(line) and path != ROOT / "pages/shared/figures/__init__.py"
    ]
    assert not found, said


def test_no_page_writes_a_difference_with_a_hyphen() -> None:
    pages = [path for path in SOURCES if path.is_relative_to(ROOT / "pages")]
    found = [
        str(name)
        for path in pages
        if (name := path.relative_to(ROOT).as_posix()) not in BY_HYPHEN
        and SIGNED.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_numbers_in_the_one_style() -> None:
    assert [as_percent(0.3885), as_percent(0.3885, 1), as_percent(-0.02)] == ["39 %", "38.9 %", "−2 %"]
    assert [percent(0.5), percent(0.001), percent(0.999)] == ["50 %", "< 1 %", "> 99 %"]
    assert [signed(-0.174, 3), signed(0.5, 1), with_minus("-0.0885")] == ["−0.174", "+0.5", "−0.0885"]
