"""The Selection page: a form with a preview, a job in place, and a selection beside a random pick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tamis.actions.selections import find_baseline, selected_rows
from tamis.jobs import job_table
from tamis.jobs.model import JobState
from tamis.jobs.scheduler import queue
from tamis.selectors import SELECTORS
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.database.tags import add_tag
from tamis.store.rows.scope import ALL_ROWS
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_step, said

RANDOM = {"method": "random", "budget": 10, "quality": "none", "seed": 42}


def submit_button(app: AppTest) -> object:
    return app.button(key="submit_select")


def test_the_newest_selection_is_shown_with_its_numbers(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Rows"] == "10"
    assert shown["Clusters"] == "4 of 4"
    assert "Picked rows" in said(app)


def test_a_random_pick_is_not_what_is_shown_first(workspace: Path, dataset_id: str) -> None:
    run_step(workspace, dataset_id, "select", RANDOM)
    app = open_page("selection", dataset=dataset_id)
    assert "Add a random pick of the same size" not in [button.label for button in app.button]
    assert "random" in next(metric.delta for metric in app.metric if metric.label.startswith("Mean"))


def test_only_a_random_pick_of_the_same_size_is_a_baseline(workspace: Path, dataset_id: str) -> None:
    run_step(workspace, dataset_id, "select", RANDOM | {"budget": 9})
    store = ArtifactStore(workspace)
    selections = tuple(store.list(dataset_id, "selection"))
    kmq = next(s for s in selections if s.manifest.options["method"] == "kmq")
    assert find_baseline(selections, kmq) is None
    other = run_step(workspace, dataset_id, "select", RANDOM)
    assert find_baseline((*selections, other), kmq) == other


def test_the_random_pick_is_submitted_with_the_same_size(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id)
    offer = next(button for button in app.button if button.label.startswith("Add a random pick"))
    checked(offer.click().run())
    job = job_table.list_jobs(Database(workspace), step="select")[0]
    assert (job.options["method"], job.options["budget"], job.options["seed"]) == ("random", 10, 42)


def test_the_form_says_what_it_would_pick_and_submits_exactly_that(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.number_input(key="select_budget_rows").set_value(12.0).run())
    assert "= 12 of 40 rows, 30 %" in said(app)
    assert "**12** of 40 rows (30 %) · from 4 of 4 clusters" in said(app)
    assert submit_button(app).label == "Select 12 rows"
    checked(submit_button(app).click().run())
    job = job_table.list_jobs(Database(workspace), step="select")[0]
    assert (job.options["budget"], job.options["unit"], job.state) == (12.0, "rows", JobState.QUEUED)
    assert job.job_id in app.query_params["job"]


def test_a_job_that_has_ended_opens_its_selection(workspace: Path, dataset_id: str) -> None:
    done = queue.submit(open_workspace(workspace), dataset_id, "select", {"budget": 10})
    assert done.already_done
    app = open_page("selection", dataset=dataset_id, job=done.job.job_id)
    assert done.job.artifact_id in app.query_params["selection"]
    assert "job" not in app.query_params


def test_what_was_made_before_is_opened_and_not_made_again(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.number_input(key="select_budget_rows").set_value(10.0).run())
    assert submit_button(app).label == "Open this selection"


def test_a_fraction_and_tokens_are_budgets_too(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.segmented_control(key="select_unit").set_value("fraction").run())
    checked(app.number_input(key="select_budget_fraction").set_value(0.5).run())
    assert submit_button(app).label == "Select 20 rows"
    checked(app.segmented_control(key="select_unit").set_value("tokens").run())
    assert "tokens" in said(app)


def test_a_cloned_job_fills_the_form(workspace: Path, dataset_id: str) -> None:
    values = {"budget": 17, "seed": 5, "method_options": {"quota": "equal"}}
    job = queue.submit(open_workspace(workspace), dataset_id, "select", values).job
    app = open_page("selection", dataset=dataset_id, clone=job.job_id)
    suffix = job.job_id[-4:]
    assert app.number_input(key=f"select_budget_{suffix}_rows").value == 17
    assert app.number_input(key=f"select_seed_{suffix}").value == 5
    assert app.segmented_control(key=f"select_kmq_quota_{suffix}").value == "equal"


def test_the_filter_in_the_address_is_what_rows_are_picked_from(workspace: Path, dataset_id: str) -> None:
    scope = ALL_ROWS.and_where("rows", list(range(8))).to_url()
    app = open_page("selection", dataset=dataset_id, scope=scope)
    checked(app.number_input(key="select_budget_rows").set_value(9.0).run())
    assert "8 rows may be picked" in said(app)
    assert "1 of the budget stay unspent: only 8 rows may be picked" in said(app)
    checked(submit_button(app).click().run())
    job = job_table.list_jobs(Database(workspace), step="select")[0]
    frozen = ArtifactStore(workspace).get(dataset_id, "rows", job.inputs["within"])
    assert frozen.summary["n_rows"] == 8


def test_tagged_rows_can_be_pinned(workspace: Path, dataset_id: str) -> None:
    import numpy as np

    add_tag(Database(workspace), dataset_id, "golden", np.asarray([3, 4]), "me")
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.selectbox(key="select_pinned").set_value("tag:golden").run())
    checked(submit_button(app).click().run())
    assert "pinned" in job_table.list_jobs(Database(workspace), step="select")[0].inputs


def test_too_many_pins_are_said_beside_the_button(workspace: Path, dataset_id: str) -> None:
    import numpy as np

    add_tag(Database(workspace), dataset_id, "golden", np.arange(20), "me")
    app = open_page("selection", dataset=dataset_id, view="new")
    checked(app.selectbox(key="select_pinned").set_value("tag:golden").run())
    assert "20 are pinned but the budget is 4" in app.error[0].value
    assert submit_button(app).disabled


def test_without_clusters_the_next_step_is_named(workspace: Path, tmp_path: Path) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    app = open_page("selection", dataset=dataset_id)
    assert "has no clusters yet" in app.info[0].value and not app.error
    assert submit_button(app).disabled
    checked(app.button(key="make_clusters").click().run())
    queued = job_table.list_jobs(Database(workspace), dataset_id=dataset_id)
    assert {job.step for job in queued} - {"import"} == {"embed", "cluster"}


def test_a_selection_that_is_gone_is_said(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id, selection="f00d")
    assert "There is no selection f00d" in app.warning[0].value


@pytest.mark.parametrize("method", list(SELECTORS))
def test_the_form_of_every_method_draws(workspace: Path, dataset_id: str, method: str) -> None:
    title = SELECTORS[method].title
    app = open_page("selection", dataset=dataset_id, view="new", select_method=title)
    assert app.selectbox(key="select_method").value == method
    assert "What it would pick" in said(app)


def test_picks_that_no_score_spoke_for_are_said(workspace: Path, dataset_id: str) -> None:
    assert "picked at random" not in said(open_page("selection", dataset=dataset_id))
    made = ArtifactStore(workspace).list(dataset_id, "selection")[0]
    manifest = made.manifest.model_copy(update={"summary": made.manifest.summary | {"n_forced": 3}})
    (made.path / "manifest.json").write_text(manifest.model_dump_json())
    assert "3 rows had no chance by quality and were picked at random" in said(
        open_page("selection", dataset=dataset_id)
    )


def test_picks_that_hardly_go_by_quality_are_said(workspace: Path, dataset_id: str) -> None:
    made = ArtifactStore(workspace).list(dataset_id, "selection")[0]
    assert "hardly higher than an even draw" not in said(open_page("selection", dataset=dataset_id))
    changed = {"method": "kmq", "quality_gain": 0.04, "n_selected": 60}
    manifest = made.manifest.model_copy(update={"summary": made.manifest.summary | changed})
    (made.path / "manifest.json").write_text(manifest.model_dump_json())
    text = said(open_page("selection", dataset=dataset_id))
    assert "hardly higher than an even draw from the same groups would: 4 % of the way" in text
    assert "Weigh by rank" in text


def test_a_budget_can_be_what_rows_cost(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "priced.jsonl"
    lines = [{"instruction": f"q{i}", "output": f"a{i}", "price": 0.25 * (i + 1)} for i in range(20)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    priced = import_file(workspace, path, name="Priced")
    app = open_page("selection", dataset=priced, view="new", select_method="Random", select_unit="Cost")
    assert app.selectbox(key="select_cost").value == "column:price"
    checked(app.number_input(key="select_budget_cost").set_value(5.5).run())
    assert " of 5.5 by column price" in said(app)
    assert "All rows together: 52.5" in said(app)
    checked(submit_button(app).click().run())
    job = job_table.list_jobs(Database(workspace), step="select")[0]
    assert (job.options["unit"], job.options["cost"], job.options["budget"]) == ("cost", "column:price", 5.5)
    made = run_step(workspace, priced, "select", job.options)
    shown = {metric.label: metric for metric in open_page("selection", dataset=priced, run=made.id).metric}
    assert shown["Cost by column price"].value == f"{made.summary['cost_spent']:,g}"


def test_while_clusters_are_made_a_selection_is_asked_for_and_starts_behind_them(
    workspace: Path, tmp_path: Path
) -> None:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    clusters = queue.submit(open_workspace(workspace), dataset_id, "cluster", {}).job
    app = open_page("selection", dataset=dataset_id, view="new")
    assert submit_button(app).label == "Select then"
    assert "Starts by itself as soon as this has ended: cluster" in said(app)
    checked(submit_button(app).click().run())
    (job,) = job_table.list_jobs(Database(workspace), step="select")
    assert (job.waits_for, job.state) == ((clusters.job_id,), JobState.QUEUED)


def test_a_row_is_explained_and_another_taken_instead_and_back(workspace: Path, dataset_id: str) -> None:
    app = open_page("selection", dataset=dataset_id)
    store = ArtifactStore(workspace)
    picked = store.list(dataset_id, "selection")[0]
    out = next(row for row in range(40) if row not in selected_rows(picked))
    checked(app.number_input(key="why_row").set_value(out).run())
    assert f"Row {out} is not in" in said(app).replace("\\", "")
    other = app.number_input(key=f"why_other_{picked.id}_{out}").value
    checked(app.button(key="why_replace").click().run())
    edited = store.list(dataset_id, "selection")[0]
    assert set(selected_rows(edited)) == set(selected_rows(picked)) - {other} | {out}
    assert edited.id in app.query_params["active"]
    assert f"Replaced by hand: row {other} by row {out}." in said(app).replace("\\", "")
    checked(app.button(key="undo_replace").click().run())
    assert picked.id in app.query_params["active"]
