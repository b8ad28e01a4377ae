"""Answers already given, found again by everything that determines them, whatever dataset asked."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from tamis.compute.augment.budget import shared_out
from tamis.llms.around import AroundModel
from tamis.protocols import (
    ChatAnswer,
    ChatPrompt,
    Choices,
    CutText,
    LanguageModel,
    LogLikelihoods,
    RawPrompt,
    Usage,
    seeds_of,
)
from tamis.types import JSON

Ask = Callable[[list[int]], list[JSON]]
Took = tuple[int, int]  # tokens of a question and of its answers
CUT = "cut"  # {"cut": text} stands for a CutText in an answer


class AnswerCache:
    """Answers of one client in append-only files, for any number of processes at once.

    Every process appends lines ``{"k": key, "v": answer}``, a tab and a checksum to ``<directory>/<client>/<name>.jsonl``, a
    file of its own. A line that a killed process left half-written, or that is not what was written, is passed over, and its
    question asked again. Keys and answers are held in memory.
    """

    def __init__(self, directory: Path, identity: str) -> None:
        label = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
        self.folder = Path(directory) / label
        self._identity = identity
        self._known: dict[str, JSON] = {}
        self._took: dict[str, Took] = {}
        self._read_bytes: dict[Path, int] = {}
        self._own = self.folder / f"{uuid.uuid4().hex}.jsonl"

    def get(self, keys: Sequence[str]) -> dict[str, JSON]:
        """The answers known for these keys, in whichever process they were given."""
        self._refresh()
        return {key: self._known[key] for key in keys if key in self._known}

    def took(self, key: str) -> Took | None:
        """What an answer of ``get`` took when it was given; None where nobody noted it."""
        return self._took.get(key)

    def put(self, answers: dict[str, JSON], took: Mapping[str, Took] = MappingProxyType({})) -> None:
        """Keep these answers, with what they took; they are on disk when this returns."""
        if not answers:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "client.txt"
        if not about.exists():
            about.write_text(self._identity + "\n", "utf-8")
        lines = b"".join(
            _checked(orjson.dumps({"k": key, "v": value} | ({"u": took[key]} if key in took else {}))) + b"\n"
            for key, value in answers.items()
        )
        with self._own.open("ab") as stream:
            stream.write(lines)
        self._known.update(answers)
        self._took.update(took)

    def _refresh(self) -> None:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.jsonl")):
            start = self._read_bytes.get(path, 0)
            if path == self._own or path.stat().st_size <= start:
                continue
            with path.open("rb") as stream:
                stream.seek(start)
                block = stream.read()
            whole = block.rfind(b"\n") + 1
            self._read_bytes[path] = start + whole
            for line in block[:whole].splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        told, tab, _ = line.rpartition(b"\t")  # JSON holds no tab as it is
        if tab and _checked(told) != line:
            return
        try:
            entry = orjson.loads(told if tab else line)
            self._known[str(entry["k"])] = entry["v"]
            if "u" in entry:
                self._took[str(entry["k"])] = (int(entry["u"][0]), int(entry["u"][1]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return  # a line cut by a crash and continued by nobody: its question is asked again


class CachedModel(AroundModel):
    """A client that asks each question once, and keeps the answers after every batch.

    ``latest`` says of each prompt of the last ``complete`` how many tokens it and its answers took when they were asked
    for, then or now: the batch's, divided by the bytes of the texts. None where nobody counted.
    """

    def __init__(self, client: LanguageModel, directory: Path) -> None:
        super().__init__(client)
        self.latest: list[Took | None] = []
        self._directory = directory
        self._cache: AnswerCache | None = None
        self._reused = 0

    @property
    def usage(self) -> Usage:
        """The client's, with the answers that were found here."""
        return replace(self._client.usage, reused=self._reused)

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """The client's answers."""
        seeds = seeds_of(seed, len(prompts))

        def ask(rows: list[int]) -> list[JSON]:
            answers = self._client.complete(
                [prompts[i] for i in rows],
                n=n,
                temperature=temperature,
                seed=seed if isinstance(seed, int) else [seeds[i] for i in rows],
                max_new_tokens=max_new_tokens,
            )
            return [[_kept(text) for text in several] for several in answers]

        # Answers kept as "complete" do not say whether they were cut: those are asked again.
        keys = [
            _key("complete or cut", prompt, [n, temperature, one, max_new_tokens])
            for prompt, one in zip(prompts, seeds, strict=True)
        ]
        took: dict[str, Took] = {}
        rows = self._answers(keys, ask, lambda i: prompts[i], took)
        self.latest = [took.get(key) for key in keys]
        return [[_restored(part) for part in several] for several in rows]

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """The client's probabilities."""

        def ask(rows: list[int]) -> list[JSON]:
            choices = self._client.choose([prompts[i] for i in rows], answers)
            return [
                [*map(float, p), float(m)] for p, m in zip(choices.probabilities, choices.mass, strict=True)
            ]

        rows = self._answers([_key("choose", prompt, list(answers)) for prompt in prompts], ask)
        table = _table(rows, len(answers) + 1)
        return Choices(table[:, :-1], table[:, -1])

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """The client's likelihoods."""

        def ask(rows: list[int]) -> list[JSON]:
            likelihoods = self._client.loglikelihood([prompts[i] for i in rows], [responses[i] for i in rows])
            columns = (likelihoods.total, likelihoods.n_tokens, likelihoods.end)
            return [[float(t), int(c), float(e)] for t, c, e in zip(*columns, strict=True)]

        keys = [_key("loglikelihood", p, _answer(r)) for p, r in zip(prompts, responses, strict=True)]
        table = _table(self._answers(keys, ask), 3)
        return LogLikelihoods(table[:, 0], np.nan_to_num(table[:, 1]).astype(np.int64), table[:, 2])

    def _answers(
        self,
        keys: list[str],
        ask: Ask,
        prompt_of: Callable[[int], str] | None = None,
        took: dict[str, Took] | None = None,
    ) -> list[Any]:
        """The answer to every key; those not known are asked for once each, a batch at a time.

        With ``prompt_of`` a row, what each answer took is put into ``took``.
        """
        if self._cache is None:
            self._cache = AnswerCache(self._directory, self._client.identity)
        known = self._cache.get(keys)
        first = {key: row for row, key in reversed(list(enumerate(keys))) if key not in known}
        missing = sorted(first.values())
        self._reused += len(keys) - len(missing)
        size = max(1, self._client.batch_rows)
        for start in range(0, len(missing), size):
            rows = missing[start : start + size]
            before = self._client.usage
            fresh = {keys[row]: answer for row, answer in zip(rows, ask(rows), strict=True)}
            shares: dict[str, Took] = {}
            if prompt_of is not None and took is not None:
                shares = _shares(
                    before, self._client.usage, {keys[row]: prompt_of(row) for row in rows}, fresh
                )
                took.update(shares)
            kept = {key: answer for key, answer in fresh.items() if _is_answer(answer)}
            self._cache.put(kept, {key: shares[key] for key in kept if key in shares})
            known.update(fresh)
        if took is not None:
            found = ((key, self._cache.took(key)) for key in known)
            took.update({key: one for key, one in found if one is not None})
        return [known[key] for key in keys]


