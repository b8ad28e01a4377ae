"""What a selection method is given and what it answers."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tamis.compute.select.costs import CostSteps
from tamis.compute.select.kmq import Observe, Selection, TokenSelection
from tamis.compute.select.picks import Picked, Progress, Record
from tamis.types import JSON, Bools, Float32s, Float64s, Int64s

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSimilarity:
    """What is selected for: T targets by ``names`` and ``shares``, and how like every row is to their examples.

    ``similarity`` (n, E) float32, possibly memory-mapped, NaN where there is none, to E examples of the targets ``part``
    (E,), which are numbers ``items`` (E,) of all examples given; ``leaks`` (n,) are rows that are an example or hold one,
    ``first`` (n,) the first row that says what a row says.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    similarity: Float32s
    part: Int64s
    leaks: Bools
    first: Int64s
    items: Int64s | None = None

    def item(self, example: int) -> int:
        """The number of an example among all that were given, those that judge included."""
        return example if self.items is None else int(self.items[example])


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A selection to make over n rows.

    ``budget`` counts rows, or tokens when ``token_counts`` (n,) is given: with ``costs``, steps of a cost. ``cluster_id`` (n,) −1 = noise, ``distance``
    (n,) to the own centre; ``codes`` (n,) in 0..n_groups-1 or -1 are the groups of a column; ``vectors`` (n, d) float32
    unit, possibly memory-mapped; ``quality`` (n,) float64, NaN = not scored, None = all alike, ``non_negative`` where it
    is declared never to be; ``pinned`` rows are always in, ``excluded`` ones never. ``picked`` are the rows of a run that
    was stopped, in the order picked, from which a slow method goes on; it tells ``record`` about them and ``progress``
    how far it is. A method that divides its budget over groups tells ``observe`` how. ``target`` is what a method that
    selects for one goes by, ``n_words`` (n,) of responses for one that passes over the shortest,
    ``labels`` (n, L), sparse 0/1, what rows are labelled by where that is not their cluster.
    """

    n_rows: int
    budget: int
    pinned: Bools
    excluded: Bools
    seed: int
    n_clusters: int = 0
    cluster_id: Int64s | None = None
    distance: Float32s | None = None
    n_groups: int = 0
    codes: Int64s | None = None
    vectors: Float32s | None = None
    quality: Float64s | None = None
    non_negative: bool = False
    token_counts: Int64s | None = None
    costs: CostSteps | None = None
    picked: Int64s | None = None
    progress: Progress | None = None
    record: Record | None = None
    observe: Observe | None = None
    target: TargetSimilarity | None = None
    n_words: Int64s | None = None
    labels: csr_matrix | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows a method picked, and what it has to say about its run (a gap of an approximation, rows dropped).

    ``columns`` (b,) say something of every pick.
    """

    selection: Selection
    unused_tokens: int | None = None  # None when the budget counts rows
    notes: Mapping[str, JSON] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def rows(self) -> Int64s:
        """The picked rows (b,), in the order picked."""
        return self.selection.rows


def method_seed(seed: int, method: str) -> int:
    """A method's own seed: with one seed for all, methods would share their luck and overlap by more than choice."""
    return int(np.random.SeedSequence([seed, zlib.crc32(method.encode())]).generate_state(1)[0])


def answer(picked: Picked, notes: Mapping[str, JSON] | None = None) -> Answer:
    """What every method of ``tamis.compute`` returns, in one shape."""
    if isinstance(picked, TokenSelection):
        return Answer(selection=picked.selection, unused_tokens=picked.unused_tokens, notes=dict(notes or {}))
    return Answer(selection=picked, notes=dict(notes or {}))
