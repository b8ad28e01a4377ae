"""refine: a chain of rounds, each an artifact of its own, and what they add up to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.refine.draw import split_budget
from tamis.compute.refine.weights import fallen_fraction
from tamis.errors import ArtifactMissing, InvalidOptions, JobConflict
from tamis.registry import Table
from tamis.steps.context import Reporter, StepContext
from tamis.steps.execute import Task, execute
from tamis.steps.finetune.company import evaluated_rows, trained_before, unsure_text
from tamis.steps.plan import name_result
from tamis.steps.refine.options import RefineOptions, RoundOptions
from tamis.steps.refine.results import all_flags, all_picks, all_weights, write_selection
from tamis.steps.select.options import NO_QUALITY
from tamis.steps.spec import Step
from tamis.store.artifacts.refinements import FLAGS, PICKS, PREVIOUS, ROUND, WEIGHTS, round_chain
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON

WAIT_S = 1.0
STAGES = ("select", "train", "generate", "score", "update")
# Rounds are made by refine alone, so they stand in no list of steps that a person could start.
ROUNDS: Table[Step] = Table(
    "step",
    Step(
        name="refine_round",
        title="Round of a refinement",
        summary="Select, train, generate, score and reweigh once.",
        options=RoundOptions,
        target="tamis.steps.refine.round:run",
        makes=ROUND,
        stages=STAGES,
    ),
)


@dataclass(frozen=True, slots=True)
class _RoundReporter:
    """Says of every stage which round it belongs to."""

    outer: Reporter
    number: int
    n_rounds: int

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        self.outer.progress(f"round {self.number}/{self.n_rounds}: {stage}", done, total, message)

    def metric(self, name: str, value: float, position: float) -> None:
        self.outer.metric(f"round {self.number} {name}", value, position)


def run(context: StepContext, options: RefineOptions) -> dict[str, JSON]:
    """Run the rounds that are not there yet, then write weights, picks and flags of all; return the summary."""
    store = ArtifactStore(context.workspace)
    chain = _earlier_rounds(store, context)
    n_before = len(chain)
    n_examples = int(context.input("examples").summary["n_examples"])
    parts = split_budget(options.budget_rows(n_examples), options.rounds)
    selections = _selections_so_far(context)
    for number, n_rows in enumerate(parts, n_before + 1):
        reporter = _RoundReporter(context.reporter, number, n_before + len(parts))
        chain.append(_round(store, context, options, chain, number=number, n_rows=n_rows, reporter=reporter))
        selections.append(write_selection(store, context, options, chain).id)
    weights, picks, flags = all_weights(chain), all_picks(chain, context, options), all_flags(chain)
    for name, table in {WEIGHTS: weights, PICKS: picks, FLAGS: flags}.items():
        pq.write_table(table, context.output.path / name, compression="zstd")
    summary = _summary(options, chain, selections, weights=weights, picks=picks, n_before=n_before)
    summary["notes"] = [*_known_rows(context, options, n_examples), *summary["notes"]]
    return summary | _quality(context, options, summary["notes"])


def round_request(
    options: RefineOptions, inputs: Mapping[str, str], number: int, n_rows: int
) -> tuple[RoundOptions, str]:
    """The options of one round, and the id of what it makes from these inputs, the round before it among them."""
    asked = RoundOptions(settings=options.of_every_round(), round=number, n_rows=n_rows)
    return asked, name_result(ROUNDS["refine_round"], asked, inputs)


def _known_rows(context: StepContext, options: RefineOptions, n_examples: int) -> list[str]:
    """What has to be said of an adapter that was trained on rows whose answers it is to write, or may have been."""
    if options.static:  # nobody is asked for an answer
        return []
    known = trained_before(options.model, context.workspace)
    if not known.prompts:  # nothing to compare rows with
        return [said] if (said := unsure_text(known.unrecorded, known.untold)) else []
    rows = np.arange(n_examples, dtype=np.int64)
    found = evaluated_rows(context.input("examples"), rows, options.model, context.workspace)
    return [said] if (said := found.sentence(left_out=False)) else []


def _quality(context: StepContext, options: RefineOptions, notes: list[str]) -> dict[str, JSON]:
    """The quality that rows were drawn by, and a note where the one that was meant is not there."""
    named = context.inputs.get("scores")
    used = str(named.manifest.options["scorer"]) if named else NO_QUALITY
    meant = options.quality if options.control not in ("random", "km_random") else NO_QUALITY
    if used == meant:
        return {"quality": used}
    missing = f"There is no score {meant!r}, so inside a cluster every row had the same chance."
    return {"quality": used, "notes": [missing, *notes]}


def _earlier_rounds(store: ArtifactStore, context: StepContext) -> list[Artifact]:
    """The rounds of the refinement that this one goes on from; raises InvalidOptions when it cannot."""
    if "continue_from" not in context.inputs:
        return []
    earlier = context.input("continue_from")
    used = earlier.manifest.inputs.get("clustering", "")
    if used != context.input("clustering").id:
        raise InvalidOptions(
            f"Refinement {earlier.id} moved the weights of clustering {used}, and these rounds were given clustering "
            f"{context.input('clustering').id}: continue with clustering = {used}."
        )
    try:
        last = store.get(context.dataset_id, ROUND, earlier.summary["rounds"][-1])
        return round_chain(store, last)
    except ArtifactMissing as error:
        raise ArtifactMissing(
            f"{error} Refinement {earlier.id} cannot be continued without it: start a new one."
        ) from error


def _selections_so_far(context: StepContext) -> list[str]:
    if "continue_from" not in context.inputs:
        return []
    return list(context.input("continue_from").summary["selections"])


def _round(
    store: ArtifactStore,
    context: StepContext,
    options: RefineOptions,
    chain: list[Artifact],
    *,
    number: int,
    n_rows: int,
    reporter: Reporter,
) -> Artifact:
    """The round after ``chain``, computed unless it is there; waits while another job computes the same one."""
    given = {role: artifact for role, artifact in context.inputs.items() if role != "continue_from"}
    if chain:
        given[PREVIOUS] = chain[-1]
    inputs = {role: artifact.id for role, artifact in given.items()}
    round_options, identifier = round_request(options, inputs, number, n_rows)
    task = Task(
        dataset_id=context.dataset_id,
        step="refine_round",
        options=round_options.model_dump(mode="json"),
        inputs=inputs,
        input_kinds={role: artifact.kind for role, artifact in given.items()},
        artifact_id=identifier,
    )
    while True:
        try:
            return execute(store, task, reporter, steps=ROUNDS, parallel=context.parallel)
        except JobConflict:
            reporter.progress("wait", 0, 0, "another job computes this round")
        time.sleep(WAIT_S)


def _summary(
    options: RefineOptions,
    chain: list[Artifact],
    selections: list[str],
    *,
    weights: pa.Table,
    picks: pa.Table,
    n_before: int,
) -> dict[str, JSON]:
    summaries = [one.summary for one in chain]
    n_planned = sum(int(one.manifest.options["n_rows"]) for one in chain)
    fallen = _fallen(weights, picks)
    return {
        "method": "refinement",
        "mode": options.mode,
        "scorer": "none" if options.static else options.scorer,
        "control": options.control,
        "cheap": options.cheap,
        "n_rounds": len(chain),
        "n_rounds_before": n_before,
        "rounds": [one.id for one in chain],
        "selections": list(selections),
        "selection": selections[-1],
        "budget": n_planned,
        "unit": "rows",
        "n_selected": picks.num_rows,
        "shortfall": n_planned - picks.num_rows,
        "n_flags": sum(int(one["n_flags"]) for one in summaries),
        "n_scored": sum(int(one["n_scored"]) for one in summaries),
        "n_not_scored": sum(int(one["n_not_scored"]) for one in summaries),
        "n_empty": sum(int(one["n_empty"]) for one in summaries),
        "rank_correlations": [one["rank_correlation"] for one in summaries],
        "fallen_fraction": fallen if np.isfinite(fallen) else None,
        "notes": [f"Round {one['round']}: {note}" for one in summaries for note in one["notes"]],
    }


def _fallen(weights: pa.Table, picks: pa.Table) -> float:
    """Share of the picks in clusters that ended below half their first weight."""
    numbers, ids = weights["round"].to_numpy(), weights["cluster_id"].to_numpy()
    moved = weights["weight"].to_numpy()
    first, last = numbers == 0, numbers == numbers.max()
    place: Mapping[int, int] = {int(cluster): at for at, cluster in enumerate(ids[first])}
    budget = np.zeros(len(place))
    for cluster in picks["cluster_id"].to_numpy():
        budget[place[int(cluster)]] += 1
    return fallen_fraction(budget, moved[first], moved[last])
