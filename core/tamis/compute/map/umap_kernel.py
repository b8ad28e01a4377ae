"""UMAP's stochastic gradient descent in two dimensions, compiled by numba and kept on disk (METHODS.md 6.1).

Both functions stand in one file because numba's cache knows a file by its time and size, and not the functions of others that
it calls. Signatures are fixed, so only the first process on a machine compiles (about 2 s).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tamis.types import Float32s, Int64s


@numba.njit("f4(f4,f4)", fastmath=True, cache=True, inline="always")  # type: ignore[untyped-decorator]
def _power(x: np.float32, b: np.float32) -> np.float32:
    """X ** b for positive normal x within 0.02 %: polynomials for log2 and exp2, which pipeline unlike powf."""
    bits = np.float32(x).view(np.int32)
    m = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F800000)).view(np.float32) - np.float32(1)
    inner = np.float32(0.4144858) + m * (np.float32(-0.1926237) + m * np.float32(0.0448103))
    log2 = m * (np.float32(1.4418799) + m * (np.float32(-0.7084652) + m * inner))
    y = max((np.float32((bits >> np.int32(23)) - np.int32(127)) + log2) * b, np.float32(-126))
    whole = np.float32(np.floor(y))
    f = y - whole
    exp2 = np.float32(1) + f * (np.float32(0.6951) + f * (np.float32(0.22764) + f * np.float32(0.07726)))
    return exp2 * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


_SIGNATURE = "void(f4[:,::1],i8[::1],i4[::1],f4[::1],f4,f4,i8,u8)"


@numba.njit(_SIGNATURE, fastmath=True, cache=True)  # type: ignore[untyped-decorator]
def descend(
    at: Float32s,
    start: Int64s,
    tail: NDArray[np.int32],
    period: Float32s,
    a: np.float32,
    b: np.float32,
    n_epochs: int,
    state: np.uint64,
) -> None:
    """Move the points ``at`` (n, 2) in place along the edges of a graph in CSR form.

    ``start`` (n + 1,) and ``tail`` (m,) are its index pointers and indices; an edge is used every ``period`` (m,) epochs, with
    five random repulsions; ``a`` and ``b`` shape the curve of attraction; ``state`` is the seed. One core, the same bits each
    time.
    """
    rows, four = (
        np.uint64(len(at)),
        np.float32(4),
    )  # uint64 throughout: beside int64 numba would turn to float
    due, due_far = period.copy(), period / np.float32(5)
    for epoch in range(n_epochs):
        alpha = np.float32(1 - epoch / n_epochs)
        for j in range(len(at)):
            x, y = at[j, 0], at[j, 1]
            for i in range(start[j], start[j + 1]):
                if due[i] > epoch:
                    continue
                k = tail[i]
                dx, dy = x - at[k, 0], y - at[k, 1]
                d2 = dx * dx + dy * dy
                if d2 > 1e-30:  # an attraction
                    p = a * _power(d2, b)
                    g = np.float32(-2) * b * p / (d2 * (p + np.float32(1)))
                    gx, gy = min(max(g * dx, -four), four) * alpha, min(max(g * dy, -four), four) * alpha
                    x, y = x + gx, y + gy
                    at[k, 0], at[k, 1] = at[k, 0] - gx, at[k, 1] - gy
                due[i], count = due[i] + period[i], int((epoch - due_far[i]) * np.float32(5) / period[i])
                due_far[i] += count * period[i] / np.float32(5)
                fx = fy = np.float32(0)
                for _ in range(count):  # all from the same x, y: the repulsions overlap in the processor
                    state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                    k = np.int64(((state >> np.uint64(32)) * rows) >> np.uint64(32))
                    dx, dy = x - at[k, 0], y - at[k, 1]
                    d2 = dx * dx + dy * dy
                    if d2 > 1e-30:
                        g = (
                            np.float32(2)
                            * b
                            / ((np.float32(0.001) + d2) * (a * _power(d2, b) + np.float32(1)))
                        )
                        fx += min(max(g * dx, -four), four)
                        fy += min(max(g * dy, -four), four)
                x, y = x + fx * alpha, y + fy * alpha
            at[j, 0], at[j, 1] = x, y
