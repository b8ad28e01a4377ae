"""Whose name goes into the log of tags and names."""

from __future__ import annotations

from tamis.store.workspace import Workspace


def reviewer_name(workspace: Workspace) -> str:
    """The account that is logged in, else as by command and by Python."""
    return workspace.settings.reviewer_name(workspace.actor.account)
