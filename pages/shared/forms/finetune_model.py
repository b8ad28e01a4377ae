"""Which model is trained, the bundled one, one of your own or of the hub, or an adapter further; and how those of a study are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.address import kept_in_address, link_asks
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import trained_titles
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.frame import errors_in_place
from pages.shared.identity import Greyed
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import FormDefaults, follow_job
from tamis.actions.artifact_names import BUNDLED_TITLE
from tamis.actions.forecast import missing_packages
from tamis.actions.models import BUNDLED_LLM, PREFIX, look_at_model
from tamis.actions.submit import RunTarget, Submission
from tamis.actions.targets import list_targets
from tamis.errors import CurationError
from tamis.llms import LLMS
from tamis.recipes import RECIPES
from tamis.steps.finetune.options import harness_missing
from tamis.types import JSON

KNOWN_TASKS = ("arc_easy", "hellaswag", "ifeval", "piqa")
BUNDLED, OWN, FURTHER = "Bundled", "Folder or hub id", "Continue an adapter"
EXAMPLE = "HuggingFaceTB/SmolLM2-360M"


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model as the step takes it; ``problem`` says why it cannot be trained."""

    model: str
    problem: str = ""


def choose_model(context: DatasetContext, start: FormDefaults, *, form: str = "finetune") -> ChosenModel:
    """Draw the choice and look whether the model is there; ``form`` tells the widgets of several forms apart."""
    trained = trained_titles(context.workspace)
    asked = str(start.values.get("model") or _asked() or BUNDLED_LLM)
    ways = [BUNDLED, OWN, *([FURTHER] if trained else [])]
    first = BUNDLED if asked == BUNDLED_LLM else FURTHER if asked.startswith(PREFIX) and trained else OWN
    kept: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
    way = st.segmented_control(
        "Model", ways, default=first, required=True, key=f"{form}_way{_suffix(start)}", **kept
    )
    if way == FURTHER:
        return _choose_trained(trained, asked, start, form)
    if way == BUNDLED:
        st.caption(f"{BUNDLED_TITLE}: English, 135 million weights, trains on any processor.")
        missing = missing_packages(LLMS[BUNDLED_LLM].extra)
        return ChosenModel(BUNDLED_LLM, f"Not installed: {', '.join(missing)}." if missing else "")
    if link_asks(f"{form}_model{_suffix(start)}", "Folder or hub id") or _link_names_other(asked, start):
        return ChosenModel("", "Say whether the model that the link names is to be taken.")
    typed = st.text_input(
        "Folder or hub id", value=asked if first == OWN else "", placeholder=EXAMPLE,
        key=f"{form}_model{_suffix(start)}", label_visibility="collapsed", persist_state="session",
        **kept_in_address(f"{form}_model{_suffix(start)}"),
    )  # fmt: skip
    return _look_at(context, (typed or "").strip())


