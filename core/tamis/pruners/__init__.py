"""PRUNERS: ways to choose which weights of a model are set to zero, and the options of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tamis.registry import Options, Plugin, Table


@dataclass(frozen=True, slots=True)
class Pattern:
    """How many weights go: the share ``sparsity`` of them, or ``n`` of every ``m`` neighbours in a row where ``m`` is not 0."""

    sparsity: float = 0.5
    n: int = 0
    m: int = 0

    def count(self, n_weights: int) -> int:
        """How many of so many weights go where none of every m is asked for: the share, rounded down."""
        return math.floor(self.sparsity * n_weights + 1e-9)  # 0.7 × 10 is 6.999…

    @property
    def share(self) -> float:
        """The share that goes."""
        return self.n / self.m if self.m else self.sparsity


class NoPrunerOptions(Options):
    """Nothing to choose."""


class MagnitudeOptions(Options):
    """Among which weights the smallest are looked for."""

    per: Literal["layer", "row"] = Field(
        "layer",
        description="The smallest of a whole weight matrix, as in released code, or of each of its rows.",
    )


class SparseGptOptions(Options):
    """How the weights that stay make up for those that go."""

    block_columns: int = Field(
        128,
        ge=1,
        description="Columns whose weights are chosen together, before their errors go to those on the right.",
    )
    dampening_fraction: float = Field(
        0.01, gt=0, le=1, description="Share of the mean diagonal of the Hessian that is added to it."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner(Plugin):
    """One row. ``reads`` is what it is told of a layer's inputs; one that reads nothing is the same for any calibration.

    ``target`` names ``prune(weight, seen, pattern, options, generator) -> mask``: it sets the weights of a matrix (out, in)
    to zero in place, those that stay it may change, and returns which went (out, in).
    """

    reads: Literal["nothing", "norms", "hessian"] = "nothing"
    random: bool = False


PRUNERS: Table[Pruner] = Table(
    "pruner",
    Pruner(
        name="wanda",
        title="Wanda",
        summary="In each row of a matrix the least |weight| × norm of its input over the calibration goes; the rest stays.",
        options=NoPrunerOptions,
        target="tamis.pruners.methods:prune_by_activation",
        extra="models",
        reads="norms",
    ),
    Pruner(
        name="sparsegpt",
        title="SparseGPT",
        summary="What costs the layer's output least goes, column by column, and the weights to its right make up for it.",
        options=SparseGptOptions,
        target="tamis.pruners.sparsegpt:prune_and_mend",
        extra="models",
        reads="hessian",
    ),
    Pruner(
        name="magnitude",
        title="Magnitude",
        summary="The smallest weights go: reads no calibration, the line that every calibration has to be below.",
        options=MagnitudeOptions,
        target="tamis.pruners.methods:prune_by_magnitude",
        extra="models",
    ),
    Pruner(
        name="random",
        title="Random",
        summary="Weights go by chance: reads no calibration, a control.",
        options=NoPrunerOptions,
        target="tamis.pruners.methods:prune_at_random",
        extra="models",
        random=True,
    ),
)
