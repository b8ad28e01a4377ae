"""What calibration tells of the inputs of one weight matrix: sums over tokens, so that the order of batches is nothing."""

from __future__ import annotations

from typing import Literal

import torch

What = Literal["nothing", "norms", "hessian"]


class LayerInputs:
    """Sums over the inputs (tokens, in) of a matrix."""

    def __init__(self, width: int, what: What, device: torch.device) -> None:
        self._what = what
        self.n_tokens = 0
        self._squares = torch.zeros(width if what == "norms" else 0, dtype=torch.float64, device=device)
        shape = (width, width) if what == "hessian" else (0, 0)
        self._products = torch.zeros(shape, dtype=torch.float32, device=device)

    def add(self, inputs: torch.Tensor) -> None:
        """Take in the inputs of some tokens, shape (tokens, in)."""
        self.n_tokens += len(inputs)
        if self._what == "norms":
            self._squares += inputs.float().square().sum(dim=0).double()
        elif self._what == "hessian":
            whole = inputs.float()
            self._products += whole.T @ whole

    def norms(self) -> torch.Tensor:
        """‖X_j‖₂ of every input (in,), float32."""
        return self._squares.sqrt().float()

    def hessian(self) -> torch.Tensor:
        """2/n · Σ x xᵀ (in, in), float32."""
        return self._products * (2 / max(1, self.n_tokens))
