"""What a dataset is made of, in numbers that fit on a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from tamis.store.artifacts.readers import EXAMPLES, metadata_fields, read_examples
from tamis.store.artifacts.view import DatasetView
from tamis.store.rows.engine import Clause, scan_parquet
from tamis.store.rows.query import column_values, facet_counts
from tamis.types import Float64s, Int64s

N_BINS = 28
N_SOURCES = 50


@dataclass(frozen=True, slots=True)
class LengthHistogram:
    """How long texts are, in characters; ``counts`` are over the shared edges of DatasetStats. All 0 without rows."""

    median: float
    p95: float
    longest: int
    n_empty: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """Numbers about the examples alone: they never change after the import.

    ``edges`` grow by a constant factor, because lengths range over several orders of magnitude; the few shorter texts are
    in the first bin. ``n_repeated`` counts the rows whose conversation stands in an earlier row too, by content_hash;
    ``turns`` counts rows by their messages, whatever the role, and ``n_multi_turn`` the rows with more than one user
    turn.
    """

    n_rows: int
    sources: tuple[tuple[str, int], ...]
    n_sources: int
    turns: Mapping[int, int]
    prompt: LengthHistogram
    response: LengthHistogram
    edges: tuple[float, ...]
    n_repeated: int
    meta_fields: Mapping[str, str]
    n_multi_turn: int


def dataset_stats(view: DatasetView) -> DatasetStats:
    """Read the text lengths, sources, turns and hashes of a dataset once."""
    prompt, response = (
        column_values(view, key).astype(np.int64) for key in ("prompt_chars", "response_chars")
    )
    longest = max(int(prompt.max(initial=0)), int(response.max(initial=0)), 2)
    shortest = max(1, int(np.quantile(np.minimum(prompt, response), 0.005))) if view.n_rows else 1
    edges = np.geomspace(min(shortest, longest), longest + 1.0, N_BINS + 1)
    sources = facet_counts(view, "source", limit=N_SOURCES)
    turns, counts = np.unique(column_values(view, "n_turns").astype(np.int64), return_counts=True)
    return DatasetStats(
        n_rows=view.n_rows,
        sources=tuple((str(value), count) for value, count in sources.counts),
        n_sources=sources.n_distinct,
        turns=dict(zip(turns.tolist(), counts.tolist(), strict=True)),
        prompt=_spread(prompt, edges),
        response=_spread(response, edges),
        edges=tuple(edges.tolist()),
        n_repeated=_count_repeated(view),
        meta_fields=metadata_fields(view.examples),
        n_multi_turn=_count_multi_turn(view),
    )


def _count_repeated(view: DatasetView) -> int:
    hashes = read_examples(view.examples, ["content_hash"])["content_hash"]
    return len(hashes) - int(pc.count_distinct(hashes).as_py())


def _count_multi_turn(view: DatasetView) -> int:
    asked = "len(list_filter(json_extract_string(messages, '$[*].role'), lambda role: role = 'user'))"
    # Two questions take three messages; what is shorter, which is most, need not be parsed.
    several = [Clause("n_turns > 2"), Clause(f"{asked} > 1")]
    counted = scan_parquet(view.examples.file(EXAMPLES), [Clause("count(*)")], several)
    return int(counted["c0"][0].as_py())


def _spread(lengths: Int64s, edges: Float64s) -> LengthHistogram:
    if not len(lengths):
        return LengthHistogram(0.0, 0.0, 0, 0, (0,) * N_BINS)
    counts, _ = np.histogram(np.maximum(lengths, edges[0]), bins=edges)
    return LengthHistogram(
        median=float(np.median(lengths)),
        p95=float(np.quantile(lengths, 0.95)),
        longest=int(lengths.max()),
        n_empty=int((lengths == 0).sum()),
        counts=tuple(counts.tolist()),
    )
