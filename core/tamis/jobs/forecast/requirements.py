"""What a step's plug-ins need to be installed or at hand, found without importing any of it."""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tamis.models.adapters import BUNDLED_LLM, PREFIX
from tamis.models.files import bundled_model
from tamis.registry import Plugin
from tamis.steps.spec import StepOptions

DISTRIBUTION = "tamis"


def plugins(options: StepOptions) -> Iterator[Plugin]:
    """The rows of the plug-ins that the options choose."""
    for choice in options.CHOICES:
        yield choice.table[getattr(options, choice.field)]


def missing_packages(extra: str | None) -> list[str]:
    """Packages of an extra that are not installed; empty without one, and also when Tamis runs from a folder that says nothing."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    names = []
    for line in required:
        requirement = re.match(r"""([\w.-]+)[^;]*;.*extra == ["']([\w-]+)["']""", line)
        if requirement is not None and requirement[2] == extra and not _installed(requirement[1]):
            names.append(requirement[1])
    return names


def models_named(options: StepOptions) -> list[str]:
    """Models that a step trains or its chosen plug-ins load; those that come with the app or were made in it left out."""
    named = []
    own = getattr(options, "model", "")
    if isinstance(own, str) and own and own != BUNDLED_LLM and not own.startswith(PREFIX):
        named.append(own)
    for choice in options.CHOICES:
        chosen = options.chosen_options(choice.field)
        model = getattr(chosen, "model", None)
        # An endpoint's model is the endpoint's affair.
        if (
            isinstance(model, str)
            and model
            and not hasattr(chosen, "base_url")
            and not model.startswith(PREFIX)
        ):
            named.append(model)
    return named


def is_at_hand(model: str) -> bool:
    """Whether a model is a folder here, bundled, or in the hub's cache."""
    if Path(model).expanduser().is_dir() or bundled_model(model) is not None:
        return True
    snapshots = _hub_cache() / f"models--{model.replace('/', '--')}" / "snapshots"
    return snapshots.is_dir() and any(snapshots.iterdir())


def weights_gb(model: str) -> float | None:
    """Size of a model's weights in GB as they lie on this disk; None when they are not here."""
    snapshots = _hub_cache() / f"models--{model.replace('/', '--')}" / "snapshots"
    newest = (
        sorted(snapshots.iterdir(), key=lambda path: path.stat().st_mtime)[-1:] if snapshots.is_dir() else []
    )
    local = Path(model).expanduser()
    for folder in (local if local.is_dir() else None, bundled_model(model), *newest):
        sizes = [] if folder is None else [path.stat().st_size for path in folder.rglob("*.safetensors")]
        if sizes:
            return sum(sizes) / 1e9
    return None


def hub_is_off() -> bool:
    """Whether nothing may be fetched from the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE")


def _hub_cache() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return Path(home) / "hub"


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
