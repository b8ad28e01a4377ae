"""A client that says what it was told to say; every test of what asks a language model stands on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tamis.llms import EVERYTHING, ScriptedOptions
from tamis.protocols import Ability, Choices, LogLikelihoods, Usage

Completer = Callable[[str, int], str]
Chooser = Callable[[str, Sequence[str]], Sequence[float]]
Likelihood = Callable[[str, str], Sequence[float]]


class ScriptedModel:
    """Three functions in place of a model; a function that is left out is an ability that it lacks.

    ``completes(prompt, k)`` is the k-th answer; ``chooses(prompt, answers)`` gives a weight per answer;
    ``likelihood(prompt, response)`` the logarithm for every token.
    """

    def __init__(
        self,
        *,
        completes: Completer | None = None,
        chooses: Chooser | None = None,
        likelihood: Likelihood | None = None,
        identity: str = "scripted:test",
    ) -> None:
        self._completes, self._chooses, self._likelihood = completes, chooses, likelihood
        self.identity = identity
        self.batch_rows = 16
        self.usage = Usage()
        self.asked: list[str] = []

    @property
    def abilities(self) -> frozenset[Ability]:
        """The functions that were given."""
        given: dict[Ability, object] = {
            "complete": self._completes,
            "choose": self._chooses,
            "loglikelihood": self._likelihood,
        }
        return frozenset(ability for ability, function in given.items() if function is not None)

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """Answers 0 to n - 1 of the function."""
        assert self._completes is not None
        self._note(prompts)
        return [[self._completes(prompt, k) for k in range(n)] for prompt in prompts]

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """The function's weights, made to sum to 1."""
        assert self._chooses is not None
        self._note(prompts)
        weights = np.array([list(self._chooses(prompt, answers)) for prompt in prompts], dtype=np.float64)
        weights = weights.reshape(len(prompts), len(answers))
        return Choices(weights / weights.sum(axis=1, keepdims=True), np.ones(len(prompts)))

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """Sums of the function's logarithms; the end counts as certain."""
        assert self._likelihood is not None
        self._note(prompts)
        parts = [list(self._likelihood(p, r)) for p, r in zip(prompts, responses, strict=True)]
        blank = np.array([not part for part in parts], dtype=np.bool_)
        totals = np.array([sum(part) for part in parts], dtype=np.float64)
        counts = np.array([len(part) for part in parts], dtype=np.int64)
        return LogLikelihoods(np.where(blank, np.nan, totals), counts, np.where(blank, np.nan, 0.0))

    def _note(self, prompts: Sequence[str]) -> None:
        self.asked.extend(prompts)
        self.usage = replace(self.usage, calls=self.usage.calls + len(prompts))


def open_scripted(options: ScriptedOptions, cache_folder: Path) -> ScriptedModel:
    """A client with every ability: answers by turn, choices and likelihoods from a hash of the texts."""
    assert options.abilities() == EVERYTHING
    answers = options.answers
    return ScriptedModel(
        completes=lambda prompt, k: answers[(_hash(prompt) + k) % len(answers)],
        chooses=lambda prompt, given: [1 + _hash(prompt + answer) % 100 for answer in given],
        likelihood=lambda prompt, response: [
            -1 - _hash(prompt + word) % 100 / 50 for word in response.split()
        ],
        identity=f"scripted:1:{'|'.join(answers)}",
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest())
