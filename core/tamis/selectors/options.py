"""Options of the selection methods, one type per method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from tamis.errors import InvalidOptions
from tamis.registry import Options

Share = Literal["proportional", "equal"]
Noise = Literal["own group", "exclude"]
Unscored = Literal["last", "never"]
Weighting = Literal["auto", "rank", "linear", "softmax"]
Similarity = Literal["target_embedding", "target_rds", "target_bm25"]
WEIGHTING: Any = Field(
    "auto",
    description="Chance of a row inside its cluster: by its rank, in proportion to the score (linear, for scores that are "
    "never negative), or by exp(score/T); auto takes linear where the score allows it, else rank.",
)
SPREAD_TEMPERATURE: Any = Field(
    0.5, gt=0, description="T of the softmax in standard deviations of the score; lower is greedier."
)
SCORE_TEMPERATURE: Any = Field(
    None,
    gt=0,
    description="T of the softmax in units of the score itself, instead; empty: in its deviations.",
)
_NOISE = "Rows outside every cluster: a group of their own, or left out."


def read_shares(given: str) -> dict[int, float]:
    """Shares of clusters that were written as ``3=0.2,5=0.1``; raises InvalidOptions for anything else."""
    shares: dict[int, float] = {}
    for part in filter(None, (one.strip() for one in given.split(","))):
        cluster, _, share = part.partition("=")
        try:
            number, fraction = int(cluster), float(share)
        except ValueError:
            raise InvalidOptions(
                f"{part!r} is no share of a cluster: write its number and a fraction, such as 3=0.2, several with commas."
            ) from None
        if number in shares:
            raise InvalidOptions(f"Cluster {number} has two shares: give one.")
        if not 0 <= fraction <= 1:
            raise InvalidOptions(
                f"The share of cluster {number} is {share}: give a fraction between 0 and 1."
            )
        shares[number] = fraction
    return shares


def say_shares(shares: Mapping[int, float]) -> str:
    """Shares of clusters as they are written in an option, by their numbers."""
    return ",".join(f"{cluster}={shares[cluster]:.10g}" for cluster in sorted(shares))


class RandomOptions(Options):
    """Uniform without replacement; nothing to choose."""


class StratifiedOptions(Options):
    """Draw evenly inside the groups of a column."""

    column: str = Field(
        "source",
        description="Column whose values are the groups: source, cluster, n_turns, tokens, column:NAME of the file, or score:NAME.",
    )
    quota: Share = Field("proportional", description="Share of each group: by its size, or the same for all.")
    n_bins: int = Field(
        10, ge=2, le=1000, description="Groups that a column of numbers is cut into, as even as possible."
    )


class TopQualityOptions(Options):
    """The best by quality."""

    unscored: Unscored = Field("last", description="Rows without a score: after all others, or never.")


class KmRandomOptions(Options):
    """The budget divided over clusters, then an even draw inside each."""

    quota: Share = Field(
        "proportional", description="Share of each cluster: by its size, or the same for all."
    )
    noise: Noise = Field("own group", description=_NOISE)


class MixtureOptions(Options):
    """A share of the budget for every cluster, then an even draw inside each."""

    weights: dict[str, float] = Field(
        default_factory=dict,
        description="Share of the budget by cluster id, of any sum, -1 for rows outside every cluster; a cluster that is not named gets "
        "nothing. Empty: by size.",
    )

    @field_validator("weights")
    @classmethod
    def _are_shares(cls, given: dict[str, float]) -> dict[str, float]:
        bad = [
            key for key, value in given.items() if not key.lstrip("-").isdigit() or not 0 <= value < math.inf
        ]
        if bad or (given and not any(given.values())):
            raise ValueError(
                f"weights are shares of 0 or more by cluster id, not all 0; look at {bad[0] if bad else 'all of them'!r}"
            )
        return given


class CarOptions(Options):
    """Cluster and ranking: the best of every cluster, then the best of all."""

    per_cluster: int = Field(1, ge=0, le=1000, description="Rows of every cluster that come first.")


class GrapeOptions(Options):
    """The likeliest answer of each prompt, then an even draw; nothing to choose."""


class LongestOptions(Options):
    """The longest responses; nothing to choose."""


class KmClosestOptions(Options):
    """The budget divided over clusters, then the rows nearest to each centre."""

    quota: Share = Field(
        "proportional", description="Share of each cluster: by its size, or the same for all."
    )
    noise: Noise = Field("own group", description=_NOISE)


class KmqOptions(Options):
    """kMQ: the budget divided over clusters, then a draw by quality inside each."""

    quota: Share = Field(
        "proportional", description="Share of each cluster: by its size as in the paper, or the same for all."
    )
    weighting: Weighting = WEIGHTING
    spread_temperature: float = SPREAD_TEMPERATURE
    temperature: float | None = SCORE_TEMPERATURE
    cluster_shares: str = Field(
        "",
        description="Fractions of the budget that a few clusters get whatever the quota says, as 3=0.2,5=0.1 by the numbers of "
        "the clusters, -1 for rows in none; the others divide the rest.",
    )
    noise: Noise = Field("own group", description=_NOISE)

    @field_validator("cluster_shares")
    @classmethod
    def _readable(cls, given: str) -> str:
        """The shares in one order and form, so that what means the same is the same."""
        return say_shares(read_shares(given))


class KmqReleasedOptions(Options):
    """The authors' code as it ran; nothing to choose."""


