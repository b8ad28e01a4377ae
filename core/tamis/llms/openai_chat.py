"""Any endpoint that speaks the OpenAI chat protocol, over a network that can fail in every way."""

from __future__ import annotations

import functools
import json
import math
import random
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import openai

from tamis.compute.augment.budget import tokens_at_most
from tamis.errors import CurationError
from tamis.llms import OpenAIChatOptions
from tamis.llms.endpoint_errors import (
    OddAnswer,
    TooLong,
    TooSlow,
    explained,
    is_filtered,
    is_too_long,
    refuses_format,
    refuses_system_turn,
    retry_pause,
)
from tamis.llms.endpoint_loop import EndpointLoop
from tamis.models.endpoints import read_key, without_key
from tamis.models.pulse import beat
from tamis.protocols import (
    ANSWER_FORMATS,
    WORDS,
    Ability,
    ChatPrompt,
    Choices,
    CutText,
    LogLikelihoods,
    Turn,
    Usage,
    seeds_of,
)
from tamis.types import JSON

T = TypeVar("T")
BYTES_PER_TOKEN = 3  # a cautious estimate, used where an endpoint's own count cannot be right


def open_endpoint(options: OpenAIChatOptions, cache_folder: Path) -> EndpointModel:
    """A client for the endpoint; nothing is sent before the first question."""
    return EndpointModel(options)


