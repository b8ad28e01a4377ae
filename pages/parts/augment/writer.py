"""Who writes and who judges: the generator, the teacher, and the filters that look at every draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import draw_llm_model
from pages.shared.forms.options_form import Form, FormField, draw_choice, draw_options
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import FormDefaults
from tamis.filters import FILTERS, FilterPlugin
from tamis.generators import GENERATORS
from tamis.llms import LLMS
from tamis.steps.augment.options import AugmentOptions
from tamis.types import JSON

NO_TEACHER = "smollm2"


def choose_writer(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    """Generator and teacher, each with its options folded away."""
    form = Form(
        name="augment", start=start.values, suffix=start.suffix,
        skip=[name for name in AugmentOptions.model_fields if name not in ("generator", "llm")],
        instead={"llm": _draw_teacher, "llm_options.model": partial(draw_llm_model, context)},
    )  # fmt: skip
    values = draw_options(AugmentOptions, form)
    if values["llm"] == NO_TEACHER:
        st.caption(
            ":material/info: The bundled model is no teacher: it shows how this works, and most of what it writes is filtered."
        )
    return values


def _draw_teacher(drawn: FormField) -> JSON:
    return draw_choice(replace(drawn, label="Teacher"), LLMS)


def switch_filters(generator: str, start: FormDefaults) -> dict[str, JSON]:
    """A switch for every filter, with its options while it is on; only what differs from the usual is said."""
    given: Mapping[str, JSON] = start.values.get("filters") or {}
    usual = {name: row.on or name in GENERATORS[generator].filters for name, row in FILTERS.items()}
    switched: dict[str, JSON] = {}
    place = st.container()
    n_on = 0
    with place:
        folded = st.expander("Filters", icon=":material/filter_alt:", key="augment_filters")
    with folded:
        st.caption(
            "A filter deletes nothing: it says what speaks against a draft, and you can take the draft all the same."
        )
        columns = st.columns(2, gap="medium")
        for number, (name, row) in enumerate(FILTERS.items()):
            with columns[number % 2], st.container(gap="xxsmall"):
                on, options = _switch(name, row, given.get(name, usual[name]), start.suffix)
            n_on += on
            if on and options:
                switched[name] = options
            elif on is not usual[name]:
                switched[name] = on
    st.caption(f":material/filter_alt: {count_of(n_on, 'filter')} of {len(FILTERS):,} look at every draft.")
    return switched


def _switch(name: str, row: FilterPlugin, given: JSON, suffix: str) -> tuple[bool, dict[str, JSON]]:
    """Whether it is on, and the options that differ from its own."""
    key = f"augment_filter_{name}" + (f"_{suffix}" if suffix else "")
    later = (
        f" It reads the score {row.measured}: score the batch, then propose additions with it."
        if row.measured
        else ""
    )
    on = st.toggle(
        row.title, value=given is not False and not row.measured, key=key, help=row.summary + later,
        disabled=bool(row.measured), bind="query-params",
    )  # fmt: skip
    if not on or not row.options.model_fields:
        return on, {}
    start = given if isinstance(given, dict) else {}
    _, inside = st.columns([1, 14], gap="xxsmall")
    with inside:
        values = draw_options(row.options, Form(name=key, start=start))
    usual = row.options().model_dump(mode="json")
    return on, {option: value for option, value in values.items() if value != usual[option]}
