"""CLEAR's decisions: which rows to keep, drop or replace, from confidences and verdicts (2403.12776; METHODS.md 2.2-2.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from tamis.compute.clear.bsdetector import normalised_answer
from tamis.compute.clear.replies import parse_choice
from tamis.compute.clear.ties import is_tie
from tamis.compute.clear.verdict_marks import (
    is_last_alone,
    read_marks,
    unmarked,
    without_lists,
    without_withdrawn,
)
from tamis.types import Bools, Float32s, Float64s, Int64s

# ask: a person must say; add: a written row
Action: TypeAlias = Literal["keep", "drop", "replace", "ask", "add"]
# What a judge said, or why it was not asked or could not say anything.
Finding: TypeAlias = Literal[
    "candidate", "original", "tie", "order_disagreement", "unparseable", "not_answered", "identical", "no_candidate",
    "candidate_cut",
]  # fmt: skip
Outcome: TypeAlias = Literal[
    "passed", "below_threshold", "not_scored", "corrected", "identical", "tie", "order_disagreement", "unparseable",
    "not_answered", "no_candidate", "candidate_cut", "random_control", "oracle_control",
    "auto_corrected", "asked", "left_out_this_round", "label_stands", "annotated",
]  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Strings: TypeAlias = NDArray[np.str_]

# Kept whatever the confidence: nothing speaks against the row, or nothing is known about it.
ALWAYS_KEPT = ("identical", "not_answered")
# Counted apart, and decided by the filter.
UNDECIDED = ("tie", "order_disagreement", "unparseable", "no_candidate", "candidate_cut")
LETTERS = ("A", "B", "C")  # first answer, second answer, tie
TEXT_DTYPE = "U20"


@dataclass(frozen=True, slots=True)
class Threshold:
    """γ, and how many of the rows with a confidence are above it, equal to it and known at all.

    ``gamma`` is NaN when no row has a confidence.
    """

    gamma: float
    n_above: int
    n_tied: int
    n_known: int


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed for each of n rows, and why: arrays of strings, shape (n,)."""

    action: Strings
    outcome: Strings


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge found, and the probability in [0, 1] that the candidate is better; NaN where there is none."""

    found: Finding
    candidate_confidence: float = float("nan")


def threshold(
    confidence: Float32s | Float64s, *, gamma: float | None = None, gamma_fraction: float = 0.5
) -> Threshold:
    """γ as given, or the quantile of the known confidences (0.5: their median, as in the paper), with counts.

    ``confidence`` (n,), NaN where unknown. Without ties the median leaves floor(n / 2) rows above it.
    """
    known = np.asarray(confidence, dtype=np.float64)
    known = known[~np.isnan(known)]
    if gamma is None:
        gamma = float(np.quantile(known, gamma_fraction)) if known.size else float("nan")
    return Threshold(gamma, int((known > gamma).sum()), int((known == gamma).sum()), known.size)


def auto_filter(confidence: Float32s | Float64s, gamma: float) -> Proposals:
    """Auto-Filter: keep what is strictly above γ, drop the rest; shape (n,) each.

    A row without a confidence (NaN) is kept as ``not_scored``: nothing speaks against it, and a person sees it.
    """
    values = np.asarray(confidence, dtype=np.float64)
    unknown, above = np.isnan(values), values > gamma
    outcome = np.where(unknown, "not_scored", np.where(above, "passed", "below_threshold")).astype(TEXT_DTYPE)
    return Proposals(np.where(unknown | above, "keep", "drop").astype(TEXT_DTYPE), outcome)


def auto_correct(
    confidence: Float32s | Float64s, gamma: float, verdicts: Sequence[Verdict], eta: float = 0.8
) -> Proposals:
    """Auto-Correct: replace where the candidate is better with a confidence strictly above η, else as the filter says.

    An identical candidate, and a row that a model could not be asked, are kept. Ties, verdicts that change with the
    order, those that cannot be read, missing candidates and those cut short are counted apart and decided by the
    filter (METHODS.md 2.3).
    """
    filtered = auto_filter(confidence, gamma)
    action, outcome = filtered.action.copy(), filtered.outcome.copy()
    for row, verdict in enumerate(verdicts):
        if verdict.found in ALWAYS_KEPT:
            action[row], outcome[row] = "keep", verdict.found
        elif verdict.found in UNDECIDED:
            outcome[row] = verdict.found
        elif verdict.found == "candidate" and verdict.candidate_confidence > eta:
            action[row], outcome[row] = "replace", "corrected"
    return Proposals(action, outcome)


def combine_orders(first: Verdict, second: Verdict) -> Verdict:
    """One verdict from both orders: the mean confidence where they agree, else a disagreement, which counts as a tie.

    A verdict that is missing in one order is missing in all.
    """
    for missing in ("not_answered", "unparseable"):
        if missing in (first.found, second.found):
            return Verdict(missing)
    mean = (first.candidate_confidence + second.candidate_confidence) / 2
    return Verdict(first.found if first.found == second.found else "order_disagreement", mean)


def parse_verdict(text: str) -> str | None:
    """The letter that a judge's answer gives by its marks ``[[A]]``, ``[[B]]``, ``[[C]]``, else what the rest of it says in words
    (C where it says nothing but that it is a tie), or None.
    """
    plain = text.replace("**", "")
    if is_tie(plain):
        return "C"
    marked = read_marks(plain)
    if marked is None:
        return parse_choice(without_lists(without_withdrawn(plain)), of_two=True)
    # What an answer wrote into itself and the judge repeats is no verdict against the judge's own words.
    said = None if is_last_alone(plain) else parse_choice(unmarked(plain), of_two=True)
    return marked if said in (None, marked) else None


def likeliest_letter(probabilities: Float64s) -> str:
    """The letter with the largest of three probabilities; C, a tie, where two share it."""
    best = np.flatnonzero(probabilities == probabilities.max())
    return LETTERS[int(best[0])] if len(best) == 1 else "C"


def verdict_probabilities(
    letter: str, samples: Sequence[str | None], reflected: float, beta_fraction: float = 0.7
) -> Float64s:
    """Probabilities of A, B and C, shape (3,), from a verdict, sampled verdicts and the second thoughts about it.

    For the verdict's own letter this is BSDetector's ``β O + (1 − β) S`` (METHODS.md 2.1): O is the share of samples
    that agree, S = ``reflected`` in [0, 1]. The other letters get their share of the samples, and halves of 1 − S.
    A sample that could not be read (None) agrees with nothing.
    """
    own = np.array([one == letter for one in LETTERS])
    shares = np.array([sum(sample == one for sample in samples) for one in LETTERS]) / max(1, len(samples))
    thoughts = np.where(own, reflected, (1 - reflected) / 2)
    result: Float64s = beta_fraction * shares + (1 - beta_fraction) * thoughts
    return result


def ordered_verdict(letter: str, probabilities: Float64s, *, candidate_first: bool) -> Verdict:
    """What a letter means where the candidate was answer A (``candidate_first``) or answer B."""
    own, other = ("A", "B") if candidate_first else ("B", "A")
    finding_of: dict[str, Finding] = {own: "candidate", other: "original", "C": "tie"}
    return Verdict(finding_of[letter], float(probabilities[LETTERS.index(own)]))


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are equal once case, encodings of accents, outer signs and runs of spaces are set aside."""
    return normalised_answer(first) == normalised_answer(second)


