"""The chunks of examine: answers and marks of some rows, which any process can ask for and leave as a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.budget import estimated_tokens
from tamis.compute.clear.clear import same_answer
from tamis.llms import open_llm
from tamis.protocols import Ability, CutText, LanguageModel
from tamis.steps.chunks import Compute, part_file
from tamis.steps.examine.marks import MARKS
from tamis.steps.examine.options import ExamineOptions
from tamis.steps.propose.chunks import RowTexts, read_row_texts
from tamis.steps.propose.judge import JudgeSettings, Pair, judge_pairs
from tamis.steps.score.chunks import ABOUT, part_name, spent_since
from tamis.types import Int64s

NAN = float("nan")
JUDGED_CHARACTERS = 24_000
LEAST_TOKENS = 16
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    pa.field("answer", pa.string()),
    pa.field("mark", pa.float32()),
    pa.field("value", pa.float32()),
    pa.field("why", pa.string()),
]
PART_SCHEMA = pa.schema(_COLUMNS)


class Marked(NamedTuple):
    """An answer with its mark (1 right, 0 wrong, NaN none), the value that it follows from, and why it has none."""

    answer: str
    mark: float
    value: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class ExamineChunks:
    """Answers and marks of ``chunk_rows`` of the rows ``example_ids`` (ascending) as one part."""

    workspace: Path
    examples: Path
    example_ids: Int64s
    parts: Path
    options: ExamineOptions
    max_new_tokens: int
    chunk_rows: int

    def open(self) -> Compute:
        """Open the clients, each model being loaded at its first question."""
        options = self.options
        by = MARKS[options.mark].by
        needs: tuple[Ability, ...] = ("loglikelihood",) if by == "loss" else ("complete",)
        model = open_llm(options.llm, options.llm_options, workspace=self.workspace, needs=needs)
        judge = model
        if by == "judge" and not options.judges_itself():
            judge = open_llm(
                options.judge, options.judge_options, workspace=self.workspace, needs=("complete",)
            )

        def compute(number: int) -> None:
            ids = self.example_ids[number * self.chunk_rows : (number + 1) * self.chunk_rows]
            rows = read_row_texts(self.examples, ids)
            before = model.usage
            marked = mark_rows(rows, model, judge, options, self.max_new_tokens)
            spent = spent_since(model, before)
            lines = [
                {"example_id": i} | one._asdict() for i, one in zip(rows.example_ids, marked, strict=True)
            ]
            table = pa.Table.from_pylist(lines, PART_SCHEMA).replace_schema_metadata({ABOUT: spent})
            with part_file(self.parts / part_name(number)) as aside:
                pq.write_table(table, aside)

        return compute


def answer_limit(options: ExamineOptions, gold: Sequence[str]) -> int:
    """The longest answer in tokens: as asked for, else twice the longest wanted one."""
    return options.max_new_tokens or max(LEAST_TOKENS, 2 * max(map(estimated_tokens, gold), default=0))


def mark_rows(
    rows: RowTexts, model: LanguageModel, judge: LanguageModel, options: ExamineOptions, max_new_tokens: int
) -> list[Marked]:
    """The answer to each row, and its mark. A cut answer has none: that it is long says nothing about whether it is wrong."""
    if MARKS[options.mark].by == "loss":
        return _losses(rows, model)
    texts = model.complete(
        rows.prompts,
        n=options.n,
        temperature=options.temperature,
        seed=options.seed,
        max_new_tokens=max_new_tokens,
    )
    if MARKS[options.mark].by == "judge":
        return _judged(rows, [several[0] for several in texts], judge, options)
    return [_marked(gold, several, options) for gold, several in zip(rows.responses, texts, strict=True)]


def _losses(rows: RowTexts, model: LanguageModel) -> list[Marked]:
    """Mean loss per token of the wanted answers; marked once all rows are there."""
    losses = -model.loglikelihood(rows.prompts, rows.responses).mean
    return [Marked("", NAN, float(loss), "" if np.isfinite(loss) else "not_answered") for loss in losses]


def _marked(gold: str, texts: Sequence[str], options: ExamineOptions) -> Marked:
    unmarked = [why for why in map(_why_unmarked, texts) if why]
    if not gold.strip():
        return Marked(texts[0], NAN, NAN, "no_gold")
    if unmarked:
        return Marked(texts[0], NAN, NAN, unmarked[0])
    mark, chosen = options.build("mark"), options.chosen_options("mark")
    each = [mark(gold, text, chosen) for text in texts]
    rights = [right for right, _ in each if right is not None]
    if len(rights) < len(each):
        return Marked(texts[0], NAN, NAN, "no_gold")
    if len(texts) == 1:
        return Marked(texts[0], rights[0], each[0][1])
    share = sum(rights) / len(rights)
    return Marked(texts[0], float(share >= 0.5), share)


def _judged(
    rows: RowTexts, answers: Sequence[str], judge: LanguageModel, options: ExamineOptions
) -> list[Marked]:
    whys = [_why_unmarked(text) for text in answers]
    asked = [
        i
        for i, text in enumerate(answers)
        if not whys[i] and rows.responses[i].strip() and not same_answer(text, rows.responses[i])
    ]
    pairs = [Pair(str(rows.prompts[i]), rows.responses[i], str(answers[i])) for i in asked]
    verdicts = dict(
        zip(
            asked, judge_pairs(judge, pairs, JudgeSettings(JUDGED_CHARACTERS, seed=options.seed)), strict=True
        )
    )
    marked = []
    for i, text in enumerate(answers):
        if whys[i] or not rows.responses[i].strip():
            marked.append(Marked(text, NAN, NAN, whys[i] or "no_gold"))
        elif i not in verdicts:
            marked.append(Marked(text, 1.0, 1.0))
        else:
            found, value = verdicts[i].verdict.found, verdicts[i].verdict.candidate_confidence
            right = {"candidate": 1.0, "tie": 1.0, "original": 0.0}.get(found, NAN)
            marked.append(Marked(text, right, value, "" if np.isfinite(right) else found))
    return marked


def _why_unmarked(text: str) -> str:
    if isinstance(text, CutText):
        return "cut"
    return "" if text.strip() else "not_answered"
