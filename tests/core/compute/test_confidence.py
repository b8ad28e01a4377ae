"""The default confidence on arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamis.compute.clear.confidence import FITTED, STOPS, USUAL_BACKGROUND, Likelihoods, combine
from tamis.compute.clear.confidence_by_hand import combine_by_hand
from tamis.compute.clear.defects import DEFECTS
from tamis.compute.clear.endings import Endings

NAN = float("nan")


def likelihoods(given=-60.0, alone=-90.0, n=25, end=-3.0, stopped=None, rows=1) -> Likelihoods:
    return Likelihoods(
        np.full(rows, given),
        np.full(rows, alone),
        np.full(rows, n, dtype=np.int64),
        np.full(rows, end),
        None if stopped is None else np.full(rows, stopped),
    )


def defects(rows=1, **severities) -> dict[str, np.ndarray]:
    return {name: np.full(rows, float(severities.get(name, 0.0))) for name in DEFECTS}


def endings(marked=True, final=False, read=True, rows=1) -> Endings:
    return Endings(np.full(rows, marked), np.full(rows, final), np.full(rows, read))


def found(read=None, cosine=0.6, end=None, background=NAN, **severities) -> tuple[float, dict[str, float]]:
    score, factors = combine(
        read or likelihoods(),
        np.array([cosine]),
        defects(**severities),
        end or endings(),
        background=background,
    )
    return float(score[0]), {name: float(value[0]) for name, value in factors.items()}


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_the_factors_are_the_logistics_of_the_methods_document() -> None:
    score, factors = found()
    gain, fluency = 30 / 5, (-60 - 12) / 29
    assert factors["fits"] == pytest.approx(logistic(-1.23 + 1.15 * gain + 15.9 * (0.6 - USUAL_BACKGROUND)))
    assert factors["fluent"] == pytest.approx(logistic(22.5 + 4.04 * fluency))
    assert factors["ends"] == pytest.approx(logistic(10.5 - 0.76 * 3))
    assert score == pytest.approx(np.prod(list(factors.values())))


def test_a_cut_that_the_rules_see_counts_less_where_the_model_sees_an_end() -> None:
    def lost(end: float) -> float:
        whole = found(likelihoods(end=end), end=endings(marked=False))[1]["ends"]
        return whole - found(likelihoods(end=end), end=endings(marked=False), cut=0.6)[1]["ends"]

    assert lost(-6.0) < 0.01
    assert lost(-18.0) > 0.4


def test_the_same_end_is_less_doubtful_without_a_full_stop_and_hardly_heard_where_it_is_hardly_read() -> None:
    read = likelihoods(end=-17.0)
    marked = found(read, end=endings(marked=True))[1]["ends"]
    unmarked = found(read, end=endings(marked=False))[1]["ends"]
    unread = found(read, end=endings(marked=False, read=False))[1]["ends"]
    assert marked < 0.2 < unmarked < unread
    assert unread == pytest.approx(logistic(10.1 - (0.22 + 0.19) * 17))
    unheard = found(read, end=endings(marked=True, read=False))[1]["ends"]
    assert unheard == found(likelihoods(end=NAN))[1]["ends"] == pytest.approx(logistic(3.9))


def test_an_end_that_only_lacks_its_full_stop_is_one() -> None:
    """Log p of the end is low behind "a transitive verb": the model expects the full stop first."""

    def ends(end: float, stopped: float, **where: bool) -> float:
        return found(likelihoods(end=end, stopped=stopped), end=endings(marked=False, **where))[1]["ends"]

    assert ends(-23.0, -4.0) > 0.5 > 0.1 > ends(-23.0, -18.0)
    assert ends(-23.0, -4.0) == pytest.approx(logistic(12.4 - 0.49 * 23 - 0.19 * 4))
    assert ends(-23.0, -4.0, read=False) == pytest.approx(logistic(10.1 - 0.22 * 23 - 0.19 * 4))
    assert ends(-3.0, -3.0) == pytest.approx(logistic(12.4 - 0.49 * 3 + 0.19 * (np.log(2) - 3)))
    # Without an answer to that question the end alone is heard, and with a mark it is not asked.
    assert ends(-9.0, NAN) == pytest.approx(logistic(12.4 - 0.68 * 9))
    assert found(likelihoods(end=-9.0, stopped=-1.0))[1] == found(likelihoods(end=-9.0))[1]


def test_the_edition_before_hears_no_full_stop() -> None:
    for end, marked, read, expected in (
        (-23.0, False, True, 12.5 - 0.6 * 23),
        (-23.0, True, True, 10.5 - 0.77 * 23),
        (-23.0, False, False, 3.7),
        (NAN, False, True, 3.7),
    ):
        values = (
            likelihoods(end=end, stopped=-1.0),
            np.array([0.6]),
            defects(),
            endings(marked=marked, read=read),
        )
        assert combine(*values, constants=FITTED)[1]["ends"] == pytest.approx(logistic(expected))


def test_behind_a_result_an_address_or_a_name_only_the_rules_count() -> None:
    for end in (-25.0, -1.0, NAN):
        assert found(likelihoods(end=end), end=endings(final=True))[1]["ends"] == pytest.approx(logistic(6.0))


def test_garbled_is_not_damped_by_the_model() -> None:
    for end in (-1.0, -25.0):
        assert found(likelihoods(end=end), garbled=1.0)[1]["sound"] == pytest.approx(0.17)


def test_a_cosine_counts_above_what_other_rows_of_the_dataset_have() -> None:
    swapped = likelihoods(-95.0, -90.0)
    assert found(swapped, cosine=0.4)[0] > 0.9  # as near as rows about one thing are
    assert found(swapped, cosine=0.4, background=0.35)[0] < 0.3


def test_what_is_unknown_is_left_out_and_without_anything_known_there_is_no_confidence() -> None:
    nothing = likelihoods(NAN, NAN, 0, NAN)
    score, factors = found(nothing, cosine=NAN)
    assert np.isnan(score)
    assert factors["fits"] == pytest.approx(logistic(STOPS.fits))
    assert factors["fluent"] == 1
    assert found(nothing, cosine=NAN, empty=1.0)[0] == 0
    assert found(nothing, cosine=NAN, cut=1.0)[0] < 0.5
    assert found(nothing, cosine=0.9)[0] > 0.9


def test_other_constants_can_be_tried() -> None:
    other = replace(STOPS, cut=0.0)
    values = (likelihoods(end=-18.0), np.array([0.6]), defects(cut=1.0), endings(marked=False))
    assert combine(*values, constants=other)[0] > combine(*values)[0]


def test_the_first_edition_is_kept_as_it_was() -> None:
    nothing = likelihoods(NAN, NAN, 0, NAN)
    score, factors = combine_by_hand(nothing, np.array([NAN]), defects())
    assert np.isnan(score[0])
    assert factors["fits"][0] == 0.5  # with neither part known
    assert (factors["fluent"][0], factors["ends"][0]) == (1, 1)
    score, factors = combine_by_hand(likelihoods(), np.array([0.3]), defects(cut=0.5))
    assert factors["fits"][0] == pytest.approx(logistic(5.7 + 0.6))
    assert factors["ends"][0] == pytest.approx(logistic(5.5))
    assert factors["sound"][0] == pytest.approx(0.7)
    assert score[0] == pytest.approx(np.prod([values[0] for values in factors.values()]))
