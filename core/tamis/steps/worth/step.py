"""worth: one training for every mixture of a design, and what their losses say of clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.compute.referee.cost import training_flops
from tamis.compute.worth.limits import USUAL_RUNS
from tamis.errors import CurationError
from tamis.steps.context import StepContext
from tamis.steps.execute import Task
from tamis.steps.finetune.company import unsure_of
from tamis.steps.proxies.judged import judged_examples, target_loss_sums, target_tokens
from tamis.steps.proxies.training import MIXTURE_TRAINING, loss_sums, loss_tokens, training_task
from tamis.steps.proxies.trainings import held_out_families, make_trainings, say_measured_on
from tamis.steps.worth.analysis import MeasuredRows, cell_results, group_results, heads_of, noise_of, weigh
from tamis.steps.worth.options import WorthOptions
from tamis.steps.worth.preparation import SuperClusters, design, super_clusters
from tamis.steps.worth.result import FILE, OF_TARGET, RunResult, WorthReport, read_report, report_bytes
from tamis.steps.worth.sentence import worth_sentence
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_clusters, read_scores
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, NOISE, Float64s, Int64s

NAMES_SHOWN = 2  # of the clusters in a super-cluster


def run(context: StepContext, options: WorthOptions) -> dict[str, JSON]:
    """Train every mixture of the design, fit, write worth.json; return the summary.

    Every training is an artifact of its own, so that a run that was stopped goes on from those that are there. Raises
    InvalidOptions for too few super-clusters or runs.
    """
    counted = np.nan_to_num(read_scores(context.input("tokens"))).astype(np.int64)
    joined = super_clusters(context.input("clustering"), counted, read_frozen(context.input("pool")), options)
    mixtures = _mixtures(context, joined, options)
    base, *proxies = make_trainings(context, _tasks(context, joined, mixtures, options))
    sums = np.array([np.concatenate([loss_sums(one), target_loss_sums(one)]) for one in proxies])
    sound = np.isfinite(sums).all(axis=1)
    if sound.sum() < len(joined.space.pool) + 2:
        raise CurationError(
            f"Only {int(sound.sum())} of {len(sums)} trainings ended with a loss that is a number: lower learning_rate."
        )
    result = _report(context, options, joined, base, (mixtures[sound], sums[sound]), _kept(proxies, sound))
    (context.output.path / FILE).write_bytes(report_bytes(replace(result, n_dropped=int((~sound).sum()))))
    return _summary(result, options)


def _mixtures(context: StepContext, joined: SuperClusters, options: WorthOptions) -> Float64s:
    """The design; where another worth is extended, its runs and the next ones that it named."""
    if not options.extends:
        return design(joined.space, options)
    before = read_report(context.input("extends"))
    more = before.narrow if options.search == "narrow" else before.improve
    return np.array([*(one.shares for one in before.runs), *more])


def _tasks(
    context: StepContext, joined: SuperClusters, mixtures: Float64s, options: WorthOptions
) -> list[Task]:
    """The model as it is, then a training for every mixture."""
    shared = ("examples", "held_out", "target")
    of_base = {role: artifact for role, artifact in context.inputs.items() if role in shared}
    given = of_base | {role: context.input(role) for role in ("pool", "clustering", "tokens")}
    groups = tuple(joined.groups.tolist())
    trained = [
        training_task(
            context.dataset_id,
            options.mixture(groups, tuple(shares), _seed_of(options.seed, i)),
            given,
            step=MIXTURE_TRAINING,
        )
        for i, shares in enumerate(mixtures.tolist())
    ]
    return [training_task(context.dataset_id, options.proxy(options.seed), of_base), *trained]


def _seed_of(seed: int, run: int) -> int:
    """Every run draws and orders its rows by itself, so that their luck averages out in the fit."""
    return int(np.random.SeedSequence([seed, run, 23]).generate_state(1)[0] >> 1)


def _kept(proxies: list[Artifact], sound: Float64s) -> list[Artifact]:
    return [one for one, is_sound in zip(proxies, sound, strict=True) if is_sound]


def _report(
    context: StepContext,
    options: WorthOptions,
    joined: SuperClusters,
    base: Artifact,
    measured: tuple[Float64s, Float64s],
    proxies: list[Artifact],
) -> WorthReport:
    held_out, (runs, sums) = read_frozen(context.input("held_out")), measured
    families = held_out_families(context.input("examples"), held_out)
    names = group_names(context.input("clustering"), joined.groups)
    judged = judged_examples(context.input("target")) if "target" in context.inputs else None
    targets = () if judged is None else judged.names
    rows = _rows(base, families, _groups_of(context, joined, held_out))
    heads = heads_of(names, targets, rows)
    losses = heads.losses(sums, rows.tokens)
    found = weigh(runs, losses, joined.space, options)
    parameters = int(base.summary["n_parameters"])
    result = WorthReport(
        sentence="",
        groups=group_results(names, joined, found), heads=heads.results, cells=cell_results(found),
        runs=[
            RunResult(shares=w, losses=one, n_passes=float(proxy.summary["n_passes"]), proxy=proxy.id)
            for w, one, proxy in zip(runs.tolist(), losses.tolist(), proxies, strict=True)
        ],
        difference=found.solved.difference, half_width=found.solved.half_width, promised=found.solved.promised,
        worth_changing=found.solved.worth_changing, enough_runs=len(runs) >= USUAL_RUNS * len(names),
        narrow=found.narrow.tolist(), improve=found.improve.tolist(),
        budget_tokens=options.budget_tokens, count=options.count,
        n_held_out=len(held_out), n_families=len(np.unique(families)),
        base_loss=float(base.summary["loss"]),
        pool_loss=float(found.process.predict(joined.space.pool[None])[0, -1]),
        noise=noise_of(found.process), model=options.model, n_parameters=parameters,
        training_flops=training_flops(parameters, options.budget_tokens),
        group_of_cluster=joined.groups.tolist(),
    )  # fmt: skip
    unsure = unsure_of(options.model, context.workspace, "held-out rows")
    of_targets = [] if judged is None else say_measured_on(context, options.proxy(0), base, judged)
    result.notes.extend([*([unsure] if unsure else []), *of_targets, *_notes(result)])
    return replace(result, sentence=worth_sentence(result))


def _rows(base: Artifact, families: Int64s, groups: Int64s) -> MeasuredRows:
    """Held-out rows, and every example of a target as a family of its own."""
    more, part = target_tokens(base)
    own = families.max(initial=-1) + 1 + np.arange(len(more))
    return MeasuredRows(
        np.concatenate([loss_tokens(base), more]),
        np.concatenate([families, own]),
        np.concatenate([groups, OF_TARGET - part]),
    )


def _groups_of(context: StepContext, joined: SuperClusters, rows: Int64s) -> Int64s:
    own = read_cluster_ids(context.input("clustering"))[rows].astype(np.int64)
    return np.where(own >= 0, joined.groups[own], NOISE)


def group_names(clustering: Artifact, groups: Int64s) -> list[str]:
    """What super-clusters are called: their largest clusters by name."""
    table = read_clusters(clustering)
    names = dict(zip(table["cluster_id"].to_pylist(), table["name"].to_pylist(), strict=True))
    sizes = np.zeros(len(groups))
    sizes[table["cluster_id"].to_numpy()] = table["size"].to_numpy()
    found = []
    for group in range(int(groups.max()) + 1):
        own = sorted(np.flatnonzero(groups == group).tolist(), key=lambda one: -float(sizes[one]))
        shown = [str(names.get(one) or f"cluster {one}") for one in own[:NAMES_SHOWN]]
        more = len(own) - len(shown)
        found.append(" + ".join(shown) + (f" + {more} more" if more else ""))
    return found


def _notes(result: WorthReport) -> list[str]:
    """What has to be known beside the numbers."""
    notes = [
        f"Repeats of one mixture differ by about {result.noise:.4f} nats per token; worths of less than their ± are not "
        "told from 0 and stand blank in the matrix."
    ]
    if not result.worth_changing:
        notes.append(
            f"The best mixture found seems {-result.difference:.4f} ± {result.half_width:.4f} better than the pool's shares; it was "
            f"chosen for seeming so, and {-result.promised:.4f} is what remains once a quarter is taken off for that."
        )
    again = max(one.n_passes for one in result.runs)
    if again > 1:
        notes.append(f"The mixture richest in one super-cluster read its rows {again:.1f} times.")
    notes.append(
        "A worth is of rows drawn at random inside the cluster, around this pool's shares, for this budget, recipe and model "
        f"of {result.n_parameters:,} parameters; a cluster that seems harmful may only be redundant here."
    )
    return notes


def _summary(result: WorthReport, options: WorthOptions) -> dict[str, JSON]:
    return {
        "sentence": result.sentence,
        "n_clusters": len(result.groups),
        "n_runs": len(result.runs),
        "n_clear": sum(one.is_clear for one in result.groups),
        "n_held_out": result.n_held_out,
        "n_families": result.n_families,
        "budget_tokens": options.budget_tokens,
        "model": options.model,
        "worth_changing": result.worth_changing,
        "promised": result.promised,
    }
