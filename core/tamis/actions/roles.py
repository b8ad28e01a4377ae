"""Which role an action needs: declared at the action, asked before it begins, whoever calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from tamis.actions.audit import add_entry
from tamis.actions.dataset_context import DatasetContext
from tamis.store.actor import AT_THE_MACHINE, ROLE_SUMMARIES, Actor, Role
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")
_DECLARED = "needed_role"
MOST_CHARS = 300  # of an argument in the audit log


def needs(role: Role, *, noted: str = "", writes: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Ask, before the action begins, whether the actor of its workspace may do it.

    ``noted`` is the word under which the audit log has it, before it is done and again where it failed; what is done in
    the database has its entry from there. What ``writes`` is refused where the workspace can only be looked at, before it
    has written half of what it writes.

    The workspace is the first argument, or that of the context or the store which is. An action that records a name
    (``reviewer``, or ``by``) records the account's, and refuses another one. Raises NotAllowed, and CurationError for a
    workspace that cannot be written to.
    """

    def declare(action: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(action)

        @wraps(action)
        def asked(*args: P.args, **kwargs: P.kwargs) -> R:
            first = args[0] if args else next(iter(kwargs.values()), None)
            actor = actor_of(first)
            workspace = _workspace_of(first)
            if writes and role != "viewer" and workspace is not None:
                workspace.database.require_writable()
            actor.require(role)
            if not (actor.account or noted):
                return action(*args, **kwargs)
            arguments = signature.bind(*args, **kwargs).arguments
            if actor.account:
                _refuse_other_name(actor, arguments)
            if noted and isinstance(first, Workspace):
                return _with_entry(first, noted, arguments, lambda: action(*args, **kwargs))
            return action(*args, **kwargs)

        setattr(asked, _DECLARED, role)
        return asked

    return declare


def needed_role(action: Callable[..., object]) -> Role:
    """The role that an action declares; viewer for one that only looks."""
    declared: Role = getattr(action, _DECLARED, "viewer")
    return declared


def why_not(action: Callable[..., object], workspace: Workspace) -> str:
    """Why whose hands the workspace is in may not do it, in a sentence for the button that does; empty where they may."""
    role, actor = needed_role(action), workspace.actor
    if actor.may(role):
        return ""
    if workspace.database.is_read_only:
        return "This workspace cannot be written to, so it can only be looked at."
    return f"Needs the role {role}, which {ROLE_SUMMARIES[role]}. You are logged in as {actor.role}; the operator gives roles."


def actor_of(handle: object) -> Actor:
    """Who holds a handle; whoever is at the machine where it is none: only commands and Python pass paths."""
    if isinstance(handle, DatasetContext):
        return handle.workspace.actor
    return handle.actor if isinstance(handle, Workspace | ArtifactStore) else AT_THE_MACHINE


def _workspace_of(handle: object) -> Workspace | None:
    if isinstance(handle, DatasetContext):
        return handle.workspace
    return handle if isinstance(handle, Workspace) else None


def _with_entry(workspace: Workspace, word: str, arguments: dict[str, Any], act: Callable[[], R]) -> R:
    requests = [
        value.model_dump(exclude_defaults=True)
        for value in arguments.values()
        if isinstance(value, BaseModel)
    ]
    values = arguments | {name: value for request in requests for name, value in request.items()}
    about = {
        name: str(value)[:MOST_CHARS] for name, value in values.items() if isinstance(value, str | int | Path)
    }
    dataset_id = about.pop("dataset_id", "")
    # Before: what was begun when the power went is in the log too.
    add_entry(workspace, word, dataset_id, about)
    try:
        return act()
    except Exception as error:
        add_entry(workspace, f"{word} failed", dataset_id, about | {"error": type(error).__name__})
        raise


def _refuse_other_name(actor: Actor, arguments: dict[str, Any]) -> None:
    by = arguments.get("by")
    actor.named(str(arguments.get("reviewer") or getattr(by, "reviewer", "") or ""))
