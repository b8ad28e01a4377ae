"""The chunks of Auto-Correct: candidates and verdicts for some rows, which any process can ask for and leave as a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.clear.clear import Finding, Verdict, same_answer
from tamis.llms import open_llm
from tamis.protocols import CutText, LanguageModel, Usage
from tamis.scorers.transcript import transcript_of
from tamis.steps.chat_prompts import asked_prompt
from tamis.steps.chunks import Compute, part_file
from tamis.steps.propose.judge import Judged, JudgeSettings, Pair, contains_template, judge_pairs
from tamis.steps.propose.options import ProposeOptions
from tamis.steps.score.chunks import ABOUT, combined, part_name
from tamis.store.artifacts.readers import read_example_rows
from tamis.types import JSON, Int64s

Columnar: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    pa.field("candidate", pa.string()),
    pa.field("found", pa.string()),
    pa.field("verdict_confidence", pa.float32()),
    pa.field("evidence", pa.string()),
]
PART_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True, slots=True)
class Models:
    """Who writes candidates and who judges; one client where both are the same model."""

    writer: LanguageModel
    judge: LanguageModel


@dataclass(frozen=True, slots=True)
class RowTexts:
    """Some rows, by id; a prompt of several turns is a ChatPrompt."""

    example_ids: list[int]
    prompts: list[str]
    responses: list[str]


@dataclass(frozen=True, slots=True)
class ProposeChunks:
    """Candidates and verdicts for ``chunk_rows`` of the rows ``example_ids`` (ascending) as one part."""

    workspace: Path
    examples: Path
    example_ids: Int64s
    parts: Path
    options: ProposeOptions
    chunk_rows: int

    def open(self) -> Compute:
        """Open the clients, each model being loaded at its first question."""
        models = open_models(self.options, self.workspace)

        def compute(number: int) -> None:
            ids = self.example_ids[number * self.chunk_rows : (number + 1) * self.chunk_rows]
            table, spent = propose_for(read_row_texts(self.examples, ids), models, self.options)
            about = {
                role: {"identity": model.identity, "usage": asdict(spent[role])}
                for role, model in (("writer", models.writer), ("judge", models.judge))
            }
            table = table.replace_schema_metadata({ABOUT: orjson.dumps(about)})
            with part_file(self.parts / part_name(number)) as aside:
                pq.write_table(table, aside)

        return compute


def open_models(options: ProposeOptions, workspace: Path) -> Models:
    """The clients that the options name, behind the cache of their answers."""
    writer = open_llm(options.llm, options.llm_options, workspace=workspace, needs=("complete",))
    if same_client(options):
        return Models(writer, writer)
    return Models(
        writer, open_llm(options.judge, options.judge_options, workspace=workspace, needs=("complete",))
    )


def same_client(options: ProposeOptions) -> bool:
    """Whether writer and judge are one model, which then need not be loaded twice."""
    return (options.llm, options.llm_options) == (options.judge, options.judge_options)


def read_row_texts(examples: Path, ids: Int64s) -> RowTexts:
    """Prompts and responses of some rows, ascending."""
    columns = read_example_rows(
        examples, ids, ["example_id", "messages", "meta", "prompt", "response"]
    ).to_pydict()
    texts = zip(columns["messages"], columns["prompt"], columns["meta"], strict=True)
    prompts = [asked_prompt(*one) for one in texts]
    return RowTexts(columns["example_id"], prompts, columns["response"])


def propose_for(rows: RowTexts, models: Models, options: ProposeOptions) -> tuple[pa.Table, dict[str, Usage]]:
    """A candidate and a finding for every row (PART_SCHEMA), and what ``writer`` and ``judge`` did for it.

    ``found`` is a Finding of tamis.compute.clear.clear; the candidate is null where none was written. A candidate that was
    cut at the limit of tokens is kept for a person to finish, and not judged.
    """
    before = models.writer.usage
    written = candidates(models.writer, rows.prompts, options)
    spent = {"writer": combined(models.writer.usage, before, sign=-1)}
    before = models.judge.usage
    contested = [i for i, text in enumerate(written) if _is_contested(text, rows.responses[i])]
    pairs = [Pair(transcript_of(rows.prompts[i]), rows.responses[i], str(written[i])) for i in contested]
    settings = JudgeSettings(
        options.judged_characters(), options.judge_samples, options.judge_beta_fraction, options.seed
    )
    judged = dict(zip(contested, judge_pairs(models.judge, pairs, settings), strict=True))
    spent["judge"] = combined(models.judge.usage, before, sign=-1)
    lines = [
        {"example_id": example_id} | _answer((rows.prompts[i], rows.responses[i]), written[i], judged.get(i))
        for i, example_id in enumerate(rows.example_ids)
    ]
    return pa.Table.from_pylist(lines, PART_SCHEMA), spent


def candidates(model: LanguageModel, prompts: Sequence[str], options: ProposeOptions) -> list[str | None]:
    """One answer per prompt: a CutText where it ended at ``max_new_tokens``, "" where the model wrote nothing, None
    where it could not be asked.
    """
    asked = [i for i, prompt in enumerate(prompts) if prompt.strip()]
    answers: list[str | None] = [""] * len(prompts)
    for i, text in zip(asked, _complete(model, [prompts[i] for i in asked], options), strict=True):
        answers[i] = text
    return answers


def _complete(model: LanguageModel, prompts: list[str], options: ProposeOptions) -> list[str | None]:
    if not prompts:
        return []

    def ask(some: list[str]) -> tuple[list[str], int]:
        before = model.usage.not_answered
        completions = model.complete(
            some,
            temperature=options.temperature,
            seed=options.seed,
            max_new_tokens=options.max_new_tokens,
        )
        return [_stripped(one[0]) for one in completions], model.usage.not_answered - before

    written, n_failed = ask(prompts)
    answers: list[str | None] = list(written)
    if n_failed:
        # Which of the blank ones could not be asked shows only one by one; blank answers are in no cache.
        for i in [i for i, text in enumerate(written) if not text and not isinstance(text, CutText)]:
            text, failed = ask([prompts[i]])
            answers[i] = None if failed else text[0]
    return answers


def _stripped(text: str) -> str:
    return CutText(text.strip()) if isinstance(text, CutText) else text.strip()


def _is_contested(candidate: str | None, response: str) -> bool:
    """Whether there is something to judge: a whole candidate that says something else."""
    return (
        bool(candidate) and not isinstance(candidate, CutText) and not same_answer(str(candidate), response)
    )


def _unjudged(candidate: str | None) -> Finding:
    """What is found about a row that nobody judged."""
    if candidate is None:
        return "not_answered"
    if isinstance(
        candidate, CutText
    ):  # also one without a word: a model that thinks first may not come to any
        return "candidate_cut"
    return "identical" if candidate else "no_candidate"


def nothing_asked(ids: Int64s) -> pa.Table:
    """The same columns for rows about which no model is asked."""
    n = len(ids)
    columns: list[Columnar] = [pa.array(ids), pa.nulls(n, pa.string()), pa.nulls(n, pa.string())]
    columns += [pa.array(np.full(n, np.nan, np.float32)), pa.array(["{}"] * n, pa.string())]
    return pa.Table.from_arrays(columns, schema=PART_SCHEMA)


def _answer(texts: tuple[str, str], candidate: str | None, judged: Judged | None) -> dict[str, JSON]:
    """The columns of a row besides its id; where nobody judged, the candidate says why."""
    if judged is None:
        tampered = contains_template(*texts, candidate or "")
        judged = Judged(Verdict(_unjudged(candidate)), [], was_cut=False, contains_template=tampered)
    evidence = {
        "verdicts": judged.verdicts,
        "was_cut": judged.was_cut,
        "contains_template": judged.contains_template,
    }
    return {
        "candidate": candidate or None,
        "found": judged.verdict.found,
        "verdict_confidence": judged.verdict.candidate_confidence,
        "evidence": orjson.dumps(evidence).decode(),
    }
