"""What every row of the table must keep."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.encoders import ENCODERS, open_encoder
from tamis.errors import InvalidOptions, UnknownName
from tamis.registry import Options

TEXTS = [
    "How do I bake bread?",
    "",
    "Write a Python function that sorts a list.",
    "   \n\t",
    "机器学习是什么？",
    "مرحبا بالعالم",
    "👩‍👩‍👧 🎉",
    "a",
    "long text " * 300,
]
BLANK = [1, 3]

# For each row: options that change a vector, and options that only change how fast it is made.
CHANGES = {
    "minilm": (
        [{"long_text": "chunk_mean"}, {"dtype": "float32"}, {"dtype": "float16"}],
        [{"batch_tokens": 64}],
    ),
    "sentence_transformer": (
        [
            {"prompt": "query: "},
            {"max_tokens": 16},
            {"long_text": "chunk_mean"},
            {"long_text": "chunk_mean", "max_windows": 3},
            {"dtype": "float32"},
        ],
        [{"batch_tokens": 64}, {"model": "all-MiniLM-L6-v2"}, {"max_windows": 3}],
    ),
    "openai": (
        [
            {"model": "other"},
            {"dimensions": 8},
            {"prompt": "query: "},
            {"max_tokens": 9},
            {"base_url": "http://b/v1"},
        ],
        [
            {"concurrency": 2},
            {"batch_size": 3},
            {"timeout_s": 1.0},
            {"max_retries": 0},
            {"api_key_variable": "OTHER"},
        ],
    ),
    "hashing": ([{"dimension": 64}, {"char_ngram": 4}, {"seed": 1}], []),
}


@pytest.fixture(params=list(ENCODERS))
def encoder(request):
    if request.param == "openai":
        return open_encoder("openai", {"base_url": request.getfixturevalue("server").url, "batch_size": 3})
    if request.param == "minilm":
        return request.getfixturevalue("minilm")
    return open_encoder(request.param)


def test_every_row_says_which_options_change_its_vectors():
    assert set(CHANGES) == set(ENCODERS)


def test_vectors_are_float32_unit_rows_and_blank_texts_are_zero(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    expected = np.ones(len(TEXTS))
    expected[BLANK] = 0
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), expected, atol=1e-5)


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, encoder.dimension)
    assert encoder.count_tokens([]).shape == (0,)


def test_only_blank_texts_give_zero_vectors(encoder):
    assert not encoder.encode(["", " "]).any()


def test_same_texts_give_the_same_bytes(encoder):
    assert encoder.encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()


def test_a_text_keeps_its_vector_in_any_order_and_company(encoder):
    vectors = encoder.encode(TEXTS)
    backwards = encoder.encode(TEXTS[::-1])[::-1]
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    filled = np.delete(np.arange(len(TEXTS)), BLANK)
    assert ((vectors * backwards).sum(1)[filled] > 0.999).all()
    assert ((vectors * alone).sum(1)[filled] > 0.999).all()


def test_different_texts_have_different_vectors(encoder):
    filled = np.delete(encoder.encode(TEXTS), BLANK, axis=0)
    similar = filled @ filled.T - np.eye(len(filled))
    assert similar.max() < 0.99


def test_counts_come_with_the_vectors_and_agree(encoder):
    vectors, counts = encoder.encode_with_counts(TEXTS)
    assert counts.dtype == np.int64
    assert counts.tolist() == encoder.count_tokens(TEXTS).tolist()
    assert vectors.tobytes() == encoder.encode(TEXTS).tobytes()
    assert (counts[BLANK] == 0).all()
    assert counts[-1] == counts.max() >= 500


def test_a_text_of_a_megabyte_is_encoded(encoder):
    vectors = encoder.encode(["word salad " * 100_000, "\u200f" * 1_000_000])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "changed"), [(name, options) for name in CHANGES for options in CHANGES[name][0]]
)
def test_identity_changes_with_an_option_that_changes_vectors(name, changed):
    assert open_encoder(name, changed).identity != open_encoder(name).identity


@pytest.mark.parametrize(
    ("name", "same"), [(name, options) for name in CHANGES for options in CHANGES[name][1]]
)
def test_identity_stays_with_an_option_that_does_not(name, same):
    assert open_encoder(name, same).identity == open_encoder(name).identity


@pytest.mark.parametrize("name", list(ENCODERS))
def test_every_option_has_a_default_a_description_and_a_place_in_the_tests(name):
    fields = ENCODERS[name].options.model_fields
    assert all(field.description and not field.is_required() for field in fields.values())
    varied = {key for group in CHANGES[name] for options in group for key in options}
    # The device cannot be varied on a machine without a GPU; a revision only exists on a hub.
    assert set(fields) - varied <= {"device", "revision", "max_windows"}


@pytest.mark.parametrize("name", list(ENCODERS))
def test_unknown_options_are_refused_by_name(name):
    with pytest.raises(InvalidOptions, match="temperature is not an option"):
        open_encoder(name, {"temperature": 1})


def test_options_of_another_row_are_refused():
    class Other(Options):
        colour: str = "red"

    with pytest.raises(InvalidOptions, match="colour"):
        open_encoder("hashing", Other())


def test_an_unknown_encoder_is_named_with_those_that_exist():
    with pytest.raises(UnknownName, match="'word2vec'.*hashing.*minilm"):
        open_encoder("word2vec")
