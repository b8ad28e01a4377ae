"""Which way of selecting helps a model: asked as one method of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from tamis.actions.referee import RefereeRequest, list_referees, submit_referee
from tamis.actions.referee_estimate import RefereeEstimate, estimate_referee
from tamis.actions.submit import LOCAL, RunTarget
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.referee_result import RefereeResult
from tamis.api.show import Records
from tamis.api.steps import HasDataset

if TYPE_CHECKING:
    from tamis.jobs.model import Job


class HasReferee:
    """The referee of a dataset."""

    __slots__ = ()

    @overload
    def referee(
        self: HasDataset, methods: Sequence[str] = (), *, preset: str = ..., budget_tokens: int = ..., max_seeds: int = ...,
        backend: str = ..., workers: int = ..., wait: Literal[True] = True, progress: bool = ..., **more: Any,  # noqa: ANN401
    ) -> RefereeResult: ...  # fmt: skip
    @overload
    def referee(
        self: HasDataset, methods: Sequence[str] = (), *, preset: str = ..., budget_tokens: int = ..., max_seeds: int = ...,
        backend: str = ..., workers: int = ..., wait: Literal[False], progress: bool = ..., **more: Any,  # noqa: ANN401
    ) -> JobHandle[RefereeResult]: ...  # fmt: skip
    def referee(
        self: HasDataset,
        methods: Sequence[str] = (),
        *,
        preset: str = "",
        budget_tokens: int = 20_000,
        max_seeds: int = 10,
        backend: str = LOCAL,
        workers: int = 1,
        wait: bool = True,
        progress: bool = True,
        **more: Any,  # noqa: ANN401 - those of RefereeRequest
    ) -> RefereeResult | JobHandle[RefereeResult]:
        """Train a model on every method's selections at equal tokens, seed after seed, and say which beat random.

        Random and longest are always among them. A method is a selector's name, ``refinement`` or ``selection:ID``, or those
        of a ``preset`` (dnc, token_length, mig). ``more`` is the rest of ``RefereeRequest``: ``model``, ``n_held_out``,
        ``held_out``, ``step_tokens``, ``count`` (all or response), ``recipe``, ``recipe_options``, ``quality``,
        ``target`` (what methods that select for one go by, and what is measured on beside; it must be named where there are
        several), ``equivalence_margin``, ``lm_eval_tasks``, ``lm_eval_limit``, ``seed``, ``options`` of methods by their names. Raises
        InvalidOptions, UnknownName and ArtifactMissing before anything is queued, JobFailed.
        """
        request = RefereeRequest(
            methods=tuple(methods), preset=preset, budget_tokens=budget_tokens, max_seeds=max_seeds, **more
        )
        target = RunTarget(backend, {"workers": workers} if workers > 1 else {})
        made = submit_referee(self._workspace, self.id, request, target=target)
        store, workspace = self._workspace.artifacts, self._workspace

        def open_result(job: Job) -> RefereeResult:
            return RefereeResult(workspace, store.get(job.dataset_id, job.kind, job.artifact_id))

        return wait_unless(workspace, made, open_result, wait=wait, progress=progress)

    def estimate_referee(self: HasDataset, methods: Sequence[str] = (), **more: Any) -> RefereeEstimate:  # noqa: ANN401
        """How long it would take here: one step is timed, nothing is queued. ``more`` is the rest of ``RefereeRequest``."""
        return estimate_referee(self._workspace, self.id, RefereeRequest(methods=tuple(methods), **more))

    @property
    def referees(self: HasDataset) -> Records:
        """Every referee of this dataset that was ever asked for, newest first: id, when, state, answer."""
        lines = [
            {"id": one.artifact_id, "asked": one.created_at, "state": one.state, "answer": one.text}
            for one in list_referees(self._workspace, self.id)
        ]
        return Records.of(f"Referees of {self.id}", lines)
