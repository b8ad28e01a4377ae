import numpy as np
import pytest
from scipy.special import expit

from tamis.compute.clear.calibrate import (
    Calibration,
    NotEnough,
    bad_fraction,
    bad_probability,
    calibrate,
    counted_rows,
    sample_for_review,
    threshold_on_curve,
    threshold_on_sample,
)


def _world(seed: int, n: int = 3000, slope: float = 2.0):
    """Scores of n rows, and which are bad: the log odds fall with the score."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    return scores, rng.random(n) < expit(-1.5 - slope * scores), rng


def _truth(scores, bad, threshold):
    below = scores < threshold
    return bad[below].mean(), bad[below].sum() / bad.sum()


def test_fewer_than_twenty_decisions_are_not_enough_and_say_how_many_are_missing():
    scores, bad, rng = _world(0)
    found = calibrate(np.append(scores[:19], np.nan), bad[:20], rng)
    assert isinstance(found, NotEnough)
    assert (found.n_decisions, found.n_missing) == (19, 1)
    assert "1 more" in found.message
    assert isinstance(calibrate(scores[:20], bad[:20], rng), Calibration)


def test_equal_scores_are_not_enough():
    found = calibrate(np.full(30, 0.5), np.arange(30) % 2 == 0, np.random.default_rng(0))
    assert isinstance(found, NotEnough)
    assert "0.5" in found.message


def test_the_curve_finds_the_odds_it_was_drawn_from():
    scores, bad, rng = _world(1, n=20_000)
    found = calibrate(scores, bad, rng)
    x = np.linspace(-2, 2, 9)
    value, low, high = bad_probability(found, x)
    np.testing.assert_allclose(value, expit(-1.5 - 2 * x), atol=0.02)
    assert ((low <= value) & (value <= high)).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_probability_never_rises_with_the_score(seed):
    rng = np.random.default_rng(seed)
    scores, bad = rng.normal(size=40), rng.random(40) < 0.5
    for labels in (bad, scores > 0, scores < 0, np.ones(40, dtype=bool), np.zeros(40, dtype=bool)):
        found = calibrate(scores, labels, rng)
        for curve in bad_probability(found, np.linspace(-5, 5, 50)):
            assert (np.diff(curve) <= 1e-12).all()
            assert ((curve >= 0) & (curve <= 1)).all()


def test_the_probability_of_a_row_without_a_score_is_unknown():
    scores, bad, rng = _world(2)
    value, low, high = bad_probability(calibrate(scores[:50], bad[:50], rng), np.array([0.0, np.nan]))
    assert np.isfinite([value[0], low[0], high[0]]).all()
    assert np.isnan([value[1], low[1], high[1]]).all()


def test_intervals_of_the_curve_hold_the_truth_about_as_often_as_they_say():
    x = np.array([-1.5, -0.5, 0.5])
    hits = np.zeros(3)
    for seed in range(100):
        scores, bad, rng = _world(seed, n=80)
        _, low, high = bad_probability(calibrate(scores, bad, rng), x)
        truth = expit(-1.5 - 2 * x)
        hits += (low <= truth) & (truth <= high)
    assert (hits / 100 >= 0.9).all(), hits / 100


def test_more_decisions_make_the_curve_surer():
    widths = []
    for n in (30, 120, 480):
        scores, bad, rng = _world(3, n=n)
        _, low, high = bad_probability(calibrate(scores, bad, rng), np.array([0.0]))
        widths.append(float((high - low)[0]))
    assert widths == sorted(widths, reverse=True)


def test_precision_and_recall_from_the_curve_hold_also_when_the_worst_rows_were_reviewed_first():
    hits = np.zeros(2)
    for seed in range(60):
        scores, bad, rng = _world(seed)
        # What a person does: mostly the lowest scores, and some others.
        reviewed = np.union1d(np.argsort(scores)[:80], rng.choice(len(scores), 80, replace=False))
        found = threshold_on_curve(calibrate(scores[reviewed], bad[reviewed], rng), scores, -0.5, rng)
        truth = _truth(scores, bad, -0.5)
        for place, (estimate, true) in enumerate(zip((found.precision, found.recall), truth, strict=True)):
            hits[place] += estimate.low <= true <= estimate.high
    assert (hits / 60 >= 0.88).all(), hits / 60


def test_estimates_from_a_drawn_sample_are_unbiased_and_their_intervals_hold():
    scores, bad, _ = _world(7, n=2000)
    # A curve that is not logistic: the sample does not care.
    bad |= (scores > 1.5) & (np.arange(2000) % 2 == 0)
    truth = (bad.mean(), *_truth(scores, bad, -0.5))
    values, hits = [], np.zeros(3)
    for seed in range(400):
        rows, inclusion = sample_for_review(scores, 200, np.random.default_rng(seed))
        found = threshold_on_sample(scores, rows, bad[rows], inclusion, -0.5)
        estimates = (bad_fraction(bad[rows], inclusion), found.precision, found.recall)
        values.append([e.value for e in estimates])
        hits += [e.low <= t <= e.high for e, t in zip(estimates, truth, strict=True)]
    mean, error = np.mean(values, axis=0), np.std(values, axis=0) / 20
    # The fraction is exactly unbiased; the others are ratios, biased by less than a standard error of one estimate.
    assert abs(mean[0] - truth[0]) < 4 * error[0]
    assert (np.abs(mean - truth) < 0.02).all(), (mean, truth)
    assert (hits / 400 >= 0.92).all(), hits / 400


def test_counting_a_sample_without_its_weights_would_be_biased():
    scores, bad, _ = _world(7, n=2000)
    naive = []
    for seed in range(100):
        rows, _ = sample_for_review(scores, 200, np.random.default_rng(seed))
        naive.append(bad[rows].mean())
    assert np.mean(naive) > bad.mean() + 0.05


def test_the_sample_draws_every_row_with_the_probability_it_says():
    scores = np.append(np.random.default_rng(0).normal(size=57), [np.nan, np.nan, np.nan])
    drawn, said = np.zeros(60), np.zeros(60)
    for seed in range(3000):
        rows, inclusion = sample_for_review(scores, 15, np.random.default_rng(seed))
        assert len(rows) == 15
        assert (np.diff(rows) > 0).all()
        drawn[rows] += 1
        said[rows] = inclusion
    assert (said > 0).all()
    np.testing.assert_allclose(drawn / 3000, said, atol=0.04)
    assert said[np.argmin(scores)] > said[np.nanargmax(scores)]


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 59, 60, 500])
def test_a_sample_has_the_size_asked_for_or_all_rows(n):
    scores = np.append(np.zeros(55), np.full(5, np.nan))
    rows, inclusion = sample_for_review(scores, n, np.random.default_rng(0))
    assert len(set(rows.tolist())) == len(rows) == len(inclusion) == min(n, 60)
    assert (inclusion == 1).all() == (n >= 60)
    assert (1 / inclusion).sum() == pytest.approx(60)


def test_a_sample_of_no_row_and_an_impossible_probability_are_errors():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="n = 0"):
        sample_for_review(np.arange(5.0), 0, rng)
    for wrong in (0.0, 1.5, np.nan):
        with pytest.raises(ValueError, match="inclusion"):
            bad_fraction(np.array([True]), np.array([wrong]))


def test_weights_take_the_curve_to_all_rows_when_it_is_not_logistic():
    scores, bad, rng = _world(11, n=4000)
    rows, inclusion = sample_for_review(scores, 400, rng)
    found = calibrate(scores[rows], bad[rows], rng, inclusion=inclusion)
    value, low, high = bad_probability(found, np.array([0.0]))
    assert low[0] <= expit(-1.5) <= high[0]
    assert value[0] == pytest.approx(expit(-1.5), abs=0.1)


def test_a_threshold_below_everything_drops_nothing_and_knows_no_precision():
    scores, bad, rng = _world(5, n=200)
    for found in (
        threshold_on_curve(calibrate(scores, bad, rng), scores, -99.0, rng),
        threshold_on_sample(scores, np.arange(200), bad, np.ones(200), -99.0),
    ):
        assert (found.n_below, found.n_scored) == (0, 200)
        assert np.isnan(found.precision.value)
        assert found.recall.value == 0
    above = threshold_on_curve(calibrate(scores, bad, rng), scores, 99.0, rng)
    assert above.recall.value == pytest.approx(1)
    assert (above.precision.low, above.precision.high) != (0, 1)


def test_the_slider_answers_in_a_moment_at_two_hundred_thousand_rows():
    import time

    scores, bad, rng = _world(6, n=200_000)
    found = calibrate(scores[:300], bad[:300], rng)
    began = time.process_time()
    threshold_on_curve(found, scores, 0.0, rng)
    assert time.process_time() - began < 0.5


def test_only_what_stands_before_the_first_undecided_row_of_the_order_counts():
    order = np.array([7, 3, 9, 1])
    for decided, counted in (([1, 1, 0, 1], [7, 3]), ([0, 1, 1, 1], []), ([1, 1, 1, 1], [7, 3, 9, 1])):
        assert counted_rows(order, np.array(decided, dtype=bool)).tolist() == counted
    assert counted_rows(order[:0], np.zeros(0, dtype=bool)).tolist() == []


def test_a_sample_is_unbiased_whatever_else_was_decided_where_naive_counts_are_not():
    """A person decides the 600 lowest scores first, then the first 80 rows of the sample in its order of chance.

    What was decided by score overlaps the sample; neither those rows nor the others may enter the estimate.
    """
    scores, bad, _ = _world(7, n=2000)
    bad |= (scores > 1.5) & (
        np.arange(2000) % 2 == 0
    )  # no logistic curve, and many bad rows among high scores
    threshold = -0.5
    truth = np.array([bad.mean(), *_truth(scores, bad, threshold)])
    lowest = np.argsort(scores)[:600]
    found: dict[str, list[list[float]]] = {"counted": [], "overlap": [], "naive": []}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows, inclusion = sample_for_review(scores, 200, rng)
        order = rng.permutation(rows)
        decided = np.union1d(lowest, order[:80])
        counted = np.sort(counted_rows(order, np.isin(order, decided)))
        assert set(order[:80].tolist()) <= set(counted.tolist())
        for name, used in (("counted", counted), ("overlap", np.intersect1d(rows, decided))):
            chance = inclusion[np.searchsorted(rows, used)]
            one = threshold_on_sample(scores, used, bad[used], chance, threshold)
            found[name].append(
                [e.value for e in (bad_fraction(bad[used], chance), one.precision, one.recall)]
            )
        below = scores[decided] <= threshold
        hits = bad[decided]
        found["naive"].append([hits.mean(), hits[below].mean(), hits[below].sum() / hits.sum()])
    mean = {name: np.mean(values, axis=0) for name, values in found.items()}
    np.testing.assert_allclose(mean["counted"], truth, atol=0.02)
    for name in ("overlap", "naive"):
        share, _, recall = mean[name] - truth
        assert share > 0.1, name
        assert recall > 0.1, name
