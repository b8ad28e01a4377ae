"""Where the words of a filter stand in the texts of rows: how many times, and each text cut at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from tamis.store.artifacts.readers import EXAMPLES
from tamis.store.artifacts.view import DatasetView
from tamis.store.rows.conditions import TEXT_COLUMNS, words_pattern
from tamis.store.rows.engine import Clause, scan_parquet
from tamis.store.rows.scope import Scope
from tamis.types import Int64s

Part: TypeAlias = tuple[str, bool]  # a piece of a text, and whether it is a hit
_ID = Clause("example_id")


def hit_patterns(scope: Scope) -> dict[str, str]:
    """By column, the regular expression (RE2) of what the filter looks for in it; empty where it looks for no words."""
    found: dict[str, list[str]] = {}
    for condition in scope.conditions:
        if condition.kind in ("contains", "matches"):
            words = str(condition.value)
            pattern = f"(?i:{words_pattern(words)})" if condition.kind == "contains" else f"(?:{words})"
            for column in TEXT_COLUMNS[condition.on]:
                found.setdefault(column, []).append(pattern)
    return {column: "|".join(patterns) for column, patterns in found.items()}


def count_hits(view: DatasetView, patterns: Mapping[str, str]) -> Int64s:
    """How often they stand in each row of the dataset, all columns together, shape (n,)."""
    counts = [
        Clause(f"len(regexp_extract_all(coalesce({column}, ''), ?))", (pattern,))
        for column, pattern in patterns.items()
    ]
    table = scan_parquet(view.require("examples").file(EXAMPLES), [_ID, *counts])
    n_hits = np.zeros(view.n_rows, dtype=np.int64)
    for number in range(1, len(counts) + 1):
        n_hits[table["c0"].to_numpy()] += table[f"c{number}"].to_numpy()
    return n_hits


def cut_at_hits(view: DatasetView, rows: Int64s, column: str, pattern: str) -> list[list[Part]]:
    """The texts of a column of these rows, in their order, as pieces that are hits or lie between two."""
    text = f"coalesce({column}, '')"
    columns = [
        _ID,
        Clause(text),
        Clause(f"regexp_extract_all({text}, ?)", (pattern,)),
        Clause(f"regexp_split_to_array({text}, ?)", (pattern,)),
    ]
    listed = ", ".join(str(int(row)) for row in rows) or "NULL"
    table = scan_parquet(
        view.require("examples").file(EXAMPLES), columns, [Clause(f"example_id IN ({listed})")]
    )
    cut = {line["c0"]: _pieces(line["c1"], line["c2"], line["c3"]) for line in table.to_pylist()}
    return [cut[int(row)] for row in rows]


def _pieces(text: str, hits: list[str], between: list[str]) -> list[Part]:
    pieces: list[Part] = []
    for number, other in enumerate(between):
        pieces += [(other, False)] if other else []
        pieces += [(hits[number], True)] if number < len(hits) and hits[number] else []
    # A pattern that also matches nothing is split otherwise than it is found.
    return pieces if "".join(piece for piece, _ in pieces) == text else [(text, False)]
