"""The page Augment: what it says of a batch, how a new one is asked for and tried, and the way of its rows into a version."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.augment import trial
from pages.parts.job_list.actions import CLONING_PAGES, RESULTS
from pages.parts.job_list.step_form import PAGES
from pages.parts.review import pace as review_pace
from pages.parts.review import session as review_session
from pages.shared.plain_text import count_of
from pages.shared.server import open_server
from tamis.actions.augment_parents import typed_examples
from tamis.actions.augment_trial import TrialProcess
from tamis.actions.augmenting import additions_waiting, batch_groups, list_batches
from tamis.actions.datasets import delete_dataset
from tamis.actions.drop_reasons import count_drop_reasons, note_drop_reason
from tamis.actions.submit import freeze_pointers
from tamis.actions.tags import add_tag
from tamis.actions.targets import TargetExample, TargetSource, add_target
from tamis.errors import InvalidOptions
from tamis.scorers import SCORERS
from tamis.store.names import name_dataset
from tamis.store.workspace import open_workspace
from tests.core.steps.test_augment import ANSWERS, PLANTS, House
from tests.pages.page_workspace import button, checked, jobs_of, open_page, run_step, said

# Some ask anew, as many ask what the rows ask already.
NEW = [
    f"In which month does the {plant} bloom on a hill of {n} metres?" for n, plant in enumerate(PLANTS, 300)
]
OLD = [
    f"Which plant of the {kind} in bed {n} grows tallest?" for n, kind in enumerate(["forest", "garden"] * 3)
]
SCRIPTED = {
    "llm": "scripted",
    "llm_options": {
        "answers": [json.dumps({"new_prompt": asked, "new_response": "In May."}) for asked in (*NEW, *OLD)]
    },
}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Plants, examined and written for: the workspace to copy, the dataset and its batch."""
    house = House(tmp_path_factory.mktemp("written"))
    asked = {"parents": house.wrong(), "filters": {"length": False, "format": False}, "rows": 4}
    made = house.augment(**SCRIPTED, **asked)
    house.run(made.manifest.dataset_id, "propose", {"method": "additions"})
    name_dataset(house.workspace.database, house.data, "Plants")
    assert made.summary["n_passed"] > 1 and made.summary["reasons"]["repeats"]
    return house.workspace.path, house.data, made.manifest.dataset_id


