"""SELECTORS: ways to pick a subset of a given budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from core.registry import Options, Plugin, Table
from core.types import Bools, Float32s, Float64s, Int64s

Reads = Literal["clustering", "embeddings", "quality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector(Plugin):
    """One row: what the method reads. ``target`` is a function of a Problem and the options."""

    reads: tuple[Reads, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A selection to make over n rows.

    ``budget`` counts rows, or tokens when ``token_counts`` (n,) is given. ``cluster_id`` (n,) −1 = noise;
    ``vectors`` (n, d) float32 unit, possibly memory-mapped; ``quality`` (n,) float64, NaN = not scored, None = all
    alike; ``pinned`` rows are always in, ``excluded`` ones never.
    """

    n_rows: int
    budget: int
    pinned: Bools
    excluded: Bools
    seed: int
    n_clusters: int = 0
    cluster_id: Int64s | None = None
    vectors: Float32s | None = None
    quality: Float64s | None = None
    token_counts: Int64s | None = None


class RandomOptions(Options):
    """Uniform without replacement; nothing to choose."""


class KmqOptions(Options):
    """kMQ: the budget divided over clusters, then a draw by quality inside each."""

    quota: Literal["proportional", "equal"] = Field(
        "proportional", description="Share of each cluster: by its size as in the paper, or the same for all."
    )
    weighting: Literal["linear", "softmax"] = Field(
        "linear",
        description="Chance of a row inside its cluster: proportional to quality, or to exp(quality/T).",
    )
    temperature: float = Field(1.0, gt=0, description="T of the softmax; lower is greedier.")
    noise: Literal["own group", "exclude"] = Field(
        "own group", description="Rows outside every cluster: a group of their own, or left out."
    )


SELECTORS: Table[Selector] = Table(
    "selection method",
    Selector(
        name="kmq",
        title="kMQ",
        summary="Spread over clusters, then prefer quality: k-means plus quality sampling (Diversify and Conquer).",
        options=KmqOptions,
        target="core.selectors.sampling:kmq",
        reads=("clustering",),
    ),
    Selector(
        name="random",
        title="Random",
        summary="Every row has the same chance; the baseline of every comparison.",
        options=RandomOptions,
        target="core.selectors.sampling:uniform",
    ),
)
