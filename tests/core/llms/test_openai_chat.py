"""The client over real HTTP, against a server that misbehaves in every way a server can."""

from __future__ import annotations

import gc
import socket
import time
import traceback
from collections.abc import Iterator

import numpy as np
import pytest

from tamis.errors import CurationError
from tamis.generators.answers import object_schema
from tamis.llms import OpenAIChatOptions
from tamis.llms.cache import CachedModel
from tamis.protocols import ChatPrompt, CutText, Turn
from tests.core.llms.chat_server import ChatServer

pytest.importorskip("openai")
from tamis.llms.openai_chat import EndpointModel  # noqa: E402


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[ChatServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-test")
    running = ChatServer()
    listed = tmp_path / "endpoints.toml"
    listed.write_text(f'[test]\naddress = "{running.url}"\nvariable = "OPENAI_API_KEY"\n', "utf-8")
    monkeypatch.setenv("TAMIS_ENDPOINTS", str(listed))
    yield running
    running.stopped.set()
    running.server.shutdown()
    running.server.server_close()


def opened(server, sleep=lambda s: None, **options) -> EndpointModel:
    return EndpointModel(OpenAIChatOptions(base_url=server.url, model="m", **options), sleep=sleep)


def test_answers_come_in_the_order_of_the_prompts_within_the_concurrency(server):
    server.pause_s = 0.02
    prompts = [f"q{i}" for i in range(20)]
    found = opened(server, concurrency=3).complete(prompts)
    assert found == [[f"echo q{i}"] for i in range(20)]
    assert server.most_at_once <= 3
    assert set(server.keys) == {"Bearer key-of-the-test"}


def test_samples_have_their_own_seeds_and_greedy_answers_are_asked_once(server):
    client = opened(server)
    assert len(client.complete(["q"], n=3, temperature=1.0, seed=7)[0]) == 3
    assert sorted(r["seed"] for r in server.requests) == [7, 8, 9]
    server.requests.clear()
    assert client.complete(["q"], n=3) == [["echo q"] * 3]
    assert len(server.requests) == 1


@pytest.mark.parametrize("deed", ["500", "502", "503", "429", "html", "empty", "cut", "no choices", "broken"])
def test_a_failure_that_passes_is_tried_again(server, deed):
    server.script = [deed, deed]
    assert opened(server).complete(["q"]) == [["echo q"]]
    assert len(server.requests) == 3


def test_pauses_grow_unevenly_and_retry_after_is_obeyed(server):
    pauses: list[float] = []
    server.script = ["500"] * 4 + ["429 wait"]
    opened(server, sleep=pauses.append, max_retries=6).complete(["q"])
    for pause, most in zip(pauses[:4], (0.5, 1, 2, 4), strict=True):
        assert most / 2 <= pause <= most
    assert pauses[4] == 1.0


def test_a_rate_limit_is_waited_out_on_the_clock(server):
    server.script = ["429 wait"]
    opened(server, sleep=time.sleep).complete(["q"])
    assert server.times[1] - server.times[0] >= 0.95


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("html", "answered with.*check that base_url"),
        ("empty", "answered with.*check that base_url"),
        ("cut", "not JSON.*check that base_url"),
        ("no choices", "holds no answer.*chat model"),
        ("401", "refuses the key.*OPENAI_API_KEY"),
        ("404", "HTTP 404 for the model 'm'.*deliberate 404"),
        ("429", "limits the rate.*answers so far are kept"),
        ("500", "HTTP 500"),
        ("other model", "asked for the model 'm' and answered as 'llama-3'.*accept_other_model"),
    ],
)
def test_a_failure_that_stays_is_explained_without_the_key(server, deed, message):
    server.script = [deed] * 3
    with pytest.raises(CurationError, match=message) as caught:
        opened(server, max_retries=1).complete(["q"])
    assert "key-of-the-test" not in str(caught.value)


@pytest.mark.parametrize("deed", ["telltale", "telltale 401", "telltale html"])
def test_an_endpoint_that_repeats_the_key_puts_it_into_no_log(server, deed):
    server.script = [deed] * 2
    with pytest.raises(CurationError) as caught:
        opened(server, max_retries=0).complete(["q"])
    logged = "".join(traceback.format_exception(caught.value))
    assert "key-of" not in logged


def test_what_cannot_pass_is_not_tried_again(server):
    for deed in ("401", "404", "other model"):
        server.requests.clear()
        server.script = [deed]
        with pytest.raises(CurationError):
            opened(server).complete(["q"])
        assert len(server.requests) == 1


def test_a_dated_name_or_an_accepted_one_is_the_same_model(server):
    server.script = ["dated model"]
    assert opened(server).complete(["q"]) == [["echo q"]]
    server.script = ["other model"]
    assert opened(server, accept_other_model=True).complete(["q"]) == [["echo q"]]


def test_a_silent_server_is_given_up(server):
    server.script = ["hang"] * 2
    with pytest.raises(CurationError, match="within 0.2 s in 2 tries.*raise timeout_s"):
        opened(server, timeout_s=0.2, max_retries=1).complete(["q"])


