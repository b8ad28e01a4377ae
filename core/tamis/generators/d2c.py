"""Documents to claims (D2C of MiniCheck, 2404.10774, in words of our own; METHODS.md 3.3): claims of a part, against it with a gap and against others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.augment.types import DraftProblem, SyntheticRow, WriteJob, WritingTask
from tamis.compute.text.grounding import sentences
from tamis.generators import Dialogue
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

KIND = "d2c"
N_CHUNKS = 3
MOST_FACTS = 8
CLAIM = (
    f"You sum texts up. {MATERIAL} Write one sentence of at most 15 words that covers what the text says. Reply with one JSON "
    'object and nothing else: {"new_claim": a text}.'
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A part of a document, what was claimed of it, and the facts of that."""

    place: int
    claim: str
    facts: Sequence[str]


class D2cGenerator:
    """One job for every parent with a document that is long enough and has a sentence for each of three parts."""

    def __init__(self, options: ClaimOptions) -> None:
        self._options = options

    def jobs(self, task: WritingTask, rng: np.random.Generator) -> Iterator[WriteJob]:
        """The documents in random order, each once."""
        parents = [one for one in task.parents if one.document]
        for number, place in enumerate(rng.permutation(len(parents)).tolist()):
            yield WriteJob(number, (parents[place].example_id,), group=parents[place].group)

    def write(self, job: WriteJob, task: WritingTask) -> Dialogue:
        """A claim per part, its facts, and votes on these against parts with a gap and against the other parts."""
        document = task.parent(job.parent_ids[0]).document
        parts = in_parts(sentences(document))
        if len(document) < self._options.fewest_characters or len(parts) < N_CHUNKS:
            said = f"The document has {len(document):,} characters in {len(sentences(document))} sentences; it is too short."
            return [DraftProblem("unsuitable", said)]
        summed = yield [claim_question(CLAIM, f"{KIND}:claim:1", text=" ".join(part)) for part in parts]
        read = [read_fields(said[0], ("new_claim",)) for said in summed]
        problems = [one for one in read if isinstance(one, DraftProblem)]
        claimed = {
            place: one["new_claim"] for place, one in enumerate(read) if not isinstance(one, DraftProblem)
        }
        if not claimed:
            return [*problems]
        taken = yield [claim_question(FACTS, f"{KIND}:facts:1", claim=one) for one in claimed.values()]
        claims = []
        for (place, claim), listed in zip(claimed.items(), taken, strict=True):
            facts = read_facts(listed[0], 1, MOST_FACTS)
            if isinstance(facts, DraftProblem):
                problems.append(facts)
            else:
                claims.append(_Claim(place, claim, facts))
        if not claims:
            return [*problems]
        looked_at = [(one, text, gap) for one in claims for text, gap in _texts_for(one, parts)]
        checks = [ClaimCheck(text, fact) for one, text, _ in looked_at for fact in one.facts]
        n = self._options.votes
        verdicts = [verdict_of(said, n) for said in (yield [votes_on(one, n, KIND) for one in checks])]
        rows = [claim_row(job, KIND, " ".join(parts[one.place]), one.claim, True, 1.0) for one in claims]
        for one, text, gap in looked_at:
            mine = [verdicts.pop(0) for _ in one.facts]
            rows += _rows_of(job, one, text, mine, gap=gap)
        return [*rows, *problems]


def in_parts(texts: Sequence[str], n_parts: int = N_CHUNKS) -> list[list[str]]:
    """The sentences in order, divided evenly: sizes differ by one at most; fewer parts where there are fewer sentences."""
    bounds = np.linspace(0, len(texts), n_parts + 1).round().astype(int).tolist()
    pieces = [list(texts[low:high]) for low, high in zip(bounds, bounds[1:], strict=False)]
    return [one for one in pieces if one]


def _texts_for(claim: _Claim, parts: Sequence[Sequence[str]]) -> list[tuple[str, bool]]:
    """The claim's own part without each of its sentences, marked as gaps, then the other parts."""
    own = parts[claim.place]
    gaps = [(" ".join([*own[:i], *own[i + 1 :]]), True) for i in range(len(own)) if len(own) > 1]
    return gaps + [(" ".join(part), False) for place, part in enumerate(parts) if place != claim.place]


def _rows_of(
    job: WriteJob, claim: _Claim, text: str, verdicts: Sequence[VoteVerdict], *, gap: bool
) -> list[SyntheticRow]:
    """Facts by their votes, and the claim as unsupported where one fails; a gap that no fact falls into says nothing."""
    failed = [one for one in verdicts if one.supported is False]
    if gap and not failed:
        return []
    rows = [
        claim_row(job, KIND, text, fact, one.supported, one.share)
        for fact, one in zip(claim.facts, verdicts, strict=True)
        if one.supported is not None and len(claim.facts) > 1
    ]
    if failed:
        rows.append(claim_row(job, KIND, text, claim.claim, False, max(one.share for one in failed)))
    elif len(claim.facts) == 1 and verdicts[0].supported:
        rows.append(claim_row(job, KIND, text, claim.claim, True, verdicts[0].share))
    return rows
