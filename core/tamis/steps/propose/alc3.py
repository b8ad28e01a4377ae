"""propose --method alc3: which labels a model corrects, which a person is asked about, which are left out this round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tamis.compute.clear.alc3 import AnsweredBatch, Round, confidence_limit, plan_round
from tamis.compute.clear.label_doubt import LabelCodes, LabelDoubt, code_labels, doubt_labels
from tamis.compute.text.turn_text import turn_text
from tamis.steps.context import StepContext
from tamis.steps.propose.options import ProposeOptions
from tamis.store.artifacts.proposals import SCHEMA, read_proposals
from tamis.store.artifacts.readers import read_examples, read_vectors
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import FrozenDecision, read_frozen_decisions
from tamis.types import JSON, Bools, Float32s, Int64s

WHY = {
    "auto_corrected": "The model, fitted without this row, is sure of another label ({confidence:.2f}, above δ {delta:.2f}).",
    "asked": "Of the labels that nobody gave, this is among those that the model doubts most ({own:.3f}).",
    "asked_by_chance": "Drawn at random: the share of errors among these is η₀, what the later rounds are held against.",
    "left_out_this_round": "Among the least likely labels while more are wrong than expected ({share:.2f} of the last batch, η {eta:.2f}).",
    "label_stands": "Nothing speaks against this label ({own:.3f}).",
    "annotated": "A person decided about this row.",
}


@dataclass(frozen=True, slots=True)
class _Labels:
    """The prompts and labels of the rows considered, now and as they were imported, and which of them a person gave."""

    ids: Int64s
    prompts: list[str]
    now: LabelCodes
    first: LabelCodes
    annotated: Bools


def propose_labels(
    context: StepContext, options: ProposeOptions, ids: Int64s
) -> tuple[pa.Table, dict[str, JSON]]:
    """The proposals and the summary of one round."""
    labels = _read_labels(context, ids)
    vectors = np.asarray(read_vectors(context.input("embeddings"), "prompt")[ids])
    context.progress("fit", 0, 2)
    doubt = _doubt(vectors, labels, labels.now.codes, options)
    before = context.inputs.get("after")
    delta = _delta(options, before, vectors, labels, doubt)
    batch = (
        AnsweredBatch(0, 0)
        if before is None
        else answered_batch(before, _decided(context), labels_of(context))
    )
    eta_0 = _eta_0(options, before, batch)
    context.progress("fit", 1, 2)
    n_ask = max(1, math.ceil(options.ask_fraction * len(ids)))
    rng = np.random.default_rng([options.seed, 3]) if before is None else None
    made = plan_round(
        doubt, labels.now.codes, labels.annotated, delta=delta, n_ask=n_ask, eta_0=eta_0, batch=batch, rng=rng
    )
    number = 0 if before is None else int(before.summary.get("round", 0)) + 1
    table = _table(
        labels, doubt, made, {"delta": delta, "eta": made.eta, "share": batch.share, "first": number == 0}
    )
    return table, _summary(made, labels, batch, {"round": number, "delta": delta, "eta_0": eta_0})


def labels_of(context: StepContext) -> list[str]:
    """Every row's label as it was imported: its response."""
    return [
        str(text) for text in read_examples(context.input("examples"), ["response"])["response"].to_pylist()
    ]


def asked_rows(proposals: Artifact) -> list[int]:
    """The rows whose label a round asks people for."""
    table = read_proposals(proposals, ["example_id", "action"])
    rows = zip(*(table[name].to_pylist() for name in ("example_id", "action")), strict=True)
    return [int(row) for row, action in rows if action == "ask"]


def answered_batch(
    proposals: Artifact, decided: Mapping[int, FrozenDecision], labels: list[str]
) -> AnsweredBatch:
    """How many of the rows that a round asked about are decided, and how many of these labels were not left as they were."""
    answers = [decided[i] for i in asked_rows(proposals) if i in decided]
    return AnsweredBatch(len(answers), sum(is_wrong(one, labels[one.example_id]) for one in answers))


def is_wrong(decision: FrozenDecision, label: str) -> bool:
    """Whether a decision says that the row's label was wrong."""
    given = label_given(decision, label)
    return given is None or given.strip().casefold() != label.strip().casefold()