@pytest.mark.parametrize("deed", ["drip", "drip headers"])
def test_a_server_that_drips_bytes_is_given_up_when_all_of_the_time_is_over(server, deed):
    server.script = [deed] * 2
    start = time.monotonic()
    with pytest.raises(
        CurationError, match="not finished an answer within 0.5 s in 2 tries.*raise timeout_s"
    ):
        opened(server, timeout_s=0.5, max_retries=1).complete(["q"])
    assert 0.9 < time.monotonic() - start < 4
    assert server.hung_up.wait(5)  # the connection is closed, not left behind
    server.script = [deed]
    client = opened(server, timeout_s=0.5)
    assert client.complete(["q"]) == [["echo q"]]
    assert client.usage.calls == 1


def test_one_slow_answer_holds_up_no_other(server):
    server.script = ["drip"]
    client = opened(server, timeout_s=1.5, concurrency=4)
    assert client.complete([f"q{i}" for i in range(8)]) == [[f"echo q{i}"] for i in range(8)]
    assert sum(at - server.times[0] < 1 for at in server.times) >= 7


def test_the_thread_of_a_client_ends_with_it(server):
    client = opened(server)
    client.complete(["q"])
    thread = client._loop.thread
    assert thread.is_alive()
    del client
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


def test_a_server_that_is_slow_once_is_asked_again(server):
    server.script = ["hang"]
    assert opened(server, timeout_s=0.3).complete(["q"]) == [["echo q"]]
    assert len(server.requests) == 2


def test_a_model_that_says_nothing_gives_an_empty_answer_that_is_not_kept(server, tmp_path):
    server.script = ["blank"]
    client = CachedModel(opened(server), tmp_path)
    assert client.complete(["q"]) == [[""]]
    assert client.usage.not_answered == 0
    assert client.complete(["q"]) == [["echo q"]]


def test_an_answer_that_ends_at_the_limit_is_cut_and_stays_so_in_the_cache(server, tmp_path):
    server.script = ["at the limit"]
    first, second = (CachedModel(opened(server), tmp_path).complete(["q"], n=2) for _ in range(2))
    assert first == second == [["echo q"] * 2]
    assert [type(text) for text in (*first[0], *second[0])] == [CutText] * 4
    assert len(server.requests) == 1
    assert type(opened(server).complete(["q"])[0][0]) is str


def test_a_model_that_thinks_until_the_limit_gives_a_cut_answer_without_a_word(server):
    server.script = ["at the limit, blank"]
    found = opened(server).complete(["q"])
    assert (found, type(found[0][0])) == ([[""]], CutText)


def test_half_a_character_is_replaced_so_that_the_answer_can_be_kept(server, tmp_path):
    server.script = ["half a character"]
    assert CachedModel(opened(server), tmp_path).complete(["q"]) == [["salt ?"]]
    assert CachedModel(opened(server), tmp_path).complete(["q"]) == [["salt ?"]]
    assert len(server.requests) == 1


def test_a_server_that_is_down_is_named():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    client = EndpointModel(OpenAIChatOptions(base_url=address, max_retries=1), sleep=lambda s: None)
    with pytest.raises(CurationError, match=f"{address} cannot be reached.*check base_url"):
        client.complete(["q"])


@pytest.mark.parametrize("deed", ["too long", "filtered"])
def test_a_question_that_cannot_be_answered_is_a_state_of_its_row(server, deed):
    server.script = [deed]
    client = opened(server, concurrency=1)
    assert client.complete(["long", "short"]) == [[""], ["echo short"]]
    assert client.usage.not_answered == 1
    server.script = [deed]
    found = client.choose(["long", "short"], ("4", "5"))
    assert np.isnan(found.probabilities[0]).all()
    assert np.isfinite(found.probabilities[1]).all()


def test_a_likelihood_of_a_row_that_is_too_long_is_unknown(server):
    server.script = ["too long"]
    found = opened(server, echo=True, concurrency=1).loglikelihood(["long", "p"], ["a b", "a b"])
    assert np.isnan(found.total[0])
    assert found.n_tokens[0] == 0
    assert np.isfinite(found.total[1])


def test_counts_that_cannot_be_are_replaced_and_cost_follows(server):
    client = opened(server, price_per_million_prompt_tokens=1.0, price_per_million_completion_tokens=2.0)
    client.complete(["q"])
    assert (client.usage.prompt_tokens, client.usage.completion_tokens) == (10, 2)
    assert client.usage.cost == pytest.approx(14e-6)
    server.script = ["wrong counts", "no usage"]
    client.complete(["abc"])
    client.complete(["abc"])
    assert client.usage.prompt_tokens == 10 + 1 + 1
    assert 0 < client.usage.completion_tokens < 20
    assert opened(server).usage.cost is None


def test_probabilities_of_all_spellings_of_an_answer_are_added(server):
    found = opened(server).choose(["q"], ("3", "4", "5"))
    np.testing.assert_allclose(found.probabilities[0], np.array([0, 0.5, 0.375]) / 0.875)
    assert found.mass[0] == pytest.approx(0.875)


def test_none_of_the_answers_among_the_likeliest_is_unknown(server):
    assert np.isnan(opened(server).choose(["q"], ("A", "B")).probabilities).all()


