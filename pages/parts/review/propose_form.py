"""Asking for proposals: the filter with its threshold on the score, corrections by a model and a judge, and controls."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from pages.parts.review.propose_preview import choose_threshold
from pages.shared import queries
from pages.shared.address import read_scope
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import draw_llm_model
from pages.shared.forms.llm_forecast import show_models_forecast
from pages.shared.forms.options_form import Form, FormField, draw_choice, draw_field, draw_options
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FormDefaults, start_job
from tamis.actions.label_rounds import METHOD
from tamis.actions.proposal_threshold import usual_score
from tamis.actions.proposals import list_proposals
from tamis.actions.read_rows import Scope
from tamis.actions.submit import CURRENT, check_options, submit
from tamis.errors import CurationError
from tamis.llms import LLMS
from tamis.scorers import SCORERS, in_sentence, scorer_title
from tamis.steps.propose.options import OF_ALC3, ProposeOptions
from tamis.types import JSON

FILTER, CORRECT, CONTROL, RELABEL = "Auto-Filter", "Auto-Correct", "Controls", "Labels"
WAYS = {
    FILTER: "Drop the rows whose score is not above a threshold.",
    CORRECT: "Have a model write a better answer, and a judge compare it with the response in both orders.",
    CONTROL: "For comparison: drop as many rows at random, or exactly the rows of a tag (the noise that you planted).",
    RELABEL: "A round of ALC3 over rows whose responses are labels: a model corrects what it is sure of, you are asked about the "
    "labels that it doubts most, and while too many of these are wrong, more is left out.",
}
MODEL_FIELDS = (
    "llm", "llm_options", "max_new_tokens", "temperature", "judge", "judge_options", "judge_samples",
    "judge_beta_fraction", "judge_characters",
)  # fmt: skip

# The names that the CLI takes stay in the help.
LABELS = {
    "llm": "Candidate model",
    "max_new_tokens": "Longest candidate (tokens)",
    "temperature": "Temperature of the candidates",
    "judge": "Judge",
    "judge_samples": "Verdicts per order",
    "judge_beta_fraction": "β: weight of consistency",
    "judge_characters": "Characters that the judge reads",
}


def show_propose_form(context: DatasetContext, start: FormDefaults) -> None:
    """Choose the method, see what it would do, and start it."""
    usual = {"correct": CORRECT, "random": CONTROL, "oracle": CONTROL, "alc3": RELABEL}.get(
        str(start.values.get("method")), FILTER
    )
    way = st.segmented_control(
        "Method", list(WAYS), default=usual, required=True, key="propose_way", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    st.caption(WAYS[way])
    scope = read_scope()
    values = _values(context, way, scope, start)
    if scope.conditions:
        values["within"] = f"scope:{scope.to_url()}"
    problem = _problem(context, values)
    if way == CORRECT and not problem:
        show_models_forecast(context, "propose", values)
    asked = JobRequest(dataset_id=context.dataset_id, step="propose", values=values, problem=problem)
    target = choose_target(context.workspace, asked, start=start.target, suffix=start.suffix)
    n_rows = len(queries.matches(context, scope))
    pressed = st.button(
        f"Propose for {count_of(n_rows, 'row')}", type="primary", icon=":material/play_arrow:",
        key="start_propose", **asks(context.workspace, submit, disabled=bool(problem) or not n_rows),
    )  # fmt: skip
    if problem:
        st.info(plain(problem), icon=":material/info:")
        if _lacks_score(context, values):
            _offer_score(context, str(values["score"]))
    if pressed:
        start_job(context.workspace, context.dataset_id, "propose", values, target=target)


def _values(context: DatasetContext, way: str, scope: Scope, start: FormDefaults) -> dict[str, JSON]:
    if way == RELABEL:
        return _choose_round(context, start)
    values: dict[str, JSON] = {"method": {FILTER: "filter", CORRECT: "correct"}.get(way, "random")}
    if way == CONTROL:
        values |= _choose_control(context)
    if values["method"] != "oracle":
        name = _choose_score(context, start)
        values["score"] = name
        if name in context.view.scores:
            values |= choose_threshold(context, name, scope, start, correcting=way == CORRECT)
            values["scores"] = context.view.scores[name].id
    if way == CORRECT:
        values |= _choose_models(context, start)
    return values


def _choose_score(context: DatasetContext, start: FormDefaults) -> str:
    names = [name for name in SCORERS if name in context.view.scores] or ["confidence"]
    asked = str(start.values.get("score", ""))
    usual = usual_score(names, asked)
    if len(names) == 1:
        return names[0]
    return str(
        st.selectbox(
            "Score",
            names,
            index=names.index(usual),
            format_func=lambda name: SCORERS[name].title,
            key="propose_score",
            bind="query-params",
            help="How far a row can be trusted; higher is better.",
            width=420,
        )  # fmt: skip
    )


def _choose_control(context: DatasetContext) -> dict[str, JSON]:
    kind = st.segmented_control(
        "Control", ["random", "oracle"], default="random", required=True, key="propose_control", bind="query-params",
        format_func={"random": "Random rows", "oracle": "Rows of a tag"}.__getitem__,
    )  # fmt: skip
    if kind == "random":
        seed = st.number_input("Seed", 0, 2**31 - 1, 42, key="propose_seed", width=200)
        return {"method": "random", "seed": int(seed)}
    if not context.tags.rows:
        st.caption("No row has a tag. Tag the rows that are known to be bad on the map first.")
    tag = st.selectbox(
        "Tag", list(context.tags.rows), key="propose_tag",
        format_func=lambda tag: f"{tag} · {count_of(len(context.tags.rows[tag]), 'row')}",
    )  # fmt: skip
    return {"method": "oracle", "oracle_rows": f"tag:{tag}" if tag else ""}


def _choose_models(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    """Who writes, who judges and from which confidence on a candidate wins; the rest of the step has its defaults."""
    skipped = [name for name in ProposeOptions.model_fields if name not in (*MODEL_FIELDS, "eta")]
    trained = partial(draw_llm_model, context)
    form = Form(
        name="propose", start=start.values, suffix=start.suffix, skip=skipped,
        instead={
            **dict.fromkeys(LABELS, _draw_renamed), "eta": _draw_eta, "llm_options.model": trained,
            "judge_options.model": trained,
        },
    )  # fmt: skip
    return draw_options(ProposeOptions, form)


def _choose_round(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    """The round after the newest one, with what people have said since."""
    skipped = [name for name in ProposeOptions.model_fields if name not in OF_ALC3]
    form = Form(name="propose", start=start.values, suffix=start.suffix, skip=skipped)
    rounds = [
        one
        for one in list_proposals(context.workspace, context.dataset_id)
        if one.summary.get("method") == METHOD
    ]
    values = draw_options(ProposeOptions, form) | {"method": METHOD, "decisions": CURRENT}
    if rounds:
        st.caption(
            f"Round {int(rounds[0].summary['round']) + 1}, after {int(rounds[0].summary['n_asked']):,} rows were asked about."
        )
        values["after"] = rounds[0].id
    return values


def _draw_renamed(drawn: FormField) -> JSON:
    named = replace(drawn, label=LABELS[drawn.name], help=f"{drawn.help} (`{drawn.name}`)")
    return draw_choice(named, LLMS) if drawn.name in ("llm", "judge") else draw_field(named)


def _draw_eta(drawn: FormField) -> JSON:
    return st.slider(
        "A candidate wins from this confidence on (η)", 0.5, 1.0, float(drawn.start or 0.8), 0.01, key=drawn.key,
        help=drawn.help, bind="query-params", persist_state="session",
    )  # fmt: skip


def _lacks_score(context: DatasetContext, values: dict[str, JSON]) -> bool:
    return values["method"] not in ("oracle", METHOD) and values["score"] not in context.view.scores


def _offer_score(context: DatasetContext, name: str) -> None:
    query = {"dataset": context.dataset_id, "scorer": name}
    link_to("scoring", f"Compute {in_sentence(scorer_title(name))} first", query=query)


def _problem(context: DatasetContext, values: dict[str, JSON]) -> str:
    if _lacks_score(context, values):
        title = in_sentence(scorer_title(str(values["score"])))
        return f"The threshold is set on the score {title}, and this dataset does not have it yet."
    if values["method"] == METHOD and context.view.embeddings is None:
        return "Labels are told from embeddings: embed the dataset first."
    if values["method"] == "oracle" and not values["oracle_rows"]:
        return "Choose the tag whose rows are to be dropped."
    try:
        check_options(context.workspace, "propose", values)
    except CurationError as error:
        return str(error)
    return ""
