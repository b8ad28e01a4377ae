"""The form of a refinement: rows, weights, score, round model and flags, with what its first round would take beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.refinement.again import FACTORS, offer_decisions
from pages.parts.refinement.factors import choose_factors
from pages.parts.refinement.forecast import RefinementFormValues, resolve, show_refinement_forecast
from pages.parts.refinement.picker import CONTINUED, PICKER
from pages.parts.refinement.presets import show_presets
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_model import choose_model
from pages.shared.forms.options_form import Form, FormField, draw_field, draw_options
from pages.shared.forms.planned import lacks_clusters, offer_clusters
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.forms.selection_form import ROW_ROLES, draw_clustering, draw_quality, draw_rows
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FormDefaults, cloned_defaults, say_submitted
from pages.shared.runs.picker import open_run
from pages.shared.wording import sentence
from tamis.actions.artifact_names import CONTROLS, MODES, refinement_name
from tamis.actions.forecast import missing_packages
from tamis.actions.refinements import STEP, continued_options, rows_per_round
from tamis.actions.runs import Run
from tamis.actions.submit import AS_IMPORTED, CURRENT, RunTarget, submit
from tamis.recipes import RECIPES
from tamis.steps.refine.gaps import GAPS
from tamis.steps.refine.options import EPOCHS, OF_MODE, RefineOptions
from tamis.types import JSON

CONTINUE_FROM = "continue_from"
KINDS = CONTROLS | {"shuffled_scores": "Shuffled", "kmq": "kMQ"}  # short, so that all stand on one line
SIZE = ("rounds", "budget")
DRAWS = ("first_round", "noise", "weighting")
ANSWERS = (
    "generate_rows",
    "score_rows",
    "max_new_tokens",
    "generate_temperature",
    "scored_by",
    "model_options",
)
LABELS = {
    "flag_below_own": "Given answer below the model's own",
    "flag_margin_sd": "By how many standard deviations more than is usual",
    "budget": "Rows to select",
    "mode": "How weights move",
    "scorer": "Score",
    "guide_epochs": "Epochs of each round model",
    "generate_rows": "Rows answered per round",
    "max_new_tokens": "Longest answer (tokens)",
    "generate_temperature": "Temperature of answers",
    "score_rows": "Rows scored in a round",
    "scored_by": "Likelihoods from",
    "effect_temperature": "Effect that is a factor e (T)",
    "forgetting": "Earlier rounds count (ρ)",
    "gap_scale": "Scale of the gaps",
    "fall_factor": "Falls at most to one in",
    "rise_factor": "Rises at most to times",
    "spread_temperature": "Temperature in deviations",
    "temperature": "Temperature in units of the score",
    "tau": "Temperature of the update (τ)",
    "w_min_factor": "Lowest weight (times even)",
    "w_max_factor": "Highest weight (times even)",
    "shrink_rows": "Shrink towards the mean (rows)",
    "first_round": "First weights",
    "noise": "Rows outside all clusters",
}
CHEAP = (
    "**Cheap mode**: nothing is trained. The base model answers in every round, so weights say what it finds hard before any "
    "training. The result carries the label."
)
WHAT_HELP = (
    "Controls take the same number of rows in the same rounds. Shuffled scores deals the scores out among the clusters at "
    "random: what it reaches too owes nothing to the scores. The other three never look at an answer."
)


def show_refine_form(context: DatasetContext) -> None:
    """The form, and beside it what it will take."""
    start = _start(context)
    left, right = st.columns([0.5, 0.5], gap="large")
    with left:
        _say_continued(context, start)
        first, sizes = st.container(gap="xsmall"), st.container()
        foot = st.container(key="refine_foot")
        with st.expander("More options", icon=":material/tune:", key=f"refine_more{_suffix(start)}"):
            kinds = _choose_kinds(start)
            filled = _draw_form(context, start, kinds, sizes)
            asked = JobRequest(
                dataset_id=context.dataset_id, step=STEP, values=filled.values, problem=filled.problem
            )
            target = choose_target(context.workspace, asked, start=start.target, suffix=start.suffix)
        with first:
            keys = (_kinds_key(start), Form(name=STEP, suffix=start.suffix).key("train"))
            show_presets(keys, train=bool(filled.values["train"]), kinds=kinds)
        with foot:
            _show_submit(context, filled, kinds, target)
    with right:
        show_refinement_forecast(context, filled)


def _start(context: DatasetContext) -> FormDefaults:
    """What the form starts with: the run that is continued, the job that is cloned, or a tenth of the rows."""
    asked = st.query_params.get(CONTINUED, "")
    if asked:
        earlier = context.workspace.artifacts.find(context.dataset_id, "refinement", asked)
        if earlier is not None:
            run = Run(earlier.id, earlier, None)
            more = {"rounds": 1, "budget": rows_per_round(run)}
            return FormDefaults({**continued_options(run), **more}, f"c{earlier.id[:4]}")
        st.warning(f"There is no refinement {plain(asked)} to continue any more.", icon=":material/link_off:")
    return cloned_defaults(context.workspace, STEP)


def _say_continued(context: DatasetContext, start: FormDefaults) -> None:
    earlier = context.workspace.artifacts.find(
        context.dataset_id, "refinement", str(start.values.get(CONTINUE_FROM, ""))
    )
    if earlier is None:
        return
    n_rounds, n_rows = int(earlier.summary["n_rounds"]), int(earlier.summary["n_selected"])
    st.info(
        f"Its {count_of(n_rounds, 'round')} and {count_of(n_rows, 'row')} stay; rounds and rows below come on top.",
        title=f"Continues {plain(refinement_name(Run(earlier.id, earlier, None)))}",
        icon=":material/add_circle:",
    )


def _choose_kinds(start: FormDefaults) -> list[str]:
    """The refinement itself, and controls that are run beside it."""
    chosen = st.pills(
        "Run", list(CONTROLS), selection_mode="multi", default=[str(start.values.get("control", "none"))],
        format_func=KINDS.__getitem__, key=_kinds_key(start), bind="query-params", persist_state="session",
        help=WHAT_HELP, wrap=True,
    )  # fmt: skip
    return [kind for kind in CONTROLS if kind in chosen]


def _draw_form(
    context: DatasetContext, start: FormDefaults, kinds: list[str], sizes: DeltaGenerator
) -> RefinementFormValues:
    """Every field; rounds and rows stand in ``sizes``, before all others."""
    form = Form(
        name=STEP,
        start={"budget": max(3, round(context.n_rows / 10)), **start.values},
        suffix=start.suffix,
        instead={
            "clustering": partial(draw_clustering, context),
            "quality": partial(draw_quality, context),
            "budget": partial(_draw_budget, context),
            "mode": _draw_mode,
            **{role: partial(draw_rows, context) for role in ROW_ROLES},
        },
    )
    with sizes:
        values = _in_columns(form, SIZE)
    values |= _in_columns(form, ("quality", "clustering"))
    values |= _some(form, ("mode",)) | _draw_score(form)
    round_model, problem = _draw_round_model(context, start, form)
    values |= round_model | _draw_flags(form)
    values[FACTORS] = choose_factors(context, start, str(values.get("clustering") or ""))
    values |= _draw_more(context, form, start, str(values["mode"]))
    respected = offer_decisions(context, f"refine_decided{_suffix(start)}")
    values["decisions"] = CURRENT if respected else AS_IMPORTED
    values |= {"unit": "rows", "control": kinds[0] if kinds else "none"}
    values |= _exact_inputs(start, values)
    return resolve(context, values, problem=problem if kinds else "Choose what to run.")


def _exact_inputs(start: FormDefaults, values: Mapping[str, JSON]) -> dict[str, JSON]:
    """What a continued or cloned run read, as far as the form still asks for it."""
    kept = {CONTINUE_FROM: start.values.get(CONTINUE_FROM)}
    if values.get("quality") == start.values.get("quality"):
        kept["scores"] = start.values.get("scores")
    if values.get("flag_confidence") is not None:
        kept["confidence"] = start.values.get("confidence")
    return {name: value for name, value in kept.items() if value}


def _draw_score(form: Form) -> dict[str, JSON]:
    values = _some(form, ("scorer",))
    scorer = str(values["scorer"])
    if scorer == "perplexity":
        st.warning(
            "Perplexity measures surprise, not quality: odd and broken answers surprise most, so their clusters gain. In the "
            "paper this score ended below static kMQ.",
            icon=":material/psychology_alt:",
        )
    if GAPS[scorer].asks == "judge":
        values |= _some(form, ("judge", "judge_options"))
    return values | (_some(form, ("encoder",)) if scorer == "confidence" else {})


def _draw_round_model(
    context: DatasetContext, start: FormDefaults, form: Form
) -> tuple[dict[str, JSON], str]:
    """The model that answers, and how it is trained; with what stands in its way."""
    st.markdown("**Round model**")
    model = choose_model(context, start, form=STEP)
    train = st.toggle(
        "Fine-tune it in every round",
        help="From the base, on everything selected so far.",
        value=bool(form.start.get("train", True)), key=form.key("train"), bind="query-params", persist_state="session",
    )  # fmt: skip
    values: dict[str, JSON] = {"model": model.model or "none", "train": train}
    problem = model.problem
    if train:
        values |= _some(form, ("recipe",)) | _some(form, ("guide_epochs",))
        missing = missing_packages(RECIPES[str(values["recipe"])].extra)
        if missing:
            problem = (
                f"Training needs {', '.join(missing)}: run pip install 'tamis[finetune]' and start the app again, or switch "
                "the training off (cheap mode)."
            )
    else:
        st.markdown(f":orange-badge[:material/savings: Cheap mode] {CHEAP.removeprefix('**Cheap mode**: ')}")
    return values, problem


def _draw_flags(form: Form) -> dict[str, JSON]:
    """Which rows each round flags."""
    st.markdown("**Flag rows for review**")
    values = _some(form, ("flag_below_own", "flag_margin_sd"))
    left, right = st.columns(2, gap="small")
    with left:
        values["flag_confidence"] = _optional(
            form,
            "flag_confidence",
            "Confidence below γ",
            0.5,
            (None, None),
            "Below 0.5 a row is more likely than not swapped, cut or garbled; wrong numbers and wrong facts are not seen. "
            "The score confidence has to be computed first.",
        )
    with right:
        values["flag_weight_fraction"] = _optional(
            form,
            "flag_weight_fraction",
            "Cluster weight below",
            0.5,
            (0.01, 1.0),
            "As a part of its first weight.",
        )
    return values


def _optional(
    form: Form, name: str, label: str, usual: float, bounds: tuple[float | None, float | None], words: str
) -> float | None:
    start = form.start.get(name)
    if not st.toggle(
        label, value=start is not None, key=form.key(f"{name}_on"), help=words, bind="query-params"
    ):
        return None
    low, high = bounds
    return float(
        st.number_input(
            label, low, high, float(start if start is not None else usual), 0.05, key=form.key(name), format="%g",
            label_visibility="collapsed", bind="query-params", persist_state="session",
        )
    )  # fmt: skip


def _draw_more(context: DatasetContext, form: Form, start: FormDefaults, mode: str) -> dict[str, JSON]:
    """What most runs leave as it is, folded away by what it is about."""
    with st.expander("Weights and draws", icon=":material/balance:", key=form.key("weights_fold")):
        values = _in_columns(form, OF_MODE[mode]) | _some(form, DRAWS)
        if values["weighting"] == "softmax":
            values |= _in_columns(form, ("spread_temperature", "temperature"))
    with st.expander("Answers and scores", icon=":material/forum:", key=form.key("answers_fold")):
        values |= _in_columns(form, ANSWERS)
    named = any(start.values.get(role) for role in ROW_ROLES) or "scope" in st.query_params
    with st.expander(
        "Restrict, pin or exclude rows", icon=":material/rule:", expanded=named, key=form.key("rows_fold")
    ):
        values |= {role: pointer for role, pointer in _some(form, tuple(ROW_ROLES)).items() if pointer}
    return values | _some(form, ("seed",))


def _draw_budget(context: DatasetContext, drawn: FormField) -> float:
    most = max(float(context.n_rows), float(drawn.start or 1))
    return float(
        st.number_input(
            LABELS["budget"], 1.0, None, min(float(drawn.start or 1), most), 10.0, key=drawn.key, help=drawn.help, format="%.0f",
            bind="query-params", persist_state="session",
        )
    )  # fmt: skip


def _draw_mode(drawn: FormField) -> JSON:
    return draw_field(replace(drawn, label=LABELS["mode"], say=lambda mode: sentence(MODES[mode])))


def _some(form: Form, names: Collection[str]) -> dict[str, JSON]:
    """Some of the fields, one below the other, with the options of what they choose."""
    skipped = [name for name in RefineOptions.model_fields if name not in names]
    skipped.append(f"recipe_options.{EPOCHS}")  # round models have a field of their own for them
    instead = {
        name: _renamed for name in names if name in LABELS and name not in form.instead and name != "scorer"
    }
    return draw_options(RefineOptions, replace(form, skip=skipped, instead={**form.instead, **instead}))


def _in_columns(form: Form, names: Collection[str]) -> dict[str, JSON]:
    values: dict[str, JSON] = {}
    columns = st.columns(2, gap="small")
    for at, name in enumerate(names):
        with columns[at % 2]:
            values |= _some(form, (name,))
    return values


def _renamed(drawn: FormField) -> JSON:
    return draw_field(replace(drawn, label=LABELS[drawn.name]))


def _show_submit(
    context: DatasetContext, filled: RefinementFormValues, kinds: list[str], target: RunTarget
) -> None:
    n_rounds = int(filled.values["rounds"])
    label = f"Refine in {count_of(n_rounds, 'round')}"
    if len(kinds) > 1:
        label += f" · {len(kinds)} runs"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            "Open this refinement" if filled.made and len(kinds) == 1 else label, type="primary", icon=":material/autorenew:",
            key="submit_refine", **asks(context.workspace, submit, disabled=bool(filled.problem)),
        )  # fmt: skip
        if filled.made:
            st.caption("Made before with exactly these options.", width="content")
    if filled.problem and lacks_clusters(context):
        offer_clusters(context)
    elif filled.problem:
        st.error(plain(filled.problem), icon=":material/error:")
        if filled.values.get("flag_confidence") is not None and "confidence" not in context.view.scores:
            link_to(
                "scoring",
                "Compute the confidence",
                query={"dataset": context.dataset_id, "scorer": "confidence"},
            )
    if pressed:
        _submit(context, filled, kinds, target)


def _submit(
    context: DatasetContext, filled: RefinementFormValues, kinds: list[str], target: RunTarget
) -> None:
    """Queue the run and its controls, and open the first of them."""
    with errors_in_place():
        done = [
            submit(
                context.workspace, context.dataset_id, STEP, {**filled.values, "control": kind}, target=target
            )
            for kind in kinds
        ]
        if done[0].already_done:
            say_submitted(done[0])
        open_run(PICKER, done[0].job.artifact_id)
        st.rerun()


def _kinds_key(start: FormDefaults) -> str:
    return f"refine_kinds{_suffix(start)}"


def _suffix(start: FormDefaults) -> str:
    return f"_{start.suffix}" if start.suffix else ""
