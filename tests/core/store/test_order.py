"""What is newest does not follow the clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tamis.store.sequence import NAME, next_number
from tests.core.store.small_workspace import write


class _YearAgo(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz or UTC) - timedelta(days=365)


def _write(store, text):
    fill = lambda w: (w.path / "a.txt").write_text(text)  # noqa: E731
    return write(store, "scores", step="score", fill=fill, options={"scorer": text}, dataset="d1")


def test_the_last_one_is_newest_after_the_clock_went_back(empty_store, monkeypatch):
    first = _write(empty_store, "first")
    monkeypatch.setattr("tamis.store.artifacts.store.datetime", _YearAgo)
    second = _write(empty_store, "second")
    assert second.manifest.created_at < first.manifest.created_at
    assert [one.id for one in empty_store.list("d1", "scores")] == [second.id, first.id]
    empty_store.ask_again(first)
    assert [one.id for one in empty_store.list("d1", "scores")] == [first.id, second.id]


def test_numbers_rise_whoever_asks(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: next_number(tmp_path), range(200)))
    assert sorted(numbers) == list(range(1, 201))


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"7 8"])
def test_a_lost_file_starts_above_what_is_in_use(empty_store, content):
    made = _write(empty_store, "one")
    empty_store.ask_again(made)
    (empty_store.workspace / NAME).write_bytes(content)
    assert next_number(empty_store.workspace) == made.sequence + 2


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"yesterday 3", b"2026-01-01T00:00:00 x"])
def test_an_unreadable_note_of_when_it_was_asked_for_hides_no_artifact(empty_store, content):
    made = _write(empty_store, "one")
    empty_store.ask_again(made)
    (made.path.parent / f".{made.id}.asked").write_bytes(content)
    (found,) = empty_store.list("d1", "scores")
    assert (found.asked_at, found.sequence) == (made.manifest.created_at, made.manifest.sequence)
