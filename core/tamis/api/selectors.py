"""The selection methods on arrays, without a workspace: for the same seed the rows that the step ``select`` picks.

All take the same arguments, so that methods can be compared in a loop; a method ignores what it has no use for:

``embeddings`` (n, d), one vector per row, any float type; used at length 1. NaN and infinity are refused; a zero vector has
    cosine 0 with every other.
``quality`` (n,), higher is better, any range; NaN is "not scored", and each method says what it does with it.
``non_negative`` declares that quality is never below 0, the worst there is; where a chance grows with quality, twice the
    quality is then twice the chance (as for ``weighting="linear"``), else the chance goes by rank.
``budget`` rows to pick, or tokens when ``token_counts`` (n,) are given, or what ``costs`` (n,) add up to, in their unit; never
    exceeded. A cost is above 0 for every row that may be picked.
``seed`` of every draw, k-means included.
``clusters`` what ``tamis.kmeans`` returns, or one id per row (-1: outside). Left out, a method that needs them makes
    them from ``embeddings``: ``n_clusters`` of them, 0 to choose the number by silhouette.
``groups`` (n,), for ``stratified`` alone: fractions are cut at quantiles, all else is grouped by value (None or -1: no
    group).
``targets`` for the methods that select for one: vectors of examples (E, d) like ``embeddings``, or several such arrays by
    name, with their ``shares`` by name (all alike when left out). Rows that are the target are to be excluded by the caller.
``pinned`` rows that are always picked, ``excluded`` rows that never are: a mask (n,), or row numbers.

Each returns a ``SelectedRows``: ``ids`` (b,) int64 in the order picked, ``cluster_ids``, ``weights``, ``shortfall``,
``quality_gain`` and more. Each raises ``InvalidOptions`` for a budget below 1, more pins than budget, a row both pinned
and excluded, arrays of different length, a missing array and an unknown option; ``CurationError`` for vectors that hold
NaN. Formulas, departures from the papers and costs are in METHODS.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.api.array_inputs import (
    a_number,
    cluster_arrays,
    count_rows,
    group_arrays,
    numbers,
    refuse_linear_odds,
    refuse_missing,
    row_mask,
    target_arrays,
    unit_vectors,
    whole_counts,
    whole_number,
)
from tamis.api.array_methods import kmeans
from tamis.api.array_results import ClusteredRows, SelectedRows
from tamis.compute.select.costs import cost_steps
from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.selectors import SELECTORS, Selector
from tamis.selectors.problem import Answer, Problem, method_seed
from tamis.selectors.quality import gain_of
from tamis.types import NOISE, Bools, Int64s

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tamis.registry import Options

Described = Callable[..., None]
Picker = Callable[..., SelectedRows]
_BY_PLACE = ("embeddings", "quality")
_OF_DATASETS = frozenset(
    {"column", "similarity", "labels"}
)  # options that name something of a dataset; an array stands in their place here


def _pick(
    row: Selector,
    embeddings: ArrayLike | None = None,
    quality: ArrayLike | None = None,
    *,
    budget: float,
    seed: int = 42,
    clusters: ClusteredRows | ArrayLike | None = None,
    n_clusters: int = 0,
    groups: ArrayLike | None = None,
    targets: ArrayLike | Mapping[str, ArrayLike] | None = None,
    shares: Mapping[str, float] | None = None,
    non_negative: bool = False,
    token_counts: ArrayLike | None = None,
    costs: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    n_rows: int | None = None,
    **options: Any,  # noqa: ANN401 - checked by the method's options type
) -> SelectedRows:
    given: dict[str, Any] = {
        "embeddings": embeddings,
        "quality": numbers(quality, "quality"),
        "clusters": clusters,
        "groups": groups,
        "targets": targets,
        "token_counts": whole_counts(token_counts, "token_counts"),
        "costs": numbers(costs, "costs"),
    }
    seed = whole_number(seed, "seed")
    chosen = parse_options(row.options, options)
    n = count_rows({name: value for name, value in given.items() if name != "targets"}, n_rows)
    refuse_missing(row, given)
    refuse_linear_odds(chosen, given["quality"])
    vectors = None
    if embeddings is not None and (row.uses("embeddings") or row.uses("clustering")):
        vectors = unit_vectors(embeddings)
    if row.uses("clustering") and clusters is None and vectors is not None:
        given["clusters"] = kmeans(vectors, whole_number(n_clusters, "n_clusters"), seed=seed)
    problem = Problem(
        n_rows=n,
        **_budgeted(given, budget, row_mask(pinned, n, "pinned"), row_mask(excluded, n, "excluded")),
        seed=method_seed(seed, row.name),
        vectors=vectors if row.uses("embeddings") else None,
        quality=given["quality"] if row.uses("quality") else None,
        non_negative=non_negative,
        target=target_arrays(embeddings, targets, shares) if row.uses("target") else None,
        **_grouped(given, chosen, vectors),
    )
    answer: Answer = row.load()(problem, chosen)
    return _result(row, problem, answer, chosen, seed)


def _budgeted(given: dict[str, Any], budget: object, pinned: Bools, excluded: Bools) -> dict[str, Any]:
    """What may be spent, in rows, tokens or steps of a cost, and on which rows."""
    masks: dict[str, Any] = {"pinned": pinned, "excluded": excluded}
    if given["costs"] is None:
        what = "a whole number of rows or tokens"
        return {
            **masks,
            "budget": whole_number(budget, "budget", what),
            "token_counts": given["token_counts"],
        }
    costs = cost_steps(given["costs"], a_number(budget, "budget", "what the costs may add up to"), **masks)
    return {**masks, "budget": costs.budget, "token_counts": costs.steps, "costs": costs}


def _grouped(given: dict[str, Any], chosen: Options, vectors: Any) -> dict[str, Any]:  # noqa: ANN401
    """The clusters and groups of the problem, as far as they are given."""
    group_codes: dict[str, Any] = {}
    if given["clusters"] is not None:
        ids, n_clusters, distance = cluster_arrays(given["clusters"], vectors)
        group_codes |= {"cluster_id": ids, "n_clusters": n_clusters, "distance": distance}
    if given["groups"] is not None:
        codes, n_groups = group_arrays(given["groups"], getattr(chosen, "n_bins", 0))
        group_codes |= {"codes": codes, "n_groups": n_groups}
    return group_codes


def _result(row: Selector, problem: Problem, answer: Answer, chosen: Options, seed: int) -> SelectedRows:
    rows: Int64s = answer.rows.astype(np.int64)
    cluster_of = problem.cluster_id if problem.cluster_id is not None else np.full(problem.n_rows, NOISE)
    made = SelectedRows(
        method=row.name,
        ids=rows,
        cluster_ids=cluster_of[rows],
        weights=answer.selection.weight,
        n_rows=problem.n_rows,
        budget=problem.budget if problem.costs is None else problem.costs.in_units(problem.budget),
        seed=seed,
        shortfall=int(answer.selection.shortfall),
        unused_tokens=answer.unused_tokens if problem.costs is None else None,
        unused_cost=None if problem.costs is None else problem.costs.in_units(answer.unused_tokens or 0),
        n_forced=int(answer.selection.n_forced),
        n_unscored=0 if problem.quality is None else int(np.isnan(problem.quality).sum()),
        quality_gain=gain_of(problem, chosen, answer),
        options=chosen.model_dump(mode="json", exclude=set(_OF_DATASETS)),
        notes={name: note for name, note in answer.notes.items() if name not in _OF_DATASETS},
    )
    for array in (made.ids, made.cluster_ids, made.weights):
        array.flags.writeable = False
    return made


def _check_call(name: str, n_arrays: int, arguments: dict[str, Any]) -> None:
    """Raise InvalidOptions for a call that no function could take, in the words of the method."""
    twice = [one for one in _BY_PLACE[:n_arrays] if one in arguments]
    if n_arrays > len(_BY_PLACE) or twice:
        raise InvalidOptions(
            f"tamis.{name} takes {' and '.join(_BY_PLACE)} by place, each once, and all else by name: budget=100."
        )
    if "budget" not in arguments:
        raise InvalidOptions(f"tamis.{name} needs a budget, the rows to pick: tamis.{name}(…, budget=100).")


def _method(described: Described) -> Picker:
    """The method of the table by that name; the function gives its documentation, the options type the rest."""
    row = SELECTORS[described.__name__]

    @wraps(described)
    def pick(*arrays: Any, **arguments: Any) -> SelectedRows:  # noqa: ANN401 - see the signature set below
        _check_call(row.name, len(arrays), arguments)
        return _pick(row, *arrays, **arguments)

    fields = {name: field for name, field in row.options.model_fields.items() if name not in _OF_DATASETS}
    shared = [p for p in inspect.signature(_pick).parameters.values() if p.name not in ("row", "options")]
    own = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation
        )
        for name, field in fields.items()
    ]
    signature = inspect.Signature([*shared, *own], return_annotation=SelectedRows)
    pick.__signature__ = signature  # type: ignore[attr-defined]
    lines = [f"    {name}: {field.description} (default {field.default!r})" for name, field in fields.items()]
    options = "\n\nOptions:\n" + "\n".join(lines) if lines else ""
    text = f"{row.summary}\n\n{inspect.getdoc(described)}{options}"
    pick.__doc__ = f"{text}\n\nArguments and result are those of every method: help({__name__!r})."
    return pick


@_method
def kmq() -> None:
    """The budget is divided over clusters, then drawn inside each with a chance that grows with quality.

    Not scored (NaN) counts as the median of the row's cluster. Without quality all rows of a cluster are alike. The paper's
    odds are ``weighting="linear"``, which is refused for a quality that is negative somewhere. Yu et al., Diversify and
    Conquer, arXiv 2409.11378, section 3.1; METHODS.md 1.1 and 1.8.
    """


@_method
def random() -> None:
    """Uniform without replacement; says how many rows there are by ``n_rows``, or by any array. METHODS.md 1.3."""


@_method
def stratified() -> None:
    """The budget is divided over ``groups`` (n,); rows of no group are one more. METHODS.md 1.3."""


@_method
def top_quality() -> None:
    """Not scored (NaN) comes last, or never; ties go to the lowest row. METHODS.md 1.3."""


@_method
def km_random() -> None:
    """The method kMQ without quality. Yu et al., arXiv 2409.11378; METHODS.md 1.3."""


@_method
def car() -> None:
    """``per_cluster`` rows of the best quality of each cluster, then the best of all. CaR, arXiv 2402.18191; METHODS.md 4.16."""


@_method
def grape() -> None:
    """``quality`` (n,): mean log-probability of an answer's tokens; ``groups`` (n,): its prompt. GRAPE, arXiv 2502.04194; METHODS.md 4.15."""


