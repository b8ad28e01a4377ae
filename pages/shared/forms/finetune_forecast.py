"""What a run will take, shown before it starts: rows, tokens, rows that are too long, steps, time."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_lengths import (
    length_chart,
    lengths_of,
    say_counted,
    say_long,
)
from pages.shared.runs.finetune_runs import finetune_runs, seconds_of
from pages.shared.wording import duration
from tamis.recipes import SftOptions
from tamis.steps.finetune.forecast import (
    Outlook,
    look_ahead,
    window_of,
)
from tamis.steps.finetune.options import FinetuneOptions
from tamis.types import Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run as the form stands; ``held_out`` are the rows of an earlier run when these are held out again."""

    rows: Int64s
    options: SftOptions
    asked: FinetuneOptions
    held_out: Int64s | None


def show_outlook(context: DatasetContext, planned: Planned) -> None:
    """Numbers, then how long rows are and where they are cut."""
    if not len(planned.rows):
        return
    lengths = lengths_of(context, planned.rows, planned.asked.model)
    window = window_of(planned.asked.model, context.workspace.path)
    n_train, n_held_out = _split(planned)
    found = look_ahead(lengths, planned.options, n_train=n_train, n_held_out=n_held_out, window=window)
    with st.container(border=True):
        st.markdown("**Before it starts**")
        _show_numbers(context, planned, found)
        say_long(found, window=window, drop_longer=planned.options.drop_longer)
        length_chart(lengths, found.limit)
        say_counted(lengths, len(planned.rows))


def _split(planned: Planned) -> tuple[int, int]:
    """How many rows are trained on and held out, as the step will divide them."""
    n = len(planned.rows)
    if planned.held_out is not None:
        inside = int(np.isin(planned.rows, planned.held_out).sum())
        return n - inside, len(planned.held_out)
    fraction = planned.asked.held_out_fraction
    n_held_out = min(planned.asked.max_held_out, max(1, round(fraction * n))) if fraction and n > 1 else 0
    return n - n_held_out, n_held_out


def _show_numbers(context: DatasetContext, planned: Planned, found: Outlook) -> None:
    epochs = planned.options.num_train_epochs
    seconds = _seconds(context, planned, found)
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


def _seconds(context: DatasetContext, planned: Planned, found: Outlook) -> float | None:
    """From the speed of finished runs with the same model and recipe; None without one."""
    rates = []
    for run in finetune_runs(context.workspace, context.dataset_id):
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


def _amount(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:,.1f}M"
    return f"{number / 1e3:,.0f}k" if number >= 10_000 else f"{number:,.0f}"
