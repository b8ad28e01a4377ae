"""Checkpoints of a run in its own folder: which are whole, which are sound, and how one becomes the result."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

STATE = "trainer_state.json"  # the trainer writes it last
_NAME = re.compile(r"checkpoint-(\d+)")
_LEFT_BEHIND = {STATE, "README.md"}


def whole_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, newest first; what a killed run had half-written is removed."""
    checkpoints: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        if _is_whole(path):
            checkpoints.append((int(match[1]), path))
        else:
            shutil.rmtree(path, ignore_errors=True)
    return [path for _, path in sorted(checkpoints, reverse=True)]


def first_sound(checkpoints: list[Path]) -> Path | None:
    """The newest checkpoint whose weights are all finite; None when there is none."""
    return next((path for path in checkpoints if _is_finite(path)), None)


def steps_of(checkpoint: Path) -> int:
    """The step after which it was written."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def copy_weights(checkpoint: Path, folder: Path) -> None:
    """Weights and configuration without the state of the training."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        if path.suffix in {".safetensors", ".json"} and path.name not in _LEFT_BEHIND:
            shutil.copy2(path, folder / path.name)


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return any(path.glob("*.safetensors"))


def _is_finite(path: Path) -> bool:
    import torch
    from safetensors import safe_open

    for file in path.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            # mypy sees no method here: the reader is written in Rust.
            if not all(bool(torch.isfinite(weights.get_tensor(name)).all()) for name in weights.keys()):  # noqa: SIM118
                return False
    return True
