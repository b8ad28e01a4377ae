from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.clear.noise import NOISE_KINDS, plant_noise
from tamis.errors import CurationError

PROMPTS = [
    f"Read this. Item {i} stands on shelf {i}. It was put there in the year {1900 + i}. Where is it?"
    for i in range(40)
]
RESPONSES = [f"Item {i} stands on shelf {i + 3}. Nobody has moved it since." for i in range(40)]


def planted(kind, rate=0.2, seed=0, responses=RESPONSES):
    return plant_noise(kind, PROMPTS, responses, rate_fraction=rate, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("kind", NOISE_KINDS)
@given(rate=st.floats(0, 1), seed=st.integers(0, 99))
def test_exactly_the_rate_is_changed_and_none_into_its_gold(kind, rate, seed):
    noisy = planted(kind, rate, seed)
    changed = np.array([a != b for a, b in zip(noisy.responses, RESPONSES, strict=True)])
    assert noisy.is_noisy.sum() == round(rate * 40)
    np.testing.assert_array_equal(changed, noisy.is_noisy)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_seed_decides_which_rows_and_how(kind):
    assert planted(kind, seed=3).responses == planted(kind, seed=3).responses
    assert planted(kind, seed=3).responses != planted(kind, seed=4).responses


def test_a_wrong_sentence_comes_from_the_rows_own_context():
    noisy = planted("sentence", 1.0)
    for prompt, response in zip(PROMPTS, noisy.responses, strict=True):
        assert response in prompt


def test_without_a_context_the_sentence_comes_from_another_row():
    noisy = plant_noise(
        "sentence",
        ["Why?"] * 40,
        [f"{r} Indeed {r} Truly." for r in RESPONSES],
        rate_fraction=0.5,
        rng=np.random.default_rng(0),
    )
    assert noisy.is_noisy.sum() == 20


def test_a_swapped_response_is_another_rows_even_among_many_equal_ones():
    responses = ["yes"] * 30 + ["no"] * 10
    noisy = planted("swap", 1.0, responses=responses)
    assert noisy.is_noisy.all()
    assert all(a != b for a, b in zip(noisy.responses, responses, strict=True))


def test_a_number_changes_and_nothing_else_does():
    for before, after in zip(RESPONSES, planted("number", 1.0).responses, strict=True):
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_a_truncated_response_is_its_own_beginning():
    for before, after in zip(RESPONSES, planted("truncate", 1.0).responses, strict=True):
        assert before.startswith(after)


def test_garbling_keeps_the_characters():
    for before, after in zip(RESPONSES, planted("garble", 1.0).responses, strict=True):
        assert sorted(before) == sorted(after)


def test_too_few_rows_to_change_is_an_error_with_how_many_there_are():
    with pytest.raises(
        CurationError, match="Only 2 of 4 responses can be changed by 'number' noise.*asks for 4"
    ):
        plant_noise(
            "number", ["q"] * 4, ["1", "b", "two", "c"], rate_fraction=1.0, rng=np.random.default_rng(0)
        )
    with pytest.raises(CurationError, match="Only 0 of 3"):
        plant_noise("swap", ["q"] * 3, ["same"] * 3, rate_fraction=0.4, rng=np.random.default_rng(0))
