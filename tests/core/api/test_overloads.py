"""What waits or hands over a job says in its types which of the two it does."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, get_overloads

import pytest

from tamis import api


def _public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in pkgutil.iter_modules(api.__path__, "tamis.api."):
        for class_name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ == module.name:
                for name, method in inspect.getmembers(kind, inspect.isfunction):
                    if not name.startswith("_") and method.__module__ == module.name:
                        yield f"{class_name}.{name}", method


WAITING = [
    pytest.param(method, id=name)
    for name, method in _public_functions()
    if "wait" in inspect.signature(method).parameters
    and " | " in str(inspect.signature(method).return_annotation)
]


def test_all_of_them_are_looked_at() -> None:
    assert {one.id for one in WAITING} == {
        "Dataset.apply",
        "Dataset.compare_methods",
        "Dataset.run_missing",
        "HasReferee.referee",
        "HasWorth.worth",
        "RefinementResult.compare_with_controls",
        "RefinementResult.more_rounds",
        "RejectedLines.retry",
        "SelectionResult.baseline",
        "Workspace.import_file",
        "Workspace.import_rows",
    }


@pytest.mark.parametrize("method", WAITING)
def test_waiting_has_a_type_of_its_own_and_not_waiting_another(method: Callable[..., Any]) -> None:
    own = inspect.signature(method)
    first, second, *others = (inspect.signature(one) for one in get_overloads(method))
    waited, at_once = own.return_annotation.split(" | ")
    assert (first.parameters["wait"].annotation, first.return_annotation) == ("Literal[True]", waited)
    assert (second.parameters["wait"].annotation, second.return_annotation) == ("Literal[False]", at_once)
    assert second.parameters["wait"].default is inspect.Parameter.empty
    assert "JobHandle[" in at_once and "JobHandle" not in waited
    for one in (first, second, *others):
        assert list(one.parameters) == list(own.parameters)
        types = {name: parameter.annotation for name, parameter in one.parameters.items() if name != "wait"}
        assert types == {name: own.parameters[name].annotation for name in types}
        assert {name: parameter.kind for name, parameter in one.parameters.items()} == {
            name: parameter.kind for name, parameter in own.parameters.items()
        }