class KCenterOptions(Options):
    """Again and again the row farthest from all picked so far."""

    first: Literal["random", "nearest to mean"] = Field(
        "random", description="Where to begin; not used when rows are pinned."
    )


class DeitaOptions(Options):
    """From the best score down, keep what resembles nothing kept so far."""

    rule: Literal["cosine", "squared_l2", "distance"] = Field(
        "cosine",
        description=(
            "When a row is too near: cosine to a kept row above the threshold (the paper); squared_l2 below it (the "
            "kMQ authors' port); cosine distance to any row of the pool below it (distilabel)."
        ),
    )
    threshold: float = Field(0.9, ge=-1, le=4, description="Threshold of the rule; 0.9 in all three tools.")
    fill: bool = Field(
        False, description="Spend what is left of the budget on the best rows that were too near."
    )
    unscored: Unscored = Field("last", description="Rows without a score: after all others, or never.")


class CoverageOptions(Options):
    """Each time the row that most raises how well the pool is covered."""

    cosines: Literal["positive", "all"] = Field(
        "positive", description="Count only similarity above zero, or every cosine from -1 on."
    )
    reference_rows: int = Field(
        0,
        ge=0,
        le=200_000,
        description=(
            "Cover a random sample of so many rows instead of all. 0 covers all rows: exact, for up to 200,000 rows."
        ),
    )


class QditOptions(CoverageOptions):
    """Coverage and quality mixed."""

    quality_weight: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Weight of the picks' mean quality against the coverage of the pool: 0 is coverage alone, 1 quality alone.",
    )
    alpha: float | None = Field(
        None,
        ge=0,
        le=1,
        description=(
            "The same with the quality of every pick in full, instead: coverage then hardly counts. For selections made so."
        ),
    )


class SemdedupOptions(Options):
    """Near duplicates inside clusters go first, then the budget is picked from what is left."""

    FORMER_DEFAULTS: ClassVar[Mapping[str, Any]] = {"weighting": "linear"}

    threshold: float = Field(
        0.95, ge=-1, le=1, description="Cosine above which two rows of a cluster are duplicates."
    )
    keep: Literal["farthest", "closest"] = Field(
        "farthest",
        description="Which duplicate stays: the one farthest from the cluster's centre, or closest.",
    )
    then: Literal["random", "quality", "kmq"] = Field(
        "random", description="How to pick from what is left: at random, the best by quality, or by kMQ."
    )
    weighting: Weighting = WEIGHTING
    spread_temperature: float = SPREAD_TEMPERATURE
    temperature: float | None = SCORE_TEMPERATURE


TOWARDS: Any = Field(
    "target_embedding",
    description="How rows are compared with the target's examples: by the dataset's vectors, by a causal model's hidden states "
    "(RDS+), or by shared words (BM25).",
)


class TargetRoundRobinOptions(Options):
    """Each target in turn takes its best unused row."""

    similarity: Similarity = TOWARDS
    pooling: Literal["example", "max", "mean"] = Field(
        "example",
        description="What a target goes by: the list of each of its examples in turn, or one list by the largest or the mean "
        "similarity to all of them.",
    )


class SpreadThenTargetOptions(KmqOptions):
    """kMQ with the similarity to the target as quality."""

    similarity: Similarity = TOWARDS


class LogDetOptions(Options):
    """Each time the row that most raises the log-determinant of the picks' kernel."""

    kernel: Literal["auto", "cosine", "gaussian"] = Field(
        "auto",
        description="How two rows are compared: by cosine, or by distance, which auto takes where more rows are picked than "
        "vectors have numbers, as no cosine kernel has a larger rank.",
    )


class NovelSelectOptions(Options):
    """Each time the row that is most novel to the picked ones."""

    n_neighbours: int = Field(
        10, ge=1, le=1000, description="Nearest rows of the pool that say how crowded it is around a row."
    )
    beta: float = Field(0.5, ge=0, le=2, description="How much crowding counts; 0: not at all.")
    alpha: float = Field(
        1.0,
        ge=0,
        le=4,
        description="How much more the picked rows nearest to a row count than those far away.",
    )
    miss: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Chance that a step looks at none of its best rows; lower looks at more rows, 0 at all, which is slow.",
    )


class MigOptions(Options):
    """Each time the row that tells the clusters most."""

    labels: str = Field(
        "cluster",
        description="What rows are labelled by: cluster, or column:NAME of the file, whose lists of tags (or single values) are labels.",
    )
    per_label: bool = Field(
        False,
        description="Divide a row's quality by how many labels it has: else rows of many tags come first.",
    )
    threshold: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Cosine of two clusters' means from which on they tell each other what they hold.",
    )
    alpha: float = Field(
        1.0, ge=0, le=100, description="How much of it they tell; 0: each cluster stands for itself."
    )
    propagate: Literal["receive", "send"] = Field(
        "receive",
        description="Whether a cluster receives an average of those like it, as published, or what it holds is sent on and kept whole.",
    )
    gain: Literal["exact", "gradient"] = Field(
        "exact",
        description="What a row adds, or as released the slope where it stands, by which untouched clusters win.",
    )
