"""How many rows are wanted, and the caps within which the run ends; what few people change is folded away."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.options_form import Drawer, Form, FormField, draw_options
from pages.shared.runs.job_watch import FormDefaults
from tamis.actions.artifact_names import names_in_view
from tamis.steps.augment.options import PRICES, AugmentOptions
from tamis.types import JSON

# Side by side: what rows must be like, and how they are asked for.
MORE = (
    ("parents_real_only", "held_out", "evaluation_files", "labels", "instruction", "brief"),
    ("temperature", "max_new_tokens", "attempts_per_job", "stall_rows", "seed", "name"),
)
NO_ROWS = ""


def choose_limits(llm_options: Mapping[str, JSON], start: FormDefaults) -> dict[str, JSON]:
    """Rows and caps in one line; a cost can be capped where the teacher's options say what tokens cost."""
    priced = any(llm_options.get(name) is not None for name in PRICES)
    fields: dict[str, tuple[str, str]] = {
        "rows": ("Rows that pass", "The run ends when so many drafts have passed all filters."),
        "max_calls": ("Questions at most", ""),
        "max_tokens": ("Tokens at most", "Read and written. What a question can take at most is set aside before it is sent."),
        "max_cost": ("Cost at most", "In the unit of the prices in the teacher's options." if priced else "Give prices in the teacher's options first."),
        "max_seconds": ("Seconds at most", "Of one attempt at the run."),
    }  # fmt: skip
    values: dict[str, JSON] = {}
    for column, (name, (label, words)) in zip(
        st.columns(len(fields), gap="small"), fields.items(), strict=True
    ):
        given = start.values.get(name, 100 if name == "rows" else None)
        whole = name not in ("max_cost", "max_seconds")
        values[name] = column.number_input(
            label, min_value=1 if whole else 0.0, value=given if given is None or whole else float(given),
            step=1 if whole else 1.0, format="%d" if whole else "%g", key=f"augment_{name}_{start.suffix}".rstrip("_"),
            placeholder="No limit", help=words or None, bind="query-params",
            disabled=name == "max_cost" and not priced,
        )  # fmt: skip
    if not priced:
        values["max_cost"] = None
    return {name: value for name, value in values.items() if value is not None}


def choose_more(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    """Held-out rows, evaluation files, labels, rules for the teacher, sampling: each with its usual value."""
    drawn: dict[str, Drawer] = {
        "held_out": partial(_draw_rows, context), "labels": _draw_list, "evaluation_files": _draw_list, "brief": _draw_text,
    }  # fmt: skip
    values: dict[str, JSON] = {}
    with st.expander("Rules, held-out rows, sampling", icon=":material/tune:", key="augment_more"):
        for column, names in zip(st.columns(len(MORE), gap="medium"), MORE, strict=True):
            skipped = [name for name in AugmentOptions.model_fields if name not in names]
            form = Form(name="augment", start=start.values, suffix=start.suffix, skip=skipped, instead=drawn)
            with column:
                values |= draw_options(AugmentOptions, form)
    return values


def _draw_rows(context: DatasetContext, drawn: FormField) -> JSON:
    names = names_in_view(context.view, "selection")
    labels = {NO_ROWS: "None"} | {f"tag:{one}": f"Tag: {one}" for one in context.tags.rows}
    labels |= {f"selection:{one.id}": f"Selection: {names[one.id]}" for one in context.view.selections}
    start = str(drawn.start or NO_ROWS)
    labels |= {} if start in labels else {start: "As in the run before"}
    return st.selectbox(
        "Rows held out", list(labels), index=list(labels).index(start), format_func=labels.__getitem__, key=drawn.key,
        help="They are no parents, and no new row may hold their words.",
    )  # fmt: skip


def _draw_list(drawn: FormField) -> JSON:
    text = st.text_input(
        drawn.label,
        value=", ".join(drawn.start or ()),
        key=drawn.key,
        help=f"{drawn.help} Separated by commas.",
    )
    return [one.strip() for one in text.split(",") if one.strip()]


def _draw_text(drawn: FormField) -> JSON:
    return st.text_area(drawn.label, value=drawn.start or "", key=drawn.key, help=drawn.help, height=80)
