"""referee: blocks of trainings until every method is told from random or the seeds are used up, and what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.compute.referee.claims import SCHEMES
from tamis.compute.referee.cost import training_flops
from tamis.errors import CurationError, InvalidOptions
from tamis.selectors import SELECTORS
from tamis.steps.context import StepContext
from tamis.steps.execute import Task
from tamis.steps.finetune.company import unsure_of
from tamis.steps.proxies.judged import judged_examples, target_loss_sums, target_tokens
from tamis.steps.proxies.preparation import FEWEST_FAMILIES
from tamis.steps.proxies.training import KIND, loss_sums, loss_tokens, task_answers, training_task
from tamis.steps.proxies.trainings import held_out_families, make_trainings, say_measured_on
from tamis.steps.referee.analysis import (
    Losses,
    Standing,
    TargetLosses,
    cluster_results,
    is_over,
    methods_mean,
    pair_results,
    stand,
    target_results,
    top_and_best,
)
from tamis.steps.referee.costs import selecting_cost
from tamis.steps.referee.options import RefereeOptions
from tamis.steps.referee.result import FILE, MethodResult, Ruling, write_bytes
from tamis.steps.referee.sentence import sentence_of
from tamis.steps.referee.tasks import TaskAnswers, task_results
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.targets import read_target
from tamis.types import JSON, NOISE

TITLES = {"refinement": "Refinement"}


def run(context: StepContext, options: RefereeOptions) -> dict[str, JSON]:
    """Train and look until it is over; write referee.json; return the summary.

    Every training is an artifact of its own, so that a run that was stopped goes on from those that are there. Raises
    InvalidOptions for held-out rows of too few families and for a selection with held-out rows in it.
    """
    run_ = _Run(context, options)
    standing: Standing | None = None
    n_blocks = 0
    for n_blocks, _ in SCHEMES[options.max_seeds]:
        run_.train(n_blocks)
        standing = stand(run_.losses(n_blocks), options.max_seeds)
        if is_over(standing, len(run_.names)):
            break
    if standing is None:
        raise CurationError(
            f"Fewer than {min(SCHEMES)} of {n_blocks} seeds came to an end without a loss that is no number: lower "
            "learning_rate."
        )
    result = _result(run_, standing, run_.losses(n_blocks))
    (context.output.path / FILE).write_bytes(write_bytes(result))
    return _summary(result, options, run_)


class _Run:
    """The trainings of a referee: which there are, by block, method and draw."""

    def __init__(self, context: StepContext, options: RefereeOptions) -> None:
        self.context, self.options, self.names = context, options, options.names()
        self.store = ArtifactStore(context.workspace)
        self.held_out = read_frozen(context.input("held_out"))
        self.families = held_out_families(context.input("examples"), self.held_out)
        n_families = len(np.unique(self.families))
        if n_families < FEWEST_FAMILIES:
            raise InvalidOptions(
                f"The {len(self.held_out):,} held-out rows are of {n_families} families; fewer than {FEWEST_FAMILIES} cannot "
                "tell luck from difference: hold out more rows."
            )
        target = context.inputs.get("target")
        self.judged = None if target is None else judged_examples(target)
        self.selections = {role: self._selection(role) for name in self.names for role in self._roles(name)}
        self.base = self._task(None, options.seed)

    def _roles(self, name: str) -> list[str]:
        blocks = range(self.options.max_seeds)
        return list(dict.fromkeys(role for b in blocks for role in self.options.roles_of(name, b)))

    def _selection(self, role: str) -> Artifact:
        """What is trained on for a role; a refinement's last selection. None of its rows may be held out."""
        made = self.context.input(role)
        if made.kind == "refinement":
            made = self.store.get(self.context.dataset_id, "selection", str(made.summary["selection"]))
        shared = np.intersect1d(read_selected_ids(made), self.held_out)
        if len(shared):
            raise InvalidOptions(
                f"Selection {made.id} holds {len(shared):,} of the held-out rows: select within the pool of this referee."
            )
        return made

    def seed_of(self, block: int) -> int:
        """The seed of every training of a block: the same order of positions and the same chances for all methods."""
        return int(np.random.SeedSequence([self.options.seed, block, 7]).generate_state(1)[0] >> 1)

    def _task(self, selection: Artifact | None, seed: int) -> Task:
        proxy = self.options.proxy(seed, trained=selection is not None)
        # A target without an answer steers alone, and trainings are those of a referee without it.
        shared = ("examples", "held_out", *(("target",) if self.judged and self.judged.examples else ()))
        given = {role: artifact for role, artifact in self.context.inputs.items() if role in shared}
        return training_task(
            self.context.dataset_id, proxy, given | ({"selection": selection} if selection else {})
        )

    def tasks_of(self, block: int, name: str) -> list[Task]:
        """The trainings of a method in a block: two for a method that is drawn twice."""
        seed = self.seed_of(block)
        return [self._task(self.selections[role], seed) for role in self.options.roles_of(name, block)]

    def train(self, n_blocks: int) -> None:
        """Have every training of the first blocks made that is not there."""
        of_blocks = (t for b in range(n_blocks) for name in self.names for t in self.tasks_of(b, name))
        make_trainings(self.context, [self.base, *of_blocks])

    def proxies(self, n_blocks: int, name: str) -> list[Artifact]:
        """The finished trainings of a method."""
        tasks = [task for block in range(n_blocks) for task in self.tasks_of(block, name)]
        return [self.store.get(self.context.dataset_id, KIND, task.artifact_id) for task in tasks]

    def losses(self, n_blocks: int) -> Losses:
        """Losses of the first blocks; draws of one method in one block are averaged."""
        sums = np.stack([
            [np.mean([loss_sums(one) for one in self._of_block(block, name)], axis=0) for name in self.names]
            for block in range(n_blocks)
        ])  # fmt: skip
        clustering = self.context.inputs.get("clustering")
        clusters = (
            np.full(len(self.held_out), NOISE, dtype=np.int64)
            if clustering is None
            else read_cluster_ids(clustering)[self.held_out].astype(np.int64)
        )
        return Losses(
            sums=sums, tokens=loss_tokens(self.base_measured), families=self.families, clusters=clusters
        )

    def target_losses(self, n_blocks: int) -> TargetLosses | None:
        """Losses of the targets' examples after the first blocks; None without a target."""
        if self.judged is None:
            return None
        tokens, part = target_tokens(self.base_measured)
        sums = np.stack([
            [np.mean([target_loss_sums(one) for one in self._of_block(block, name)], axis=0) for name in self.names]
            for block in range(n_blocks)
        ])  # fmt: skip
        return TargetLosses(sums, tokens, part, self.judged.names)

    def towards(self, name: str) -> str:
        """The targets that the selections of a method went by, with shares where these differ."""
        made = self.selections[self._roles(name)[0]]
        target = self.store.find(self.context.dataset_id, "target", made.manifest.inputs.get("target", ""))
        if target is None:
            return ""
        held = read_target(target)
        return ", ".join(held.names) if len(set(held.shares)) == 1 else str(target.summary["name"])

    def task_answers(self, n_blocks: int) -> TaskAnswers:
        """Answers in tasks of the untrained model and after every training of the first blocks."""
        blocks = [
            [[task_answers(one) for one in self._of_block(block, name)] for name in self.names]
            for block in range(n_blocks)
        ]
        return TaskAnswers(task_answers(self.base_measured), blocks)

    def _of_block(self, block: int, name: str) -> list[Artifact]:
        return [
            self.store.get(self.context.dataset_id, KIND, t.artifact_id) for t in self.tasks_of(block, name)
        ]

    @property
    def base_measured(self) -> Artifact:
        """The model before any training, measured alike."""
        return self.store.get(self.context.dataset_id, KIND, self.base.artifact_id)


