"""Every options type of every table draws a form whose untouched values are valid and are its defaults."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.wording import sentence
from tamis.clusterers import CLUSTERERS
from tamis.encoders import ENCODERS
from tamis.projectors import PROJECTORS
from tamis.registry import parse_options
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS
from tamis.steps import STEPS

PLUGINS = [
    (table_name, name)
    for table_name, table in {
        "CLUSTERERS": CLUSTERERS,
        "ENCODERS": ENCODERS,
        "PROJECTORS": PROJECTORS,
        "SCORERS": SCORERS,
        "SELECTORS": SELECTORS,
    }.items()
    for name in table
]
# Steps with a required option are told it by their own page.
FORMED_STEPS = [
    name
    for name, step in STEPS.items()
    if not any(field.is_required() for field in step.options.model_fields.values())
]


def draw_plugin_form(table_name: str, name: str, start: dict) -> None:
    import importlib

    import streamlit as st

    from pages.shared.forms.options_form import Form, draw_options

    module = importlib.import_module(f"tamis.{table_name.lower()}")
    options = getattr(module, table_name)[name].options
    st.session_state["drawn"] = draw_options(options, Form(name="form", start=start))


def draw_step_form(step: str, start: dict, suffix: str = "") -> None:
    import streamlit as st

    from pages.shared.forms.options_form import Form, draw_options
    from tamis.steps import STEPS

    st.session_state["drawn"] = draw_options(STEPS[step].options, Form(name=step, start=start, suffix=suffix))


def run(function: object, *args: object) -> AppTest:
    app = AppTest.from_function(function, args=args, default_timeout=30).run()
    assert not app.exception, [one.stack_trace for one in app.exception]
    return app


@pytest.mark.parametrize(("table_name", "name"), PLUGINS)
def test_untouched_plugin_forms_hold_the_defaults(table_name: str, name: str) -> None:
    tables = {"CLUSTERERS": CLUSTERERS, "ENCODERS": ENCODERS, "PROJECTORS": PROJECTORS, "SCORERS": SCORERS}
    options = (tables | {"SELECTORS": SELECTORS})[table_name][name].options
    required = {field for field, info in options.model_fields.items() if info.is_required()}
    start = dict.fromkeys(required, "given")
    drawn = run(draw_plugin_form, table_name, name, start).session_state["drawn"]
    assert parse_options(options, drawn) == parse_options(options, start)


@pytest.mark.parametrize("step", FORMED_STEPS)
def test_untouched_step_forms_hold_the_defaults_of_step_and_plugin(step: str) -> None:
    drawn = run(draw_step_form, step, {}).session_state["drawn"]
    assert parse_options(STEPS[step].options, drawn) == STEPS[step].options()


def test_another_plugin_brings_its_own_options() -> None:
    app = run(draw_step_form, "cluster", {})
    app.segmented_control(key="cluster_method").set_value("hdbscan").run()
    drawn = app.session_state["drawn"]
    assert drawn["method"] == "hdbscan"
    assert set(drawn["method_options"]) == set(CLUSTERERS["hdbscan"].options.model_fields)


def test_a_form_starts_with_the_values_of_a_cloned_job() -> None:
    start = {"method": "hdbscan", "method_options": {"min_cluster_size": 33}, "seed": 7}
    drawn = run(draw_step_form, "cluster", start, "ab12").session_state["drawn"]
    assert (drawn["seed"], drawn["method_options"]["min_cluster_size"]) == (7, 33)


def test_bounds_of_a_field_are_those_of_its_widget() -> None:
    app = run(draw_step_form, "cluster", {})
    seed = app.number_input(key="cluster_seed")
    assert (seed.min, seed.max) == (0, 2**31 - 1)
    assert "paper" in seed.help


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("n_clusters", "Number of clusters"),
        ("max_points_per_centroid", "Max points per centroid"),
        ("timeout_s", "Timeout (seconds)"),
        ("seed", "Seed"),
        ("n", "Answers to each row"),
        ("max_new_tokens", "Longest answer (tokens)"),
    ],
)
def test_names_in_code_read_as_words(name: str, said: str) -> None:
    assert sentence(name) == said
