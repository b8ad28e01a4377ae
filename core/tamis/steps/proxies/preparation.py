"""Before a study: how many of its tokens every row has, and which families are held out of every pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.compute.text.row_families import draw_whole_groups, in_groups_of, link_rows
from tamis.errors import InvalidOptions
from tamis.models.chat_rows import read_chat_row
from tamis.models.row_marks import UnfitRow
from tamis.recipes import SftOptions
from tamis.steps.finetune.company import row_families, row_prompts, trained_before, unsure_text
from tamis.steps.finetune.rows import training_records
from tamis.steps.proxies.judged import JudgedExamples, judged_records
from tamis.store.artifacts.readers import count_examples
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Bools, Int64s

FEWEST_FAMILIES = 40  # held out: below, luck is not told from difference


@dataclass(frozen=True, slots=True)
class RowTokenCounts:
    """Tokens of every row (n,) that go through the model after cutting, and those of them that are learned; ``length`` is
    how many would be learned uncut. All are 0 where a training does not read the row.
    """

    all: Int64s
    response: Int64s
    length: Int64s


@dataclass(frozen=True, slots=True)
class PoolSplit:
    """Sorted ids of the rows that are measured on, of ``n_families`` families, and of those that methods may pick.

    ``unsure`` says of the model that it cannot be told which rows it was trained on, empty where it can.
    """

    held_out: Int64s
    pool: Int64s
    n_families: int
    unsure: str = ""


def count_row_tokens(examples: Artifact, folder: Path, options: SftOptions) -> RowTokenCounts:
    """Counts as the training of a model in ``folder`` has them; the whole dataset is tokenised."""
    n_rows, count = count_examples(examples), _counter(folder, options)
    counts = RowTokenCounts(*(np.zeros(n_rows, dtype=np.int64) for _ in range(3)))
    for example_id, record in training_records(examples, np.arange(n_rows, dtype=np.int64), {}):
        counts.all[example_id], counts.response[example_id], counts.length[example_id] = count(record)
    return counts


def readable_examples(judged: JudgedExamples, folder: Path, options: SftOptions) -> Bools:
    """Which examples (e,) of targets such a training can measure on."""
    count = _counter(folder, options)
    return np.array([count(record)[0] > 0 for record in judged_records(judged)], dtype=np.bool_)


def most_tokens(folder: Path, options: SftOptions) -> int:
    """Tokens of a row that are read: ``max_length``, or what the model reads at once, if that is less."""
    from tamis.recipes.sft import window_of_folder

    return min(options.max_length, window_of_folder(folder, options))


def _counter(folder: Path, options: SftOptions) -> Callable[[dict[str, JSON]], tuple[int, int, int]]:
    """Counts of one row as ``RowTokenCounts`` has them."""
    from tamis.recipes.rows import NOT_LEARNED, TurnTokens, learned_part
    from tamis.recipes.sft import tokenizer_folder
    from tamis.recipes.tokenizers import load_tokenizer

    turns = TurnTokens(
        load_tokenizer(tokenizer_folder(folder)), learned_part(options), unfit_as_text=options.unfit_as_text
    )
    limit = most_tokens(folder, options)

    def count(record: dict[str, JSON]) -> tuple[int, int, int]:
        try:
            row = turns.row(read_chat_row(record))
        except UnfitRow:
            return 0, 0, 0
        learned = [label != NOT_LEARNED for label in row.labels]
        is_long = options.drop_longer and len(learned) > limit
        if is_long or not any(learned[1:limit]):
            return 0, 0, 0
        return min(len(learned), limit), sum(learned[1:limit]), sum(learned[1:])

    return count


def split_pool(
    examples: Artifact,
    readable: Bools,
    clusters: Int64s,
    n_held_out: int,
    *,
    model: str,
    workspace: Path,
    seed: int,
    named: Int64s | None = None,
) -> PoolSplit:
    """Whole families by chance, as many of each cluster as its rows are; nothing like a held-out row is in the pool.

    ``readable`` (n,) are rows that a training reads, ``clusters`` (n,). Rows like those that the model was trained on are
    not held out. ``named`` rows are held out instead of drawn ones. Raises InvalidOptions for too few families.
    """
    rows = np.arange(len(readable), dtype=np.int64)
    known = trained_before(model, workspace)
    prompts, families = row_prompts(examples, rows, {}), row_families(examples, rows, {})
    links = link_rows(
        [*prompts, *known.prompts],
        [*families, *known.families],
        np.random.default_rng([seed, 1]),
    )
    every = links.groups()
    groups = every[: len(rows)]
    seen = in_groups_of(every, np.arange(len(every)) >= len(rows))[: len(rows)]
    may = readable & ~seen
    held_out = _drawn(groups, may, clusters, n_held_out, seed) if named is None else named[may[named]]
    apart = np.zeros(len(rows), dtype=np.bool_)
    apart[held_out] = True
    pool = rows[readable & ~in_groups_of(groups, apart)]
    n_families = len(np.unique(groups[held_out]))
    if n_families < FEWEST_FAMILIES or not len(pool):
        raise InvalidOptions(
            f"{len(held_out):,} rows of {n_families} families are held out and {len(pool):,} are left to pick from, and "
            f"{FEWEST_FAMILIES} families and a pool are needed. Hold out {'more' if len(pool) else 'fewer'} rows, or take a larger "
            "dataset."
        )
    unsure = unsure_text(known.unrecorded, known.untold, "held-out rows")
    return PoolSplit(np.sort(held_out), pool, n_families, unsure)


def _drawn(groups: Int64s, may: Bools, clusters: Int64s, n_wanted: int, seed: int) -> Int64s:
    """Whole groups, each counted to the cluster of its first row, so many rows of each as its share."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    cluster_of = clusters[first][place]
    open_groups = may & ~in_groups_of(groups, ~may)
    chosen = [
        draw_whole_groups(
            groups,
            open_groups & (cluster_of == cluster),
            int(n_wanted * float((open_groups & (cluster_of == cluster)).sum()) / max(1, open_groups.sum())),
            np.random.default_rng([seed, 2, i]),
        )
        for i, cluster in enumerate(np.unique(cluster_of))
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
