"""What training and selecting cost, in floating point operations."""

from __future__ import annotations

FORWARD, TRAIN = 2, 6  # operations per parameter and token (Kaplan et al. 2020)


def training_flops(
    n_parameters: float, n_tokens: float, *, attention: tuple[int, int, int] | None = None
) -> float:
    """Forward and backward pass over so many tokens; ``attention`` as in ``forward_flops``."""
    return TRAIN / FORWARD * forward_flops(n_parameters, n_tokens, attention=attention)


def forward_flops(
    n_parameters: float, n_tokens: float, *, attention: tuple[int, int, int] | None = None
) -> float:
    """A pass over so many tokens. Parameters are those used in matrix products, a tied embedding once, as the head.

    ``attention`` (layers, context, width) adds ``2·layers·context·width`` for each token.
    """
    layers, context, width = attention or (0, 0, 0)
    return (FORWARD * n_parameters + 2 * layers * context * width) * n_tokens


def generation_flops(n_parameters: float, n_read: float, n_written: float) -> float:
    """Reading and writing so many tokens one after another."""
    return FORWARD * n_parameters * (n_read + n_written)


def kmeans_flops(n_rows: int, n_clusters: int, n_dimensions: int, n_iterations: int) -> float:
    """Distances of every row to every centre in every iteration."""
    return 2.0 * n_rows * n_clusters * n_dimensions * n_iterations


def neighbours_flops(n_rows: int, n_dimensions: int) -> float:
    """Similarities of every row with every row."""
    return 2.0 * n_rows * n_rows * n_dimensions


def tokens_where_fraction(selecting_flops: float, n_parameters: float, fraction: float = 0.05) -> float:
    """Training tokens beside which selecting is this fraction of the training."""
    return selecting_flops / (fraction * TRAIN * n_parameters)
