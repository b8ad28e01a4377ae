"""The clusters beside the map: what each is about and how good it is; a click filters, a name can be changed."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pages.parts.data_map.cluster_change import show_cluster_change
from pages.parts.data_map.cluster_naming import show_naming
from pages.parts.data_map.row_list import show_row_list
from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from pages.shared.server import reviewer_name
from pages.shared.wording import as_percent
from tamis.actions.clusters import rename_cluster
from tamis.actions.map_colours import cluster_colour
from tamis.actions.read_rows import Scope
from tamis.actions.remedies import remarks_on
from tamis.errors import CurationError
from tamis.types import NOISE

N_EXAMPLES = 4


def show_clusters(context: DatasetContext, scope: Scope, *, height: int) -> None:
    """The table of clusters, and the one in the filter in detail."""
    if context.view.clustering is None:
        st.markdown("#### Clusters")
        st.caption("Not clustered yet.")
        return
    clusters = queries.panel(context, scope)
    chosen = _chosen(context, scope)
    _head(context, scope, clusters, chosen)
    one = chosen[0] if len(chosen) == 1 else None
    ids = [int(i) for i in clusters["cluster_id"].to_numpy()]
    # What is chosen is kept by its place, so another order is another table.
    key = f"clusters_{address.choices_round()}_{hash(tuple(ids))}"
    st.dataframe(
        _table(clusters),
        hide_index=True,
        column_config=_columns(clusters),
        key=key,
        on_select=partial(_filter_by, context, key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(c) for c in chosen if c in ids]}},
        height=height - (310 if one is not None else 60),
        alt="Clusters",
    )
    if one is not None and one in ids:
        _detail(context, clusters.slice(ids.index(one), 1).to_pylist()[0])


def _head(context: DatasetContext, scope: Scope, clusters: pa.Table, chosen: list[int]) -> None:
    n_clusters = sum(1 for i in clusters["cluster_id"].to_numpy() if i != NOISE)
    summary = context.view.require("clustering").summary
    noise = float(summary.get("noise_fraction", 0.0))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {n_clusters:,} clusters", width="content")
        if noise:
            st.caption(f"{as_percent(noise, 1)} of rows in none", width="content")
        show_cluster_change(context, scope, [one for one in chosen if one != NOISE])
        show_naming(context)
    for remark in remarks_on(summary):
        st.caption(remark)


def _chosen(context: DatasetContext, scope: Scope) -> list[int]:
    shown = ("", context.view.require("clustering").id)
    conditions = [c for c in scope.conditions if c.kind == "cluster" and c.on in shown]
    return [int(i) for i in conditions[0].value] if len(conditions) == 1 else []


def _filter_by(context: DatasetContext, key: str, ids: list[int]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    chosen = [ids[row] for row in rows if row < len(ids)]
    address.replace("cluster", chosen or None, context.view.require("clustering").id)


def _table(clusters: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {
        "colour": pa.array([_dot(cluster_colour(int(i))) for i in clusters["cluster_id"].to_numpy()]),
        "name": clusters["name"],
        "size": clusters["size"],
    }
    if clusters["n_matching"].to_pylist() != clusters["size"].to_pylist():
        columns["n_matching"] = clusters["n_matching"]
    if clusters["selected_fraction"].null_count < clusters.num_rows:
        columns["selected_percent"] = pc.multiply(clusters["selected_fraction"], 100.0)
    columns |= {name: clusters[name] for name in clusters.column_names if name.startswith("score:")}
    columns["keywords"] = clusters["keywords"]
    return pa.table(columns)


def _dot(colour: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5" fill="{colour}"/></svg>'
    return f"data:image/svg+xml;utf8,{quote(svg)}"


def _columns(clusters: pa.Table) -> dict[str, Any]:
    config: dict[str, Any] = {
        "colour": st.column_config.ImageColumn("", width=28),
        "name": st.column_config.TextColumn("Name", width=132),
        "size": st.column_config.NumberColumn("Rows", width=56, format="localized"),
        "n_matching": st.column_config.NumberColumn("Match", width=60, format="localized"),
        "selected_percent": st.column_config.NumberColumn("Selected", width=72, format="%.1f %%"),
        "keywords": st.column_config.ListColumn("Keywords", width="medium"),
    }
    for name in clusters.column_names:
        if name.startswith("score:"):
            label = name.removeprefix("score:")
            means = [mean for mean in clusters[name].to_pylist() if mean is not None]
            small = max(means, default=0) < 100
            config[name] = st.column_config.NumberColumn(
                f"Mean {label}", width=110, format="%.3f" if small else "%,.0f"
            )
    return config


def _detail(context: DatasetContext, cluster: dict[str, Any]) -> None:
    cluster_id = int(cluster["cluster_id"])
    if cluster_id == NOISE:
        st.caption("Rows that lie in no cluster. They are never forced into one unless you ask for it.")
        return
    key = f"rename_{cluster_id}_{context.names.revision}"
    st.text_input(
        "Name of the cluster",
        value=cluster["name"],
        key=key,
        icon=":material/edit:",
        label_visibility="collapsed",
        placeholder="Empty gives the name made of its keywords back",
        on_change=partial(_rename, context, cluster_id, key),
        **asks(context.workspace, rename_cluster),
    )
    st.caption(" · ".join(plain(word) for word in cluster["keywords"]))
    show_row_list(context, cluster["medoids"][:N_EXAMPLES], "typical", title="Typical rows")


def _rename(context: DatasetContext, cluster_id: int, key: str) -> None:
    clustering = context.view.require("clustering")
    try:
        rename_cluster(
            context.workspace,
            clustering,
            cluster_id,
            st.session_state[key],
            reviewer_name(context.workspace),
        )
    except CurationError as error:
        address.say_later(str(error))