def test_an_endpoint_without_probabilities_says_what_to_turn_off(server):
    server.script = ["no logprobs"]
    with pytest.raises(CurationError, match="turn logprobs off"):
        opened(server).choose(["q"], ("A", "B"))


def test_likelihoods_come_from_the_echo_of_the_response_alone(server):
    client = opened(server, echo=True)
    found = client.loglikelihood(["the prompt", "", "p"], ["one two", "one two three", ""])
    np.testing.assert_allclose(
        found.total[:2], [-0.5, -1.0]
    )  # joined to the prompt's last word, or the first token
    assert np.isnan(found.total[2])
    assert "loglikelihood" in client.abilities
    assert "loglikelihood" not in opened(server).abilities


def test_after_an_error_waiting_questions_are_not_sent_and_answers_are_kept(server, tmp_path):
    client = opened(server, concurrency=1, max_retries=0)
    client.batch_rows = 2
    server.script = ["answer"] * 4 + ["404"]
    prompts = [f"q{i}" for i in range(30)]
    with pytest.raises(CurationError):
        CachedModel(client, tmp_path).complete(prompts)
    assert len(server.requests) < 8
    server.requests.clear()
    CachedModel(opened(server), tmp_path).complete(prompts[:6])
    assert len(server.requests) == 2


def test_a_missing_key_is_named_before_anything_is_sent(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    client = EndpointModel(OpenAIChatOptions(api_key_variable="SOME_KEY"))
    with pytest.raises(CurationError, match="SOME_KEY is not set"):
        client.complete(["q"])


def test_the_key_is_no_option_and_in_no_identity(server):
    client = opened(server)
    assert "key-of-the-test" not in client.identity + client.options.model_dump_json()


def test_a_system_message_goes_before_every_prompt(server):
    opened(server, system="Be brief.").complete(["q"])
    assert [m["role"] for m in server.requests[0]["messages"]] == ["system", "user"]


TALK = ChatPrompt(
    [Turn("system", "Be kind."), Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "Salt?")]
)


def sent(request: dict) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in request["messages"]]


def test_a_conversation_is_sent_turn_by_turn_with_one_system_message(server):
    assert opened(server).complete([TALK]) == [["echo Salt?"]]
    opened(server, system="Be brief.").complete([TALK, ChatPrompt(TALK.turns[1:])])
    rest = [("user", "Hi"), ("assistant", "Hello"), ("user", "Salt?")]
    found = sorted(map(sent, server.requests))
    assert found == sorted(
        [
            [("system", "Be kind."), *rest],
            [("system", "Be brief.\n\nBe kind."), *rest],
            [("system", "Be brief."), *rest],
        ]
    )


def test_a_model_without_a_system_turn_gets_its_text_before_the_first_users(server):
    server.script = ["no system turn"] * 4
    client = opened(server, max_retries=0)
    for _ in range(2):
        assert client.complete([TALK]) == [["echo Salt?"]]
    assert len(server.requests) == 3  # what the first question taught the second need not learn again
    for request in server.requests[1:]:
        assert sent(request) == [("user", "Be kind.\n\nHi"), ("assistant", "Hello"), ("user", "Salt?")]


SHAPED = ChatPrompt([Turn("user", "A row as JSON")], schema=object_schema(("new_prompt", "new_response")))


def forms(server) -> list[str]:
    return [request.get("response_format", {}).get("type", "words") for request in server.requests]


def test_an_answer_in_json_is_asked_for_by_its_schema_and_plain_prompts_are_not(server):
    client = opened(server)
    client.complete([SHAPED])
    client.complete(["Salt?"])
    assert forms(server) == ["json_schema", "words"]
    asked = server.requests[0]["response_format"]["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["required"] == ["new_prompt", "new_response"]
    assert client.answer_format == "json_schema"


@pytest.mark.parametrize(
    ("deeds", "used"),
    [
        (["400 response_format json_schema unavailable"], "json_object"),
        (["400 json_schema", "422 response_format"], "words"),
    ],
)
def test_a_form_that_an_endpoint_refuses_is_tried_once(server, deeds, used):
    server.script = list(deeds)
    client = opened(server, max_retries=0)
    for _ in range(2):
        assert len(client.complete([SHAPED])[0]) == 1
    assert client.answer_format == used
    assert len(server.requests) == len(deeds) + 2
    assert forms(server)[-2:] == [used, used]


def test_a_form_that_was_chosen_is_not_given_up(server):
    server.script = ["400 response_format"]
    with pytest.raises(CurationError, match="HTTP 400"):
        opened(server, max_retries=0, answer_format="json_schema").complete([SHAPED])
    client = opened(server, answer_format="words")
    client.complete([SHAPED])
    assert forms(server)[-1] == "words"


def test_an_answer_by_schema_is_another_answer(server, tmp_path):
    client = CachedModel(opened(server), tmp_path)
    for prompt in (SHAPED, ChatPrompt(SHAPED.turns), SHAPED):
        client.complete([prompt])
    assert len(server.requests) == 2
    assert client.answer_format == "json_schema"
