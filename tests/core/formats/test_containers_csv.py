"""Tables whose quotes are not closed lose one line, not the rest of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.formats import FORMATS
from tamis.formats.reader import read_batches
from tamis.registry import parse_options


def read(path: Path) -> tuple[list[str], list[tuple[int, str, str]]]:
    fields = parse_options(FORMATS["alpaca"].options, {})
    batches = list(read_batches(path, format_name="alpaca", fields=fields))
    prompts = [text for batch in batches for text in batch.table.column("prompt").to_pylist()]
    return prompts, [(r.line, r.reason, r.raw) for batch in batches for r in batch.rejects]


@pytest.mark.parametrize(("delimiter", "ending"), [(",", "\n"), ("\t", "\r\n")])
def test_an_open_quote_costs_one_line(tmp_path: Path, delimiter: str, ending: str) -> None:
    lines = [delimiter.join(("instruction", "output"))]
    lines += [delimiter.join((f"q{n}", f"a{n}")) for n in range(2000)]
    lines[10] = f'"open{delimiter}a9'
    lines[500] = delimiter.join(("q499", '"two' + ending + 'lines"'))
    path = tmp_path / "quote.csv"
    path.write_bytes((ending.join(lines) + ending).encode())
    prompts, rejects = read(path)
    assert len(prompts) == 1999
    assert rejects == [
        (11, "a quote opened on line 11 is not closed where a cell ends", f'"open{delimiter}a9')
    ]


def test_several_open_quotes_cost_a_line_each_at_most(tmp_path: Path) -> None:
    lines = ["instruction,output"] + [f"q{n},a{n}" for n in range(50)]
    lines[49] = '"last,a'
    path = tmp_path / "quotes.csv"
    path.write_text("\n".join(lines))
    prompts, rejects = read(path)
    assert len(prompts) + len(rejects) == 50
    assert len(prompts) == 49
