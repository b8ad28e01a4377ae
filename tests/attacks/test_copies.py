"""A folder of a workspace that was copied: what waited in it does not run as whoever opens the copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tamis.actions.campaigns import go_on_with_all, show_campaign
from tamis.actions.jobs import get_job, refresh_jobs, resume_job
from tamis.actions.submit import submit
from tamis.settings import Settings
from tamis.store.workspace import Workspace, open_workspace
from tests.core.actions.test_backup import written_campaign
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Path, str]:
    """A workspace in which a job waits that would start at the next look."""
    path = tmp_path / "theirs"
    dataset_id = import_file(path, alpaca_file(tmp_path, 3))
    job = submit(open_workspace(path), dataset_id, "embed", {"encoder": "hashing"}).job
    assert job.state == "queued"
    return path, job.job_id


@pytest.mark.parametrize("note", ["as it is", "gone", "[]", '{"file": true}', '{"path": "x"}', "\x00"])
def test_what_waits_in_a_copied_folder_does_not_start_by_itself(
    waiting: tuple[Path, str], tmp_path: Path, note: str
) -> None:
    path, job_id = waiting
    copied = shutil.copytree(path, tmp_path / "ours")
    if note == "gone":
        (copied / "tamis.sqlite.place").unlink()
    elif note != "as it is":
        (copied / "tamis.sqlite.place").write_text(note)
    here = open_workspace(copied)
    refresh_jobs(here)
    ended = get_job(here, job_id)
    assert (ended.state, ended.handle) == ("cancelled", "")
    assert "a copy. Resume it to go on." in ended.reason
    assert get_job(open_workspace(path), job_id).state == "queued"  # where it was submitted it goes on
    resume_job(here, job_id)
    assert get_job(open_workspace(copied), job_id).state == "queued"  # a person said so, here


def test_a_campaign_of_a_copied_folder_makes_no_move_by_itself(
    waiting: tuple[Path, str], tmp_path: Path
) -> None:
    path, _ = waiting
    there = open_workspace(path)
    with there.database.writing() as connection:
        connection.execute(written_campaign(there.artifacts.dataset_ids()[0], "running"))
    here = open_workspace(shutil.copytree(path, tmp_path / "ours"))
    assert go_on_with_all(here) == []
    found = show_campaign(here, "self_guide-1")
    assert (found.state, found.moves) == ("stopped", ())
    assert "a copy. Resume it to go on." in found.said
    assert show_campaign(there, "self_guide-1").state == "running"


def test_a_folder_that_is_moved_or_whose_file_has_another_number_is_no_copy(
    waiting: tuple[Path, str], tmp_path: Path
) -> None:
    path, job_id = waiting
    moved = path.rename(tmp_path / "moved")
    assert get_job(open_workspace(moved), job_id).state == "queued"
    note = moved.rename(path) / "tamis.sqlite.place"
    note.write_text(json.dumps({**json.loads(note.read_text()), "file": 1}))
    assert get_job(open_workspace(path), job_id).state == "queued"


def test_a_database_that_the_settings_put_elsewhere_is_no_copy(
    waiting: tuple[Path, str], tmp_path: Path
) -> None:
    path, job_id = waiting
    assert get_job(_with_database_in(path, tmp_path / "databases"), job_id).state == "queued"


def test_a_copied_folder_is_one_wherever_its_database_goes(waiting: tuple[Path, str], tmp_path: Path) -> None:
    path, job_id = waiting
    copied = shutil.copytree(path, tmp_path / "ours")
    assert get_job(_with_database_in(copied, tmp_path / "databases"), job_id).state == "cancelled"


def _with_database_in(path: Path, folder: Path) -> Workspace:
    return open_workspace(path, Settings(database_folder=folder))
