"""The live sieve: what a selection would pick at any budget, at once, beside a random pick of the same size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import Scope, cluster_of, columns_of, read_column
from tamis.actions.submit import PlannedRun
from tamis.compute.compare.coverage_sample import CoverageSample, coverage_of, nearest_picked, sample_coverage
from tamis.errors import ArtifactMissing
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.selectors.options import KmqOptions, read_shares, say_shares
from tamis.steps.select.options import COLUMN, NO_QUALITY, SelectOptions
from tamis.steps.select.sieve import OpenDraw
from tamis.steps.spec import as_recorded
from tamis.store.artifacts.readers import VECTORS, read_vectors
from tamis.types import JSON, Bools, Float32s, Float64s, Int64s

__all__ = [
    "Figures", "CoverageSample", "Setting", "Sieve", "Sifted", "open_sieve", "read_shares", "request_at", "sample_nearest", "sift",
    "usual_request",
]  # fmt: skip

MOST_SAMPLED, LEAST_SAMPLED = 2_000, 200  # rows that coverage is measured on
_PRODUCTS = 2e10  # multiplications of finding what is nearest to them: a second or two
SEED = 42  # of the sample: that of a comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a hand has moved the sieve to: a budget in the unit asked for, T of the softmax in deviations of the score (None: as
    the options say), and fractions of the budget for a few clusters by their number (None: as the options say).
    """

    budget: float
    temperature: float | None = None
    shares: Mapping[int, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Some rows in numbers; None for what the dataset does not have, or was not measured."""

    n_rows: int
    n_clusters_hit: int
    n_tokens: int | None
    quality: float | None
    coverage: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """Sorted ids of what would be picked, how many of each cluster (-1 last), and both picks in numbers."""

    rows: Int64s
    per_cluster: Int64s
    picked: Figures
    random: Figures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """A request for a selection whose budget is open; ``low`` and ``high`` are the least and the most of its unit.

    ``score`` is the name of what stands as quality; ``clusters`` (n,), ``tokens`` (n,) and ``quality`` (n,) are read once.
    """

    exact: Mapping[str, JSON]
    drawn: OpenDraw
    low: float
    high: float
    score: str
    clusters: Int64s
    tokens: Int64s | None
    quality: Float64s | None
    vectors: Float32s | None

    @property
    def options(self) -> SelectOptions:
        """The request as it was opened."""
        return parse_options(SelectOptions, self.exact)

    def options_at(self, setting: Setting) -> SelectOptions:
        """The request as the hand has it: what ``submit`` would be given. Raises InvalidOptions."""
        return parse_options(SelectOptions, request_at(self.exact, setting))

    def asked_as(self, planned: PlannedRun) -> Sieve:
        """The same for a request that differs in its budget and in what a hand sets of the method's options alone."""
        return replace(self, exact=_exact(planned))

    @property
    def takes_shares(self) -> bool:
        """Whether the method lets a cluster have a share of its own."""
        return isinstance(self.options.chosen_options("method"), KmqOptions)

    @property
    def takes_temperature(self) -> bool:
        """Whether the method draws by a softmax of a quality that there is."""
        return self.takes_shares and self.drawn.problem.quality is not None


def usual_request(context: DatasetContext, scope: Scope) -> dict[str, JSON]:
    """What a sieve on the map begins with: as the selection in view was made, else kMQ, a tenth of the rows; from a filter's rows."""
    request: dict[str, JSON] = {"budget": max(1, round(context.n_rows / 10))}
    made = None if context.view.selection is None else context.view.selection.manifest
    if made is not None and made.options.get("method") in SELECTORS and made.options.get("unit") == "rows":
        row = SELECTORS[str(made.options["method"])]
        if row.is_quick and not row.uses("target"):
            recorded = as_recorded(SelectOptions, made.options)
            request |= {
                name: recorded[name] for name in ("method", "method_options", "budget", "quality", "seed")
            }
    quality = str(request.get("quality") or "")
    if quality not in (*context.view.scores, NO_QUALITY) and not quality.startswith(COLUMN):
        request["quality"] = context.view.score or NO_QUALITY
    if scope.conditions:
        request["within"] = f"scope:{scope.to_url()}"
    return request


def request_at(exact: Mapping[str, JSON], setting: Setting) -> dict[str, JSON]:
    """The options of a selection as a hand has set them: what ``submit`` is given to make just these picks."""
    own = dict(exact.get("method_options") or {})
    if setting.temperature is not None:
        own |= {"weighting": "softmax", "spread_temperature": setting.temperature, "temperature": None}
    # A hand on a method that knows no shares has set none; one that knows them may have taken all away.
    if setting.shares is not None and (setting.shares or "cluster_shares" in own):
        own["cluster_shares"] = say_shares(setting.shares)
    return {**exact, "budget": setting.budget, "method_options": own}


def open_sieve(context: DatasetContext, planned: PlannedRun) -> Sieve:
    """Read what a planned selection reads, so that it can be cut at any budget.

    Raises InvalidOptions for a method that compares vectors and for a request that its inputs cannot meet, ArtifactMissing while
    an input of it is being made.
    """
    plan = planned.plan
    if plan.waits_for or not isinstance(plan.options, SelectOptions):
        raise ArtifactMissing("What this selection reads is still being made: wait for its jobs to end.")
    store = context.workspace.artifacts
    inputs = {
        role: store.get(plan.dataset_id, plan.input_kinds[role], identifier)
        for role, identifier in plan.inputs.items()
    }
    drawn = OpenDraw(inputs, plan.options)
    problem = drawn.problem
    score = str(inputs["scores"].manifest.options["scorer"]) if "scores" in inputs else context.view.score
    quality = problem.quality
    if quality is None and score:
        quality = read_column(context, f"score:{score}").astype(np.float64)
    ids = problem.cluster_id if problem.cluster_id is not None else cluster_of(context).astype(np.int64)
    has_tokens = any(known.key == "tokens" for known in columns_of(context))
    low, high = _limits(drawn, plan.options)
    return Sieve(
        exact=_exact(planned),
        drawn=drawn,
        low=low,
        high=high,
        score=score,
        clusters=ids,
        tokens=read_column(context, "tokens").astype(np.int64) if has_tokens else None,
        quality=quality,
        vectors=_vectors(context),
    )


def sift(sieve: Sieve, setting: Setting, *, near: CoverageSample | None = None) -> Sifted:
    """Exactly the rows that the job would pick at this setting, in numbers, beside a random pick of as many from the same rows.

    ``near`` is what ``sample_nearest`` found; without it nothing is said of coverage. Raises InvalidOptions.
    """
    options = sieve.options_at(setting)
    rows = sieve.drawn.picks(options)
    groups = sieve.clusters[rows]
    random = None
    if len(rows) and options.method != "random":
        random = _figures(sieve, sieve.drawn.random_picks(len(rows), options.seed), near)
    return Sifted(
        rows=rows,
        per_cluster=np.bincount(
            np.where(groups < 0, _n_groups(sieve), groups), minlength=_n_groups(sieve) + 1
        ),
        picked=_figures(sieve, rows, near),
        random=random,
    )


def sample_nearest(context: DatasetContext) -> CoverageSample | None:
    """What is nearest to a sample of rows, which makes the coverage of any selection a look-up; None without vectors.

    All rows where they are few; then coverage is what a comparison says. Takes a second or two for 100,000 rows.
    """
    vectors = _vectors(context)
    if vectors is None:
        return None
    n, d = vectors.shape
    m = int(min(n, MOST_SAMPLED, max(LEAST_SAMPLED, _PRODUCTS // (n * d))))
    rng = np.random.default_rng([SEED, 0])
    return sample_coverage(vectors, np.arange(n) if m == n else np.sort(rng.choice(n, m, replace=False)))


def _exact(planned: PlannedRun) -> dict[str, JSON]:
    return planned.plan.options.model_dump(mode="json")


def _figures(sieve: Sieve, rows: Int64s, near: CoverageSample | None) -> Figures:
    known = np.zeros(0) if sieve.quality is None else sieve.quality[rows]
    known = known[np.isfinite(known)]
    coverage = None
    if near is not None and sieve.vectors is not None and len(rows):
        coverage = coverage_of(nearest_picked(near, _mask(sieve, rows), sieve.vectors))
    return Figures(
        n_rows=len(rows),
        n_clusters_hit=int(np.count_nonzero(np.bincount(sieve.clusters[rows] + 1)[1:])),
        n_tokens=None if sieve.tokens is None else int(sieve.tokens[rows].sum()),
        quality=float(known.mean()) if known.size else None,
        coverage=coverage,
    )


def _mask(sieve: Sieve, rows: Int64s) -> Bools:
    mask = np.zeros(len(sieve.clusters), dtype=np.bool_)
    mask[rows] = True
    return mask


def _n_groups(sieve: Sieve) -> int:
    return int(sieve.clusters.max(initial=-1)) + 1


def _limits(drawn: OpenDraw, options: SelectOptions) -> tuple[float, float]:
    """The least and the most that a budget can be, in the unit asked for; a fraction counts all rows of the dataset."""
    problem = drawn.problem
    if problem.token_counts is None:
        scale = problem.n_rows if options.unit == "fraction" else 1
        return max(1, int(problem.pinned.sum())) / scale, int(drawn.available.sum()) / scale
    costs = problem.token_counts[drawn.available]
    least = max(int(costs.min(initial=1)), int(problem.token_counts[problem.pinned].sum()), 1)
    if problem.costs is not None:
        return problem.costs.in_units(least), problem.costs.in_units(int(costs.sum()))
    return float(least), float(costs.sum())


def _vectors(context: DatasetContext) -> Float32s | None:
    """The vectors that a comparison measures coverage by."""
    embeddings = context.view.embeddings
    if embeddings is None:
        return None
    text = next((one for one, file in VECTORS.items() if file in embeddings.manifest.files), "")
    return read_vectors(embeddings, text) if text else None
