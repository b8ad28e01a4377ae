"""From the runs of a pruning to its table: perplexities with intervals, pairs, and how far masks agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.compare.perplexity import log_perplexity, log_ratio, mask_overlap, perplexity_over_seeds
from tamis.pruners import PRUNERS
from tamis.steps.prune.calibration import Window
from tamis.steps.prune.evaluation import Answers
from tamis.steps.prune.options import PruneOptions
from tamis.steps.prune.pruning import (
    DENSE,
    MAGNITUDE,
    CalibrationSet,
    Cell,
    EvaluationSet,
    PairOfSets,
    Pruning,
)
from tamis.steps.prune.runs import Ran
from tamis.steps.prune.sets import NamedRows
from tamis.types import Float64s

TOLD = {1: "higher", -1: "lower", 0: "not clear"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Everything that was looked at: ``ran`` by calibration (or DENSE, MAGNITUDE) and seed."""

    options: PruneOptions
    calibrations: Sequence[NamedRows]
    evaluations: Sequence[NamedRows]
    windows: Mapping[tuple[int, int], Sequence[Window]]
    answers: Sequence[Answers]
    ran: Mapping[tuple[int, int], Ran]
    seconds: float

    def nll(self, calibration: int, evaluation: int) -> Float64s:
        """Of every draw (seeds, rows)."""
        return np.stack([self.ran[calibration, seed].nll[evaluation] for seed in self.options.seeds])

    def line(self, which: int) -> list[float]:
        """Perplexities of the dense model, or after magnitude pruning, by evaluation set; empty where there is no such run."""
        one = self.ran.get((which, self.options.seeds[0]))
        pairs = zip(one.nll, self.answers, strict=True) if one is not None else ()
        return [math.exp(float(log_perplexity(nll, answers.n_tokens))) for nll, answers in pairs]


def describe(looked: Looked) -> Pruning:
    """The whole table."""
    options = looked.options
    zero = [one.n_zero / one.n_weights for (c, _), one in looked.ran.items() if c >= 0]
    share = options.removed().share
    return Pruning(
        method=options.method,
        pattern=options.pattern,
        sparsity_fraction=float(np.mean(zero)),
        least_sparsity_fraction=min(zero),
        format=options.format,
        count_pads=options.count_pads,
        n_weights=max(one.n_weights for one in looked.ran.values()),
        calibrations=[_calibration(looked, c) for c in range(len(looked.calibrations))],
        evaluations=[
            _evaluation(one, answers)
            for one, answers in zip(looked.evaluations, looked.answers, strict=True)
        ],
        dense=looked.line(DENSE),
        magnitude=looked.line(MAGNITUDE),
        cells=[[_cell(looked, c, e) for e in range(len(looked.answers))] for c in range(len(looked.calibrations))],
        pairs=_pairs(looked) if PRUNERS[options.method].reads != "nothing" else [],
        overlap=_overlaps(looked),
        chance_overlap=share / (2 - share),
        seconds=looked.seconds,
    )  # fmt: skip


def _calibration(looked: Looked, c: int) -> CalibrationSet:
    options, own = looked.options, looked.calibrations[c]
    drawn = [looked.windows[c, seed] for seed in options.seeds]
    tokens = [sum(len(one.ids) for one in windows) for windows in drawn]
    return CalibrationSet(
        name=own.name,
        n_rows=len(own.rows),
        seeds=list(options.seeds),
        n_windows=[len(windows) for windows in drawn],
        n_tokens=tokens,
        pad_fraction=[
            1 - n / (len(windows) * options.row_tokens) for n, windows in zip(tokens, drawn, strict=True)
        ],
    )


def _evaluation(one: NamedRows, answers: Answers) -> EvaluationSet:
    assert one.measured is not None
    return EvaluationSet(
        name=one.name,
        n_rows=len(answers.ids),
        n_tokens=int(answers.n_tokens.sum()),
        n_left_out=one.n_left_out,
        n_groups=len(np.unique(one.measured.groups)),
        known_text=one.measured.sentence(left_out=False),
    )


def _cell(looked: Looked, c: int, e: int) -> Cell:
    nll, n_tokens = looked.nll(c, e), looked.answers[e].n_tokens
    value, low, high = perplexity_over_seeds(nll, n_tokens)
    draws = np.exp(log_perplexity(nll, n_tokens)).tolist()
    return Cell(value=value, low=_finite(low), high=_finite(high), draws=draws)


def _pairs(looked: Looked) -> list[PairOfSets]:
    n_models = len(looked.calibrations)
    found = []
    for e, answers in enumerate(looked.answers):
        for first, second in itertools.combinations(range(n_models), 2):
            measured = looked.evaluations[e].measured
            one = log_ratio(
                looked.nll(first, e), looked.nll(second, e), answers.n_tokens,
                n_models=n_models, groups=None if measured is None else measured.groups,
            )  # fmt: skip
            ends = [_finite(math.exp(end)) for end in (one.low, one.high, one.row_low, one.row_high)]
            found.append(
                PairOfSets(
                    first=first,
                    second=second,
                    evaluation=e,
                    ratio=math.exp(one.mean),
                    low=ends[0],
                    high=ends[1],
                    row_low=ends[2],
                    row_high=ends[3],
                    told=TOLD[one.told],
                )  # fmt: skip
            )
    return found


def _overlaps(looked: Looked) -> list[list[float | None]]:
    """Between two calibrations the mean over draws with one seed; on the diagonal over all pairs of draws."""
    seeds, n = looked.options.seeds, len(looked.calibrations)
    table: list[list[float | None]] = [[None] * n for _ in range(n)]
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        draws = itertools.combinations(seeds, 2) if i == j else zip(seeds, seeds, strict=True)
        shared = [mask_overlap(looked.ran[i, a].bits(), looked.ran[j, b].bits()) for a, b in draws]
        table[i][j] = table[j][i] = float(np.mean(shared)) if shared else None
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
