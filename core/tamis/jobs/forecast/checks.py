"""What stands in the way of a run, and what to do about it: memory, disk, packages, models, GPUs, backend."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from tamis.errors import CurationError
from tamis.jobs.backends import Backend, backend_row
from tamis.jobs.causes import free_bytes
from tamis.jobs.forecast.measured import MeasuredForecast
from tamis.jobs.forecast.requirements import (
    hub_is_off,
    is_at_hand,
    missing_packages,
    models_named,
    plugins,
    weights_gb,
)
from tamis.jobs.model import Resources
from tamis.settings import Settings
from tamis.steps.spec import StepOptions

LEAST_FREE_GB = 1.0
# A step keeps its finished parts beside the result that it puts together from them.
PARTS_AND_RESULT = 2.0
# Activations and fragments of memory on top of the weights, and what the libraries take by themselves.
GPU_MEMORY_PER_WEIGHT, GPU_MEMORY_BASE_GB = 1.3, 1.0
NO_RUN = "No earlier run to go by; the first minutes of this one will tell."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: True is fine, False stands in the way, None could not be told."""

    name: str
    ok: bool | None
    message: str
    next_step: str = ""


def machine_checks(
    measured: MeasuredForecast,
    options: StepOptions,
    backend: Backend,
    *,
    name: str,
    resources: Resources,
    workspace: Path,
    settings: Settings,
) -> list[Check]:
    """Everything that can be known without importing a model or starting anything."""
    row = backend_row(name)
    shared = row.shares_machine
    checks = [
        _time(measured, resources),
        _memory(measured, resources, shares_machine=shared),
        _disk(measured, workspace),
        *_requirements(options),
        *_workers(resources, shares_machine=shared),
        *_gpus(resources, settings, options, shares_machine=shared),
        _backend(backend, row.title),
    ]
    return checks if shared else [*checks, _workspace(workspace)]


def _time(measured: MeasuredForecast, resources: Resources) -> Check:
    if measured.seconds is None:
        return Check("time", None, NO_RUN)
    text = f"About {duration_text(measured.seconds)}, as measured in {measured.n_runs} earlier run(s)."
    limit_s = resources.time_limit_min * 60
    if limit_s and measured.seconds > limit_s:
        needed = int(measured.seconds * 1.5 / 60) + 1
        return Check(
            "time",
            False,
            f"{text} The limit is {resources.time_limit_min} min.",
            f"Set time_limit_min to {needed}.",
        )
    return Check("time", True, text)


def _memory(measured: MeasuredForecast, resources: Resources, *, shares_machine: bool) -> Check:
    if measured.memory_gb is None:
        return Check("memory", None, NO_RUN)
    text = f"About {measured.memory_gb:.1f} GB of memory"
    if not shares_machine:
        if resources.mem_gb and resources.mem_gb < measured.memory_gb:
            wanted = f"Set mem_gb to {measured.memory_gb * 1.25:.0f} or more."
            return Check("memory", False, f"{text}; {resources.mem_gb:g} GB are asked for.", wanted)
        return Check("memory", True, f"{text}.")
    free_gb = psutil.virtual_memory().available / 1e9
    if measured.memory_gb > free_gb:
        return Check(
            "memory", False, f"{text}; {free_gb:.1f} GB are free here.",
            "Lower the batch size, wait for other jobs, or choose another backend.",
        )  # fmt: skip
    return Check("memory", True, f"{text} of the {free_gb:.1f} GB that are free here.")


def _disk(measured: MeasuredForecast, workspace: Path) -> Check:
    free = free_bytes(workspace)
    if free is None:
        return Check("disk", None, f"The free space of {workspace} cannot be told.")
    free_gb = free / 1e9
    needed_gb = (measured.output_gb or 0.0) * PARTS_AND_RESULT
    if free_gb < max(needed_gb, LEAST_FREE_GB):
        wanted = (
            f"about {needed_gb:.1f} GB are needed" if needed_gb > LEAST_FREE_GB else "that is hardly anything"
        )
        return Check(
            "disk", False, f"{free_gb:.1f} GB are free in {workspace}; {wanted}.",
            "Free some space (old datasets, leftovers of failed jobs), or move the workspace.",
        )  # fmt: skip
    known = (
        f"About {needed_gb:.2f} GB of the"
        if measured.output_gb is not None
        else "How much it writes is unknown; of"
    )
    return Check("disk", True, f"{known} {free_gb:.0f} GB that are free.")


