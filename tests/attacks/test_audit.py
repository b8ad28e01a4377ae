"""Whoever has the file of the database can write into it; that they did shows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from tamis.actions import decisions
from tamis.actions.audit import check_audit, list_audit, record_login, record_roles, say_entry
from tamis.actions.datasets import delete_dataset, restore_dataset
from tamis.actions.export import ExportRequest, export
from tamis.actions.tags import add_tag, undo_tag
from tamis.actions.verify import verify
from tamis.actions.versions import make_version
from tamis.actions.votes import record_vote
from tamis.cli.main import run
from tamis.errors import ArtifactDamaged, CurationError
from tamis.settings import Settings
from tamis.store.actor import Actor
from tamis.store.database.audit import hash_of, read_entries
from tamis.store.review.frozen_decisions import freeze_decisions
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file

ANN = Actor("ann@example.org", "curator", "login")


@pytest.fixture
def done(tmp_path: Path) -> tuple[Workspace, str]:
    """A workspace in which ann has decided five times, undone once, and exported."""
    dataset = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    ann = open_workspace(tmp_path / "workspace").acting_as(ANN)
    for row in range(4):
        decisions.decide_rows(ann, dataset, np.array([row]), "drop", reason="odd", reviewer=ANN.account)
    decisions.decide_rows(ann, dataset, np.array([7]), "replace", response="Other.", reviewer=ANN.account)
    decisions.undo_decision(ann, dataset, ANN.account)
    export(ann, ExportRequest(dataset_id=dataset), tmp_path / "rows.jsonl")
    assert check_audit(ann).is_sound
    return ann, dataset


def _tamper(workspace: Workspace, *statements: str) -> tuple[str, ...]:
    """What is found after somebody wrote into the file itself, guards taken off."""
    with closing(sqlite3.connect(workspace.database.path)) as connection:
        connection.execute("DROP TRIGGER audit_is_not_changed")
        connection.execute("DROP TRIGGER audit_is_not_shortened")
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return check_audit(workspace).problems


def test_the_log_says_who_did_what(done: tuple[Workspace, str]) -> None:
    entries = list_audit(*done)
    assert [one.action for one in reversed(entries)] == ["decision"] * 6 + ["export"]
    assert {(one.account, one.role, one.via) for one in entries} == {("ann@example.org", "curator", "login")}
    assert [one.sequence for one in reversed(entries)] == list(range(1, 8))
    assert entries[1].details["did"] == "undo"
    assert entries[-1].details["row"] == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("account", "'ben@example.org'"), ("role", "'viewer'"), ("via", "'machine'"), ("at", "'2001-01-01T00:00:00+00:00'"),
        ("action", "'run'"), ("dataset_id", "'other'"), ("details", "'{}'"), ("details", "'no json'"),
        ("previous", "hash"), ("hash", "'00'"),
    ],
)  # fmt: skip
def test_a_changed_entry_is_found(done: tuple[Workspace, str], column: str, value: str) -> None:
    problems = _tamper(done[0], f"UPDATE audit SET {column} = {value} WHERE sequence = 7")
    assert any("entry 7" in one or "entry 8" in one for one in problems)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["DELETE FROM audit WHERE sequence = 3"], "entries 3 to 3 are gone"),
        (["DELETE FROM audit WHERE sequence > 5"], "entries 6 to 7 are gone"),
        (["DELETE FROM audit WHERE sequence = 1"], "entries 1 to 1 are gone"),
        (
            ["UPDATE audit SET sequence = 99 WHERE sequence = 2", "UPDATE audit SET sequence = 2 WHERE sequence = 3",
             "UPDATE audit SET sequence = 3 WHERE sequence = 99"],
            "entry 2 was changed",
        ),
        (["DELETE FROM decision_rows WHERE event_id = 2"], "decision 2 was changed"),
        (["UPDATE decision_rows SET verdict = 'keep' WHERE event_id = 1"], "decision 1 was changed"),
        (["UPDATE decision_events SET reviewer = 'ben' WHERE event_id = 3"], "decision 3 was changed"),
        (["DELETE FROM decision_rows WHERE event_id = 4", "DELETE FROM decision_events WHERE event_id = 4"], "decision 4 is gone"),
        (
            ["INSERT INTO decision_events (dataset_id, action, via, n_rows, reviewer, created_at) "
             "VALUES ('d', 'decide', 'approve', 1, 'ann@example.org', '2026')"],
            "decision 7 is in no entry",
        ),
        (["UPDATE decision_texts SET messages = replace(messages, 'Other.', 'Altered.')"], "text"),
    ],
)  # fmt: skip
def test_what_is_gone_moved_or_slipped_in_is_found(
    done: tuple[Workspace, str], statements: list[str], said: str
) -> None:
    assert any(said in problem for problem in _tamper(done[0], *statements))


@pytest.mark.parametrize(
    ("statement", "remedy"),
    [
        ("UPDATE decision_texts SET messages = replace(messages, '5 mg', '1 mg')", 8),
        ("UPDATE decision_texts SET messages = 'no json'", 8),
        ("UPDATE decision_rows SET verdict = 'keep' WHERE event_id = 1", 0),
        ("UPDATE decision_rows SET example_id = 5 WHERE event_id = 1", 5),
        ("UPDATE decision_events SET target = 2 WHERE event_id = 6", None),
        ("DELETE FROM decision_rows WHERE event_id = 2", None),
        ("DELETE FROM decision_events WHERE event_id = 2", None),
    ],
)
def test_nothing_is_made_of_decisions_that_are_not_what_was_decided(
    done: tuple[Workspace, str], statement: str, remedy: int | None
) -> None:
    workspace, dataset = done
    decisions.decide_rows(
        workspace, dataset, np.array([8]), "replace", response="Give 5 mg.", reviewer=ANN.account
    )
    _tamper(workspace, statement)
    with pytest.raises(ArtifactDamaged, match=r"doctor --verify.*decide its rows again.*tamis restore"):
        freeze_decisions(workspace, dataset)
    if remedy is not None:
        decisions.decide_rows(workspace, dataset, np.array([remedy]), "drop", reviewer=ANN.account)
        assert freeze_decisions(workspace, dataset)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET details = 'no json' WHERE sequence = 3",
        "UPDATE audit SET details = '{}' WHERE sequence = 3",
        "UPDATE audit SET details = '[]' WHERE sequence = 3",
        "UPDATE audit SET details = '{\"event\": \"x\", \"digest\": 7}' WHERE sequence = 3",
        "UPDATE audit SET details = CAST(x'ff' AS TEXT) WHERE sequence = 3",
        "UPDATE audit SET account = CAST(x'ff' AS TEXT) WHERE sequence = 3",
        "UPDATE audit SET account = x'00ff' WHERE sequence = 3",
        "UPDATE audit SET hash = x'00' WHERE sequence = 3",
        "UPDATE audit SET sequence = 9000000000000000000 WHERE sequence = 3",
        "UPDATE sqlite_sequence SET seq = 'x' WHERE name = 'audit'",
        "DELETE FROM sqlite_sequence WHERE name = 'audit'",
        "UPDATE decision_events SET reviewer = x'ff' WHERE event_id = 3",
        "UPDATE decision_events SET reviewer = CAST(x'ff' AS TEXT) WHERE event_id = 3",
        "UPDATE decision_texts SET messages = x'ff'",
        "UPDATE decision_texts SET messages = CAST(x'ff' AS TEXT)",
        "DROP TABLE audit",
    ],
)  # fmt: skip
def test_what_was_written_so_that_the_check_stumbles_is_found_too(
    done: tuple[Workspace, str], statement: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _tamper(done[0], statement)
    assert run(["--workspace", str(done[0].path), "audit", "verify", "--json"]) == 1
    if "DROP" not in statement:
        assert run(["--workspace", str(done[0].path), "audit", "list", "--json"]) == 0
    assert "Something went wrong" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE tag_events SET reviewer = 'ben' WHERE event_id = 1", "tag 1 was changed"),
        ("UPDATE tag_events SET rows = (SELECT rows FROM tag_events WHERE event_id = 2) WHERE event_id = 1", "tag 1 was changed"),
        ("DELETE FROM tag_events WHERE event_id = 2", "tag 2 is gone"),
        (
            "INSERT INTO tag_events (dataset_id, tag, action, rows, n_rows, reviewer, created_at) "
            "SELECT dataset_id, 'slipped in', action, rows, n_rows, reviewer, created_at FROM tag_events WHERE event_id = 1",
            "tag 4 is in no entry",
        ),
        ("UPDATE votes SET winner = 'base'", "vote 1 was changed"),
        ("UPDATE votes SET reviewer = 'ben'", "vote 1 was changed"),
        ("DELETE FROM votes", "vote 1 is gone"),
        (
            "INSERT INTO votes (dataset_id, adapter_id, example_id, winner, left_was, reviewer, created_at) "
            "SELECT dataset_id, adapter_id, 5, winner, left_was, reviewer, created_at FROM votes",
            "vote 2 is in no entry",
        ),
    ],
)  # fmt: skip
def test_tags_and_votes_are_sealed_like_decisions(
    done: tuple[Workspace, str], statement: str, said: str
) -> None:
    ann, dataset = done
    add_tag(ann, dataset, "mine", np.arange(3), ANN.account)
    add_tag(ann, dataset, "other", np.arange(5), ANN.account)
    undo_tag(ann, dataset, ANN.account)
    record_vote(ann, dataset, "adapter", 1, "tuned", ANN.account)
    assert check_audit(ann).is_sound
    assert [say_entry(one) for one in list_audit(ann, limit=2)] == [
        "vote adapter=adapter row=1 winner=tuned", "tag did=undo n_rows=5 tag=other",
    ]  # fmt: skip
    assert said in _tamper(ann, statement)


def test_entries_that_were_cut_off_leave_a_gap_for_good(done: tuple[Workspace, str]) -> None:
    ann, dataset = done
    _tamper(ann, "DELETE FROM audit WHERE sequence = 7")
    decisions.decide_rows(ann, dataset, np.array([9]), "drop", reviewer=ANN.account)
    assert "entries 7 to 7 are gone" in check_audit(ann).problems


def test_a_chain_that_was_written_anew_lacks_the_hash_that_was_kept(
    done: tuple[Workspace, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ann, _ = done
    kept = check_audit(ann).last_hash
    with ann.database.reading() as connection:
        entries = read_entries(connection)[::-1]
    statements, previous = [], "0" * 64
    for entry in entries:
        new = replace(entry, account="ben@example.org", previous=previous)
        previous = hash_of(new)
        statements.append(
            f"UPDATE audit SET account = 'ben@example.org', previous = '{new.previous}', hash = '{previous}' "
            f"WHERE sequence = {entry.sequence}"
        )
    assert not _tamper(ann, *statements)
    assert check_audit(ann, expected=kept).problems == (
        f"no entry has the hash {kept}: the log was cut, or written anew",
    )
    assert run(["--workspace", str(ann.path), "audit", "verify", "--hash", kept]) == 1
    assert "written anew" in capsys.readouterr().out


def test_the_database_itself_refuses_to_change_it(done: tuple[Workspace, str]) -> None:
    for statement in ("UPDATE audit SET account = 'ben'", "DELETE FROM audit"):
        with (
            pytest.raises(sqlite3.IntegrityError, match="only added to"),
            done[0].database.writing() as connection,
        ):
            connection.execute(statement)


def test_doctor_finds_it_and_says_the_last_hash(
    done: tuple[Workspace, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ann, _ = done
    assert verify(ann.acting_as(Actor())).is_sound
    assert run(["--workspace", str(ann.path), "doctor", "--verify", "--json"]) == 0
    audit = orjson.loads(capsys.readouterr().out.splitlines()[-1])["audit"]
    assert audit == {"n_entries": 7, "last_hash": check_audit(ann).last_hash, "problems": []}
    _tamper(ann, "UPDATE audit SET account = 'ben' WHERE sequence = 2")
    assert run(["--workspace", str(ann.path), "doctor", "--verify"]) == 1
    assert "entry 2 was changed" in capsys.readouterr().out


def test_a_decision_and_its_entry_are_there_together_or_not_at_all(
    done: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, dataset = done
    before = check_audit(ann).n_entries, decisions.decision_revision(ann, dataset)

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("tamis.store.review.decisions.seal_event", fails)
    with pytest.raises(OSError, match="full"):
        decisions.decide_rows(ann, dataset, np.array([9]), "drop", reviewer=ANN.account)
    assert (check_audit(ann).n_entries, decisions.decision_revision(ann, dataset)) == before


def test_versions_deletions_logins_and_roles_are_noted(done: tuple[Workspace, str], tmp_path: Path) -> None:
    ann, dataset = done
    make_version(ann, dataset, "Second")
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[accounts]\n"ann@example.org" = "curator"\n')
    server = open_workspace(ann.path, Settings(accounts=accounts))
    record_roles(server)
    record_roles(server)  # as it was: noted once
    accounts.write_text('default = "viewer"\n[accounts]\n"ann@example.org" = "reviewer"\n')
    record_roles(server)
    record_login(server, Actor("vic@example.org", "viewer", "login"))
    with pytest.raises(CurationError):  # the version is still being made
        restore_dataset(ann, "nothing-there")
    said = [(one.action, one.account) for one in list_audit(server, dataset, limit=7)]
    assert said[:1] + said[1:] == [
        ("restore failed", "ann@example.org"), ("restore", "ann@example.org"), ("login", "vic@example.org"),
        *[("roles", said[3][1])] * 2, ("apply", "ann@example.org"), ("export", "ann@example.org"),
    ]  # fmt: skip
    assert list_audit(server, action="roles", limit=1)[0].details["accounts"] == {
        "ann@example.org": "reviewer"
    }


def test_a_deletion_is_noted(done: tuple[Workspace, str]) -> None:
    ann, dataset = done
    delete_dataset(ann, dataset)
    newest = list_audit(ann, limit=1)[0]
    assert (newest.action, newest.dataset_id, newest.account) == ("delete", dataset, "ann@example.org")
    assert check_audit(ann).is_sound
