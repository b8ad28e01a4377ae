"""Counts and lengths that can be checked by eye."""

from __future__ import annotations

from pathlib import Path

import orjson

from tamis.store.artifacts.store import ArtifactStore
from tamis.store.artifacts.view import open_view
from tamis.store.rows.stats import DatasetStats, dataset_stats
from tests.pages.page_workspace import import_file


def stats_of(tmp_path: Path, pairs: list[tuple[str, str]]) -> DatasetStats:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"prompt": p, "completion": c, "k": 1}) + b"\n" for p, c in pairs))
    workspace = tmp_path / "workspace"
    return dataset_stats(open_view(ArtifactStore(workspace), import_file(workspace, path)))


def test_every_row_falls_into_one_bin(tmp_path: Path) -> None:
    found = stats_of(tmp_path, [("a" * n, "b" * (3 * n)) for n in (1, 2, 50, 700, 9_000)])
    assert sum(found.prompt.counts) == sum(found.response.counts) == 5
    assert (found.prompt.longest, found.response.longest) == (9_000, 27_000)
    assert found.prompt.median == 50


def test_repeated_rows_are_those_after_the_first(tmp_path: Path) -> None:
    assert stats_of(tmp_path, [("a", "b")] * 3 + [("a", "c")]).n_repeated == 2


def test_sources_turns_and_metadata_are_counted(tmp_path: Path) -> None:
    found = stats_of(tmp_path, [("a", "b"), ("c", "d")])
    assert found.sources == (("pairs", 2),)
    assert found.turns == {2: 2}
    assert dict(found.meta_fields) == {"k": "number"}


def test_a_single_short_row_is_no_special_case(tmp_path: Path) -> None:
    found = stats_of(tmp_path, [("a", "b")])
    assert list(found.edges) == sorted(set(found.edges))
    assert sum(found.prompt.counts) == 1


def test_a_system_message_makes_no_row_multi_turn(tmp_path: Path) -> None:
    system, asked, answered = ({"role": role, "content": role} for role in ("system", "user", "assistant"))
    called = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "clock"}}]}
    told = {"role": "tool", "content": "noon"}
    talks = [
        [asked, answered],
        [system, asked, answered],
        [system, asked, called, told, answered],
        [asked, answered, asked, answered],
        [system, asked, answered, asked, answered],
    ]
    path = tmp_path / "talks.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"messages": talk}) + b"\n" for talk in talks))
    workspace = tmp_path / "workspace"
    found = dataset_stats(open_view(ArtifactStore(workspace), import_file(workspace, path)))
    assert (found.n_rows, found.n_multi_turn) == (5, 2)
