"""A target in two: what steers a selection, and what judges it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tamis.compute.text.near_duplicates import normalised_words
from tamis.types import Bools


def judge_half(prompts: Sequence[str]) -> Bools:
    """Which examples (E,) judge, the others being queries: by the words of the prompt, so that repeats stay on one side.

    Depends on each prompt alone: an example is on the same side in every target. With two different prompts at least,
    neither side is left empty: the one with the smallest, or largest, hash changes over.
    """
    digests = [
        hashlib.blake2b(normalised_words(prompt).encode("utf-8", "replace"), digest_size=8).digest()
        for prompt in prompts
    ]
    judges = np.array([digest[0] >= 128 for digest in digests], dtype=np.bool_)
    if len(set(digests)) > 1 and (judges.all() or not judges.any()):
        moved = min(digests) if judges.all() else max(digests)
        judges ^= np.array([digest == moved for digest in digests], dtype=np.bool_)
    return judges
