"""The chunks of score: what any process needs to score consecutive examples, and what that took."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.clear.alignment import background_alignment
from tamis.encoders import open_encoder
from tamis.llms import open_llm
from tamis.llms.bundled_tokenizer import count_bundled_tokens
from tamis.models.adapters import PREFIX, adapter_folder
from tamis.protocols import Call, LanguageModel, Usage, call_here
from tamis.registry import Options
from tamis.scorers import SCORERS, Scorer, ScorerInput
from tamis.steps.chat_prompts import asked_prompt
from tamis.steps.chunks import Compute, RowReader, part_file
from tamis.steps.score.options import ScoreOptions
from tamis.steps.score.target_files import TargetFiles
from tamis.store.artifacts.readers import read_example_rows
from tamis.types import JSON, Float32s, Int64s

PARSED = {"conversations": "messages", "meta": "meta"}  # columns of examples that hold JSON
ABOUT = b"tamis"  # where a part keeps what it took, apart from its columns


@dataclass(frozen=True, slots=True)
class ScoreChunks:
    """Scores of ``chunk_rows`` consecutive examples (0: of all) as one part, or of so many of the rows ``chosen``, ascending.

    ``vectors`` are the files of prompt and response vectors, None where the scorer reads none; ``target`` what it compares
    rows with.
    """

    workspace: Path
    examples: Path
    vectors: tuple[Path, Path] | None
    parts: Path
    options: ScoreOptions
    chunk_rows: int
    limited: Call = call_here
    target: TargetFiles | None = None
    chosen: Int64s | None = None

    def open(self) -> Compute:
        """Open the scorer and the models that it asks, each loaded at its first question."""
        row = SCORERS[self.options.scorer]
        scorer = self.options.build("scorer")(with_model_folder(self.options, self.workspace))
        llm = self._open_model(row)
        encode = scorer_encoder(self.options)
        reader = RowReader(self.examples, columns_read(row), self.chunk_rows) if self.chosen is None else None
        vectors = None if self.vectors is None else [np.load(path, mmap_mode="r") for path in self.vectors]
        background = background_alignment(*vectors) if vectors else float("nan")
        target = None if self.target is None else self.target.open()
        row_vectors = None if self.target is None else self.target.row_vectors()

        def compute(number: int) -> None:
            ids = self._ids(number)
            rows = (
                reader.rows(number)
                if reader is not None
                else read_example_rows(self.examples, ids, columns_read(row))
            )
            start = number * self.chunk_rows
            place = slice(start, start + rows.num_rows) if self.chosen is None else ids
            sides = [np.asarray(side[place]) for side in vectors] if vectors else None
            before = None if llm is None else llm.usage
            given = scorer_input(row, rows, sides, llm=llm, encode=encode)
            own = None if row_vectors is None else row_vectors[place]
            given = replace(
                given,
                background=background,
                limited=self.limited,
                target=target,
                row_vectors=own,
                count_tokens=count_bundled_tokens,
            )
            table = columns_table(scorer.score(given)).replace_schema_metadata(
                {ABOUT: spent_since(llm, before)}
            )
            with part_file(self.parts / part_name(number)) as aside:
                pq.write_table(table, aside)

        return compute

    def _ids(self, number: int) -> Int64s:
        """The chosen rows of a chunk."""
        known = np.zeros(0, dtype=np.int64) if self.chosen is None else self.chosen
        return known[number * self.chunk_rows : (number + 1) * self.chunk_rows]

    def _open_model(self, row: Scorer) -> LanguageModel | None:
        if not row.needs_llm:
            return None
        options = self.options
        return open_llm(options.llm, options.llm_options, workspace=self.workspace, needs=row.needs_llm)


@dataclass(slots=True)
class Spent:
    """What the parts took: rows scored, and questions to the language model over all attempts and processes."""

    rows: int = 0
    llm_identity: str = ""
    usage: Usage = Usage()

    def add(self, path: Path) -> None:
        """Take in one part."""
        metadata = pq.read_metadata(path)
        self.rows += metadata.num_rows
        about = orjson.loads((metadata.metadata or {}).get(ABOUT, b"{}"))
        if about:
            self.llm_identity = about["llm_identity"]
            self.usage = combined(self.usage, Usage(**about["usage"]))

    def summary(self, llm: str) -> dict[str, JSON]:
        """What a summary says of the model ``llm`` that was asked."""
        usage = self.usage
        return {
            "llm": llm,
            "llm_identity": self.llm_identity,
            "n_questions": usage.calls,
            "n_reused": usage.reused,
            "n_not_answered": usage.not_answered,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cost": usage.cost,
        }

    def text(self) -> str:
        """The questions in words; empty when no model was asked."""
        if not self.llm_identity:
            return ""
        usage = self.usage
        tokens = usage.prompt_tokens + usage.completion_tokens
        cost = "" if usage.cost is None else f", cost {usage.cost:,.2f}"
        return f"{usage.calls:,} questions, {tokens:,} tokens{cost}, {usage.reused:,} reused"


def columns_table(columns: Mapping[str, Float32s]) -> pa.Table:
    """What a scorer returned as a table: a matrix (n, m) is a column of lists of m numbers."""
    flat: dict[str, pa.Array[Any]] = {name: pa.array(values.reshape(-1)) for name, values in columns.items()}
    lists: dict[str, pa.Array[Any]] = {
        name: pa.FixedSizeListArray.from_arrays(flat[name], values.shape[1])
        for name, values in columns.items()
        if values.ndim == 2
    }
    return pa.table(flat | lists)


def part_name(number: int) -> str:
    """The part of a chunk."""
    return f"{number:06d}.parquet"


def read_parts(paths: Iterable[Path]) -> pa.Table:
    """All parts as one table, without what they say about themselves."""
    return pa.concat_tables([pq.read_table(path) for path in paths]).replace_schema_metadata(None)


def drawn_rows(n_rows: int, n_sample: int) -> Int64s | None:
    """``n_sample`` of ``n_rows`` by chance, ascending and always the same; None for all of them."""
    if not n_sample or n_sample >= n_rows:
        return None
    drawn = np.random.default_rng(n_rows).choice(n_rows, n_sample, replace=False)
    return np.sort(drawn).astype(np.int64)


def spread_over_rows(table: pa.Table, chosen: Int64s, n_rows: int) -> pa.Table:
    """The columns with a place for every row: NaN where a row was not chosen."""
    columns = {}
    for name in table.column_names:
        values = np.full(n_rows, np.nan, dtype=np.float32)
        values[chosen] = table.column(name).to_numpy()
        columns[name] = pa.array(values)
    return pa.table(columns)


def columns_read(row: Scorer) -> list[str]:
    """The columns of examples that a scorer reads."""
    parsed = PARSED.items()
    return ["prompt", "response", *(column for role, column in parsed if role in row.reads or row.needs_llm)]


def scorer_input(
    row: Scorer,
    rows: pa.Table,
    sides: Sequence[Float32s] | None,
    *,
    llm: LanguageModel | None,
    encode: Callable[[Sequence[str]], Float32s] | None,
) -> ScorerInput:
    """What a scorer is given of these rows; ``sides`` are their vectors of prompts and of responses."""
    prompt_vectors, response_vectors = sides if sides is not None else (None, None)
    return ScorerInput(
        prompts=_asked(row, rows),
        responses=[str(text) for text in rows.column("response").to_pylist()],
        prompt_vectors=prompt_vectors,
        response_vectors=response_vectors,
        conversations=_parsed(rows, "conversations", row),
        meta=_parsed(rows, "meta", row),
        llm=llm,
        encode=encode,
    )


def _asked(row: Scorer, rows: pa.Table) -> list[str]:
    """The prompts, for a scorer that asks a model as it is to be asked: a conversation turn by turn."""
    prompts = [str(text) for text in rows.column("prompt").to_pylist()]
    if not row.needs_llm:
        return prompts
    rest = (rows.column(name).to_pylist() for name in ("messages", "meta"))
    return [
        asked_prompt(str(turns), prompt, meta) for prompt, turns, meta in zip(prompts, *rest, strict=True)
    ]


def with_model_folder(options: ScoreOptions, workspace: Path) -> Options:
    """The options of the scorer, with a checker that was trained here (``adapter:ID``) as the folder of its files."""
    chosen = options.chosen_options("scorer")
    named = str(getattr(chosen, "model", ""))
    if not named.startswith(PREFIX):
        return chosen
    return chosen.model_copy(update={"model": str(adapter_folder(named, workspace))})


def scorer_encoder(options: ScoreOptions) -> Callable[[Sequence[str]], Float32s] | None:
    """What turns texts into vectors for a scorer whose options name an encoder; it is opened at the first text."""
    name = getattr(options.chosen_options("scorer"), "encoder", "")
    if not name:
        return None
    opened = functools.cache(lambda: open_encoder(name))
    return lambda texts: opened().encode(texts)


def _parsed(rows: pa.Table, role: str, row: Scorer) -> list[JSON] | None:
    if role not in row.reads:
        return None
    return [orjson.loads(str(value)) for value in rows.column(PARSED[role]).to_pylist()]


def spent_since(llm: LanguageModel | None, before: Usage | None) -> bytes:
    """What a part keeps (``ABOUT``) of the model that it asked: who it is, and what it took since ``before``."""
    if llm is None or before is None:
        return b"{}"
    usage = combined(llm.usage, before, sign=-1)
    return orjson.dumps({"llm_identity": llm.identity, "usage": asdict(usage)})


def combined(one: Usage, other: Usage, *, sign: int = 1) -> Usage:
    """Their sum or difference; a cost that neither knows stays unknown."""
    costs = [
        cost for cost in (one.cost, sign * other.cost if other.cost is not None else None) if cost is not None
    ]
    return Usage(
        calls=one.calls + sign * other.calls,
        prompt_tokens=one.prompt_tokens + sign * other.prompt_tokens,
        completion_tokens=one.completion_tokens + sign * other.completion_tokens,
        cost=sum(costs) if costs else None,
        reused=one.reused + sign * other.reused,
        not_answered=one.not_answered + sign * other.not_answered,
    )
