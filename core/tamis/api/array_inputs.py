"""What people hand to a method on arrays, checked once and brought into the form in which the steps have it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.api.array_results import ClusteredRows
from tamis.clusterers.result import cosine_distances, unit_centroids
from tamis.compute.select.groups import group_by_quantile, group_by_value
from tamis.compute.target.similarity import cosines
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import InvalidOptions, UnknownName, no_such_row
from tamis.selectors.problem import TargetSimilarity
from tamis.types import NOISE, Bools, Float32s, Float64s, Int32s, Int64s

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tamis.selectors import Selector

UNIT_TOLERANCE = (
    1e-5  # a float32 length this near to 1 is left as it is, so that a dataset's vectors stay bit for bit
)


def unit_vectors(embeddings: ArrayLike) -> Float32s:
    """The vectors (n, d) as float32 of length 1, not copied when they are so already; a zero vector stays zero.

    Raises CurationError for another shape, and for NaN or infinity; InvalidOptions for what is no number.
    """
    try:
        vectors = np.asanyarray(embeddings)  # keeps a memory map what it is
    except ValueError as error:
        raise InvalidOptions(f"embeddings must be vectors alike in length, (n, d): {error}.") from error
    if vectors.dtype.kind not in "fiub":
        raise InvalidOptions(
            f"embeddings must be numbers, one vector per row, and these are {vectors.dtype}: encode texts first, as "
            "data.embed() does. tamis.near_duplicates takes texts as they are: texts=…."
        )
    n, d = check_vectors(vectors)
    if vectors.dtype == np.float32 and _is_unit(vectors, n, d):
        return vectors
    made = np.empty((n, d), dtype=np.float32)
    for rows in blocks(n, d):
        made[rows] = unit_rows(block_of(vectors, rows))
    return made


def _is_unit(vectors: Float32s, n: int, d: int) -> bool:
    for rows in blocks(n, d):
        lengths = np.linalg.norm(block_of(vectors, rows), axis=1)
        if not np.all((np.abs(lengths - 1) <= UNIT_TOLERANCE) | (lengths == 0)):
            return False
    return True


def count_rows(given: dict[str, Any], n_rows: int | None) -> int:
    """How many rows there are; raises InvalidOptions when arrays (or ``n_rows``) differ in length, or nothing says."""
    lengths = {name: len(value) for name, value in given.items() if value is not None}
    if n_rows is not None:
        lengths["n_rows"] = int(n_rows)
    if not lengths:
        raise InvalidOptions("Nothing says how many rows there are: give embeddings, quality or n_rows.")
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise InvalidOptions(f"Arrays must have one entry per row, but differ in length: {text}.")
    return next(iter(lengths.values()))


def row_mask(rows: ArrayLike | None, n: int, name: str) -> Bools:
    """A mask (n,) from a mask, or from row numbers; raises InvalidOptions for a row that is not there."""
    given = np.zeros(n, dtype=np.bool_) if rows is None else np.asarray(rows)
    if given.dtype == np.bool_:
        if given.shape != (n,):
            raise InvalidOptions(f"{name} is a mask of shape {given.shape}: give ({n},), or row numbers.")
        return given
    if given.size and (given.dtype.kind not in "iuf" or np.any(given != np.floor(given))):
        raise InvalidOptions(
            f"{name} must be a mask or row numbers, and these are {given.dtype}: {given.ravel()[0].item()!r} …"
        )
    ids = given.astype(np.int64) if given.size else np.empty(0, dtype=np.int64)
    wrong = ids[(ids < 0) | (ids >= n)]
    if wrong.size:
        raise no_such_row(int(wrong[0]), n, "" if name == "rows" else name)
    mask = np.zeros(n, dtype=np.bool_)
    mask[ids] = True
    return mask


def numbers(values: ArrayLike | None, name: str) -> Float64s | None:
    """One number per row as float64; raises InvalidOptions for another shape or for what is no number."""
    if values is None:
        return None
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidOptions(f"{name} must be numbers, NaN where there is none: {error}.") from error
    if array.ndim != 1:
        raise InvalidOptions(f"{name} has the shape {array.shape}: give one number per row.")
    return array


def cluster_arrays(
    clusters: ClusteredRows | ArrayLike, vectors: Float32s | None
) -> tuple[Int64s, int, Float32s | None]:
    """Cluster of each row, number of clusters, and distances to the own centroid (None without vectors).

    ``clusters`` are those of ``tamis.kmeans``, or ids (n,) of which -1 is outside; centroids are then the means.
    """
    if isinstance(clusters, ClusteredRows):
        return clusters.cluster_ids.astype(np.int64), clusters.n_clusters, clusters.distances
    ids = np.asarray(clusters)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise InvalidOptions(
            f"clusters has dtype {ids.dtype} and shape {ids.shape}: give one whole number per row."
        )
    n_clusters = int(ids.max(initial=NOISE)) + 1
    if vectors is None:
        return ids.astype(np.int64), n_clusters, None
    short: Int32s = ids.astype(np.int32)
    distance = cosine_distances(vectors, short, unit_centroids(vectors, short, n_clusters))
    return ids.astype(np.int64), n_clusters, distance


def group_arrays(groups: ArrayLike, n_bins: int) -> tuple[Int64s, int]:
    """Group of each row, and how many groups: numbers with a fraction are cut at quantiles, all else is by value."""
    values: NDArray[Any] = np.asarray(groups)
    if values.ndim != 1:
        raise InvalidOptions(f"groups has the shape {values.shape}: give one value per row.")
    if np.issubdtype(values.dtype, np.floating):
        return group_by_quantile(values.astype(np.float64), n_bins)
    if np.issubdtype(values.dtype, np.integer):
        codes = np.where(values < 0, NOISE, values).astype(np.int64)
        return codes, int(codes.max(initial=NOISE)) + 1
    return group_by_value(values)


def refuse_missing(row: Selector, given: dict[str, Any]) -> None:
    """Raises InvalidOptions when a method cannot do without an array that is not there, or cannot count tokens or costs."""
    needs = {
        "embeddings": "embeddings",
        "quality": "quality",
        "column": "groups",
        "prompts": "groups",
        "target": "targets",
    }
    for read, name in needs.items():
        if read in row.reads and given[name] is None:
            each = "vectors of examples" if read == "target" else "one per row"
            raise InvalidOptions(f"{row.title} ({row.name}) cannot work without {name}: give {each}.")
    if "target" in row.reads and given["embeddings"] is None:
        raise InvalidOptions(f"{row.title} ({row.name}) compares rows with targets: give embeddings of both.")
    if "clustering" in row.reads and given["clusters"] is None and given["embeddings"] is None:
        raise InvalidOptions(f"{row.title} ({row.name}) spreads over clusters: give embeddings or clusters.")
    counted = [name for name in ("token_counts", "costs") if given[name] is not None]
    if counted and not row.counts_tokens:
        raise InvalidOptions(f"{row.title} ({row.name}) divides a number of rows: leave {counted[0]} out.")
    if len(counted) > 1:
        raise InvalidOptions("The budget counts tokens or costs, not both: leave token_counts or costs out.")


def target_arrays(
    embeddings: ArrayLike | None,
    targets: ArrayLike | Mapping[str, ArrayLike] | None,
    shares: Mapping[str, float] | None,
) -> TargetSimilarity:
    """Cosines of rows with the examples of targets; raises InvalidOptions for vectors of another width and unknown shares."""
    assert embeddings is not None
    assert targets is not None
    rows = unit_vectors(embeddings)
    named = targets if isinstance(targets, Mapping) else {"target": targets}
    vectors = {name: unit_vectors(one) for name, one in named.items()}
    odd = next((name for name, one in vectors.items() if one.shape[1] != rows.shape[1]), None)
    if odd is not None or not vectors:
        width = "none" if odd is None else f"{vectors[odd].shape[1]} numbers in {odd!r}"
        raise InvalidOptions(
            f"Examples need vectors of {rows.shape[1]} numbers, as the rows have; there are {width}."
        )
    given = dict(shares or {})
    unknown = sorted(given.keys() - vectors.keys())
    if unknown:
        raise UnknownName("target", unknown[0], vectors)
    sizes = [len(one) for one in vectors.values()]
    return TargetSimilarity(
        names=tuple(vectors),
        shares=tuple(float(given.get(name, 1.0)) for name in vectors),
        similarity=cosines(rows, np.concatenate(list(vectors.values()))),
        part=np.repeat(np.arange(len(sizes)), sizes),
        leaks=np.zeros(len(rows), dtype=np.bool_),
        first=np.arange(len(rows), dtype=np.int64),
    )


def refuse_linear_odds(options: object, quality: Float64s | None) -> None:
    """Raises InvalidOptions for odds in proportion to a quality that is negative somewhere: its rows had no chance."""
    if (
        getattr(options, "weighting", "") == "linear"
        and quality is not None
        and np.nanmin(quality, initial=0) < 0
    ):
        raise InvalidOptions(
            f"weighting = 'linear' gives a row of quality 0 or less no chance, and quality goes down to "
            f"{np.nanmin(quality):g}: take 'rank' or 'softmax', or leave it at 'auto'."
        )


def a_number(value: object, name: str, what: str) -> float:
    """A finite number that a person gave; raises InvalidOptions with the name of the parameter for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise InvalidOptions(f"{name} = {value!r}: give {what}.")
    return float(value)


def whole_number(value: object, name: str, what: str = "a whole number") -> int:
    """A whole number that a person gave; raises InvalidOptions with the name of the parameter for anything else."""
    if a_number(value, name, what) != int(value):  # type: ignore[call-overload]  # a number by now
        raise InvalidOptions(f"{name} = {value!r}: give {what}.")
    return int(value)  # type: ignore[call-overload, no-any-return]


def whole_counts(values: ArrayLike | None, name: str) -> Int64s | None:
    """A whole number per row; raises InvalidOptions for a part of one, and for what is no number."""
    given = numbers(values, name)
    if given is None:
        return None
    odd = np.flatnonzero(~(np.isfinite(given) & (given == np.floor(given))))
    if odd.size:
        raise InvalidOptions(f"{name} of row {odd[0]} is {given[odd[0]]}: give a whole number per row.")
    return given.astype(np.int64)
