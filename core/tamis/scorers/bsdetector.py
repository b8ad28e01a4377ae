"""BSDetector over a dataset: the response is judged by a model's own answers and second thoughts (METHODS.md 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tamis.compute.clear import bsdetector as method
from tamis.compute.clear.replies import parse_choice
from tamis.compute.text.judge_text import WARNING, fence_code, fenced
from tamis.errors import CurationError, InvalidOptions
from tamis.protocols import LanguageModel
from tamis.scorers import ScorerInput
from tamis.scorers.options import BSDetectorOptions, LocalClassifierOptions
from tamis.scorers.transcript import transcript_of
from tamis.types import Float32s, Float64s

Similarity = Callable[[Sequence[str], Sequence[str], Sequence[str]], Float64s]

SAMPLE = """Please answer the question below. Think first, then answer, in exactly this form:
explanation: <your reasoning in a few sentences>
answer: <your final answer alone>

Question: {question}"""
# Both second thoughts begin alike, so that a local model reads the row once.
SHOWN = """Question and proposed answer are given below. {warning}

{question}

{answer}

Is the proposed answer: (A) Correct (B) Incorrect (C) I am not sure.
{ask}"""
FIRST = "The output should be the letter A, B or C and nothing else."
SECOND = (
    "Are you really sure the proposed answer is correct? Think again, then choose again. "
    "The output should be the letter A, B or C and nothing else."
)
LETTERS = tuple(method.REFLECTION)


class BSDetectorScorer:
    """Confidence of each response; compare it within a dataset only. NaN for a blank response."""

    def __init__(self, options: BSDetectorOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, with consistency, self-reflection, share of equal samples and unparsed verdicts."""
        options, model, n = self._options, rows.model(), len(rows.prompts)
        filled = [i for i in range(n) if rows.responses[i].strip() and rows.prompts[i].strip()]
        names = ("score", "consistency", "reflection", "equal_fraction", "n_unparsed")
        columns = {name: np.full(n, np.nan, dtype=np.float32) for name in names}
        if not filled:
            return columns
        prompts, answers = [rows.prompts[i] for i in filled], [rows.responses[i] for i in filled]
        samples = self._samples(model, prompts)
        similarity = self._similar(rows)(
            [p for p in prompts for _ in range(options.k)],
            [y for y in answers for _ in range(options.k)],
            [sample for several in samples for sample in several],
        ).reshape(len(filled), options.k)
        equal = np.array(
            [
                [method.normalised_answer(s) == method.normalised_answer(y) for s in several]
                for y, several in zip(answers, samples, strict=True)
            ]
        )
        observed = method.observed_consistency(similarity, equal, options.alpha_fraction)
        reflected, unparsed = reflections(model, prompts, answers)
        values = (
            method.confidence(observed, reflected, options.beta_fraction), observed, reflected, equal.mean(axis=1), unparsed,
        )  # fmt: skip
        for name, column in zip(names, values, strict=True):
            columns[name][filled] = column
        return columns

    def _samples(self, model: LanguageModel, prompts: list[str]) -> list[list[str]]:
        options = self._options
        completions = model.complete(
            [SAMPLE.replace("{question}", transcript_of(prompt)) for prompt in prompts],
            n=options.k,
            temperature=options.temperature,
            seed=options.seed,
            max_new_tokens=options.max_new_tokens,
        )
        return [[method.parse_sample(text) for text in several] for several in completions]

    def _similar(self, rows: ScorerInput) -> Similarity:
        if self._options.nli_model:
            return _by_contradiction(self._options.nli_model)
        if rows.encode is None:
            raise CurationError(
                "BSDetector compares answers by an encoder or an NLI model: name one as nli_model."
            )
        encode = rows.encode

        def by_cosine(_: Sequence[str], first: Sequence[str], second: Sequence[str]) -> Float64s:
            unique = sorted({*first, *second})
            place = {text: i for i, text in enumerate(unique)}
            vectors = encode(unique)
            a, b = vectors[[place[t] for t in first]], vectors[[place[t] for t in second]]
            cosine: Float64s = np.clip(np.einsum("ij,ij->i", a, b), 0, 1).astype(np.float64)
            return cosine

        return by_cosine


def reflections(
    model: LanguageModel, prompts: Sequence[str], answers: Sequence[str]
) -> tuple[Float64s, Float64s]:
    """Self-reflection certainty S (n,) and how many of the two verdicts could not be read (n,); those count as unsure.

    Where the model gives probabilities of the letters, each verdict is their mean instead of the likeliest letter.
    """
    asked = [
        reflection_prompt(p, y, ask) for p, y in zip(prompts, answers, strict=True) for ask in (FIRST, SECOND)
    ]
    values = np.array([method.REFLECTION[letter] for letter in LETTERS])
    if "choose" in model.abilities:
        verdict = model.choose(asked, LETTERS).probabilities @ values
        unread = np.isnan(verdict)
    else:
        letters = [parse_choice(one[0]) for one in model.complete(asked, max_new_tokens=16)]
        unread = np.array([letter is None for letter in letters])
        verdict = np.array([method.REFLECTION[letter or method.UNSURE] for letter in letters])
    verdict = np.where(unread, method.REFLECTION[method.UNSURE], verdict)
    return method.self_reflection(verdict[0::2], verdict[1::2]), unread.reshape(-1, 2).sum(axis=1).astype(
        np.float64
    )


def reflection_prompt(prompt: str, answer: str, ask: str) -> str:
    """One of the two questions about a row."""
    prompt = transcript_of(prompt)
    code = fence_code(prompt, answer)
    parts = {
        "{warning}": WARNING.replace("{code}", code),
        "{question}": fenced("question", prompt, code),
        "{answer}": fenced("answer", answer, code),
        "{ask}": ask,
    }
    pieces = SHOWN
    before, _, rest = pieces.partition("{warning}")
    middle, _, rest = rest.partition("{question}")
    between, _, rest = rest.partition("{answer}")
    after, _, end = rest.partition("{ask}")
    joined = (
        before,
        parts["{warning}"],
        middle,
        parts["{question}"],
        between,
        parts["{answer}"],
        after,
        ask,
        end,
    )
    return "".join(joined)


def _by_contradiction(nli_model: str) -> Similarity:
    from tamis.scorers.classifier import Classifier

    classifier = Classifier(LocalClassifierOptions(model=nli_model))
    labels = classifier.labels()
    place = next((i for i, label in enumerate(labels) if label.startswith("contra")), -1)
    if place < 0:
        raise InvalidOptions(
            f"nli_model = {nli_model!r}: none of its outputs ({', '.join(labels)}) is contradiction."
        )

    def similar(prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> Float64s:
        a = [f"{p} {y}" for p, y in zip(prompts, first, strict=True)]
        b = [f"{p} {y}" for p, y in zip(prompts, second, strict=True)]
        chances = []
        for left, right in ((a, b), (b, a)):
            logits = classifier.pairs(left, right)
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            chances.append((shifted / shifted.sum(axis=1, keepdims=True))[:, place])
        return method.similarity_from_contradiction(chances[0], chances[1])

    return similar
