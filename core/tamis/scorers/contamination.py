"""Rows that hold items of evaluation files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq

from tamis.compute.text.contamination import ngram_overlap
from tamis.errors import InvalidOptions, UnreadableFile
from tamis.scorers import ScorerInput
from tamis.scorers.duplicates import chosen_texts
from tamis.scorers.options import ContaminationOptions, evaluation_file_hash
from tamis.types import JSON, Float32s


class ContaminationScorer:
    """1 − the largest share of an evaluation item that a row holds; never NaN."""

    def __init__(self, options: ContaminationOptions) -> None:
        if not options.files:
            raise InvalidOptions(
                'Contamination is measured against files: name them as files, ["eval.jsonl"].'
            )
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, and ``item`` (n,): the record it shares most with, counted over all files, −1 for none."""
        options = self._options
        texts: list[str] = []
        records: list[int] = []
        for path, wanted in zip(options.files, options.hashes, strict=True):
            if evaluation_file_hash(path) != wanted:
                raise UnreadableFile(
                    f"The evaluation file {path} has changed since the score was asked for: ask again."
                )
            start = records[-1] + 1 if records else 0
            for number, strings in enumerate(rows.limited(read_texts, Path(path).expanduser())):
                texts += strings
                records += [start + number] * len(strings)
        overlap = ngram_overlap(chosen_texts(rows, options.text), texts, n_words=options.n_words)
        items = np.array([records[item] if item >= 0 else -1 for item in overlap.item], dtype=np.float32)
        return {"score": (1 - overlap.fraction).astype(np.float32), "item": items}


def read_texts(path: Path) -> list[list[str]]:
    """The texts of every record of a file: every string of an object, every cell of a row, every line of plain text.

    Raises UnreadableFile for a file that is not what its name says.
    """
    kind = path.suffix.lower()
    try:
        return list(_texts(path, kind))
    except (OSError, ValueError, csv.Error) as error:
        raise UnreadableFile(
            f"The evaluation file {path} cannot be read as {kind or 'text'}: {error}"
        ) from error


def _texts(path: Path, kind: str) -> Iterator[list[str]]:
    if kind == ".parquet":
        yield from (_strings(row) for row in pq.read_table(path).to_pylist())
        return
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if kind in (".csv", ".tsv"):
        yield from csv.reader(io.StringIO(text), delimiter="\t" if kind == ".tsv" else ",")
    elif kind == ".json":
        parsed = orjson.loads(text)
        yield from (_strings(one) for one in (parsed if isinstance(parsed, list) else [parsed]))
    elif kind in (".jsonl", ".ndjson"):
        yield from (_strings(orjson.loads(line)) for line in text.splitlines() if line.strip())
    else:
        yield from ([line] for line in text.splitlines())


def _strings(value: JSON) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return []
