from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from tamis.errors import ArtifactDamaged, ArtifactMissing, JobConflict
from tamis.store.artifacts.store import ArtifactStore, artifact_id, load_artifact, make_manifest
from tamis.store.durable import write_atomically
from tests.core.store.small_workspace import write


def _write_text(store, text="hello", options=None, kind="scores", dataset="d1"):
    return write(
        store,
        kind,
        step="score",
        options=options or {"scorer": "length"},
        fill=lambda w: (w.path / "a.txt").write_text(text),
        dataset=dataset,
    )


def test_an_id_follows_from_everything_that_determines_the_result():
    base = {"options": {"a": 1, "b": [2]}, "inputs": {"x": "1"}, "format_version": 1}
    same = {"options": {"b": [2], "a": 1}, "inputs": {"x": "1"}, "format_version": 1}
    assert artifact_id("scores", **base) == artifact_id("scores", **same)
    others = [
        artifact_id("selection", **base),
        artifact_id("scores", **base | {"options": {"a": 1}}),
        artifact_id("scores", **base | {"inputs": {"x": "2"}}),
        artifact_id("scores", **base | {"inputs": {"y": "1"}}),
        artifact_id("scores", **base | {"format_version": 2}),
    ]
    assert len({artifact_id("scores", **base), *others}) == 6
    assert all(len(name) == 16 for name in others)


def test_an_artifact_is_what_was_written(empty_store):
    made = _write_text(empty_store)
    assert made.file("a.txt").read_text() == "hello"
    assert made.manifest.files == {"a.txt": 5}
    assert made.manifest.options == {"scorer": "length"}
    assert empty_store.list("d1") == [made]
    assert empty_store.find("d1", "scores", made.id) == made


def test_nothing_is_seen_before_it_is_committed(empty_store):
    with empty_store.writing("d1", "scores", "abc") as writer:
        (writer.path / "a.txt").write_text("half")
        assert empty_store.find("d1", "scores", "abc") is None
        assert empty_store.list("d1") == []


def test_an_interrupted_run_finds_its_parts_and_commit_drops_them(empty_store):
    with pytest.raises(KeyboardInterrupt), empty_store.writing("d1", "scores", "abc") as writer:
        writer.part("0.npy").write_bytes(b"done")
        raise KeyboardInterrupt
    with empty_store.writing("d1", "scores", "abc") as writer:
        assert writer.part("0.npy").read_bytes() == b"done"
        assert writer.files() == {}
        folder = writer.commit(_manifest(writer, "abc"))
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def _manifest(writer, identifier):
    return make_manifest(
        writer,
        kind="scores",
        identifier=identifier,
        dataset_id="d1",
        step="score",
        options={},
        inputs={},
        format_version=1,
        summary={},
    )


def test_an_artifact_that_is_there_already_wins(empty_store):
    first = _write_text(empty_store, "first")
    second = _write_text(empty_store, "second")
    assert second.id == first.id
    assert second.file("a.txt").read_text() == "first"


def test_the_rest_of_a_deleted_artifact_does_not_stop_a_new_one(empty_store):
    first = _write_text(empty_store, "first")
    (first.path / "manifest.json").unlink()
    assert _write_text(empty_store, "second").file("a.txt").read_text() == "second"


def test_two_writers_of_the_same_artifact_conflict(empty_store):
    with empty_store.writing("d1", "scores", "abc"):
        with pytest.raises(JobConflict, match="scores abc"), empty_store.writing("d1", "scores", "abc"):
            pass
        with empty_store.writing("d1", "scores", "other"):
            pass
    with empty_store.writing("d1", "scores", "abc"):
        pass


def test_the_newest_comes_first(empty_store):
    made = [_write_text(empty_store, options={"scorer": str(i)}) for i in range(4)]
    assert empty_store.list("d1", "scores") == made[::-1]
    assert empty_store.list("d1", "selection") == []


def test_a_dataset_is_one_that_has_examples(empty_store):
    assert empty_store.dataset_ids() == []
    _write_text(empty_store, dataset="d2")
    _write_text(empty_store, kind="examples", dataset="d1")
    assert empty_store.dataset_ids() == ["d1"]


def test_a_file_of_another_size_is_damaged(empty_store):
    made = _write_text(empty_store)
    (made.path / "a.txt").write_text("hello and more")
    with pytest.raises(ArtifactDamaged, match="should have 5 bytes and has 14.*run 'score' again"):
        made.file("a.txt")
    (made.path / "a.txt").unlink()
    with pytest.raises(ArtifactDamaged, match="has None"):
        made.file("a.txt")
    with pytest.raises(ArtifactDamaged):
        made.file("never.txt")


def test_a_manifest_of_rubbish_is_damaged_and_named(empty_store):
    made = _write_text(empty_store)
    (made.path / "manifest.json").write_text("{")
    with pytest.raises(ArtifactDamaged, match=made.id):
        load_artifact(made.path)


def test_what_is_not_there_is_named(empty_store):
    with pytest.raises(ArtifactMissing, match="'d1' has no scores 'abc'"):
        empty_store.get("d1", "scores", "abc")


@pytest.mark.parametrize("hostile", ["../up", "..", ".hidden", "", "a/b", "/abs", "a\x00"])
def test_names_that_climb_out_of_the_workspace_are_no_names(empty_store, hostile):
    assert empty_store.list(hostile) == []
    assert empty_store.find(hostile, "scores", "abc") is None
    with pytest.raises(ValueError, match="plain"), empty_store.writing(hostile, "scores", "abc"):
        pass
    with pytest.raises(ValueError, match="plain"), empty_store.writing("d1", "scores", hostile):
        pass


def test_a_dataset_id_in_any_script_works(empty_store):
    made = _write_text(empty_store, dataset="\u4f60\u597d-1a2b", kind="examples")
    assert empty_store.examples("\u4f60\u597d-1a2b") == made


def test_a_failed_replacement_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "progress.json"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_or_the_new_content_and_never_half(tmp_path):
    path = tmp_path / "progress.json"
    contents = [bytes([letter]) * 20_000 for letter in b"abcd"]
    write_atomically(path, contents[0])
    writers = [
        threading.Thread(target=lambda c=c: [write_atomically(path, c) for _ in range(20)]) for c in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def _race(workspace: Path, barrier, outcomes) -> None:
    store = ArtifactStore(workspace)
    barrier.wait(30)
    try:
        outcomes.put(_write_text(store, "x" * 1000).id)
    except JobConflict:
        outcomes.put("conflict")


def test_processes_that_race_make_one_artifact(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, outcomes = context.Barrier(3), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, barrier, outcomes)) for _ in range(3)]
    for racer in racers:
        racer.start()
    found = {outcomes.get(timeout=60) for _ in racers}
    for racer in racers:
        racer.join(60)
    [made] = ArtifactStore(tmp_path).list("d1")
    assert found - {"conflict"} == {made.id}
    assert made.file("a.txt").read_text() == "x" * 1000
