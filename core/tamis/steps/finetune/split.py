"""Which rows are trained on, which are held out, and which early stopping looks at: no prompt and no family on two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tamis.compute.apply import Applied, apply_decisions
from tamis.compute.text.row_families import (
    RowLinks,
    count_together,
    draw_whole_groups,
    in_groups_of,
    link_rows,
    rows_that_fit,
)
from tamis.errors import InvalidOptions
from tamis.steps.finetune.company import KnownPrompts, row_families, row_prompts, trained_before, unsure_text
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.finetune.written import WrittenRows, written_rows
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import count_examples, read_selected_ids
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import FrozenDecision, read_frozen_decisions
from tamis.store.row_sets import difference, intersection, union
from tamis.types import Bools, Int64s, Message

LEVELS = ("near", "equal", "prompts", "rows")  # what is kept together, the most first
USUAL_FRACTION = 0.1  # of the rows for early stopping, where held-out rows are named and no share is


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCounts:
    """What was done so that held-out rows are held out; counts of rows.

    ``level`` is what was kept together, less where too much is alike: ``near`` (equal and nearly equal prompts, families),
    ``equal`` (no nearly equal ones), ``prompts`` (equal prompts alone), or ``rows`` (nothing). ``n_known`` rows could not
    be held out because the model had been trained on them or their like, ``n_near_named`` were not trained on because
    they are like named held-out rows. Without ``every_pair`` nearly equal prompts were compared with some alone.
    ``unrecorded`` is the model whose training rows are not recorded, ``untold`` a folder of others' weights. ``n_leaking`` rows that a model wrote were not trained on,
    because they come from held-out ones or are like them.
    """

    level: str
    n_repeats: int = 0
    n_near: int = 0
    n_family: int = 0
    near_searched: bool = True
    every_pair: bool = True
    n_known: int = 0
    n_near_named: int = 0
    unrecorded: str = ""
    untold: str = ""
    n_leaking: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Sorted ids of the rows to train on, of those held out, and of those that early stopping looks at.

    ``groups``, beside ``held_out``, is the same number for rows that count once, as ``count_together`` has them: also
    where they could not be kept together. ``replaced`` are conversations that
    replace the dataset's own. ``counts`` is None where rows were drawn one by one.
    """

    train: Int64s
    held_out: Int64s
    groups: Int64s
    stopping: Int64s
    replaced: Mapping[int, tuple[Message, ...]]
    n_dropped: int
    counts: SplitCounts | None = None


def training_rows(inputs: Mapping[str, Artifact]) -> tuple[int, Applied]:
    """How many rows the inputs ``selection`` and ``within`` name, and what the ``decisions`` leave of them."""
    rows: Int64s = np.arange(count_examples(inputs["examples"]), dtype=np.int64)
    if "selection" in inputs:
        rows = intersection(rows, read_selected_ids(inputs["selection"]))
    if "within" in inputs:
        rows = intersection(rows, read_frozen(inputs["within"]))
    return len(rows), apply_decisions(rows, _decided(inputs))


def split_one_by_one(inputs: Mapping[str, Artifact], options: FinetuneOptions) -> Split:
    """Everything that the inputs ``selection``, ``within``, ``decisions`` and ``held_out`` say about rows, texts unread.

    Without ``held_out`` a fraction of the rows (at least one, at most ``max_held_out``) is drawn. Rows that a model wrote are
    not held out, and not trained on where they come from a held-out one. Raises InvalidOptions
    when nothing is left to train on.
    """
    n_asked, kept = training_rows(inputs)
    written = written_rows(inputs["examples"])
    apart = read_frozen(inputs["held_out"]) if "held_out" in inputs else np.empty(0, dtype=np.int64)
    if "held_out" in inputs:
        looked_at = apply_decisions(apart, _decided(inputs))
        held_out, replaced = looked_at.rows, {**looked_at.replaced, **kept.replaced}
    else:
        rng, replaced = np.random.default_rng(options.seed), dict(kept.replaced)
        real = kept.rows[written.real(kept.rows)]
        held_out = np.sort(rng.permutation(real)[: n_set_apart(len(real), options)])
    held_out = held_out[written.real(held_out)]
    train = difference(kept.rows, apart if "held_out" in inputs else held_out)
    train = difference(train, written.leaking(held_out))
    split = Split(
        train=train,
        held_out=held_out,
        groups=np.arange(len(held_out), dtype=np.int64),
        stopping=np.empty(0, dtype=np.int64),
        replaced=replaced,
        n_dropped=kept.n_dropped,
    )
    return _checked(split, n_asked)


