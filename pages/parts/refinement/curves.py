"""Curves of the round models of a refinement: the one that is trained now, and those of all rounds over each other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.finetune_curves import show_training_curves
from tamis.actions.refinements import round_model_curves
from tamis.actions.runs import Run
from tamis.store.artifacts.store import Artifact

MOST_ROUNDS = 8  # more lines cannot be told apart; the newest are drawn


def show_round_model_curves(
    context: DatasetContext, run: Run, rounds: Sequence[Artifact], *, live: bool = False
) -> None:
    """Loss, learning rate and speed of every round model; nothing where none was trained."""
    curves = round_model_curves(context.workspace, run, rounds)
    if not curves:
        return
    numbers = sorted(curves)
    shown = numbers[-MOST_ROUNDS:]
    now = live and numbers[-1] > len(rounds)
    st.markdown(
        f"**Training of the round model of round {numbers[-1]}, under way**"
        if now
        else "**Training of the round models**"
    )
    show_training_curves({f"Round {number}": curves[number].to_pandas() for number in shown})
    if len(shown) < len(numbers):
        st.caption(f"The newest {len(shown)} of {len(numbers)} rounds.")
