"""Claims to documents (C2D of MiniCheck, 2404.10774, in words of our own; METHODS.md 3.3): texts that just do, or just do not, support a claim."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeAlias, TypeVar

import numpy as np

from tamis.compute.augment.types import DraftProblem, WriteJob, WritingTask
from tamis.compute.text.grounding import sentences
from tamis.generators import Dialogue, WriterQuestion
from tamis.generators.answers import read_fields
from tamis.generators.claims import (
    FACTS,
    MATERIAL,
    ClaimCheck,
    VoteVerdict,
    claim_question,
    claim_row,
    read_facts,
    verdict_of,
    votes_on,
)
from tamis.generators.options import ClaimOptions

KIND = "c2d"
PAIR = (
    f"You write evidence. {MATERIAL} Write two sentences that together, and only together, support the fact: neither of them "
    'alone lets anybody conclude it. Reply with one JSON object and nothing else: {"first_sentence": …, "second_sentence": …}.'
)
PARAGRAPH = (
    f"You write short texts. {MATERIAL} Write one natural paragraph that says everything that the sentences say and nothing "
    'that contradicts or repeats them. Reply with one JSON object and nothing else: {"new_paragraph": a text}.'
)
MERGE = (
    f"You join facts. {MATERIAL} Write one sentence that says exactly what the facts say together. Reply with one JSON object "
    'and nothing else: {"new_claim": a text}.'
)
T = TypeVar("T")
Asked: TypeAlias = Generator[list[WriterQuestion], list[list[str]], T]
Pair = tuple[str, str]


class UnverifiedError(Exception):
    """A part of the job that the checks do not confirm, or that cannot be read: there is no row then."""

    def __init__(self, problem: DraftProblem) -> None:
        super().__init__(problem.said)
        self.problem = problem


@dataclass(slots=True)
class _Work:
    """What is known of one claim so far; sets of facts are sets of their numbers."""

    job: WriteJob
    facts: Sequence[str]
    pairs: dict[int, Pair] = field(default_factory=dict)
    paragraph: str = ""
    share: float = 1.0
    claims: dict[frozenset[int], str] = field(default_factory=dict)

    def sentences(self, without: tuple[int, int] | None = None) -> list[str]:
        """Every sentence of every pair, but the one at (fact, place)."""
        return [
            text for i, pair in self.pairs.items() for place, text in enumerate(pair) if (i, place) != without
        ]


class C2dGenerator:
    """One job for every parent whose response is one sentence: that sentence is the claim."""

    def __init__(self, options: ClaimOptions) -> None:
        self._options = options

    def jobs(self, task: WritingTask, rng: np.random.Generator) -> Iterator[WriteJob]:
        """The claims in random order."""
        claims = [one for one in task.parents if len(sentences(one.response)) == 1]
        for number, place in enumerate(rng.permutation(len(claims)).tolist()):
            yield WriteJob(number, (claims[place].example_id,), group=claims[place].group)

    def write(self, job: WriteJob, task: WritingTask) -> Dialogue:
        """Facts, a pair of sentences for each, a paragraph of all, claims of every set, paragraphs without a sentence."""
        claim = task.parent(job.parent_ids[0]).response.strip()
        try:
            (texts,) = yield [claim_question(FACTS, f"{KIND}:facts:1", claim=claim)]
            facts = read_facts(texts[0], 2, self._options.most_facts)
            if isinstance(facts, DraftProblem):
                return [facts]
            work = _Work(job, facts)
            yield from self._write_pairs(work)
            yield from self._write_paragraph(work)
            yield from self._merge(work, claim)
            edited, problems = yield from self._write_without(work)
        except UnverifiedError as error:
            return [error.problem]
        rows = [claim_row(job, KIND, work.paragraph, text, True, work.share) for text in work.claims.values()]
        for (missing, _), (text, share) in edited.items():
            rows += [
                claim_row(job, KIND, text, said, missing not in members, share)
                for members, said in work.claims.items()
            ]
        return [*rows, *problems]

    def _write_pairs(self, work: _Work) -> Asked[None]:
        """Two sentences per fact that support it together, and neither alone."""
        for _ in range(self._options.tries):
            missing = [i for i in range(len(work.facts)) if i not in work.pairs]
            if not missing:
                break
            texts = yield [claim_question(PAIR, f"{KIND}:pair:1", fact=work.facts[i]) for i in missing]
            read = {
                i: _read(said[0], "first_sentence", "second_sentence")
                for i, said in zip(missing, texts, strict=True)
            }
            pairs = {i: (one[0], one[1]) for i, one in read.items() if not isinstance(one, DraftProblem)}
            wanted = {
                i: [
                    (ClaimCheck(" ".join(pair), work.facts[i]), True),
                    *((ClaimCheck(one, work.facts[i]), False) for one in pair),
                ]
                for i, pair in pairs.items()
            }
            verdicts = yield from self._check([check for several in wanted.values() for check, _ in several])
            for i, several in wanted.items():
                mine = [verdicts.pop(0) for _ in several]
                if all(one.supported is right for one, (_, right) in zip(mine, several, strict=True)):
                    work.pairs[i] = pairs[i]
                    work.share = min(work.share, *(one.share for one in mine))
        bare = next((fact for i, fact in enumerate(work.facts) if i not in work.pairs), None)
        if bare is not None:
            said = f"No pair of sentences supports this fact only together: {bare}"
            raise UnverifiedError(DraftProblem("unverified", said))
        work.pairs = dict(sorted(work.pairs.items()))

    def _write_paragraph(self, work: _Work) -> Asked[None]:
        """A paragraph of all sentences that supports every fact."""
        for _ in range(self._options.tries):
            (texts,) = yield [_paragraph_of(work.sentences())]
            read = _read(texts[0], "new_paragraph")
            if isinstance(read, DraftProblem):
                continue
            verdicts = yield from self._check([ClaimCheck(read[0], fact) for fact in work.facts])
            if all(one.supported for one in verdicts):
                work.paragraph, work.share = read[0], min(work.share, *(one.share for one in verdicts))
                return
        raise UnverifiedError(
            DraftProblem("unverified", "No paragraph of all sentences supports every fact.")
        )

    def _merge(self, work: _Work, claim: str) -> Asked[None]:
        """A claim for every set of facts: single ones as they are, all of them the claim, others joined."""
        n = len(work.facts)
        joined = [frozenset(one) for size in range(2, n) for one in combinations(range(n), size)]
        texts: list[list[str]] = []
        if joined:
            texts = yield [
                claim_question(
                    MERGE, f"{KIND}:merge:1", **{f"fact_{i + 1}": work.facts[i] for i in sorted(members)}
                )
                for members in joined
            ]
        work.claims = {frozenset((i,)): fact for i, fact in enumerate(work.facts)}
        for members, said in zip(joined, texts, strict=True):
            read = _read(said[0], "new_claim")
            if isinstance(read, DraftProblem):
                raise UnverifiedError(read)
            work.claims[members] = read[0]
        work.claims[frozenset(range(n))] = claim

    def _write_without(
        self, work: _Work
    ) -> Asked[tuple[dict[tuple[int, int], tuple[str, float]], list[DraftProblem]]]:
        """A paragraph without each sentence, where its fact falls with it and the others stand."""
        places = [(i, place) for i in work.pairs for place in (0, 1)]
        rests = {one: work.sentences(without=one) for one in places}
        fallen = yield from self._check(
            [ClaimCheck(" ".join(rests[one]), work.facts[one[0]]) for one in places]
        )
        needed = {one: told for one, told in zip(places, fallen, strict=True) if told.supported is False}
        edited: dict[tuple[int, int], tuple[str, float]] = {}
        for _ in range(self._options.tries):
            left = [one for one in needed if one not in edited]
            if left:
                good = yield from self._edit(work, {one: rests[one] for one in left})
                edited |= {one: (text, min(share, needed[one].share)) for one, (text, share) in good.items()}
        why = {
            one: "No paragraph without this sentence keeps the other facts"
            if one in needed
            else "Without this sentence its fact is still supported"
            for one in places
            if one not in edited
        }
        problems = [
            DraftProblem("unverified", f"{said}: {work.pairs[i][place]}") for (i, place), said in why.items()
        ]
        return edited, problems

    def _edit(
        self, work: _Work, rests: Mapping[tuple[int, int], Sequence[str]]
    ) -> Asked[dict[tuple[int, int], tuple[str, float]]]:
        """One try at a paragraph of the sentences that are left, kept where it supports every other fact."""
        texts = yield [_paragraph_of(several) for several in rests.values()]
        read = {one: _read(said[0], "new_paragraph") for one, said in zip(rests, texts, strict=True)}
        good = {one: text[0] for one, text in read.items() if not isinstance(text, DraftProblem)}
        others = {one: [fact for i, fact in enumerate(work.facts) if i != one[0]] for one in good}
        verdicts = yield from self._check(
            [ClaimCheck(good[one], fact) for one in good for fact in others[one]]
        )
        kept = {}
        for one, text in good.items():
            mine = [verdicts.pop(0) for _ in others[one]]
            if all(told.supported for told in mine):
                kept[one] = (text, min(work.share, *(told.share for told in mine)))
        return kept

    def _check(self, checks: Sequence[ClaimCheck]) -> Asked[list[VoteVerdict]]:
        """The majority on each, all asked together."""
        if not checks:
            return []
        n = self._options.votes
        texts = yield [votes_on(one, n, KIND) for one in checks]
        return [verdict_of(said, n) for said in texts]


def counts_of(n: int) -> Mapping[str, int]:
    """Rows of both answers and least questions of a claim of n facts where everything is valid."""
    sets = 2**n
    return {
        "no": 2 * n * sets // 2,
        "yes": 2 * n * (sets // 2 - 1) + sets - 1,
        "questions": 2 + 5 * n + (sets - n - 2) + 2 * n * (1 + n),
    }


def _paragraph_of(several: Sequence[str]) -> WriterQuestion:
    return claim_question(
        PARAGRAPH, f"{KIND}:paragraph:1", **{f"sentence_{i}": text for i, text in enumerate(several, 1)}
    )


def _read(text: str, *names: str) -> list[str] | DraftProblem:
    fields = read_fields(text, names)
    return fields if isinstance(fields, DraftProblem) else [fields[name] for name in names]
