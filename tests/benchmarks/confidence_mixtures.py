"""Rows of which some have a planted fault, and what the default confidence measures of them.

Every row stands once as it is; a third of the rows once more with another row's response, a third cut, a third garbled.
Weights make that a mixture of which PLANTED are bad, each fault as often as the others, without a row being lost.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamis.actions.bench_noise import read_noise_rows
from tamis.compute.clear.alignment import alignment, background_alignment
from tamis.compute.clear.confidence import Likelihoods
from tamis.compute.clear.endings import Endings, read_endings
from tamis.compute.clear.noise import NoiseKind, plant_noise
from tamis.compute.compare.metrics import auroc
from tamis.protocols import LanguageModel
from tamis.scorers.confidence import read_likelihoods
from tamis.scorers.defects import severities
from tamis.scorers.options import ConfidenceOptions
from tamis.types import Bools, Float32s, Float64s
from tests.benchmarks.measure import ROOT

FAULTS: tuple[NoiseKind, ...] = ("swap", "truncate", "garble")
PLANTED = 0.2
N_BINS = 10
SAMPLE = ROOT / "sample_data"
SAMPLE_FILES = ("kitchen_and_home.jsonl", "science_and_history.json", "work_and_code.csv")


@dataclass(frozen=True, slots=True)
class Mixture:
    """What was measured of n rows, which of them are sound, which fault the others have, and their weights (sum 1)."""

    read: Likelihoods
    alignment: Float64s
    background: float
    defects: Mapping[str, Float64s]
    endings: Endings
    fault: list[str]
    is_sound: Bools
    weight: Float64s


def measure(
    prompts: Sequence[str],
    responses: Sequence[str],
    model: LanguageModel,
    encode: Callable[[Sequence[str]], Float32s],
) -> Mixture:
    """Plant the faults and ask the model; the same rows always get the same faults."""
    rows = [(prompt, response, "") for prompt, response in zip(prompts, responses, strict=True)]
    for seed, kind in enumerate(FAULTS):
        noisy = plant_noise(kind, prompts, responses, rate_fraction=1 / 3, rng=np.random.default_rng(seed))
        rows += [(prompts[i], noisy.responses[i], kind) for i in np.flatnonzero(noisy.is_noisy)]
    asked, given, fault = [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    sides = encode(asked), encode(given)
    n = len(prompts)
    kinds = np.array(fault)
    weight = np.where(kinds == "", (1 - PLANTED) / n, 0.0)
    for kind in FAULTS:
        weight[kinds == kind] = PLANTED / len(FAULTS) / (kinds == kind).sum()
    return Mixture(
        read_likelihoods(model, asked, given, ConfidenceOptions()),
        alignment(*sides).astype(np.float64),
        background_alignment(sides[0][:n], sides[1][:n]),
        {name: values.astype(np.float64) for name, values in severities(asked, given).items()},
        read_endings(given),
        fault,
        kinds == "",
        weight,
    )


def read_sample(limit: int) -> tuple[list[str], list[str]]:
    """Rows of the sample data without those that are wrong on purpose; near-duplicates are sound."""
    wrong = _planted_texts()
    files = [read_noise_rows(SAMPLE / name, max_turns=1, limit=0) for name in SAMPLE_FILES]
    rows = [
        (prompt, response)
        for file in files
        for prompt, response in zip(file.prompts, file.responses, strict=True)
        if response.strip() not in wrong
    ]
    kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:limit])
    return [rows[i][0] for i in kept], [rows[i][1] for i in kept]


def _planted_texts() -> set[str]:
    listed = json.loads((SAMPLE / "planted_defects.json").read_text("utf-8"))["defects"]
    wrong = {(one["file"], one["id"]) for one in listed if one["kind"] != "near_duplicate"}
    with (SAMPLE / "work_and_code.csv").open(encoding="utf-8", newline="") as file:
        texts = {("work_and_code.csv", row["id"]): row["response"] for row in csv.DictReader(file)}
    for line in (SAMPLE / "kitchen_and_home.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        texts["kitchen_and_home.jsonl", row["id"]] = row["output"]
    for row in json.loads((SAMPLE / "science_and_history.json").read_text("utf-8")):
        texts["science_and_history.json", row["id"]] = row["conversations"][-1]["value"]
    return {texts[key].strip() for key in wrong}


def aurocs(score: Float64s, fault: Sequence[str]) -> dict[str, float]:
    """AUROC of sound rows against each fault, and against all of them together (``all``)."""
    kinds = np.array(fault)
    found = {kind: _auroc(score, kinds, np.isin(kinds, ("", kind))) for kind in FAULTS}
    return found | {"all": _auroc(score, kinds, np.full(len(kinds), True))}


def _auroc(score: Float64s, kinds: NDArray[np.str_], rows: Bools) -> float:
    return auroc(score[rows], kinds[rows] == "")


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the scale: mean score, share that is sound, and weight of its rows (all sum to 1)."""

    score: float
    sound: float
    weight: float


def reliability(score: Float64s, is_sound: Bools, weight: Float64s) -> list[Bin]:
    """The bins of equal width that hold rows."""
    places = np.clip((score * N_BINS).astype(np.int64), 0, N_BINS - 1)
    total = weight.sum()
    return [
        Bin(
            float(np.average(score[places == i], weights=weight[places == i])),
            float(np.average(is_sound[places == i], weights=weight[places == i])),
            float(weight[places == i].sum() / total),
        )
        for i in range(N_BINS)
        if weight[places == i].sum() > 0
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """ECE: mean distance of score and share over the bins (Naeini et al. 2015)."""
    return sum(one.weight * abs(one.score - one.sound) for one in bins)