def _choose_trained(titles: dict[str, str], asked: str, start: FormDefaults, form: str) -> ChosenModel:
    chosen = st.selectbox(
        "Adapter", list(titles), index=list(titles).index(asked) if asked in titles else 0, key=f"{form}_adapter{_suffix(start)}",
        format_func=titles.__getitem__, label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    if asked.startswith(PREFIX) and asked not in titles:
        st.warning(
            f"{plain(asked)} is not in this workspace any more: choose another.", icon=":material/link_off:"
        )
    st.caption("It is trained further and keeps its own rank; the run it comes from stays as it is.")
    return ChosenModel(str(chosen))


def _look_at(context: DatasetContext, model: str) -> ChosenModel:
    look = look_at_model(context.workspace, model)
    if look.weights_gb is not None:
        size = f", {look.weights_gb:.1f} GB" if look.weights_gb >= 0.1 else ""
        st.caption(f"Found on this machine{size}.")
    elif look.fetched:
        st.caption(f":material/cloud_download: {plain(model)} is fetched from the hub when the run starts.")
    return ChosenModel(model, look.problem)


def _link_names_other(asked: str, start: FormDefaults) -> bool:
    """Whether the model comes from a link and nobody has agreed to it yet, which is asked."""
    return asked == _asked() != str(start.values.get("model") or "") and link_asks(
        "model", "Folder or hub id"
    )


def _asked() -> str:
    """The model that a link asks for: ``?model=adapter:ID`` trains that one further."""
    return st.query_params.get("model", "")


def _suffix(start: FormDefaults) -> str:
    return f"_{start.suffix}" if start.suffix else ""


ESTIMATE_HELP = "Loads the model, trains two steps and measures a few rows here and now; nothing is queued."


def can_train() -> bool:
    """Whether the packages that a study trains with are there; says what is missing."""
    missing = missing_packages(RECIPES["sft_full"].extra)
    if missing:
        st.error(f"Needs {', '.join(missing)}: run pip install 'tamis[finetune]'.", icon=":material/error:")
    return not missing


@dataclass(frozen=True, slots=True)
class ProxyTraining:
    """What every training of a study shares, and places beside it for what a study asks besides."""

    values: dict[str, JSON]
    beside: DeltaGenerator
    in_recipe: DeltaGenerator = field(repr=False)


def ask_training(context: DatasetContext, form: str, *, steers: bool = False) -> ProxyTraining:
    """Tokens, held-out rows, targets where there are some, and the recipe; keys begin with ``form``.

    ``steers`` is whether a method goes by the targets: then the only one there is stands there, and of several one is named.
    """
    one, beside, three = st.columns(3, gap="small")
    budget = one.number_input(
        "Tokens of each training", min_value=64, value=20_000, step=1000, key=f"{form}_budget",
        help="Exactly so many go through every model. Rows are no fair budget: one may have ten times the tokens of another.",
    )  # fmt: skip
    held_out = three.number_input(
        "Held-out rows", min_value=40, value=500, step=50, key=f"{form}_held_out",
        help="More of them help as much as more seeds and cost almost nothing; 500 of 200 families are advised.",
    )  # fmt: skip
    chosen = _choose_targets(context, form, steers=steers)
    with st.expander("Recipe", icon=":material/tune:"):
        first, second, third = st.columns(3, gap="small")
        max_length = first.number_input("Tokens of a row", min_value=16, value=512, key=f"{form}_length")
        rate = second.number_input(
            "Learning rate", min_value=1e-7, max_value=1.0, value=5e-5, format="%.1e", key=f"{form}_rate",
            help="One for all, chosen on random with a seed outside this study.",
        )  # fmt: skip
    values = {
        "budget_tokens": int(budget),
        "n_held_out": int(held_out),
        "step_tokens": max(1024, int(max_length)),
        "target": ",".join(chosen),
        "recipe_options": {"max_length": int(max_length), "learning_rate": float(rate)},
    }
    return ProxyTraining(values, beside, third)


MEASURED_HELP = (
    "Losses of their examples are looked at beside: of the half that judges where a target was split."
)


def _choose_targets(context: DatasetContext, form: str, *, steers: bool) -> list[str]:
    names = [one.name for one in list_targets(context.workspace, context.dataset_id)]
    if not names:
        return []
    if not steers:
        return st.multiselect(
            "Targets to measure on", names, key=f"{form}_target", placeholder="None", help=MEASURED_HELP
        )
    return st.multiselect(
        "Targets to select for and to measure on", names, default=names if len(names) == 1 else [], key=f"{form}_steering",
        placeholder="At least one",
        help=f"Methods that select for a target go by them. {MEASURED_HELP} A target without answers is not measured on.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StudyButtons:
    """What the buttons of a study's form say and may do: the arguments of ``asks`` for each, the label and icon of the second."""

    step: str
    start: str
    icon: str
    estimating: Greyed
    starting: Greyed


def show_study_buttons(
    context: DatasetContext,
    model: ChosenModel,
    buttons: StudyButtons,
    *,
    estimate: Callable[[], str],
    submit: Callable[[RunTarget], Submission],
) -> None:
    """Where the study runs, a button that times one step, and one that starts and follows the job."""
    asked = JobRequest(
        dataset_id=context.dataset_id, step=buttons.step, values={}, problem="The rows are drawn first."
    )
    target = choose_target(context.workspace, asked, suffix=buttons.step)
    with st.container(horizontal=True):
        timed = st.button("Estimate", icon=":material/timer:", **buttons.estimating)
        pressed = st.button(buttons.start, type="primary", icon=buttons.icon, **buttons.starting)
    if model.problem:
        st.error(plain(model.problem), icon=":material/error:")
    if timed:
        _show_timed_step(estimate)
    if pressed:
        with errors_in_place(), st.spinner("Holding rows out and counting tokens …"):
            follow_job(submit(target))
            st.rerun()


def _show_timed_step(estimate: Callable[[], str]) -> None:
    """Time a step here and now and say how long it would take, or why not."""
    try:
        with st.spinner("Timing a step …"):
            said = estimate()
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.info(plain(said), icon=":material/timer:")


def choose_tasks(key: str, who: str, given: Sequence[str] = ()) -> list[str]:
    """Draw the choice, or why there is none; ``who`` answers them, as a sentence begins."""
    missing = harness_missing()
    if missing:
        st.caption(f":material/info: {plain(missing)}")
        return []
    chosen: list[str] = st.multiselect(
        "Tasks of the lm-evaluation-harness", list(dict.fromkeys([*given, *KNOWN_TASKS])), default=list(given),
        accept_new_options=True, key=key, placeholder="Choose a task, or type a name or the path of a task file",
        help=f"{who} Most fetch their data from the hub. A task file may run Python code of its own.",
    )  # fmt: skip
    return chosen
