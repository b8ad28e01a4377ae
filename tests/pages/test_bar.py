"""The bar of every page: what its command menu offers, and what its tray says of jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from pages.shared.bar.commands import COMMANDS
from pages.shared.bar.tray import answer_tray, hold_tray
from pages.shared.navigation import APP_PAGES
from pages.shared.server import held_answer
from tamis.actions.job_words import job_headline
from tamis.actions.jobs import active_jobs, find_job
from tamis.actions.submit import submit
from tamis.errors import NotAllowed
from tamis.jobs.model import JobState, Progress
from tamis.store.actor import Actor
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, open_page
from tests.verbs import ROLES, VERBS

HOSTILE = '<img src=x onerror="alert(1)"> **bold** [a](javascript:alert(1))'


@pytest.fixture
def opened(workspace: Path, tmp_path: Path) -> Workspace:
    import_file(workspace, alpaca_file(tmp_path), HOSTILE)
    return open_workspace(workspace)


def test_every_command_is_a_verb_and_leads_to_the_page_that_has_it() -> None:
    pages = {page.name for page in APP_PAGES}
    for one in COMMANDS:
        assert one.verb in VERBS, one
        assert one.page in pages and VERBS[one.verb].page in (one.page, "shared"), one
        assert callable(one.action)
    assert len({one.words for one in COMMANDS}) == len(COMMANDS)


def test_every_page_that_changes_something_has_a_command() -> None:
    changing = {name for role in ("reviewer", "curator") for name in ROLES[role].split()}
    pages = {verb.page for name, verb in VERBS.items() if name in changing and isinstance(verb.page, str)}
    assert pages - {"shared"} <= {one.page for one in COMMANDS}


def test_the_menu_has_names_as_they_are(opened: Workspace) -> None:
    app = open_page("overview")
    (bar,) = [one for one in app.get("bidi_component") if "frame_bar" in one.proto.id]
    assert HOSTILE in [name for _, name in orjson.loads(bar.proto.json)["datasets"]]


def test_the_tray_says_what_waits_behind_what(opened: Workspace) -> None:
    (dataset_id,) = opened.artifacts.dataset_ids()
    first = submit(opened, dataset_id, "embed", {"encoder": "hashing"}).job
    second = submit(opened, dataset_id, "score", {"scorer": "length"}).job
    third = submit(opened, dataset_id, "cluster", {}).job
    said = answer_tray(opened, {"open": True})
    words = {one["id"]: one["words"] for one in said["waiting"]}
    assert words == {
        first.job_id: "starts now",
        second.job_id: "starts now",  # short jobs have a place of their own
        third.job_id: "waits for Embed, which it needs",
    }
    assert said["headline"] == "Embed · waiting"
    assert not said["running"] and not said["ended"]


def test_a_stage_that_is_called_as_its_step_is_said_once(opened: Workspace) -> None:
    (dataset_id,) = opened.artifacts.dataset_ids()
    job = submit(opened, dataset_id, "score", {"scorer": "length"}).job
    for stage, said in (("score", "Score"), ("", "Score · starting"), ("reading", "Score · reading")):
        assert job_headline(replace(job, state=JobState.RUNNING, progress=Progress(stage=stage))) == said


def test_the_tray_cancels_and_says_how_a_job_ended(opened: Workspace) -> None:
    (dataset_id,) = opened.artifacts.dataset_ids()
    job = submit(opened, dataset_id, "embed", {"encoder": "hashing"}).job
    said = answer_tray(opened, {"cancel": job.job_id, "open": True})
    assert not active_jobs(opened) and not said["waiting"]
    (ended,) = said["ended"]
    assert (ended["title"], ended["dataset"], ended["state"]) == ("Embed", HOSTILE, "cancelled")
    assert ended["page"] == "job_list" and ended["query"] == {"dataset": dataset_id, "job": job.job_id}


def test_the_tray_goes_by_the_role_of_whoever_asks(opened: Workspace) -> None:
    (dataset_id,) = opened.artifacts.dataset_ids()
    job = submit(opened, dataset_id, "embed", {"encoder": "hashing"}).job
    asked = hold_tray(opened)
    answer = held_answer(str(asked["name"]), str(asked["token"]))
    assert answer is not None
    viewer = opened.acting_as(Actor("Vi", "viewer", "login"))
    assert not answer(viewer, {})["waiting"][0]["cancel"]
    with pytest.raises(NotAllowed):
        answer(viewer, {"cancel": job.job_id})
    found = find_job(opened, job.job_id)
    assert found is not None and not found.state.final
