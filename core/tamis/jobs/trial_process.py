"""Three drafts in a process of their own: a teacher too large or too slow for this machine ends that one alone.

``python -m tamis.jobs.trial_process`` is that process; what it was answered stays known to the run itself, however it ends.
"""

from __future__ import annotations

import base64
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tamis.compute.augment.budget import Ledger
from tamis.jobs.asked_process import LIMIT_S, AskedProcess, answer_request, say
from tamis.steps.augment.driver import Outcome
from tamis.steps.augment.trial import TRIED_JOBS, AugmentTrial, tried_drafts
from tamis.store.artifacts.store import ArtifactStore
from tamis.types import JSON

__all__ = ["LIMIT_S", "TrialProcess"]
MODULE = "tamis.jobs.trial_process"


class TrialProcess(AskedProcess[AugmentTrial]):
    """The process that tries; leaving the context ends it. Its ``progress`` holds jobs, n_jobs, questions and tokens."""

    def __init__(
        self,
        workspace: Path,
        batch_id: str,
        options: Mapping[str, JSON],
        *,
        n_jobs: int = TRIED_JOBS,
        limit_s: float = LIMIT_S,
        command: Sequence[str] = (sys.executable, "-m", MODULE),
    ) -> None:
        request: dict[str, JSON] = {
            "workspace": str(workspace), "batch_id": batch_id, "options": dict(options), "n_jobs": n_jobs,
        }  # fmt: skip
        super().__init__(request, _read, what="The trial", limit_s=limit_s, command=command)


def _read(found: str) -> AugmentTrial:
    trial: AugmentTrial = pickle.loads(base64.b64decode(found))  # written by this module in a process of ours
    return trial


def _answer(request: dict[str, Any]) -> JSON:
    n_jobs = int(request["n_jobs"])

    def on_progress(outcome: Outcome, ledger: Ledger) -> None:
        say(
            progress={
                "jobs": outcome.n_jobs,
                "n_jobs": n_jobs,
                "questions": ledger.calls,
                "tokens": ledger.tokens,
            }
        )

    store = ArtifactStore(Path(request["workspace"]))
    trial = tried_drafts(store, request["batch_id"], request["options"], n_jobs, on_progress)
    return base64.b64encode(pickle.dumps(trial)).decode()


def main() -> int:
    """Answer the request on standard input; returns the exit code."""
    return answer_request(_answer)


if __name__ == "__main__":
    sys.exit(main())
