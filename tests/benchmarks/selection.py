"""The greedy selection methods beside the published loops they replace, each in a process of its own.

``--quick`` takes small sizes. Peers are the published forms in our words. Where a peer would run for hours, a stated
part of its equal steps is timed and multiplied; such seconds are marked with a tilde.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from tamis.compute.select.deita import deita
from tamis.compute.select.facility_location import facility_location
from tamis.compute.select.k_center import k_center
from tamis.compute.select.qdit import qdit
from tests.benchmarks.measure import print_table, run_process

DIMENSION = 384


@dataclass
class Case:
    """One line of the table."""

    method: str
    n: int
    budget: int
    seconds: float
    peer: str = ""
    peer_seconds: float | None = None
    estimated: bool = False
    same_rows: str = ""


def clustered_vectors(n: int, n_centres: int = 200, spread: float = 0.8, copies: float = 0.0) -> np.ndarray:
    """Unit vectors around random centres; a part of them (``copies``) nearly equal to another row."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_centres, DIMENSION), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = rng.standard_normal((n, DIMENSION), dtype=np.float32)
    vectors = centres[rng.integers(n_centres, size=n)] + np.float32(spread / DIMENSION**0.5) * noise
    again = np.flatnonzero(rng.random(n) < copies)
    vectors[again] = vectors[rng.integers(n, size=again.size)] + np.float32(0.01) * noise[again]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Seconds by the wall clock, and the result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def script_diversity(vectors: np.ndarray, subset: list[int]) -> float:
    """d(A) as the released script computes it: a Python loop over all pairs."""
    total = 0.0
    for v in vectors:
        total += max(np.dot(v, vectors[a]) / (np.linalg.norm(v) * np.linalg.norm(vectors[a])) for a in subset)
    return total


def script_qdit(vectors: np.ndarray, quality: np.ndarray, budget: int, alpha: float) -> list[int]:
    """The released script: the whole d(A + a) for every candidate at every step."""
    rows: list[int] = []
    while len(rows) < budget:
        values = {
            a: (1 - alpha) * script_diversity(vectors, [*rows, a]) + alpha * quality[a]
            for a in range(len(vectors))
            if a not in rows
        }
        rows.append(max(values, key=lambda a: (values[a], -a)))
    return rows


def array_qdit(vectors: np.ndarray, quality: np.ndarray, budget: int, alpha: float) -> list[int]:
    """The same with the cosines computed once and the maximum over A recomputed by NumPy for every candidate."""
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    rows: list[int] = []
    while len(rows) < budget:
        values = np.full(len(vectors), -np.inf)
        for a in range(len(vectors)):
            if a not in rows:
                values[a] = (1 - alpha) * cosine[:, [*rows, a]].max(axis=1).sum() + alpha * quality[a]
        rows.append(int(np.argmax(values)))
    return rows


def scaled_quality(n: int) -> np.ndarray:
    """A quality that spans 0..1, so that the script's unscaled sum is n times ours."""
    quality = np.random.default_rng(1).random(n)
    return (quality - quality.min()) / (quality.max() - quality.min())


