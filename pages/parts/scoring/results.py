"""All scores in one table, and one of them in full: its spread, the rows at both ends, and its mean per cluster."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts.scoring import stats
from pages.shared.active import offer_to_activate
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import CLUSTER_AXIS, MAX_BARS
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of, plain, shorten
from tamis.actions.map_colours import PALETTE, colour_choices
from tamis.actions.read_rows import ALL_ROWS, read_rows
from tamis.actions.scores import former_options
from tamis.scorers import scorer_title
from tamis.types import JSON, Int64s

END_ROWS = 20
MAX_CELL_CHARS = 260
TABLE_PX = 286  # what is computed and the first of what could be; the rest scrolls
_BRUSH = "brush"


def show_score_table(context: DatasetContext) -> None:
    """Every scorer: what it measures and, where it was computed, how its values are spread."""
    number = st.column_config.NumberColumn
    st.dataframe(
        stats.score_table(context),
        hide_index=True,
        column_config={
            "group": st.column_config.TextColumn("", width=104, pinned=True),
            "score": st.column_config.TextColumn("Score", width=170, pinned=True),
            "takes": st.column_config.TextColumn(
                "Made, or takes",
                width=150,
                help="For all rows: as runs here took, or a guess from the tokens for the bundled model.",
            ),
            "spread": st.column_config.BarChartColumn("Spread", width=110),
            "mean": number("Mean", width=64, format="%.3g"),
            "low": number("5 %", width=64, format="%.3g", help="5 % of the rows are below."),
            "median": number("Median", width=64, format="%.3g"),
            "high": number("95 %", width=64, format="%.3g", help="5 % of the rows are above."),
            "n_missing": number("Not scored", width=86, format="localized"),
            "measures": st.column_config.TextColumn("What it measures", width="large"),
        },
        height=TABLE_PX,
        placeholder="",
        alt="Every score with its spread over the rows",
    )


def show_score(context: DatasetContext, name: str) -> None:
    """One computed score."""
    _show_actions(context, name)
    n_unread = int(context.view.scores[name].summary.get("n_unread_replies") or 0)
    if n_unread:
        st.caption(
            f"Of the model's replies {n_unread:,} could not be read: as a second thought such a reply counts as not sure, as a "
            "rating it is no score."
        )
    for option, value in former_options(context, name).items():
        st.caption(
            f":material/history: Computed with {plain(option)} = {plain(str(value))}, the way of an edition before. "
            f"Compute it again for the values of today."
        )
    left, right = st.columns([0.45, 0.55], gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Rows by score**", help="Drag over the bars to see the rows between.")
        brushed = _show_histogram(context, name)
    with right, st.container(border=True, height="stretch"):
        _show_rows(context, name, brushed)
    if context.view.clustering is not None:
        with st.container(border=True):
            st.markdown("**Mean per cluster**")
            _show_clusters(context, name)


def _show_actions(context: DatasetContext, name: str) -> None:
    here = {"dataset": context.dataset_id}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Use as quality",
            type="primary",
            icon=":material/filter_alt:",
            help="Prefer high scores in a selection.",
        ):
            go_to("selection", here | {"view": "new", "select_quality": scorer_title(name)})
        scores = context.view.scores[name]
        offer_to_activate(context, scores, is_active=name == context.view.active_score, key="activate_score")
        if st.button("Colour the map", icon=":material/scatter_plot:"):
            go_to("data_map", here | {"colour": colour_choices(context)[f"score:{name}"]})


def _show_histogram(context: DatasetContext, name: str) -> tuple[float, float] | None:
    """The distribution; what was dragged over it, from and to."""
    known = stats.score_stats(context, name)
    if not known.quantiles:
        st.caption("No row has this score: it was computed, and is not a number for every one of them.")
        return None
    table = pd.DataFrame({"low": known.edges[:-1], "high": known.edges[1:], "count": known.counts})
    brush = alt.selection_interval(name=_BRUSH, encodings=["x"])
    event = st.altair_chart(
        alt.layer(_bars(table, scorer_title(name)).add_params(brush), *_quantile_marks(known.quantiles))
        .resolve_scale(y="independent")
        .properties(height=270),
        key=f"histogram_{context.view.scores[name].id}",
        on_select="rerun",
        selection_mode=_BRUSH,
        alt=f"Rows by {name}",
    )
    sentence = f"{known.n:,} rows scored, from {_short(known.low)} to {_short(known.high)}"
    st.caption(
        sentence + (f"; {count_of(known.n_missing, 'row')} without a score." if known.n_missing else ".")
    )
    return _dragged(event.selection.get(_BRUSH) or {})


def _dragged(selected: Mapping[str, list[float]]) -> tuple[float, float] | None:
    """The ends of the interval on the axis of the score; None where nothing is dragged."""
    ends = next((one for one in selected.values() if len(one) > 1), None)
    return (float(min(ends)), float(max(ends))) if ends else None


def _bars(table: pd.DataFrame, title: str) -> alt.Chart:
    """Rows by score; ``table`` has low, high and count of every bar."""
    axis = alt.X("low:Q", title=title, axis=alt.Axis(grid=False, tickCount=6), scale=alt.Scale(zero=False))
    # Headroom for the labels of the quantiles.
    height = alt.Scale(domainMax=1.4 * table["count"].max())
    tooltip = [
        alt.Tooltip("low:Q", title="From", format=",.3~f"),
        alt.Tooltip("high:Q", title="To", format=",.3~f"),
        alt.Tooltip("count:Q", title="Rows", format=","),
    ]
    bars: alt.Chart = (
        alt.Chart(table)
        .mark_bar(color=PALETTE[0], binSpacing=1)
        .encode(
            x=axis.bin("binned"),
            x2="high:Q",
            y=alt.Y("count:Q", title="Rows", axis=alt.Axis(tickCount=4), scale=height),
            tooltip=tooltip,
        )
    )
    return bars


def _quantile_marks(quantiles: Mapping[float, float]) -> tuple[alt.Chart, alt.Chart]:
    """A line at each of three quantiles, and what it is."""
    shown = {0.05: "5 %", 0.5: "Median", 0.95: "95 %"}
    # Each a line lower than the one before: quantiles of a skewed score lie close together.
    lines = pd.DataFrame(
        [
            {"at": quantiles[q], "mark": f"{sentence} {_short(quantiles[q])}", "y": 2 + 15 * i}
            for i, (q, sentence) in enumerate(shown.items())
        ]
    )
    rules = (
        alt.Chart(lines)
        .mark_rule(strokeWidth=1.5, strokeDash=[4, 3], color="#E4632B")
        .encode(x="at:Q", tooltip="mark:N")
    )
    words = (
        alt.Chart(lines)
        .mark_text(align="left", dx=5, baseline="top", color="#E4632B", fontSize=12)
        .encode(x="at:Q", y=alt.Y("y:Q", scale=None, axis=None), text="mark:N")
    )
    return rules, words


def _show_clusters(context: DatasetContext, name: str) -> None:
    table = stats.cluster_means(context, name)
    # Where there are many, those at both ends are the ones to look at.
    shown = (
        table if len(table) <= MAX_BARS else pd.concat([table.head(MAX_BARS // 2), table.tail(MAX_BARS // 2)])
    )
    shown = shown.assign(cluster=[shorten(text, 30) for text in shown["name"]])
    base = alt.Chart(shown).encode(
        y=alt.Y("cluster:N", sort=list(shown["cluster"]), title=None, axis=CLUSTER_AXIS),
        tooltip=[
            alt.Tooltip("name:N", title="Cluster"),
            alt.Tooltip("mean:Q", title="Mean", format=",.3~f"),
            alt.Tooltip("low:Q", title="25 %", format=",.3~f"),
            alt.Tooltip("high:Q", title="75 %", format=",.3~f"),
            alt.Tooltip("n:Q", title="Rows", format=","),
        ],
    )
    scale = alt.Scale(zero=False, nice=True)
    half = base.mark_rule(strokeWidth=5, opacity=0.35, color=PALETTE[0]).encode(
        x=alt.X(
            "low:Q", title="Mean, and the middle half of the rows", scale=scale, axis=alt.Axis(tickCount=5)
        ),
        x2="high:Q",
    )
    mean = base.mark_point(size=80, filled=True, opacity=1, color=PALETTE[0]).encode(x="mean:Q")
    st.altair_chart(alt.layer(half, mean).properties(height=alt.Step(29)), alt=f"Mean {name} per cluster")
    if len(table) > MAX_BARS:
        st.caption(f"The {MAX_BARS // 2} lowest and the {MAX_BARS // 2} highest of {len(table):,} clusters.")


def _show_rows(context: DatasetContext, name: str, brushed: tuple[float, float] | None) -> None:
    """Rows of the part that was dragged over, or of an end."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        if brushed is not None:
            low, high = brushed
            st.markdown(f"**Rows from {_short(low)} to {_short(high)}**")
            rows = stats.rows_within(context.key, name, low, high, END_ROWS, _context=context)
            where, which = "these rows", "dragged"
            limits: list[JSON] = [low, high]
        else:
            which = st.segmented_control(
                "Rows at the ends", ["Lowest", "Highest"], default="Lowest", required=True, key="score_end",
                bind="query-params", label_visibility="collapsed",
            )  # fmt: skip
            marks = stats.score_stats(context, name).quantiles
            is_low = which == "Lowest"
            rows = stats.ends(context, name, END_ROWS, highest=not is_low)
            where = f"the {'lowest' if is_low else 'highest'} 5 %"
            limits = _end_of(marks, is_low=is_low)
        if limits and st.button(f"See {where} on the map", icon=":material/scatter_plot:"):
            scope = ALL_ROWS.and_where("range", limits, f"score:{name}").to_url()
            go_to("data_map", {"dataset": context.dataset_id, "scope": scope})
    _show_texts(context, name, rows, which)


