"""Filters that hold rows against other rows and texts (METHODS.md 3.9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.augment.repeats import RepeatFound, RepeatIndex
from tamis.compute.augment.shapes import label_of
from tamis.compute.augment.types import Near, Reason, SyntheticRow
from tamis.compute.text.near_duplicates import normalised_words
from tamis.filters.options import NoOptions, OverlapOptions, RepeatsOptions
from tamis.filters.pool import FilterPool
from tamis.filters.texts import EachRow
from tamis.reprs import as_percent

FEWEST_WORDS = 3  # of a held-out prompt that counts as taken by equal words alone
_SAID = {
    "words": "The prompt has the same words as another row's",
    "runs": "The prompt shares most runs of words with another row's",
    "rouge_l": "The prompt has nearly the words of another row's in their order",
}


@dataclass(frozen=True, slots=True)
class RepeatsFilter:
    """Prompts that come again: in the pool, or among rows before them that are not repeats themselves."""

    options: RepeatsOptions

    def look(self, rows: Sequence[SyntheticRow], pool: FilterPool) -> list[Reason | None]:
        """What each row repeats."""
        limits = (self.options.jaccard, self.options.rouge_l)
        known, before = pool.repeats(*limits), RepeatIndex[Near](*limits)
        reasons = []
        for place, row in enumerate(rows):
            found = known.find(row.prompt) or before.find(row.prompt)
            if found is None:
                before.add(row.prompt, Near(pool.batch, pool.n_judged + place))
            reasons.append(None if found is None else self._reason(found))
        return reasons

    def _reason(self, found: RepeatFound[Near]) -> Reason:
        limit = self.options.jaccard if found.measure == "runs" else self.options.rouge_l
        said = f"{_SAID[found.measure]} ({found.value:.2f})."
        return Reason("repeats", said, found.value, limit, found.key)


def repeats_filter(options: RepeatsOptions) -> RepeatsFilter:
    """Prompts that come again."""
    return RepeatsFilter(options)


def contamination_filter(options: OverlapOptions) -> EachRow:
    """Rows that share a run of words with what they must not know, or have the prompt of a held-out row."""

    def check(row: SyntheticRow, pool: FilterPool) -> Reason | None:
        if not pool.evaluation and not pool.held_out:
            return None
        share, item = pool.taken(options.n_words).most(f"{row.prompt}\n{row.response}")
        if share > 0:
            near = _owner(item, pool)
            where = "an evaluation text" if near is None else f"held-out row {near.example_id}"
            return Reason("contamination", f"It holds {as_percent(share)} of {where}.", share, 0, near)
        words = normalised_words(row.prompt)
        if len(words.split()) < FEWEST_WORDS:
            return None
        if words in (apart := pool.asked_apart()):
            owner = apart[words]
            who = "an evaluation text" if owner is None else f"held-out row {owner.example_id}"
            return Reason("contamination", f"It asks what {who} asks.", 1.0, 0, owner)
        return None

    return EachRow(check)


def _owner(item: int, pool: FilterPool) -> Near | None:
    """The held-out row of a text of the index; None for one of an evaluation file."""
    place = item - len(pool.evaluation)
    return pool.held_out[place // 2].near if place >= 0 else None


@dataclass(frozen=True, slots=True)
class BalanceFilter:
    """As many rows of every label as of the least frequent one, drawn by the seed."""

    def look(self, rows: Sequence[SyntheticRow], pool: FilterPool) -> list[Reason | None]:
        """Why rows of frequent labels are too many."""
        labels = [label_of(row.response, pool.labels) or row.response.strip().casefold() for row in rows]
        counts = Counter(labels)
        least = min(counts.values(), default=0)
        rng = np.random.default_rng([pool.seed, 3])
        left_out: set[int] = set()
        for label in sorted(counts):
            places = [place for place, one in enumerate(labels) if one == label]
            left_out.update(rng.permutation(places)[least:].tolist())
        return [
            Reason(
                "balance",
                f"{counts[label]:,} rows have this label, the rarest has {least:,}.",
                counts[label],
                least,
            )
            if place in left_out
            else None
            for place, label in enumerate(labels)
        ]


def balance_filter(options: NoOptions) -> BalanceFilter:
    """Labels that come too often."""
    return BalanceFilter()
