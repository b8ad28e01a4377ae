import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest

from tamis.compute.clear.calibrate import (
    NotEnough,
    ScoreBands,
    bad_by_score,
    bad_fraction,
    counted_rows,
    sample_for_review,
    threshold_on_sample,
    weighted_share,
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
    scores, bad, _ = _world(0)
    scores = np.append(scores, np.nan)
    places = np.append(np.arange(19), len(scores) - 1)
    found = bad_by_score(scores, places, bad[:20], np.ones(20))
    assert isinstance(found, NotEnough)
    assert (found.n_decisions, found.n_missing) == (19, 1)
    assert "1 more" in found.message
    assert isinstance(bad_by_score(scores, np.arange(20), bad[:20], np.ones(20)), ScoreBands)


def test_equal_scores_are_not_enough():
    found = bad_by_score(np.full(30, 0.5), np.arange(30), np.arange(30) % 2 == 0, np.ones(30))
    assert isinstance(found, NotEnough)
    assert "0.5" in found.message


def test_bands_hold_every_row_once_and_equal_scores_together():
    scores = np.round(_world(1)[0], 1)
    bad = scores < -0.5
    for n in (20, 40, 400):
        places = np.random.default_rng(n).choice(len(scores), n, replace=False)
        found = bad_by_score(scores, places, bad[places], np.ones(n))
        assert found.n_rows.sum() == len(scores)
        assert found.n_counted.sum() == n
        assert (found.n_counted >= 5).all()
        assert len(found.end) >= 2
        assert len(found.end) <= 8
        assert (found.start[1:] == found.end[:-1]).all()
        assert (found.start[0], found.end[-1]) == (scores.min(), scores.max())
        assert ((found.low <= found.value) & (found.value <= found.high)).all()
        assert ((found.low >= 0) & (found.high <= 1)).all()
        assert found.value[0] > found.value[-1]
        assert found.value[-1] == 0


SHAPES = {
    "logistic": lambda s: expit(-1.5 - 2 * s),
    "step": lambda s: np.where(s < -1, 0.9, 0.05),
    "both ends": lambda s: np.where(np.abs(s) > 1.2, 0.6, 0.03),
    "flat": lambda s: np.full(len(s), 0.1),
    "rare": lambda s: np.where(s < -1.5, 0.5, 0.005),
}


@pytest.mark.parametrize("n_counted", [20, 60, 200])
@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_hold_the_truth_whatever_the_score_is_worth(shape, n_counted):
    """The first rows of the sample in an order of chance, as a person decides them; a fitted curve held it in 21 to 57 %."""
    held: dict[str, list[bool]] = {name: [] for name in ("bands", "share", "precision", "recall")}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        scores = rng.normal(size=3000)
        bad = rng.random(3000) < SHAPES[shape](scores)
        rows, inclusion = sample_for_review(scores, 200, rng)
        used = np.sort(rng.permutation(200)[:n_counted])
        sample = (rows[used], bad[rows[used]], inclusion[used])
        bands = bad_by_score(scores, *sample)
        place = np.searchsorted(bands.end, scores)
        for band in range(len(bands.end)):
            true = bad[place == band].mean()
            held["bands"].append(bands.low[band] <= true <= bands.high[band])
        found = threshold_on_sample(scores, *sample, -0.5)
        below = scores <= -0.5
        estimates = {
            "share": (bad_fraction(*sample[1:]), bad.mean()),
            "precision": (found.precision, bad[below].mean()),
            "recall": (found.recall, bad[below].sum() / bad.sum()),
        }
        for name, (estimate, true) in estimates.items():
            if not np.isnan(estimate.value):
                held[name].append(estimate.low <= true <= estimate.high)
    for name, hits in held.items():
        assert np.mean(hits) >= 0.92, (name, np.mean(hits))
    assert np.mean(np.concatenate(list(held.values()))) >= 0.95


def test_equal_weights_give_clopper_and_pearsons_interval():
    for hits, n in ((0, 20), (3, 20), (20, 20), (40, 100)):
        known = binomtest(hits, n).proportion_ci(method="exact")
        found = weighted_share(np.arange(n) < hits, np.full(n, 7.0))
        assert (found.low, found.high) == (pytest.approx(known.low), pytest.approx(known.high))
        assert found.value == pytest.approx(hits / n)


def test_more_decisions_make_an_estimate_surer():
    scores, bad, rng = _world(3)
    widths = []
    for n in (30, 120, 480):
        rows, inclusion = sample_for_review(scores, n, rng)
        found = bad_fraction(bad[rows], inclusion)
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


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


def test_a_threshold_below_everything_drops_nothing_and_knows_no_precision():
    scores, bad, _ = _world(5, n=200)
    found = threshold_on_sample(scores, np.arange(200), bad, np.ones(200), -99.0)
    assert (found.n_below, found.n_scored) == (0, 200)
    assert np.isnan(found.precision.value)
    assert found.recall.value == 0
    above = threshold_on_sample(scores, np.arange(200), bad, np.ones(200), 99.0)
    assert above.recall.value == pytest.approx(1)
    assert (above.precision.low, above.precision.high) != (0, 1)


def test_the_slider_answers_in_a_moment_at_two_hundred_thousand_rows():
    import time

    scores, bad, _ = _world(6, n=200_000)
    began = time.process_time()
    threshold_on_sample(scores, np.arange(300), bad[:300], np.ones(300), 0.0)
    bad_by_score(scores, np.arange(300), bad[:300], np.ones(300))
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
