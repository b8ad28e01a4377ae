"""propose: what to keep, drop or replace, with the evidence, for a person to decide; the dataset is never changed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.clear import clear
from tamis.protocols import Usage
from tamis.scorers import in_sentence, scorer_title
from tamis.steps.context import StepContext
from tamis.steps.propose.additions import propose_additions
from tamis.steps.propose.alc3 import propose_labels
from tamis.steps.propose.chunks import Columnar, ProposeChunks, nothing_asked
from tamis.steps.propose.judge import UNREAD
from tamis.steps.propose.options import ProposeOptions
from tamis.steps.score.chunks import ABOUT, combined, part_name, read_parts
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.proposals import PROPOSALS, SCHEMA
from tamis.store.artifacts.readers import count_examples, read_scores
from tamis.types import JSON, Float64s, Int64s

CHUNK_ROWS = 16  # one batch of a small model on a CPU, a minute or two: candidates are long
WHY = {
    "passed": "The {score} {value} is above the threshold {gamma}.",
    "below_threshold": "The {score} {value} is not above the threshold {gamma}.",
    "not_scored": "The row has no {score}, so nothing speaks against it.",
    "corrected": "The judge prefers the candidate in both orders with confidence {verdict}, above {eta}.",
    "identical": "The candidate says the same as the response.",
    "tie": "The judge finds both answers equally good.",
    "order_disagreement": "The judge's verdict changes with the order of the answers.",
    "unparseable": "The judge's verdict could not be read.",
    "not_answered": "The row could not be put to a model.",
    "no_candidate": "The model wrote no candidate.",
    "candidate_cut": "The candidate was cut at {limit} tokens: raise max_new_tokens.",
    "random_control": "Drawn at random, as a control.",
    "oracle_control": "Named by the rows of the oracle control.",
}
BY_FILTER = "The filter decides: the {score} {value} against the threshold {gamma}."


@dataclass(slots=True)
class LlmUsage:
    """What the parts took, by writer and judge, over all attempts and processes."""

    rows: int = 0
    identities: dict[str, str] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Take in one part."""
        metadata = pq.read_metadata(path)
        self.rows += metadata.num_rows
        for role, about in orjson.loads((metadata.metadata or {})[ABOUT]).items():
            self.identities[role] = about["identity"]
            self.usage[role] = combined(self.usage.get(role, Usage()), Usage(**about["usage"]))

    def text(self) -> str:
        """The questions in words; empty before the first part."""
        spent = Usage()
        for usage in self.usage.values():
            spent = combined(spent, usage)
        tokens = spent.prompt_tokens + spent.completion_tokens
        cost = "" if spent.cost is None else f", cost {spent.cost:,.2f}"
        return (
            f"{spent.calls:,} questions, {tokens:,} tokens{cost}, {spent.reused:,} reused"
            if self.rows
            else ""
        )


def run(context: StepContext, options: ProposeOptions) -> dict[str, JSON]:
    """Write proposals.parquet, one row per example considered, ascending by id; return the summary."""
    ids = considered(context)
    if options.method == "alc3":
        labels, about = propose_labels(context, options, ids)
        pq.write_table(labels, context.output.path / PROPOSALS, compression="zstd")
        actions = np.array(labels["action"].to_pylist()), np.array(labels["outcome"].to_pylist())
        return about | _counted(clear.Proposals(*actions))
    if options.method == "additions":
        return propose_additions(context, options, ids)
    confidence, score = _confidence(context, options, ids)
    level = clear.threshold(confidence, gamma=options.gamma, gamma_fraction=options.gamma_fraction)
    summary = _described(options, level, score)
    if options.method == "correct":
        asked = LlmUsage()
        answers = _ask(context, options, ids, asked)
        verdicts = _verdicts(answers)
        done = clear.auto_correct(confidence, level.gamma, verdicts, options.eta)
        n_cut = sum(verdict.found == "candidate_cut" for verdict in verdicts)
        summary |= _spent(options, asked) | _flagged(answers) | {"n_candidates_cut": n_cut}
    else:
        answers = nothing_asked(ids)
        done = _without_model(context, options, ids, (confidence, level))
    table = _table((confidence, score), (done, level), answers, options)
    pq.write_table(table, context.output.path / PROPOSALS, compression="zstd")
    return summary | _counted(done)


def considered(context: StepContext) -> Int64s:
    """Ids of the rows considered, ascending: those of ``within``, or all."""
    if "within" in context.inputs:
        return read_frozen(context.input("within"))
    return np.arange(count_examples(context.input("examples")), dtype=np.int64)


def _confidence(context: StepContext, options: ProposeOptions, ids: Int64s) -> tuple[Float64s, str]:
    """Confidence of the rows considered, NaN throughout when none is read, and the name of the score."""
    if not options.reads_scores():
        return np.full(len(ids), np.nan), ""
    scores = context.input("scores")
    return read_scores(scores)[ids], str(scores.manifest.options.get("scorer", options.score))


