"""Pruning without mending: Wanda, magnitude and chance (METHODS.md 3.1)."""

from __future__ import annotations

import torch

from tamis.pruners import MagnitudeOptions, NoPrunerOptions, Pattern
from tamis.pruners.layer_inputs import LayerInputs
from tamis.pruners.masks import lowest_anywhere, lowest_in_rows


def prune_by_activation(
    weight: torch.Tensor,
    seen: LayerInputs,
    pattern: Pattern,
    options: NoPrunerOptions,
    generator: torch.Generator,
) -> torch.Tensor:
    """Wanda (2306.11695): the score of a weight is |W_ij| · ‖X_j‖₂, and the lowest of each row go."""
    return _cleared(weight, lowest_in_rows(weight.float().abs() * seen.norms().to(weight.device), pattern))


def prune_by_magnitude(
    weight: torch.Tensor,
    seen: LayerInputs,
    pattern: Pattern,
    options: MagnitudeOptions,
    generator: torch.Generator,
) -> torch.Tensor:
    """The smallest |W_ij| of the matrix, of each row, or of every m neighbours."""
    sizes = weight.float().abs()
    if pattern.m or options.per == "row":
        return _cleared(weight, lowest_in_rows(sizes, pattern))
    return _cleared(weight, lowest_anywhere(sizes, pattern.count(sizes.numel())))


def prune_at_random(
    weight: torch.Tensor,
    seen: LayerInputs,
    pattern: Pattern,
    options: NoPrunerOptions,
    generator: torch.Generator,
) -> torch.Tensor:
    """As many weights of each row by chance."""
    return _cleared(
        weight, lowest_in_rows(torch.rand(weight.shape, generator=generator), pattern).to(weight.device)
    )


def _cleared(weight: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weight.masked_fill_(mask, 0)
    return mask
