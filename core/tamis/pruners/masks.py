"""Which of many scores are lowest: exact counts, the first of equal ones."""

from __future__ import annotations

import torch

from tamis.errors import InvalidOptions
from tamis.pruners import Pattern


def lowest_in_rows(scores: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Mask (out, in) of the lowest scores of each row, or of every m neighbours; raises InvalidOptions for a width that m
    does not divide.
    """
    if pattern.m:
        return lowest_of_each(scores, pattern)
    return _lowest(scores, pattern.count(scores.shape[1]))


def lowest_anywhere(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mask (out, in) of the ``count`` lowest scores of a whole matrix, rows read one after the other."""
    return _lowest(scores.reshape(1, -1), count).reshape(scores.shape)


def lowest_of_each(scores: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Mask (out, in) of the n lowest of every m neighbours in a row; raises InvalidOptions as above."""
    width = scores.shape[1]
    if width % pattern.m:
        raise InvalidOptions(
            f"The pattern {pattern.n}:{pattern.m} does not divide a row of {width} weights: choose an m that does, or a "
            "sparsity without a pattern."
        )
    return _lowest(scores.reshape(-1, pattern.m), pattern.n).reshape(scores.shape)


def _lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    order = scores.argsort(dim=1, stable=True)[:, :count]
    mask = torch.zeros_like(scores, dtype=torch.bool)
    return mask.scatter_(1, order, True)  # noqa: FBT003 - torch takes the value by place
