"""Pairs for self-play: the rows' answers beside those that a model gave in an examination (METHODS.md 3.6)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.compare.win_rate import wilson_interval
from tamis.errors import InvalidOptions
from tamis.models.chat_rows import read_chat_row
from tamis.recipes import Trained
from tamis.steps.finetune.options import FinetuneOptions
from tamis.store.artifacts.adapters import HELD_OUT, TRAIN
from tamis.store.artifacts.examinations import read_examination
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

PAIRS, HELD_OUT_PAIRS = "pairs.jsonl", "held_out_pairs.jsonl"
CUT = "cut"  # why an examined row has no mark: its answer ended at the limit


def write_pairs(examination: Artifact, folder: Path, options: FinetuneOptions) -> dict[str, JSON]:
    """Write a pair for every training and held-out row that the examination asked; return what the summary says of them.

    Lines are ``{"prompt": [...], "chosen": [...], "rejected": [...], "cut": ...}``, as TRL reads conversational preferences.
    Raises InvalidOptions where no training row was asked.
    """
    table = read_examination(examination)
    columns = (table[name].to_pylist() for name in ("example_id", "answer", "why"))
    answers = {row: (answer or "", why == CUT) for row, answer, why in zip(*columns, strict=True)}
    counts = []
    for rows, lines, target in (("rows.npy", TRAIN, PAIRS), ("held_out_rows.npy", HELD_OUT, HELD_OUT_PAIRS)):
        ids = np.load(folder / rows).tolist()
        records = [orjson.loads(line) for line in (folder / lines).read_bytes().splitlines()]
        made = [
            _pair(record, *answers[row]) for row, record in zip(ids, records, strict=True) if row in answers
        ]
        (folder / target).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in made))
        counts.append(len(made))
    if not counts[0]:
        raise InvalidOptions(
            f"The examination {examination.id!r} asked none of the rows to train on: examine these rows first, with the model "
            "that is trained, at temperature 1."
        )
    asked = examination.manifest.options
    named = (asked.get("llm_options") or {}).get("model") or asked.get("llm")
    return {
        "n_pairs": counts[0],
        "n_held_out_pairs": counts[1],
        "pairs_from": named,
        "pairs_temperature": asked.get("temperature"),
        "pairs_text": _said(str(named), options.model, float(asked.get("temperature") or 0)),
    }


def describe_pairs(trained: Trained) -> dict[str, JSON]:
    """What became of the held-out pairs: margin, how often the given answer is ahead with its 95 % interval, log p."""
    best = _kept(trained, "eval_pair_accuracy")
    told: dict[str, JSON] = {
        "reference": "the model as it was before this training",
        "first_loss": next((p.value for p in trained.curves if p.name == "loss"), None),
        "pair_accuracy": best,
        "pair_margin": _kept(trained, "eval_margin"),
        "logp_given": _kept(trained, "eval_logp_given"),
    }
    n = 0 if trained.n_held_out_pairs is None else trained.n_held_out_pairs
    if best is not None and n:
        told["pair_accuracy_low"], told["pair_accuracy_high"] = wilson_interval(round(best * n), n)
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
