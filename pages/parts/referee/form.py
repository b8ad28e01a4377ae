"""What is held against random, on how many tokens, and how long that would take here."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_model import (
    ESTIMATE_HELP,
    StudyButtons,
    ask_training,
    can_train,
    choose_model,
    choose_tasks,
    show_study_buttons,
)
from pages.shared.identity import asks
from pages.shared.runs.job_watch import FormDefaults
from tamis.actions.referee import (
    LONGEST,
    PRESETS,
    REFINEMENT,
    WORTH,
    RefereeRequest,
    judged_title,
    steered,
    submit_referee,
)
from tamis.actions.referee_estimate import estimate_referee
from tamis.actions.row_tokens import COUNT
from tamis.scorers import scorer_title
from tamis.selectors import SELECTORS
from tamis.store.artifacts.choices import USUAL_SCORE

FORM = STEP = "referee"
OWN = "Own choice"
PRESET_TITLES = {"dnc": "Diversify and Conquer", "token_length": "Random and longest", "mig": "MIG"}
USUAL = ("top_quality", "kmq")


def show_referee_form(context: DatasetContext) -> None:
    """Methods, tokens and seeds; a button that times one step, and one that starts."""
    if not can_train():
        return
    st.caption(
        "Every method selects from the same pool and trains the same model with the same recipe on exactly as many tokens. "
        "All are measured on the same rows, whose families no method may pick from. Random, twice at every seed, and the "
        "longest answers are always among them."
    )
    with st.container(width=760):
        model = choose_model(context, FormDefaults(), form=FORM)
        preset, methods = _choose_methods(context)
        quality = _choose_quality(context, preset, methods)
        request = _ask(context, model.model, preset, methods, quality)
        where, blocked = (context.workspace, context.dataset_id, request), bool(model.problem)
        show_study_buttons(
            context,
            model,
            StudyButtons(
                STEP, "Start the referee", ":material/balance:",
                estimating=asks(context.workspace, estimate_referee, disabled=blocked, words=ESTIMATE_HELP),
                starting=asks(context.workspace, submit_referee, disabled=blocked),
            ),
            estimate=lambda: estimate_referee(*where).text,
            submit=lambda target: submit_referee(*where, target=target),
        )  # fmt: skip


def _choose_methods(context: DatasetContext) -> tuple[str, tuple[str, ...]]:
    names = [OWN, *PRESETS]
    chosen = st.selectbox(
        "Protocol",
        names,
        format_func=lambda one: PRESET_TITLES.get(one, one),
        key="referee_preset",
        bind="query-params",
    )
    scored = bool(context.view.scores)
    able = [
        row.name
        for row in SELECTORS.values()
        if row.counts_tokens
        and row.name not in ("random", LONGEST, "stratified", "mixture")
        and (scored or "quality" not in row.reads)
    ]
    mixtures = [f"{WORTH}{one.id}" for one in context.workspace.artifacts.list(context.dataset_id, "worth")]
    methods = st.multiselect(
        "Methods besides random and longest" if chosen == OWN else "Further methods",
        [*able, REFINEMENT, *mixtures],
        default=[one for one in USUAL if one in able] if chosen == OWN else [],
        format_func=judged_title,
        key=f"referee_methods_{chosen}",
        placeholder="None",
    )
    return ("" if chosen == OWN else str(chosen)), tuple(methods)


def _choose_quality(context: DatasetContext, preset: str, methods: tuple[str, ...]) -> str:
    """The score that methods pick by; nothing is asked where none reads one."""
    # Tokens that a referee counted are what rows cost, not how good they are.
    names = [name for name, one in context.view.scores.items() if one.manifest.step != COUNT]
    wanted = any(
        name in SELECTORS and SELECTORS[name].takes_quality for name in (*PRESETS.get(preset, ()), *methods)
    )
    if not names or not wanted:
        return ""
    usual = names.index(USUAL_SCORE) if USUAL_SCORE in names else 0
    chosen = st.selectbox("Quality", names, index=usual, format_func=scorer_title, key="referee_quality")
    return str(chosen)


def _ask(
    context: DatasetContext, model: str, preset: str, methods: tuple[str, ...], quality: str
) -> RefereeRequest:
    steers = bool(steered(RefereeRequest(methods=methods, preset=preset)))
    training = ask_training(context, FORM, steers=steers)
    max_seeds = training.beside.selectbox(
        "Seeds at most",
        (4, 6, 8, 10),
        index=3,
        key="referee_seeds",
        help="It is looked at after 4, 6, 8 and 10, and stops early.",
    )
    delta = training.in_recipe.number_input(
        "Counts as equal", min_value=0.001, value=0.02, format="%.3f", key="referee_delta",
        help="Differences within it, in nats per token; it cannot be changed afterwards.",
    )  # fmt: skip
    tasks = choose_tasks("referee_tasks", "Every trained model answers them; they claim nothing.")
    return RefereeRequest(
        methods=methods, lm_eval_tasks=tuple(tasks), preset=preset, quality=quality, max_seeds=int(max_seeds), model=model,
        equivalence_margin=float(delta), **training.values,
    )  # fmt: skip
