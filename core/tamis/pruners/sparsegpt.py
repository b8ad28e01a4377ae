"""SparseGPT (2301.00774): weights go column by column, and those to the right make up for the error (METHODS.md 3.1)."""

from __future__ import annotations

import torch

from tamis.errors import CurationError
from tamis.pruners import Pattern, SparseGptOptions
from tamis.pruners.layer_inputs import LayerInputs
from tamis.pruners.masks import lowest_anywhere, lowest_of_each


def prune_and_mend(
    weight: torch.Tensor,
    seen: LayerInputs,
    pattern: Pattern,
    options: SparseGptOptions,
    generator: torch.Generator,
) -> torch.Tensor:
    """Choose in blocks of columns the least w² / [U]²_jj, U the upper Cholesky factor of H⁻¹, and push each error right.

    An input that is never anything but 0 tells nothing: its weights are 0. Raises CurationError for a Hessian that cannot
    be inverted.
    """
    work, factor = weight.float().clone(), seen.hessian()
    dead = factor.diagonal() == 0
    factor[dead, dead] = 1
    work[:, dead] = 0
    factor = _upper_factor(factor, options.dampening_fraction)
    mask = torch.zeros_like(work, dtype=torch.bool)
    width, gone = work.shape[1], 0
    for start in range(0, width, options.block_columns):
        end = min(width, start + options.block_columns)
        count = pattern.count(len(work) * end) - gone
        errors = _prune_block(work, mask, factor, slice(start, end), (pattern, count))
        gone += count
        work[:, end:] -= errors @ factor[start:end, end:]
    weight.copy_(work.masked_fill_(mask, 0).to(weight.dtype))
    return mask


def _upper_factor(hessian: torch.Tensor, dampening_fraction: float) -> torch.Tensor:
    """U with UᵀU = H⁻¹ of the damped Hessian."""
    hessian.diagonal().add_(dampening_fraction * hessian.diagonal().mean())
    try:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        return torch.linalg.cholesky(inverse, upper=True)
    except torch.linalg.LinAlgError as error:
        raise CurationError(
            "SparseGPT cannot invert what this calibration tells of a layer: raise dampening_fraction, or give more rows."
        ) from error


def _prune_block(
    work: torch.Tensor, mask: torch.Tensor, factor: torch.Tensor, columns: slice, wanted: tuple[Pattern, int]
) -> torch.Tensor:
    """Prune these columns of ``work`` in place, noting in ``mask`` what went; errors (out, columns) over their factors."""
    pattern, count = wanted
    block, chosen, inner = work[:, columns], mask[:, columns], factor[columns, columns]
    weight_of = inner.diagonal().square()
    if not pattern.m:
        chosen[:] = lowest_anywhere(block.square() / weight_of, count)
    errors = torch.zeros_like(block)
    for j in range(block.shape[1]):
        if pattern.m and j % pattern.m == 0:
            group = slice(j, j + pattern.m)
            chosen[:, group] = lowest_of_each(block[:, group].square() / weight_of[group], pattern)
        kept = block[:, j].masked_fill(chosen[:, j], 0)
        errors[:, j] = (block[:, j] - kept) / inner[j, j]
        block[:, j:] -= torch.outer(errors[:, j], inner[j, j:])
        block[:, j] = kept
    return errors
