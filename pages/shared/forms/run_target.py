"""Where a step runs: backend and resources, folded away, with a look at what stands in the way before it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from pages.shared.forms.options_form import Form, FormField, draw_field, draw_options
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import sentence
from tamis.actions.forecast import Check, Forecast, duration_text, forecast, submission_text
from tamis.actions.jobs import BACKENDS, Backends, Resources, backend_row
from tamis.actions.submit import HERE, LOCAL, RunTarget
from tamis.errors import CurationError
from tamis.store.workspace import Workspace
from tamis.types import JSON

RESOURCE_LABELS = {
    "cpus": "CPUs",
    "gpus": "GPUs",
    "mem_gb": "Memory (GB)",
    "time_limit_min": "Time limit (min)",
}
MOST_PRIORITY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What would be submitted; ``problem`` says why it cannot be, as long as the form above is not complete."""

    dataset_id: str
    step: str
    values: Mapping[str, JSON]
    problem: str = ""


def say_target(target: RunTarget) -> str:
    """The target in a few words: ``Slurm · 4 CPUs · 1 GPU``."""
    title = backend_row(target.backend).title if target.backend in BACKENDS else target.backend
    return " · ".join([title, *resource_words(target.resources)])


def resource_words(resources: Mapping[str, JSON]) -> list[str]:
    """What a job asks for, each in its own words; nothing for what is left to the backend."""
    parts = []
    if resources.get("cpus"):
        parts.append(count_of(int(resources["cpus"]), "CPU"))
    if resources.get("gpus"):
        parts.append(count_of(int(resources["gpus"]), "GPU"))
    if int(resources.get("workers") or 1) > 1:
        parts.append(count_of(int(resources["workers"]), "worker"))
    if resources.get("mem_gb"):
        parts.append(f"{float(resources['mem_gb']):g} GB")
    if resources.get("time_limit_min"):
        parts.append(f"at most {int(resources['time_limit_min']):,} min")
    return parts


def choose_target(
    workspace: Workspace, asked: JobRequest, *, start: RunTarget = HERE, suffix: str = ""
) -> RunTarget:
    """The folded part of a form that says where its step runs; nothing in it has to be touched.

    What stands in the way is looked at only while the part is open, because clusters are asked for it.
    """
    form = Form(name=f"run_{asked.step}", start=start.resources, suffix=suffix)
    usual = start.backend if start.backend in BACKENDS else LOCAL
    folded = st.expander(
        "Where it runs", icon=":material/dns:", key=form.key("place"), expanded=start != HERE, on_change="rerun"
    )  # fmt: skip
    with folded:
        backends = _backends(str(workspace.path), _workspace=workspace)
        chosen = _choose_backend(backends, usual, form, look=bool(folded.open))
        target = RunTarget(chosen, *_choose_resources(form, start.priority))
        if folded.open:
            _show_check(workspace, backends, asked, target)
    if not folded.open and say_target(target) != say_target(HERE):
        # What was chosen there before must not be hidden when it is folded away.
        st.caption(f":material/dns: {plain(say_target(target))}")
    return target


@st.cache_resource(show_spinner=False)
def _backends(workspace_path: str, *, _workspace: Workspace) -> Backends:
    """The backends that pages ask; kept, because each remembers for a while that its cluster did not answer."""
    return Backends(_workspace.settings)


def _choose_backend(backends: Backends, usual: str, form: Form, *, look: bool) -> str:
    names = list(BACKENDS)
    captions = [_say_backend(backends, name) if look else "" for name in names]
    return str(
        st.radio(
            "Backend", names, index=names.index(usual), format_func=lambda name: backend_row(name).title,
            captions=captions, key=form.key("backend"), bind="query-params", persist_state="session",
        )
    )  # fmt: skip


def _say_backend(backends: Backends, name: str) -> str:
    """What a backend is, or why it takes no jobs now."""
    try:
        reason = backends[name].available()
    except (CurationError, OSError) as error:
        reason = str(error)
    if reason is None:
        return plain(backend_row(name).summary)
    return f":orange[:material/cloud_off: Takes no jobs now.] {plain(reason)}"


def _choose_resources(form: Form, priority: int) -> tuple[dict[str, JSON], int]:
    """What it may use, and its place in the queue."""
    values: dict[str, JSON] = {}
    names = list(Resources.model_fields)
    columns = st.columns(2, gap="small")
    for position, name in enumerate(names):
        one = replace(form, skip=[other for other in names if other != name], instead={name: _draw_resource})
        with columns[position % 2]:
            values |= draw_options(Resources, one)
    with columns[len(names) % 2]:
        chosen = st.number_input(
            "Priority", min_value=-MOST_PRIORITY, max_value=MOST_PRIORITY, value=priority, step=1,
            key=form.key("priority"), bind="query-params", persist_state="session",
            help="Of the jobs that wait, the one with the highest number starts first.",
        )  # fmt: skip
    return values, int(chosen)


def _draw_resource(drawn: FormField) -> JSON:
    return draw_field(replace(drawn, label=RESOURCE_LABELS.get(drawn.name, drawn.label)))


def _show_check(workspace: Workspace, backends: Backends, asked: JobRequest, target: RunTarget) -> None:
    st.markdown("**Check before submitting**")
    if asked.problem:
        st.caption("The check appears here as soon as the form above is complete.")
        return
    try:
        expected = forecast(
            workspace,
            asked.dataset_id,
            asked.step,
            asked.values,
            target=target,
            in_detail=False,
            backends=backends,
        )
        script = ""
        if not backend_row(target.backend).shares_machine:
            script = submission_text(workspace, asked.step, target, backends)
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _show_forecast(expected)
    if script:
        st.markdown("**What is submitted**", help="JOB stands where the id of the job will.")
        st.code(script, language="bash", height=260)


def _show_forecast(expected: Forecast) -> None:
    """What a run would take in one line, then one line for each check, what stands in the way first."""
    st.caption(" · ".join(_forecast_words(expected)))
    order = {False: 0, None: 1, True: 2}
    with st.container(gap="xsmall"):
        for check in sorted(expected.checks, key=lambda one: order[one.ok]):
            (st.markdown if check.ok is False else st.caption)(_say_check(check))


def _forecast_words(expected: Forecast) -> list[str]:
    """Rows, time, disk and memory, each as far as it is known."""
    parts = [count_of(expected.rows, "row")] if expected.rows is not None else []
    if expected.already_done:
        return [*parts, "made before: the result is there at once"]
    parts.append("time unknown" if expected.seconds is None else f"about {duration_text(expected.seconds)}")
    parts.append("disk unknown" if expected.disk_gb is None else f"{_amount(expected.disk_gb)} of disk")
    parts.append(
        "memory unknown" if expected.memory_gb is None else f"{_amount(expected.memory_gb)} of memory"
    )
    return parts


def _amount(gb: float) -> str:
    return f"{gb:.1f} GB" if gb >= 0.1 else f"{max(1, round(gb * 1000))} MB"


def _say_check(check: Check) -> str:
    looks = {
        True: ":green[:material/check:]",
        None: ":gray[:material/help:]",
        False: ":red[:material/error:]",
    }
    name = sentence(check.name).replace("Gpu", "GPU")
    following = f" **{plain(check.next_step)}**" if check.next_step else ""
    # Why a backend takes no jobs stands beside its name already.
    message = "it takes no jobs now." if (check.name, check.ok) == ("backend", False) else check.message
    return f"{looks[check.ok]} {plain(name)}: {plain(message)}{following}"
