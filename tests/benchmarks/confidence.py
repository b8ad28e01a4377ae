"""The default confidence on data it was not fitted to: AUROC, calibration, and false alarms on endings of all kinds.

    python -m tests.benchmarks.confidence [FILE]... [--rows 100] [--skip 0] [--fit] [--record] [--workspace FOLDER]

The constants are fitted to the sample data and to every other row of tests/fixtures/endings.jsonl, and measured on the
files: LIMA and the seed tasks of ../shared/data unless others are named. ``--fit`` fits them again and prints them.
``--record`` writes what the bundled model says of each ending into the fixture (its texts were written by hand; each was
cut at a random number of the model's tokens, never behind a whole sentence or line).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from tamis.actions.bench_noise import read_noise_rows
from tamis.compute.clear.confidence import FITTED, STOPS, Constants, combine
from tamis.compute.clear.confidence_by_hand import combine_by_hand
from tamis.encoders import open_encoder
from tamis.llms import open_llm
from tamis.protocols import LanguageModel
from tamis.scorers.confidence import read_likelihoods
from tamis.scorers.options import ConfidenceOptions
from tamis.types import Bools, Float32s, Float64s
from tests.benchmarks.confidence_mixtures import (
    FAULTS,
    Bin,
    Mixture,
    aurocs,
    calibration_error,
    calibration_error_by_luck,
    debiased_calibration_error,
    measure,
    read_sample,
    reliability,
)
from tests.benchmarks.measure import ROOT, print_table
from tests.support.endings import ENDINGS, FLAGGED_BELOW, SHORT, UNSEEN, Ending, ends_factor, read_ending_rows

SHARED = ROOT.parent / "shared" / "data"
FILES = (SHARED / "lima_train.jsonl", SHARED / "seed_tasks.jsonl")
SAMPLE_ROWS = 150
RIDGE = (
    0.002  # of the log likelihood per row, on the distance from where the fit starts in units of the start
)
CUT_SHARE = 1 / 15  # of the endings, as of a mixture: a third of its fifth
# Fitted; the weights of the other defects say nothing here, and garbled is turned into a probability.
FREE = tuple(field.name for field in fields(Constants) if field.name not in ("defects", "ends_final"))
Score = Callable[[Mixture], Float64s]
START = Constants(
    fits=-1.1, gain=1, alignment=16, fluent=17, fluency=3, ends_marked=8.5, end_marked=0.5, ends_unmarked=8,
    end_unmarked=0.5, stop_unmarked=0.2, ends_unread=3, unread_unmarked=6, unread_end=0.1, unread_stop=0.3,
    ends_final=STOPS.ends_final, cut=3, defects=dict(STOPS.defects) | {"garbled": 0.8},
)  # fmt: skip


def score(mixture: Mixture, constants: Constants = STOPS) -> Float64s:
    """The confidence of each row, NaN never."""
    found, _ = combine(
        mixture.read, mixture.alignment, mixture.defects, mixture.endings,
        background=mixture.background, constants=constants,
    )  # fmt: skip
    return np.nan_to_num(found, nan=0.5)


def score_by_hand(mixture: Mixture) -> Float64s:
    """The confidence of the first edition."""
    return np.nan_to_num(combine_by_hand(mixture.read, mixture.alignment, mixture.defects)[0], nan=0.5)


def fit(mixtures: Sequence[Mixture], endings: Sequence[Ending]) -> Constants:
    """Constants of the highest likelihood, each mixture counting as much as the others and as all endings together."""
    start = np.array([getattr(START, name) for name in FREE] + [logit(START.defects["garbled"])])
    scale = np.maximum(1, np.abs(start))

    def loss(values: Float64s) -> float:
        constants = _constants(values)
        of_mixtures = [_loss(score(one, constants), one.is_sound, one.weight) for one in mixtures]
        share = np.array([one.is_sound for one in endings])
        weight = np.where(share, (1 - CUT_SHARE) / share.sum(), CUT_SHARE / (~share).sum())
        of_endings = _loss(ends_factor(endings, constants), share, weight)
        ridge = RIDGE * (((values - start) / scale) ** 2).sum()
        return float(np.mean(of_mixtures) + of_endings + ridge)

    return _constants(minimize(loss, start, method="L-BFGS-B", options={"maxiter": 500}).x)


def _constants(values: Float64s) -> Constants:
    named = dict(zip(FREE, map(float, values), strict=False))
    return replace(START, **named, defects=dict(START.defects) | {"garbled": float(expit(values[-1]))})


def _loss(probability: Float64s, is_sound: Float64s, weight: Float64s) -> float:
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-(weight * np.where(is_sound, np.log(p), np.log(1 - p))).sum() / weight.sum())


def two_parameters(mixtures: Sequence[Mixture]) -> tuple[float, float]:
    """Offset and slope of the log odds that calibrate the confidence of the first edition on these mixtures (Platt)."""
    scores = [logit(np.clip(score_by_hand(one), 1e-9, 1 - 1e-9)) for one in mixtures]

    def loss(values: Float64s) -> float:
        return sum(
            _loss(expit(values[0] + values[1] * odds), one.is_sound, one.weight)
            for odds, one in zip(scores, mixtures, strict=True)
        )

    offset, slope = minimize(loss, [0.0, 1.0]).x
    return float(offset), float(slope)


def tables(seen: dict[str, Mixture], unseen: dict[str, Mixture], constants: Constants) -> None:
    """Print AUROC and calibration of each mixture before and after, and the reliability of the unseen ones together."""
    offset, slope = two_parameters(list(seen.values()))
    print(f"\nTwo parameters on the first edition: log odds = {offset:.2f} + {slope:.2f} · log odds")

    def by_two(one: Mixture) -> Float64s:
        return expit(offset + slope * logit(np.clip(score_by_hand(one), 1e-9, 1 - 1e-9)))

    editions: dict[str, Score] = {
        "hand": score_by_hand,
        "hand, two parameters": by_two,
        "fitted": lambda one: score(one, FITTED),
        "stops": lambda one: score(one, constants),
    }
    lines = [
        _line(name, "unseen" if name in unseen else "fitted to", edition, [one], give)
        for name, one in (seen | unseen).items()
        for edition, give in editions.items()
    ]
    together = list((unseen or seen).values())
    lines += [_line("together", "unseen", edition, together, give) for edition, give in editions.items()]
    print_table(
        "Confidence on planted faults",
        ["data", "", "edition", *FAULTS, "all", "ECE", "debiased", "by luck", "95 %"],
        lines,
    )
    for edition, give in editions.items():
        bins = _bins(together, give)
        cells = [[f"{b.score:.2f}", f"{b.sound:.2f}", f"{b.weight:.1%}"] for b in bins]
        title = f"Reliability, {edition}, unseen data together: ECE {calibration_error(bins):.3f}"
        print_table(title, ["mean score", "share sound", "share of rows"], cells)


def _line(name: str, role: str, edition: str, mixtures: Sequence[Mixture], give: Score) -> list[str]:
    scores = np.concatenate([give(one) for one in mixtures])
    found = aurocs(scores, [fault for one in mixtures for fault in one.fault])
    cells = [f"{found[kind]:.3f}" for kind in (*FAULTS, "all")]
    rows = _rows(mixtures, give)
    errors = calibration_error(reliability(*rows)), debiased_calibration_error(*rows)
    return [
        name,
        role,
        edition,
        *cells,
        *(f"{one:.3f}" for one in (*errors, *calibration_error_by_luck(*rows))),
    ]


def _bins(mixtures: Sequence[Mixture], give: Score) -> list[Bin]:
    return reliability(*_rows(mixtures, give))


def _rows(mixtures: Sequence[Mixture], give: Score) -> tuple[Float64s, Bools, Float64s]:
    """Scores, which rows are sound, and weights of all rows of some mixtures."""
    parts = [(give(one), one.is_sound, one.weight) for one in mixtures]
    scores, sound, weight = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return scores, sound, weight


def ending_table(constants: Constants) -> None:
    """Print false alarms and recall of endings by kind: rules alone, and with the model's recorded word."""
    rows = read_ending_rows()
    factor = ends_factor(rows, constants)
    lines = []
    for kind in [*dict.fromkeys(row.kind for row in rows), "all"]:
        of_kind = np.array([kind in (row.kind, "all") for row in rows])
        sound = np.array([row.is_sound for row in rows])
        sure = np.array([row.is_sure for row in rows])
        flagged = factor < FLAGGED_BELOW
        cells = [f"{hits[of_kind & sound].sum()} of {(of_kind & sound).sum()}" for hits in (sure, flagged)]
        recall = [f"{hits[of_kind & ~sound].mean():.0%}" for hits in (sure, flagged)]
        lines.append([kind, cells[0], recall[0], cells[1], recall[1]])
    header = [
        "kind",
        "alarms, rules",
        "cut found, rules",
        "alarms, with the model",
        "cut found, with the model",
    ]
    print_table("Endings", header, lines)


