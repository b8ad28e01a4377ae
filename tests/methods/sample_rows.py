"""The rows of the sample data with faults of ours, and a score that finds them without a model."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np

from tamis.types import Bools, Float32s, Float64s, Int64s
from tests.core.test_sample_data import alpaca_rows, csv_rows, sharegpt_rows

DIMENSION = 1024
N_GROUPS = 8
SPOILT = (2, 5)  # groups that get the faults


@cache
def texts() -> tuple[tuple[str, ...], tuple[str, ...], Int64s]:
    """Prompts, responses, and a group (n,) of each row: its topic, topics dealt out over eight groups."""
    rows = [
        *alpaca_rows("kitchen_and_home.jsonl"),
        *sharegpt_rows("science_and_history.json"),
        *csv_rows("work_and_code.csv"),
    ]
    topics = sorted({row.topic for row in rows})
    groups = np.array([topics.index(row.topic) % N_GROUPS for row in rows], dtype=np.int64)
    return tuple(row.prompt for row in rows), tuple(row.response for row in rows), groups


def word_vectors(given: Sequence[str]) -> Float32s:
    """Unit vectors (n, DIMENSION) of hashed beginnings of words, rare ones counting more."""
    words = [{word[:5] for word in re.findall(r"\w{4,}", text.casefold())} for text in given]
    seen = Counter(word for one in words for word in one)
    vectors = np.zeros((len(given), DIMENSION), dtype=np.float32)
    for row, one in enumerate(words):
        for word in sorted(one):
            vectors[row, zlib.crc32(word.encode()) % DIMENSION] += math.log(len(given) / seen[word])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32s = vectors / np.where(lengths == 0, 1, lengths)
    return unit


@cache
def prompt_and_response_vectors() -> tuple[Float32s, Float32s]:
    prompts, responses, _ = texts()
    vectors = word_vectors([*prompts, *responses])
    return vectors[: len(prompts)], vectors[len(prompts) :]


def swapped(rows: Int64s, rng: np.random.Generator) -> tuple[Float64s, Bools]:
    """Likeness (n,) of prompt and response after these ``rows`` gave each other their responses, and who did."""
    prompts, responses = prompt_and_response_vectors()
    source = np.arange(len(prompts))
    source[rows] = np.roll(rng.permutation(rows), 1) if rows.size > 1 else rows
    likeness = (prompts * responses[source]).sum(axis=1).astype(np.float64)
    return likeness, source != np.arange(len(prompts))