@_method
def longest() -> None:
    """By ``quality`` (n,): how long a response is, in tokens or words; NaN comes last. The baseline of 2410.09335; METHODS.md 1.3."""


@_method
def mixture() -> None:
    """The budget is divided over clusters by ``weights``, a share by cluster id; METHODS.md 1.3."""


@_method
def km_closest() -> None:
    """The budget is divided over clusters; of each the rows nearest to its centroid by cosine.

    With ``clusters`` as bare ids the centroids are the means of ``embeddings``, which must then be given. Yu et al., arXiv
    2409.11378; METHODS.md 1.3.
    """


@_method
def kmq_released() -> None:
    """Equal quotas int(b / K), a softmax over whole scores, and the shortfall that both leave; for comparison only.

    github.com/for-ai/iterative-data-selection as it ran; METHODS.md 1.7.
    """


@_method
def k_center() -> None:
    """Greedy farthest point, a 2-approximation of the smallest largest gap. Sener and Savarese, arXiv 1708.00489;
    METHODS.md 1.3.
    """


@_method
def deita() -> None:
    """Rows by ``quality`` descending; one is kept unless it is too near to one that is kept.

    Not scored (NaN) comes last, or never. Liu et al., arXiv 2312.15685; METHODS.md 4.1.
    """


@_method
def qdit() -> None:
    """Greedy on (1 − alpha) · gain in coverage + alpha · quality, both scaled to [0, 1].

    Not scored (NaN) counts as the median of the pool. Bukharin et al., arXiv 2311.14736; METHODS.md 4.2.
    """


