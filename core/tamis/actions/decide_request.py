"""A decision as it is sent over HTTP: checked, made once and in order, answered in a few fields."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from tamis.actions.decisions import DecidedBy, RecordedDecision, approve_proposal, reject_proposal, save_edit
from tamis.actions.proposals import Proposal, find_proposals, proposal_columns, proposal_table, proposals_for
from tamis.actions.roles import needs
from tamis.compute.clear.review_order import ProposalColumns
from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact
from tamis.store.review.requests import SentDecision
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = ["DecideRequest", "decide_by_request"]


class DecideRequest(BaseModel):
    """What is decided about which row. ``sender`` and ``number`` (from 1, without gaps) make a repeated one harmless.

    ``reviewer`` is the name typed in a browser where nobody logs in; an account is never named by what is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    number: int = Field(ge=1, lt=1 << 53)
    dataset: str
    proposals: str
    reviewer: str = Field("", max_length=60, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    row: int = Field(ge=0, lt=1 << 53)
    do: Literal["approve", "reject", "edit"]
    messages: list[dict[str, JSON]] | None = None
    seen_event: int | None = Field(None, ge=0)


@needs("reviewer")
def decide_by_request(workspace: Workspace, request: DecideRequest, reviewer: str) -> dict[str, JSON]:
    """Decide, or say what this very request decided before; raises OutOfOrder, InvalidOptions, ArtifactMissing."""
    proposals = find_proposals(workspace, request.dataset, request.proposals)
    by = DecidedBy(
        reviewer=reviewer, proposals_id=proposals.id, seen_event=request.seen_event,
        sent=SentDecision(request.sender, request.number),
    )  # fmt: skip
    made = _decide(workspace, request, _proposal(proposals, request.row), by)
    return {"event": made.decision.event_id, "verdict": made.decision.verdict, "conflict": made.conflict}


def _decide(
    workspace: Workspace, request: DecideRequest, proposal: Proposal, by: DecidedBy
) -> RecordedDecision:
    if (request.do == "edit") != (request.messages is not None):
        raise InvalidOptions(f"{request.do!r} {'needs' if request.do == 'edit' else 'takes no'} messages.")
    if request.messages is not None:
        return save_edit(workspace, request.dataset, request.row, request.messages, by)
    act = approve_proposal if request.do == "approve" else reject_proposal
    return act(workspace, request.dataset, proposal, by)


def _proposal(proposals: Artifact, row: int) -> Proposal:
    columns, table = _opened(proposals.path)
    if row not in columns.rows:
        raise InvalidOptions(f"Proposals {proposals.id} say nothing about row {row}.")
    return proposals_for(table, columns, np.asarray([row]))[0]


@lru_cache(maxsize=4)  # an artifact never changes
def _opened(path: Path) -> tuple[ProposalColumns, pa.Table]:
    from tamis.store.artifacts.store import load_artifact

    artifact = load_artifact(path)
    return proposal_columns(artifact), proposal_table(artifact)
