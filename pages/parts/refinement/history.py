"""The history of a refinement as the page draws it: read once per state of the run, with the names of its clusters."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import unlike
from tamis.actions.refinement_history import RefinementHistory, read_history
from tamis.actions.runs import Run
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s


def history_of(context: DatasetContext, run: Run, rounds: Sequence[Artifact]) -> RefinementHistory | None:
    """The history so far; None before the first round has ended."""
    newest = run.run_id if run.artifact is not None else rounds[-1].id if rounds else ""
    return _history(f"{context.workspace.path}:{newest}", _run=run, _rounds=tuple(rounds)) if newest else None


def weights_of(history: RefinementHistory) -> pd.DataFrame:
    """A line per round (0: before the first) and cluster: weight, score, standard_error, n_scored, budget, factor."""
    return history.weights.to_pandas()


def flags_of(history: RefinementHistory) -> pd.DataFrame:
    """A line per flagged row and reason: round, example_id, cluster_id, reason, value."""
    return history.flags.to_pandas()


def name_of(context: DatasetContext, cluster_id: int) -> str:
    """A cluster as people call it."""
    return "Outside all clusters" if cluster_id < 0 else context.cluster_name(int(cluster_id))


def names_of(context: DatasetContext, cluster_ids: Sequence[int] | Int64s) -> dict[int, str]:
    """Names by id, no two alike."""
    ids = [int(one) for one in cluster_ids]
    return dict(zip(ids, unlike([name_of(context, one) for one in ids], ids), strict=True))


@st.cache_resource(max_entries=64, show_spinner=False)
def _history(key: str, *, _run: Run, _rounds: tuple[Artifact, ...]) -> RefinementHistory | None:
    return read_history(_run.artifact, _rounds)
