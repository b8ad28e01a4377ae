"""Questions sent as one batch, each once: what is known is not asked, and what failed is told from what was answered."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import orjson

from tamis.compute.augment.budget import TURN_TOKENS, estimated_tokens, tokens_at_most
from tamis.errors import CurationError, JobCancelled, MissingExtra, ModelMissing
from tamis.generators import WriterQuestion
from tamis.generators.answers import object_schema
from tamis.protocols import ChatPrompt, CutText, Usage
from tamis.types import JSON

MOST_FAILURES = 3  # questions in a row that an endpoint may fail before the run ends with what it said
Settings: TypeAlias = tuple[int, float, int]


class CountedModel(Protocol):
    """A model that says what each prompt of its last ``complete`` took, as CachedModel does."""

    @property
    def identity(self) -> str:
        """Everything that determines an answer besides the question."""
        ...

    @property
    def batch_rows(self) -> int:
        """Questions best asked together."""
        ...

    @property
    def usage(self) -> Usage:
        """What was done so far."""
        ...

    @property
    def latest(self) -> Sequence[tuple[int, int] | None]:
        """Tokens of each prompt and of its answers; None where nobody counted."""
        ...

    def prompt_tokens(self, prompt: str) -> int | None:
        """Tokens of a prompt at most, by its own tokenizer; None where it has none at hand."""
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
        """``n`` answers to each prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """The texts of a question and what they took; ``failed`` says why there are none."""

    texts: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    failed: str = ""
    out_of_reach: bool = False  # the model could not be asked

    def line(self, key: str) -> bytes:
        """As a part holds it."""
        texts: list[JSON] = [
            {"cut": str(one)} if isinstance(one, CutText) else str(one) for one in self.texts
        ]
        tokens = [self.prompt_tokens, self.completion_tokens]
        return orjson.dumps({"k": key, "t": texts, "u": tokens, "o": self.out_of_reach}) + b"\n"


def read_replies(lines: bytes) -> dict[str, Reply]:
    """What a part holds, by the key of the question."""
    known = {}
    for line in lines.splitlines():
        entry = orjson.loads(line)
        texts = tuple(CutText(one["cut"]) if isinstance(one, dict) else str(one) for one in entry["t"])
        read, written = entry["u"]
        known[str(entry["k"])] = Reply(texts, int(read), int(written), out_of_reach=bool(entry["o"]))
    return known


def prompt_hash(question: WriterQuestion) -> str:
    """The name of what a question says, whatever its seed and temperature."""
    said = orjson.dumps([[turn.role, turn.text] for turn in question.turns], default=str)
    return hashlib.blake2b(said, digest_size=12).hexdigest()


def question_key(question: WriterQuestion) -> str:
    """The name of a question with all that determines its answers."""
    settings = (question.n, question.temperature, question.max_new_tokens, question.seed)
    return f"{prompt_hash(question)}:{hashlib.blake2b(repr(settings).encode(), digest_size=8).hexdigest()}"


@dataclass(slots=True)
class Asker:
    """Sends questions. ``known`` are answers of an earlier attempt at the same run; what is asked now joins them."""

    model: CountedModel
    known: dict[str, Reply] = field(default_factory=dict)
    n_sent: int = 0  # questions whose answers were neither known nor in the cache
    _failures: int = 0

    def largest_bill(self, question: WriterQuestion) -> tuple[int, int]:
        """Tokens that a question and its answers can have at most: as the model counts, or a token for each byte."""
        prompt = self.model.prompt_tokens(_prompt(question))
        if prompt is None:
            prompt = sum(tokens_at_most(str(turn.text)) for turn in question.turns)
        return prompt, question.n * int(question.max_new_tokens or 0)

    def ask(self, questions: Sequence[WriterQuestion]) -> list[Reply]:
        """An answer for each question, in order. Raises what the model raises once it fails several times in a row."""
        keys = [question_key(one) for one in questions]
        missing = {key: one for key, one in zip(keys, questions, strict=True) if key not in self.known}
        for several in _alike(list(missing.values())):
            self._send(several)
        answers = [self.known[key] for key in keys]
        for key in {key for key in keys if self.known[key].failed}:
            del self.known[key]  # it may be asked again in the next attempt at the run
        return answers

    def _send(self, several: Sequence[WriterQuestion]) -> None:
        first = several[0]
        before, reused = self.model.usage.not_answered, self.model.usage.reused
        try:
            texts = self.model.complete(
                [_prompt(one) for one in several],
                n=first.n,
                temperature=float(first.temperature or 0.0),
                seed=[one.seed for one in several],
                max_new_tokens=int(first.max_new_tokens or 1),
            )
        except (JobCancelled, MissingExtra, ModelMissing):
            raise
        except CurationError as error:
            self._one_by_one(several, error)
            return
        self._failures = 0
        self.n_sent += max(0, len(several) - (self.model.usage.reused - reused))
        out_of_reach = self.model.usage.not_answered > before
        for one, said, took in zip(several, texts, self.model.latest, strict=True):
            tokens = took or _guessed(one, said)
            blank = out_of_reach and not any(said)
            self.known[question_key(one)] = Reply(tuple(said), *tokens, out_of_reach=blank)

    def _one_by_one(self, several: Sequence[WriterQuestion], error: CurationError) -> None:
        """Ask again what failed together: of a batch some may be answered, and their answers are kept then."""
        if len(several) > 1:
            for one in several:
                self._send([one])
            return
        self._failures += 1
        self.n_sent += 1
        if self._failures >= MOST_FAILURES:
            raise error
        self.known[question_key(several[0])] = Reply((), *_guessed(several[0], ()), failed=str(error))


def _prompt(question: WriterQuestion) -> ChatPrompt:
    named = question.fields or question.lists
    return ChatPrompt(
        question.turns, schema=object_schema(question.fields, question.lists) if named else None
    )


def _alike(questions: Sequence[WriterQuestion]) -> list[list[WriterQuestion]]:
    """Questions that can be sent together, in order."""
    groups: dict[tuple[int, float | None, int | None], list[WriterQuestion]] = {}
    for one in questions:
        groups.setdefault((one.n, one.temperature, one.max_new_tokens), []).append(one)
    return list(groups.values())


def _guessed(question: WriterQuestion, texts: Sequence[str]) -> tuple[int, int]:
    """Tokens where nobody counted: estimated, and never more than was reserved."""
    prompt = sum(estimated_tokens(turn.text) + TURN_TOKENS for turn in question.turns)
    most = question.n * int(question.max_new_tokens or 0)
    return prompt, min(most, sum(estimated_tokens(text) for text in texts))
