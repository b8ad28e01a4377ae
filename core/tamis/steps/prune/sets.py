"""The rows of a pruning's calibration and evaluation sets, the latter never those of the former."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.errors import InvalidOptions
from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.models.chat_tokens import ChatTokens
from tamis.steps.finetune.company import EvaluatedRows, evaluated_rows
from tamis.steps.finetune.rows import source_rows
from tamis.steps.prune.evaluation import Answers, read_answers
from tamis.steps.prune.options import CALIBRATION, EVALUATION, PruneOptions
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import count_examples, read_examples
from tamis.store.artifacts.store import Artifact
from tamis.store.row_sets import difference, union
from tamis.types import Int64s

HELD_OUT = "rows of no calibration"


@dataclass(frozen=True, slots=True)
class NamedRows:
    """Sorted ids under what a person named them by; of an evaluation set its answers, rows left out of it because they
    calibrate, and what the model knows of those that it is measured on.
    """

    name: str
    rows: Int64s
    answers: Answers | None = None
    n_left_out: int = 0
    measured: EvaluatedRows | None = None


def named_sets(
    inputs: Mapping[str, Artifact], options: PruneOptions, chat: ChatTokens, workspace: Path
) -> tuple[list[NamedRows], list[NamedRows]]:
    """Calibration sets as they were named, and evaluation sets without any row, or the prompt of one, that calibrates.

    Raises InvalidOptions for an evaluation set of which nothing is left.
    """
    calibrations, named = (_frozen(inputs, role) for role in (CALIBRATION, EVALUATION))
    used: Int64s = np.empty(0, dtype=np.int64)
    for one in calibrations:
        used = union(used, one.rows)
    examples = inputs["examples"]
    alike = _with_prompts_of(examples, used)
    everything: Int64s = np.arange(count_examples(examples), dtype=np.int64)
    asked = named or [NamedRows(HELD_OUT, everything)]
    return calibrations, [_evaluated(one, alike, examples, options, chat, workspace) for one in asked]


def _frozen(inputs: Mapping[str, Artifact], role: str) -> list[NamedRows]:
    found = [inputs[name] for name in sorted(inputs) if name.startswith(f"{role}_")]
    labels = [str(one.summary.get("label") or one.id) for one in found]
    return [
        NamedRows(f"{label} ({one.id[:6]})" if labels.count(label) > 1 else label, read_frozen(one))
        for label, one in zip(labels, found, strict=True)
    ]


def _with_prompts_of(examples: Artifact, used: Int64s) -> Int64s:
    """All rows that ask what one of these asks."""
    prompts = [
        " ".join(str(text).split()).casefold()
        for text in read_examples(examples, ["prompt"])["prompt"].to_pylist()
    ]
    known = {prompts[i] for i in used.tolist()}
    return np.array([i for i, text in enumerate(prompts) if text in known], dtype=np.int64)


def _evaluated(
    one: NamedRows,
    alike: Int64s,
    examples: Artifact,
    options: PruneOptions,
    chat: ChatTokens,
    workspace: Path,
) -> NamedRows:
    """The set as it is measured: rows drawn by the seed until enough of them have an answer to read.

    Rows that the model was trained on stay in, for a person named them, and are told.
    """
    able = difference(one.rows, alike)
    order: Int64s = np.random.default_rng([options.seed, 11]).permutation(able)
    drawn: Int64s = np.sort(order[: 2 * options.n_evaluation_rows])
    rows = {
        i: read_chat_row(chat_record(turns, fields)) for i, turns, fields in source_rows(examples, drawn, {})
    }
    answers = read_answers(rows, chat, options.evaluation_tokens)
    answers = answers.first_of(order, options.n_evaluation_rows)
    if len(answers.ids) < 2:
        raise InvalidOptions(
            f"The evaluation set {one.name!r} has {len(able):,} rows that no calibration names or asks, too few to measure "
            "perplexity on: name other rows as evaluations, or calibrate with fewer."
        )
    measured = evaluated_rows(examples, answers.example_ids, options.model, workspace, seed=options.seed)
    return NamedRows(one.name, answers.example_ids, answers, len(one.rows) - len(able), measured)
