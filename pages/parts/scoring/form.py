"""Computing a score: what it measures, its options, and the button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from pages.parts.scoring.stats import estimates_of, say_what_it_takes
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import draw_llm_model
from pages.shared.forms.llm_forecast import show_models_forecast
from pages.shared.forms.options_form import (
    Drawer,
    Form,
    FormField,
    draw_choice,
    draw_field,
    draw_options,
    draw_plugin,
)
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.forms.selection_form import draw_target
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import FormDefaults, start_job
from tamis.actions.score_estimates import SAMPLE_ROWS
from tamis.actions.submit import check_options, submit
from tamis.actions.targets import list_targets
from tamis.errors import CurationError
from tamis.llms import LLMS
from tamis.scorers import SCORERS, TARGET_SCORERS
from tamis.steps.score.options import ScoreOptions
from tamis.types import JSON

LABELS = {"llm": "Language model", "sample_rows": "Rows of a sample (0: all)"}


def show_score_form(context: DatasetContext, name: str, start: FormDefaults) -> None:
    """The form of one scorer; the scorer itself is chosen above it."""
    scorer = SCORERS[name]
    form = Form(name="score", start=start.values, suffix=start.suffix)
    chosen = {"scorer": name, "scorer_options": draw_plugin(ScoreOptions.CHOICES[0], name, form)}
    if name in TARGET_SCORERS:
        named = {"target": partial(draw_target, context)}
        others = [one for one in ScoreOptions.model_fields if one not in named]
        rest = Form(name="score", start=start.values, suffix=start.suffix, skip=others, instead=named)
        chosen |= draw_options(ScoreOptions, rest)
    if scorer.needs_llm:
        trained: dict[str, Drawer] = {
            **dict.fromkeys(LABELS, _draw_renamed),
            "llm_options.model": partial(draw_llm_model, context),
        }
        rest = Form(
            name="score",
            start=start.values,
            suffix=start.suffix,
            skip=("scorer",),
            instead=trained,
        )
        chosen |= draw_options(ScoreOptions, rest)
    problem = _problem(context, name, chosen)
    asked = JobRequest(dataset_id=context.dataset_id, step="score", values=chosen, problem=problem)
    if scorer.needs_llm and not problem:
        show_models_forecast(context, "score", chosen)
    target = choose_target(context.workspace, asked, start=start.target, suffix=start.suffix)
    pressed = _show_buttons(context, name, chosen, problem)
    if problem:
        st.error(plain(problem), icon=":material/error:")
        if _lacks_vectors(context, name) and context.view.embeddings is None:
            link_to("overview", "Embed the rows first", query={"dataset": context.dataset_id})
    if pressed is not None:
        start_job(context.workspace, context.dataset_id, "score", chosen | pressed, target=target)


def _show_buttons(
    context: DatasetContext, name: str, chosen: Mapping[str, JSON], problem: str
) -> dict[str, JSON] | None:
    """All rows, or a sample first where they take long; what the one that was pressed adds to the options."""
    scorer, computed = SCORERS[name], name in context.view.scores
    sampled = not computed and not chosen.get("sample_rows") and _is_long(context, name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        sample = sampled and st.button(
            f"Score {SAMPLE_ROWS} rows first", type="primary", icon=":material/science:", key=f"sample_{name}",
            **asks(context.workspace, submit, disabled=bool(problem), words="Drawn at random: see whether it tells anything before all rows are asked about."),
        )  # fmt: skip
        whole = st.button(
            f"Compute {scorer.title.lower()} again" if computed else f"Compute {scorer.title.lower()}",
            type="secondary" if computed or sampled else "primary",
            icon=":material/play_arrow:",
            key=f"compute_{name}",
            **asks(context.workspace, submit, disabled=bool(problem)),
        )
        if not computed:
            st.caption(f"All rows: {say_what_it_takes(estimates_of(context)[name])}.", width="content")
    if sample:
        return {"sample_rows": SAMPLE_ROWS}
    return {} if whole else None


def _draw_renamed(drawn: FormField) -> JSON:
    """The field under its word of every day; the name that the command line takes stays in the help."""
    named = replace(drawn, label=LABELS[drawn.name], help=f"{drawn.help} (`{drawn.name}`)")
    return draw_choice(named, LLMS) if drawn.name == "llm" else draw_field(named)


def _is_long(context: DatasetContext, name: str) -> bool:
    estimate = estimates_of(context)[name]
    return estimate.is_long and bool(SCORERS[name].needs_llm) and context.n_rows > SAMPLE_ROWS


def _lacks_vectors(context: DatasetContext, name: str) -> bool:
    return not {"embeddings", "vectors"}.isdisjoint(SCORERS[name].reads) and context.view.embeddings is None


def _problem(context: DatasetContext, name: str, chosen: dict[str, JSON]) -> str:
    if _lacks_vectors(context, name):
        return f"{SCORERS[name].title} reads vectors, and this dataset has none yet."
    if name in TARGET_SCORERS and not chosen["target"]:
        made = list_targets(context.workspace, context.dataset_id)
        return f"{SCORERS[name].title} is measured towards a target: {'choose one' if made else 'make one'} first."
    try:
        check_options(context.workspace, "score", chosen)
    except CurationError as error:
        return str(error)
    return ""
