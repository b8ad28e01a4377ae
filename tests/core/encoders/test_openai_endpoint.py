from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from tamis.encoders import open_encoder
from tamis.errors import CurationError
from tests.core.encoders.conftest import DIMENSION, fake_vector

pytest.importorskip("openai")


def opened(server, **options):
    return open_encoder("openai", {"base_url": server.url, "model": "m", **options})


def unit(text: str) -> np.ndarray:
    vector = np.array(fake_vector(text))
    return vector / np.linalg.norm(vector)


def test_vectors_come_back_in_the_order_of_the_texts(server):
    server.script = ["slow", "backwards"]
    texts = [f"text {i}" for i in range(23)]
    vectors = opened(server, batch_size=4, concurrency=3).encode(texts)
    np.testing.assert_allclose(vectors, [unit(text) for text in texts], atol=1e-6)
    assert sorted(len(request["input"]) for request in server.requests) == [3, 4, 4, 4, 4, 4]


def test_blank_texts_are_never_sent(server):
    vectors = opened(server).encode(["", "a", "  "])
    assert [request["input"] for request in server.requests] == [["a"]]
    assert not vectors[[0, 2]].any()


def test_the_prompt_the_key_and_the_dimensions_are_sent(server):
    encoder = opened(server, prompt="query: ", dimensions=5)
    assert encoder.encode(["a"]).shape == (1, 5)
    assert server.requests[0]["input"] == ["query: a"]
    assert server.requests[0]["dimensions"] == 5
    assert server.headers[0]["authorization"] == "Bearer key-of-the-test"


def test_the_dimension_is_asked_for_once(server):
    encoder = opened(server)
    assert encoder.dimension == encoder.dimension == DIMENSION
    assert len(server.requests) == 1


def test_long_texts_are_cut_between_characters(server):
    encoder = opened(server, max_tokens=8)
    encoder.encode(["é" * 100])
    assert server.requests[0]["input"] == ["é" * 12]  # 8 tokens of 3 bytes hold 12 letters of 2 bytes
    assert encoder.count_tokens(["é" * 100, ""]).tolist() == [67, 0]


def test_server_errors_are_tried_again(server):
    server.script = ["500", "503"]
    np.testing.assert_allclose(opened(server).encode(["a"])[0], unit("a"), atol=1e-6)
    assert len(server.requests) == 3


def test_a_rate_limit_waits_as_long_as_it_asks(server):
    server.script = ["429"]
    start = time.monotonic()
    np.testing.assert_allclose(opened(server).encode(["a"])[0], unit("a"), atol=1e-6)
    assert time.monotonic() - start >= 0.9


def test_a_rate_limit_that_stays_is_an_error(server):
    server.script = ["429"] * 2
    with pytest.raises(CurationError, match="limits the rate.*2 tries.*lower concurrency.*deliberate 429"):
        opened(server, max_retries=1).encode(["a"])


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("html", "not a list of vectors.*base_url"),
        ("html as json", "not JSON|not a list of vectors"),
        ("empty", "not JSON|not a list of vectors"),
        ("one short", "1 vectors for 2 texts"),
        ("zeros", "zero or hold NaN"),
        ("ragged", "not lists of numbers of one length"),
        ("401", "refuses the key.*OPENAI_API_KEY"),
        ("404", "HTTP 404 for the model 'm'.*deliberate 404"),
        ("500", "HTTP 500"),
    ],
)
def test_a_wrong_answer_is_explained(server, deed, message):
    server.script = [deed]
    with pytest.raises(CurationError, match=message) as caught:
        opened(server, max_retries=0).encode(["a", "b"])
    assert "key-of-the-test" not in str(caught.value)


def test_vectors_of_another_length_than_asked_for_are_refused(server, monkeypatch):
    monkeypatch.setattr("tests.core.encoders.conftest.DIMENSION", 7)
    server.script = ["zeros"]
    with pytest.raises(CurationError, match=r"\(7,\) where 5"):
        opened(server, dimensions=5).encode(["a"])


def test_a_silent_server_is_given_up_after_the_timeout(server):
    server.script = ["hang"] * 2
    start = time.monotonic()
    with pytest.raises(CurationError, match="within 0.2 s in 2 tries.*raise timeout_s"):
        opened(server, timeout_s=0.2, max_retries=1).encode(["a"])
    assert time.monotonic() - start < 4


def test_an_endpoint_that_is_down_is_named():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    with pytest.raises(CurationError, match=f"{address} cannot be reached.*check base_url"):
        open_encoder("openai", {"base_url": address, "max_retries": 0}).encode(["a"])


def test_after_an_error_the_waiting_batches_are_not_sent(server):
    server.script = ["404"] * 50
    with pytest.raises(CurationError):
        opened(server, batch_size=1, concurrency=2, max_retries=0).encode([f"t{i}" for i in range(50)])
    assert len(server.requests) < 50


def test_a_missing_key_is_named_before_anything_is_sent(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(CurationError, match="SOME_KEY is not set"):
        open_encoder("openai", {"api_key_variable": "SOME_KEY"}).encode(["a"])


def test_a_server_of_ones_own_needs_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    np.testing.assert_allclose(opened(server).encode(["a"])[0], unit("a"), atol=1e-6)


def test_the_key_is_no_option_and_not_in_the_identity(server):
    encoder = opened(server)
    assert "key-of-the-test" not in encoder.identity + encoder.options.model_dump_json()