class EndpointModel:
    """Sends questions, several at once; every failure that may pass is tried again with growing, uneven pauses.

    A question that is longer than the model's window, or that the endpoint's content filter refuses, is not an error:
    its answer is empty, or NaN, and counted.
    """

    def __init__(self, options: OpenAIChatOptions, sleep: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self.abilities: frozenset[Ability] = options.abilities()
        self.batch_rows = 4 * options.concurrency
        self._sleep = sleep
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._takes_system = True
        self._formats: tuple[str, ...] = (
            ANSWER_FORMATS if options.answer_format == "auto" else (options.answer_format,)
        )
        self._calls = self._prompt_tokens = self._completion_tokens = self._not_answered = 0

    @property
    def identity(self) -> str:
        """Endpoint, model, system message and how many probabilities are asked for; never the key."""
        options = self.options
        return (
            f"openai:1:{options.base_url.rstrip('/')}:{options.model}:system={options.system!r}"
            f":top_logprobs={options.top_logprobs}"
        )

    @property
    def answer_format(self) -> str:
        """How a model is held to a JSON schema: the strictest way that the endpoint has not refused."""
        return self._formats[0]

    @property
    def usage(self) -> Usage:
        """Tokens as the endpoint counts them where its count is possible, and their cost where prices were given."""
        read, written = self._prompt_tokens, self._completion_tokens
        prices = (
            self.options.price_per_million_prompt_tokens,
            self.options.price_per_million_completion_tokens,
        )
        known = prices[0] is not None or prices[1] is not None
        cost = (read * (prices[0] or 0.0) + written * (prices[1] or 0.0)) / 1e6 if known else None
        return Usage(self._calls, read, written, cost, 0, self._not_answered)

    def prompt_tokens(self, prompt: str) -> int:
        """Tokens that a prompt has at most, with the system message and a schema: a token for each byte."""
        schema = prompt.schema if isinstance(prompt, ChatPrompt) else None
        extra = 0 if schema is None else tokens_at_most(json.dumps(dict(schema)))
        return extra + sum(tokens_at_most(one["content"]) for one in _messages(prompt, self.options.system))

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """``n`` answers to each prompt, each from a call of its own with its own seed; empty where it was too long."""
        copies, seeds = 1 if temperature == 0 else n, seeds_of(seed, len(prompts))

        def ask(job: tuple[str, int]) -> str:
            settings = {"temperature": temperature, "seed": job[1], "max_tokens": max_new_tokens}
            choice = self._chat(job[0], settings).choices[0]
            text = _sendable(choice.message.content or "").strip()
            return CutText(text) if getattr(choice, "finish_reason", None) == "length" else text

        asked = zip(prompts, seeds, strict=True)
        answers = self._each(ask, [(prompt, first + k) for prompt, first in asked for k in range(copies)])
        rows = [answers[i * copies : (i + 1) * copies] for i in range(len(prompts))]
        return [["" if text is None else text for text in (row if copies == n else row * n)] for row in rows]

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """Probabilities among the likeliest next tokens; NaN where none of the answers is among them."""

        def ask(prompt: str) -> list[float]:
            settings = {
                "temperature": 0,
                "max_tokens": 1,
                "logprobs": True,
                "top_logprobs": self.options.top_logprobs,
            }
            return _weights(self._top_tokens(self._chat(prompt, settings)), answers)

        table = np.full((len(prompts), len(answers)), np.nan)
        for row, weights in enumerate(self._each(ask, list(prompts))):
            if weights is not None:
                table[row] = weights
        mass = table.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return Choices(table / np.where(mass > 0, mass, np.nan)[:, None], mass)

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """From /v1/completions with echo: prompt, an empty line, and the response, in no template."""

        def ask(pair: tuple[str, str]) -> tuple[float, int]:
            lead = f"{pair[0]}\n\n" if pair[0] else ""
            return self._echoed(lead, pair[1]) if pair[1].strip() else (math.nan, 0)

        sums = self._each(ask, list(zip(prompts, responses, strict=True)))
        totals = np.array([math.nan if one is None else one[0] for one in sums], dtype=np.float64)
        counts = np.array([0 if one is None else one[1] for one in sums], dtype=np.int64)
        return LogLikelihoods(totals, counts, np.full(len(sums), np.nan))

    def _each(self, ask: Callable[[Any], T], questions: Sequence[Any]) -> list[T | None]:
        """Every answer in the order of the questions, None for one that was too long; stops at the first error."""
        if not questions:
            return []

        def guarded(question: object) -> T | None:
            try:
                return ask(question)
            except TooLong:
                with self._lock:
                    self._not_answered += 1
                return None

        pool = ThreadPoolExecutor(max_workers=min(self.options.concurrency, len(questions)))
        try:
            return list(pool.map(guarded, questions))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error the questions that wait are not sent

    def _chat(self, prompt: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - the client's own type
        messages = _messages(prompt, self.options.system)

        def send() -> Any:  # noqa: ANN401 - the client's own type
            answer = self._answered(messages, settings, getattr(prompt, "schema", None))
            choices = getattr(answer, "choices", None)
            if not isinstance(choices, list) or not choices or getattr(choices[0], "message", None) is None:
                seen = without_key(str(answer), self.options.api_key_variable)
                raise OddAnswer(f"something that holds no answer ({seen[:80]!r})")
            self._check_model(answer)
            self._count(answer, prompt, choices[0].message.content or "")
            return answer

        return self._tried(send)

    def _answered(
        self, messages: list[dict[str, str]], settings: dict[str, Any], schema: Mapping[str, JSON] | None
    ) -> Any:  # noqa: ANN401 - the client's own type
        """Send until the endpoint takes the form of the question.

        Where the model's template has no system turn, its text goes before the first user's; where a form of answers is
        refused, the next one is asked for, in this and every later question.
        """
        while True:
            asked = messages if self._takes_system else _without_system(messages)
            wanted = self.answer_format
            form = {} if schema is None else _format_of(wanted, schema)
            send = functools.partial(_create, self.options.model, asked, settings | form)
            try:
                return self._sent(send)
            except openai.APIStatusError as error:
                if asked[0]["role"] == "system" and refuses_system_turn(error):
                    self._takes_system = False
                elif form and refuses_format(error) and wanted != self._formats[-1]:
                    # Of questions under way together, the first to come back has said it already.
                    with self._lock:
                        self._formats = self._formats[1:] if self._formats[0] == wanted else self._formats
                else:
                    raise

    def _top_tokens(self, answer: Any) -> list[tuple[str, float]]:  # noqa: ANN401 - the client's own type
        content = getattr(getattr(answer.choices[0], "logprobs", None), "content", None)
        if not content or not getattr(content[0], "top_logprobs", None):
            raise CurationError(
                f"The endpoint {self.options.base_url} returns no probabilities of tokens for {self.options.model!r}: "
                "turn logprobs off to read its answers as text, or choose another endpoint."
            )
        return [(str(top.token), float(top.logprob)) for top in content[0].top_logprobs]

    def _echoed(self, lead: str, response: str) -> tuple[float, int]:
        def send() -> tuple[float, int]:
            answer = self._sent(
                lambda client: client.completions.create(
                    model=self.options.model,
                    prompt=_sendable(lead + response),
                    max_tokens=1,
                    echo=True,
                    logprobs=1,
                    temperature=0,
                )
            )
            self._check_model(answer)
            self._count(answer, lead + response, "")
            return self._response_part(answer, len(lead), len(lead + response))

        return self._tried(send)

    def _response_part(self, answer: Any, start: int, end: int) -> tuple[float, int]:  # noqa: ANN401 - client's type
        logs = getattr(answer.choices[0], "logprobs", None) if getattr(answer, "choices", None) else None
        values, offsets = getattr(logs, "token_logprobs", None), getattr(logs, "text_offset", None)
        if not values or not offsets or len(values) != len(offsets):
            raise CurationError(
                f"The endpoint {self.options.base_url} does not return the probabilities of a prompt: turn echo off."
            )
        own = [v for v, at in zip(values, offsets, strict=True) if start <= at < end and v is not None]
        return (float(sum(own)), len(own)) if own else (math.nan, 0)

    def _tried(self, send: Callable[[], T]) -> T:
        """Send until it works, the failure will not pass, or the tries are used up."""
        for attempt in range(self.options.max_retries + 1):
            try:
                return send()
            except (openai.OpenAIError, ValueError, OddAnswer, TooSlow) as error:
                if is_too_long(error) or is_filtered(error):
                    raise TooLong from error
                pause = retry_pause(error, attempt, self.options.max_pause_s, random.random())
                if pause is None or attempt == self.options.max_retries:
                    message = str(explained(error, self.options, attempt + 1))
                    # Not chained: the answer, which may repeat the key, would be in every log.
                    raise CurationError(without_key(message, self.options.api_key_variable)) from None
                self._sleep(pause)
        raise AssertionError("the loop returns or raises")

    def _check_model(self, answer: Any) -> None:  # noqa: ANN401 - the client's own type
        named = getattr(answer, "model", None)
        wanted = self.options.model
        if self.options.accept_other_model or not isinstance(named, str) or not named:
            return
        short, full = sorted((named.rsplit("/", 1)[-1].lower(), wanted.rsplit("/", 1)[-1].lower()), key=len)
        if not full.startswith(short):  # "gpt-4o-mini" is answered by "gpt-4o-mini-2024-07-18"
            raise CurationError(
                f"The endpoint {self.options.base_url} was asked for the model {wanted!r} and answered as {named!r}: "
                "name that model, or turn accept_other_model on if it is the same under another name."
            )

    def _count(self, answer: Any, prompt: str, completion: str) -> None:  # noqa: ANN401 - the client's own type
        usage = getattr(answer, "usage", None)
        read = _possible(getattr(usage, "prompt_tokens", None), prompt)
        written = _possible(getattr(usage, "completion_tokens", None), completion)
        with self._lock:
            self._calls += 1
            self._prompt_tokens += read
            self._completion_tokens += written
        beat(read + written)

    def _sent(self, ask: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Any:  # noqa: ANN401 - the client's own type
        """One answer, read whole within ``timeout_s``."""
        with self._opening:  # connections belong to one loop, whichever thread asks first
            client, loop = self._client, self._loop
        return loop.run(lambda: ask(client), self.options.timeout_s)

    @functools.cached_property
    def _loop(self) -> EndpointLoop:
        return EndpointLoop()

    @functools.cached_property
    def _client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=self.options.base_url,
            api_key=read_key(self.options.api_key_variable, self.options.base_url),
            timeout=self.options.timeout_s,
            max_retries=0,  # repeated here, where an answer that is no answer is repeated too
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),  # see sent_elsewhere
        )


def _messages(prompt: str, system: str) -> list[dict[str, str]]:
    """The turns of a conversation, or a text as a user's turn, after the system message of the options."""
    # Endpoints take calls and results of tools in ways of their own: a conversation that holds some is asked in words.
    told = isinstance(prompt, ChatPrompt) and prompt.is_plain
    turns = list(prompt.turns) if isinstance(prompt, ChatPrompt) and told else [Turn("user", prompt)]
    if system and turns[0].role == "system":  # one message: the templates of many servers refuse a second
        turns[0] = Turn("system", f"{system}\n\n{turns[0].text}")
    elif system:
        turns.insert(0, Turn("system", system))
    return [{"role": turn.role, "content": _sendable(turn.text)} for turn in turns]


def _create(
    model: str, messages: list[Any], settings: dict[str, Any], client: openai.AsyncOpenAI
) -> Awaitable[Any]:
    """One request of a chat."""
    asked: Awaitable[Any] = client.chat.completions.create(model=model, messages=messages, **settings)
    return asked


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same turns with the text of a system turn before the first user's."""
    if messages[0]["role"] != "system":
        return messages
    system, first = (message["content"] for message in messages[:2])
    return [{"role": "user", "content": f"{system}\n\n{first}"}, *messages[2:]]


def _format_of(name: str, schema: Mapping[str, JSON]) -> dict[str, Any]:
    """What of a request asks for an answer in JSON; nothing where words alone do."""
    if name == WORDS:
        return {}
    named = {"name": "answer", "strict": True, "schema": dict(schema)}
    return {"response_format": {"type": name} | ({"json_schema": named} if name == "json_schema" else {})}


def _sendable(text: str) -> str:
    """A text without halves of surrogate pairs, which no encoding takes and JSON can bring in."""
    return str(text).encode("utf-8", "replace").decode()


def _possible(count: object, text: str) -> int:
    """The endpoint's count of the tokens of a text; an estimate where it is missing or cannot be."""
    size = len(text.encode("utf-8", "replace"))
    if isinstance(count, int) and 0 <= count <= 2 * size + 10_000:
        return count
    return -(-size // BYTES_PER_TOKEN)


def _weights(tokens: list[tuple[str, float]], answers: Sequence[str]) -> list[float]:
    """Probability of each answer: of all tokens that say it, spaces and case aside, or begin only it."""
    weights = [0.0] * len(answers)
    for token, log in tokens:
        word = token.strip().casefold()
        exact = [i for i, answer in enumerate(answers) if word and answer.casefold() == word]
        begun = [i for i, answer in enumerate(answers) if word and answer.casefold().startswith(word)]
        for i in exact or (begun if len(begun) == 1 else []):
            weights[i] += math.exp(min(0.0, log))
    return weights
