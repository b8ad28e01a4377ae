"""Targets on the pages: made on Scores, chosen for a score and a selection, their coverage and what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.read_rows import Scope
from tamis.actions.targets import TargetExample, TargetSource, add_target, list_targets
from tamis.scorers import SCORERS
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, jobs_of, open_page, run_step, said

NEAR = [f"Question {i} about rivers?" for i in (3, 7, 11, 15)]
FAR = ["Zwölf Boxkämpfer jagen Viktor", "Quer über den Sylter Deich", "Blau fährt ein Zug", "Öl im Fjord"]


@pytest.fixture
def target(workspace: Path, dataset_id: str) -> str:
    examples = [TargetExample(one) for one in [*NEAR, *FAR]]
    return add_target(open_workspace(workspace), dataset_id, "rivers", TargetSource(examples=examples)).id


def test_a_target_is_typed_and_listed_and_deleted(workspace: Path, dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id, scorer="Targets")
    app.text_input(key="target_name").set_value("baking")
    app.text_area(key="target_typed").set_value("How is bread made?\n\nWhy does it rise?")
    app.checkbox(key="target_split").set_value(True)
    checked(next(one for one in app.button if one.label == "Make the target").click().run())
    (made,) = list_targets(open_workspace(workspace), dataset_id)
    assert (made.name, made.n_examples, made.n_judging) == ("baking", 2, 1)
    assert list(app.dataframe[1].value["name"]) == ["baking"]
    checked(app.button(key="delete_target").click().run())
    assert not list_targets(open_workspace(workspace), dataset_id)


def test_rows_with_a_tag_are_a_target_and_what_is_wrong_is_said(workspace: Path, dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id, scorer="Targets")
    checked(app.segmented_control(key="target_kind").set_value("Rows of this dataset").run())
    checked(next(one for one in app.button if one.label == "Make the target").click().run())
    assert "no name" in app.error[0].value
    app.text_input(key="target_name").set_value("picked")
    checked(next(one for one in app.button if one.label == "Make the target").click().run())
    assert list_targets(open_workspace(workspace), dataset_id)[0].source.startswith("selection")


def test_rows_that_the_map_hands_over_are_a_target(workspace: Path, dataset_id: str) -> None:
    scope = Scope().and_where("contains", "bread", "prompt").to_url()
    app = open_page("data_map", dataset=dataset_id, scope=scope)
    assert "Make a target of these" in [one.label for one in app.get("page_link")] or "Make a target" in said(
        app
    )
    app = open_page("scoring", dataset=dataset_id, scorer="Targets", scope=scope)
    assert app.segmented_control(key="target_kind").value == "Rows of this dataset"
    assert app.selectbox(key="target_rows").options[0].startswith("Filter: ")
    app.text_input(key="target_name").set_value("bread")
    checked(next(one for one in app.button if one.label == "Make the target").click().run())
    (made,) = list_targets(open_workspace(workspace), dataset_id)
    assert (made.n_examples, made.source) == (10, "a scope")


def test_a_score_towards_a_target_asks_for_one_and_takes_several_with_shares(
    workspace: Path, dataset_id: str, target: str
) -> None:
    add_target(open_workspace(workspace), dataset_id, "b", TargetSource(examples=[TargetExample("A b?")]))
    app = open_page("scoring", dataset=dataset_id, scorer=SCORERS["target_bm25"].title)
    assert app.multiselect(key="score_target").options == ["b", "rivers"]
    checked(app.multiselect(key="score_target").set_value(["rivers", "b"]).run())
    checked(app.number_input(key="score_target_share_1").set_value(2.0).run())
    checked(app.button(key="compute_target_bm25").click().run())
    (job,) = jobs_of(workspace, "score")
    assert job.options["scorer"] == "target_bm25"
    assert job.inputs["target"] not in (target, "")


def test_without_a_target_there_is_the_way_to_one(dataset_id: str) -> None:
    app = open_page("scoring", dataset=dataset_id, scorer=SCORERS["target_bm25"].title)
    assert app.button(key="compute_target_bm25").disabled
    assert "make one first" in app.error[0].value


def test_coverage_names_what_no_row_comes_near_and_rows_that_are_the_target(
    workspace: Path, dataset_id: str, target: str
) -> None:
    run_step(workspace, dataset_id, "score", {"scorer": "target_embedding", "target": target})
    app = open_page("scoring", dataset=dataset_id, scorer=SCORERS["target_embedding"].title)
    assert app.metric[0].value == "50 % covered"
    assert "No row within reach of 4 examples" in said(app)
    tables = {tuple(one.value.columns): one.value for one in app.dataframe}
    assert set(tables["prompt", "similarity", "row"]["prompt"]) == set(FAR)
    assert sorted(tables["row", "reason", "example"]["row"]) == [3, 7, 11, 15]


def test_a_selection_for_a_target_says_what_is_made_first(
    workspace: Path, dataset_id: str, target: str
) -> None:
    app = open_page("selection", dataset=dataset_id, view="new", select_method="For a target")
    assert "Made first, because it is not there yet: scores towards the target" in said(app)
    checked(app.button(key="submit_select").click().run())
    assert [job.step for job in jobs_of(workspace, "score")] == ["score"]
    run_step(workspace, dataset_id, "score", {"scorer": "target_embedding", "target": target})
    app = open_page("selection", dataset=dataset_id, view="new", select_method="For a target")
    assert "Made first" not in said(app)
    assert app.button(key="submit_select").label == "Select 4 rows"


def test_without_embeddings_they_are_made_first_too(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 12), "Few")
    app = open_page("selection", dataset=dataset_id, view="new", select_method="For a target")
    assert "has no target yet" in app.error[0].value
    add_target(open_workspace(workspace), dataset_id, "b", TargetSource(examples=[TargetExample("A b?")]))
    app = open_page("selection", dataset=dataset_id, view="new", select_method="For a target")
    assert "embeddings and scores towards the target" in said(app)
    checked(app.button(key="submit_select").click().run())
    assert [job.dataset_id for job in jobs_of(workspace, "embed")] == [dataset_id]