def _without_model(
    context: StepContext, options: ProposeOptions, ids: Int64s, known: tuple[Float64s, clear.Threshold]
) -> clear.Proposals:
    confidence, level = known
    context.progress("decide", 0, 1)
    if options.method == "oracle":
        return clear.oracle_control(ids, read_frozen(context.input("oracle_rows")))
    if options.method == "filter":
        return clear.auto_filter(confidence, level.gamma)
    # As many as the filter keeps: rows without a confidence are kept by it.
    n_kept = (
        level.n_above + len(ids) - level.n_known
        if options.reads_scores()
        else math.floor(len(ids) * (1 - options.gamma_fraction))
    )
    return clear.random_control(len(ids), n_kept, np.random.default_rng(options.seed))


def _ask(context: StepContext, options: ProposeOptions, ids: Int64s, asked: LlmUsage) -> pa.Table:
    work = ProposeChunks(
        workspace=context.workspace.absolute(),
        examples=context.input("examples").file("examples.parquet").absolute(),
        example_ids=ids,
        parts=context.output.part("").absolute(),
        options=options,
        chunk_rows=CHUNK_ROWS,
    )

    def landed(path: Path | None) -> None:
        if path is not None:
            asked.add(path)
        if asked.rows:
            context.progress("ask", asked.rows, len(ids), asked.text())
        else:
            context.progress("ask", 0, len(ids), f"loading the model, then {CHUNK_ROWS} rows at a time")

    landed(None)
    names = [part_name(number) for number in range(math.ceil(len(ids) / CHUNK_ROWS))]
    return read_parts(context.compute_parts(work, names, landed))


def _verdicts(answers: pa.Table) -> list[clear.Verdict]:
    findings = [cast("clear.Finding", text) for text in _texts(answers, "found")]
    sure = answers["verdict_confidence"].to_numpy().tolist()
    return [clear.Verdict(one, value) for one, value in zip(findings, sure, strict=True)]


def _texts(table: pa.Table, column: str) -> list[str]:
    return [str(value) for value in table[column].to_pylist()]


def _table(
    known: tuple[Float64s, str],
    decided: tuple[clear.Proposals, clear.Threshold],
    answers: pa.Table,
    options: ProposeOptions,
) -> pa.Table:
    (confidence, score), (done, level) = known, decided
    sure, packed_evidence = answers["verdict_confidence"].to_numpy(), _texts(answers, "evidence")
    evidence = []
    for row, outcome in enumerate(done.outcome.tolist()):
        words = {
            "score": in_sentence(scorer_title(score)), "value": f"{confidence[row]:.4g}", "gamma": f"{level.gamma:.4g}", "verdict": f"{sure[row]:.3g}",
            "eta": f"{options.eta:g}", "limit": str(options.max_new_tokens),
        }  # fmt: skip
        why = WHY[outcome] + (f" {BY_FILTER}" if outcome in clear.UNDECIDED else "")
        about = {"why": why.format(**words), "gamma": level.gamma} | orjson.loads(packed_evidence[row])
        evidence.append(orjson.dumps(about).decode())
    columns: list[Columnar] = [
        answers["example_id"],
        pa.array(done.action.tolist(), pa.string()),
        pa.array(done.outcome.tolist(), pa.string()),
        pa.array(confidence.astype(np.float32)),
        answers["verdict_confidence"],
        answers["candidate"],
        pa.array(evidence, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _described(options: ProposeOptions, level: clear.Threshold, score: str) -> dict[str, JSON]:
    correct = options.method == "correct"
    return {
        "method": options.method,
        "score": score,
        "gamma": None if math.isnan(level.gamma) else level.gamma,
        "n_at_gamma": level.n_tied,
        "n_scored": level.n_known,
        "eta": options.eta if correct else None,
        "candidates_llm": options.llm if correct else "",
        "judge_llm": options.judge if correct else "",
    }


def _spent(options: ProposeOptions, asked: LlmUsage) -> dict[str, JSON]:
    """Questions, tokens and cost by role."""
    spent: dict[str, JSON] = {}
    for role, name in (("writer", "candidates"), ("judge", "judge")):
        usage = asked.usage.get(role, Usage())
        spent |= {
            f"{name}_llm_identity": asked.identities.get(role, ""),
            f"{name}_questions": usage.calls,
            f"{name}_reused": usage.reused,
            f"{name}_prompt_tokens": usage.prompt_tokens,
            f"{name}_completion_tokens": usage.completion_tokens,
            f"{name}_cost": usage.cost,
        }
    return spent


def _flagged(answers: pa.Table) -> dict[str, JSON]:
    evidence = [orjson.loads(text) for text in _texts(answers, "evidence")]
    return {
        "n_cut_for_judge": sum(bool(one["was_cut"]) for one in evidence),
        "n_with_template": sum(bool(one["contains_template"]) for one in evidence),
        "n_unread_replies": sum(int(order.get(UNREAD, 0)) for one in evidence for order in one["verdicts"]),
    }


def _counted(done: clear.Proposals) -> dict[str, JSON]:
    actions, outcomes = Counter(done.action.tolist()), Counter(done.outcome.tolist())
    return {
        "n_rows": len(done.action),
        "n_keep": actions["keep"],
        "n_drop": actions["drop"],
        "n_replace": actions["replace"],
        "outcomes": {name: outcomes[name] for name in clear.OUTCOMES if outcomes[name]},
    }
