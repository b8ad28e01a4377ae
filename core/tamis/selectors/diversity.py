"""Methods that go by how different the picks are: log-determinant, novelty, information over clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.compute.select import information_gain as mig_method
from tamis.compute.select.log_det import Kernel, check_room, log_det, log_det_gains
from tamis.compute.select.masks import pins_and_exclusions
from tamis.compute.select.novelty import density, novel_select
from tamis.compute.vectors import block_of, blocks, check_vectors
from tamis.selectors.greedy import rows_of_budget
from tamis.selectors.options import LogDetOptions, MigOptions, NovelSelectOptions
from tamis.selectors.problem import Answer, Problem, answer
from tamis.types import Float32s, Float64s, Int64s

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def select_log_det(problem: Problem, options: LogDetOptions) -> Answer:
    """The greedy likeliest set of a determinantal point process (METHODS.md 4.11)."""
    assert problem.vectors is not None
    check_room(int((~problem.excluded).sum()), rows_of_budget(problem))
    gaussian = takes_gaussian(problem, options)
    picked = log_det(problem.vectors, gaussian=gaussian, **_shared(problem))
    made = answer(picked)
    gains = log_det_gains(kernel_of(problem, options), made.rows)
    return answer(picked, {"kernel": "gaussian" if gaussian else "cosine", "log_det": float(gains.sum())})


def select_novel(problem: Problem, options: NovelSelectOptions) -> Answer:
    """Each time the row most novel to the picked ones (METHODS.md 4.12)."""
    assert problem.vectors is not None
    pins_and_exclusions(problem.n_rows, problem.pinned, problem.excluded)
    rows = np.flatnonzero(~problem.excluded)
    crowding = np.full(problem.n_rows, np.nan)
    crowding[rows] = crowding_of(problem, options, rows)
    picked = novel_select(
        problem.vectors,
        crowding,
        expected_picks=rows_of_budget(problem),
        alpha=options.alpha,
        miss=options.miss,
        seed=problem.seed,
        **_shared(problem),
    )
    return answer(picked)


def select_mig(problem: Problem, options: MigOptions) -> Answer:
    """Each time the row that tells the clusters most, by quality (METHODS.md 4.13)."""
    picked = mig_method.information_gain(told_of(problem, options), gain=options.gain, **_shared(problem))
    return answer(picked)


def takes_gaussian(problem: Problem, options: LogDetOptions) -> bool:
    """Whether distances rather than cosines are compared: as asked, else where more rows are picked than vectors have numbers."""
    assert problem.vectors is not None
    if options.kernel != "auto":
        return options.kernel == "gaussian"
    return rows_of_budget(problem) > check_vectors(problem.vectors)[1]


def kernel_of(problem: Problem, options: LogDetOptions) -> Kernel:
    """The kernel of the rows that may be picked."""
    assert problem.vectors is not None
    return Kernel(
        problem.vectors, np.flatnonzero(~problem.excluded), gaussian=takes_gaussian(problem, options)
    )


def crowding_of(problem: Problem, options: NovelSelectOptions, rows: Int64s) -> Float64s:
    """How crowded the rows that may be picked are around each of ``rows``."""
    assert problem.vectors is not None

    def beat() -> None:
        if problem.progress is not None:
            problem.progress(0, problem.budget)

    return density(
        problem.vectors,
        rows,
        reference=np.flatnonzero(~problem.excluded),
        n_neighbours=options.n_neighbours,
        beta=options.beta,
        beat=beat,
    )


def told_of(problem: Problem, options: MigOptions) -> csr_matrix:
    """What each row tells each label, sparse (n, L)."""
    assert problem.vectors is not None
    labels = _cluster_labels(problem) if problem.labels is None else problem.labels
    similarity = mig_method.label_similarity(_label_means(problem.vectors, labels))
    taken = mig_method.propagation(
        similarity, threshold=options.threshold, alpha=options.alpha, direction=options.propagate
    )
    scores = mig_method.shifted_scores(problem.quality, problem.n_rows)
    return mig_method.row_information(scores, labels, taken, per_label=options.per_label)


def _cluster_labels(problem: Problem) -> csr_matrix:
    # Here: whoever only lists the methods need not wait for it.
    from scipy import sparse

    assert problem.cluster_id is not None
    inside = np.flatnonzero(problem.cluster_id >= 0)
    return sparse.csr_matrix(
        (np.ones(inside.size), (inside, problem.cluster_id[inside])),
        shape=(problem.n_rows, max(1, problem.n_clusters)),
    )


def _label_means(vectors: Float32s, labels: csr_matrix) -> Float64s:
    """Mean vector (L, d) of the rows of every label."""
    sums = np.zeros((labels.shape[1], vectors.shape[1]))
    for rows in blocks(len(vectors), vectors.shape[1]):
        sums += labels[rows].T @ block_of(vectors, rows)
    means: Float64s = sums / np.maximum(1, np.asarray(labels.sum(axis=0)).ravel())[:, None]
    return means


def _shared(problem: Problem) -> dict[str, Any]:
    return {
        "budget": problem.budget,
        "token_counts": problem.token_counts,
        "pinned": problem.pinned,
        "excluded": problem.excluded,
        "picked": problem.picked,
        "progress": problem.progress,
        "record": problem.record,
    }
