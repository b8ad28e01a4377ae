"""Pairs for self-play: the rows' answers beside those that a model gave in an examination (METHODS.md 3.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.compare.win_rate import effective_rows, wilson_interval
from tamis.errors import InvalidOptions
from tamis.models.chat_rows import read_chat_row
from tamis.recipes import Trained
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.finetune.split import Split
from tamis.store.artifacts.adapters import HELD_OUT, STOPPING, TRAIN
from tamis.store.artifacts.examinations import read_examination
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

PAIR_FILES = {TRAIN: "pairs.jsonl", STOPPING: "stopping_pairs.jsonl", HELD_OUT: "held_out_pairs.jsonl"}
ROW_FILES = {TRAIN: "rows.npy", STOPPING: "stopping_rows.npy", HELD_OUT: "held_out_rows.npy"}
CUT = "cut"  # why an examined row has no mark: its answer ended at the limit


def write_pairs(
    examination: Artifact, folder: Path, options: FinetuneOptions, split: Split
) -> dict[str, JSON]:
    """Write a pair for every training, stopping and held-out row that the examination asked; return what the summary says of
    them, ``pairs_counted`` being the share of the held-out ones that counts, less where several have one prompt.

    Lines are ``{"prompt": [...], "chosen": [...], "rejected": [...], "cut": ...}``, as TRL reads conversational preferences.
    Raises InvalidOptions where no training row was asked.
    """
    table = read_examination(examination)
    columns = (table[name].to_pylist() for name in ("example_id", "answer", "why"))
    answers = {row: (answer or "", why == CUT) for row, answer, why in zip(*columns, strict=True)}
    counts = {lines: _write(answers, folder, lines) for lines in PAIR_FILES if (folder / lines).exists()}
    if not counts[TRAIN]:
        raise InvalidOptions(
            f"The examination {examination.id!r} asked none of the rows to train on: examine these rows first, with the model "
            "that is trained, at temperature 1."
        )
    asked = examination.manifest.options
    named = (asked.get("llm_options") or {}).get("model") or asked.get("llm")
    groups = split.groups[np.isin(split.held_out, list(answers))]
    said = _said(str(named), options.model, float(asked.get("temperature") or 0))
    if counts.get(STOPPING) == 0:
        said += " No row by which weights are chosen was examined, so that those of the last step are kept."
    return {
        "n_pairs": counts[TRAIN],
        "n_held_out_pairs": counts[HELD_OUT],
        "n_stopping_pairs": counts.get(STOPPING, 0),
        "pairs_counted": effective_rows(groups) / len(groups) if len(groups) else 1.0,
        "pairs_from": named,
        "pairs_temperature": asked.get("temperature"),
        "pairs_text": said,
    }


def _write(answers: Mapping[int, tuple[str, bool]], folder: Path, lines: str) -> int:
    ids = np.load(folder / ROW_FILES[lines]).tolist()
    records = [orjson.loads(line) for line in (folder / lines).read_bytes().splitlines()]
    made = [_pair(record, *answers[row]) for row, record in zip(ids, records, strict=True) if row in answers]
    (folder / PAIR_FILES[lines]).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in made))
    return len(made)


def describe_pairs(trained: Trained, counted: float) -> dict[str, JSON]:
    """What became of the held-out pairs: margin, how often the given answer is ahead with its 95 % interval, log p.

    ``counted`` is the share of them that counts: pairs with like prompts are no evidence of their own.
    """
    measures = trained.pair_measures
    best, margin, given = (
        measures.get(name) if measures else _kept(trained, name)
        for name in ("eval_pair_accuracy", "eval_margin", "eval_logp_given")
    )
    told: dict[str, JSON] = {
        "reference": "the model as it was before this training",
        "first_loss": next((p.value for p in trained.curves if p.name == "loss"), None),
        "pair_accuracy": best,
        "pair_margin": margin,
        "logp_given": given,
    }
    n = 0 if trained.n_held_out_pairs is None else trained.n_held_out_pairs
    if best is not None and n:
        told["pair_accuracy_low"], told["pair_accuracy_high"] = wilson_interval(
            round(best * n) * counted, n * counted
        )
    return told


def _kept(trained: Trained, name: str) -> float | None:
    """The value of a curve at the look whose loss was lowest, whose weights are kept."""
    losses = {p.step: p.value for p in trained.curves if p.name == "eval_loss" and math.isfinite(p.value)}
    if not losses:
        return None
    step = min(losses, key=lambda one: (losses[one], one))
    return next((p.value for p in trained.curves if p.name == name and p.step == step), None)


def _pair(record: dict[str, JSON], answer: str, cut: bool) -> dict[str, JSON]:  # noqa: FBT001 - a field of the file
    messages = list(read_chat_row(record).messages)
    return {
        "prompt": messages[:-1],
        "chosen": messages[-1:],
        "rejected": [{"role": "assistant", "content": answer}],
        "cut": cut,
    }


def _said(asked: str, trained: str, temperature: float) -> str:
    """Whose answers these are, and whether they are the trained model's own, as self-play has it."""
    own = (
        ""
        if asked == trained or trained in asked
        else f" The model that is trained is {trained}: its own answers are what SPIN takes."
    )
    return f"The other answers are those of {asked} at temperature {temperature:g}.{own}"
