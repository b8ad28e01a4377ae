"""Documents and claims for the recipe ``checker``, and how well it tells held-out ones (METHODS.md 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.compare.balanced import balanced_accuracy
from tamis.compute.text.grounding import document_in
from tamis.compute.text.turn_text import turn_text
from tamis.errors import InvalidOptions
from tamis.scorers.options import LocalClassifierOptions
from tamis.steps.finetune.rows import source_rows
from tamis.steps.finetune.split import Split
from tamis.store.artifacts.adapters import HELD_OUT, STOPPING, TRAIN
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Message

CLAIM_FILES = {TRAIN: "claims.jsonl", STOPPING: "stopping_claims.jsonl", HELD_OUT: "held_out_claims.jsonl"}
ANSWERS = {"yes": 1, "no": 0, "supported": 1, "unsupported": 0, "1": 1, "0": 0}


def write_claims(examples: Artifact, split: Split, folder: Path) -> dict[str, JSON]:
    """Write a line per training and held-out row: its document and claim, and whether its answer says supported.

    Rows without a document, a claim, or an answer that is yes or no are left out and counted. Raises InvalidOptions where no
    row is left.
    """
    told: dict[str, JSON] = {}
    for name, file, rows in (
        ("claims", CLAIM_FILES[TRAIN], split.train),
        ("stopping_claims", CLAIM_FILES[STOPPING], split.stopping),
        ("held_out_claims", CLAIM_FILES[HELD_OUT], split.held_out),
    ):
        if name == "stopping_claims" and not len(rows):
            continue
        found = [_claim(turns, meta) for _, turns, meta in source_rows(examples, rows, split.replaced)]
        lines = [one for one in found if one is not None]
        (folder / file).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in lines))
        told |= {f"n_{name}": len(lines), f"n_without_{name}": len(found) - len(lines)}
    if not told["n_claims"]:
        raise InvalidOptions(
            "No row has a document and a claim in its metadata and yes or no as its answer: have rows written by c2d or d2c, or "
            "import them with columns document and claim."
        )
    return told


def measure_checker(
    folder: Path, trained: Path, max_length: int, seed: int, *, use_cpu: bool
) -> dict[str, JSON]:
    """Balanced accuracy on the held-out claims with its interval; nothing where one of the labels is missing among them."""
    from tamis.scorers.classifier import Classifier

    lines = [orjson.loads(line) for line in (folder / CLAIM_FILES[HELD_OUT]).read_bytes().splitlines()]
    labels = np.array([one["label"] for one in lines], dtype=np.bool_)
    if not 0 < labels.sum() < len(labels):
        return {}
    options = LocalClassifierOptions(
        model=str(trained), max_tokens=max_length, device="cpu" if use_cpu else "auto"
    )
    logits = Classifier(options).pairs([one["document"] for one in lines], [one["claim"] for one in lines])
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = balanced_accuracy(
        labels,
        (shifted / shifted.sum(axis=1, keepdims=True))[:, -1],
        np.random.default_rng(seed),
        groups=np.unique([one["document"] for one in lines], return_inverse=True)[1],
    )
    return {
        "balanced_accuracy": found.value, "balanced_accuracy_low": found.low, "balanced_accuracy_high": found.high,
        "supported_told": found.tpr, "unsupported_told": found.tnr,
    }  # fmt: skip


def _claim(turns: Sequence[Message], meta: Mapping[str, JSON]) -> dict[str, JSON] | None:
    asked = [turn_text(turn) for turn in turns if turn["role"] == "user"]
    document = document_in(meta, asked[-1] if asked else "")
    claim = str(meta.get("claim") or "").strip()
    answer = turn_text(turns[-1]).strip().casefold().removesuffix(".") if turns else ""
    if not document or not claim or answer not in ANSWERS:
        return None
    return {"document": document, "claim": claim, "label": ANSWERS[answer]}
