"""A referee asked for: rows held out first, every method's selections at equal tokens, and the run that waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tamis.actions.grid import check_method_options
from tamis.actions.proxy_pool import DrawnPool, ProxyPool, ProxyRequest, draw_pool, prepare_pool
from tamis.actions.roles import needs
from tamis.actions.study_runs import StudyRun, study_runs
from tamis.actions.submit import HERE, RunTarget, Submission, lacking_for_target, plan_run, submit
from tamis.actions.worth import solved_weights
from tamis.errors import InvalidOptions, MissingExtra, UnknownName
from tamis.jobs.model import Job
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.steps.finetune.options import harness_missing
from tamis.steps.referee.options import RefereeOptions
from tamis.steps.referee.result import Ruling, read_ruling
from tamis.steps.referee.sentence import cost_text
from tamis.steps.referee.step import judged_title
from tamis.steps.resolve_targets import named_targets
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = [
    "LONGEST", "PRESETS", "REFINEMENT", "WORTH", "RefereeRequest", "Ruling", "cost_text", "list_referees", "methods_of",
    "read_ruling", "steered", "submit_referee", "judged_title", "with_target",
]  # fmt: skip

STEP = "referee"
LONGEST, REFINEMENT, GIVEN, WORTH, TOP = "longest", "refinement", "selection:", "worth:", "top_quality:"
RANDOM_EACH = 2  # draws of random in every block: its luck is the largest
ALWAYS = (BASELINE, LONGEST)
OWN = (
    "max_seeds",
    "equivalence_margin",
    "preset",
    "lm_eval_tasks",
    "lm_eval_limit",
)  # fields that the step has, too
# Whose methods are held against each other; random and longest are in every one.
PRESETS: Mapping[str, tuple[str, ...]] = {
    "dnc": ("top_quality", "k_center", "deita", "qdit", "km_closest", "km_random", "kmq", REFINEMENT),
    "token_length": (),
    # MIG's table but for ZIP and InsTag, which are not here.
    "mig": (f"{TOP}ifd", "deita", "car", "qdit", "mig"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefereeRequest(ProxyRequest):
    """What is held against random, at how many tokens, and how it is measured.

    A method is the name of a selector, ``refinement``, ``selection:ID``, a selection within the pool, or ``worth:ID``, rows drawn
    at random in the mixture that this worth solved, or ``top_quality:SCORE``, the highest of that score whatever ``quality`` is. ``methods`` of a preset come first. ``options`` holds
    those of a method by its name (for ``refinement`` those of refine). ``quality`` steers the methods that have no score of their
    own, ``target`` is what those that select for one go by, measured on, too, where its examples have answers.
    Every trained model answers ``lm_eval_tasks`` of the lm-evaluation-harness, too, ``lm_eval_limit`` rows of each at most; they
    are looked at beside and claim nothing.
    """

    methods: tuple[str, ...] = ()
    preset: str = ""
    max_seeds: int = 10
    quality: str = ""
    equivalence_margin: float = 0.02
    lm_eval_tasks: tuple[str, ...] = ()
    lm_eval_limit: int | None = None
    options: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)


def methods_of(request: RefereeRequest) -> list[str]:
    """Random, longest, and the others, each once; raises InvalidOptions and UnknownName."""
    if request.preset and request.preset not in PRESETS:
        raise UnknownName("preset", request.preset, PRESETS)
    named = [*ALWAYS, *PRESETS.get(request.preset, ()), *request.methods]
    for name in named:
        row = SELECTORS[name] if name != REFINEMENT and not name.startswith((GIVEN, WORTH, TOP)) else None
        if row is not None and not row.counts_tokens:
            raise InvalidOptions(
                f"{row.title} divides a number of rows, and rows are no fair budget: one of them may be ten of another. Leave "
                "it out, or select with it within the pool and give selection:ID."
            )
    _check_options(request, named)
    return list(dict.fromkeys(named))


def steered(request: RefereeRequest) -> list[str]:
    """The methods that select for a target."""
    named = [name for name in methods_of(request) if name in SELECTORS]
    return [name for name in named if "target" in SELECTORS[name].reads]


def with_target(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> RefereeRequest:
    """The request with the dataset's only target where a method selects for one and none is named.

    Raises InvalidOptions where there are several, ArtifactMissing where there is none.
    """
    if request.target or not steered(request):
        return request
    (only,) = named_targets(workspace, dataset_id, "")
    return replace(request, target=str(only.summary["name"]))


def _check_options(request: RefereeRequest, named: Sequence[str]) -> None:
    """Options of a method that is not there would be left out, and the verdict be on another than was meant."""
    takes = [name for name in named if not name.startswith((GIVEN, WORTH))]
    check_method_options(
        request.options, dict.fromkeys([*takes, *(name.partition(":")[0] for name in takes)])
    )


def draw_for_referee(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> DrawnPool:
    """The rows of ``draw_pool``, with twice the budget's tokens in the pool; raises InvalidOptions where it has fewer."""
    drawn = draw_pool(workspace, dataset_id, request, steers=bool(steered(request)))
    n_tokens = int(drawn.counted[drawn.split.pool].sum())
    if n_tokens < 2 * request.budget_tokens:
        raise InvalidOptions(
            f"The pool has {n_tokens:,} tokens and {request.budget_tokens:,} are to be selected: with less than twice as many "
            "all methods pick nearly the same. Lower budget_tokens, or hold out fewer rows."
        )
    return drawn


