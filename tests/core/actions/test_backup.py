from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tarfile
import threading
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
import zstandard

import tamis
from tamis.actions.backup import ABOUT, back_up, restore
from tamis.actions.campaigns import go_on_with_all, show_campaign
from tamis.actions.jobs import get_job, list_jobs, refresh_jobs
from tamis.actions.submit import submit
from tamis.actions.verify import verify
from tamis.cli.main import run
from tamis.errors import CurationError, InvalidOptions
from tamis.jobs.folder import JobFolder
from tamis.steps.execute import LEAST_FREE_BYTES
from tamis.store.artifacts.digests import digest_of
from tamis.store.database.place import DATABASE_NAME
from tamis.store.database.tags import add_tag, tag_state
from tamis.store.locks import FileLock
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


def _written_anew(made, *statements):
    """A folder backup whose database somebody has changed, and described again."""
    file, about = made.path / DATABASE_NAME, made.path / ABOUT
    copy = file.with_name("changed")
    shutil.copy2(file, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    copy.replace(file)
    described = orjson.loads(about.read_bytes())
    described["digests"][DATABASE_NAME] = digest_of(file)
    about.write_bytes(orjson.dumps(described))


def written_campaign(dataset_id, state):
    """The statement that writes a campaign under way into a database."""
    return (
        "INSERT INTO campaigns (campaign_id, kind, dataset_id, options, frozen, state, started_by, created_at, updated_at) "
        f"VALUES ('self_guide-1', 'self_guide', '{dataset_id}', '{{}}', '{{}}', '{state}', 'x', '2026', '2026')"
    )


def test_what_waited_or_ran_does_not_start_by_itself_where_it_is_put_back(filled, dataset_id, tmp_path):
    job = submit(filled, dataset_id, "cluster", {"method_options": {"n_clusters": 3}}).job.job_id
    made = back_up(filled, tmp_path / "copy")
    for state, handle in (("queued", ""), ("running", "no handle of ours")):
        _written_anew(made, f"UPDATE jobs SET state = '{state}', handle = '{handle}'")
        said = []
        back = open_workspace(restore(made.path, tmp_path / state, say=said.append).path)
        assert "1 jobs were under way" in said[-1]
        refresh_jobs(back)
        ended = get_job(back, job)
        assert (ended.state, ended.handle) == ("cancelled", "")
        assert "Resume it" in ended.reason
    assert get_job(filled, job).state == "queued"  # the backup's own database is another file


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_campaign_of_a_backup_makes_no_move_by_itself(filled, dataset_id, tmp_path, state):
    made = back_up(filled, tmp_path / "copy")
    _written_anew(made, written_campaign(dataset_id, state))
    back = open_workspace(restore(made.path, tmp_path / "back").path)
    assert go_on_with_all(back) == []
    found = show_campaign(back, "self_guide-1")
    assert (found.state, found.moves) == ("stopped", ())
    assert "Resume it" in found.said and list_jobs(back) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON tag_events BEGIN DELETE FROM tag_events; END",
        "CREATE VIEW v AS SELECT * FROM jobs",
        "DROP TRIGGER audit_is_not_changed",
        "CREATE TABLE stranger (x)",
        "UPDATE jobs SET job_id = '../../outside'",
        "UPDATE jobs SET job_id = 'a' || char(10) || '#SBATCH --uid=0'",
        "UPDATE jobs SET artifact_id = '..'",
        "UPDATE datasets SET dataset_id = '/etc' WHERE dataset_id = 'one'",
    ],
)
def test_a_database_that_tamis_did_not_write_is_refused(filled, dataset_id, tmp_path, statement):
    submit(filled, dataset_id, "cluster", {"method_options": {"n_clusters": 3}})
    with filled.database.writing() as connection:
        connection.execute("INSERT INTO datasets VALUES ('one', 'One', '2020')")
    made = back_up(filled, tmp_path / "copy")
    _written_anew(made, statement)
    with pytest.raises(CurationError, match="Tamis does not write"):
        restore(made.path, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_no_id_of_a_job_leads_out_of_its_folder(tmp_path):
    for name in ("../outside", "..", "a/b", "", "a\nb", "a\x00"):
        with pytest.raises(InvalidOptions, match="no id of a job"):
            JobFolder.of(tmp_path, name)


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


def _archive_of(path, members):
    """An archive with these members, (name, type, where a link leads, content), and a description of nothing."""
    with (
        path.open("wb") as file,
        zstandard.ZstdCompressor().stream_writer(file) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,
    ):
        for name, kind, link, content in [
            *members,
            (ABOUT, tarfile.REGTYPE, "", b'{"digests": {}, "n_bytes": 0}'),
        ]:
            about = tarfile.TarInfo(name)
            about.type, about.linkname, about.size, about.mode = kind, link, len(content), 0o755
            archive.addfile(about, io.BytesIO(content) if content else None)
    return path


def _too_long_to_follow():
    """Folders and links whose resolved path is longer than the system's longest, and a link over them that leads out."""
    whole, parts, members = "d" * 247, "abcdefghijklmnop", []
    above = ""
    for part in parts:
        members += [(above + whole, tarfile.DIRTYPE, "", b""), (above + part, tarfile.SYMTYPE, whole, b"")]
        above += f"{whole}/"
    over = "/".join(parts) + "/" + "l" * 254
    members.append((over, tarfile.SYMTYPE, "../" * len(parts), b""))
    members.append(("escape", tarfile.SYMTYPE, f"{over}/../../../victim", b""))
    return [*members, ("escape/outside", tarfile.REGTYPE, "", b"x")]


@pytest.mark.parametrize(
    "members",
    [
        [("uploads/x", tarfile.SYMTYPE, "/etc/passwd", b"")],
        [("uploads/x", tarfile.SYMTYPE, "y", b"")],
        [("uploads/x", tarfile.LNKTYPE, "tamis.sqlite", b"")],
        [("uploads/x", tarfile.FIFOTYPE, "", b"")],
        [("jobs/1/spec.json", tarfile.REGTYPE, "", b"{}")],
        [("cache/models/m/config.json", tarfile.REGTYPE, "", b"{}")],
        [("uploads/../../outside", tarfile.REGTYPE, "", b"x")],
        [("/outside", tarfile.REGTYPE, "", b"x")],
        _too_long_to_follow(),
    ],
    ids=[
        "link out",
        "link",
        "hard link",
        "pipe",
        "job",
        "cache",
        "above",
        "absolute",
        "a path too long to follow",
    ],
)
def test_an_archive_holds_files_of_a_backup_and_nothing_else(tmp_path, members):
    (tmp_path / "victim").mkdir()
    packed = _archive_of(tmp_path / "evil.tar.zst", members)
    with pytest.raises(CurationError, match="cannot be unpacked"):
        restore(packed, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob("**/outside"))


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(tmp_path, monkeypatch):
    packed = _archive_of(tmp_path / "bomb.tar.zst", [("uploads/x", tarfile.REGTYPE, "", bytes(1 << 20))])
    assert packed.stat().st_size < 2000
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE_BYTES + 1000))
    with pytest.raises(OSError, match="more than the disk has room for"):
        restore(packed, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_folder_of_a_stranger_holds_no_links_and_nothing_unlisted(filled, tmp_path):
    made = back_up(filled, tmp_path / "copy").path
    (tmp_path / "secret").write_text("secret")
    about = orjson.loads((made / ABOUT).read_bytes())
    changes = {
        "a link": lambda: (
            (made / "uploads").mkdir() or (made / "uploads" / "x").symlink_to(tmp_path / "secret")
        ),
        "not listed": lambda: (made / "datasets" / "more.json").write_text("{}"),
        "a job": lambda: (made / "jobs").mkdir(),
        "outside": lambda: (made / ABOUT).write_bytes(
            orjson.dumps(
                about | {"digests": about["digests"] | {"../secret": digest_of(tmp_path / "secret")}}
            )
        ),
        "no database": lambda: (made / "tamis.sqlite").unlink(),
        "no database listed": lambda: (
            (made / "tamis.sqlite").unlink(),
            (made / ABOUT).write_bytes(
                orjson.dumps(
                    about | {"digests": {k: v for k, v in about["digests"].items() if k != "tamis.sqlite"}}
                )
            ),
        ),
        "no description": lambda: (made / ABOUT).write_bytes(b"[]"),
        "nested": lambda: (made / ABOUT).write_bytes(b"[" * 100_000),
        "numbers": lambda: (made / ABOUT).write_bytes(b'{"digests": [7], "n_bytes": 1}'),
    }
    for name, change in changes.items():
        change()
        with pytest.raises(CurationError, match=r"cannot be unpacked|is damaged"):
            restore(made, tmp_path / "back")
            pytest.fail(name)
        assert not (tmp_path / "back").exists()
        shutil.rmtree(made)
        back_up(filled, made)


def test_what_a_killed_backup_left_goes_with_the_next(filled, tmp_path):
    left, held, young = (tmp_path / f".backup-{name}" for name in ("left", "held", "young"))
    for folder in (left, held, young):
        (folder / "workspace").mkdir(parents=True)
        if folder is not young:
            os.utime(folder, (1, 1))
    lock = FileLock(held / ".held")
    assert lock.acquire()
    os.utime(held, (1, 1))
    back_up(filled, tmp_path / "copy")
    assert [left.exists(), held.exists(), young.exists()] == [False, True, True]
    lock.release()


def test_a_file_with_two_names_is_in_an_archive_twice(filled, tmp_path):
    # As the round of a refinement that takes the answers of another.
    file = max(filled.path.glob("datasets/*/*/*/*.npy"))
    os.link(file, file.with_name("again.npy"))
    back = restore(back_up(filled, tmp_path / "copy.tar.zst").path, tmp_path / "back").path
    assert len(list(back.glob("datasets/*/*/*/again.npy"))) == 1


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