def split_rows(inputs: Mapping[str, Artifact], options: FinetuneOptions, workspace: Path) -> Split:
    """The same with what belongs together on one side: see SplitCounts; as ``options.split`` says.

    With early stopping, rows of their own are drawn for it from those to train on. Raises InvalidOptions when nothing is
    left to train on.
    """
    plain = split_one_by_one(inputs, options)
    if options.split == "rows":
        prompts = row_prompts(inputs["examples"], plain.held_out, plain.replaced)
        families = row_families(inputs["examples"], plain.held_out, plain.replaced)
        links = link_rows(prompts, families, np.random.default_rng([options.seed, 1]))
        return replace(plain, groups=count_together(links, np.arange(len(plain.held_out))))
    n_asked, kept = training_rows(inputs)
    rows = union(kept.rows, plain.held_out)
    known = trained_before(options.model, workspace)
    prompts = row_prompts(inputs["examples"], rows, plain.replaced)
    families = row_families(inputs["examples"], rows, plain.replaced)
    links = link_rows(
        [*prompts, *known.prompts],
        [*families, *known.families],
        np.random.default_rng([options.seed, 1]),
        every_pair=options.split == "connected",
    )
    written = written_rows(inputs["examples"])
    company = _Company(rows, links, known, options.split == "connected", written)
    split = _around_named(plain, company) if "held_out" in inputs else _drawn(plain, company, options)
    return _checked(_with_stopping(split, company, options), n_asked)


def n_set_apart(n_rows: int, options: FinetuneOptions, fraction: float | None = None) -> int:
    """How many of these rows are set apart: a share of them, by default the held-out one, one at least and not too many."""
    share = options.held_out_fraction if fraction is None else fraction
    return min(options.max_held_out, max(1, round(share * n_rows))) if share and n_rows > 1 else 0


def split_text(split: Split, *, stops_early: bool, by_best_look: bool = False) -> str:
    """What was done, in sentences for a page, a command and a manifest.

    ``stops_early``: looks at rows choose the weights; ``by_best_look``: without ending the training.
    """
    looked = "the weights kept are those that did best on" if by_best_look else "early stopping looked at"
    counts = split.counts
    if not len(split.held_out):
        reason = _why_none(counts)
        return f"No row was held out{reason}."
    if counts is None:
        return (
            f"{len(split.held_out):,} rows were held out one by one: rows with the same prompt may be among those that were "
            f"trained on{f', and {looked} these very rows' if stops_early else ''}."
        )
    parts = [f"{len(split.held_out):,} rows were held out{_KEPT[counts.level]}."]
    parts += _likeness(counts)
    if counts.n_near_named:
        parts.append(f"{counts.n_near_named:,} rows like held-out ones were not trained on.")
    if counts.n_leaking:
        parts.append(
            f"{counts.n_leaking:,} rows that a model wrote from or like held-out ones were not trained on."
        )
    if counts.n_known:
        parts.append(
            f"{counts.n_known:,} rows were not held out: the model had been trained on them or their like."
        )
    if unsure := unsure_text(counts.unrecorded, counts.untold, "held-out rows"):
        parts.append(unsure)
    if stops_early:
        parts.append(f"{looked[0].upper()}{looked[1:]} {len(split.stopping):,} other rows.")
    return " ".join(parts)


def _likeness(counts: SplitCounts) -> list[str]:
    """What was found alike, and what was not looked for."""
    together = {
        "have the prompt of another": counts.n_repeats,
        "a nearly equal one": counts.n_near,
        "are of the family of another": counts.n_family,
    }
    found = ", ".join(f"{n:,} {words}" for words, n in together.items() if n)
    parts = [f"Of all rows {found}." if found else "No row is like another."]
    if not counts.near_searched:
        parts.append("Nearly equal prompts were not looked for among so many.")
    elif not counts.every_pair:
        parts.append("Of prompts nearly equal to each other in chains some may be on both sides.")
    return parts


_KEPT = {
    "near": " in whole groups: rows with equal or nearly equal prompts or of one family are on one side",
    "equal": " in whole groups of equal prompts or one family; nearly equal prompts are on both sides, so much is alike",
    "prompts": " in whole groups of equal prompts; nearly equal ones and families are on both sides, so much is alike",
    "rows": " one by one, because too much is alike to keep equal prompts on one side",
}


def _why_none(counts: SplitCounts | None) -> str:
    if counts is not None and counts.n_known:
        return f": the model had been trained on {counts.n_known:,} of them or their like"
    return ""


