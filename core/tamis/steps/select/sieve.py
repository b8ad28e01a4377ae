"""A selection whose budget is not settled yet: what it reads is read once, then it is cut at any budget as its job would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tamis.errors import InvalidOptions
from tamis.selectors import SELECTORS
from tamis.selectors.options import RandomOptions
from tamis.selectors.problem import Problem, method_seed
from tamis.selectors.sampling import UniformLadder
from tamis.steps.select.options import SelectOptions
from tamis.steps.select.step import budget_in_units, make_problem
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.store import Artifact
from tamis.types import Bools, Int64s


class OpenDraw:
    """The picks of a quick method, and a random pick beside them, for options that differ in the budget and the method's own.

    Raises InvalidOptions for a method that compares vectors: it takes as long as its job.
    """

    def __init__(self, inputs: Mapping[str, Artifact], options: SelectOptions) -> None:
        row = SELECTORS[options.method]
        if not row.is_quick:
            raise InvalidOptions(
                f"{row.title} compares rows by their vectors, so its picks are known when its job ends: take a method that goes "
                "by clusters or scores, such as kmq."
            )
        n_rows = int(inputs["examples"].summary["n_examples"])
        self.problem = make_problem(inputs, options, n_rows)
        self._pick, self._random = row.load_ladder(), UniformLadder()

    @property
    def available(self) -> Bools:
        """The rows (n,) that may be picked."""
        return ~self.problem.excluded

    def picks(self, options: SelectOptions) -> Int64s:
        """Sorted ids of exactly the rows that the job with these options picks; raises InvalidOptions as that does."""
        picked = self._pick(self._at(options), options.chosen_options("method"))
        return np.sort(picked.rows)

    def random_picks(self, n_picked: int, seed: int) -> Int64s:
        """Sorted ids of the random pick of as many rows from the same ones, as ``submit_baseline`` has it drawn."""
        problem = replace(
            self.problem, budget=n_picked, seed=method_seed(seed, BASELINE), token_counts=None, costs=None
        )
        return np.sort(self._random(problem, RandomOptions()).rows)

    def _at(self, options: SelectOptions) -> Problem:
        costs = self.problem.costs
        if costs is not None:
            costs = costs.at(options.budget)
            return replace(self.problem, budget=costs.budget, costs=costs)
        return replace(self.problem, budget=budget_in_units(options, self.problem.n_rows))
