from __future__ import annotations

import sqlite3
import tarfile
import threading

import numpy as np
import pytest
import zstandard

import tamis
from tamis.actions.backup import ABOUT, back_up, restore
from tamis.actions.verify import verify
from tamis.cli.main import run
from tamis.errors import CurationError, InvalidOptions
from tamis.store.database.tags import add_tag, tag_state
from tamis.store.review.decisions import decide, decision_state
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import run_step


@pytest.fixture
def filled(workspace, dataset_id):
    """Vectors, a tag, and a decision that is still in the log of the database alone."""
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    add_tag(workspace.database, dataset_id, "good", np.arange(5), "ann")
    decide(workspace.database, dataset_id, 3, verdict="drop", via="reject", reviewer="ann")
    return workspace


@pytest.mark.parametrize("name", ["monday", "monday.tar.zst"])
def test_everything_comes_back(filled, dataset_id, tmp_path, name):
    made = back_up(filled, tmp_path / name)
    assert made.path == tmp_path / name
    back = open_workspace(restore(made.path, tmp_path / "back").path)
    assert [one.id for one in back.artifacts.list(dataset_id)] == [
        one.id for one in filled.artifacts.list(dataset_id)
    ]
    assert verify(back).is_sound
    assert tag_state(back.database, dataset_id).rows["good"].tolist() == [0, 1, 2, 3, 4]
    assert list(decision_state(back.database, dataset_id).decided) == [3]
    assert not (back.path / ABOUT).exists()


def test_parts_locks_and_deleted_folders_are_left_out(filled, dataset_id, tmp_path):
    folder = filled.artifacts.datasets_path / dataset_id / "embeddings"
    (folder / ".abc.partial").mkdir()
    (folder / ".abc.partial" / "half").write_text("half")
    made = back_up(filled, tmp_path / "copy")
    assert not [path for path in made.path.rglob("*") if path.name in ("half", f".{dataset_id}.lock")]


def test_a_copy_is_taken_while_others_decide(filled, dataset_id, tmp_path):
    stop, failed = threading.Event(), []

    def work():
        row = 4
        while not stop.is_set() and row < 40:
            try:
                decide(filled.database, dataset_id, row, verdict="keep", via="approve", reviewer="bob")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must say it
                failed.append(error)
            row += 1

    thread = threading.Thread(target=work)
    thread.start()
    made = back_up(filled, tmp_path / "copy.tar.zst")
    stop.set()
    thread.join()
    assert not failed
    back = open_workspace(restore(made.path, tmp_path / "back").path)
    assert 3 in decision_state(back.database, dataset_id).decided


def test_nothing_is_replaced(filled, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(InvalidOptions, match="is there already"):
        back_up(filled, tmp_path / "there")
    with pytest.raises(InvalidOptions, match=r"neither a folder nor a file that ends in \.tar\.zst"):
        back_up(filled, tmp_path / "copy.zip")
    made = back_up(filled, tmp_path / "copy")
    with pytest.raises(InvalidOptions, match="is not empty"):
        restore(made.path, filled.path)
    with pytest.raises(InvalidOptions, match="There is no backup"):
        restore(tmp_path / "nothing", tmp_path / "back")
    with pytest.raises(InvalidOptions, match="This is no backup"):
        restore(tmp_path / "there", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_damaged_backup_is_refused_whole(filled, tmp_path):
    made = back_up(filled, tmp_path / "copy")
    victim = max((path for path in made.path.rglob("*.parquet")), key=lambda path: path.stat().st_size)
    # A new file: the backup's own is the workspace's by a hard link.
    content = bytearray(victim.read_bytes())
    content[20] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    with pytest.raises(CurationError, match=f"damaged: .*{victim.name} holds other bytes"):
        restore(made.path, tmp_path / "back")
    packed = back_up(filled, tmp_path / "copy.tar.zst").path
    whole = packed.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:100] + b"\x00\x01" + whole[102:]):
        packed.write_bytes(cut)
        with pytest.raises(CurationError):
            restore(packed, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert verify(filled).is_sound


def test_an_archive_that_climbs_out_is_refused(tmp_path):
    (tmp_path / "payload").write_text("x")
    packed = tmp_path / "evil.tar.zst"
    with (
        packed.open("wb") as file,
        zstandard.ZstdCompressor().stream_writer(file) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        archive.add(tmp_path / "payload", "../../outside")
    with pytest.raises(CurationError, match="cannot be unpacked"):
        restore(packed, tmp_path / "deep" / "back")
    assert not (tmp_path / "outside").exists()


def test_a_damaged_database_is_not_backed_up_in_silence(filled, tmp_path):
    with filled.database.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(filled.database.path.read_bytes())
    content[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64
    filled.database.path.write_bytes(content)
    with pytest.raises(CurationError, match="cannot be backed up.*Older copies are in"):
        back_up(filled, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_by_command_and_by_method(filled, tmp_path, capsys):
    assert run(["--workspace", str(filled.path), "backup", str(tmp_path / "a.tar.zst")]) == 0
    assert "verified" in capsys.readouterr().out
    assert run(["--workspace", str(tmp_path / "b"), "restore", str(tmp_path / "a.tar.zst")]) == 0
    assert f"tamis --workspace {tmp_path / 'b'} serve" in capsys.readouterr().out
    ws = tamis.open(tmp_path / "b")
    assert len(tamis.restore(ws.backup(tmp_path / "c"), tmp_path / "d").datasets()) == 1


def test_sqlite_makes_the_copy(filled, tmp_path):
    made = back_up(filled, tmp_path / "copy")
    with sqlite3.connect(made.path / "tamis.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM decision_events").fetchone()[0] == 1
