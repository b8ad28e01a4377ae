"""What is drawn of a selection, read once for each state of what it depends on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.actions import selections
from tamis.actions.artifact_names import names_in_view
from tamis.actions.selections import SelectionStats
from tamis.store.artifacts.store import Artifact


def key_numbers(context: DatasetContext, selection: Artifact, score: str) -> SelectionStats:
    """The numbers at the top of the page."""
    return _key_numbers(context.key, selection.id, score, _context=context, _selection=selection)


def per_cluster(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, score: str
) -> pd.DataFrame:
    """One row per cluster, largest first: what it has, what was picked of it, and what was to be expected."""
    asked = (selection.id, baseline.id if baseline else "", score, context.names.revision)
    return _per_cluster(context.key, asked, _context=context, _selection=selection, _baseline=baseline)


def picked_histograms(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, column: str, *, logarithmic: bool
) -> pd.DataFrame:
    """Histograms over the same bins, as shares of each set: low, high, share_fraction, count, rows."""
    asked = (selection.id, baseline.id if baseline else "", column, logarithmic)
    return _histograms(context.key, asked, _context=context, _selection=selection, _baseline=baseline)


def overlaps(context: DatasetContext, selection: Artifact) -> pd.DataFrame:
    """A line per other selection: what both picked."""
    return _overlaps(context.key, selection.id, _context=context, _selection=selection)


def ranked_picks(selection: Artifact) -> pd.DataFrame:
    """The picks in the order of their rank: example_id, cluster_id, rank, and the rank inside the cluster, from 1."""
    return _ranked_picks(str(selection.path), _selection=selection)


@st.cache_data(max_entries=64, show_spinner=False)
def _key_numbers(
    key: str, selection: str, score: str, *, _context: DatasetContext, _selection: Artifact
) -> SelectionStats:
    return selections.selection_stats(_context, _selection, score)


@st.cache_data(max_entries=64, show_spinner=False)
def _per_cluster(
    key: str,
    asked: tuple[str, str, str, int],
    *,
    _context: DatasetContext,
    _selection: Artifact,
    _baseline: Artifact | None,
) -> pd.DataFrame:
    return selections.picks_per_cluster(_context, _selection, _baseline, asked[2]).to_pandas()


@st.cache_data(max_entries=64, show_spinner=False)
def _histograms(
    key: str,
    asked: tuple[str, str, str, bool],
    *,
    _context: DatasetContext,
    _selection: Artifact,
    _baseline: Artifact | None,
) -> pd.DataFrame:
    histograms = selections.picked_histograms(_context, _selection, _baseline, asked[2], logarithmic=asked[3])
    return histograms.to_pandas()


@st.cache_data(max_entries=32, show_spinner=False)
def _overlaps(key: str, selection: str, *, _context: DatasetContext, _selection: Artifact) -> pd.DataFrame:
    names = names_in_view(_context.view, "selection")
    return pd.DataFrame(
        {
            "selection": names[one.other.id],
            "rows": one.n_rows,
            "both": one.n_both,
            "by_chance": round(one.by_chance, 1),
            "luck": "the same" if one.shares_luck else "its own",
            "share_fraction": round(one.share_fraction, 2),
            "jaccard": one.jaccard,
        }
        for one in selections.overlaps(_context, _selection)
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _ranked_picks(path: str, *, _selection: Artifact) -> pd.DataFrame:
    return selections.ranked_picks(_selection).to_pandas()
