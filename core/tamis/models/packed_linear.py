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


class PackedGate(nn.Module):  # type: ignore[misc]
    """``down(silu(gate(x)) * up(x))`` of packed layers: activation and product happen while the results are in cache."""

    def __init__(self, gate: PackedLinear, up: PackedLinear, down: PackedLinear) -> None:
        super().__init__()
        self.gate, self.up, self.down = gate, up, down

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The block's output, same shape as the inputs."""
        operators = torch.ops.mkldnn._linear_pointwise
        gate = operators(inputs, self.gate.weight, self.gate.bias, "swish", [], "")
        both = operators.binary(inputs, gate, self.up.weight, self.up.bias, "mul")
        result: torch.Tensor = self.down(both)
        return result


def pack_linears(module: nn.Module) -> int:
    """Replace the bfloat16 linear layers inside ``module`` by packed ones; returns how many were replaced.

    The operators are torch's own but not in its documented interface, so they are tried on every layer: where they
    are missing or answer differently the layer stays as it is, which is only slower. A gated block (SwiGLU, as Llama
    and its kin have it) becomes one ``PackedGate``, tried in the same way.
    """
    replaced = 0
    for name, child in list(module.named_children()):
        if type(child) is nn.Linear and child.weight.dtype == torch.bfloat16:
            packed = _packed(child)
            if packed is not None:
                setattr(module, name, packed)
                replaced += 1
            continue
        gate = _gated(child)
        replaced += pack_linears(child)
        packed_gate = _packed_gate(child, gate) if gate is not None else None
        if packed_gate is not None:
            setattr(module, name, packed_gate)
    return replaced


def _packed(linear: nn.Linear) -> PackedLinear | None:
    probe = _probe(linear.in_features)
    try:
        with torch.inference_mode():
            packed = PackedLinear(linear)
            wanted: Any = linear(probe).float()
            close = torch.allclose(packed(probe).float(), wanted, rtol=0.02, atol=0.02)
    except (AttributeError, RuntimeError, TypeError):
        return None
    return packed if close else None


def _probe(width: int) -> torch.Tensor:
    return torch.linspace(-1, 1, 2 * width, dtype=torch.bfloat16).reshape(2, 1, width)


def _gated(block: nn.Module) -> torch.Tensor | None:
    """What a block with the layers and the activation of a gated one answers to the probe; None for any other."""
    layers = dict(block.named_children())
    if not {"gate_proj", "up_proj", "down_proj"} <= set(layers) or not _is_silu(
        getattr(block, "act_fn", None)
    ):
        return None
    first = layers["gate_proj"]
    if type(first) is not nn.Linear or first.weight.dtype != torch.bfloat16:
        return None
    try:
        with torch.inference_mode():
            answer: torch.Tensor = block(_probe(first.in_features))
    except (RuntimeError, TypeError, ValueError):  # a block that takes more than its inputs
        return None
    return answer if isinstance(answer, torch.Tensor) else None


def _is_silu(activation: object) -> bool:
    """By what it answers: libraries have classes of their own for it, and small inputs tell few activations apart."""
    if not callable(activation):
        return False
    points = torch.linspace(-6, 6, 25)
    try:
        values = activation(points)
    except (RuntimeError, TypeError):
        return False
    return isinstance(values, torch.Tensor) and torch.allclose(values, nn.functional.silu(points), atol=1e-5)


def _packed_gate(block: nn.Module, wanted: torch.Tensor) -> PackedGate | None:
    """The block in one piece, if that answers as the block did: so another activation or order of layers is noticed."""
    layers = [getattr(block, name) for name in ("gate_proj", "up_proj", "down_proj")]
    if not all(isinstance(layer, PackedLinear) for layer in layers):
        return None
    packed = PackedGate(*layers)
    try:
        with torch.inference_mode():
            computed = packed(_probe(wanted.shape[-1])).float()
    except (AttributeError, RuntimeError, TypeError):
        return None
    # Rounding, also of what cancels out, is relative to the size of the whole answer.
    slack = 0.02 * float(wanted.float().abs().max()) + 1e-6
    return packed if float((computed - wanted.float()).abs().max()) <= slack else None
