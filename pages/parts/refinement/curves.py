"""Curves of the round models of a refinement: the one that is trained now, and those of all rounds over each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.finetune_curves import show_curves
from pages.shared.runs.runs import Run
from tamis.jobs.folder import JobFolder
from tamis.store.artifacts.adapters import CURVES, read_curves
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

MOST_ROUNDS = 8  # more lines cannot be told apart; the newest are drawn
_NAME = re.compile(r"round (\d+) (\w+)")
_COLUMNS = ["name", "step", "value"]


def show_round_model_curves(
    context: DatasetContext, run: Run, chain: Sequence[Artifact], *, live: bool = False
) -> None:
    """Loss, learning rate and speed of every round model; nothing where none was trained."""
    curves = round_model_curves(context.workspace, run, chain)
    if not curves:
        return
    numbers = sorted(curves)
    shown = numbers[-MOST_ROUNDS:]
    now = live and numbers[-1] > len(chain)
    st.markdown(
        f"**Training of the round model of round {numbers[-1]}, under way**"
        if now
        else "**Training of the round models**"
    )
    show_curves({f"Round {number}": curves[number] for number in shown})
    if len(shown) < len(numbers):
        st.caption(f"The newest {len(shown)} of {len(numbers)} rounds.")


def round_model_curves(workspace: Workspace, run: Run, chain: Sequence[Artifact]) -> dict[int, pd.DataFrame]:
    """Points of the curves by round: name, step, value. From finished rounds, and from what the job has written."""
    found = _of_job(workspace, run)
    for one in chain:
        if CURVES in one.manifest.files:
            found[int(one.summary["round"])] = _stored(str(one.path), _artifact=one)
    return found


def _of_job(workspace: Workspace, run: Run) -> dict[int, pd.DataFrame]:
    points: dict[int, list[tuple[str, float, float]]] = {}
    metrics = JobFolder.of(workspace.path, run.job.job_id).read_metrics() if run.job is not None else {}
    for said, curve in metrics.items():
        named = _NAME.fullmatch(said)
        if named:
            own = points.setdefault(int(named[1]), [])
            own += [(named[2], point.position, point.value) for point in curve]
    return {number: pd.DataFrame(own, columns=_COLUMNS) for number, own in points.items()}


@st.cache_data(max_entries=64, show_spinner=False)
def _stored(path: str, *, _artifact: Artifact) -> pd.DataFrame:
    return read_curves(_artifact).select(_COLUMNS).to_pandas()
