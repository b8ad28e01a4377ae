"""Rows that were written for a dataset and wait for somebody: how many of how many, and the way to them."""

from __future__ import annotations

from pages.shared.navigation import link_to
from tamis.actions.augmenting import AdditionsWaiting


def show_additions_waiting(dataset_id: str, waiting: AdditionsWaiting | None) -> None:
    """One line for a dataset with undecided additions; nothing for any other."""
    if waiting is not None:
        verb = "waits" if waiting.n_waiting == 1 else "wait"
        label = f"{waiting.n_waiting:,} of {waiting.n_passed:,} additions {verb} for you"
        link_to("augment", label, query={"dataset": dataset_id, "batch": waiting.newest})
