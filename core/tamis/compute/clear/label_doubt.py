"""How likely each row's label is to a model that never saw the row with it: out of fold (METHODS.md 3.5)."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.bsdetector import normalised_answer
from tamis.compute.text.near_duplicates import NONE, exact_duplicates
from tamis.compute.text.row_families import RowLinks, linked_pairs
from tamis.compute.vectors import first_alike
from tamis.errors import InvalidOptions
from tamis.types import Bools, Float32s, Float64s, Int64s

MAX_LABELS = 50


@dataclass(frozen=True, slots=True)
class LabelCodes:
    """Label of each row as a number (n,), −1 for an empty one, and how each is written most often."""

    codes: Int64s
    names: list[str]


@dataclass(frozen=True, slots=True)
class LabelDoubt:
    """Probability of each row's own label, the likeliest one and its probability, (n,) each; NaN and −1 where not known."""

    own: Float64s
    predicted: Int64s
    confidence: Float64s


def code_labels(labels: Sequence[str]) -> LabelCodes:
    """Labels as numbers in the order of the alphabet; spellings that differ in case or outer signs are one.

    Raises InvalidOptions for fewer than two labels, and for more than are labels.
    """
    plain = [normalised_answer(label) for label in labels]
    names = sorted({one for one in plain if one})
    if not 2 <= len(names) <= MAX_LABELS:
        raise InvalidOptions(
            f"The rows have {len(names):,} different labels; 2 to {MAX_LABELS} can be told apart. Name the metadata field "
            "that holds a label, or choose rows whose responses are short answers."
        )
    place = {name: i for i, name in enumerate(names)}
    written: list[Counter[str]] = [Counter() for _ in names]
    for label, one in zip(labels, plain, strict=True):
        if one:
            written[place[one]][label.strip()] += 1
    codes = np.array([place.get(one, -1) for one in plain], dtype=np.int64)
    return LabelCodes(codes, [min(one, key=lambda text: (-one[text], text)) for one in written])


def doubt_labels(
    vectors: Float32s | Float64s,
    codes: Int64s,
    rng: np.random.Generator,
    *,
    prompts: Sequence[str] | None = None,
    n_folds: int = 5,
    strength: float = 1.0,
) -> LabelDoubt:
    """Logistic regression of each fold's complement, asked about the fold.

    ``vectors`` (n, d), ``codes`` (n,), −1 for rows without a label, which are neither trained on nor known. ``strength`` is
    the inverse of the L2 penalty. Rows with equal vectors, or with the same words in ``prompts`` (n,), are of one fold, so that
    copies of a wrong label do not vouch for each other; labels are spread evenly otherwise. There are no more folds than
    such groups; raises InvalidOptions where all rows are one.
    """
    n, n_labels = len(codes), int(codes.max(initial=-1)) + 1
    known = np.flatnonzero(codes >= 0)
    groups = _groups(vectors[known], None if prompts is None else [prompts[i] for i in known.tolist()])
    n_folds = min(n_folds, int(groups.max(initial=-1)) + 1)
    if n_folds == 1:
        raise InvalidOptions(
            f"All {len(known):,} rows with a label have one prompt, and a label is told from rows with others: choose rows "
            "whose prompts differ."
        )
    probabilities = np.full((n, n_labels), np.nan)
    folds = _folds(codes, known, groups, rng, n_folds)
    for fold in range(n_folds):
        inside, rest = known[folds[known] == fold], known[folds[known] != fold]
        probabilities[inside] = predict(fit(vectors[rest], codes[rest], strength), vectors[inside], n_labels)
    return read_doubt(probabilities, codes)


def read_doubt(probabilities: Float64s, codes: Int64s) -> LabelDoubt:
    """Own, likeliest and its probability of probabilities (n, k); rows of code −1 have no own one."""
    told: Bools = np.asarray(np.isfinite(probabilities).all(axis=1))
    filled = np.where(told[:, None], probabilities, 0.0)
    own = np.where(told & (codes >= 0), filled[np.arange(len(codes)), np.maximum(codes, 0)], np.nan)
    return LabelDoubt(
        own, np.where(told, filled.argmax(axis=1), -1), np.where(told, filled.max(axis=1), np.nan)
    )


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear model of labels: ``weights`` (k, d + 1) over the labels that it has seen, ``labels`` (k,)."""

    weights: Float64s
    labels: Int64s


def fit(vectors: Float32s | Float64s, codes: Int64s, strength: float = 1.0) -> Probe:
    """Multinomial logistic regression by scikit-learn; of one label alone a probe that knows no other."""
    from sklearn.linear_model import LogisticRegression

    labels = np.unique(codes)
    if len(labels) == 1:
        return Probe(np.zeros((1, vectors.shape[1] + 1)), labels)
    model = LogisticRegression(C=strength, max_iter=300).fit(vectors, codes)
    weights = np.column_stack([model.coef_, model.intercept_])
    if len(labels) == 2:  # one line for two labels
        weights = np.stack([np.zeros_like(weights[0]), weights[0]])
    return Probe(weights, labels)


def predict(probe: Probe, vectors: Float32s | Float64s, n_labels: int) -> Float64s:
    """Probabilities (n, n_labels); 0 for a label that the probe has not seen."""
    logits = vectors @ probe.weights[:, :-1].T + probe.weights[:, -1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    result = np.zeros((len(vectors), n_labels))
    result[:, probe.labels] = odds / odds.sum(axis=1, keepdims=True)
    return result


def _groups(vectors: Float32s | Float64s, prompts: Sequence[str] | None) -> Int64s:
    """Numbers from 0 (n,), one for rows that have one vector or one prompt in other signs and case."""
    n = len(vectors)
    if not n:
        return np.empty(0, dtype=np.int64)
    first = first_alike(np.asarray(vectors, dtype=np.float32))
    pairs = linked_pairs(np.where(first == np.arange(n), NONE, first))
    if prompts is not None:
        pairs = np.concatenate([pairs, linked_pairs(exact_duplicates(prompts).of)])
    none = np.empty((0, 2), dtype=np.int64)
    return RowLinks(n, pairs, none, none, near_searched=False).groups()


def _folds(codes: Int64s, known: Int64s, groups: Int64s, rng: np.random.Generator, n_folds: int) -> Int64s:
    """Fold of each row (n,): groups of ``known`` (k,) in chance order, sorted by label, each to the smallest fold so far."""
    order = rng.permutation(len(known))
    order = order[np.argsort(codes[known[order]], kind="stable")]
    sizes = np.bincount(groups)
    fold_of = np.full(len(sizes), -1, dtype=np.int64)
    smallest = [(0, fold) for fold in range(n_folds)]
    for group in groups[order].tolist():
        if fold_of[group] < 0:
            size, fold = smallest[0]
            heapq.heapreplace(smallest, (size + int(sizes[group]), fold))
            fold_of[group] = fold
    folds = np.full(len(codes), -1, dtype=np.int64)
    folds[known] = fold_of[groups]
    return folds
