"""One comparison: its numbers as a table, then overlap, shares, distributions, maps and the rows that tell methods apart."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from pages.parts.compare.charts import interval_chart, overlap_chart, share_chart, spread_chart, titles_of
from pages.parts.compare.keep import KEEP_HELP, keep_clicked, keep_labels
from pages.parts.compare.maps import show_maps
from pages.parts.compare.rows import show_unique_rows
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import percent, sentence, with_minus
from tamis.actions.comparisons import Comparison, IntervalEstimate, Metric, read_comparison
from tamis.actions.report.report import notes_of, render_report
from tamis.store.artifacts.store import Artifact

CHARTS_PER_LINE = 3
TABLE_ALONE = (
    "tokens_per_row",
    "n_tokens",
    "training_tokens",
    "gpu_hours",
)  # without an interval chart of its own
TABS = "compare_part"
ARROWS = {"lower": " ↓", "higher": " ↑", "neither": ""}


def show_comparison(context: DatasetContext, dataset_name: str, comparison: Artifact) -> None:
    """Everything about one comparison, from a few numbers down to the rows."""
    compared = _content(str(comparison.path), _comparison=comparison)
    st.markdown(f"##### {plain(compared.verdict(titles_of(compared)))}")
    _show_summary(context, compared)
    _show_actions(context, dataset_name, comparison)
    parts: dict[str, Callable[[], None]] = {}
    if context.view.layout is not None:  # what one looks at after the numbers
        parts["On the map"] = lambda: show_maps(context, comparison, compared)
    parts |= {
        "Intervals": lambda: _show_intervals(compared),
        "Rows only one picked": lambda: show_unique_rows(context, comparison, compared),
        "Overlap and sources": lambda: _show_overlap_and_sources(compared),
    }
    if compared.clusters is not None:
        parts["Clusters"] = lambda: _show_clusters(context, comparison, compared)
    if compared.spreads:
        parts["Distributions"] = lambda: _show_spreads(compared)
    # Only the open one is drawn: the maps alone are as much as all else.
    tabs = st.tabs(list(parts), key=TABS, on_change="rerun", bind="query-params")
    for tab, draw in zip(tabs, parts.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _show_clusters(context: DatasetContext, comparison: Artifact, compared: Comparison) -> None:
    if compared.clusters is not None:
        st.caption("Share by cluster. Grey: the cluster's share of all rows.")
        share_chart(compared, compared.clusters, _cluster_names(context, comparison, compared))


def _show_overlap_and_sources(comparison: Comparison) -> None:
    several = len(comparison.sources.keys) > 1
    left, right = st.columns(2, gap="medium") if several else (st.container(), None)
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Overlap**", help=_OVERLAP_HELP)
        st.caption(f"Two independent random picks would share {comparison.chance_jaccard:.2f}.")
        overlap_chart(comparison)
    if right is not None:
        with right, st.container(border=True, height="stretch"):
            st.markdown("**Share by source**", help="Grey: the source's share of all rows.")
            share_chart(comparison, comparison.sources, comparison.sources.names, columns=3)


_OVERLAP_HELP = (
    "Rows in both over rows in either (Jaccard index): 1 is the same rows. On the diagonal, a method with itself under "
    "another seed."
)


@st.cache_resource(max_entries=16, show_spinner=False)
def _content(path: str, *, _comparison: Artifact) -> Comparison:
    return read_comparison(_comparison)


def _show_actions(context: DatasetContext, dataset_name: str, comparison: Artifact) -> None:
    store = context.workspace.artifacts
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button(
            "Save the report",
            # Made when it is asked for: it reads every selection and the rows shown in it.
            data=lambda: render_report(store, comparison, dataset_name=dataset_name),
            file_name=f"{comparison.manifest.dataset_id}-comparison-{comparison.id[:8]}.html",
            mime="text/html",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(
            "One HTML file with everything on this page, a few rows of text, and how to make it again.",
            width="content",
        )


def _show_summary(context: DatasetContext, comparison: Comparison) -> None:
    metrics = comparison.shown_metrics()
    table = pd.DataFrame({"method": [_named(comparison, i) for i in range(len(comparison.methods))]})
    measured = [metric for metric in metrics if metric.key not in TABLE_ALONE]
    for metric in measured:
        table[metric.key] = [_number(one.values.get(metric.key)) for one in comparison.methods]
    table["only"] = [one.n_only for one in comparison.methods]
    table["rows"] = [
        max(comparison.selections[i].n_rows for i in one.selections) for one in comparison.methods
    ]
    for metric in metrics[len(measured) :]:
        table[metric.key] = [_number(one.values.get(metric.key)) for one in comparison.methods]
    table.insert(1, "keep", keep_labels(context, comparison))
    number = st.column_config.NumberColumn
    st.dataframe(
        _styled(comparison, metrics, table),
        hide_index=True,
        column_config={
            "method": st.column_config.TextColumn("Method", width=140, pinned=True),
            "keep": st.column_config.ButtonColumn(
                "Selection",
                width=136,
                pinned=True,
                type="tertiary",
                help=KEEP_HELP,
                key="keep_method",
                on_click=keep_clicked,
                args=(context, comparison),
            ),
            "rows": number("Rows", width=60),
            "only": number("Only here", width=80, help="Rows that no other method picked."),
            **{m.key: number(f"{m.title}{ARROWS[m.better]}", help=m.help) for m in metrics},
        },
        alt="Every method with its numbers; the best of each column has a star",
    )
    st.caption(
        f"{comparison.legend()} ×3: mean of three seeds; ± is half the {percent(comparison.confidence_fraction)} interval over seeds."
    )
    _say_notes(comparison)


def _say_notes(comparison: Comparison) -> None:
    notes = notes_of(comparison)
    if comparison.budgets_differ:
        st.warning(
            "The selections are not of one size, so a larger one covers more for that reason alone.",
            icon=":material/balance:",
        )
    with st.expander(f"How to read this ({count_of(len(notes), 'note')})", icon=":material/info:"):
        for line in notes:
            st.markdown(f"- {plain(line)}")


def _named(comparison: Comparison, i: int) -> str:
    seeds = len(comparison.methods[i].selections)
    return titles_of(comparison)[i] + (f" ×{seeds}" if seeds > 1 else "")


def _styled(comparison: Comparison, metrics: list[Metric], table: pd.DataFrame) -> Styler:
    """Numbers as they are read; the frame below keeps them as numbers, so that a click sorts."""
    styled = table.style.format({"rows": "{:,}", "only": "{:,}"})
    for metric in metrics:
        best = comparison.best(metric)
        for i, method in enumerate(comparison.methods):
            where = pd.IndexSlice[i, metric.key]
            text = _said(method.values.get(metric.key), metric, star=bool(best.get(i)))
            styled = styled.format(_always(text), subset=where)
            if i in best:
                colour = "color: #0F9D8A; " if best[i] else ""
                styled = styled.map(_always(f"{colour}font-weight: 700"), subset=where)
    return styled


def _always(text: str) -> Callable[[object], str]:
    return lambda _: text


def _said(value: IntervalEstimate | None, metric: Metric, *, star: bool) -> str:
    if value is None or value.value is None:
        return "–"
    text = _rounded(value.value, metric.digits)
    if value.over == "seeds" and value.low is not None and value.high is not None:
        text += f" ±{_rounded((value.high - value.low) / 2, metric.digits)}"
    return f"{text} ★" if star else text


def _rounded(value: float, digits: int) -> str:
    if digits == 0 and value >= 10_000:
        return f"{value / 1e6:,.1f}M" if value >= 1e6 else f"{value / 1e3:,.0f}k"
    return with_minus(f"{value:,.{digits}f}")


def _number(value: IntervalEstimate | None) -> float:
    return float("nan") if value is None or value.value is None else value.value


def _show_intervals(comparison: Comparison) -> None:
    shown = [metric for metric in comparison.shown_metrics() if metric.key not in TABLE_ALONE]
    for start in range(0, len(shown), CHARTS_PER_LINE):
        line = shown[start : start + CHARTS_PER_LINE]
        for place, metric in zip(st.columns(CHARTS_PER_LINE, gap="small"), line, strict=False):
            with place, st.container(border=True, height="stretch"):
                st.markdown(f"**{metric.title}**{ARROWS[metric.better]}", help=metric.help)
                interval_chart(comparison, metric)


def _show_spreads(comparison: Comparison) -> None:
    for place, spread in zip(
        st.columns(len(comparison.spreads), gap="medium"), comparison.spreads.values(), strict=True
    ):
        with place, st.container(border=True):
            st.markdown(f"**{plain(sentence(spread.title))}**", help="Grey: all rows.")
            spread_chart(comparison, spread)


def _cluster_names(context: DatasetContext, comparison: Artifact, compared: Comparison) -> list[str]:
    """The names people gave since, while the clustering is the one in view."""
    assert compared.clusters is not None
    now = context.view.clustering
    if now is None or now.id != comparison.manifest.inputs.get("clustering"):
        return compared.clusters.names
    return [
        name if key == "-1" else context.cluster_name(int(key))
        for key, name in zip(compared.clusters.keys, compared.clusters.names, strict=True)
    ]