def _result(run_: _Run, standing: Standing, losses: Losses) -> Ruling:
    options, base = run_.options, run_.base_measured.summary
    top, best = top_and_best(standing, len(run_.names))
    pairs = pair_results(standing, losses, options.max_seeds, options.equivalence_margin, options.seed)
    parameters = int(base["n_parameters"])
    spent = training_flops(parameters, options.budget_tokens)
    dropped = np.flatnonzero(~losses.sound).tolist()
    result = Ruling(
        sentence="",
        methods=_methods(run_, losses, top, spent),
        pairs=pairs,
        looks=list(standing.looks),
        clusters=cluster_results(losses), targets=target_results(run_.target_losses(len(losses.sums)), losses.sound),
        tasks=task_results(run_.task_answers(len(losses.sums)), losses.sound),
        n_seeds=int(losses.sound.sum()), max_seeds=options.max_seeds,
        n_families=len(np.unique(losses.families)),
        n_held_out=len(losses.tokens), n_held_out_tokens=int(losses.tokens.sum()),
        budget_tokens=options.budget_tokens, count=options.count,
        base_loss=float(base["loss"]),
        equivalence_margin=options.equivalence_margin,
        detectable=float(np.median([pair.detectable for pair in pairs if pair.first == 0])),
        top=top, best=best, n_parameters=parameters, training_flops=spent, dropped_blocks=dropped,
    )  # fmt: skip
    result.notes.extend(_notes(run_, result))
    return replace(result, sentence=sentence_of(result))


