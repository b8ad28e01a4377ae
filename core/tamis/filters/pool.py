"""What rows that a model wrote are held against, indexed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tamis.compute.augment.repeats import RepeatIndex
from tamis.compute.augment.types import KnownRow, Near, ParentRow, SyntheticRow
from tamis.compute.text.contamination import RunIndex
from tamis.compute.text.near_duplicates import normalised_words


@dataclass(slots=True)
class FilterPool:
    """What rows are held against: their parents by id, rows whose prompts may not come again, evaluation texts, rows held
    out. ``labels`` are the only answers where there are any; ``scaffold`` are words of the generator's questions.
    """

    parents: Mapping[int, ParentRow] = field(default_factory=dict)
    known: Sequence[KnownRow] = ()
    evaluation: Sequence[str] = ()
    held_out: Sequence[KnownRow] = ()
    labels: tuple[str, ...] = ()
    scaffold: tuple[str, ...] = ()
    batch: str = ""
    seed: int = 0
    n_judged: int = 0
    _passed: list[tuple[SyntheticRow, int]] = field(default_factory=list)
    _repeats: dict[tuple[float, float], RepeatIndex[Near]] = field(default_factory=dict)
    _runs: dict[int, RunIndex] = field(default_factory=dict)
    _apart: dict[str, Near | None] = field(default_factory=dict)

    def add(self, row: SyntheticRow) -> None:
        """Hold later rows against this one too, by its place among the rows that were judged."""
        for index in self._repeats.values():
            index.add(row.prompt, Near(self.batch, self.n_judged))
        self._passed.append((row, self.n_judged))

    def repeats(self, jaccard: float, rouge_l: float) -> RepeatIndex[Near]:
        """The prompts that may not come again, indexed once."""
        key = (jaccard, rouge_l)
        if key not in self._repeats:
            index: RepeatIndex[Near] = RepeatIndex(jaccard, rouge_l)
            for one in self.known:
                index.add(one.prompt, one.near)
            for row, place in self._passed:
                index.add(row.prompt, Near(self.batch, place))
            self._repeats[key] = index
        return self._repeats[key]

    def taken(self, n_words: int) -> RunIndex:
        """Runs of words of evaluation texts, then of prompts and responses held out, indexed once."""
        if n_words not in self._runs:
            apart = [text for one in self.held_out for text in (one.prompt, one.response)]
            self._runs[n_words] = RunIndex([*self.evaluation, *apart], n_words=n_words)
        return self._runs[n_words]

    def asked_apart(self) -> Mapping[str, Near | None]:
        """The words of held-out prompts, with their row, and of evaluation texts, with None; indexed once."""
        if not self._apart and (self.evaluation or self.held_out):
            self._apart = dict.fromkeys((normalised_words(text) for text in self.evaluation), None)
            self._apart |= {normalised_words(one.prompt): one.near for one in self.held_out}
        return self._apart
