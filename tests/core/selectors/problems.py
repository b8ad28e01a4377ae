"""Problems for tests: small clustered pools with everything that any method reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.selectors import SELECTORS
from tamis.selectors.problem import Answer, Problem, TargetSimilarity

N_CLUSTERS = 4
DIMENSION = 16


def problem_of(n: int = 60, budget: int = 12, *, seed: int = 0, **changed: Any) -> Problem:
    """A pool of ``n`` rows in four clusters with scores, tokens and a column of three groups."""
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((N_CLUSTERS, DIMENSION))
    cluster_id = rng.integers(N_CLUSTERS, size=n)
    vectors = centres[cluster_id] + 0.7 * rng.standard_normal((n, DIMENSION))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    distance, quality = rng.random(n, dtype=np.float32), rng.random(n)
    examples = centres[[0, 1, 0, 2]] + 0.5 * rng.standard_normal((4, DIMENSION))
    examples = (examples / np.linalg.norm(examples, axis=1, keepdims=True)).astype(np.float32)
    values: dict[str, Any] = {
        "n_rows": n,
        "budget": budget,
        "pinned": np.zeros(n, dtype=bool),
        "excluded": np.zeros(n, dtype=bool),
        "seed": seed,
        "n_clusters": N_CLUSTERS,
        "cluster_id": cluster_id.astype(np.int64),
        "distance": distance,
        "n_groups": 3,
        "codes": (np.arange(n) % 3).astype(np.int64),
        "vectors": vectors,
        "quality": quality,
        "target": TargetSimilarity(
            names=("first", "second"),
            shares=(2.0, 1.0),
            similarity=vectors @ examples.T,
            part=np.array([0, 0, 1, 1]),
            leaks=np.zeros(n, dtype=bool),
            first=np.arange(n),
        ),
    }
    return Problem(**(values | changed))


def token_problem(n: int = 60, budget: int = 700, **changed: Any) -> Problem:
    """The same with a budget in tokens; rows have 5 to 100."""
    counts = np.random.default_rng(3).integers(5, 101, size=n)
    return problem_of(n, budget, token_counts=counts.astype(np.int64), **changed)


def mask(n: int, *rows: int) -> np.ndarray:
    """True at these rows."""
    out = np.zeros(n, dtype=bool)
    out[list(rows)] = True
    return out


def pick(name: str, problem: Problem, **options: Any) -> Answer:
    """What the method picks; its options are the defaults unless given."""
    row = SELECTORS[name]
    answer: Answer = row.load()(problem, row.options(**options))
    return answer
