"""What a run will take, shown before it starts: rows, tokens, rows that are too long, steps, time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from core.recipes import SftOptions
from core.steps.finetune_options import FinetuneOptions
from core.steps.training_outlook import (
    BY_CHARACTERS,
    BY_ENCODER,
    BY_MODEL,
    Lengths,
    Outlook,
    look_ahead,
    row_lengths,
    tokenizer_file,
    window_of,
)
from core.types import Int64s
from pages.shared.colouring import PALETTE
from pages.shared.finetune_runs import list_runs, seconds_of
from pages.shared.lens import Lens
from pages.shared.plain_text import count_of
from pages.shared.wording import duration, percent

BINS = 36
COUNTED = {
    BY_MODEL: "Tokens counted with the model's own tokenizer",
    BY_ENCODER: "Tokens as counted when the rows were embedded: the model's own tokenizer is not here yet",
    BY_CHARACTERS: "Tokens guessed from characters: the model's tokenizer is not here yet, and the rows are not embedded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run as the form stands; ``held_out`` are the rows of an earlier run when these are held out again."""

    rows: Int64s
    options: SftOptions
    asked: FinetuneOptions
    held_out: Int64s | None


def show_outlook(lens: Lens, planned: Planned) -> None:
    """Numbers, then how long rows are and where they are cut."""
    if not len(planned.rows):
        return
    lengths, window = _lengths(lens, planned), window_of(planned.asked.model, lens.workspace.path)
    n_train, n_held_out = _split(planned)
    found = look_ahead(lengths, planned.options, n_train=n_train, n_held_out=n_held_out, window=window)
    with st.container(border=True):
        st.markdown("**Before it starts**")
        _show_numbers(lens, planned, found)
        _say_long(planned, found, window)
        _length_chart(lengths, found.limit)
        sampled = len(lengths.tokens) < len(planned.rows)
        sample = f", on a sample of {len(lengths.tokens):,} rows" if sampled else ""
        st.caption(f"{COUNTED[found.counted_by]}{sample}.")


def _split(planned: Planned) -> tuple[int, int]:
    """How many rows are trained on and held out, as the step will divide them."""
    n = len(planned.rows)
    if planned.held_out is not None:
        inside = int(np.isin(planned.rows, planned.held_out).sum())
        return n - inside, len(planned.held_out)
    fraction = planned.asked.held_out_fraction
    n_held_out = min(planned.asked.max_held_out, max(1, round(fraction * n))) if fraction and n > 1 else 0
    return n - n_held_out, n_held_out


def _show_numbers(lens: Lens, planned: Planned, found: Outlook) -> None:
    epochs = planned.options.num_train_epochs
    seconds = _seconds(lens, planned, found)
    time = duration(seconds) if seconds is not None else "Unknown"
    said = "as earlier runs like this went" if seconds is not None else "no earlier run like this"
    passes = f"{epochs:g} pass{'es' if epochs != 1 else ''}"
    cells = [
        (
            "Rows",
            f"{found.n_train:,}",
            f"and {found.n_held_out:,} held out" if found.n_held_out else "none held out",
        ),
        (
            "Tokens per pass",
            _amount(found.n_tokens),
            f"{_amount(found.n_tokens / max(found.n_train, 1))} per row",
        ),
        ("Steps", f"{found.n_steps:,}", passes if planned.options.max_steps <= 0 else "as max_steps says"),
        ("Time", time, said),
    ]
    columns = [*st.columns(2, gap="small"), *st.columns(2, gap="small")]
    for column, (label, value, delta) in zip(columns, cells, strict=True):
        column.metric(label, value, delta=delta, delta_color="off", delta_arrow="off")


def _say_long(planned: Planned, found: Outlook, window: int) -> None:
    """The share of rows that do not fit, loudest where it matters."""
    whose = "the model's window" if window and found.limit == window else "max_length"
    if not found.n_long:
        st.caption(f":green[:material/check:] Every row fits into {found.limit:,} tokens ({whose}).")
        return
    fate = "left out" if planned.options.drop_longer else "cut there, which loses their end"
    said = (
        f"About {count_of(found.n_long, 'row')} ({percent(found.long_fraction)}) are longer than {found.limit:,} tokens "
        f"({whose}) and are {fate}."
    )
    if found.long_fraction >= 0.05:
        way = (
            "Raise max_length where memory allows it."
            if whose == "max_length"
            else "Another model reads further."
        )
        st.warning(f"{said} {way}", icon=":material/content_cut:")
    else:
        st.caption(f":orange[:material/content_cut:] {said}")


def _length_chart(lengths: Lengths, limit: int) -> None:
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
            y=alt.Y("rows:Q", title="Rows", axis=alt.Axis(tickCount=3)),
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


def _seconds(lens: Lens, planned: Planned, found: Outlook) -> float | None:
    """From the speed of finished runs with the same model and recipe; None without one."""
    rates = []
    for run in list_runs(lens.workspace, lens.dataset_id):
        alike = (run.options.get("model"), run.options.get("recipe")) == (
            planned.asked.model,
            planned.asked.recipe,
        )
        seconds, read = seconds_of(run), run.number("n_tokens")
        if alike and seconds and read > 0:
            rates.append(read / seconds)
    if not rates:
        return None
    per_row = found.n_tokens / max(found.n_train, 1)
    per_step = planned.options.per_device_train_batch_size * planned.options.gradient_accumulation_steps
    return found.n_steps * per_step * per_row / median(rates)


def _lengths(lens: Lens, planned: Planned) -> Lengths:
    tokenizer = tokenizer_file(planned.asked.model, lens.workspace.path)
    key = hashlib.blake2b(planned.rows.tobytes(), digest_size=8).hexdigest()
    return _counted(lens.key, key, str(tokenizer), _lens=lens, _rows=planned.rows)


@st.cache_resource(max_entries=16, show_spinner="Counting tokens …")
def _counted(key: str, rows_key: str, tokenizer: str, *, _lens: Lens, _rows: Int64s) -> Lengths:
    found = None if tokenizer == "None" else Path(tokenizer)
    return row_lengths(_lens.view.examples, _rows, tokenizer=found, embeddings=_lens.view.embeddings)


def _amount(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:,.1f}M"
    return f"{number / 1e3:,.0f}k" if number >= 10_000 else f"{number:,.0f}"
