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
from tamis.steps.base_model import base_model_folder
from tamis.steps.proxies.judged import JudgedExamples, judged_examples, say_judged
from tamis.steps.proxies.preparation import (
    PoolSplit,
    RowTokenCounts,
    most_tokens,
    readable_examples,
    split_pool,
)
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
    by name or several as first,second, are looked at beside: of its half that judges where it was split, and of those that can
    be read; no row of the pool is one of them.
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
    """The rows that a study would have, and ``counted`` (n,) tokens of each; ``told`` is what targets are not measured on."""

    split: PoolSplit
    counts: RowTokenCounts
    counted: Int64s
    told: tuple[str, ...] = ()

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


def draw_pool(
    workspace: Workspace, dataset_id: str, request: ProxyRequest, *, steers: bool = False
) -> DrawnPool:
    """Count tokens and hold rows out, the same for the same dataset, model, number and seed; nothing is written.

    ``steers`` is whether something selects for the target, which need not be measured on then. Reads every text once. Raises
    InvalidOptions where too little is left and for a target that cannot be measured on.
    """
    store = workspace.artifacts
    _check_recipe(request)
    examples = store.examples(dataset_id)
    counts = row_tokens(store, dataset_id, request.model, request.recipe, request.recipe_options)
    clustering = look_at(workspace, dataset_id).clustering
    clusters = np.full(len(counts.all), NOISE) if clustering is None else read_cluster_ids(clustering)
    named = read_frozen(store.get(dataset_id, "rows", request.held_out)) if request.held_out else None
    readable = counts.all > 0
    told: list[str] = []
    if request.target:
        judged = [judged_examples(one) for one in named_targets(workspace, dataset_id, request.target)]
        told = [said for one in judged for said in _check_judged(workspace, request, one, steers=steers)]
        readable[_leaking(examples, judged)] = False
    split = split_pool(
        examples, readable, np.asarray(clusters, dtype=np.int64), request.n_held_out,
        model=request.model, workspace=workspace.path, seed=request.seed, named=named,
    )  # fmt: skip
    return DrawnPool(
        split=split, counts=counts, counted=counts.all if request.count == "all" else counts.response, told=tuple(told),
    )  # fmt: skip


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
        told=drawn.told,
        held_out=freeze_rows(store, dataset_id, drawn.split.held_out, "held out by a study"),
        pool=freeze_rows(store, dataset_id, drawn.split.pool, "pool of a study"),
        costs=kept.all if request.count == "all" else kept.response,
        lengths=kept.length,
        target=freeze_target(workspace, dataset_id, request.target) if request.target else "",
    )


def _check_judged(
    workspace: Workspace, request: ProxyRequest, judged: JudgedExamples, *, steers: bool
) -> list[str]:
    """What has to be known of targets that are not measured on whole; raises InvalidOptions for one that cannot be."""
    options, folder = _recipe(request), base_model_folder(request.model, workspace.path)
    read, limit = readable_examples(judged, folder, options), most_tokens(folder, options)
    for number, name in enumerate(judged.names):
        own = judged.part == number
        if not own.any() and not steers:
            raise InvalidOptions(
                f"No example of target {name!r} has an answer to be measured on: give prompts with responses, or leave it out."
            )
        if own.any() and not read[own].any():
            raise InvalidOptions(
                f"None of the {int(own.sum()):,} examples of target {name!r} with an answer can be read within {limit:,} tokens, "
                "so nothing can be measured on it: raise max_length (with step_tokens), or leave it out."
            )
    return say_judged(judged, judged.part[read], limit)


def _leaking(examples: Artifact, judged: Sequence[JudgedExamples]) -> list[int]:
    """Rows that are an example that judges, or hold one."""
    if not any(one.examples for one in judged):
        return []
    table = read_examples(examples, ("prompt", "response"))
    texts = [[text or "" for text in table[name].to_pylist()] for name in ("prompt", "response")]
    sides = [one.texts for one in judged]
    asked = [[text for side in sides for text in side[i]] for i in (0, 1)]
    leaks, _ = find_leaks((texts[0], texts[1]), (asked[0], asked[1]))
    return [one.row for one in leaks]


def _check_recipe(request: ProxyRequest) -> None:
    options = _recipe(request)
    if options.max_length > request.step_tokens:
        raise InvalidOptions(
            f"A row may have {options.max_length:,} tokens (max_length) and a step has {request.step_tokens:,} "
            "(step_tokens): no row may be longer than a step. Lower the one or raise the other."
        )


def _recipe(request: ProxyRequest) -> SftOptions:
    options = parse_options(RECIPES[request.recipe].options, dict(request.recipe_options))
    if not isinstance(options, SftOptions):
        raise InvalidOptions(
            f"{RECIPES[request.recipe].title} trains no language model on rows: take sft_full or sft_lora."
        )
    return options
