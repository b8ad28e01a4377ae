"""What a search says of the rows that it found: hits counted, and snippets with each hit apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.read_rows import ALL_ROWS, Scope, list_clusters, matching
from tamis.actions.search_results import SNIPPET_CHARS, hits_of, looks_for_words, results_of
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import DATASET, Written, make_rows, write_dataset

N_ROWS = 40


@pytest.fixture
def rows() -> Written:
    return make_rows(N_ROWS)


@pytest.fixture
def context(tmp_path: Path, rows: Written) -> DatasetContext:
    write_dataset(ArtifactStore(tmp_path), rows)
    return open_context(open_workspace(tmp_path), DATASET)


@pytest.mark.parametrize(
    ("kind", "value", "on"),
    [("contains", "SALT", "either"), ("contains", "<b>", "either"), ("matches", "[Ss]al(t|ad)", "prompt"), ("matches", "x*", "response")],
)  # fmt: skip
def test_hits_are_counted_and_snippets_hold_the_text_as_it_is(
    context: DatasetContext, rows: Written, kind: str, value: str, on: str
) -> None:
    scope = ALL_ROWS.and_where(kind, value, on)
    found = matching(context, scope)
    hits = hits_of(context, scope, found)
    assert looks_for_words(scope) and len(hits) == len(found)
    if kind == "contains":
        texts = [f"{rows.prompts[row]}\0{rows.responses[row]}".lower() for row in found.tolist()]
        assert hits.tolist() == [text.count(value.lower()) for text in texts]
    for one in results_of(context, scope, found):
        text = (rows.prompts if one.column == "prompt" else rows.responses)[one.row]
        shown = "".join(part for part, _ in one.parts)
        assert " ".join(shown.strip("… ").split()) in " ".join(text.split())
        assert len(shown) <= SNIPPET_CHARS + 4
        if kind == "contains":
            assert {part.lower() for part, hit in one.parts if hit} == {value.lower()}


def test_no_words_give_the_beginning_and_no_marks(context: DatasetContext) -> None:
    scope = ALL_ROWS.and_where("range", [None, 500], "tokens")
    found = matching(context, scope)[:3]
    assert not looks_for_words(scope) and hits_of(context, scope, found).tolist() == [0, 0, 0]
    assert not any(hit for one in results_of(context, scope, found) for _, hit in one.parts)
    assert results_of(context, Scope(), found[:0]) == []


def test_clusters_with_most_hits_come_first(context: DatasetContext) -> None:
    found = matching(context, ALL_ROWS.and_where("contains", "salt"))
    n_matching = list_clusters(context, found, most_matching=found)["n_matching"].to_pylist()
    assert n_matching == sorted(n_matching, reverse=True) and sum(n_matching) == len(found)
    sizes = list_clusters(context, np.arange(N_ROWS))["size"].to_pylist()
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