@pytest.fixture
def plants(
    written: tuple[Path, str, str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """The dataset and its batch in the workspace of this test."""
    made, dataset_id, batch = written
    shutil.copytree(made, workspace)
    monkeypatch.setattr(review_pace, "LOOK_S", 0.0)
    monkeypatch.setattr(review_session, "reviewer_name", lambda workspace: "Kim")
    open_server.clear()
    return dataset_id, batch


def plain_text(app: AppTest) -> str:
    return said(app).replace("\\", "")


def test_a_batch_is_told_in_a_sentence_with_what_to_do(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, batch = plants
    (funnel,) = list_batches(open_workspace(workspace), dataset_id)
    app = open_page("augment", dataset=dataset_id)
    assert app.subheader[0].value.replace("\\", "") == (
        f"{funnel.n_passed} of {funnel.n_drafts} drafts passed; {funnel.n_passed} of these wait for you."
    )
    labels = [one.label for one in app.button]
    assert f"Review {count_of(funnel.n_passed, 'addition')}" in labels
    table = app.dataframe[0].value
    assert dict(zip(table["filter"], table["rows"], strict=True)) == {"Repeats": funnel.reasons["repeats"]}
    assert open_page("augment", dataset=batch).subheader[0].value == app.subheader[0].value
    assert "No row is accepted yet" in said(app)


def test_all_that_passed_is_accepted_and_joined(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, batch = plants
    app = open_page("augment", dataset=dataset_id)
    checked(app.button(key="accept_passed").click().run())
    (funnel,) = list_batches(open_workspace(workspace), dataset_id)
    assert (funnel.n_waiting, funnel.n_accepted) == (0, funnel.n_passed)
    assert app.button(key="accept_passed").disabled
    assert (
        app.button(key="join_version").label
        == f"Make a version with {count_of(funnel.n_accepted, 'new row')}"
    )
    assert app.text_input(key=f"join_name_{dataset_id}").value == "Plants, augmented"
    app.button(key="join_version").click().run()
    (job,) = jobs_of(workspace, "curate")
    assert job.options["parent"] == dataset_id
    made = run_step(workspace, job.dataset_id, "curate", job.options)
    assert made.summary["n_added"] == funnel.n_accepted


def test_rows_by_group_stand_beside_the_accuracy_there(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, batch = plants
    forest, garden = batch_groups(open_workspace(workspace), batch)
    assert (forest.group, forest.mark.accuracy, garden.group) == ("forest", 0.0, "garden")
    (funnel,) = list_batches(open_workspace(workspace), dataset_id)
    assert forest.n_drafts + garden.n_drafts == funnel.n_drafts
    assert forest.n_passed + garden.n_passed == funnel.n_passed
    assert "Rows by group, against the accuracy there" in said(open_page("augment", dataset=dataset_id))


def test_a_dataset_without_a_batch_shows_the_form_and_examines_first(
    workspace: Path, dataset_id: str
) -> None:
    app = open_page("augment", dataset=dataset_id)
    assert "become a batch of their own" in said(app)
    assert app.button(key="start_augment").disabled and app.button(key="try_three").disabled
    assert "Examine a model first" in app.info[0].value
    assert not app.button(key="start_examine").disabled
    checked(app.button(key="start_examine").click().run())
    assert [job.step for job in jobs_of(workspace, "examine")] == ["examine"]


def _form(dataset_id: str, way: str) -> AppTest:
    return open_page("augment", dataset=dataset_id, view="new", augment_from=way)


def test_each_way_to_name_rows_names_them(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, _ = plants
    opened = open_workspace(workspace)
    assert "tag rows on the map" in _form(dataset_id, "Tag").info[0].value.replace("\\", "")
    assert "has no target yet" in _form(dataset_id, "Missing for a target").info[0].value
    assert "no clusters yet" in _form(dataset_id, "Cluster").info[0].value
    assert "no selection yet" in _form(dataset_id, "Selection").info[0].value
    add_tag(opened, dataset_id, "tall", np.arange(3), "Kim")
    assert "3 rows tagged tall" in plain_text(_form(dataset_id, "Tag"))
    assert "from all 6 rows" in plain_text(_form(dataset_id, "All rows"))
    assert "5 of 6 rows answered wrongly" in plain_text(_form(dataset_id, "Answered wrongly"))
    add_target(opened, dataset_id, "ferns", TargetSource(examples=[TargetExample("Do ferns bloom?")]))
    app = _form(dataset_id, "Missing for a target")
    assert "Nothing was scored towards target" in app.info[0].value.replace("\\", "")


def test_rows_are_written_for_what_a_target_lacks(workspace: Path, dataset_id: str) -> None:
    opened = open_workspace(workspace)
    far = ["Zwölf Boxkämpfer jagen Viktor", "Quer über den Sylter Deich", "Blau fährt ein Zug", "Öl im Fjord"]
    asked = [f"Question {i} about rivers?" for i in (3, 7, 11, 15)] + far
    target = add_target(
        opened, dataset_id, "rivers", TargetSource(examples=[TargetExample(one) for one in asked])
    )
    run_step(workspace, dataset_id, "score", {"scorer": "target_embedding", "target": target.id})
    coverage = open_page("scoring", dataset=dataset_id, scorer=SCORERS["target_embedding"].title)
    assert "Have rows written for them" in said(coverage)
    app = _form(dataset_id, "Missing for a target")
    assert "4 examples of rivers that no row comes near" in plain_text(app) and not app.error
    exact = freeze_pointers(opened, dataset_id, "augment", {"parents": "missing:rivers"})
    assert {one["prompt"] for one in exact["examples"]} == set(far) and not exact["parents"]
    checked(app.button(key="start_augment").click().run())
    (job,) = jobs_of(workspace, "augment")
    assert {one["prompt"] for one in job.options["examples"]} == set(far)


def test_three_are_tried_with_typed_examples_and_the_run_is_queued(
    workspace: Path, plants: tuple[str, str]
) -> None:
    dataset_id, _ = plants
    app = _form(dataset_id, "Typed examples")
    assert "Type an example" in app.info[0].value
    checked(
        app.text_area(key="augment_typed")
        .set_value("Which fern is tallest? => The tree fern.\nDo irises climb?")
        .run()
    )
    checked(app.selectbox(key="augment_llm").set_value("scripted").run())
    answers = next(one for one in app.text_area if one.label == "Answers")
    checked(answers.set_value(orjson.dumps(ANSWERS).decode()).run())
    assert "2 typed examples" in plain_text(app) and not app.error
    checked(app.button(key="try_three").click().run())
    text = plain_text(app)
    assert "tries passed" in text and "from example 1" in text
    checked(app.button(key="start_augment").click().run())
    (job,) = jobs_of(workspace, "augment")
    assert job.options["examples"][0] == {"prompt": "Which fern is tallest?", "response": "The tree fern."}
    made = run_step(workspace, job.dataset_id, "augment", job.options)
    assert made.summary["additions_to"]["dataset_id"] == dataset_id
    groups = batch_groups(open_workspace(workspace), job.dataset_id)
    assert sum(one.n_drafts for one in groups) == made.summary["n_drafts"]


def test_a_trial_that_is_killed_is_explained_and_may_be_tried_again(
    plants: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, _ = plants
    kills_itself = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(
        trial,
        "start_trial",
        lambda workspace, *asked: TrialProcess(workspace.path, *asked, command=kills_itself),
    )
    app = _form(dataset_id, "All rows")
    checked(app.selectbox(key="augment_llm").set_value("scripted").run())
    checked(app.button(key="try_three").click().run())
    assert "The trial was killed, most likely because memory ran out" in app.error[0].value
    assert app.button(key="try_three").label == "Try three" and not app.button(key="start_augment").disabled


def test_what_cannot_be_is_said_in_one_sentence(plants: tuple[str, str]) -> None:
    dataset_id, _ = plants
    app = _form(dataset_id, "All rows")
    checked(app.text_input(key="augment_labels").set_value("yes, no").run())
    checked(app.selectbox(key="augment_llm").set_value("scripted").run())
    checked(app.button(key="try_three").click().run())
    assert "No parent is answered by one of the labels yes, no" in app.error[0].value.replace("\\", "")
    with pytest.raises(InvalidOptions, match="Line 2 has an answer and no prompt"):
        typed_examples("Why?\n => Because.")


def test_a_cap_of_the_cost_needs_prices(plants: tuple[str, str]) -> None:
    dataset_id, _ = plants
    app = _form(dataset_id, "All rows")
    assert app.number_input(key="augment_max_cost").disabled
    assert "without a cap" in plain_text(app)
    checked(app.number_input(key="augment_max_tokens").set_value(5000).run())
    assert "within 5,000 tokens" in plain_text(app)


def test_additions_that_wait_are_said_on_the_overview(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, batch = plants
    waiting = additions_waiting(open_workspace(workspace))
    assert list(waiting) == [dataset_id] and waiting[dataset_id].newest == batch
    text = plain_text(open_page("overview", dataset=dataset_id))
    n = waiting[dataset_id].n_waiting
    assert f"{n} of {n} additions wait for you" in text and "Additions to Plants" in text


def test_an_addition_stands_beside_its_parent_with_what_a_model_said(
    workspace: Path, plants: tuple[str, str]
) -> None:
    _, batch = plants
    app = open_page("review", dataset=batch, row="0")
    html = "\n".join(one.proto.body for one in app.get("html"))
    captions = [one.value.replace("\\", "") for one in app.caption]
    assert any(one.startswith("Written from row") for one in captions)
    assert {"Its prompt", "Its answer", "What the examined model answered, wrongly"} <= set(captions)
    assert "The maple grows tallest there." in html
    # What shares next to nothing with its parent is not marked from end to end; what shares most of it is.
    like = open_page("review", dataset=batch, row="1")
    marked = "\n".join(one.proto.body for one in like.get("html"))
    assert "background:rgba(20,160,130" not in html and "background:rgba(20,160,130" in marked
    checked(button(app, "Keep").click().run())
    assert list_batches(open_workspace(workspace), plants[0])[0].n_accepted == 1


def test_a_row_is_dropped_for_a_reason_that_is_counted(workspace: Path, plants: tuple[str, str]) -> None:
    dataset_id, batch = plants
    app = open_page("review", dataset=batch, row="0")
    checked(app.button(key="review_drop_off_task_0").click().run())
    assert list_batches(open_workspace(workspace), dataset_id)[0].n_dropped == 1
    assert count_drop_reasons(open_workspace(workspace), batch) == {"off task": 1}
    assert "Dropped by people: off task 1" in plain_text(open_page("augment", dataset=dataset_id))
    with pytest.raises(InvalidOptions, match="no reason to drop"):
        note_drop_reason(open_workspace(workspace), batch, 0, "ugly", "Kim")


def test_a_batch_whose_dataset_is_gone_says_how_to_get_it_back(
    workspace: Path, plants: tuple[str, str]
) -> None:
    dataset_id, batch = plants
    delete_dataset(open_workspace(workspace), dataset_id)
    app = open_page("augment", dataset=batch)
    assert f"tamis datasets restore {dataset_id}" in app.warning[0].value.replace("\\", "")
    review = open_page("review", dataset=batch, row="0")
    assert not any(one.value.startswith("Written from row") for one in review.caption)


def test_a_batch_without_a_draft_says_so_and_shows_what_came_back(tmp_path: Path, workspace: Path) -> None:
    house = House(tmp_path)
    asked = {"llm_options": {"answers": ["no row at all"]}, "attempts_per_job": 1, "rows": 3}
    made = house.augment(**asked)
    shutil.copytree(house.workspace.path, workspace)
    app = open_page("augment", dataset=made.manifest.dataset_id)
    assert app.subheader[0].value.replace("\\", "") == "No draft could be read, of 6 jobs."
    assert app.button(key="review_batch").disabled and app.button(key="accept_passed").disabled
    assert any("6 answers gave no draft" in one.label for one in app.expander)
    text = plain_text(app)
    assert "no JSON object that can be read" in text and "There is no draft to speak against" in text


def test_jobs_of_augment_and_examine_lead_to_the_page(workspace: Path, plants: tuple[str, str]) -> None:
    assert (
        {"augment", "examine"} <= set(RESULTS)
        and "augment" in CLONING_PAGES
        and PAGES["augment"] == "augment"
    )