def label_given(decision: FrozenDecision, label: str) -> str | None:
    """The label that a decision leaves; None where the row is dropped."""
    if decision.verdict == "drop":
        return None
    return turn_text(decision.messages[-1]) if decision.messages else label


def _decided(context: StepContext) -> Mapping[int, FrozenDecision]:
    return read_frozen_decisions(context.input("decisions")) if "decisions" in context.inputs else {}


def _read_labels(context: StepContext, ids: Int64s) -> _Labels:
    imported, decided = labels_of(context), _decided(context)
    now = [label_given(decided[i], imported[i]) or "" if i in decided else imported[i] for i in ids.tolist()]
    annotated = np.array([i in decided for i in ids.tolist()], dtype=np.bool_)
    asked = read_examples(context.input("examples"), ["prompt"])["prompt"].take(ids)
    prompts = [str(text) for text in asked.to_pylist()]
    first = code_labels([imported[i] for i in ids.tolist()])
    return _Labels(ids, prompts, code_labels(now), first, annotated)


def _doubt(vectors: Float32s, labels: _Labels, codes: Int64s, options: ProposeOptions) -> LabelDoubt:
    rng = np.random.default_rng([options.seed, 2])
    return doubt_labels(
        vectors, codes, rng, prompts=labels.prompts, n_folds=options.n_folds, strength=options.strength
    )


def _delta(
    options: ProposeOptions, before: Artifact | None, vectors: Float32s, labels: _Labels, doubt: LabelDoubt
) -> float:
    """δ as it is given, else that of the first round, else the 90th percentile with the labels as imported."""
    if options.delta is not None:
        return options.delta
    if before is not None and before.summary.get("delta") is not None:
        return float(before.summary["delta"])
    first = _doubt(vectors, labels, labels.first.codes, options) if labels.annotated.any() else doubt
    return confidence_limit(first.confidence)


def _eta_0(options: ProposeOptions, before: Artifact | None, batch: AnsweredBatch) -> float:
    """η₀ as it is given, else the share wrong of the first, random batch; NaN before it is answered."""
    if options.eta_0 is not None:
        return options.eta_0
    if before is not None and before.summary.get("eta_0") is not None:
        return float(before.summary["eta_0"])
    return batch.share


def _table(labels: _Labels, doubt: LabelDoubt, made: Round, about: Mapping[str, Any]) -> pa.Table:
    n = len(labels.ids)
    action, outcome = np.full(n, "keep", dtype=object), np.full(n, "label_stands", dtype=object)
    outcome[labels.annotated] = "annotated"
    marks = (
        ("drop", "left_out_this_round", made.left_out),
        ("ask", "asked", made.asked),
        ("replace", "auto_corrected", made.corrected),
    )
    for what, why, rows in marks:  # a row that is asked about is not left out: its answer comes first
        action[rows], outcome[rows] = what, why
    offered = np.isin(np.arange(n), np.concatenate([made.asked, made.corrected]))
    candidates = [
        labels.now.names[code] if shown and code >= 0 else None
        for code, shown in zip(doubt.predicted.tolist(), offered.tolist(), strict=True)
    ]
    evidence = []
    for row, reason in enumerate(outcome.tolist()):
        words = {"own": doubt.own[row], "confidence": doubt.confidence[row], **about}
        key = "asked_by_chance" if reason == "asked" and about["first"] else reason
        evidence.append(orjson.dumps({"why": WHY[key].format(**words), "gamma": None}).decode())
    columns: list[pa.Array[Any]] = [
        pa.array(labels.ids), pa.array(action.tolist(), pa.string()), pa.array(outcome.tolist(), pa.string()),
        pa.array(doubt.own.astype(np.float32)), pa.array(doubt.confidence.astype(np.float32)),
        pa.array(candidates, pa.string()), pa.array(evidence, pa.string()),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _summary(
    made: Round, labels: _Labels, batch: AnsweredBatch, known: Mapping[str, float]
) -> dict[str, JSON]:
    def told(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {
        "method": "alc3",
        "score": "label_confidence",
        "round": known["round"],
        "delta": known["delta"],
        "eta_0": told(known["eta_0"]),
        "eta": told(made.eta),
        "n_asked": len(made.asked),
        "n_annotated": int(labels.annotated.sum()),
        "n_batch_answered": batch.n_answered,
        "n_batch_wrong": batch.n_wrong,
        "batch_share_wrong": told(batch.share),
        "labels": labels.now.names,
    }