@dataclass(frozen=True, slots=True)
class _Company:
    """Rows (n,), ascending, with what links them to one another and, behind them, to what the model knows."""

    rows: Int64s
    links: RowLinks
    model: KnownPrompts
    every_pair: bool
    written: WrittenRows

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    def groups(self, level: str) -> Int64s:
        """Numbers of groups of the rows."""
        if level == "rows":
            return np.arange(self.n_rows)
        return self.links.groups(near=level == "near", family=level != "prompts")[: self.n_rows]

    def counted(self, rows: Int64s) -> Int64s:
        """Numbers from 0 of these rows, (n,), the same for those that count once."""
        return count_together(self.links, np.searchsorted(self.rows, rows))

    def known(self) -> Bools:
        """Which rows the model was trained on, or on their like."""
        groups = self.links.groups()
        return in_groups_of(groups, np.arange(len(groups)) >= self.n_rows)[: self.n_rows]

    def counts(self, level: str, **more: int) -> SplitCounts:
        """What is told of a split at this level."""
        inside = [
            pairs[(pairs < self.n_rows).all(axis=1)]
            for pairs in (self.links.equal, self.links.near, self.links.family)
        ]
        n_repeats, n_near, n_family = (len(np.unique(pairs[:, 0])) for pairs in inside)
        return SplitCounts(
            level=level, n_repeats=n_repeats, n_near=n_near, n_family=n_family,
            near_searched=self.links.near_searched, every_pair=self.every_pair,
            unrecorded=self.model.unrecorded, untold=self.model.untold, **more,
        )  # fmt: skip


def _drawn(plain: Split, company: _Company, options: FinetuneOptions) -> Split:
    """Held-out rows by chance: groups are kept together as far as enough rows are then left to choose from."""
    rng = np.random.default_rng(options.seed)
    known, real = company.known(), company.written.real(company.rows)
    able = (~known)[real]
    wanted = min(len(plain.held_out), int(able.sum()))
    for level in LEVELS:
        groups = company.groups(level)
        if 2 * rows_that_fit(groups[real], able, wanted) >= wanted:
            break
    held_out = company.rows[real][draw_whole_groups(groups[real], able, wanted, rng)]
    alike = in_groups_of(groups, np.isin(company.rows, held_out)) & ~real
    lost = union(company.rows[alike], intersection(company.rows, company.written.leaking(held_out)))
    n_known = int(known.sum()) if len(plain.held_out) else 0
    return replace(
        plain,
        train=difference(difference(company.rows, held_out), lost),
        held_out=held_out,
        groups=company.counted(held_out),
        counts=company.counts(level, n_known=n_known, n_leaking=len(lost)),
    )


def _around_named(plain: Split, company: _Company) -> Split:
    """Named held-out rows without those that the model knows, and training rows without those that are like them.

    Where more than half of the rows would be left out of training for that, less counts as like.
    """
    known = company.known()
    is_held_out = np.isin(company.rows, plain.held_out)
    held_out = company.rows[is_held_out & ~known]
    for level in LEVELS:
        alike = company.rows[in_groups_of(company.groups(level), is_held_out)]
        train = difference(plain.train, alike)
        if 2 * len(train) >= len(plain.train):
            break
    return replace(
        plain,
        train=train,
        held_out=held_out,
        groups=company.counted(held_out),
        counts=company.counts(
            level,
            n_known=int((is_held_out & known).sum()),
            n_near_named=len(plain.train) - len(train),
            n_leaking=len(intersection(company.rows, company.written.leaking(plain.held_out))),
        ),
    )


def _with_stopping(split: Split, company: _Company, options: FinetuneOptions) -> Split:
    """Rows for early stopping out of those to train on, in whole groups as the held-out ones."""
    if not options.stops_early or not len(split.held_out) or len(split.train) < 2:
        return split
    assert split.counts is not None
    inside = np.searchsorted(company.rows, split.train)
    groups = company.groups(split.counts.level)[inside]
    wanted = n_set_apart(len(split.train), options, options.held_out_fraction or USUAL_FRACTION)
    open_rows = ~company.known()[inside]
    rng = np.random.default_rng([options.seed, 2])
    stopping = split.train[draw_whole_groups(groups, open_rows, wanted, rng)]
    return replace(split, train=difference(split.train, stopping), stopping=stopping)


def _checked(split: Split, n_asked: int) -> Split:
    if len(split.train):
        return split
    raise InvalidOptions(
        f"No row is left to train on: {n_asked:,} were chosen, {split.n_dropped:,} of them were dropped in review, "
        f"{n_asked - split.n_dropped:,} are held out. Choose more rows or hold out fewer."
    )


def _decided(inputs: Mapping[str, Artifact]) -> Mapping[int, FrozenDecision]:
    return read_frozen_decisions(inputs["decisions"]) if "decisions" in inputs else {}
