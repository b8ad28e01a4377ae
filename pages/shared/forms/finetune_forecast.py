"""What a run will take, shown before it starts: rows, tokens, rows that are too long, steps, time."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_lengths import length_chart, lengths_of, say_counted, say_long
from pages.shared.frame import errors_in_place
from pages.shared.rows.learned_row import TrainingChoice, choose_learned_row
from pages.shared.wording import duration
from tamis.actions.forecast import TrainingForecast, forecast_detail, training_seconds
from tamis.actions.submit import AS_IMPORTED, PlannedRun
from tamis.recipes import SftOptions
from tamis.steps.finetune.options import FinetuneOptions
from tamis.types import Int64s


def show_finetune_forecast(context: DatasetContext, planned: PlannedRun, rows: Int64s) -> None:
    """Numbers, then how long the chosen rows are and where they are cut."""
    asked = planned.plan.options
    assert isinstance(asked, FinetuneOptions)
    lengths = lengths_of(context, rows, asked.model)
    detail = None
    with errors_in_place():
        detail = forecast_detail(context.workspace, planned, lengths=lengths)
    if not isinstance(detail, TrainingForecast):
        return
    with st.container(border=True):
        st.markdown("**Before it starts**")
        _show_numbers(context, asked, detail)
        say_long(detail)
        length_chart(lengths, detail.limit)
        say_counted(lengths, len(rows))
        recipe = dict(asked.recipe_options)
        choose_learned_row(
            context, rows, TrainingChoice(asked.model, asked.recipe, recipe, asked.decisions != AS_IMPORTED)
        )


def _show_numbers(context: DatasetContext, asked: FinetuneOptions, training: TrainingForecast) -> None:
    recipe = asked.chosen_options("recipe")
    assert isinstance(recipe, SftOptions)
    seconds = training_seconds(context.workspace, context.dataset_id, asked, training)
    epochs = recipe.num_train_epochs
    passes = f"{epochs:g} pass{'es' if epochs != 1 else ''}" if recipe.max_steps <= 0 else "as max_steps says"
    cells = [
        (
            "Rows",
            f"{training.n_train:,}",
            f"and {training.n_held_out:,} held out" if training.n_held_out else "none held out",
        ),
        ("Tokens per pass", _amount(training.n_tokens), f"{_amount(training.tokens_per_row)} per row"),
        ("Steps", f"{training.n_steps:,}", f"{_rows_a_step(recipe)}, {passes}"),
        (
            "Time",
            "Unknown" if seconds is None else duration(seconds),
            "a smoke test tells" if seconds is None else "as earlier runs like this went",
        ),
    ]
    columns = [*st.columns(2, gap="small"), *st.columns(2, gap="small")]
    for column, (label, value, delta) in zip(columns, cells, strict=True):
        column.metric(label, value, delta=delta, delta_color="off", delta_arrow="off")


def _rows_a_step(recipe: SftOptions) -> str:
    """How many rows move the weights once: a batch, as often as gradients are added up."""
    batch, times = recipe.per_device_train_batch_size, recipe.gradient_accumulation_steps
    return f"{batch} × {times} rows each" if times > 1 else f"{batch} rows each"


def _amount(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:,.1f}M"
    return f"{number / 1e3:,.0f}k" if number >= 10_000 else f"{number:,.0f}"
