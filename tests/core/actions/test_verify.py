from __future__ import annotations

import sqlite3

import pytest

import tamis
from tamis.actions.given_scores import import_scores
from tamis.actions.verify import make_again, verify
from tamis.actions.why_row import replace_row
from tamis.cli.main import run
from tamis.errors import ArtifactDamaged, CurationError
from tamis.jobs.model import JobState
from tamis.store.artifacts import digests
from tamis.store.artifacts.readers import read_selected_ids, read_vectors
from tests.pages.page_workspace import run_step


@pytest.fixture
def vectors(workspace, dataset_id):
    return run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})


def _flip(path, offset=-7):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def _a_file(artifact):
    return max(
        (path for path in artifact.path.iterdir() if path.name != "manifest.json"),
        key=lambda p: p.stat().st_size,
    )


def test_a_sound_workspace_says_how_much_was_read(workspace, vectors):
    found = verify(workspace)
    assert found.is_sound
    assert found.n_artifacts == 2
    assert found.n_unknown == 0
    assert found.n_bytes > 1_000


def test_how_far_it_is_is_told_from_the_first_to_the_last(workspace, vectors):
    told = []
    found = verify(workspace, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, found.n_artifacts) for done in range(found.n_artifacts + 1)]


def test_one_flipped_bit_is_found_and_never_shown(workspace, dataset_id, vectors):
    _flip(vectors.path / "prompt.npy")
    (damage,) = verify(workspace).damaged
    assert (damage.dataset_id, damage.kind, damage.artifact_id, damage.step) == (
        dataset_id,
        "embeddings",
        vectors.id,
        "embed",
    )
    assert "holds other bytes" in damage.what[0]
    with pytest.raises(ArtifactDamaged, match=r"other bytes than were written.*tamis doctor --verify"):
        read_vectors(vectors, "prompt")


def test_a_large_file_is_read_by_the_verification_alone(workspace, vectors, monkeypatch):
    monkeypatch.setattr("tamis.store.artifacts.store.CHECKED_ON_READING", 10)
    path = _a_file(vectors)
    _flip(path)
    assert vectors.file(path.name) == path
    assert not verify(workspace).is_sound


def test_a_file_is_hashed_once_while_it_stays_as_it_is(vectors, monkeypatch):
    read = []
    path = _a_file(vectors)
    digests._known_digest.cache_clear()
    original = digests.digest_of
    monkeypatch.setattr(digests, "digest_of", lambda p: read.append(p) or original(p))
    for _ in range(3):
        vectors.file(path.name)
    assert read == [path]


def test_an_unreadable_manifest_is_damage_that_no_step_mends(workspace, vectors):
    (vectors.path / "manifest.json").write_bytes(b"\x00" * 50)
    (damage,) = verify(workspace).damaged
    assert damage.what == ("manifest.json cannot be read",)
    with pytest.raises(CurationError, match="take it from a backup"):
        make_again(workspace, damage)


def test_what_a_step_made_is_queued_again_under_its_own_name(workspace, dataset_id, vectors):
    _flip(_a_file(vectors))
    submission = make_again(workspace, verify(workspace).damaged[0])
    assert submission.job.state is JobState.QUEUED
    assert submission.job.artifact_id == vectors.id
    assert workspace.artifacts.find(dataset_id, "embeddings", vectors.id) is not None
    assert workspace.artifacts.find_whole(dataset_id, "embeddings", vectors.id) is None
    assert [one.artifact_id for one in verify(workspace).damaged] == [vectors.id]
    again = run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    assert again.id == vectors.id
    assert verify(workspace).is_sound


def test_a_selection_that_was_edited_by_hand_is_made_again_once_its_parent_is_there(
    workspace, dataset_id, capsys
):
    parent = run_step(workspace.path, dataset_id, "select", {"method": "random", "budget": 5, "seed": 1})
    rows = read_selected_ids(parent)
    other = next(row for row in range(40) if row not in rows)
    edited = replace_row(workspace, dataset_id, parent.id, int(rows[0]), other)
    wanted = read_selected_ids(edited).tolist()
    _flip(edited.path / "selection.parquet")
    _flip(parent.path / "selection.parquet")
    by_id = {damage.artifact_id: damage for damage in verify(workspace).damaged}
    with pytest.raises(CurationError, match="has to be there first"):
        make_again(workspace, by_id[edited.id])
    assert edited.path.exists()
    make_again(workspace, by_id[parent.id])
    run_step(workspace.path, dataset_id, "select", {"method": "random", "budget": 5, "seed": 1})
    assert run(["--workspace", str(workspace.path), "doctor", "--verify", "--recompute", "--no-wait"]) == 1
    assert "made again" in capsys.readouterr().out
    assert verify(workspace).is_sound
    again = workspace.artifacts.get(dataset_id, "selection", edited.id)
    assert read_selected_ids(again).tolist() == wanted


def test_scores_that_were_given_are_made_again_from_their_file(workspace, dataset_id, tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("row,score\n" + "".join(f"{row},{row / 7}\n" for row in range(40)))
    given = import_scores(workspace, dataset_id, file, name="mine").scores
    _flip(_a_file(given))
    (damage,) = verify(workspace).damaged
    away = file.rename(tmp_path / "away.csv")
    with pytest.raises(CurationError, match="has to be there first"):
        make_again(workspace, damage)
    away.rename(file)
    assert make_again(workspace, damage).id == given.id
    assert verify(workspace).is_sound


def test_artifacts_of_before_digests_are_compared_by_size(workspace, vectors):
    manifest = vectors.path / "manifest.json"
    old = vectors.manifest.model_dump(exclude={"digests", "sequence"})
    import orjson

    manifest.write_bytes(orjson.dumps(old))
    path = _a_file(vectors)
    _flip(path)
    found = verify(workspace)
    assert (found.is_sound, found.n_unknown) == (True, 1)
    path.write_bytes(path.read_bytes()[:-1])
    assert "bytes, not" in verify(workspace).damaged[0].what[0]


def test_a_damaged_database_is_said(workspace, dataset_id):
    with workspace.database.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = workspace.database.path
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 3 + 64] = b"\xff" * 64
    path.write_bytes(content)
    found = verify(workspace)
    assert found.database
    assert not found.is_sound


def test_the_command_says_what_is_damaged_and_by_its_exit_code(workspace, vectors, capsys):
    assert run(["--workspace", str(workspace.path), "doctor", "--verify"]) == 0
    assert "every file is what was written" in capsys.readouterr().out
    _flip(_a_file(vectors))
    assert run(["--workspace", str(workspace.path), "doctor", "--verify"]) == 1
    out = capsys.readouterr().out
    assert vectors.id in out
    assert "--recompute" in out
    assert run(["--workspace", str(workspace.path), "doctor", "--verify", "--recompute", "--no-wait"]) == 1
    assert "queued again: job" in capsys.readouterr().out
    assert run(["--workspace", str(workspace.path), "doctor", "--verify", "--recompute"]) == 0  # and waits
    assert not tamis.open(workspace.path).verify().damaged


def test_the_database_error_is_sqlites_own(tmp_path):
    path = tmp_path / "x.sqlite"
    path.write_bytes(b"no database" * 500)
    with pytest.raises(sqlite3.DatabaseError):
        from tamis.store.database.backups import copy_database

        copy_database(path, tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists()
