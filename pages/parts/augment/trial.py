"""Three drafts before a run is paid for: what was asked, what came back, what speaks against it, and what a run would take."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.review_text import show_side, show_text
from pages.shared.wording import duration
from tamis.actions.addition_rows import Reason
from tamis.actions.augment_trial import LIMIT_S, TRIED_JOBS, AugmentTrial, ParentRow, TriedJob, start_trial
from tamis.actions.augmenting import JudgedRow
from tamis.actions.word_marks import Part, mark_words
from tamis.errors import CurationError
from tamis.filters import FILTERS
from tamis.types import JSON

Marks = tuple[Part, ...] | None
KEPT = 8
LEAST_SHARED = 0.15  # of the shorter text; below it both would be marked from end to end
TEXT_HEIGHT = "13rem"
CAPS = {"max_calls": "questions", "max_tokens": "tokens", "max_cost": "cost", "max_seconds": "seconds"}
LOOK_EVERY_S = 0.3
HELP = (
    f"Asks the teacher {TRIED_JOBS} times now, in a process of its own. The run itself finds these answers known, so they are "
    "paid for once."
)


def offer_trial(
    context: DatasetContext, values: Mapping[str, JSON], *, place: DeltaGenerator, problem: str
) -> None:
    """The button, and below it the drafts that these very options gave."""
    asked, trials = _asked(context, values), _trials()
    pressed = place.button(
        "Try three again" if asked in trials else "Try three", icon=":material/science:", key="try_three",
        type="secondary" if is_tried(context, values) or problem else "primary",
        **asks(context.workspace, start_trial, disabled=bool(problem), words=HELP),
    )  # fmt: skip
    if pressed:
        trials.pop(asked, None)
        with errors_in_place():
            trials[asked] = _try_aside(context, values)
        while len(trials) > KEPT:
            del trials[next(iter(trials))]
        if asked in trials:
            st.rerun()  # now the run itself is what to do next
    if asked in trials:
        _show(trials[asked], values)
    elif not problem:
        st.caption(
            "Not tried with these settings yet: three drafts say what comes back, and what the whole would take."
        )


def _try_aside(context: DatasetContext, values: Mapping[str, JSON]) -> AugmentTrial:
    """The trial of another process, which ends with this run of the page at the latest."""
    box = st.empty()
    try:
        with (
            start_trial(context.workspace, context.dataset_id, values) as process,
            box.container(border=True),
        ):
            place = st.empty()
            # Streamlit ends this run when the person does anything else, the process ends with it, and so any button stops it.
            st.button(
                "Stop", icon=":material/stop:", key="stop_trial", help="What was answered by now stays known."
            )
            while (trial := process.wait(LOOK_EVERY_S)) is None:
                done = process.progress
                place.progress(int(done.get("jobs", 0)) / TRIED_JOBS, text=_progress_text(done))
    except CurationError:
        box.empty()
        raise
    return trial


def _progress_text(done: Mapping[str, JSON]) -> str:
    if not done:
        return f"Loading the teacher and asking for {TRIED_JOBS} drafts, {duration(LIMIT_S)} at most"
    asked = f"{count_of(int(done['questions']), 'question')}, {count_of(int(done['tokens']), 'token')}"
    return f"{int(done['jobs']):,} of {TRIED_JOBS} drafts, {asked}"


def is_tried(context: DatasetContext, values: Mapping[str, JSON]) -> bool:
    """Whether three were tried with these very options, and a draft passed."""
    trial = _trials().get(_asked(context, values))
    return trial is not None and trial.passed_fraction > 0


def _asked(context: DatasetContext, values: Mapping[str, JSON]) -> str:
    return orjson.dumps([context.dataset_id, values], option=orjson.OPT_SORT_KEYS).decode()


def _trials() -> dict[str, AugmentTrial]:
    kept: dict[str, AugmentTrial] = st.session_state.setdefault("augment_trials", {})
    return kept


def _show(trial: AugmentTrial, values: Mapping[str, JSON]) -> None:
    n_passed = sum(draft.passed for job in trial.jobs for draft in job.drafts)
    st.markdown(f"**{n_passed:,} of {len(trial.jobs):,} tries passed.** {_take_text(trial)}")
    for words in _over(trial, values):
        st.warning(words, icon=":material/block:")
    for number, job in enumerate(trial.jobs, 1):
        _show_job(number, job)


def _take_text(trial: AugmentTrial) -> str:
    """What the whole run takes, by these tries."""
    if trial.questions is None or trial.tokens is None or trial.seconds is None:
        return f"What {count_of(trial.rows, 'row')} would take cannot be said from these: look at what speaks against them."
    parts = [
        f"{trial.questions:,} questions", f"{trial.tokens:,} tokens", f"about {duration(trial.seconds)}",
        "no prices given" if trial.cost is None else f"a cost of about {trial.cost:,.2f}",
    ]  # fmt: skip
    return f"{count_of(trial.rows, 'row')} would take {', '.join(parts)}."


def _over(trial: AugmentTrial, values: Mapping[str, JSON]) -> list[str]:
    """Which caps would end the run before, and at about how many rows."""
    wanted = dict(zip(CAPS, (trial.questions, trial.tokens, trial.cost, trial.seconds), strict=True))
    found = []
    for name, words in CAPS.items():
        need, cap = wanted[name], values.get(name)
        if need and cap is not None and need > cap:
            rows = int(trial.rows * cap / need)
            found.append(f"The cap of {words} ({cap:,g}) would end the run at about {count_of(rows, 'row')}.")
    return found


def _show_job(number: int, job: TriedJob) -> None:
    """The parent and what was written from it, side by side; the question and the raw answer folded away."""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**Draft {number}**", width="content")
            st.caption(plain(_source(job)), width="content")
            for one in job.drafts:
                _show_verdict(one)
        draft = job.drafts[0] if job.drafts else None
        parent = job.parents[0] if job.parents else None
        left, right = st.columns(2, gap="medium")
        if parent is not None:
            old = (parent.prompt, parent.response)
            _show_conversation(left, "Written from", old, _marks(parent, draft), "removed")
        if draft is not None:
            new = (draft.row.prompt, draft.row.response)
            _show_conversation(right, "Draft", new, _marks(parent, draft), "added")
        for one in job.drafts:
            for reason in one.reasons:
                st.caption(f":orange[:material/filter_alt_off:] {plain(_said(reason))}")
        for problem in job.problems:
            st.caption(
                f":red[:material/error:] {plain(problem.kind.replace('_', ' '))}: {plain(problem.said)}"
            )
        with st.expander(
            "What was asked, and the answer as it came", icon=":material/forum:", key=f"asked_{number}"
        ):
            _show_asked(job)


def _said(reason: Reason) -> str:
    """What a filter says, and the row that a draft is like."""
    near = reason.near
    like = (
        f" Like row {near.example_id:,} of {near.dataset}."
        if near is not None and near.example_id >= 0
        else ""
    )
    return f"{FILTERS[reason.filter].title}: {reason.said}{like}"


def _marks(parent: ParentRow | None, draft: JudgedRow | None) -> tuple[Marks, Marks]:
    """What differs in the prompts, and in the answers; None where both share next to nothing."""
    if parent is None or draft is None:
        return None, None
    pairs = ((parent.prompt, draft.row.prompt), (parent.response, draft.row.response))
    found = [mark_words(old, new) for old, new in pairs]
    shown = [one.parts if one.shared_fraction > LEAST_SHARED else None for one in found]
    return shown[0], shown[1]


def _show_conversation(
    place: DeltaGenerator, title: str, texts: tuple[str, str], marks: tuple[Marks, Marks], side: str
) -> None:
    """A prompt and its answer, with the words marked that the other side does not have."""
    with place:
        st.caption(title)
        for text, parts in zip(texts, marks, strict=True):
            if parts is None:
                show_text(text, height=TEXT_HEIGHT)
            else:
                show_side(parts, side, height=TEXT_HEIGHT)


def _source(job: TriedJob) -> str:
    ids = [one.example_id for one in job.parents]
    named = [f"row {one:,}" if one >= 0 else f"example {-one}" for one in ids]
    return f"from {' and '.join(named)}" if named else "from the instruction"


def _show_verdict(draft: JudgedRow) -> None:
    if draft.passed:
        st.badge("passes", color="green", icon=":material/check:")
    for reason in draft.reasons:
        st.badge(
            plain(FILTERS[reason.filter].title),
            color="orange",
            icon=":material/filter_alt_off:",
            help=plain(reason.said),
        )


def _show_asked(job: TriedJob) -> None:
    for turns, texts in job.asked:
        for turn in turns:
            st.caption(turn.role)
            show_text(str(turn.text), height=TEXT_HEIGHT)
        for text in texts:
            st.caption("answer")
            show_text(str(text), height=TEXT_HEIGHT)
