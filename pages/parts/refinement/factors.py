"""What a person sets by hand about single clusters: keep the weight, leave out, or a factor on the weight."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.parts.refinement.again import FACTORS
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.runs.job_watch import FormDefaults
from pages.shared.wording import table_height
from tamis.actions.dataset_context import through_clustering
from tamis.actions.read_rows import list_clusters
from tamis.actions.refinements import cluster_factor
from tamis.steps.refine.options import EXCLUDED, MOST_BOOST, PINNED
from tamis.types import JSON

MOST_SAID = 6


def choose_factors(context: DatasetContext, start: FormDefaults, clustering_id: str) -> dict[str, JSON]:
    """Draw the table of clusters, largest first; returns what differs from leaving a cluster alone, by its id."""
    given: Mapping[str, JSON] = start.values.get(FACTORS) or {}
    table = cluster_table(context, clustering_id, given)
    if table.empty:
        return {}
    suffix = f"{start.suffix}_{clustering_id[:6]}"
    with st.expander(
        "Clusters by hand", icon=":material/pan_tool:", expanded=bool(given), key=f"refine_by_hand_{suffix}"
    ):
        st.caption(
            "Pinned clusters keep their weight, excluded ones give no row, a factor multiplies the weight in every round."
        )
        edited = st.data_editor(
            table, hide_index=True, key=f"refine_factors_{suffix}", disabled=["cluster_id", "cluster", "rows"],
            column_order=["pin", "exclude", "factor", "cluster", "rows"],
            column_config={
                "pin": st.column_config.CheckboxColumn("Pin", width=54),
                "exclude": st.column_config.CheckboxColumn("Exclude", width=74),
                "factor": st.column_config.NumberColumn(
                    "Factor", width=72, min_value=0.0, max_value=MOST_BOOST, format="×%g", help="1 changes nothing, 0 excludes."
                ),
                "cluster": st.column_config.TextColumn("Cluster"),
                "rows": st.column_config.NumberColumn("Rows", width=64, format="localized"),
            },
            height=table_height(len(table), 320),
        )  # fmt: skip
    factors = factors_of(edited)
    if factors:
        st.caption(
            f":material/pan_tool: {say_factors(factors, dict(zip(table['cluster_id'], table['cluster'], strict=True)))}"
        )
    return factors


def cluster_table(
    context: DatasetContext, clustering_id: str, by_hand_before: Mapping[str, JSON]
) -> pd.DataFrame:
    """Clusters by size with what is set by hand; empty where there is no clustering."""
    through = through_clustering(context, clustering_id)
    if through.view.clustering is None:
        return pd.DataFrame()
    clusters = list_clusters(through).to_pandas()
    clusters = clusters[clusters["cluster_id"] >= 0]
    given = [by_hand_before.get(str(int(i)), 1.0) for i in clusters["cluster_id"]]
    return pd.DataFrame(
        {
            "cluster_id": clusters["cluster_id"].to_numpy(),
            "pin": [value == PINNED for value in given],
            "exclude": [value == EXCLUDED for value in given],
            "factor": [value if isinstance(value, int | float) else 1.0 for value in given],
            "cluster": [shorten(name, 60) for name in clusters["name"]],
            "rows": clusters["size"].to_numpy(),
        }
    ).reset_index(drop=True)


def factors_of(table: pd.DataFrame) -> dict[str, JSON]:
    """What the table says, by cluster id."""
    factors: dict[str, JSON] = {}
    for line in table.to_dict("records"):
        factor = 1.0 if pd.isna(line["factor"]) else float(line["factor"])
        by_hand = cluster_factor(pinned=bool(line["pin"]), excluded=bool(line["exclude"]), factor=factor)
        if by_hand is not None:
            factors[str(line["cluster_id"])] = by_hand
    return factors


def say_factors(factors: Mapping[str, JSON], names: Mapping[int, str]) -> str:
    """What is set by hand, in one line of markdown."""
    parts = []
    for key, value in list(factors.items())[:MOST_SAID]:
        name = f"“{plain(shorten(names.get(int(key), '') or key, 40))}”"
        parts.append(f"{name} {value}" if isinstance(value, str) else f"{name} ×{value:g}")
    more = len(factors) - len(parts)
    return (
        f"{count_of(len(factors), 'cluster')} by hand: "
        + "; ".join(parts)
        + (f" and {more} more" if more else "")
    )
