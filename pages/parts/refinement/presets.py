"""Three ways to begin a refinement, each a setting of what to run and whether to train; the rest of the form stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

_KEY = "refine_preset"


@dataclass(frozen=True, slots=True)
class Preset:
    """What is run and whether its model is trained, and what one learns from it."""

    title: str
    summary: str
    train: bool
    kinds: tuple[str, ...]


PRESETS = (
    Preset("Cheap look", "Trains nothing: the base model answers, and shows in minutes where weights would go.", False, ("none",)),
    Preset("With training", "Each round fine-tunes the model on all that is selected so far, and asks what it still lacks.", True, ("none",)),
    Preset(
        "With control",
        "The same beside a run whose scores are dealt out at random: what that one reaches too owes nothing to the scores.",
        True, ("none", "shuffled_scores"),
    ),
)  # fmt: skip


def show_presets(keys: tuple[str, str], *, train: bool, kinds: Sequence[str]) -> None:
    """Draw them, with the one chosen that the form holds; ``keys`` are those of its fields for kinds and training."""
    titles = [one.title for one in PRESETS]
    held = next((one for one in PRESETS if (one.train, set(one.kinds)) == (train, set(kinds))), None)
    st.session_state[_KEY] = held.title if held else None
    st.segmented_control("How to begin", titles, key=_KEY, on_change=_take, args=keys, width="stretch")
    st.caption(held.summary if held else "Your own setting, as More options has it.")


def _take(kinds_key: str, train_key: str) -> None:
    chosen = next((one for one in PRESETS if one.title == st.session_state[_KEY]), None)
    if chosen is not None:
        st.session_state[kinds_key], st.session_state[train_key] = list(chosen.kinds), chosen.train
