"""What a worth says, as it is written and read: clusters, runs, the matrix, the mixture, and the next runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import orjson

from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

FILE = "worth.json"
GOAL = "all held-out rows"
OF_ALL, OF_TARGET = -1, -2


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """One super-cluster: its ``clusters`` with their names, what the pool has of it, and the most a run may have.

    ``worth`` ± ``half_width`` is the loss of all held-out rows after a tenth of the tokens moved to it from the pool's shares,
    minus that before, nats per token: negative helps. ``is_clear`` where the interval does not cover 0, ``straight`` what ridge
    regression on shares says. ``solved`` is its share of the mixture found.
    """

    name: str
    clusters: list[int]
    n_rows: int
    n_tokens: int
    share: float
    most: float
    worth: float
    half_width: float
    is_clear: bool
    straight: float
    solved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """What is measured on its own: held-out rows of a super-cluster (``group``, −1: all of them), or examples of a target (−2)."""

    name: str
    group: int
    n_rows: int
    n_families: int
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One training: its shares, the loss of every head, and how often it read a row of the cluster it read most."""

    shares: list[float]
    losses: list[float]
    n_passes: float
    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthCell:
    """What moving a tenth of the tokens to ``group`` does to the loss of ``head``; ``pooled`` is for looking alone."""

    group: int
    head: int
    worth: float
    half_width: float
    is_clear: bool
    pooled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthReport:
    """All of it; ``sentence`` is the answer.

    ``difference`` ± ``half_width`` is of the solved mixture to the pool's shares as the model has it, ``promised`` what is left
    of it after what choosing adds. ``narrow`` and ``improve`` are mixtures to train on next.
    """

    sentence: str
    groups: list[GroupResult]
    heads: list[HeadResult]
    runs: list[RunResult]
    cells: list[WorthCell]
    difference: float
    half_width: float
    promised: float
    worth_changing: bool
    enough_runs: bool
    narrow: list[list[float]]
    improve: list[list[float]]
    budget_tokens: int
    count: str
    n_held_out: int
    n_families: int
    base_loss: float
    pool_loss: float
    noise: float
    model: str
    n_parameters: int
    training_flops: float
    group_of_cluster: list[int]
    n_dropped: int = 0
    notes: list[str] = field(default_factory=list)

    def shares(self) -> list[float]:
        """Shares of the tokens of the solved mixture, super-cluster by super-cluster."""
        return [one.solved for one in self.groups]


def report_bytes(result: WorthReport) -> bytes:
    """As JSON."""
    return orjson.dumps(asdict(result), option=orjson.OPT_INDENT_2)


def read_report(artifact: Artifact) -> WorthReport:
    """The result of a finished worth."""
    raw: dict[str, JSON] = orjson.loads(artifact.file(FILE).read_bytes())
    parts = {"groups": GroupResult, "heads": HeadResult, "runs": RunResult, "cells": WorthCell}
    return WorthReport(**raw | {name: [kind(**one) for one in raw[name]] for name, kind in parts.items()})


def cluster_weights(report: WorthReport, sizes: list[int], *, of_rows: bool) -> list[float]:
    """Weights of clusters for the solved mixture, of their rows or of their tokens, adding up to 1.

    ``sizes`` of clusters are in the same unit as the weights that are wanted. A cluster inherits its super-cluster's change.
    """
    group = report.group_of_cluster
    of_group = [
        sum(s for s, g in zip(sizes, group, strict=True) if g == i) for i in range(len(report.groups))
    ]
    tokens_of_row = [one.n_tokens / max(1, one.n_rows) for one in report.groups]
    shares = [
        one.solved / (t if of_rows else 1.0) for one, t in zip(report.groups, tokens_of_row, strict=True)
    ]
    raw = [shares[g] * s / of_group[g] if of_group[g] else 0.0 for g, s in zip(group, sizes, strict=True)]
    total = sum(raw)
    return [one / total for one in raw]
