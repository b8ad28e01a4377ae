"""ALC3 where the truth is known: labels are flipped, a person who knows is asked, and a probe is measured on clean rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tamis.compute.clear.alc3 import AnsweredBatch, confidence_limit, plan_round
from tamis.compute.clear.label_doubt import LabelDoubt, doubt_labels, fit, predict, read_doubt
from tamis.types import Bools, Float32s, Float64s, Int64s

Policy = Literal["alc3", "own", "random", "in_sample"]
POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTask:
    """Vectors (n, d) with true labels (n,), of which ``test`` (n,) are measured on, clean, and never trained on."""

    vectors: Float32s
    truth: Int64s
    test: Bools
    flip_fraction: float = 0.2
    n_ask: int = 14
    n_rounds: int = 14
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Curve:
    """By round, from before the first: labels that people gave, accuracy of the probe on clean rows, and labels wrong in
    what it was trained on. ``n_planted`` labels were flipped; ``n_corrected`` of ``n_corrections`` automatic ones were right.
    ``clean`` is the accuracy with no label flipped.
    """

    n_annotated: list[int]
    accuracy: list[float]
    n_wrong: list[int]
    n_planted: int
    clean: float
    n_corrections: int
    n_corrected: int

    def needed(self, slack: float = 0.005) -> float:
        """Annotations until the probe is within ``slack`` of clean labels; infinity where it never is."""
        reached = (
            n for n, one in zip(self.n_annotated, self.accuracy, strict=True) if one >= self.clean - slack
        )
        return float(next(reached, math.inf))


def simulate(task: LabelTask, policy: Policy, seed: int) -> Curve:
    """One run: the flips and the folds follow from the seed alone, so that all policies meet the same errors."""
    truth = task.truth[~task.test]
    labels, flipped = flip(truth, task.flip_fraction, np.random.default_rng([seed, 1]))
    state = _State(task, truth, labels, seed)
    for number in range(task.n_rounds):
        state.go(policy, number)
    state.end(policy)
    clean = measure_probe(task, task.vectors[~task.test], truth)
    return Curve(
        state.n_annotated,
        state.accuracy,
        state.n_wrong,
        int(flipped.sum()),
        clean,
        state.n_corrections,
        state.n_corrected,
    )


def flip(truth: Int64s, fraction: float, rng: np.random.Generator) -> tuple[Int64s, Bools]:
    """The labels with a share of them, rounded, turned into another one, and which (n,)."""
    n, n_labels = len(truth), int(truth.max()) + 1
    rows = rng.permutation(n)[: round(fraction * n)]
    labels = truth.copy()
    labels[rows] = (truth[rows] + rng.integers(1, n_labels, len(rows))) % n_labels
    return labels, labels != truth


class _State:
    """A run so far; ``labels`` hold what people said, and nothing else that was corrected."""

    def __init__(self, task: LabelTask, truth: Int64s, labels: Int64s, seed: int) -> None:
        self._task, self._truth, self._seed = task, truth, seed
        self._vectors = task.vectors[~task.test]
        self.labels, self._annotated = labels, np.zeros(len(labels), dtype=np.bool_)
        self._delta = self._eta_0 = math.nan
        self._batch = AnsweredBatch(0, 0)
        self.n_corrections = self.n_corrected = 0
        self.n_annotated: list[int] = []
        self.accuracy: list[float] = []
        self.n_wrong: list[int] = []
        self._note(labels, np.empty(0, dtype=np.int64))

    def go(self, policy: Policy, number: int) -> None:
        """Fit, correct, leave out, measure, and ask."""
        doubt = self._doubt(in_sample=policy == "in_sample")
        rng = np.random.default_rng([self._seed, 3, number])
        by_chance = policy == "random" or (policy != "own" and number == 0)
        self._delta = confidence_limit(doubt.confidence) if number == 0 else self._delta
        made = plan_round(
            doubt, self.labels, self._annotated, delta=self._delta, n_ask=self._task.n_ask, eta_0=self._eta_0, batch=self._batch,
            rng=rng if by_chance else None,
        )  # fmt: skip
        used, left_out = self.labels.copy(), np.empty(0, dtype=np.int64)
        if policy in ("alc3", "in_sample"):
            used[made.corrected], left_out = doubt.predicted[made.corrected], made.left_out
            self.n_corrections += len(made.corrected)
            self.n_corrected += int((used[made.corrected] == self._truth[made.corrected]).sum())
            asked = made.asked
        else:
            asked = self._least(doubt, rng if by_chance else None)
        if number:
            self._note(used, left_out)
        self._answer(asked)

    def end(self, policy: Policy) -> None:
        """Measure once more after the last answers."""
        self.go(policy, self._task.n_rounds)

    def _least(self, doubt: LabelDoubt, rng: np.random.Generator | None) -> Int64s:
        """Without corrections: the least likely labels that nobody gave, or any by chance."""
        made = plan_round(
            doubt, self.labels, self._annotated, delta=math.inf, n_ask=self._task.n_ask, rng=rng
        )
        return made.asked

    def _answer(self, rows: Int64s) -> None:
        """The person says the truth of these rows."""
        wrong = int((self.labels[rows] != self._truth[rows]).sum())
        self._batch = AnsweredBatch(len(rows), wrong)
        if math.isnan(self._eta_0):
            self._eta_0 = self._batch.share
        self.labels[rows] = self._truth[rows]
        self._annotated[rows] = True

    def _doubt(self, *, in_sample: bool) -> LabelDoubt:
        task = self._task
        if in_sample:
            n_labels = int(task.truth.max()) + 1
            probe = fit(self._vectors, self.labels, task.strength)
            return read_doubt(predict(probe, self._vectors, n_labels), self.labels)
        return doubt_labels(
            self._vectors, self.labels, np.random.default_rng([self._seed, 2]), strength=task.strength
        )

    def _note(self, used: Int64s, left_out: Int64s) -> None:
        kept = np.setdiff1d(np.arange(len(used)), left_out)
        self.n_annotated.append(int(self._annotated.sum()))
        self.accuracy.append(measure_probe(self._task, self._vectors[kept], used[kept]))
        self.n_wrong.append(int((used[kept] != self._truth[kept]).sum()))


def measure_probe(task: LabelTask, vectors: Float32s, labels: Int64s) -> float:
    """Accuracy on the clean test rows of a probe trained on these."""
    n_labels = int(task.truth.max()) + 1
    found: Float64s = predict(fit(vectors, labels, task.strength), task.vectors[task.test], n_labels)
    return float((found.argmax(axis=1) == task.truth[task.test]).mean())
