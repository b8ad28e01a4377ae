"""What an implementation of each kind of plug-in must offer; structural, so nothing inherits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeAlias

from tamis.types import JSON, Float32s, Float64s, Int64s, Message

Ability: TypeAlias = Literal["complete", "choose", "loglikelihood"]
# Calls a function of a module with its arguments and returns what that does, perhaps in a process with limits.
Call: TypeAlias = Callable[..., Any]


# How an endpoint is held to a JSON schema, the strictest first; by words alone it is asked for one and may do otherwise.
WORDS = "words"
ANSWER_FORMATS = ("json_schema", "json_object", WORDS)


def call_here(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever the function returns
    """A ``Call`` without limits."""
    return function(*arguments)


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def identity(self) -> str:
        """Everything that determines a vector besides its text: model, revision, window, prompt. Part of cache keys."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """The model's window in tokens; None when it has none or does not say."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> Int64s:
        """Tokens of each text before truncation, shape (n,)."""
        ...

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Vectors of shape (n, dimension), float32, unit length (an empty text gives a zero vector)."""
        ...

    def encode_with_counts(self, texts: Sequence[str]) -> tuple[Float32s, Int64s]:
        """``encode`` and ``count_tokens`` at once, so that no text is split into tokens twice."""
        ...


class CutText(str):
    """An answer that ended at the limit of tokens and not by itself; any other text counts as whole."""

    __slots__ = ()


class RawPrompt(str):
    """A prompt that a model is given as it is; any other text becomes a user's turn in the model's own template."""

    __slots__ = ()


class Turn(NamedTuple):
    """What one side said: ``role`` is system, user or assistant."""

    role: str
    text: str


class ChatPrompt(str):
    """A conversation that the model goes on with: its ``messages`` up to the answer, and the ``tools`` that it may call.

    As a text it is what people read, every turn labelled by its role; a client puts the messages into the model's own
    template, with calls, results of tools and reasoning as the template takes them. ``schema`` is the JSON schema that
    the answer is to follow, for clients that can hold a model to one; the prompt asks for it in words too.
    """

    __slots__ = ("messages", "schema", "text_given", "tools")
    messages: tuple[Message, ...]
    tools: tuple[JSON, ...]
    text_given: str | None
    schema: Mapping[str, JSON] | None

    def __new__(
        cls,
        turns: Sequence[Turn | Message],
        tools: Sequence[JSON] = (),
        text: str | None = None,
        schema: Mapping[str, JSON] | None = None,
    ) -> Self:
        """The conversation of these turns; ``text`` is how people read it where turns hold more than texts."""
        messages = tuple(
            {"role": turn.role, "content": turn.text} if isinstance(turn, Turn) else turn for turn in turns
        )
        said = (f"{one['role']}: {one.get('content') or ''}" for one in messages)
        made = super().__new__(cls, "\n\n".join(said) if text is None else text)
        made.messages, made.tools, made.text_given, made.schema = messages, tuple(tools), text, schema
        return made

    def __getnewargs__(  # type: ignore[override]
        self,
    ) -> tuple[tuple[Message, ...], tuple[JSON, ...], str | None, Mapping[str, JSON] | None]:
        """What it was made of, so that a copy has it too (a text's own way keeps the text alone)."""
        return self.messages, self.tools, self.text_given, self.schema

    @property
    def is_plain(self) -> bool:
        """Whether the turns are roles and texts and nothing else."""
        plain = all(
            one.keys() == {"role", "content"} and type(one["content"]) is str for one in self.messages
        )
        return plain and not self.tools

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns as roles and texts."""
        return tuple(Turn(one["role"], one.get("content") or "") for one in self.messages)


class ChatAnswer(str):
    """An answer that is more than its text: ``message`` is the assistant's turn with its calls and its reasoning."""

    __slots__ = ("message",)
    message: Message

    def __new__(cls, message: Message, text: str) -> Self:
        """The turn, and how people read it."""
        made = super().__new__(cls, text)
        made.message = message
        return made

    def __getnewargs__(self) -> tuple[Message, str]:  # type: ignore[override]  # a text's own names the text alone
        """What it was made of, so that a copy has it too."""
        return self.message, str(self)


@dataclass(frozen=True, slots=True)
class Choices:
    """Answers as the next token: ``probabilities`` (n, k) sum to 1 over the k answers given; ``mass`` (n,) is what these
    answers have together out of everything the model could say. Rows that could not be asked are NaN.
    """

    probabilities: Float64s
    mass: Float64s


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """Natural logarithms of the probability of n responses.

    ``total`` (n,) sums over ``n_tokens`` (n,) tokens of each response, without the token that ends it; ``end`` (n,) is
    the logarithm for that token, NaN where the response was cut to the model's window. All are NaN, and ``n_tokens`` 0,
    for a blank response.
    """

    total: Float64s
    n_tokens: Int64s
    end: Float64s

    @property
    def mean(self) -> Float64s:
        """Per token, shape (n,)."""
        result: Float64s = self.total / (self.n_tokens + (self.n_tokens == 0))
        return result


def seeds_of(seed: int | Sequence[int], n_prompts: int) -> Sequence[int]:
    """One seed for each prompt."""
    return [seed] * n_prompts if isinstance(seed, int) else seed


@dataclass(frozen=True, slots=True)
class Usage:
    """What a client has done since it was opened: tokens as the endpoint counts them, cost None without prices, answers
    taken from the cache, and questions that the model could not be asked (longer than its window).
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    reused: int = 0
    not_answered: int = 0


class LanguageModel(Protocol):
    """Answers questions about texts. A client offers the methods named in ``abilities`` and raises for the others."""

    @property
    def identity(self) -> str:
        """Everything that determines an answer besides the question: model, revision, template, limits, precision."""
        ...

    @property
    def abilities(self) -> frozenset[Ability]:
        """The methods that this client has."""
        ...

    @property
    def batch_rows(self) -> int:
        """Questions best asked together; a cache saves after each such batch."""
        ...

    @property
    def usage(self) -> Usage:
        """What was done so far."""
        ...

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """``n`` answers to each prompt; the likeliest tokens at temperature 0, where all n are alike.

        ``seed`` is one for all prompts, or one for each. An answer that ``max_new_tokens`` cut short is a CutText.
        """
        ...

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """How likely each of a few short answers is to come next."""
        ...

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """How likely each response is after its prompt; after no prompt where that is empty."""
        ...
