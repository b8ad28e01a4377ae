"""What a referee says, as it is written and read: methods, pairs, looks, costs, and losses per cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

import orjson

from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

FILE = "referee.json"
Verdict = Literal["better", "worse", "equivalent", "not distinguishable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """One method: its mean ``loss`` and that of each seed, in nats per token, random's draws of a seed averaged.

    ``n_rows`` and ``n_passes`` are means over its trainings. ``in_top`` is whether none is claimed to beat it. ``cold`` and
    ``marginal`` are what selecting costs in trainings, from text and with cached vectors; None where that is not known.
    ``towards`` are the targets that its selections went by, none where it is empty.
    """

    name: str
    title: str
    loss: float
    loss_of_seeds: list[float]
    n_trainings: int
    n_rows: float
    n_passes: float
    in_top: bool
    cold: float | None = None
    marginal: float | None = None
    one_selection: bool = False
    towards: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """The second method against the first: ``difference`` of losses, negative where the second is better.

    ``half_width`` is of the interval at the level that decided, ``low`` to ``high`` for plots of the families' luck alone.
    ``seeds`` is the look that decided, the last one for what was not. ``row_fraction`` is the held-out rows' part of the
    variance, ``detectable`` the true difference that would have been claimed four times in five.
    """

    first: int
    second: int
    verdict: Verdict
    difference: float
    half_width: float
    standard_error: float
    df: float
    p: float
    level: float
    seeds: int
    row_fraction: float
    detectable: float
    low: float
    high: float
    equivalence_offered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookResult:
    """What was seen after so many seeds: per pair the difference and the half width at that look's level."""

    n_seeds: int
    level: float
    differences: list[float]
    half_widths: list[float]
    claimed: list[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResult:
    """The second method against random in one cluster: exploratory, with a Benjamini-Hochberg q over all of them."""

    method: int
    cluster_id: int
    n_rows: int
    n_families: int
    difference: float
    p: float
    q: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """A method against random on the examples of one target: exploratory, with a q over all targets and methods."""

    method: int
    target: str
    n_examples: int
    loss: float
    difference: float
    p: float
    q: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """A method in one metric of one task of the lm-evaluation-harness, beside ``random`` and the ``untrained`` model.

    Exploratory, with a q over all tasks and methods. ``p`` and ``q`` are None where nothing can be tested: too few questions,
    no value for each of them, or answers no better than ``chance`` by any method (``is_guessed``), which tell nothing.
    """

    method: int
    task: str
    metric: str
    n_questions: int | None
    value: float
    random: float
    untrained: float
    higher_is_better: bool | None = None
    chance: float | None = None
    is_guessed: bool = False
    p: float | None = None
    q: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """All of it; ``sentence`` is the answer."""

    sentence: str
    methods: list[MethodResult]
    pairs: list[PairResult]
    looks: list[LookResult]
    clusters: list[ClusterResult]
    n_seeds: int
    max_seeds: int
    n_families: int
    n_held_out: int
    n_held_out_tokens: int
    budget_tokens: int
    count: str
    base_loss: float
    equivalence_margin: float
    detectable: float
    top: list[int]
    best: int | None
    n_parameters: int
    training_flops: float
    dropped_blocks: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[TargetResult] = field(default_factory=list)
    tasks: list[TaskResult] = field(default_factory=list)

    def against_random(self) -> list[PairResult]:
        """The pairs with random, in the order of the methods."""
        return [pair for pair in self.pairs if pair.first == 0]


def write_bytes(result: Ruling) -> bytes:
    """As JSON; what is no number is null."""
    return orjson.dumps(asdict(result), option=orjson.OPT_INDENT_2)


def read_ruling(artifact: Artifact) -> Ruling:
    """The result of a finished referee."""
    raw: dict[str, JSON] = orjson.loads(artifact.file(FILE).read_bytes())
    parts = {"methods": MethodResult, "pairs": PairResult, "looks": LookResult, "clusters": ClusterResult}
    parts |= {"targets": TargetResult, "tasks": TaskResult}
    return Ruling(**raw | {name: [kind(**one) for one in raw.get(name, ())] for name, kind in parts.items()})
