"""Linear layers whose bfloat16 weights are laid out for the processor once instead of at every call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # what Linux calls the instructions; others keep float32


def cpu_computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 in hardware; False where the system does not say."""
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return bool(BFLOAT16_FLAGS.intersection(flags)) and bool(torch.backends.mkldnn.is_available())


class PackedLinear(nn.Module):  # type: ignore[misc]
    """The same function as an ``nn.Linear`` in bfloat16, for inference on a CPU only."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The layer's output, same shape as ``nn.Linear`` gives."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            inputs, self.weight, self.bias, "none", [], ""
        )
        return result


def pack_linears(module: nn.Module) -> int:
    """Replace the bfloat16 linear layers inside ``module`` by packed ones; returns how many were replaced.

    The operators are torch's own but not in its documented interface, so they are tried on every layer: where they
    are missing or answer differently the layer stays as it is, which is only slower.
    """
    replaced = 0
    for name, child in list(module.named_children()):
        if type(child) is nn.Linear and child.weight.dtype == torch.bfloat16:
            packed = _packed(child)
            if packed is not None:
                setattr(module, name, packed)
                replaced += 1
        else:
            replaced += pack_linears(child)
    return replaced


def _packed(linear: nn.Linear) -> PackedLinear | None:
    probe = torch.linspace(-1, 1, 2 * linear.in_features, dtype=torch.bfloat16).reshape(
        2, 1, linear.in_features
    )
    try:
        with torch.inference_mode():
            packed = PackedLinear(linear)
            wanted: Any = linear(probe).float()
            close = torch.allclose(packed(probe).float(), wanted, rtol=0.02, atol=0.02)
    except (AttributeError, RuntimeError, TypeError):
        return None
    return packed if close else None
