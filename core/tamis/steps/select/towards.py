"""What a method that selects for a target is given, read from the scores towards it."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from tamis.errors import InvalidOptions
from tamis.selectors.problem import TargetSimilarity
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import KEPT_OUT, REPEATS, SIMILARITIES, read_target


def read_similarity(target: Artifact, scores: Artifact) -> TargetSimilarity:
    """The similarities that scores towards this target hold; raises InvalidOptions for scores towards another."""
    if scores.manifest.inputs.get("target") != target.id:
        raise InvalidOptions(
            f"Scores {scores.id} are not towards the target {target.summary['name']!r}: leave similarities empty, and those "
            "towards it are made."
        )
    examples = read_target(target)
    steering = examples.steering()
    similarity = np.load(scores.file(SIMILARITIES), mmap_mode="r")
    leaks = np.zeros(len(similarity), dtype=np.bool_)
    leaks[pq.read_table(scores.file(KEPT_OUT), columns=["example_id"])["example_id"].to_numpy()] = True
    return TargetSimilarity(
        names=examples.names,
        shares=examples.shares,
        similarity=similarity,
        part=examples.part[steering],
        leaks=leaks,
        first=np.load(scores.file(REPEATS)),
        items=steering,
    )