def record(model: LanguageModel) -> None:
    """Write the model's log p of each end into the fixtures, as the scorer asks for it."""
    for path in (ENDINGS, UNSEEN, SHORT):
        _record(model, path)


def _record(model: LanguageModel, path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for text in ("sound", "cut"):
        kept = [row for row in rows if row.get(text)]
        if not kept:
            continue
        read = read_likelihoods(
            model, [row["prompt"] for row in kept], [row[text] for row in kept], ConfidenceOptions()
        )
        assert read.stopped is not None
        for row, end, stopped in zip(kept, read.end.tolist(), read.stopped.tolist(), strict=True):
            row[f"{text}_log_p_end"] = round(end, 2)
            row[f"{text}_log_p_stopped"] = round(stopped, 2) if math.isfinite(stopped) else None
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def main() -> None:
    """Measure, fit if asked, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*", default=[file for file in FILES if file.exists()])
    parser.add_argument("--rows", type=int, default=100, help="of each file")
    parser.add_argument("--skip", type=int, default=0, help="rows of each file that others were taken from")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--workspace", default="", help="where answers are kept between runs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = open_llm("smollm2", {}, workspace=Path(asked.workspace or folder))
        if asked.record:
            record(model)
        encoder = cache(lambda: open_encoder("minilm"))

        def encode(texts: Sequence[str]) -> Float32s:
            return encoder().encode(texts)

        def of_file(path: Path) -> Mixture:
            rows = read_noise_rows(path, max_turns=1, limit=asked.skip + asked.rows)
            return measure(rows.prompts[asked.skip :], rows.responses[asked.skip :], model, encode)

        seen = measure(*read_sample(SAMPLE_ROWS), model, encode)
        unseen = {path.stem: of_file(path) for path in asked.files}
    constants = STOPS
    if asked.fit:
        constants = fit([seen], [row for row in read_ending_rows() if row.number % 2 == 0])
        print(
            {
                name: round(value, 3) if isinstance(value, float) else value
                for name, value in asdict(constants).items()
            }
        )
    tables({"sample_data": seen}, unseen, constants)
    ending_table(constants)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
