"""How near a response lies to its prompt."""

from __future__ import annotations

import numpy as np

from tamis.compute.vectors import block_of, blocks, check_vectors
from tamis.errors import CurationError
from tamis.types import Float32s


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
