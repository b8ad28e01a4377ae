"""Where a model computes, and in which number format."""

from __future__ import annotations

import torch

from tamis.errors import CurationError
from tamis.models.packed_linear import cpu_computes_bfloat16


def choose_device(wanted: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU when there is one. Raises CurationError for one that is not here."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise CurationError(
            f"device = {wanted!r} is not a device: use auto, cpu, cuda, cuda:1 or mps."
        ) from error
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(device.type, False) or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise CurationError(f"device = {wanted!r} is not on this machine: use auto or cpu.")
    return device


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The number format of that name; ``auto`` is bfloat16 where the device computes it, else float16 or float32."""
    if wanted != "auto":
        dtype: torch.dtype = getattr(torch, wanted)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "cpu" and cpu_computes_bfloat16() else torch.float32
