"""Models that a run can name: those trained in the workspace, and whether one of a folder or the hub can be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tamis.errors import CurationError
from tamis.jobs.forecast.requirements import hub_is_off, is_at_hand, weights_gb
from tamis.models.adapters import BUNDLED_LLM, PREFIX
from tamis.steps.reach import allowed_model
from tamis.store.artifacts.adapters import KnownAdapter, known_adapters
from tamis.store.artifacts.refinements import RoundModel, known_round_models
from tamis.store.workspace import Workspace

__all__ = [
    "BUNDLED_LLM",
    "PREFIX",
    "KnownAdapter",
    "ModelState",
    "RoundModel",
    "look_at_model",
    "trained_models",
]

CONFIGS = ("config.json", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a model can be used: ``problem`` says why not. ``weights_gb`` of those that lie here; None where it does not
    say, or is fetched from the hub when the run starts (``fetched``).
    """

    problem: str = ""
    weights_gb: float | None = None
    fetched: bool = False


def trained_models(workspace: Workspace) -> list[KnownAdapter | RoundModel]:
    """What was trained in a workspace: fine-tunings, then the models of refinements' rounds, each newest first."""
    store = workspace.artifacts
    return [*known_adapters(store), *known_round_models(store)]


def look_at_model(workspace: Workspace, model: str) -> ModelState:
    """What is known of a folder or a hub id before a run loads it."""
    if not model:
        return ModelState("Name the folder of a model on this machine, or a hub id.")
    try:
        model = allowed_model(workspace, model)
    except CurationError as error:
        return ModelState(str(error))
    folder = Path(model).expanduser()
    if model.startswith(("/", "~", ".")) or "\\" in model:
        if not folder.is_dir():
            return ModelState(f"There is no folder {model} on this machine.")
        if not any((folder / name).is_file() for name in CONFIGS):
            return ModelState(f"{model} holds no model: it has neither {' nor '.join(CONFIGS)}.")
    here = is_at_hand(model)
    if not here and hub_is_off():
        return ModelState(f"{model} is not on this machine, and the hub is switched off (HF_HUB_OFFLINE).")
    size = weights_gb(model)
    return ModelState(weights_gb=size, fetched=size is None and not here)
