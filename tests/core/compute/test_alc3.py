"""ALC3: the doubt about labels, one round by hand, and the whole loop where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tamis.compute.clear.alc3 import AnsweredBatch, confidence_limit, has_converged, plan_round
from tamis.compute.clear.alc3_simulation import POLICIES, LabelTask, flip, simulate
from tamis.compute.clear.label_doubt import LabelDoubt, code_labels, doubt_labels, fit, predict
from tamis.errors import InvalidOptions


def blobs(n=300, k=3, seed=0, spread=0.45):
    """Vectors around k corners, and which."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    return np.eye(8)[truth] + rng.normal(0, spread, (n, 8)), truth.astype(np.int64)


def doubt(own, predicted, confidence):
    return LabelDoubt(np.array(own), np.array(predicted), np.array(confidence))


def ten():
    """Ten rows of label 0: the model is sure that row 3 is of label 1, and doubts rows 9, 8, 7 … most."""
    own = [0.9, 0.8, 0.7, 0.02, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    return doubt(own, [0, 0, 0, 1, 0, 0, 0, 0, 0, 1], [0.9, 0.8, 0.7, 0.98, 0.6, 0.5, 0.4, 0.3, 0.2, 0.6])


def test_a_round_by_hand():
    """N = 10, one corrected, a batch of two with one wrong, η₀ = .3: η = .2, p = .5, and three are left out."""
    made = plan_round(
        ten(),
        np.zeros(10, np.int64),
        np.zeros(10, bool),
        delta=0.9,
        n_ask=2,
        eta_0=0.3,
        batch=AnsweredBatch(2, 1),
    )
    assert made.corrected.tolist() == [3]
    assert made.asked.tolist() == [8, 9]
    assert made.eta == pytest.approx(0.2) and made.left_out.tolist() == [7, 8, 9]


def test_nobody_is_asked_twice_and_what_people_said_is_not_corrected():
    annotated = np.zeros(10, bool)
    annotated[[3, 9]] = True
    made = plan_round(ten(), np.zeros(10, np.int64), annotated, delta=0.9, n_ask=2, eta_0=0.3)
    assert made.corrected.tolist() == [] and made.asked.tolist() == [7, 8]
    assert made.left_out.tolist() == []  # nobody answered


def test_nothing_is_left_out_while_no_more_is_wrong_than_expected():
    batch = AnsweredBatch(10, 2)
    made = plan_round(
        ten(), np.zeros(10, np.int64), np.zeros(10, bool), delta=0.9, n_ask=2, eta_0=0.4, batch=batch
    )
    assert made.eta == pytest.approx(0.3) and made.left_out.tolist() == []
    assert math.isnan(AnsweredBatch(0, 0).share)


def test_a_first_batch_is_drawn_by_chance():
    rows = [
        plan_round(
            ten(),
            np.zeros(10, np.int64),
            np.zeros(10, bool),
            delta=0.9,
            n_ask=3,
            rng=np.random.default_rng(seed),
        ).asked.tolist()
        for seed in range(5)
    ]
    assert len({tuple(one) for one in rows}) > 1 and all(3 not in one for one in rows)


def test_it_ends_where_two_rounds_found_fewer_errors_than_expected():
    assert has_converged([0.5, 0.1, 0.05], [0.2, 0.2, 0.2])
    assert not has_converged([0.1, 0.5], [0.2, 0.2]) and not has_converged([0.1], [0.2])


def test_probabilities_of_a_row_do_not_know_its_label():
    """Turning one row's label changes what is thought of others, never what is predicted for the row itself."""
    vectors, truth = blobs(60)
    found = doubt_labels(vectors, truth, np.random.default_rng(1))
    probabilities = predict(fit(vectors, truth), vectors, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (found.predicted == truth).mean() > 0.7
    assert (
        np.nanmean(found.own) < probabilities[np.arange(60), truth].mean()
    )  # in-sample is surer than it should be


def test_flipped_labels_are_least_likely():
    vectors, truth = blobs()
    labels, wrong = flip(truth, 0.2, np.random.default_rng(2))
    own = doubt_labels(vectors, labels, np.random.default_rng(3)).own
    assert wrong.sum() == 60
    assert np.isin(np.argsort(own)[:40], np.flatnonzero(wrong)).mean() > 0.7  # 0.2 by chance


def auroc_of_copies(copies: int, *, by_prompt: bool) -> float:
    """How well 30 wrong labels among 300 rows of 384 numbers are told, each standing there so many times."""
    rng = np.random.default_rng(0)
    centres, truth = rng.normal(size=(4, 384)), rng.integers(0, 4, 300)
    vectors = 0.35 * centres[truth] + rng.normal(size=(300, 384))
    labels, wrong = flip(truth, 0.1, rng)
    rows = np.concatenate([np.arange(300), *[np.flatnonzero(wrong)] * (copies - 1)])
    noise = rng.normal(scale=1e-3 if by_prompt else 0, size=(len(rows), 384))
    prompts = [f"Row {row}{'!' * place}" for place, row in enumerate(rows.tolist())] if by_prompt else None
    made = (vectors[rows] + noise).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    own = doubt_labels(made, labels[rows], np.random.default_rng(1), prompts=prompts).own
    bad = wrong[rows]
    return float((own[bad][:, None] < own[~bad][None, :]).mean())


@pytest.mark.parametrize("by_prompt", [False, True])
def test_copies_of_a_wrong_label_do_not_vouch_for_each_other(by_prompt):
    found = [auroc_of_copies(copies, by_prompt=by_prompt) for copies in (1, 3, 5)]
    assert min(found) > 0.97, found


def test_rows_of_one_prompt_alone_tell_no_label():
    with pytest.raises(InvalidOptions, match="have one prompt"):
        doubt_labels(np.ones((6, 3), np.float32), np.arange(6) % 2, np.random.default_rng(0))


def test_rows_without_a_label_are_not_known_and_a_label_of_one_row_is_likely_for_none():
    vectors, truth = blobs(40, 2)
    codes = truth.copy()
    codes[0], codes[1] = -1, 2
    found = doubt_labels(vectors, codes, np.random.default_rng(0))
    assert np.isnan(found.own[0]) and found.own[1] == 0 and np.isfinite(found.own[2:]).all()
    assert 0 < confidence_limit(found.confidence) < 1


def test_labels_are_read_whatever_their_case_and_spelling_wins_by_number():
    made = code_labels(["Yes", "yes.", "No", " YES ", "", "no", "Yes"])
    assert made.codes.tolist() == [1, 1, 0, 1, -1, 0, 1] and made.names == ["No", "Yes"]


@pytest.mark.parametrize("labels", [["a"] * 9, [f"an answer of its own {i}" for i in range(60)]])
def test_what_is_no_label_is_refused(labels):
    with pytest.raises(InvalidOptions, match="different labels"):
        code_labels(labels)


@pytest.fixture(scope="module")
def curves():
    vectors, truth = blobs(320, spread=0.4)
    test = np.arange(320) % 4 == 0
    task = LabelTask(vectors=vectors, truth=truth, test=test, n_ask=5, n_rounds=6)
    return {policy: simulate(task, policy, seed=1) for policy in POLICIES}


def test_what_is_corrected_by_itself_is_forgotten_and_what_people_say_stays(curves):
    found = curves["alc3"]
    assert found.n_annotated == [0, 5, 10, 15, 20, 25, 30]
    assert found.n_corrected / found.n_corrections >= 0.8
    assert found.n_wrong[1] < curves["own"].n_wrong[1] < found.n_planted


def test_asking_by_doubt_mends_more_than_asking_by_chance(curves):
    assert curves["own"].n_wrong[-1] < curves["random"].n_wrong[-1]
    assert curves["alc3"].n_wrong[-1] <= curves["own"].n_wrong[-1]
    assert all(one.n_planted == curves["alc3"].n_planted for one in curves.values())
