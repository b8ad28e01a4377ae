"""What a comparison holds: the types of comparison.json, and the one table of the numbers in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from tamis.compute.compare.selections import Interval
from tamis.errors import ArtifactDamaged
from tamis.reprs import as_percent
from tamis.store.artifacts.store import Artifact

FILE, MEMBERSHIP = "comparison.json", "membership.parquet"
Better = Literal["lower", "higher", "neither"]
Correction = Literal["", "all pairs"]
Over = Literal["", "pool rows", "picked rows", "seeds", "paired seeds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a selection: its name, which direction is better, how it is written, what it says."""

    key: str
    title: str
    better: Better
    digits: int
    help: str


METRICS = (
    Metric("radius", "Radius", "lower", 3, "Distance of the worst covered row to its nearest picked row: what k-center minimises."),
    Metric("mean_distance", "Mean distance", "lower", 3, "Mean distance of a row of the pool to its nearest picked row."),
    Metric("facility_location", "Facility location", "higher", 3, "Mean over the pool of the highest cosine to a picked row."),
    Metric("vendi", "Vendi score", "higher", 1, "Effective number of different rows among the picked ones. It grows with their number: the interval is of draws of this size, not of all rows."),
    Metric("novel_sum", "NovelSum", "higher", 3, "Distance of the picks to each other, the nearest counting most, weighed by how crowded the pool is around them. It compares at one number of rows alone."),
    Metric("novel_sum_plain", "NovelSum, unweighed", "higher", 3, "The same without crowding: what of a difference in NovelSum is distance."),
    Metric("log_det", "Log-determinant", "higher", 3, "Volume that the picks span, in nats a row: what greedy DPP raises. It compares at one number of rows alone."),
    Metric("entropy", "Cluster entropy", "higher", 3, "How evenly the picks are spread over clusters, in nats."),
    Metric("quality", "Mean quality", "higher", 3, "Mean of the quality score over the picked rows."),
    Metric("tokens_per_row", "Tokens per row", "neither", 0, "Mean tokens of prompt and response."),
    Metric("n_tokens", "Tokens", "neither", 0, "Tokens of prompt and response together."),
    Metric("training_tokens", "Training tokens", "neither", 0, "Tokens times epochs: the cost of training on it."),
    Metric("gpu_hours", "GPU hours", "neither", 2, "Training tokens at the tokens per second that were given."),
)  # fmt: skip


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class IntervalEstimate(_Model):
    """A number and its interval; ``over`` says what was resampled, ``n`` how many of it. None is not known."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    over: Over = ""


class ComparedSelection(_Model):
    """One selection; ``method`` indexes the methods."""

    id: str
    method: int
    seed: int | None
    n_rows: int
    budget: int | float
    unit: str
    shortfall: int
    n_only: int  # rows that no other selection picked
    values: dict[str, IntervalEstimate]


class ComparedMethod(_Model):
    """Selections that differ by their seed alone; ``values`` are means over them."""

    name: str
    title: str
    is_random: bool
    selections: list[int]
    n_only: int  # rows that no other method picked
    values: dict[str, IntervalEstimate]


class Shares(_Model):
    """Shares of groups in the pool (k,) and in the picks of each method (m, k); the last group may be rows of none."""

    keys: list[str]
    names: list[str]
    sizes: list[int]
    pool: list[float]
    methods: list[list[IntervalEstimate]]


class ScoreHistograms(_Model):
    """Histograms over the same bins as shares: of the pool (bins,) and of each method (m, bins); edges (bins + 1,)."""

    title: str
    logarithmic: bool
    edges: list[float]
    pool: list[float]
    methods: list[list[float]]
    pool_mean: float | None


class Comparison(_Model):
    """Everything about a set of selections of one dataset."""

    n_rows: int
    n_pool_rows: int  # on which coverage was measured; 0 without embeddings
    budgets_differ: bool
    shared_seeds: bool  # some selections are of one method with one seed and other options
    quality: str
    epochs: float
    confidence_fraction: float
    chance_jaccard: float  # what two independent random picks of this size would have
    selections: list[ComparedSelection]
    methods: list[ComparedMethod]
    jaccard: list[list[IntervalEstimate]]  # of methods; the diagonal is one method with itself over seeds
    jaccard_of_selections: list[list[float]]
    clusters: Shares | None
    sources: Shares
    spreads: dict[str, ScoreHistograms]
    # By metric, each method less the best one, None for itself and where nothing is known; comparisons of before have none.
    beside_best: dict[str, list[IntervalEstimate | None]] = {}
    # How those intervals allow for the best one being picked after looking; comparisons of before did not.
    correction: Correction = ""

    @property
    def is_sampled(self) -> bool:
        """Whether coverage was measured on a part of the rows."""
        return 0 < self.n_pool_rows < self.n_rows

    def shown_metrics(self) -> list[Metric]:
        """The metrics that at least one method has."""
        return [m for m in METRICS if any(_known(one.values.get(m.key)) for one in self.methods)]

    def best(self, metric: Metric) -> dict[int, bool]:
        """Methods that are best in a metric, and those that are not told from it: index → whether it is best.

        None is best where all are alike, or where no difference has an interval: one seed tells nothing. Told apart are
        two methods by the interval of their difference over seeds, of pairs where they share random numbers. Intervals
        over rows move together for all methods, because the rows are the same, so that they overlap says nothing.
        """
        values = [one.values.get(metric.key) for one in self.methods]
        return _best(metric, values, self.beside_best.get(metric.key))

    def verdict(self, titles: Sequence[str]) -> str:
        """One sentence: which method is told from every other, and in what; that none is, where none is."""
        won: dict[int, list[str]] = {}
        for metric in self.shown_metrics():
            marked = self.best(metric)
            if len(marked) == 1 and all(marked.values()):
                won.setdefault(next(iter(marked)), []).append(metric.title)
        if won:
            said = [f"{titles[i]} is the best in {', '.join(names)}" for i, names in won.items()]
            return f"Beyond chance, {'; '.join(said)}. What else differs may be luck."
        if not any(self.best(metric) for metric in self.shown_metrics()):
            return "Nothing can be told apart: draw every method with several seeds to see which differences are more than luck."
        return "No method is told from all others in any number: what differs below may be luck."

    def legend(self, star: str = "★", near: str = "bold") -> str:
        """What the marks of ``best`` say, and how chance is allowed for."""
        if not any(self.best(metric) for metric in self.shown_metrics()):
            return (
                "One seed: nothing can be told apart, so no method has a star. Draw every method with several seeds to see "
                "which differences are more than luck."
            )
        level = as_percent(self.confidence_fraction)
        how = (
            f"intervals are corrected for all pairs of methods (Bonferroni), because the best was picked after looking: of "
            f"equal methods any is told from the best in at most {as_percent(1 - self.confidence_fraction)} of columns"
            if self.correction
            else "each on its own, uncorrected: this comparison was made before, compare again"
        )
        return (
            f"{star} best; {near}: not told from it, because the {level} interval of the difference over seeds holds zero, or "
            f"there is none (one seed). {how[0].upper()}{how[1:]}. Pairs of one seed count where both share random numbers. A "
            "column without a mark: nothing can be told apart."
        )


def stored_interval(interval: Interval, over: Over) -> IntervalEstimate:
    """An interval as it is stored; NaN becomes None."""
    low, high = _finite(interval.low), _finite(interval.high)
    return IntervalEstimate(
        value=_finite(interval.mean), low=low, high=high, n=interval.n, over=over if low is not None else ""
    )


def read_comparison(artifact: Artifact) -> Comparison:
    """The content of a comparison; raises ArtifactDamaged."""
    path = artifact.file(FILE)
    try:
        return Comparison.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ArtifactDamaged(
            f"comparison {artifact.id}: {path.name} cannot be read ({error}). Delete {artifact.path} and run 'compare' "
            "again."
        ) from error


def read_membership(artifact: Artifact) -> pa.Table:
    """One row per picked example: example_id, n_selections, only_selection and only_method (-1: several), in_<id>."""
    table: pa.Table = pq.read_table(artifact.file(MEMBERSHIP))
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _known(value: IntervalEstimate | None) -> bool:
    return value is not None and value.value is not None


def best_of(metric: Metric, values: Sequence[IntervalEstimate | None]) -> int | None:
    """Place of the best value; None where no direction is better or fewer than two are known."""
    sign = {"lower": -1.0, "higher": 1.0, "neither": 0.0}[metric.better]
    known = {i: sign * v.value for i, v in enumerate(values) if v is not None and v.value is not None}
    return max(known, key=lambda i: known[i]) if sign and len(known) > 1 else None


def _best(
    metric: Metric, values: list[IntervalEstimate | None], beside: list[IntervalEstimate | None] | None
) -> dict[int, bool]:
    first = best_of(metric, values)
    if first is None:
        return {}
    top = values[first]
    assert top is not None and top.value is not None
    known = {i: v for i, v in enumerate(values) if v is not None and v.value is not None}
    differences = {
        i: _difference(v, top.value, None if beside is None else beside[i], old=beside is None)
        for i, v in known.items()
    }
    if not any(differences[i] for i in known if i != first):
        return {}
    best: dict[int, bool] = {}
    for i, v in known.items():
        between = differences[i]
        if abs((v.value or 0.0) - top.value) <= 1e-12:
            best[i] = True
        elif between is None or between[0] <= 0 <= between[1]:
            best[i] = False
    return {} if len(best) == len(known) and all(best.values()) else best


def _difference(
    value: IntervalEstimate, top: float, difference: IntervalEstimate | None, *, old: bool
) -> tuple[float, float] | None:
    """The interval of a method less the best; None where nothing is known of chance."""
    if old:  # of comparisons of before: the best mean beside the other's own interval
        known = value.over == "seeds" and value.low is not None and value.high is not None
        return ((value.low or 0.0) - top, (value.high or 0.0) - top) if known else None
    if difference is None or difference.low is None or difference.high is None:
        return None
    return difference.low, difference.high
