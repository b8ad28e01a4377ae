"""How long rows are beside what a model reads of one, and which share is cut or left out: for every form that trains."""

from __future__ import annotations

import hashlib

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import percent
from tamis.actions.forecast import (
    BY_CHARACTERS,
    BY_ENCODER,
    BY_MODEL,
    GUESSED,
    Lengths,
    TrainingForecast,
    model_folder,
    row_lengths,
)
from tamis.actions.map_colours import PALETTE
from tamis.types import Int64s

BINS = 36
LOUD_FROM = 0.05  # share of rows that do not fit from which it is a warning
COUNTED = {
    BY_MODEL: "Tokens counted with the model's own tokenizer",
    BY_ENCODER: "Tokens as counted when the rows were embedded",
    BY_CHARACTERS: "Tokens guessed from characters: the rows are not embedded either",
}


def lengths_of(context: DatasetContext, rows: Int64s, model: str) -> Lengths:
    """Tokens of these rows, or of a sample of them, as the model would count them; remembered."""
    key = hashlib.blake2b(rows.tobytes(), digest_size=8).hexdigest()
    # A model that was not here when it was asked for may have come since.
    with st.spinner("Looking for the model's tokenizer …"):
        counted_by = model_folder(context.workspace, model)
    return _counted(context.key, key, f"{model}:{counted_by}", model, _context=context, _rows=rows)


def say_long(training: TrainingForecast, *, of: str = "") -> None:
    """Rows that the chat template cannot carry, marks that are heeded or not, and the share of rows that do not fit, loudest where it matters; ``of`` says which rows, when not all are trained on."""
    if training.unfit_text:
        st.warning(training.unfit_text, icon=":material/block:")
    if training.unheeded_text:
        st.warning(plain(training.unheeded_text), icon=":material/flag:")
    if training.marks_text:
        st.caption(plain(training.marks_text))
    whose = "the model's window" if training.limited_by_window else "max_length"
    if training.guess_text:
        st.caption(f":orange[:material/question_mark:] {training.guess_text}")
    guess = GUESSED[training.counted_by]
    if not training.n_long:
        icon = ":gray[:material/help:]" if guess else ":green[:material/check:]"
        st.caption(f"{icon} Every row{of} fits into {training.limit:,} tokens ({whose}){guess}.")
        return
    one = training.n_long == 1
    fate = f"{'is' if one else 'are'} {'left out' if training.drops_longer else 'cut there, which loses their end'}"
    text = (
        f"About {count_of(training.n_long, 'row')}{of} ({percent(training.long_fraction)}) {'is' if one else 'are'} longer than "
        f"{training.limit:,} tokens ({whose}) and {fate.replace('their', 'its') if one else fate}{guess}."
    )
    if training.long_fraction >= LOUD_FROM:
        raised = "Raise max_length where memory allows it."
        way = raised if whose == "max_length" else "Another model reads further."
        st.warning(f"{text} {way}", icon=":material/content_cut:")
    else:
        st.caption(f":orange[:material/content_cut:] {text}")


def say_counted(lengths: Lengths, n_rows: int) -> None:
    """What counted the tokens, and whether of all rows."""
    sample = f", on a sample of {len(lengths.tokens):,} rows" if len(lengths.tokens) < n_rows else ""
    st.caption(f"{COUNTED[lengths.counted_by]}{sample}.")


def length_chart(lengths: Lengths, limit: int) -> None:
    """How many tokens rows have, on a logarithmic scale, and where they are cut."""
    tokens = np.maximum(lengths.tokens, 1)
    edges = np.geomspace(
        max(1.0, float(tokens.min()) * 0.9), max(float(tokens.max()), limit) * 1.15, BINS + 1
    )
    counts, _ = np.histogram(tokens, bins=edges)
    table = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts})
    table["long"] = table["low"] >= limit
    bars = (
        alt.Chart(table)
        .mark_bar(binSpacing=1, orient="vertical")
        .encode(
            x=alt.X("low:Q", title="Tokens per row", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(grid=False, tickCount=6, format="~s")),
            x2="high:Q",
            y=alt.Y("rows:Q", title="Rows", axis=alt.Axis(tickCount=3), scale=alt.Scale(domainMax=1.22 * max(1, int(counts.max())), nice=False)),
            color=alt.condition("datum.long", alt.value(PALETTE[1]), alt.value(PALETTE[0])),
            tooltip=[
                alt.Tooltip("low:Q", title="From", format=",.0f"), alt.Tooltip("high:Q", title="To", format=",.0f"),
                alt.Tooltip("rows:Q", title="Rows", format=","),
            ],
        )
    )  # fmt: skip
    mark = pd.DataFrame({"at": [limit], "said": [f"{limit:,} tokens"]})
    rule = alt.Chart(mark).mark_rule(strokeDash=[4, 3], strokeWidth=1.5, color=PALETTE[1]).encode(x="at:Q")
    words = alt.Chart(mark).mark_text(align="right", dx=-5, baseline="top", color=PALETTE[1], fontSize=12)
    words = words.encode(x="at:Q", y=alt.value(2), text="said:N")
    st.altair_chart(
        alt.layer(bars, rule, words).properties(height=170), alt="Tokens per row, and where rows are cut"
    )


@st.cache_resource(max_entries=16, show_spinner="Counting tokens …")
def _counted(
    key: str, rows_key: str, counted_by: str, model: str, *, _context: DatasetContext, _rows: Int64s
) -> Lengths:
    return row_lengths(_context.workspace, _context.dataset_id, _rows, model)
