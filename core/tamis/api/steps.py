"""A step as a method: its options are the keyword arguments, by the names and with the checks that they have anywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast, get_origin, overload

import numpy as np

from tamis.actions.submit import LOCAL, RunTarget, submit
from tamis.api.array_inputs import row_mask
from tamis.api.array_results import SelectedRows
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.open_result import result_of
from tamis.api.rows import Rows
from tamis.api.step_result import StepResult
from tamis.api.training import AdapterResult
from tamis.steps import STEPS
from tamis.steps.option_values import NamedOption, named_options, nest_options, plugin_groups
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import count_examples

if TYPE_CHECKING:
    from tamis.jobs.model import Job
    from tamis.store.workspace import Workspace
    from tamis.types import JSON

R = TypeVar("R")
RUNNING: dict[str, Any] = {"wait": True, "progress": True, "backend": LOCAL, "resources": None, "priority": 0}
_MEANINGS = {
    "wait": "wait for the result; False returns a job at once",
    "progress": "show a bar while waiting",
    "backend": "where it runs: local, ray or slurm",
    "resources": "what it may use, for example {'gpus': 1, 'mem_gb': 16}",
    "priority": "of the jobs that wait, the highest starts first",
}


class HasDataset(Protocol):
    """What a step runs on."""

    @property
    def id(self) -> str:
        """Id of the dataset."""

    @property
    def _workspace(self) -> Workspace: ...


class BoundStep(Protocol[R]):
    """A step of one dataset: with ``wait=False`` it returns a job, else what it made."""

    @overload
    def __call__(self, *first: JSON, wait: Literal[False], **options: JSON) -> JobHandle[R]: ...
    @overload
    def __call__(self, *first: JSON, wait: bool = True, **options: JSON) -> R: ...


class StepMethod(Protocol[R]):
    """A step as an attribute of a class."""

    def __get__(self, instance: object, owner: type | None = None) -> BoundStep[R]: ...


def step_method(step: str, result: type[R], first: str) -> StepMethod[R]:
    """The method that runs a step; ``first`` is the option that may stand without its name."""

    def run(self: HasDataset, *positional: JSON, **options: Any) -> R | JobHandle[R]:  # noqa: ANN401
        if len(positional) > 1:
            raise TypeError(f"{step}() takes one option without its name, {first}; name the others.")
        if positional and first in options:
            raise TypeError(f"{step}() got {first} twice, with and without its name.")
        given = ({first: positional[0]} if positional else {}) | options
        how = {name: given.pop(name, default) for name, default in RUNNING.items()}
        target = RunTarget(how["backend"], dict(how["resources"] or {}), how["priority"])
        asked = given_options(self, step, given)
        submission = submit(self._workspace, self.id, step, asked, target=target)
        open_result = _opener(self, result)
        return wait_unless(
            self._workspace, submission, open_result, wait=how["wait"], progress=how["progress"]
        )

    run.__name__ = run.__qualname__ = step
    run.__doc__ = _documentation(step, first)
    run.__signature__ = _signature(step, first, result)  # type: ignore[attr-defined]
    return cast(StepMethod[R], run)


def given_options(owner: HasDataset, step: str, options: Mapping[str, Any]) -> dict[str, JSON]:
    """What a person typed as the step's type takes it; raises InvalidOptions and UnknownName."""
    return nest_options(step, plain_values(owner, step, options))


def plain_values(owner: HasDataset, step: str, options: Mapping[str, Any]) -> dict[str, JSON]:
    """The same values as they can stand in a job: results and rows by what names them."""
    return {name: _plain(owner, step, name, value) for name, value in options.items()}


def _opener(owner: HasDataset, result: type[R]) -> Callable[[Job], R]:
    workspace = owner._workspace

    def open_result(job: Job) -> R:
        made = result_of(workspace, workspace.artifacts.get(job.dataset_id, job.kind, job.artifact_id))
        return cast(R, made)

    return open_result


def _plain(owner: HasDataset, step: str, name: str, value: Any) -> JSON:  # noqa: ANN401 - typed in a notebook
    """A value as options have it: results and rows by what names them, numbers and paths as Python's own."""
    points_at_rows = STEPS[step].options.POINTERS.get(name) == "rows"
    if points_at_rows and isinstance(value, list | tuple) and _names_sets(step, name):
        return [_plain_rows(owner, name, one) for one in value]
    if points_at_rows and value is not None:
        return _plain_rows(owner, name, value)
    if isinstance(value, AdapterResult):
        return value.model
    if isinstance(value, StepResult):
        return value.id
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(owner, step, name, one) for one in value]
    return value


def _names_sets(step: str, name: str) -> bool:
    """Whether an option takes several sets of rows."""
    return get_origin(STEPS[step].options.model_fields[name].annotation) is tuple


def _plain_rows(owner: HasDataset, name: str, value: Any) -> JSON:  # noqa: ANN401 - typed in a notebook
    """One set of rows by what names it."""
    if isinstance(value, StepResult):
        return f"selection:{value.id}"
    return value if isinstance(value, str) else _frozen_rows(owner, name, value)


def _frozen_rows(owner: HasDataset, name: str, value: Any) -> str:  # noqa: ANN401 - rows, a mask, or row numbers
    store = owner._workspace.artifacts
    n = count_examples(store.examples(owner.id))
    rows = value.ids if isinstance(value, Rows | SelectedRows) else value
    return freeze_rows(store, owner.id, np.flatnonzero(row_mask(rows, n, name)), name).id


def _signature(step: str, first: str, result: type) -> inspect.Signature:
    """The step's options with those of its default plug-ins, then how it is run; options of other plug-ins by name."""
    options = list(named_options(step, {}).values())
    leading = [
        _parameter(one, inspect.Parameter.POSITIONAL_OR_KEYWORD) for one in options if one.name == first
    ]
    others = [_parameter(one, inspect.Parameter.KEYWORD_ONLY) for one in options if one.name != first]
    running = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
        for name, value in RUNNING.items()
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    rest = inspect.Parameter("others", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([own, *leading, *others, *running, rest], return_annotation=result)


def _parameter(option: NamedOption, kind: Any) -> inspect.Parameter:  # noqa: ANN401 - of an enumeration without a name
    default = inspect.Parameter.empty if option.default is ... else option.default
    return inspect.Parameter(option.name, kind, default=default, annotation=option.field.annotation)


def _documentation(step: str, first: str) -> str:
    """What the step does, every option, those of each plug-in under its name, and how it is run."""
    row = STEPS[step]
    lines = [row.summary, "", f"{first} may stand without its name. Options:"]
    lines += [_line(one) for one in named_options(step, {}).values() if not one.within]
    for choice, plugin, options in plugin_groups(step):
        lines += ["", f"With {choice.field} {plugin.name!r} ({plugin.summary})", *map(_line, options)]
    lines += ["", "How it is run:", *(f"    {name}: {meaning}" for name, meaning in _MEANINGS.items())]
    lines += [
        "",
        "Options that name rows take rows, a selection, row numbers, a mask, or tag:NAME; those that name a result take it "
        "or its id.",
        "Raises InvalidOptions, UnknownName, ArtifactMissing naming the step to run first, and JobFailed.",
    ]
    return "\n".join(lines)


def _line(option: NamedOption) -> str:
    default = "must be given" if option.default is ... else f"default {option.default!r}"
    return f"    {option.name}: {option.meaning} ({default})"