def prepare_referee(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> ProxyPool:
    """What ``draw_for_referee`` draws, kept for the steps that read it; nothing is queued."""
    return prepare_pool(workspace, dataset_id, request, draw_for_referee(workspace, dataset_id, request))


@needs("curator")
def submit_referee(
    workspace: Workspace, dataset_id: str, request: RefereeRequest, *, target: RunTarget = HERE
) -> Submission:
    """Queue every selection that is not there yet, and the referee, which waits for them.

    The selections are the referee's own; what they lack is queued ``first``. Raises InvalidOptions, UnknownName and
    ArtifactMissing before anything is queued.
    """
    names, request = methods_of(request), with_target(workspace, dataset_id, request)
    if request.lm_eval_tasks and harness_missing():
        raise MissingExtra("Tasks of the lm-evaluation-harness", "harness")
    parse_options(RefereeOptions, _referee_options(request, {BASELINE: ["a"], "-": ["b"]}, {}, "a", "b"))
    plan = prepare_referee(workspace, dataset_id, request)
    for name in names:
        if name.startswith(GIVEN):
            _check_given(workspace, dataset_id, name.removeprefix(GIVEN), plan)
        elif name == REFINEMENT:
            plan_run(workspace, dataset_id, "refine", _refinement(request, plan))
        else:
            _check_selection(
                workspace, dataset_id, _selections(workspace, dataset_id, request, plan, name)[0]
            )
    selections: dict[str, list[str]] = {}
    refined: dict[str, str] = {}
    first: dict[str, Job] = {}
    for name in names:
        if name == REFINEMENT:
            values = _refinement(request, plan)
            made = submit(workspace, dataset_id, "refine", values, target=target, standing="inside")
            refined[name] = made.job.artifact_id
        elif name.startswith(GIVEN):
            selections[name] = [name.removeprefix(GIVEN)]
        else:
            each = _selections(workspace, dataset_id, request, plan, name)
            done = [submit(workspace, dataset_id, "select", one, standing="inside") for one in each]
            selections[name] = [one.job.artifact_id for one in done]
            first |= {job.job_id: job for one in done for job in one.first}
    values = _referee_options(request, selections, refined, plan.held_out.id, plan.pool.id)
    values |= {"target": plan.target} if plan.target else {}
    return replace(submit(workspace, dataset_id, STEP, values, target=target), first=tuple(first.values()))


def _referee_options(
    request: RefereeRequest,
    selections: Mapping[str, Sequence[str]],
    refined: Mapping[str, str],
    held_out: str,
    pool: str,
) -> dict[str, JSON]:
    return {
        "methods": [name for name, ids in selections.items() for _ in ids],
        "selections": [one for ids in selections.values() for one in ids],
        "refined": list(refined),
        "refinements": list(refined.values()),
        "held_out": held_out,
        "pool": pool,
        **request.shared(),
    } | {name: getattr(request, name) for name in OWN}


def _selections(
    workspace: Workspace, dataset_id: str, request: RefereeRequest, plan: ProxyPool, name: str
) -> list[dict[str, JSON]]:
    """The options of every selection of a method, block after block; one for a method without chance."""
    if name.startswith(GIVEN):
        return [{}]
    row = SELECTORS["mixture" if name.startswith(WORTH) else name.partition(":")[0]]
    own = dict(request.options.get(name, request.options.get(row.name, {})))
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
    elif name.startswith(WORTH):
        made, weights = solved_weights(workspace, dataset_id, name.removeprefix(WORTH))
        shared |= {"method_options": {"weights": weights}, "clustering": made.manifest.inputs["clustering"]}
    elif name.startswith(TOP):
        shared |= {"quality": name.removeprefix(TOP)}
    elif request.quality and row.takes_quality:
        shared |= {"quality": request.quality}
    if "target" in row.reads and plan.target:
        shared |= {"target": plan.target}
    each = (RANDOM_EACH if name == BASELINE else 1) * request.max_seeds if row.random else 1
    return [{**shared, "seed": _draw_seed(request.seed, i)} for i in range(each)]


def _check_selection(workspace: Workspace, dataset_id: str, values: Mapping[str, JSON]) -> None:
    """Raises what planning it does; scores that are made first when it is submitted may be missing."""
    if not lacking_for_target(workspace, dataset_id, values):
        plan_run(workspace, dataset_id, "select", values)


def _draw_seed(seed: int, draw: int) -> int:
    """The seed of a draw; the same for all methods, which mix their names in."""
    return int(np.random.SeedSequence([seed, draw, 11]).generate_state(1)[0] >> 1)


def _refinement(request: RefereeRequest, plan: ProxyPool) -> dict[str, JSON]:
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


def _check_given(workspace: Workspace, dataset_id: str, selection: str, plan: ProxyPool) -> None:
    rows = read_selected_ids(workspace.artifacts.get(dataset_id, "selection", selection))
    outside = np.setdiff1d(rows, plan.split.pool)
    if len(outside):
        raise InvalidOptions(
            f"{len(outside):,} of the {len(rows):,} rows of selection {selection} are held out, like held-out ones, or cannot be "
            f"read: select within {plan.pool.id} (option within), which is the pool of this referee."
        )


def list_referees(workspace: Workspace, dataset_id: str) -> list[StudyRun]:
    """Every referee of a dataset that was ever asked for, newest first: one repeated until it pleases shows here."""
    return study_runs(workspace, dataset_id, STEP)