@_method
def facility_location() -> None:
    """Greedy on the mean over the pool of the cosine to the nearest picked row: at least 1 − 1/e of the best possible.

    Nemhauser et al. 1978; METHODS.md 4.2 with alpha 0.
    """


@_method
def semdedup() -> None:
    """Of rows of one cluster whose cosine exceeds ``threshold`` one stays; the budget is picked from what is left.

    Not scored (NaN) as in ``top_quality`` or ``kmq``, whichever is asked for then. Abbas et al., arXiv 2303.09540;
    METHODS.md 4.6.
    """


@_method
def target_round_robin() -> None:
    """Targets take turns by their shares, and within each its examples; each turn takes the unused row of the highest cosine.

    After m rows each of equal targets is within one of m/T. After Ivison et al., arXiv 2503.01807; METHODS.md 4.10.
    """


@_method
def spread_then_target() -> None:
    """The method kMQ with each row's highest cosine to an example as its quality. METHODS.md 4.10."""


@_method
def log_det() -> None:
    """Greedy on the log-determinant of the picks' kernel. Chen, Zhang and Zhou, arXiv 1709.05135; METHODS.md 4.11."""


@_method
def novel_select() -> None:
    """Greedy on cosine distance weighed by how crowded the pool is, out of a random part of it at every step.

    Yang et al., arXiv 2502.17184; METHODS.md 4.12.
    """


@_method
def mig() -> None:
    """Greedy on Σ φ over clusters of what their rows tell them, φ(x) = x^0.8, clusters alike telling each other.

    Not scored (NaN) counts as the median of the pool; negative quality is moved up to 0. Chen et al., arXiv 2504.13835;
    METHODS.md 4.13.
    """
