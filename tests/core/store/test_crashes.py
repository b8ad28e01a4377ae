"""A power cut at any moment leaves the old state or the new one."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest

from tamis.jobs.causes import explain_failure
from tamis.jobs.model import ErrorKind
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.digests import damaged_files
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.durable import rename_durably, write_atomically
from tamis.store.review.decisions import decide
from tests.core.store.power_cut import power_cuts
from tests.core.store.small_workspace import write


class _Quiet:
    def progress(self, *_, **__): ...

    def metric(self, *_, **__): ...


def _is_whole(artifact) -> bool:
    return not damaged_files(artifact.path, artifact.manifest.files, artifact.manifest.digests)


@pytest.fixture
def places(tmp_path):
    for name in ("disk", "scratch"):
        (tmp_path / name).mkdir()
    return tmp_path / "disk", tmp_path / "scratch"


def test_a_file_is_the_old_or_the_new_one(places):
    root, scratch = places
    write_atomically(root / "file", b"old")
    seen = set()
    with power_cuts(root, scratch, lambda left: seen.add((left / "file").read_bytes())) as operations:
        write_atomically(root / "file", b"new")
    assert seen == {b"old", b"new"}
    assert operations.count("fsync") == 2


def test_what_is_moved_to_another_folder_is_never_gone(places):
    root, scratch = places
    for name in ("here", "there"):
        (root / name).mkdir()
    write_atomically(root / "here" / "file", b"content")

    def look(left):
        found = [path for path in (left / "here" / "file", left / "there" / "file") if path.exists()]
        assert found and all(path.read_bytes() == b"content" for path in found)

    with power_cuts(root, scratch, look):
        rename_durably(root / "here" / "file", root / "there" / "file")


def test_an_artifact_is_there_whole_or_not_at_all(places):
    root, scratch = places
    seen = set()

    def fill(writer):
        (writer.path / "a.txt").write_text("hello")
        (writer.path / "folder").mkdir()
        (writer.path / "folder" / "weights").write_bytes(b"w" * 5_000)

    def look(left):
        found = ArtifactStore(left).list("d1", "scores")
        assert all(_is_whole(one) for one in found)
        seen.add(len(found))

    with power_cuts(root, scratch, look):
        made = write(ArtifactStore(root), "scores", step="score", fill=fill, dataset="d1")
    assert seen == {0, 1}
    assert set(made.manifest.digests) == {"a.txt", "folder/weights"}


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_damaged_artifact_is_the_old_or_the_new_one(places, monkeypatch, can_exchange):
    """Made again in its place: at no moment is there neither, and where names cannot be exchanged, what is aside is found."""
    root, scratch = places
    store = ArtifactStore(root)
    made = write(
        store, "scores", step="score", fill=lambda w: (w.path / "a.txt").write_text("new"), dataset="d1"
    )
    (made.path / "a.txt").write_text("bad")
    if not can_exchange:
        monkeypatch.setattr("tamis.store.durable._exchange", lambda one, other: False)
    seen = set()

    def look(left):
        found = ArtifactStore(left).list("d1", "scores")
        aside = list(left.glob("datasets/d1/scores/.*.damaged/manifest.json"))
        assert len(found) == 1 or (aside and not can_exchange)
        seen.update((one.path / "a.txt").read_text() for one in found)

    with power_cuts(root, scratch, look):
        write(
            store, "scores", step="score", fill=lambda w: (w.path / "a.txt").write_text("new"), dataset="d1"
        )
    assert seen == {"bad", "new"}
    assert not store.get("d1", "scores", made.id).damage()
    assert (made.path.with_name(f".{made.id}.damaged") / "a.txt").read_text() == "bad"


def test_an_artifact_that_is_asked_for_again_stays(places):
    root, scratch = places
    store = ArtifactStore(root)
    made = write(
        store, "scores", step="score", fill=lambda w: (w.path / "a.txt").write_text("x"), dataset="d1"
    )
    seen = set()

    def look(left):
        (found,) = ArtifactStore(left).list("d1", "scores")
        seen.add(found.sequence)

    with power_cuts(root, scratch, look):
        store.ask_again(made)
    assert len(seen) == 2
    assert min(seen) == made.sequence


def test_an_import_is_there_whole_or_not_at_all(places, tmp_path):
    root, scratch = places
    source = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"Say {i}", "input": "", "output": str(i)} for i in range(20)]
    source.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    store, plan = ArtifactStore(root), plan_import([str(source)], name="rows")
    step = plan_step(store, plan.dataset_id, "import", plan.options)
    options = step.options.model_dump(mode="json")
    task = Task(plan.dataset_id, "import", options, step.inputs, step.input_kinds, step.artifact_id)
    seen = set()

    def look(left):
        found = ArtifactStore(left)
        ids = found.dataset_ids()
        assert all(_is_whole(found.examples(one)) for one in ids)
        seen.add(len(ids))

    with power_cuts(root, scratch, look):
        execute(store, task, _Quiet())
    assert seen == {0, 1}


def test_a_decision_is_there_or_not_at_every_length_of_the_log(tmp_path):
    database = Database(tmp_path / "workspace")
    decide(database, "d1", 1, verdict="drop", via="reject", reviewer="ann")
    log = database.path.with_name(f"{database.path.name}-wal")
    before = log.stat().st_size
    decide(database, "d1", 2, verdict="drop", via="reject", reviewer="ann")
    content, counts = log.read_bytes(), []
    for length in [*range(before, len(content), 256), len(content)]:
        copy = tmp_path / f"cut-{length}.sqlite"
        shutil.copy(database.path, copy)
        copy.with_name(f"{copy.name}-wal").write_bytes(content[:length])
        with sqlite3.connect(copy) as connection:
            counts.append(connection.execute("SELECT count(*) FROM decision_events").fetchone()[0])
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()
    assert sorted(counts) == counts
    assert set(counts) == {1, 2}


def test_a_checkpoint_that_is_cut_anywhere_loses_no_decision(tmp_path):
    """The log is written into the file page by page, synced, and only then begun anew: at every page, torn ones too."""
    database = Database(tmp_path / "workspace")
    for row in (1, 2):
        decide(database, "d1", row, verdict="drop", via="reject", reviewer="ann")
    old = database.path.read_bytes()
    log = database.path.with_name(f"{database.path.name}-wal").read_bytes()
    whole = tmp_path / "whole.sqlite"
    whole.write_bytes(old)
    whole.with_name(f"{whole.name}-wal").write_bytes(log)
    with sqlite3.connect(whole) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    new, page = whole.read_bytes(), 4096
    changed = [at for at in range(0, len(new), page) if new[at : at + page] != old[at : at + page]]
    assert len(changed) > 3
    cuts = [
        (_as_far(old, new, changed[:k], torn), log) for k in range(len(changed) + 1) for torn in (page, 1000)
    ]
    # Then the log is whole still, gone, or begun anew: another salt in its header, written in full or torn.
    begun = [log[:16] + b"\x01" * length + log[16 + length :] for length in (1, 4, 8, 16)]
    cuts += [(new, left) for left in (log, b"", *begun)]
    for number, (content, left) in enumerate(cuts):
        copy = tmp_path / f"cut-{number}.sqlite"
        copy.write_bytes(content)
        copy.with_name(f"{copy.name}-wal").write_bytes(left)
        with sqlite3.connect(copy) as connection:
            assert connection.execute("SELECT count(*) FROM decision_events").fetchone()[0] == 2, number
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()


def _as_far(old, new, written, torn):
    """The file after these pages were written, of the last one ``torn`` bytes."""
    content = bytearray(old)
    for at in written:
        length = torn if at == written[-1] else 4096
        content[len(content) :] = bytes(max(0, at + length - len(content)))
        content[at : at + length] = new[at : at + length]
    return bytes(content)


@pytest.mark.parametrize(("lasting", "level"), [(True, 2), (False, 1)])
def test_what_must_last_waits_for_the_disk(database, lasting, level):
    with database.writing(lasting=lasting) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == level


def test_nothing_is_begun_on_a_disk_that_is_nearly_full(empty_store, tmp_path, monkeypatch):
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"instruction": "Say 1", "input": "", "output": "1"}), "utf-8")
    plan = plan_import([str(source)], name="rows")
    step = plan_step(empty_store, plan.dataset_id, "import", plan.options)
    options = step.options.model_dump(mode="json")
    task = Task(plan.dataset_id, "import", options, step.inputs, step.input_kinds, step.artifact_id)
    usual = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("tamis.steps.execute.shutil.disk_usage", lambda _: usual._replace(free=1_000_000))
    with pytest.raises(OSError, match="only 1,000,000 bytes are free") as full:
        execute(empty_store, task, _Quiet())
    assert explain_failure(full.value, tmp_path)[0] is ErrorKind.OUT_OF_DISK
    assert empty_store.dataset_ids() == []