def _end_of(marks: Mapping[float, float], *, is_low: bool) -> list[JSON]:
    """From and to of the 5 % at an end; nothing where no row has the score."""
    if not marks:
        return []
    return [None, marks[0.05]] if is_low else [marks[0.95], None]


def _show_texts(context: DatasetContext, name: str, rows: Int64s, which: str) -> None:
    if not len(rows):
        st.caption("No row has such a score.")
        return
    texts = read_rows(context, rows, [f"score:{name}", "prompt", "response"]).to_pandas()
    for text in ("prompt", "response"):
        texts[text] = [shorten(words or "", MAX_CELL_CHARS) for words in texts[text]]
    texts.insert(0, "row", rows)
    event = st.dataframe(
        texts,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"ends_{name}_{which}_{context.view.scores[name].id}",
        column_config={
            "row": st.column_config.NumberColumn("Row", width=64, format="%d"),
            f"score:{name}": st.column_config.NumberColumn(
                plain(scorer_title(name)), width=96, format="%.4g"
            ),
            "prompt": st.column_config.TextColumn("Prompt", width=220),
            "response": st.column_config.TextColumn("Response"),
        },
        height="content" if len(texts) < 8 else 330,
        alt=f"Rows with the {which.lower()} {name}",
    )
    st.caption("Click a row to read it on the map.")
    if event.selection.cells:
        go_to("data_map", {"dataset": context.dataset_id, "row": str(rows[event.selection.cells[0][0]])})


def _short(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
