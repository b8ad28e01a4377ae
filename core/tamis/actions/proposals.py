"""Proposals as people look at them: those of a dataset, one row of them in full, and their columns for a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tamis.compute.clear.clear import Action
from tamis.compute.clear.review_order import ProposalColumns
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.scorers import in_sentence, scorer_title
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "ACTIONS", "METHODS", "OUTCOMES", "Proposal", "ProposalColumns", "find_proposals", "list_proposals", "many_cut",
    "method_title", "proposal_columns", "proposal_table", "proposals_for", "say_kind", "score_title", "score_word",
]  # fmt: skip

KIND = "proposals"
METHODS: dict[str, str] = {
    "filter": "Auto-Filter",
    "correct": "Auto-Correct",
    "random": "Random control",
    "oracle": "Oracle control",
    "alc3": "Labels (ALC3)",
    "additions": "Additions",
}
MANY_CUT_FRACTION = 0.1  # of the candidates: the limit of tokens was too low for this run
ACTIONS: dict[str, str] = {"keep": "Keep", "drop": "Drop", "replace": "Replace", "ask": "Ask", "add": "Add"}
# What people call the outcomes of CLEAR; the history of a rule is written in these words.
OUTCOMES: dict[str, str] = {
    "passed": "passed",
    "below_threshold": "below the threshold",
    "not_scored": "not scored",
    "corrected": "corrected",
    "identical": "identical answer",
    "tie": "tie",
    "order_disagreement": "verdict depends on the order",
    "unparseable": "verdict unreadable",
    "not_answered": "not answered",
    "no_candidate": "no candidate",
    "candidate_cut": "candidate cut",
    "random_control": "random control",
    "oracle_control": "oracle control",
    "auto_corrected": "label corrected by the model",
    "asked": "label doubted most",
    "left_out_this_round": "left out this round",
    "label_stands": "label stands",
    "annotated": "decided before",
    "passed_filters": "passed the filters",
    "filtered": "filtered",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one row; the confidences are NaN and ``candidate`` None where there is none."""

    example_id: int
    action: Action
    outcome: str
    confidence: float
    verdict_confidence: float
    candidate: str | None
    evidence: dict[str, JSON]

    @property
    def kind(self) -> str:
        """Action and outcome, as a queue sorts them."""
        return f"{self.action}:{self.outcome}"


def list_proposals(workspace: Workspace, dataset_id: str) -> list[Artifact]:
    """The proposals of a dataset, newest first."""
    return workspace.artifacts.list(dataset_id, KIND)


def find_proposals(workspace: Workspace, dataset_id: str, proposals_id: str = "") -> Artifact:
    """The proposals of that id, or the newest; raises ArtifactMissing."""
    if proposals_id:
        return workspace.artifacts.get(dataset_id, KIND, proposals_id)
    proposals = list_proposals(workspace, dataset_id)
    if not proposals:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no proposals yet: tamis run propose --dataset {dataset_id}."
        )
    return proposals[0]


def proposal_columns(proposals: Artifact) -> ProposalColumns:
    """What a queue needs to know of every proposal."""
    table = read_proposals(proposals, ["example_id", "action", "outcome", "confidence", "verdict_confidence"])
    pairs = zip(table["action"].to_pylist(), table["outcome"].to_pylist(), strict=True)
    return ProposalColumns(
        table["example_id"].to_numpy(),
        np.asarray([f"{action}:{outcome}" for action, outcome in pairs], dtype=object),
        table["confidence"].to_numpy().astype(np.float64),
        table["verdict_confidence"].to_numpy().astype(np.float64),
    )


def proposal_table(proposals: Artifact) -> pa.Table:
    """All of the proposals, candidates included, in one piece: large for a large dataset."""
    return read_proposals(proposals).combine_chunks()


def proposals_for(table: pa.Table, columns: ProposalColumns, rows: Int64s) -> list[Proposal]:
    """The proposals for these rows, in their order; both of ``proposal_table`` and its columns.

    Raises InvalidOptions for a row without one.
    """
    places = columns.places(rows)
    # A place at the end is that of a row behind all of them.
    there = places < len(columns.rows)
    there[there] = columns.rows[places[there]] == rows[there]
    if not there.all():
        raise InvalidOptions(f"Nothing is proposed for row {rows[~there][0]}.")
    lines: list[dict[str, Any]] = table.take(places).to_pylist()
    return [Proposal(**one | {"evidence": _evidence(one["evidence"])}) for one in lines]


def many_cut(proposals: Artifact) -> int:
    """How many candidates were cut, where that is more than a tenth of them; else 0."""
    outcomes: dict[str, int] = proposals.summary.get("outcomes") or {}
    n_cut = int(outcomes.get("candidate_cut", 0))
    n_candidates = int(proposals.summary.get("n_rows", 0))
    n_candidates -= sum(int(outcomes.get(without, 0)) for without in ("no_candidate", "not_answered"))
    return n_cut if n_cut > MANY_CUT_FRACTION * n_candidates else 0


def method_title(proposals: Artifact) -> str:
    """What the method is called that they were made with."""
    name = str(proposals.summary.get("method", "proposals"))
    return METHODS.get(name, name)


def say_kind(kind: str) -> str:
    """``drop:below_threshold`` as ``Drop: below the threshold``."""
    action, _, outcome = kind.partition(":")
    return f"{ACTIONS.get(action, action)}: {OUTCOMES.get(outcome, outcome)}"


def score_title(proposals: Artifact) -> str:
    """The score that they were made with, with a capital, as only one of the scores is a confidence; ``Score`` for none."""
    usual = proposals.manifest.options.get("score", "confidence")
    name = str(proposals.summary.get("score", usual) or "")
    return scorer_title(name) if name else "Score"


def score_word(proposals: Artifact) -> str:
    """The same within a sentence: ``length``, but ``DEITA``."""
    return in_sentence(score_title(proposals))


def _evidence(packed: str | None) -> dict[str, JSON]:
    """What was noted about a proposal; nothing where it cannot be read."""
    try:
        evidence = orjson.loads(packed or "{}")
    except orjson.JSONDecodeError:
        return {}
    return evidence if isinstance(evidence, dict) else {}
