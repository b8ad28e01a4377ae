"""Points as a picture: the raster of the map's own drawing, for files that no browser draws."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from tamis.types import Float64s

UInt8s = NDArray[np.uint8]


def raster(at: Float64s, colours: UInt8s, *, width: int, height: int, size: int, alpha: float) -> UInt8s:
    """RGBA (height, width, 4) of points at ``at`` (n, 2) pixels from the upper left, in ``colours`` (n, 3).

    A pixel has the colour of its last point and is the more solid the more points fell on it; each is a disc ``size`` wide,
    of which the more solid covers the other. Points outside are left out.
    """
    x, y = np.floor(at[:, 0]).astype(np.int64), np.floor(at[:, 1]).astype(np.int64)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    place = y[inside] * width + x[inside]
    counts = np.bincount(place, minlength=width * height).reshape(height, width)
    last = np.zeros((height * width, 3), dtype=np.uint8)
    last[place] = colours[inside]  # of equal places the last one stays
    solid = np.round(255 * (1 - (1 - alpha) ** counts)).astype(np.uint8)
    pixels = np.dstack([last.reshape(height, width, 3), solid])
    drawn = pixels.copy()
    for dy, dx in _disc(size):
        moved = np.zeros_like(pixels)
        moved[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = pixels[
            max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
        ]
        better = moved[..., 3] > drawn[..., 3]
        drawn[better] = moved[better]
    return drawn


def encode_png(pixels: UInt8s) -> bytes:
    """RGBA (height, width, 4) as a PNG."""
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 4 * width), dtype=np.uint8)  # each begins with 0: no filter
    lines[:, 1:] = pixels.reshape(height, 4 * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def _disc(size: int) -> list[tuple[int, int]]:
    """Steps from the middle to every other pixel of a disc."""
    reach = np.arange(-(size // 2), (size + 1) // 2)
    middle = 0.0 if size % 2 else -0.5
    return [
        (int(dy), int(dx))
        for dy in reach
        for dx in reach
        if (dy or dx) and (dy - middle) ** 2 + (dx - middle) ** 2 <= (size / 2) ** 2
    ]
