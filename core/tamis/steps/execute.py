"""Run one planned step in this process: lock, compute, write the manifest last."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tamis.errors import InvalidOptions
from tamis.protocols import Call, call_here
from tamis.registry import Table, parse_options
from tamis.steps import STEPS
from tamis.steps.chunks import InThisProcess, Parallel
from tamis.steps.context import Reporter, StepContext
from tamis.steps.spec import Step, as_recorded
from tamis.store.artifacts.store import Artifact, ArtifactStore, ArtifactWriter, make_manifest
from tamis.types import JSON

LEAST_FREE_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Task:
    """What to run, with everything that names its result; ``options`` are complete, as a job or a manifest records them."""

    dataset_id: str
    step: str
    options: Mapping[str, JSON]
    inputs: Mapping[str, str]
    input_kinds: Mapping[str, str]
    artifact_id: str


def execute(
    store: ArtifactStore,
    task: Task,
    reporter: Reporter,
    *,
    steps: Table[Step] = STEPS,
    parallel: Parallel | None = None,
    limited: Call = call_here,
) -> Artifact:
    """Return the artifact, computing it unless it is there already; chunks are computed here without a ``parallel``,
    and files of strangers read without limits unless ``limited`` sets some.

    Raises what the step raises, ArtifactMissing for an input that is gone, JobConflict while another process writes
    the same artifact, and OSError (ENOSPC) before anything is computed on a disk that is nearly full.
    """
    step = steps[task.step]
    assert isinstance(step, Step)
    finished = store.find_whole(task.dataset_id, step.makes, task.artifact_id)
    if finished is not None:
        return finished
    options = parse_options(step.options, as_recorded(step.options, task.options))
    inputs = {
        role: store.get(task.dataset_id, task.input_kinds[role], identifier)
        for role, identifier in task.inputs.items()
    }
    _require_rows(task, inputs)
    with store.writing(task.dataset_id, step.makes, task.artifact_id) as writer:
        _require_space(store.workspace)
        _drop_leftovers(writer)
        context = StepContext(
            store.workspace, task.dataset_id, inputs, writer, reporter, parallel or InThisProcess(), limited
        )
        summary = step.load()(context, options)
        writer.commit(
            make_manifest(
                writer,
                kind=step.makes,
                identifier=task.artifact_id,
                dataset_id=task.dataset_id,
                step=task.step,
                options=options.identity(),
                inputs=dict(task.inputs),
                format_version=step.format_version,
                summary=summary,
            )
        )
    return store.get(task.dataset_id, step.makes, task.artifact_id)


def _require_rows(task: Task, inputs: Mapping[str, Artifact]) -> None:
    """A batch of which no draft could be read is a dataset without rows; proposals about none are none."""
    examples = inputs.get("examples")
    if examples is not None and not examples.summary.get("n_examples", 1) and task.step != "propose":
        raise InvalidOptions(
            f"Dataset {task.dataset_id!r} has no rows, so there is nothing to {task.step}: tamis rejects list --dataset "
            f"{task.dataset_id} says what became of them."
        )


def _require_space(workspace: Path) -> None:
    """An hour of computing must not end in a disk that was full from the start."""
    free = shutil.disk_usage(workspace).free
    if free < LEAST_FREE_BYTES:
        raise OSError(
            errno.ENOSPC,
            f"only {free:,} bytes are free, and a step starts with {LEAST_FREE_BYTES:,} at least",
            str(workspace),
        )


def _drop_leftovers(writer: ArtifactWriter) -> None:
    """Remove what an interrupted run had half-written; only its parts are whole, and are kept."""
    for path in writer.path.iterdir():
        if path.name == "parts":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
