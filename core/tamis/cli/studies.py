"""What ``tamis referee`` and ``tamis worth`` print alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.referee_estimate import RefereeEstimate
    from tamis.actions.study_runs import StudyRun
    from tamis.actions.worth import WorthEstimate


def show_runs(session: Session, lines: Sequence[StudyRun], key: str) -> int:
    """Every run with its answer; ``key`` is the name of their ids in the JSON."""
    for one in lines:
        session.show(f"{one.artifact_id}  {one.created_at:16.16}  {one.text}")
    session.result({key: [one.artifact_id for one in lines]})
    return 0


def say_estimate(session: Session, found: RefereeEstimate | WorthEstimate) -> int:
    """How long it would take, in a sentence and as numbers."""
    session.show(found.text)
    session.result(asdict(found))
    return 0
