"""What a dataset is made of: counts, how long its texts are, where they come from, which metadata they carry."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.plain_text import plain
from pages.shared.wording import percent
from tamis.actions.datasets import DatasetStats, describe_dataset
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView, open_view
from tamis.store.workspace import Workspace

_KINDS = {"number": "Number", "text": "Text", "boolean": "Yes or no"}


def show_stats(workspace: Workspace, dataset_id: str) -> None:
    """Everything about one dataset that does not change after the import, and how much of it the encoder cut."""
    view = open_view(workspace.artifacts, dataset_id)
    stats = _stats(f"{workspace.path}:{view.examples.id}", dataset_id, _workspace=workspace)
    with st.grid(5, gap="small", min_column_width=150):
        _show_numbers(view, stats)
    lengths, origins = st.columns([3, 2], gap="medium")
    with lengths, st.container(border=True, height="stretch"):
        st.markdown("**Length of prompts and responses**")
        st.altair_chart(_length_chart(stats), height=320)
        st.caption(_say_lengths(stats))
    with origins, st.container(border=True, height="stretch"):
        _show_origins(stats)


@st.cache_data(max_entries=64, show_spinner=False)
def _stats(key: str, dataset_id: str, *, _workspace: Workspace) -> DatasetStats:
    return describe_dataset(_workspace, dataset_id)


def _show_numbers(view: DatasetView, stats: DatasetStats) -> None:
    summary = view.examples.summary
    st.metric("Rows", f"{stats.n_rows:,}", border=True)
    st.metric(
        "Rejected lines", f"{summary['n_rejected']:,}", border=True,
        help="Lines of the source that could not become a row; none is lost.",
    )  # fmt: skip
    st.metric(
        "Repeated rows", f"{stats.n_repeated:,}", border=True,
        help="Rows whose whole conversation stands in an earlier row too.",
    )  # fmt: skip
    st.metric(
        "Multi-turn", percent(stats.n_multi_turn / max(stats.n_rows, 1)), border=True,
        help="Share of rows with more than one user turn; a system message is none.",
    )  # fmt: skip
    st.metric("Cut by the encoder", *_truncated(view.embeddings), border=True, help=_TRUNCATED_HELP)


_TRUNCATED_HELP = (
    "Share of prompts and responses longer than the window of the encoder, from the newest embeddings."
)


def _truncated(embeddings: Artifact | None) -> tuple[str]:
    return ("–",) if embeddings is None else (percent(float(embeddings.summary["truncated_fraction"])),)


def _length_chart(stats: DatasetStats) -> alt.Chart:
    edges = stats.edges
    table = pd.DataFrame(
        [
            {"text": text, "from": low, "to": high, "rows": count}
            for text, spread in (("Prompt", stats.prompt), ("Response", stats.response))
            for low, high, count in zip(edges[:-1], edges[1:], spread.counts, strict=True)
        ]
    )
    ticks = [first * 10**power for power in range(7) for first in (1, 2, 5)]
    axis = alt.Axis(format="~s", values=ticks, grid=False)
    scale = alt.Scale(type="log", domain=[edges[0], edges[-1]], nice=False)
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar(opacity=0.55, binSpacing=0)
        .encode(
            x=alt.X("from:Q", title="characters", scale=scale, axis=axis),
            x2="to:Q",
            y=alt.Y("rows:Q", title="rows", stack=None, axis=alt.Axis(tickCount=4, format=",d")),
            y2=alt.datum(0),
            color=alt.Color("text:N", title=None, legend=alt.Legend(orient="top", direction="horizontal")),
            tooltip=[
                alt.Tooltip("text:N", title="Text"),
                alt.Tooltip("from:Q", title="From", format=",.0f"),
                alt.Tooltip("to:Q", title="To", format=",.0f"),
                alt.Tooltip("rows:Q", title="Rows", format=",d"),
            ],
        )
    )
    return chart


def _say_lengths(stats: DatasetStats) -> str:
    parts = [
        f"{name}: median {spread.median:,.0f}, 95 % below {spread.p95:,.0f}, longest {spread.longest:,}"
        for name, spread in (("Prompts", stats.prompt), ("Responses", stats.response))
    ]
    return " characters · ".join(parts) + " characters"


def _show_origins(stats: DatasetStats) -> None:
    st.markdown("**Sources**")
    shown = pd.DataFrame(stats.sources, columns=["Source", "Rows"])
    shown["Share"] = 100 * shown["Rows"] / max(stats.n_rows, 1)
    st.dataframe(
        shown,
        hide_index=True,
        height="content" if len(shown) < 5 else 180,
        column_config={
            "Rows": st.column_config.NumberColumn(format="localized", width="small"),
            "Share": st.column_config.ProgressColumn(
                format="%.1f %%", min_value=0.0, max_value=100.0, width=96
            ),
        },
    )
    if stats.n_sources > len(shown):
        st.caption(f"The {len(shown)} most frequent of {stats.n_sources:,} sources.")
    st.markdown("**Metadata fields**")
    if not stats.meta_fields:
        st.caption("None: the source has no columns besides the conversation.")
        return
    with st.container(horizontal=True, gap="xsmall"):
        for name, kind in list(stats.meta_fields.items())[:24]:
            st.badge(plain(name), color="gray", help=_KINDS.get(kind, kind))
    if len(stats.meta_fields) > 24:
        st.caption(f"and {len(stats.meta_fields) - 24} more")
