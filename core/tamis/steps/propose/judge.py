"""A language model as judge of two answers, asked in both orders, whatever stands in them (METHODS.md 2.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.clear.clear import (
    LETTERS,
    Verdict,
    combine_orders,
    likeliest_letter,
    ordered_verdict,
    parse_verdict,
    verdict_probabilities,
)
from tamis.compute.text.judge_text import WARNING, fence_code, fenced
from tamis.protocols import LanguageModel
from tamis.scorers.bsdetector import reflections
from tamis.types import JSON

# The paper's own wording is not public; this is the usual shape. What is the same for every row comes first, so that
# a local model reads it once.
HEAD = """You are an impartial judge. Two answers to one question are given below. Decide which answer is better: the \
one that does what the question asks, correctly and completely. Neither the order of the answers nor their length \
matters."""
ASK_LETTER = (
    "Which answer is better? Write A if answer A is better, B if answer B is better, or C for a tie. "
    "Write one letter and nothing else."
)
ASK_TEXT = (
    "Which answer is better? Explain in one or two sentences, then end with your verdict: [[A]] if answer A is better, "
    "[[B]] if answer B is better, or [[C]] for a tie."
)
# What a row must not hold if nobody tampered with it: the judge's own sentences and marks.
TEMPLATE = re.compile(
    r"\[\[\s*[ABC]\s*\]\]|you are an impartial judge|which answer is better\?|</?(?:question|answer_[ab])\b[^>\n]*>",
    re.IGNORECASE,
)
CUT = " … "
REPLY_TOKENS = 256
UNREAD = "n_unread"  # in the evidence: replies about one order that could not be read
KEPT_CHARACTERS = 2000  # of a judge's reply, in the evidence
ORDERS = ("original first", "candidate first")


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with the response of the dataset and the candidate in its place."""

    prompt: str
    original: str
    candidate: str


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How much of a row is read, and how verdicts are sampled where the judge gives no probabilities."""

    characters: int
    n_samples: int = 5
    beta_fraction: float = 0.7
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of both orders together, what was said in each, and whether the row was cut or holds the template."""

    verdict: Verdict
    verdicts: list[dict[str, JSON]]
    was_cut: bool
    contains_template: bool


def judge_pairs(model: LanguageModel, pairs: Sequence[Pair], settings: JudgeSettings) -> list[Judged]:
    """The verdict on each pair; by the probabilities of the letters where the model gives them, else by its words."""
    if not pairs:
        return []
    read = [_shortened(pair, settings.characters) for pair in pairs]
    by_letter = "choose" in model.abilities
    asked = [
        question(pair, candidate_first=order == 1, ask=ASK_LETTER if by_letter else ASK_TEXT)
        for pair in read
        for order in (0, 1)
    ]
    replies = _chosen(model, asked) if by_letter else _written(model, asked, settings)
    return [
        _joined(pair, cut, replies[2 * i : 2 * i + 2])
        for i, (pair, cut) in enumerate(zip(pairs, read, strict=True))
    ]


def question(pair: Pair, *, candidate_first: bool, ask: str) -> str:
    """What the judge reads about a pair in one order; the texts cannot close their fences."""
    code = fence_code(pair.prompt, pair.original, pair.candidate)
    first, second = (pair.candidate, pair.original) if candidate_first else (pair.original, pair.candidate)
    parts = [
        HEAD,
        WARNING.replace("{code}", code),
        fenced("question", pair.prompt, code),
        fenced("answer_a", first, code),
        fenced("answer_b", second, code),
        ask,
    ]
    return "\n\n".join(parts)


def contains_template(*texts: str) -> bool:
    """Whether any text holds a sentence or mark of the judge's question."""
    return any(TEMPLATE.search(text) for text in texts)


def fair_limits(lengths: Sequence[int], total: int) -> list[int]:
    """A limit for each of several texts: short ones are read whole, and the longer ones share what is left equally."""
    limits, left, waiting = list(lengths), total, sorted(range(len(lengths)), key=lambda i: lengths[i])
    while waiting:
        share = left // len(waiting)
        i = waiting.pop(0)
        limits[i] = min(lengths[i], share)
        left -= limits[i]
    return limits