def random_control(n_rows: int, n_kept: int, rng: np.random.Generator) -> Proposals:
    """Keep ``n_kept`` of ``n_rows`` rows drawn at random: what any filter of that size has to beat."""
    action = np.full(n_rows, "drop", dtype=TEXT_DTYPE)
    action[rng.permutation(n_rows)[:n_kept]] = "keep"
    return Proposals(action, np.full(n_rows, "random_control", dtype=TEXT_DTYPE))


def oracle_control(rows: Int64s, bad: Int64s) -> Proposals:
    """Drop exactly the rows known to be bad: what no filter can beat."""
    action = np.where(np.isin(rows, bad), "drop", "keep").astype(TEXT_DTYPE)
    return Proposals(action, np.full(len(rows), "oracle_control", dtype=TEXT_DTYPE))


def confusion(action: Strings, is_noisy: Bools) -> dict[str, dict[str, int]]:
    """{noisy, clean} x {kept, corrected, dropped}, as counts (METHODS.md 2.4)."""
    names = {"kept": "keep", "corrected": "replace", "dropped": "drop"}
    kinds = {"noisy": np.asarray(is_noisy, dtype=np.bool_), "clean": ~np.asarray(is_noisy, dtype=np.bool_)}
    return {
        kind: {name: int((rows & (action == value)).sum()) for name, value in names.items()}
        for kind, rows in kinds.items()
    }


def kept_precision_recall(table: Mapping[str, Mapping[str, int]]) -> tuple[float, float]:
    """Of a confusion table: share of clean rows among the kept, and share of the clean rows that are kept.

    NaN where nothing is kept or nothing is clean. Corrected rows are not kept as they were, and count as neither.
    """
    kept, clean = table["clean"]["kept"] + table["noisy"]["kept"], sum(table["clean"].values())
    precision = table["clean"]["kept"] / kept if kept else float("nan")
    recall = table["clean"]["kept"] / clean if clean else float("nan")
    return precision, recall


def gold_fraction(action: Strings, candidates: Sequence[str | None], gold: Sequence[str]) -> float:
    """Share of the corrections that equal the gold answer after normalisation; NaN without corrections."""
    corrected = np.flatnonzero(action == "replace").tolist()
    if not corrected:
        return float("nan")
    return float(np.mean([same_answer(candidates[i] or "", gold[i]) for i in corrected]))
