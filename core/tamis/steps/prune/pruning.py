"""What a pruning holds: the types of pruning.json, and the names of the files beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from tamis.errors import ArtifactDamaged
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

FILE, ROWS = "pruning.json", "rows.parquet"
DENSE, MAGNITUDE = -1, -2  # instead of a calibration, in rows.parquet


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class CalibrationSet(_Model):
    """One set of rows: what it was named by, and of each draw its seed, windows, tokens, and the share that are pads."""

    name: str
    n_rows: int
    seeds: list[int]
    n_windows: list[int]
    n_tokens: list[int]
    pad_fraction: list[float]


class EvaluationSet(_Model):
    """Rows that perplexity is measured on, with the tokens of their responses; rows of a calibration are left out.

    ``n_groups`` counts rows with like prompts or of one family once (0: a pruning of before, by rows). ``known_text`` says which of
    them the model was trained on, or that this cannot be told; empty for none.
    """

    name: str
    n_rows: int
    n_tokens: int
    n_left_out: int
    n_groups: int = 0
    known_text: str = ""


class Cell(_Model):
    """Perplexity under one calibration on one set: the geometric mean over draws, its interval, and that of each draw."""

    value: float
    low: float | None
    high: float | None
    draws: list[float]


class PairOfSets(_Model):
    """Perplexity of calibration ``first`` over that of ``second`` on one set, with intervals over draws and over rows.

    ``told`` is "lower" or "higher" where neither holds 1, else "not clear".
    """

    first: int
    second: int
    evaluation: int
    ratio: float
    low: float | None
    high: float | None
    row_low: float | None
    row_high: float | None
    told: str


class Pruning(_Model):
    """Calibration sets that pruned one model alike, and what is left of it.

    ``dense`` and ``magnitude`` are perplexities by evaluation set, the latter empty where nothing but the method is asked;
    ``cells`` by calibration and evaluation set. ``overlap`` of calibrations is the mean Jaccard index of their masks, on
    the diagonal over the draws of one (None for a single one); ``chance_overlap`` that of masks by chance. Sparsity is the share
    of the weights of the pruned matrices that is zero, over all runs.
    """

    method: str
    pattern: str
    sparsity_fraction: float
    least_sparsity_fraction: float
    format: str
    count_pads: bool
    n_weights: int
    calibrations: list[CalibrationSet]
    evaluations: list[EvaluationSet]
    dense: list[float]
    magnitude: list[float]
    cells: list[list[Cell]]
    pairs: list[PairOfSets]
    overlap: list[list[float | None]]
    chance_overlap: float
    seconds: float

    def mean(self, calibration: int) -> float:
        """Geometric mean of a calibration's perplexities over evaluation sets and draws."""
        return geometric_mean([draw for cell in self.cells[calibration] for draw in cell.draws])

    def too_short(self, options: Mapping[str, JSON]) -> list[str]:
        """What sets could not fill of what the options of the step asked for, a sentence each with what to do."""
        wanted, width = int(options["n_rows"]), int(options["row_tokens"])
        said = []
        for one in self.calibrations:
            n_windows, n_tokens = min(one.n_windows), min(one.n_tokens)
            # Packed rows leave one window that is not full, at their end.
            if n_windows < wanted or n_tokens <= (wanted - 1) * width:
                said.append(
                    f"{one.name} fills {n_tokens / width:,.1f} of {wanted:,} windows of {width:,} tokens: choose more rows or "
                    f"longer ones, or lower n_rows or row_tokens{'' if self.format == 'packed' else ', or pack rows'}."
                )
        return said


def geometric_mean(values: list[float]) -> float:
    """Of numbers above 0; NaN of none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def read_pruning(artifact: Artifact) -> Pruning:
    """The content of a pruning; raises ArtifactDamaged."""
    path = artifact.file(FILE)
    try:
        return Pruning.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ArtifactDamaged(
            f"pruning {artifact.id}: {path.name} cannot be read ({error}). Delete {artifact.path} and run 'prune' again."
        ) from error


def window_files(calibration: int, seed: int) -> tuple[str, str]:
    """The windows of one draw as texts (JSON lines) and as token ids (rows, width), −1 where a window is shorter."""
    stem = f"windows-{calibration:02d}-{seed}"
    return f"{stem}.jsonl", f"{stem}.npy"