def _checked(line: bytes) -> bytes:
    return line + b"\t" + hashlib.blake2b(line, digest_size=4).hexdigest().encode()


def _shares(before: Usage, after: Usage, prompts: dict[str, str], answers: dict[str, Any]) -> dict[str, Took]:
    """What each question of a batch took, by the bytes of its texts; nothing where the client counts no tokens."""
    read, written = (
        after.prompt_tokens - before.prompt_tokens,
        after.completion_tokens - before.completion_tokens,
    )
    if not read:
        return {}
    texts = [len(prompt.encode("utf-8", "surrogatepass")) for prompt in prompts.values()]
    said = [
        sum(len(_restored(part).encode("utf-8", "surrogatepass")) for part in answers[key]) for key in prompts
    ]
    return dict(
        zip(prompts, zip(shared_out(read, texts), shared_out(written, said), strict=True), strict=True)
    )


def _is_answer(answer: JSON) -> bool:
    """Whether to keep it: what could not be asked may be asked again with a larger window or another setting."""
    if all(isinstance(part, str | dict) for part in answer):
        return any(_restored(part) for part in answer)
    return not (isinstance(answer[0], float) and math.isnan(answer[0]))


def _kept(text: str) -> JSON:
    """A completion as it is stored."""
    return {CUT: str(text)} if isinstance(text, CutText) else str(text)


def _restored(part: Any) -> str:  # noqa: ANN401 - what a file holds
    """A completion as the client gave it."""
    return CutText(part[CUT]) if isinstance(part, dict) else str(part)


def _key(method: str, prompt: str, rest: JSON) -> str:
    kind, asked = _asked(prompt)
    digest = hashlib.blake2b(digest_size=16)
    # repr is exact for any text, also for halves of surrogate pairs that no encoding takes.
    digest.update(repr((method, kind, asked, rest)).encode())
    return digest.hexdigest()


def _asked(prompt: str) -> tuple[str, JSON]:
    """What a prompt is and holds: a user who types "user: ..." says the same text as a conversation and asks something else."""
    if not isinstance(prompt, ChatPrompt):
        return "raw" if isinstance(prompt, RawPrompt) else "turn", str(prompt)
    if prompt.is_plain:
        turns: list[JSON] = [tuple(turn) for turn in prompt.turns]
        return ("chat", turns) if prompt.schema is None else ("chat by schema", [turns, dict(prompt.schema)])
    return "messages", [prompt.messages, prompt.tools]


def _answer(response: str) -> JSON:
    return [str(response), response.message] if isinstance(response, ChatAnswer) else response


def _table(rows: list[Any], width: int) -> Any:  # noqa: ANN401 - a matrix of floats
    values = [[math.nan if value is None else value for value in row] for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), width)
