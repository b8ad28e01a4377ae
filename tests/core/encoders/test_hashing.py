from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.encoders import open_encoder
from tests.support import scale

GROUPS = {
    "bread": [
        "How do I bake bread with yeast?",
        "Bake sourdough bread at home",
        "Why does my bread dough not rise?",
    ],
    "python": [
        "Write a Python function",
        "Python function to sort a list",
        "Explain this Python function to me",
    ],
    "学习": ["机器学习是什么", "什么是机器学习？", "请解释机器学习"],
    "хлеб": ["Как испечь хлеб дома", "Рецепт хлеба на дрожжах", "Почему хлеб не поднимается"],
}

BAKE_BREAD_PLACES = [12, 129, 164, 239, 285, 364, 390, 392, 402, 407, 416, 419, 474]


@pytest.fixture(scope="module")
def hashing():
    return open_encoder("hashing")


def test_texts_on_one_subject_are_nearest_to_each_other(hashing):
    texts = [text for group in GROUPS.values() for text in group]
    label = np.repeat(np.arange(len(GROUPS)), 3)
    similar = hashing.encode(texts) @ hashing.encode(texts).T
    np.fill_diagonal(similar, -1)
    assert (label[similar.argmax(1)] == label).all()


def test_case_width_and_spacing_do_not_matter(hashing):
    vectors = hashing.encode(["Straße  ＡＢＣ", "STRASSE abc", "strasse\nABC"])
    np.testing.assert_allclose(vectors @ vectors.T, 1, atol=1e-6)


def test_vectors_are_the_same_on_every_machine(hashing):
    first = hashing.encode(["bake bread"])[0]
    assert np.flatnonzero(first).tolist() == BAKE_BREAD_PLACES


@scale.examples(200)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_that_is_not_blank_has_a_unit_vector(text):
    vector = open_encoder("hashing", {"dimension": 16}).encode([text])[0]
    assert abs(np.linalg.norm(vector) - (0 if text.isspace() else 1)) < 1e-5
