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
from scipy.optimize import brentq
from scipy.special import expit, logit

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
RESAMPLED = 400
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
        read_endings(given, asked),
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


def calibration_error_by_luck(score: Float64s, is_sound: Bools, weight: Float64s) -> tuple[float, float]:
    """What a perfectly calibrated score of this distribution has as ECE with so few rows: mean, and 95 % are below.

    Sound and bad rows are drawn apart, as many of each as there are; the scores are moved by one number on the scale of
    log odds so that their mean is the share that is sound.
    """
    rng = np.random.default_rng(0)
    share = weight / weight.sum()
    sound_share = float(share[is_sound].sum())
    odds = logit(np.clip(score, 1e-6, 1 - 1e-6))
    moved = expit(odds + brentq(lambda by: float((share * expit(odds + by)).sum()) - sound_share, -30, 30))
    errors = []
    for _ in range(RESAMPLED):
        rows, weights = [], []
        for flags, part, of_class in (
            (is_sound, moved, sound_share),
            (~is_sound, 1 - moved, 1 - sound_share),
        ):
            chance = share * part
            rows.append(rng.choice(len(score), int(flags.sum()), p=chance / chance.sum()))
            weights.append(np.full(int(flags.sum()), of_class / flags.sum()))
        drawn = np.concatenate(rows)
        labels = np.arange(len(drawn)) < len(rows[0])
        errors.append(calibration_error(reliability(moved[drawn], labels, np.concatenate(weights))))
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def debiased_calibration_error(score: Float64s, is_sound: Bools, weight: Float64s) -> float:
    """ECE less what it grows by when rows are drawn again (bootstrap of sound and bad rows apart), 0 or more."""
    rng = np.random.default_rng(0)
    classes = [np.flatnonzero(is_sound), np.flatnonzero(~is_sound)]
    found = calibration_error(reliability(score, is_sound, weight))
    again = []
    for _ in range(RESAMPLED):
        parts = [rng.choice(rows, len(rows)) for rows in classes]
        weights = [
            weight[part] * weight[rows].sum() / weight[part].sum()
            for part, rows in zip(parts, classes, strict=True)
        ]
        drawn = np.concatenate(parts)
        again.append(calibration_error(reliability(score[drawn], is_sound[drawn], np.concatenate(weights))))
    return max(0.0, 2 * found - float(np.mean(again)))
