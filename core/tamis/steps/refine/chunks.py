"""The chunks of a round: answers of the model to the prompts of picked rows, and scores of both answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.encoders import open_encoder
from tamis.llms import open_llm
from tamis.protocols import LanguageModel
from tamis.scorers import SCORERS, ScorerInput
from tamis.steps.chat_prompts import asked_prompt
from tamis.steps.chunks import Compute, part_file
from tamis.steps.refine.gaps import GAPS
from tamis.steps.refine.options import RefineOptions
from tamis.store.artifacts.refinements import GENERATIONS_SCHEMA, ROW_SCORES_SCHEMA, make_table
from tamis.types import JSON, Float64s

CHUNK_ROWS = 32  # a minute or so of a small model on a CPU: little is lost when a job is stopped


@dataclass(frozen=True, slots=True)
class Client:
    """How to open a language model in any process."""

    workspace: Path
    name: str
    options: dict[str, JSON]

    def open(self) -> LanguageModel:
        """The client; its weights are loaded at the first question."""
        return open_llm(self.name, self.options, workspace=self.workspace)


@dataclass(frozen=True, slots=True)
class GenerateChunks:
    """Answers to ``CHUNK_ROWS`` consecutive prompts of the file ``texts`` as one part."""

    client: Client
    texts: Path
    parts: Path
    options: RefineOptions

    def open(self) -> Compute:
        """Open the model."""
        model, rows = self.client.open(), pq.read_table(self.texts)

        def compute(number: int) -> None:
            some = chunk_of(rows, number)
            answers = model.complete(
                asked_in(some),
                temperature=self.options.generate_temperature,
                seed=self.options.seed,
                max_new_tokens=self.options.max_new_tokens,
            )
            generated = [several[0] for several in answers]
            columns = {"example_id": some["example_id"], "generated": generated}
            with part_file(self.parts / generated_part(number)) as aside:
                pq.write_table(make_table(GENERATIONS_SCHEMA, columns), aside)

        return compute


@dataclass(frozen=True, slots=True)
class GapChunks:
    """Scores of the given and of the generated answers of ``CHUNK_ROWS`` consecutive rows as one part."""

    client: Client | None
    texts: Path
    generations: Path
    parts: Path
    options: RefineOptions

    def open(self) -> Compute:
        """Open the scorer and what it asks."""
        gap = GAPS[self.options.scorer]
        scorer = self.options.build("scorer")(self.options.chosen_options("scorer"))
        model = None if self.client is None else self.client.open()
        needs_vectors = "embeddings" in SCORERS[gap.scorer].reads
        encode = open_encoder(self.options.encoder).encode if needs_vectors else None
        rows = pq.read_table(self.texts).append_column(
            "generated", pq.read_table(self.generations)["generated"]
        )

        def score(some: pa.Table, answers: Sequence[str]) -> Float64s:
            given = answer_input(some, answers, model, encode)
            return gap.sign * np.asarray(scorer.score(given)["score"], dtype=np.float64)

        def compute(number: int) -> None:
            some = chunk_of(rows, number)
            gold = score(some, texts_in(some, "response"))
            generated = score(some, texts_in(some, "generated"))
            columns = {
                "example_id": some["example_id"],
                "gold": gold,
                "generated": generated,
                "gap": gold - generated,
            }
            with part_file(self.parts / scored_part(number)) as aside:
                pq.write_table(make_table(ROW_SCORES_SCHEMA, columns), aside)

        return compute


def answer_input(
    rows: pa.Table,
    answers: Sequence[str],
    model: LanguageModel | None,
    encode: Callable[[Sequence[str]], np.ndarray] | None,
) -> ScorerInput:
    """The rows as a scorer reads them, with ``answers`` in place of their responses."""
    prompts = asked_in(rows)
    turns = [orjson.loads(packed) for packed in texts_in(rows, "messages")]
    return ScorerInput(
        prompts=prompts,
        responses=list(answers),
        prompt_vectors=None if encode is None else encode(prompts),
        response_vectors=None if encode is None else encode(list(answers)),
        conversations=[
            [*before[:-1], {"role": "assistant", "content": answer}]
            for before, answer in zip(turns, answers, strict=True)
        ],
        llm=model,
    )


def asked_in(rows: pa.Table) -> list[str]:
    """What a model is asked about the rows, conversations turn by turn."""
    columns = [texts_in(rows, name) for name in ("messages", "prompt", "meta")]
    return [asked_prompt(*texts) for texts in zip(*columns, strict=True)]


def texts_in(rows: pa.Table, column: str) -> list[str]:
    """A column of texts."""
    return [str(text) for text in rows[column].to_pylist()]


def n_chunks(n_rows: int) -> int:
    """Chunks that so many rows make."""
    return -(-n_rows // CHUNK_ROWS)


def chunk_of(rows: pa.Table, number: int) -> pa.Table:
    """The rows of a chunk."""
    return rows.slice(number * CHUNK_ROWS, CHUNK_ROWS)


def generated_part(number: int) -> str:
    """The part with the answers of a chunk."""
    return f"generated_{number:05d}.parquet"


def scored_part(number: int) -> str:
    """The part with the scores of a chunk."""
    return f"scored_{number:05d}.parquet"
