"""A referee asked for: rows held out first, every method's selections at equal tokens, and the run that waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tamis.actions.roles import needs
from tamis.actions.row_tokens import keep_row_tokens
from tamis.actions.runs import list_runs
from tamis.actions.submit import HERE, RunTarget, Submission, plan_run, submit
from tamis.errors import InvalidOptions, UnknownName
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.steps.referee.options import RefereeOptions
from tamis.steps.referee.preparation import PoolSplit, split_pool
from tamis.steps.referee.result import Ruling, read_ruling
from tamis.steps.referee.sentence import cost_text
from tamis.steps.referee.step import judged_title
from tamis.steps.resolve_rows import look_at
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import JSON, NOISE

__all__ = [
    "LONGEST", "PRESETS", "REFINEMENT", "RefereeRequest", "Ruling", "cost_text", "list_referees", "methods_of",
    "read_ruling", "submit_referee", "judged_title",
]  # fmt: skip

STEP = "referee"
LONGEST, REFINEMENT, GIVEN = "longest", "refinement", "selection:"
RANDOM_EACH = 2  # draws of random in every block: its luck is the largest
ALWAYS = (BASELINE, LONGEST)
# Whose methods are held against each other; random and longest are in every one.
PRESETS: Mapping[str, tuple[str, ...]] = {
    "dnc": ("top_quality", "k_center", "deita", "qdit", "km_closest", "km_random", "kmq", REFINEMENT),
    "token_length": (),
    "mig": ("mig", "deita", "qdit", "facility_location", "k_center", "kmq"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefereeRequest:
    """What is held against random, at how many tokens, and how it is measured.

    A method is the name of a selector, ``refinement``, or ``selection:ID``, a selection within the pool. ``methods`` of a
    preset come first. ``options`` holds those of a method by its name (for ``refinement`` those of refine). ``n_held_out``
    rows, at most, are held out, or those of a frozen scope ``held_out``.
    """

    methods: tuple[str, ...] = ()
    preset: str = ""
    budget_tokens: int = 20_000
    step_tokens: int = 1024
    count: str = "all"
    max_seeds: int = 10
    n_held_out: int = 500
    held_out: str = ""
    model: str = "smollm2"
    recipe: str = "sft_full"
    recipe_options: Mapping[str, JSON] = field(default_factory=dict)
    quality: str = ""
    equivalence_margin: float = 0.02
    seed: int = 42
    options: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefereePlan:
    """A request made ready: the rows, and the scores that say what a row costs and how long its answer is."""

    split: PoolSplit
    held_out: Artifact
    pool: Artifact
    costs: str
    lengths: str
    mean_tokens: float
    row_limit: int


def methods_of(request: RefereeRequest) -> list[str]:
    """Random, longest, and the others, each once; raises InvalidOptions and UnknownName."""
    if request.preset and request.preset not in PRESETS:
        raise UnknownName("preset", request.preset, PRESETS)
    named = [*ALWAYS, *PRESETS.get(request.preset, ()), *request.methods]
    for name in named:
        row = SELECTORS[name] if name not in (LONGEST, REFINEMENT) and not name.startswith(GIVEN) else None
        if row is not None and not row.counts_tokens:
            raise InvalidOptions(
                f"{row.title} divides a number of rows, and rows are no fair budget: one of them may be ten of another. Leave "
                "it out, or select with it within the pool and give selection:ID."
            )
    return list(dict.fromkeys(named))


def prepare_referee(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> RefereePlan:
    """Count tokens and hold rows out, the same for the same dataset, model, number and seed; nothing is queued.

    Reads every text once. Raises InvalidOptions where too little is left.
    """
    store = workspace.artifacts
    _check_recipe(request)
    examples = store.examples(dataset_id)
    kept = keep_row_tokens(store, dataset_id, request.model, request.recipe, request.recipe_options)
    counts = kept.counts
    clustering = look_at(workspace, dataset_id).clustering
    clusters = np.full(len(counts.all), NOISE) if clustering is None else read_cluster_ids(clustering)
    named = read_frozen(store.get(dataset_id, "rows", request.held_out)) if request.held_out else None
    split = split_pool(
        examples, counts.all > 0, np.asarray(clusters, dtype=np.int64), request.n_held_out,
        model=request.model, workspace=workspace.path, seed=request.seed, named=named,
    )  # fmt: skip
    counted = counts.all if request.count == "all" else counts.response
    _check_pool(int(counted[split.pool].sum()), request)
    return RefereePlan(
        split=split,
        held_out=freeze_rows(store, dataset_id, split.held_out, "held out by a referee"),
        pool=freeze_rows(store, dataset_id, split.pool, "pool of a referee"),
        costs=kept.all if request.count == "all" else kept.response,
        lengths=kept.length,
        mean_tokens=float(counted[split.pool].mean()),
        row_limit=int(counted.max()),
    )


@needs("curator")
def submit_referee(
    workspace: Workspace, dataset_id: str, request: RefereeRequest, *, target: RunTarget = HERE
) -> Submission:
    """Queue every selection that is not there yet, and the referee, which waits for them.

    The selections are the referee's own. Raises InvalidOptions, UnknownName and ArtifactMissing before anything is queued.
    """
    names = methods_of(request)
    parse_options(RefereeOptions, _referee_options(request, {BASELINE: ["a"], "-": ["b"]}, {}, "a", "b"))
    plan = prepare_referee(workspace, dataset_id, request)
    for name in names:
        if name.startswith(GIVEN):
            _check_given(workspace, dataset_id, name.removeprefix(GIVEN), plan)
        elif name == REFINEMENT:
            plan_run(workspace, dataset_id, "refine", _refinement(request, plan))
        else:
            plan_run(workspace, dataset_id, "select", _selections(request, plan, name)[0])
    selections: dict[str, list[str]] = {}
    refined: dict[str, str] = {}
    for name in names:
        if name == REFINEMENT:
            values = _refinement(request, plan)
            refined[name] = submit(
                workspace, dataset_id, "refine", values, target=target, standing="inside"
            ).job.artifact_id
            continue
        selections[name] = [
            name.removeprefix(GIVEN)
            if name.startswith(GIVEN)
            else submit(workspace, dataset_id, "select", values, standing="inside").job.artifact_id
            for values in _selections(request, plan, name)
        ]
    values = _referee_options(request, selections, refined, plan.held_out.id, plan.pool.id)
    return submit(workspace, dataset_id, STEP, values, target=target)


def _referee_options(
    request: RefereeRequest,
    selections: Mapping[str, Sequence[str]],
    refined: Mapping[str, str],
    held_out: str,
    pool: str,
) -> dict[str, JSON]:
    given = (
        "model",
        "recipe",
        "budget_tokens",
        "step_tokens",
        "count",
        "max_seeds",
        "equivalence_margin",
        "preset",
        "seed",
    )
    return {
        "methods": [name for name, ids in selections.items() for _ in ids],
        "selections": [one for ids in selections.values() for one in ids],
        "refined": list(refined),
        "refinements": list(refined.values()),
        "held_out": held_out,
        "pool": pool,
        "recipe_options": dict(request.recipe_options),
    } | {name: getattr(request, name) for name in given}


def _selections(request: RefereeRequest, plan: RefereePlan, name: str) -> list[dict[str, JSON]]:
    """The options of every selection of a method, block after block; one for a method without chance."""
    if name.startswith(GIVEN):
        return [{}]
    row = SELECTORS["top_quality" if name == LONGEST and LONGEST not in SELECTORS else name]
    own = dict(request.options.get(name, {}))
    shared: dict[str, JSON] = {
        "method": row.name,
        # A row more than is trained on: what is left of the budget is never read again, only cut.
        "budget": request.budget_tokens + plan.row_limit,
        "unit": "cost",
        "cost": plan.costs,
        "within": plan.pool.id,
        "method_options": own,
    }
    if name == LONGEST:
        shared |= {"quality": plan.lengths}
    elif request.quality and row.uses("quality"):
        shared |= {"quality": request.quality}
    each = (RANDOM_EACH if name == BASELINE else 1) * request.max_seeds if row.random else 1
    return [{**shared, "seed": _draw_seed(request.seed, i)} for i in range(each)]


def _draw_seed(seed: int, draw: int) -> int:
    """The seed of a draw; the same for all methods, which mix their names in."""
    return int(np.random.SeedSequence([seed, draw, 11]).generate_state(1)[0] >> 1)


def _refinement(request: RefereeRequest, plan: RefereePlan) -> dict[str, JSON]:
    """A refinement of about as many rows as make the budget: its rows are counted, and read again where they are too few."""
    n_rows = int(np.ceil((request.budget_tokens + plan.row_limit) / plan.mean_tokens))
    own = dict(request.options.get(REFINEMENT, {}))
    quality = {"quality": request.quality} if request.quality else {}
    values: dict[str, JSON] = {
        "model": request.model,
        "budget": min(n_rows, len(plan.split.pool)),
        "seed": request.seed,
    }
    return {**values, **quality, **own, "within": plan.pool.id}


def _check_recipe(request: RefereeRequest) -> None:
    options = parse_options(RECIPES[request.recipe].options, dict(request.recipe_options))
    assert isinstance(options, SftOptions)
    if options.max_length > request.step_tokens:
        raise InvalidOptions(
            f"A row may have {options.max_length:,} tokens (max_length) and a step has {request.step_tokens:,} "
            "(step_tokens): no row may be longer than a step. Lower the one or raise the other."
        )


def _check_given(workspace: Workspace, dataset_id: str, selection: str, plan: RefereePlan) -> None:
    rows = read_selected_ids(workspace.artifacts.get(dataset_id, "selection", selection))
    outside = np.setdiff1d(rows, plan.split.pool)
    if len(outside):
        raise InvalidOptions(
            f"{len(outside):,} of the {len(rows):,} rows of selection {selection} are held out, like held-out ones, or cannot be "
            f"read: select within {plan.pool.id} (option within), which is the pool of this referee."
        )


def _check_pool(n_tokens: int, request: RefereeRequest) -> None:
    if n_tokens < 2 * request.budget_tokens:
        raise InvalidOptions(
            f"The pool has {n_tokens:,} tokens and {request.budget_tokens:,} are to be selected: with less than twice as many "
            "all methods pick nearly the same. Lower budget_tokens, or hold out fewer rows."
        )


@dataclass(frozen=True, slots=True)
class RefereeRun:
    """One line of the list of all referees of a dataset, with its answer or the state of its job."""

    artifact_id: str
    created_at: str
    state: str
    text: str


def list_referees(workspace: Workspace, dataset_id: str) -> list[RefereeRun]:
    """Every referee of a dataset that was ever asked for, newest first: one repeated until it pleases shows here."""
    return [
        RefereeRun(
            run.run_id, run.created_at, str(run.state),
            str(run.artifact.summary["sentence"]) if run.artifact is not None else f"{run.state}",
        )
        for run in list_runs(workspace, dataset_id, STEP)
    ]  # fmt: skip