def _shortened(pair: Pair, characters: int) -> Pair:
    texts = (pair.prompt, pair.original, pair.candidate)
    limits = fair_limits([len(text) for text in texts], characters)
    return Pair(*(_without_middle(text, limit) for text, limit in zip(texts, limits, strict=True)))


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: (limit + 1) // 2] + CUT + text[len(text) - limit // 2 :]


@dataclass(frozen=True, slots=True)
class _Judgement:
    """One order: the letter (None unreadable, "" not answered), its probabilities and the evidence."""

    letter: str | None
    probabilities: tuple[float, ...]
    evidence: dict[str, JSON]


def _chosen(model: LanguageModel, asked: Sequence[str]) -> list[_Judgement]:
    choices = model.choose(asked, LETTERS)
    judgements = []
    for chances, mass in zip(choices.probabilities, choices.mass, strict=True):
        if np.isnan(chances).any():
            # None of the letters among the likeliest words, or a question that could not be asked at all.
            judgements.append(_Judgement(None if mass == 0 else "", (), {UNREAD: int(mass == 0)}))
            continue
        values = tuple(float(chance) for chance in chances)
        evidence = {"probabilities": dict(zip(LETTERS, values, strict=True)), "mass": float(mass)}
        judgements.append(_Judgement(likeliest_letter(chances), values, evidence))
    return judgements


def _written(model: LanguageModel, asked: Sequence[str], settings: JudgeSettings) -> list[_Judgement]:
    replies = [one[0] for one in model.complete(asked, max_new_tokens=REPLY_TOKENS)]
    letters = [parse_verdict(reply) for reply in replies]
    clear = [i for i, letter in enumerate(letters) if letter is not None]
    samples = _samples(model, [asked[i] for i in clear], settings)
    reflected, unread = np.full(len(clear), 0.5), np.zeros(len(clear))
    if clear and settings.beta_fraction < 1:
        reflected, unread = reflections(model, [asked[i] for i in clear], [replies[i] for i in clear])
    judgements = [
        _Judgement(
            None if reply.strip() else "",
            (),
            {"reply": reply[:KEPT_CHARACTERS], UNREAD: int(bool(reply.strip()))},
        )
        for reply in replies
    ]
    for i, sampled, thought, lost in zip(clear, samples, reflected, unread, strict=True):
        letter = letters[i]
        assert letter is not None
        values = verdict_probabilities(letter, sampled, float(thought), settings.beta_fraction).tolist()
        evidence = judgements[i].evidence | {
            "probabilities": dict(zip(LETTERS, values, strict=True)),
            "samples": sampled,
            "reflection": float(thought),
            UNREAD: sampled.count(None) + int(lost),
        }
        judgements[i] = _Judgement(letter, tuple(values), evidence)
    return judgements


def _samples(model: LanguageModel, asked: Sequence[str], settings: JudgeSettings) -> list[list[str | None]]:
    if not asked:
        return []
    completions = model.complete(
        asked, n=settings.n_samples, temperature=1.0, seed=settings.seed, max_new_tokens=REPLY_TOKENS
    )
    return [[parse_verdict(text) for text in several] for several in completions]


def _joined(pair: Pair, read: Pair, judgements: Sequence[_Judgement]) -> Judged:
    verdicts = [_verdict(one, candidate_first=order == 1) for order, one in enumerate(judgements)]
    evidence = [
        {"order": name, "found": verdict.found, "letter": one.letter or None, **one.evidence}
        for name, verdict, one in zip(ORDERS, verdicts, judgements, strict=True)
    ]
    return Judged(
        verdict=combine_orders(verdicts[0], verdicts[1]),
        verdicts=evidence,
        was_cut=read != pair,
        contains_template=contains_template(pair.prompt, pair.original, pair.candidate),
    )


def _verdict(judgement: _Judgement, *, candidate_first: bool) -> Verdict:
    if judgement.letter:
        return ordered_verdict(
            judgement.letter, np.array(judgement.probabilities), candidate_first=candidate_first
        )
    return Verdict("unparseable" if judgement.letter is None else "not_answered")
