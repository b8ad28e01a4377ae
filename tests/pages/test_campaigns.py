"""Campaigns on Jobs and Overview: started, waited for, revised, stopped and resumed."""

from __future__ import annotations

import json

import pytest

from tamis.actions.campaigns import go_on, show_campaign, start_campaign
from tamis.actions.datasets import delete_dataset
from tamis.actions.jobs import refresh_jobs
from tamis.store.workspace import open_workspace
from tests.core.steps.test_augment import ANSWERS
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, said
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
    assert any(one.label == "Campaign" for one in overview.get("page_link")) or "Campaign" in said(overview)
    page = open_page("job_list")
    assert any("additions wait for you" in one.label for one in page.expander)
    page.button(key="stop_llm2llm-1").click().run()
    assert not page.exception
    assert show_campaign(waiting, "llm2llm-1").state == "stopped"
    page.button(key="resume_llm2llm-1").click().run()
    assert show_campaign(waiting, "llm2llm-1").state == "waiting"
    page.button(key="skip_llm2llm-1").click().run()
    assert show_campaign(waiting, "llm2llm-1").reason == "nothing_accepted"


def test_augment_says_where_its_campaign_stands_and_goes_on_with_it(waiting) -> None:
    """The same panel beside the batches: state, the way to what is to be done, stop, resume, and a start for this dataset."""
    dataset_id = show_campaign(waiting, "llm2llm-1").dataset_id
    page = open_page("augment", dataset=dataset_id)
    found = show_campaign(waiting, "llm2llm-1")
    assert f"{found.n_waiting} of {found.n_asked} additions wait for you" in said(page)
    assert f"Review {found.n_waiting}" in said(page)
    checked(page.button(key="stop_llm2llm-1").click().run())
    assert show_campaign(waiting, "llm2llm-1").state == "stopped"
    checked(page.button(key="resume_llm2llm-1").click().run())
    checked(page.button(key="skip_llm2llm-1").click().run())
    assert "Nobody accepted a row" in page.expander[0].label
    page.selectbox(key="campaign_kind").set_value("spin").run()
    assert not any(one.key == "campaign_dataset" for one in page.selectbox)
    checked(page.button(key="campaign_start").click().run())
    assert show_campaign(waiting, "spin-1").dataset_id == dataset_id


def test_a_campaign_whose_dataset_was_deleted_says_so_on_the_overview(waiting) -> None:
    found = show_campaign(waiting, "llm2llm-1")
    delete_dataset(waiting, found.dataset_id)
    go_on(waiting, "llm2llm-1")
    text = said(open_page("overview")).replace("\\", "")
    assert (
        f"Dataset '{found.dataset_id}' was deleted: put it back" in text
        and "campaign resume llm2llm-1" in text
    )


def test_the_form_starts_one_and_says_its_moves(waiting) -> None:
    page = open_page("job_list")
    page.selectbox(key="campaign_kind").set_value("alc3").run()
    assert any("embed → propose → review" in one.value for one in page.caption)
    page.button(key="campaign_start").click().run()
    assert not page.exception
    assert show_campaign(waiting, "alc3-1").moves[0].move.step == "embed"
    assert json.loads(json.dumps(show_campaign(waiting, "alc3-1").options))["rounds"] == 20
