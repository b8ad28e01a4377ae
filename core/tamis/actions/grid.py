"""Several methods at one budget with several seeds, and the comparison of all of them, submitted at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tamis.actions.roles import needs
from tamis.actions.submit import HERE, RunTarget, Submission, submit
from tamis.errors import InvalidOptions, UnknownName
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.steps.compare.options import MAX_COMPARED
from tamis.steps.resolve_targets import freeze_target, reads_target
from tamis.steps.select.options import NO_QUALITY, SelectOptions
from tamis.store.workspace import Workspace
from tamis.types import JSON

MAX_SEEDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What to draw: every method with every seed at one budget; ``cost`` is what a row costs, where the unit is cost.

    ``options`` holds the options of a method by its name, ``shared`` what all selections have in common besides
    (``within``, ``clustering``, and ``target``, which those that select for one go by), ``compare`` the options of the
    comparison. A method without chance is run once.
    """

    methods: tuple[str, ...]
    budget: float
    unit: str = "rows"
    cost: str = ""
    n_seeds: int = 1
    first_seed: int = 42
    quality: str = ""
    options: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    shared: Mapping[str, JSON] = field(default_factory=dict)
    compare: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubmittedGrid:
    """The jobs of the selections, in the order of the requests, and the job of the comparison that waits for them."""

    selections: tuple[Submission, ...]
    comparison: Submission


def check_method_options(options: Mapping[str, object], methods: Iterable[str]) -> None:
    """Options of a method that is not there would be left out in silence: raises UnknownName for them, InvalidOptions for no object."""
    known = list(methods)
    for name, values in options.items():
        if name not in known:
            raise UnknownName("method with options", name, known)
        if not isinstance(values, Mapping):
            raise InvalidOptions(f"The options of {name} are {values!r}: give an object with their names.")


def grid_requests(grid: Grid) -> list[dict[str, JSON]]:
    """The options of every selection of the grid; raises InvalidOptions and UnknownName for a grid that cannot be."""
    if not 1 <= grid.n_seeds <= MAX_SEEDS:
        raise InvalidOptions(f"{grid.n_seeds} seeds: give 1 to {MAX_SEEDS}.")
    check_method_options(grid.options, grid.methods)
    requests = [
        _request(grid, name, seed) for name in dict.fromkeys(grid.methods) for seed in _seeds(grid, name)
    ]
    for values in requests:
        parse_options(SelectOptions, values).needs()  # raises for what can be known without the data
    if not 2 <= len(requests) <= MAX_COMPARED:
        raise InvalidOptions(
            f"A comparison holds 2 to {MAX_COMPARED} selections, and with these methods and seeds it would be "
            f"{len(requests)}: take {'more' if len(requests) < 2 else 'fewer'} of them."
        )
    return requests


@needs("curator")
def submit_grid(
    workspace: Workspace,
    dataset_id: str,
    grid: Grid,
    *,
    target: RunTarget = HERE,
) -> SubmittedGrid:
    """Queue every selection that is not there yet, and the comparison, which waits for them.

    The selections are the comparison's own until a person keeps one, apart from those that were there before.
    Raises InvalidOptions and UnknownName before anything is queued, and ArtifactMissing for what a method reads and the
    dataset lacks; methods before that one are queued by then, and stay.
    """
    requests = [_for_its_target(workspace, dataset_id, one) for one in grid_requests(grid)]
    selections = tuple(
        submit(workspace, dataset_id, "select", one, target=target, standing="inside") for one in requests
    )
    named = sorted({submission.job.artifact_id for submission in selections})
    if len(named) < 2:
        raise InvalidOptions("All of these are one and the same selection: take other methods or seeds.")
    values: dict[str, JSON] = {"selections": named, **grid.compare}
    if grid.quality and grid.quality != NO_QUALITY:
        values.setdefault("quality", grid.quality)
    return SubmittedGrid(selections, submit(workspace, dataset_id, "compare", values, target=target))


def _seeds(grid: Grid, name: str) -> list[int]:
    return [grid.first_seed + i for i in range(grid.n_seeds if SELECTORS[name].random else 1)]


def _request(grid: Grid, name: str, seed: int) -> dict[str, JSON]:
    row = SELECTORS[name]
    values: dict[str, JSON] = {
        **grid.shared,
        "method": name,
        "budget": grid.budget,
        "unit": grid.unit,
        "seed": seed,
        "method_options": dict(grid.options.get(name, {})),
    }
    if "target" not in row.reads:
        values.pop("target", None)
    if grid.cost:
        values["cost"] = grid.cost
    if grid.quality and row.takes_quality:
        values["quality"] = grid.quality
    return values


def _for_its_target(workspace: Workspace, dataset_id: str, values: dict[str, JSON]) -> dict[str, JSON]:
    """With the target that it goes by as an artifact; of several that are there one has to be named."""
    if not reads_target("select", values):
        return values
    return values | {"target": freeze_target(workspace, dataset_id, str(values.get("target") or ""))}
