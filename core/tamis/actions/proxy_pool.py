"""What every study by small trainings begins with: tokens of rows counted, families held out, and the pool that is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tamis.actions.row_tokens import keep_row_tokens, row_tokens
from tamis.compute.target.leaks import find_leaks
from tamis.errors import InvalidOptions
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.proxies.judged import judged_examples
from tamis.steps.proxies.preparation import PoolSplit, RowTokenCounts, split_pool
from tamis.steps.resolve_rows import look_at
from tamis.steps.resolve_targets import freeze_target, named_targets
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_examples
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import JSON, NOISE, Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRequest:
    """How each small model is trained and measured: what all trainings of a study share.

    ``n_held_out`` rows, at most, are held out, or those of a frozen scope ``held_out``. Losses of the examples of a ``target``,
    by name or several as first,second, are looked at beside: of its half that judges where it was split; no row of the pool is
    one of them.
    """

    budget_tokens: int = 20_000
    step_tokens: int = 1024
    count: str = "all"
    n_held_out: int = 500
    held_out: str = ""
    model: str = "smollm2"
    recipe: str = "sft_full"
    recipe_options: Mapping[str, JSON] = field(default_factory=dict)
    seed: int = 42
    target: str = ""

    def shared(self) -> dict[str, JSON]:
        """The options that every study's step has under the same names."""
        names = ("model", "recipe", "budget_tokens", "step_tokens", "count", "seed")
        return {name: getattr(self, name) for name in names} | {"recipe_options": dict(self.recipe_options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPool:
    """The rows that a study would have, and ``counted`` (n,) tokens of each."""

    split: PoolSplit
    counts: RowTokenCounts
    counted: Int64s

    @property
    def mean_tokens(self) -> float:
        """Tokens of a row of the pool."""
        return float(self.counted[self.split.pool].mean())

    @property
    def row_limit(self) -> int:
        """Tokens of the longest row."""
        return int(self.counted.max())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyPool(DrawnPool):
    """The same as artifacts, with the scores that say what a row costs and how long its answer is."""

    held_out: Artifact
    pool: Artifact
    costs: str
    lengths: str
    target: str = ""


def draw_pool(workspace: Workspace, dataset_id: str, request: ProxyRequest) -> DrawnPool:
    """Count tokens and hold rows out, the same for the same dataset, model, number and seed; nothing is written.

    Reads every text once. Raises InvalidOptions where too little is left.
    """
    store = workspace.artifacts
    _check_recipe(request)
    examples = store.examples(dataset_id)
    counts = row_tokens(store, dataset_id, request.model, request.recipe, request.recipe_options)
    clustering = look_at(workspace, dataset_id).clustering
    clusters = np.full(len(counts.all), NOISE) if clustering is None else read_cluster_ids(clustering)
    named = read_frozen(store.get(dataset_id, "rows", request.held_out)) if request.held_out else None
    readable = counts.all > 0
    if request.target:
        readable[_leaking(examples, named_targets(workspace, dataset_id, request.target))] = False
    split = split_pool(
        examples, readable, np.asarray(clusters, dtype=np.int64), request.n_held_out,
        model=request.model, workspace=workspace.path, seed=request.seed, named=named,
    )  # fmt: skip
    return DrawnPool(
        split=split, counts=counts, counted=counts.all if request.count == "all" else counts.response
    )


def prepare_pool(
    workspace: Workspace, dataset_id: str, request: ProxyRequest, drawn: DrawnPool | None = None
) -> ProxyPool:
    """The rows of ``draw_pool``, or those ``drawn``, and their tokens kept for the steps that read them; nothing is queued."""
    store = workspace.artifacts
    drawn = drawn or draw_pool(workspace, dataset_id, request)
    kept = keep_row_tokens(
        store, dataset_id, request.model, request.recipe, request.recipe_options, drawn.counts
    )
    return ProxyPool(
        split=drawn.split,
        counts=drawn.counts,
        counted=drawn.counted,
        held_out=freeze_rows(store, dataset_id, drawn.split.held_out, "held out by a study"),
        pool=freeze_rows(store, dataset_id, drawn.split.pool, "pool of a study"),
        costs=kept.all if request.count == "all" else kept.response,
        lengths=kept.length,
        target=freeze_target(workspace, dataset_id, request.target) if request.target else "",
    )


def _leaking(examples: Artifact, targets: Sequence[Artifact]) -> list[int]:
    """Rows that are an example that judges, or hold one."""
    judged = [judged_examples(one) for one in targets]
    if not any(one.examples for one in judged):
        named = " and ".join(repr(one.summary["name"]) for one in targets)
        raise InvalidOptions(
            f"No example of target {named} has an answer to be measured on: give prompts with responses."
        )
    table = read_examples(examples, ("prompt", "response"))
    texts = [[text or "" for text in table[name].to_pylist()] for name in ("prompt", "response")]
    sides = [one.texts for one in judged]
    asked = [[text for side in sides for text in side[i]] for i in (0, 1)]
    leaks, _ = find_leaks((texts[0], texts[1]), (asked[0], asked[1]))
    return [one.row for one in leaks]


def _check_recipe(request: ProxyRequest) -> None:
    options = parse_options(RECIPES[request.recipe].options, dict(request.recipe_options))
    assert isinstance(options, SftOptions)
    if options.max_length > request.step_tokens:
        raise InvalidOptions(
            f"A row may have {options.max_length:,} tokens (max_length) and a step has {request.step_tokens:,} "
            "(step_tokens): no row may be longer than a step. Lower the one or raise the other."
        )
