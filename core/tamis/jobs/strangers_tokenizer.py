"""Counting with a model's tokenizer, which a stranger may have made: such a one is not the server's to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits
from tamis.models.adapters import BUNDLED_LLM
from tamis.store.workspace import Workspace

T = TypeVar("T")


def with_tokenizer_of(workspace: Workspace, model: str, function: Callable[..., T], *arguments: object) -> T:
    """Call a function of a module that reads the tokenizer of ``model``.

    For somebody in a browser this is done in a process with limits unless the model is the bundled one: a tokenizer makes
    of a letter as much as it likes. Raises LimitReached, and what the function does.
    """
    if workspace.confined and model != BUNDLED_LLM:
        return run_limited(function, *arguments, limits=ReadLimits.of_look(workspace.settings))
    return function(*arguments)
