"""Campaigns on Jobs and Overview: started, waited for, revised, stopped and resumed."""

from __future__ import annotations

import json

import pytest

from tamis.actions.campaigns import go_on, show_campaign, start_campaign
from tamis.actions.jobs import refresh_jobs
from tamis.store.workspace import open_workspace
from tests.core.steps.test_augment import ANSWERS
from tests.pages.page_workspace import alpaca_file, import_file, open_page
from tests.support.in_process import jobs_here

OPTIONS = {
    "train": False, "student": "scripted", "student_options": {"answers": ["No."]}, "llm": "scripted",
    "llm_options": {"answers": list(ANSWERS)}, "filters": {"length": False, "repeats": False}, "rounds": 2,
}  # fmt: skip


@pytest.fixture
def waiting(workspace, tmp_path):
    """A workspace whose campaign waits for people."""
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 12))
    workspace = open_workspace(workspace)
    with jobs_here():
        start_campaign(workspace, dataset_id, "llm2llm", OPTIONS, reviewer="ann")
        for _ in range(6):
            refresh_jobs(workspace)
            refresh_jobs(workspace)
            go_on(workspace, "llm2llm-1")
    assert show_campaign(workspace, "llm2llm-1").state == "waiting"
    return workspace


def test_overview_says_what_waits_and_jobs_stops_and_resumes_it(waiting) -> None:
    overview = open_page("overview")
    assert any("additions wait for you" in one.value for one in overview.markdown)
    page = open_page("job_list")
    assert "additions wait for you" in page.expander[0].label
    page.button(key="stop_llm2llm-1").click().run()
    assert not page.exception
    assert show_campaign(waiting, "llm2llm-1").state == "stopped"
    page.button(key="resume_llm2llm-1").click().run()
    assert show_campaign(waiting, "llm2llm-1").state == "waiting"
    page.button(key="skip_llm2llm-1").click().run()
    assert show_campaign(waiting, "llm2llm-1").reason == "nothing_accepted"


def test_the_form_starts_one_and_says_its_moves(waiting) -> None:
    page = open_page("job_list")
    page.selectbox(key="campaign_kind").set_value("alc3").run()
    assert any("embed → propose → review" in one.value for one in page.caption)
    page.button(key="campaign_start").click().run()
    assert not page.exception
    assert show_campaign(waiting, "alc3-1").moves[0].move.step == "embed"
    assert json.loads(json.dumps(show_campaign(waiting, "alc3-1").options))["rounds"] == 20
