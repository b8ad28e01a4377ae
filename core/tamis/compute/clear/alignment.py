"""How near a response lies to its prompt."""

from __future__ import annotations

import numpy as np

from tamis.compute.vectors import block_of, blocks, check_vectors
from tamis.errors import CurationError
from tamis.types import Float32s

SAMPLED_ROWS = 10_000


def alignment(prompt_vectors: Float32s, response_vectors: Float32s) -> Float32s:
    """Cosine of each prompt with its response, shape (n,), in [-1, 1]; NaN where either vector is zero.

    Both are (n, d) of one encoder. A low value is a hint that a response answers something else, no proof.

    Raises CurationError when the shapes differ.
    """
    n, d = check_vectors(prompt_vectors)
    if response_vectors.shape != prompt_vectors.shape:
        raise CurationError(
            f"Prompts have the shape {prompt_vectors.shape} and responses {response_vectors.shape}: "
            "embed both with one encoder."
        )
    cosine = np.full(n, np.nan, dtype=np.float32)
    for rows in blocks(n, 2 * d):
        a, b = block_of(prompt_vectors, rows), block_of(response_vectors, rows)
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        known = lengths > 0
        cosine[rows][known] = np.einsum("ij,ij->i", a[known], b[known]) / lengths[known]
    return np.clip(cosine, -1, 1)


def background_alignment(prompt_vectors: Float32s, response_vectors: Float32s) -> float:
    """Mean cosine of a prompt with the responses of other rows; NaN for fewer than two rows that have both.

    What a swapped response would have: 0.03 where rows are about many things, 0.3 where all are alike. Of more than
    SAMPLED_ROWS rows so many are read, evenly spaced. Vectors (n, d) are of any length.

    Raises CurationError when the shapes differ.
    """
    if len(prompt_vectors) < 2:
        return float("nan")
    step = max(1, -(-len(prompt_vectors) // SAMPLED_ROWS))
    prompts, responses = (
        np.asarray(side[::step], dtype=np.float64) for side in (prompt_vectors, response_vectors)
    )
    own = alignment(prompts.astype(np.float32), responses.astype(np.float32)).astype(np.float64)
    known = np.isfinite(own)
    n = int(known.sum())
    if n < 2:
        return float("nan")
    prompts, responses = (
        side[known] / np.linalg.norm(side[known], axis=1, keepdims=True) for side in (prompts, responses)
    )
    return float((prompts.sum(axis=0) @ responses.sum(axis=0) - own[known].sum()) / (n * (n - 1)))