def _requirements(options: StepOptions) -> list[Check]:
    checks = []
    for plugin in plugins(options):
        missing = missing_packages(plugin.extra)
        if missing:
            text = f"{plugin.title} needs {', '.join(missing)}, which is not installed here."
            checks.append(Check("packages", False, text, f"Run pip install 'tamis[{plugin.extra}]'."))
    for model in models_named(options):
        if not is_at_hand(model):
            checks.append(_absent_model(model))
    return checks or [Check("packages", True, "Everything it needs is installed here.")]


def _absent_model(model: str) -> Check:
    text = f"The model {model!r} is not on this machine."
    if hub_is_off():
        return Check(
            "models", False, f"{text} The hub is switched off (HF_HUB_OFFLINE).",
            "Give the path of a folder that holds it, or switch the hub on.",
        )  # fmt: skip
    return Check("models", None, f"{text} It is downloaded from the hub when the job starts, if it is there.")


def _workers(resources: Resources, *, shares_machine: bool) -> list[Check]:
    """More workers than this machine has cores gain nothing."""
    if not shares_machine or resources.gpus or resources.workers <= cores():
        return []
    text = f"{resources.workers} workers share the {cores()} cores of this machine, and each takes its own memory."
    return [Check("workers", False, text, f"Ask for {cores()} or fewer, or choose a cluster.")]


def cores() -> int:
    """Cores of this machine."""
    return psutil.cpu_count() or 1


def _gpus(
    resources: Resources, settings: Settings, options: StepOptions, *, shares_machine: bool
) -> list[Check]:
    if not resources.gpus:
        return []
    if not shares_machine:
        text = "How much memory the cluster's GPUs have, and whether the model fits, is not known here."
        return [Check("gpu memory", None, text)]
    if resources.gpus > settings.gpu_slots:
        text = f"It asks for {resources.gpus} GPUs and this machine lends {settings.gpu_slots}."
        return [
            Check("gpus", False, text, "Ask for fewer, raise TAMIS_GPU_SLOTS, or choose another backend.")
        ]
    free_gb = _gpu_memory_gb()
    if not free_gb:
        text = "No GPU was found by nvidia-smi, so whether the model fits is not known."
        return [Check("gpu memory", None, text, "Ask for no GPU to run on the processor.")]
    return [_fit(free_gb, [weights_gb(model) for model in models_named(options)])]


def _fit(free_gb: list[float], weights: list[float | None]) -> Check:
    """Whether the models fit into the largest GPU, going by the weights on the disk."""
    listed = "Free GPU memory: " + ", ".join(f"{amount:.0f} GB" for amount in free_gb) + "."
    known = [size for size in weights if size is not None]
    if not known or len(known) < len(weights):
        return Check("gpu memory", None, f"{listed} How much the model needs is not known.")
    needed = sum(known) * GPU_MEMORY_PER_WEIGHT + GPU_MEMORY_BASE_GB
    text = f"{listed} The weights take {sum(known):.1f} GB, so about {needed:.1f} GB are needed."
    if needed > max(free_gb):
        return Check("gpu memory", False, text, "Take a smaller model or number format, or a larger GPU.")
    return Check("gpu memory", True, text)


def _gpu_memory_gb() -> list[float]:
    """Free memory of every NVIDIA GPU here."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [float(line) * 2**20 / 1e9 for line in text.split() if line.isdigit()]


def _backend(backend: Backend, title: str) -> Check:
    try:
        reason = backend.available()
    except (CurationError, OSError) as error:
        reason = str(error)
    if reason is None:
        return Check("backend", True, f"{title} takes jobs.")
    return Check("backend", False, reason, "A job submitted now waits until it does.")


def _workspace(workspace: Path) -> Check:
    text = f"Every node must see {workspace.absolute()} under this very path; that shows only when the job starts there."
    return Check("workspace", None, text)


def duration_text(seconds: float) -> str:
    """A time in words, rounded as an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"
