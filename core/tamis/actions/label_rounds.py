"""Rounds of ALC3: where the newest one stands, and its training set as frozen decisions (METHODS.md 3.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tamis.actions.decisions import own_messages
from tamis.actions.proposals import find_proposals
from tamis.actions.roles import needs
from tamis.actions.teams import decisions_as_seen
from tamis.compute.apply import with_response
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.steps.propose.alc3 import answered_batch, is_wrong
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import FrozenDecision, store_decisions
from tamis.store.workspace import Workspace

METHOD = "alc3"


@dataclass(frozen=True, slots=True)
class LabelRound:
    """A round: rows asked about, how many are answered and wrong, and what it corrected and left out by itself.

    ``share_wrong`` is p_k of this round's answers and ``eta`` η_k, what should still be wrong; NaN where nobody can know
    yet. ``per_hundred`` is how many labels people gave for each hundred that they mended, over all rounds. Of rows that who asks shares with others
    own answers alone are counted.
    """

    proposals_id: str
    number: int
    n_asked: int
    n_answered: int
    n_wrong: int
    n_corrected: int
    n_left_out: int
    share_wrong: float
    eta: float
    delta: float
    n_annotated: int
    n_mended: int

    @property
    def per_hundred(self) -> float:
        """Annotations per hundred labels mended; NaN before the first."""
        return 100 * self.n_annotated / self.n_mended if self.n_mended else math.nan


def label_round(workspace: Workspace, dataset_id: str, proposals: str = "") -> LabelRound:
    """Where a round stands: the proposals of that id, else the newest; raises InvalidOptions for those of another method."""
    made = _round_of(workspace, dataset_id, proposals)
    decided, labels = _decided(workspace, dataset_id), _labels(workspace, dataset_id)
    batch, summary = answered_batch(made, decided, labels), made.summary
    return LabelRound(
        proposals_id=made.id,
        number=int(summary["round"]),
        n_asked=int(summary["n_asked"]),
        n_answered=batch.n_answered,
        n_wrong=batch.n_wrong,
        n_corrected=int(summary["n_replace"]),
        n_left_out=int(summary["n_drop"]),
        share_wrong=batch.share,
        eta=_number(summary.get("eta")),
        delta=_number(summary.get("delta")),
        n_annotated=len(decided),
        n_mended=sum(is_wrong(one, labels[one.example_id]) for one in decided.values()),
    )


@needs("curator")
def freeze_label_round(workspace: Workspace, dataset_id: str, proposals: str = "") -> Artifact:
    """The round's training set as decisions: what people said, and the round's own corrections and rows left out.

    What the round did by itself is in this artifact alone: the log of decisions, which the next round starts from, does not
    get it. Name it as the decisions of a training.
    """
    made = _round_of(workspace, dataset_id, proposals)
    decided = dict(_decided(workspace, dataset_id))
    table = read_proposals(made, ["example_id", "action", "candidate"])
    own = [
        one
        for one in table.to_pylist()
        if one["action"] in ("replace", "drop") and one["example_id"] not in decided
    ]
    replaced = [int(one["example_id"]) for one in own if one["action"] == "replace"]
    messages = (
        dict(zip(replaced, own_messages(workspace, dataset_id, replaced), strict=True)) if replaced else {}
    )
    for one in own:
        row, verdict = int(one["example_id"]), str(one["action"])
        new = with_response(messages[row], str(one["candidate"])) if verdict == "replace" else None
        decided[row] = FrozenDecision(row, verdict, new, METHOD, METHOD, made.manifest.created_at)
    if not decided:
        raise InvalidOptions(
            "Nobody decided anything and the round changed nothing: train on the rows as they are."
        )
    return store_decisions(workspace.artifacts, dataset_id, list(decided.values()))


def _round_of(workspace: Workspace, dataset_id: str, proposals: str) -> Artifact:
    if proposals:
        made = find_proposals(workspace, dataset_id, proposals)
        if made.summary.get("method") != METHOD:
            raise InvalidOptions(
                f"The proposals {proposals!r} are no round of labels: name some that were made by the method alc3."
            )
        return made
    rounds = [
        one
        for one in workspace.artifacts.list(dataset_id, "proposals")
        if one.summary.get("method") == METHOD
    ]
    if not rounds:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no round of labels yet: tamis run propose --dataset {dataset_id} --method alc3."
        )
    return max(rounds, key=lambda one: one.order)


def _decided(workspace: Workspace, dataset_id: str) -> Mapping[int, FrozenDecision]:
    """What people said: all that the log holds and that who asks may know."""
    found = decisions_as_seen(workspace, dataset_id)
    return {
        row: FrozenDecision(row, one.verdict, one.messages, one.via, one.reviewer, one.created_at)
        for row, one in found.items()
    }


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _labels(workspace: Workspace, dataset_id: str) -> list[str]:
    examples = workspace.artifacts.examples(dataset_id)
    return [str(text) for text in read_examples(examples, ["response"])["response"].to_pylist()]
