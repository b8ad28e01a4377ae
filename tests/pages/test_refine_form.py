"""The form of a refinement: what it says it would do before anything runs, and what it submits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.refinement.forecast import say_run_out
from tamis.jobs import job_table
from tamis.jobs.model import JobState
from tamis.steps.refine.forecast import rows_added
from tamis.store.database.database import Database
from tests.pages.page_workspace import (
    alpaca_file,
    button,
    checked,
    import_file,
    jobs_of,
    open_page,
    run_pipeline,
    said,
)

pytest.importorskip("transformers")


@pytest.fixture
def unrefined(workspace: Path, tmp_path: Path) -> str:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    return dataset_id


def cheap_form(dataset_id: str) -> AppTest:
    app = open_page("refinement", dataset=dataset_id, view="new")
    return checked(app.toggle(key="refine_train").set_value(False).run())


def test_the_form_says_what_every_round_would_take(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.number_input(key="refine_budget").set_value(10.0).run())
    table = next(one.value for one in app.dataframe if "adds" in one.value)
    assert table["adds"].tolist() == [4, 3, 3]
    assert table["trains"].tolist() == [4, 7, 10]
    # Two rows of each of the four clusters are heard in every round.
    assert table["answers"].tolist() == [8, 8, 8]
    assert "Together 21 rows are read in training and 24 prompts answered" in said(app)
    assert "4 of 40 rows that may be picked" in said(app)


def test_the_cheap_mode_is_labelled_and_submitted(workspace: Path, unrefined: str) -> None:
    app = cheap_form(unrefined)
    assert "Cheap mode" in said(app)
    assert not any("trains" in one.value for one in app.dataframe)
    checked(button(app, "Refine in 3 rounds").click().run())
    (job,) = jobs_of(workspace)
    assert (job.options["train"], job.options["budget"], job.state) == (False, 4, JobState.QUEUED)
    assert job.artifact_id in app.query_params["run"]
    assert "Weights and flags appear here with the first of 3 rounds" in said(app)


def test_a_preset_sets_what_is_run_and_whether_it_trains(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined, view="new")
    preset = app.button_group(key="refine_preset")
    assert preset.value == "With training"
    app = checked(preset.set_value("Cheap look").run())
    assert not app.toggle(key="refine_train").value
    app = checked(app.button_group(key="refine_preset").set_value("With control").run())
    assert app.toggle(key="refine_train").value
    assert app.button_group(key="refine_kinds").value == ["none", "shuffled_scores"]
    assert button(app, "Refine in 3 rounds · 2 runs")
    app = checked(app.toggle(key="refine_train").set_value(False).run())
    assert app.button_group(key="refine_preset").value is None


def test_controls_are_submitted_beside_the_refinement(workspace: Path, unrefined: str) -> None:
    app = cheap_form(unrefined)
    checked(app.button_group(key="refine_kinds").set_value(["none", "random", "shuffled_scores"]).run())
    checked(button(app, "Refine in 3 rounds · 3 runs").click().run())
    found = {job.options["control"]: job.artifact_id for job in jobs_of(workspace)}
    assert set(found) == {"none", "random", "shuffled_scores"}
    assert found["none"] in app.query_params["run"]


def test_perplexity_is_said_to_measure_surprise(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.selectbox(key="refine_scorer").set_value("perplexity").run())
    assert any("measures surprise, not quality" in one.value for one in app.warning)


def test_a_budget_larger_than_the_pool_is_said_before_it_is_submitted(
    workspace: Path, unrefined: str
) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.number_input(key="refine_budget").set_value(100.0).run())
    assert any("larger than the pool" in one.value and "60 stay unspent" in one.value for one in app.warning)


def test_the_plan_stops_where_the_pool_ends(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.number_input(key="refine_budget").set_value(100.0).run())
    table = next(one.value for one in app.dataframe if "adds" in one.value)
    assert table["adds"].tolist() == [34, 6, 0]
    assert table["selected"].tolist() == [34, 40, 40]
    # A round that finds nothing to answer trains nothing either.
    assert table["trains"].tolist() == [34, 40, 0]
    assert "nothing is left for round 3" in app.warning[0].value


def test_a_cluster_that_runs_out_is_named() -> None:
    table = pd.DataFrame(
        {"name": ["Big", "Small"], "left": [50, 2], "share": [10.0, 10.0], "picked": [18, 2], "weight": [0.5, 0.5]}
    )  # fmt: skip
    assert "1 cluster has fewer rows left than their share: Small (2 of 10)" in say_run_out(table)
    assert say_run_out(table.head(1)) == ""


def test_what_rounds_owe_is_made_up_for_as_long_as_the_pool_lasts() -> None:
    assert rows_added((4, 3, 3), n_pool=40, n_owed=2).tolist() == [6, 3, 3]
    assert rows_added((4, 3, 3), n_pool=5).tolist() == [4, 1, 0]


def test_rows_that_are_too_long_are_said_before_a_refinement_starts(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    assert "Every row that may be picked fits into 1,024 tokens" in said(app)
    app = checked(app.number_input(key="refine_sft_lora_max_length").set_value(12).run())
    assert any(
        "(100 %) are longer than 12 tokens (max_length) and are cut" in one.value for one in app.warning
    )
    app = checked(app.toggle(key="refine_sft_lora_drop_longer").set_value(True).run())
    assert any("are left out" in one.value for one in app.warning)
    app = checked(app.toggle(key="refine_train").set_value(False).run())
    assert not any("are longer than" in one.value for one in app.warning)
    assert "768 tokens of a prompt and 384 of an answer are read" in said(app)


def test_the_form_asks_for_epochs_once(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    assert not [one.key for one in app.number_input if "num_train_epochs" in (one.key or "")]
    checked(app.number_input(key="refine_guide_epochs").set_value(2.0).run())
    checked(button(app, "Refine in 3 rounds").click().run())
    (job,) = jobs_of(workspace)
    assert job.options["guide_epochs"] == 2.0
    assert "num_train_epochs" not in job.options["recipe_options"]


def test_a_budget_below_the_rounds_cannot_be_submitted(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.number_input(key="refine_budget").set_value(2.0).run())
    assert "cannot be divided over 3 rounds" in app.error[0].value
    assert button(app, "Refine in").disabled


def test_without_clusters_the_next_step_is_named(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("refinement", dataset=dataset_id)
    assert "has no clusters yet" in app.info[0].value and not app.error
    assert button(app, "Refine in").disabled
    checked(app.button(key="make_clusters").click().run())
    queued = job_table.list_jobs(Database(workspace), dataset_id=dataset_id)
    assert {job.step for job in queued} - {"import"} == {"embed", "cluster"}


def test_without_the_training_packages_the_cheap_mode_is_offered(
    workspace: Path, unrefined: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.parts.refinement.form.missing_packages", lambda extra: ["trl"])
    app = open_page("refinement", dataset=unrefined)
    assert "Training needs trl" in app.error[0].value
    assert "cheap mode" in app.error[0].value
    checked(app.toggle(key="refine_train").set_value(False).run())
    assert not app.error


def test_every_way_of_moving_weights_has_a_name_and_fields_of_its_own() -> None:
    from typing import get_args

    from pages.parts.refinement.form import LABELS
    from tamis.actions.artifact_names import MODES
    from tamis.steps.refine.options import OF_MODE, RefineOptions
    from tamis.types import UpdateMode

    assert set(MODES) == set(OF_MODE) == set(get_args(UpdateMode))
    assert {name for names in OF_MODE.values() for name in names} <= set(RefineOptions.model_fields) & set(
        LABELS
    )
