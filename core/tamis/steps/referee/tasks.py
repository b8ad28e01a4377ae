"""What trained models reached in tasks of the lm-evaluation-harness, against random: looked at beside, and claims nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.compute.referee.differences import pair_differences, pairs_of
from tamis.steps.referee.analysis import FEWEST_IN_CLUSTER, discovery_rates
from tamis.steps.referee.result import TaskResult
from tamis.types import JSON, Bools, Float64s

Answers = Sequence[Mapping[str, JSON]]
GUESSED = 2.0  # standard errors above chance, up to which answers are guesses


@dataclass(frozen=True, slots=True)
class TaskAnswers:
    """Answers of the model as it is, and of every training of blocks and methods: ``of_trainings[block][method]`` are draws."""

    untrained: Answers
    of_trainings: Sequence[Sequence[Sequence[Answers]]]


def task_results(answers: TaskAnswers, sound: Bools) -> list[TaskResult]:
    """Every method in every metric of every task, by question where the values of questions are known; of sound blocks."""
    blocks = [block for block, is_sound in zip(answers.of_trainings, sound.tolist(), strict=True) if is_sound]
    found = [one for entry in answers.untrained for one in _of_metric(entry, blocks)]
    tested = [one.p for one in found if one.p is not None]
    rates = iter(discovery_rates(tested))
    return [one if one.p is None else replace(one, q=next(rates)) for one in found]


def _of_metric(entry: Mapping[str, JSON], blocks: Sequence[Sequence[Sequence[Answers]]]) -> list[TaskResult]:
    """The methods but random in one metric, p values without their q."""
    same = [[[_same(entry, one) for one in draws] for draws in block] for block in blocks]
    values = np.array([
        [np.mean([float(one["value"]) for one in draws]) for draws in block] for block in same
    ]).mean(axis=0)  # fmt: skip
    by_question = _by_question(entry, same)
    n = by_question.shape[-1]
    guessed = _is_guessed(by_question, entry.get("chance"))
    p: list[float | None] = [None] * (len(values) - 1)
    if n >= FEWEST_IN_CLUSTER and not guessed:
        seen = pair_differences(by_question, np.ones(n))
        p = [float(seen.p[i]) for i, (first, _) in enumerate(pairs_of(len(values)).tolist()) if first == 0]
    return [
        TaskResult(
            method=method, task=str(entry["task"]), metric=str(entry["metric"]), n_questions=entry.get("n"),
            value=float(values[method]), random=float(values[0]), untrained=float(entry["value"]),
            higher_is_better=entry.get("higher_is_better"), chance=entry.get("chance"), is_guessed=guessed, p=p[method - 1],
        )
        for method in range(1, len(values))
    ]  # fmt: skip


def _same(entry: Mapping[str, JSON], answers: Answers) -> Mapping[str, JSON]:
    return next(one for one in answers if (one["task"], one["metric"]) == (entry["task"], entry["metric"]))


def _by_question(
    entry: Mapping[str, JSON], same: Sequence[Sequence[Sequence[Mapping[str, JSON]]]]
) -> Float64s:
    """Values (S, K, Q) of blocks, methods and questions, draws averaged; no question where any training lacks them."""
    asked = sorted(entry.get("rows") or {})
    every = [one for block in same for draws in block for one in draws]
    if not all(sorted(one.get("rows") or {}) == asked for one in every):
        asked = []
    return np.array([
        [[np.mean([one["rows"][q] for one in draws]) for q in asked] for draws in block] for block in same
    ])  # fmt: skip


def _is_guessed(by_question: Float64s, chance: float | None) -> bool:
    """Whether no method answers better than by guessing."""
    n = by_question.shape[-1]
    if chance is None or n < 2:
        return False
    of_questions = by_question.mean(axis=0)
    error = of_questions.std(axis=-1, ddof=1) / np.sqrt(n)
    return bool((of_questions.mean(axis=-1) <= chance + GUESSED * error).all())
