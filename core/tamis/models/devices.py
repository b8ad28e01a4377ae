"""Where a model computes, and in which number format."""

from __future__ import annotations

from pathlib import Path

import torch

from tamis.errors import CurationError

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # what Linux calls the instructions; others keep float32


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


def cpu_computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 in hardware; False where the system does not say."""
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return bool(BFLOAT16_FLAGS.intersection(flags)) and bool(torch.backends.mkldnn.is_available())