def _methods(run_: _Run, losses: Losses, top: list[int], spent: float) -> list[MethodResult]:
    of_seeds = methods_mean(losses)
    n_rows = int(run_.context.input("examples").summary["n_examples"])
    found = []
    for i, name in enumerate(run_.names):
        proxies = run_.proxies(len(losses.sums), name)
        told = [one.summary for one in proxies]
        row_tokens = float(np.mean([one["n_selected"] / max(1, one["n_rows"]) for one in told]))
        roles, towards = run_._roles(name), run_.towards(name)
        cost = selecting_cost(run_.store, run_.context.input(roles[0]), row_tokens, n_rows)
        found.append(MethodResult(
            name=name, title=judged_title(name) + (f" (towards {towards})" if towards else ""), towards=towards, loss=float(of_seeds[:, i].mean()),
            loss_of_seeds=of_seeds[:, i].tolist(), n_trainings=len({one.id for one in proxies}),
            n_rows=float(np.mean([one["n_rows"] for one in told])),
            n_passes=float(np.mean([one["n_passes"] for one in told])), in_top=i in top,
            cold=_share(cost.cold, spent), marginal=_share(cost.marginal, spent), one_selection=len(roles) == 1,
        ))  # fmt: skip
    return found


def judged_title(name: str) -> str:
    """What a method is called in the answer."""
    if name == BASELINE:
        return "random"
    if name.startswith("worth:"):
        return f"Mixture of worth {name.removeprefix('worth:')[:6]}"
    if name.startswith("top_quality:"):
        return f"Top {name.removeprefix('top_quality:')}"
    return SELECTORS[name].title if name in SELECTORS else TITLES.get(name, name)


def _share(flops: float, spent: float) -> float | None:
    return float(flops / spent) if np.isfinite(flops) else None


def _notes(run_: _Run, result: Ruling) -> list[str]:
    """What has to be known beside the numbers."""
    notes = [one] if (one := unsure_of(run_.options.model, run_.context.workspace, "held-out rows")) else []
    if run_.judged is not None:
        notes += say_measured_on(run_.context, run_.options.proxy(0), run_.base_measured, run_.judged)
    fixed = [one.title for one in result.methods if one.one_selection]
    if fixed:
        notes.append(
            f"{', '.join(fixed)}: the same rows at every seed, so the interval speaks of this pool alone."
        )
    again = [f"{one.title} ({one.n_passes:.1f} passes)" for one in result.methods if one.n_passes > 1]
    if again:
        notes.append(
            f"Fewer tokens than the budget were selected, so rows were read again: {', '.join(again)}."
        )
    if result.dropped_blocks:
        notes.append(
            f"{len(result.dropped_blocks)} seeds were left out for all methods: a loss was no number."
        )
    rows = [pair.row_fraction for pair in result.against_random()]
    part = "held-out rows" if np.median(rows) > 0.5 else "seeds"
    notes.append(f"Most of the uncertainty is the luck of {part}: more of them would narrow it most.")
    if result.n_held_out < 500 or result.n_families < 200:
        notes.append("At least 500 held-out rows of 200 families are advised.")
    notes.append(
        f"It holds for this pool, this recipe and this model of {result.n_parameters:,} parameters; loss is "
        "not ability, and the order of methods may be another at another size."
    )
    return notes


def _summary(result: Ruling, options: RefereeOptions, run_: _Run) -> dict[str, JSON]:
    return {
        "sentence": result.sentence,
        "methods": run_.names,
        "towards": {one.name: one.towards for one in result.methods if one.towards},
        "verdicts": {result.methods[p.second].name: p.verdict for p in result.against_random()},
        "preset": options.preset,
        "n_seeds": result.n_seeds,
        "max_seeds": options.max_seeds,
        "n_families": result.n_families,
        "n_held_out": result.n_held_out,
        "budget_tokens": options.budget_tokens,
        "model": options.model,
        "n_trainings": sum(one.n_trainings for one in result.methods),
        "detectable": result.detectable,
    }
