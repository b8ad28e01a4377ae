"""Calibration sets for pruning beside each other: what each left of the model, and the form of a new one."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.parts.compare.pruning_charts import overlap_map, perplexity_map
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.options_form import Form, FormField, draw_options
from pages.shared.forms.planned import plan_of
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import Greyed, asks
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import cloned_defaults, followed_job, start_job
from pages.shared.runs.picker import RunPicker, asks_for_new, open_run, pick_from_list
from pages.shared.wording import as_percent, percent
from tamis.actions.artifact_names import artifact_names, names_in_view
from tamis.actions.jobs import JobState
from tamis.actions.pruning import Pruning, pack_windows, read_pruning
from tamis.actions.submit import submit
from tamis.errors import CurationError
from tamis.steps.prune.options import MAX_SETS, PruneOptions
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

STEP, SELECTIONS, PRUNING = "prune", "Selections", "Pruning"
PICKER = RunPicker(what="pruning", results="Prunings", new="New pruning", parameter="pruning")
_PREFIX = "selection:"


def asks_for_pruning() -> bool:
    """The switch between what is compared on this page; whether it is calibration sets for pruning."""
    chosen = st.segmented_control(
        "What", [SELECTIONS, PRUNING], default=SELECTIONS, required=True, key="compare_what", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    return chosen == PRUNING


def show_pruning(context: DatasetContext) -> None:
    """The pruning that is open, or the form where there is none or a new one is asked for."""
    followed = followed_job(context.workspace, STEP, context.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_run(PICKER, followed.artifact_id)
    found = {one.id: one for one in context.workspace.artifacts.list(context.dataset_id, "pruning")}
    new = asks_for_new(PICKER, have_runs=bool(found))
    show_jobs_in_place(context.workspace, followed)
    if new:
        _show_form(context)
        return
    names = artifact_names(context.workspace, context.dataset_id, "pruning")
    chosen = pick_from_list(PICKER, found, next(iter(found)), lambda one: names[one.id])
    _show_result(context, chosen)


def _show_form(context: DatasetContext) -> None:
    start = cloned_defaults(context.workspace, STEP)
    if not context.view.selections:
        st.info(
            "Calibration sets are selections: make one first, on the page Select.", icon=":material/info:"
        )
        return
    form = Form(
        name="prune", start=start.values, suffix=start.suffix,
        instead={
            "calibrations": partial(_draw_sets, context, least="Choose one or more"),
            "evaluations": partial(_draw_sets, context, least="Rows that no calibration names"),
        },
    )  # fmt: skip
    with st.container(width=760):
        values = draw_options(PruneOptions, form)
        made, problem = "", "" if values["calibrations"] else "Choose at least one calibration set."
        if not problem:
            try:
                planned = plan_of(context, STEP, values)
                made = planned.artifact_id if planned.is_made else ""
            except CurationError as error:
                problem = str(error)
        asked = JobRequest(dataset_id=context.dataset_id, step=STEP, values=values, problem=problem)
        target = choose_target(context.workspace, asked)
        label = "Open this pruning" if made else "Prune and measure"
        greyed = (
            Greyed(disabled=False, help=None)
            if made
            else asks(context.workspace, submit, disabled=bool(problem))
        )
        pressed = st.button(
            label, type="primary", icon=":material/content_cut:", key="submit_prune", **greyed
        )
        if problem:
            st.caption(plain(problem))
    if pressed and made:
        open_run(PICKER, made)
        st.rerun()
    elif pressed:
        start_job(context.workspace, context.dataset_id, STEP, values, target=target)


def _draw_sets(context: DatasetContext, drawn: FormField, *, least: str) -> JSON:
    """Selections as sets of rows."""
    names = names_in_view(context.view, "selection")
    chosen = st.multiselect(
        drawn.label, [one.id for one in context.view.selections], format_func=names.__getitem__, key=drawn.key,
        bind="query-params", persist_state="session", max_selections=MAX_SETS, placeholder=least, help=drawn.help,
    )  # fmt: skip
    return [f"{_PREFIX}{one}" for one in chosen]


def _show_result(context: DatasetContext, artifact: Artifact) -> None:
    pruning = read_pruning(artifact)
    names = artifact_names(context.workspace, context.dataset_id, "selection")
    titles = [_title(one.name, names) for one in pruning.calibrations]
    measured = [_title(one.name, names) for one in pruning.evaluations]
    n_seeds = len(pruning.calibrations[0].seeds)
    st.caption(
        f"{percent(pruning.sparsity_fraction)} of {count_of(pruning.n_weights, 'weight')} are zero. Perplexity of responses, the "
        f"geometric mean over {count_of(n_seeds, 'draw')} of calibration rows; lower is better. The line of the dense model is "
        "what was there before, that of magnitude what pruning leaves without any calibration."
    )
    with st.container(border=True):
        perplexity_map(pruning, titles, measured)
        _say_pairs(pruning, titles, measured)
    if len(titles) * n_seeds > 1:
        with st.container(border=True):
            st.markdown(
                "**Overlap of masks**",
                help="Weights that both remove over those that either does (Jaccard). On the diagonal: draws of one set.",
            )
            st.caption(f"Masks by chance would share {pruning.chance_overlap:.2f}.")
            overlap_map(pruning, titles)
    pads = max(share for one in pruning.calibrations for share in one.pad_fraction)
    if pads >= 0.005:
        counted = "counted, as asked" if pruning.count_pads else "not counted"
        st.caption(
            f"Up to {percent(pads)} of the tokens in the windows of a draw only fill them; they were {counted}."
        )
    for title, one in zip(measured, pruning.evaluations, strict=True):
        if one.known_text:
            st.caption(f":material/info: {plain(f'{title}: {one.known_text}')}")
    for words in pruning.too_short(artifact.manifest.options):
        st.caption(f":material/info: {plain(words)}")
    st.download_button(
        "Calibration windows", partial(pack_windows, context.workspace, context.dataset_id, artifact.id),
        file_name=f"windows-{artifact.id[:8]}.zip", mime="application/zip", icon=":material/download:", key="prune_windows",
        **asks(
            context.workspace, pack_windows, words="The rows of every draw as texts (JSON lines) and as token ids, for other pruners.",
        ),
    )  # fmt: skip


def _say_pairs(pruning: Pruning, titles: list[str], measured: list[str]) -> None:
    """Which calibration sets are told apart, and what that needs."""
    told = [pair for pair in pruning.pairs if pair.told != "not clear"]
    for pair in told:
        best, other = (pair.first, pair.second) if pair.told == "lower" else (pair.second, pair.first)
        ratio = pair.ratio if pair.told == "lower" else 1 / pair.ratio
        st.markdown(
            plain(
                f"On {measured[pair.evaluation]}, {titles[best]} leaves {as_percent(1 - ratio, 1)} less perplexity than {titles[other]}."
            )
        )
    rest = len(pruning.pairs) - len(told)
    if rest:
        st.caption(
            f"{count_of(rest, 'pair')} cannot be told apart: told is what is beyond chance over draws and over rows, those "
            "with like prompts counted once, corrected for all pairs."
        )


def _title(name: str, selections: dict[str, str]) -> str:
    """A selection by its name, other sets as they were named."""
    return selections.get(name.removeprefix(_PREFIX), name)
