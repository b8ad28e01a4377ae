"""The form that adds one filter: a column, then what fits its kind: values with counts, a range, or words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from tamis.actions.artifact_names import names_in_view
from tamis.actions.map_colours import PALETTE
from tamis.actions.read_rows import Column, columns_of, pattern_problem

TEXT_MODES = {
    "contains": "contains",
    "lacks": "does not contain",
    "matches": "matches the regular expression",
}
TEXT_PARTS = {"either": "Prompt or response", "prompt": "Prompt", "response": "Response"}
ENTRY_MODES = {"any_of": "with one of them", "all_of": "with all of them", "none_of": "with none of them"}
LEFT_OUT = ("rank", "weight", "messages", "meta", "raw", "content_hash", "tags", "prompt", "response")


def show_scope_form(context: DatasetContext) -> None:
    """Choose what to filter by, then how."""
    kinds = _choices(context)
    chosen = st.selectbox("Filter by", list(kinds), format_func=lambda key: kinds[key][0], key="filter_by")
    kinds[chosen or "text"][1]()


def _choices(context: DatasetContext) -> dict[str, tuple[str, Callable[[], None]]]:
    choices: dict[str, tuple[str, Callable[[], None]]] = {"text": ("Text", _text_form)}
    for column in columns_of(context):
        if column.key in LEFT_OUT or column.key.startswith("tag:"):
            continue
        if column.key == "selected":
            choices["selected"] = ("Selected", lambda: _selected_form(context))
        elif column.kind == "number":
            choices[column.key] = (_title(column), lambda c=column: _range_form(context, c))  # type: ignore[misc]
        elif column.kind == "list":
            choices[column.key] = (_title(column), lambda c=column: _entries_form(context, c))  # type: ignore[misc]
        elif column.kind in ("category", "boolean"):
            choices[column.key] = (_title(column), lambda c=column: _values_form(context, c))  # type: ignore[misc]
    if context.tags.rows:
        choices["tags"] = ("Tags", lambda: _tags_form(context))
    choices["sample"] = ("Random sample", lambda: _sample_form(context))
    order = ("text", "cluster", "source", "tags", "selected", "tokens")
    return {
        key: choices[key]
        for key in [*(k for k in order if k in choices), *(k for k in choices if k not in order)]
    }


def _title(column: Column) -> str:
    family = column.key.partition(":")[0]
    label = column.label[:1].upper() + column.label[1:]
    return {"score": f"Score: {column.label}", "meta": f"Metadata: {column.label}"}.get(family, label)


def _text_form() -> None:
    mode = st.selectbox("How", list(TEXT_MODES), format_func=TEXT_MODES.__getitem__, key="filter_text_mode")
    part = st.segmented_control(
        "Where",
        list(TEXT_PARTS),
        format_func=TEXT_PARTS.__getitem__,
        default="either",
        required=True,
        key="filter_part",
    )
    words = st.text_input("Text", key="filter_text", placeholder=r"\bsalt\b" if mode == "matches" else "salt")
    problem = pattern_problem(words) if mode == "matches" else ""
    if problem:
        st.caption(f":red[{plain(problem)}]")
    _add(bool(words) and not problem, lambda: address.narrow(mode, words, part or "either"))


def _values_form(context: DatasetContext, column: Column) -> None:
    facets = queries.facets(context, column.key)
    counts = {value: n for value, n in facets.counts}
    if facets.n_missing and column.key.startswith("meta:"):
        counts[None] = facets.n_missing
    chosen = st.multiselect(
        "Any of",
        list(counts),
        format_func=lambda value: f"{_name(context, column, value)} · {counts.get(value, 0):,}",
        key=f"filter_values_{column.key}",
        placeholder=f"{count_of(facets.n_distinct, 'value')}",
    )
    if facets.n_distinct > len(facets.counts):
        st.caption(f"The {len(facets.counts):,} most frequent of {facets.n_distinct:,} values.")
    family, _, field = column.key.partition(":")
    kind, on = ("meta", field) if family == "meta" else (column.key, "")
    if column.key == "cluster" and context.view.clustering is not None:
        on = context.view.clustering.id
    _add(bool(chosen), lambda: address.narrow(kind, [_plain_value(v) for v in chosen], on))


def _entries_form(context: DatasetContext, column: Column) -> None:
    """Entries of a list, of which a row may have several, each with the rows that have it."""
    facets = queries.facets(context, column.key)
    counts = dict(facets.counts)
    chosen = st.multiselect(
        "Entries", list(counts), key=f"filter_entries_{column.key}", placeholder=f"{facets.n_distinct:,} entries",
        format_func=lambda entry: f"{shorten(str(entry), 40)} · {counts.get(entry, 0):,}",
    )  # fmt: skip
    having = st.segmented_control(
        "Rows", list(ENTRY_MODES), default="any_of", required=True, key=f"filter_having_{column.key}",
        format_func=ENTRY_MODES.__getitem__,
    )  # fmt: skip
    if facets.n_distinct > len(facets.counts):
        st.caption(f"The {len(facets.counts):,} most frequent of {facets.n_distinct:,} entries.")
    field = column.key.partition(":")[2]
    _add(bool(chosen), lambda: address.narrow(having or "any_of", [str(one) for one in chosen], field))


def _name(context: DatasetContext, column: Column, value: object) -> str:
    if column.key == "cluster":
        return shorten(context.cluster_name(int(str(value))), 40)
    return "missing" if value is None else shorten(str(value), 40) or "(empty)"


def _plain_value(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _range_form(context: DatasetContext, column: Column) -> None:
    summary = queries.spread(context, column.key)
    if not summary.n:
        st.caption("No row has a value here.")
        return
    shown = f"{summary.low:,.4g} to {summary.high:,.4g}"
    st.plotly_chart(
        _histogram(summary.counts, summary.edges),
        key=f"spread_{column.key}",
        config={"staticPlot": True},
        alt=f"How {column.label} is spread",
    )
    st.caption(f"{shown}, median {summary.quartiles[1]:,.4g}")
    low_side, high_side = st.columns(2)
    with low_side:
        low = st.number_input(
            "At least", value=None, placeholder=f"{summary.low:,.4g}", key=f"low_{column.key}", format="%.6g"
        )
    with high_side:
        high = st.number_input(
            "At most", value=None, placeholder=f"{summary.high:,.4g}", key=f"high_{column.key}", format="%.6g"
        )
    _add(low is not None or high is not None, lambda: address.narrow("range", [low, high], column.key))


def _selected_form(context: DatasetContext) -> None:
    ids = [selection.id for selection in context.view.selections]
    titles = names_in_view(context.view, "selection")
    chosen = st.selectbox("Selection", ids, format_func=lambda i: titles.get(i, i), key="filter_selection")
    inside = st.segmented_control(
        "Rows",
        [True, False],
        default=True,
        required=True,
        key="filter_inside",
        format_func=lambda yes: "that were selected" if yes else "that were not",
    )
    _add(bool(chosen), lambda: address.narrow("selected", bool(inside), chosen or ""))


def _tags_form(context: DatasetContext) -> None:
    counts = {tag: len(rows) for tag, rows in context.tags.rows.items()}
    chosen = st.multiselect(
        "Any of", list(counts), format_func=lambda tag: f"{tag} · {counts.get(tag, 0):,}", key="filter_tags"
    )
    having = st.segmented_control(
        "Rows",
        ["tagged", "untagged"],
        default="tagged",
        required=True,
        key="filter_tagged",
        format_func={"tagged": "with one of them", "untagged": "with none of them"}.__getitem__,
    )
    _add(bool(chosen), lambda: address.narrow(having or "tagged", list(chosen)))


def _sample_form(context: DatasetContext) -> None:
    size = st.number_input("Rows", 1, context.n_rows, min(100, context.n_rows), key="filter_sample")
    seed = st.number_input("Seed", 0, 2**31 - 1, 42, key="filter_seed")
    _add(True, lambda: address.narrow("sample", [int(size), int(seed)]))


def _add(ready: bool, change: Callable[[], None]) -> None:
    def add() -> None:
        change()
        address.forget_choices()  # closes the form

    st.button("Add", type="primary", disabled=not ready, on_click=add, key="filter_add", width="stretch")


def _histogram(counts: Sequence[int], edges: Sequence[float], *, height: int = 72) -> go.Figure:
    """Bars without axes: the shape alone, for a form whose fields say the numbers."""
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    figure = go.Figure(go.Bar(x=middles, y=list(counts), marker={"color": PALETTE[0], "line": {"width": 0}}))
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        height=height, margin=dict.fromkeys("lrtb", 0), bargap=0.08, xaxis=hidden, yaxis=hidden
    )
    return figure