def qdit_script(quick: bool) -> list[Case]:
    """Ours against the released script, which is timed on a few candidates: its steps are equal in kind."""
    n, budget, alpha = (300, 20, 0.7) if quick else (1000, 50, 0.7)
    vectors, quality = clustered_vectors(n), scaled_quality(n)
    qdit(vectors, quality, budget=budget, alpha=alpha, start_value=-1.0)
    seconds, ours = timed(lambda: qdit(vectors, quality, budget=budget, alpha=alpha, start_value=-1.0).rows)
    array_seconds, theirs = timed(lambda: array_qdit(vectors, quality * n, budget, alpha))
    same = "yes" if list(theirs) == ours.tolist() else "NO"
    sizes = (1, budget // 2, budget)
    part, _ = timed(lambda: [script_diversity(vectors, ours[:size].tolist()) for size in sizes])
    cosines = sum((n - done) * n * (done + 1) for done in range(budget))
    small = script_qdit(vectors[:24], quality[:24] * 24, 6, alpha)
    agrees = small == array_qdit(vectors[:24], quality[:24] * 24, 6, alpha)
    script = part * cosines / (n * sum(sizes))
    return [
        Case("qdit", n, budget, seconds, "released script", script, True, same if agrees else "NO"),
        Case("qdit", n, budget, seconds, "the same, NumPy", array_seconds, False, same),
    ]


def qdit_alone(quick: bool) -> list[Case]:
    """The default mix at the size of a real pool."""
    n, budget = (5000, 300) if quick else (50_000, 2000)
    vectors, quality = clustered_vectors(n), scaled_quality(n)
    return [Case("qdit (0.7)", n, budget, timed(lambda: qdit(vectors, quality, budget=budget))[0])]


def facility_alone(quick: bool) -> list[Case]:
    """Coverage only, where laziness helps least."""
    n, budget = (5000, 300) if quick else (50_000, 2000)
    vectors = clustered_vectors(n)
    return [Case("facility_location", n, budget, timed(lambda: facility_location(vectors, budget=budget))[0])]


def published_deita(vectors: np.ndarray, score: np.ndarray, budget: int) -> list[int]:
    """The released filter with batch size 1: all kept rows are gathered and normalised for every candidate."""
    order = np.argsort(-score, kind="stable")
    kept = [int(order[0])]
    for row in order[1:]:
        if len(kept) >= budget:
            break
        existing, current = vectors[kept], vectors[row : row + 1]
        existing = existing / np.linalg.norm(existing, axis=1, keepdims=True)
        current = current / np.linalg.norm(current, axis=1, keepdims=True)
        if not (current @ existing.T > 0.9).any():
            kept.append(int(row))
    return kept


def lean_deita(vectors: np.ndarray, score: np.ndarray, budget: int) -> list[int]:
    """The same loop at its best: kept rows stay in one matrix, one product per candidate."""
    order = np.argsort(-score, kind="stable")
    matrix = np.empty((budget, vectors.shape[1]), dtype=np.float32)
    kept: list[int] = []
    for row in order:
        if len(kept) >= budget:
            break
        if not kept or (matrix[: len(kept)] @ vectors[row]).max() <= 0.9:
            matrix[len(kept)] = vectors[row]
            kept.append(int(row))
    return kept


def deita_loops(quick: bool) -> list[Case]:
    """Half the rows nearly equal another one, so the walk goes far beyond the budget."""
    n, budget = (5000, 1500) if quick else (50_000, 6000)
    vectors = clustered_vectors(n, copies=0.6)
    score = np.random.default_rng(2).random(n)
    seconds, ours = timed(lambda: deita(vectors, score, budget=budget).rows)
    cases = []
    for name, peer in (("released loop", published_deita), ("one product a row", lean_deita)):
        peer_seconds, theirs = timed(lambda peer=peer: peer(vectors, score, budget))
        same = "yes" if list(theirs) == ours.tolist() else "NO"
        cases.append(Case("deita", n, budget, seconds, name, peer_seconds, False, same))
    return cases


def loop_k_center(vectors: np.ndarray, first: int, budget: int) -> list[int]:
    """The usual loop: the distances of all rows to the newest centre at every step."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)
    rows = [first]
    while len(rows) < budget:
        away = squares + squares[rows[-1]] - 2 * (vectors @ vectors[rows[-1]])
        nearest = np.minimum(nearest, away)
        rows.append(int(np.argmax(nearest)))
    return rows


def k_center_loop(quick: bool) -> list[Case]:
    """Against the loop, of which a twentieth is run: every step costs the same."""
    n, budget = (20_000, 200) if quick else (200_000, 2000)
    vectors = clustered_vectors(n)
    rng = np.random.default_rng(0)
    seconds, ours = timed(lambda: k_center(vectors, budget=budget, rng=rng).rows)
    part = budget // 20
    peer, theirs = timed(lambda: loop_k_center(vectors, int(ours[0]), part))
    same = f"first {part}: " + ("yes" if list(theirs) == ours[:part].tolist() else "NO")
    return [Case("k_center", n, budget, seconds, "loop over centres", peer * 20, True, same)]


CASES = {
    case.__name__: case for case in (qdit_script, qdit_alone, facility_alone, deita_loops, k_center_loop)
}


def line_of(case: Case, peak_gb: float) -> tuple[object, ...]:
    """The cells of one case."""
    peer = case.peer_seconds
    return (
        case.method,
        f"{case.n:,}",
        f"{case.budget:,}",
        f"{case.seconds:.3g}",
        case.peer,
        "" if peer is None else f"{'~' * case.estimated}{peer:.3g}",
        "" if peer is None else f"{'~' * case.estimated}{peer / case.seconds:,.1f}",
        case.same_rows,
        f"{peak_gb * 1024:,.0f}",
    )


def main() -> int:
    """Run every case, or print one as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", choices=CASES)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps([asdict(case) for case in CASES[arguments.case](arguments.quick)]))
        return 0
    lines = []
    for name in CASES:
        command = [sys.executable, "-m", "tests.benchmarks.selection", "--case", name]
        run = run_process(command + ["--quick"] * arguments.quick)
        lines += [line_of(Case(**case), run.peak_gb) for case in json.loads(run.output)]
    header = (
        "method",
        "n",
        "budget",
        "seconds",
        "peer",
        "peer seconds",
        "ratio",
        "same rows",
        "peak MB (both)",
    )
    print_table(f"Selection methods, vectors of {DIMENSION} dimensions", header, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
