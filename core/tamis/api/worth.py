"""What clusters are worth: asked as one method of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from tamis.actions.submit import LOCAL, RunTarget
from tamis.actions.worth import (
    WorthEstimate,
    WorthRequest,
    estimate_worth,
    extend_worth,
    list_worths,
    submit_worth,
)
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.show import Records
from tamis.api.steps import HasDataset
from tamis.api.worth_result import WorthResult

if TYPE_CHECKING:
    from tamis.jobs.model import Job


class HasWorth:
    """What the clusters of a dataset are worth."""

    __slots__ = ()

    @overload
    def worth(
        self: HasDataset, *, budget_tokens: int = ..., runs: int = ..., extend: WorthResult | str = ..., search: str = ...,
        backend: str = ..., workers: int = ..., wait: Literal[True] = True, progress: bool = ..., **more: Any,  # noqa: ANN401
    ) -> WorthResult: ...  # fmt: skip
    @overload
    def worth(
        self: HasDataset, *, budget_tokens: int = ..., runs: int = ..., extend: WorthResult | str = ..., search: str = ...,
        backend: str = ..., workers: int = ..., wait: Literal[False], progress: bool = ..., **more: Any,  # noqa: ANN401
    ) -> JobHandle[WorthResult]: ...  # fmt: skip
    def worth(
        self: HasDataset,
        *,
        budget_tokens: int = 20_000,
        runs: int = 0,
        extend: WorthResult | str = "",
        search: str = "narrow",
        backend: str = LOCAL,
        workers: int = 1,
        wait: bool = True,
        progress: bool = True,
        **more: Any,  # noqa: ANN401 - those of WorthRequest
    ) -> WorthResult | JobHandle[WorthResult]:
        """Train a model on mixtures of clusters at equal tokens, and say what more of each does to the loss.

        ``runs`` 0 is four for each super-cluster. ``more`` is the rest of ``WorthRequest``: ``model``, ``most_clusters``,
        ``max_passes``, ``furthest``, ``n_held_out``, ``held_out``, ``step_tokens``, ``count``, ``recipe``, ``recipe_options``,
        ``seed``. With ``extend`` the next four runs of that worth are added, which ``search`` (narrow or improve) chooses, and
        all else is as there. Raises InvalidOptions and ArtifactMissing before anything is queued, JobFailed.
        """
        workspace, target = self._workspace, RunTarget(backend, {"workers": workers} if workers > 1 else {})
        named = extend if isinstance(extend, str) else extend.id
        if named:
            made = extend_worth(workspace, self.id, named, search, target=target)
        else:
            request = WorthRequest(budget_tokens=budget_tokens, runs=runs, **more)
            made = submit_worth(workspace, self.id, request, target=target)

        def open_result(job: Job) -> WorthResult:
            return WorthResult(workspace, workspace.artifacts.get(job.dataset_id, job.kind, job.artifact_id))

        return wait_unless(workspace, made, open_result, wait=wait, progress=progress)

    def estimate_worth(self: HasDataset, **more: Any) -> WorthEstimate:  # noqa: ANN401
        """How long it would take here: one step is timed, nothing is queued. ``more`` are those of ``WorthRequest``."""
        return estimate_worth(self._workspace, self.id, WorthRequest(**more))

    @property
    def worths(self: HasDataset) -> Records:
        """Every worth of this dataset that was ever asked for, newest first: id, when, state, answer."""
        lines = [
            {"id": one.artifact_id, "asked": one.created_at, "state": one.state, "answer": one.text}
            for one in list_worths(self._workspace, self.id)
        ]
        return Records.of(f"Worths of {self.id}", lines)
