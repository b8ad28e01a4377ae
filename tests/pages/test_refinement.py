"""The Refinement page: a form that says what it would do, rounds as they land, and what becomes of a refinement."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import JobCancelled
from core.jobs import queue, rows
from core.jobs.folder import JobFolder
from core.jobs.model import Job, JobState
from core.steps.execute import Task, execute
from core.steps.plan import plan_step
from core.store.artifacts import Artifact, ArtifactStore
from core.store.database import Database
from core.store.decisions import decide, decision_state
from core.store.frozen_decisions import freeze_decisions
from core.store.names import rename_cluster
from core.store.refinements import read_weights
from pages.shared.refine_curves import guide_curves
from pages.shared.refine_outlook import say_run_out
from pages.shared.refine_preview import rows_per_round
from pages.shared.refine_runs import refine_runs, rounds_so_far
from pages.shared.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.pages.page_workspace import (
    alpaca_file,
    checked,
    import_file,
    open_page,
    run_pipeline,
    run_step,
    said,
)

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, object]]:
    """A workspace with a finished cheap refinement of two rounds."""
    folder = tmp_path_factory.mktemp("refined")
    workspace = folder / "workspace"
    dataset_id = import_file(workspace, alpaca_file(folder))
    run_pipeline(workspace, dataset_id)
    values: dict[str, object] = {
        "rounds": 2,
        "budget": 12,
        "train": False,
        "max_new_tokens": 6,
        "model": str(build_model(folder / "tiny")),
        "model_options": {"dtype": "float32", "device": "cpu"},
        "scorer_options": {"response_words": 6, "prompt_words": 8},
    }
    run_step(workspace, dataset_id, "refine", values)
    return workspace, dataset_id, values


@pytest.fixture
def refined(made: tuple[Path, str, dict[str, object]], workspace: Path) -> tuple[Path, str, Artifact]:
    source, dataset_id, _ = made
    shutil.copytree(source, workspace, dirs_exist_ok=True)
    open_workspace.clear()
    return workspace, dataset_id, ArtifactStore(workspace).list(dataset_id, "refinement")[0]


@pytest.fixture
def unrefined(workspace: Path, tmp_path: Path) -> str:
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    return dataset_id


def jobs_of(workspace: Path, step: str = "refine") -> list[Job]:
    return rows.list_jobs(Database(workspace), step=step)


def button(app: AppTest, label: str) -> object:
    return next(one for one in app.button if one.label.startswith(label))


def cheap_form(dataset_id: str) -> AppTest:
    app = open_page("refinement", dataset=dataset_id, view="new")
    return checked(app.toggle(key="refine_train").set_value(False).run())


def test_the_form_says_what_every_round_would_take(workspace: Path, unrefined: str) -> None:
    app = open_page("refinement", dataset=unrefined)
    checked(app.number_input(key="refine_budget").set_value(10.0).run())
    table = next(one.value for one in app.dataframe if "adds" in one.value)
    assert table["adds"].tolist() == [4, 3, 3]
    assert table["trains"].tolist() == [4, 7, 10]
    assert table["answers"].tolist() == [4, 3, 3]
    assert "Together 21 rows are read in training and 10 prompts answered" in said(app)
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
    assert rows_per_round((4, 3, 3), n_pool=40, n_owed=2).tolist() == [6, 3, 3]
    assert rows_per_round((4, 3, 3), n_pool=5).tolist() == [4, 1, 0]


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
    assert "has no clustering yet" in app.error[0].value
    assert button(app, "Refine in").disabled


def test_without_the_training_packages_the_cheap_mode_is_offered(
    workspace: Path, unrefined: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.shared.refine_form.missing_packages", lambda extra: ["trl"])
    app = open_page("refinement", dataset=unrefined)
    assert "Training needs trl" in app.error[0].value
    assert "cheap mode" in app.error[0].value
    checked(app.toggle(key="refine_train").set_value(False).run())
    assert not app.error


def test_a_finished_refinement_is_shown_with_its_numbers(refined: tuple[Path, str, Artifact]) -> None:
    _, dataset_id, artifact = refined
    app = open_page("refinement", dataset=dataset_id)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Rows"] == "12"
    assert shown["Flags"] == f"{artifact.summary['n_flags']:,}"
    assert artifact.id in said(app)
    assert "nothing was trained" in said(app)


@pytest.mark.parametrize("part", ["Movers", "Map", "Flagged rows", "Rounds", "Compare", "Options"])
def test_every_part_draws(refined: tuple[Path, str, Artifact], part: str) -> None:
    _, dataset_id, _ = refined
    app = open_page("refinement", dataset=dataset_id, part=part)
    assert app.session_state["part"] == part
    assert not app.error


def test_rounds_of_a_job_under_way_are_shown_as_they_land(
    made: tuple[Path, str, dict[str, object]], workspace: Path
) -> None:
    source, dataset_id, values = made
    shutil.copytree(source, workspace, dirs_exist_ok=True)
    open_workspace.clear()
    values = values | {"seed": 7}
    job = queue.submit(Database(workspace), ArtifactStore(workspace), dataset_id, "refine", values).job
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    assert "appear here with the first of 2 rounds" in said(app)
    _stop_in_round_two(workspace, dataset_id, values)
    checked(app.run())
    assert "1 of 2 rounds finished" in said(app)
    assert any("flags" in one.value and "new" in one.value for one in app.dataframe)


def test_more_rounds_leave_a_cluster_out_and_respect_the_decisions(
    refined: tuple[Path, str, Artifact],
) -> None:
    workspace, dataset_id, artifact = refined
    decide(Database(workspace), dataset_id, 3, verdict="drop", via="reject", reviewer="me")
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    checked(app.multiselect(key=f"more_excluded_{artifact.id}").set_value([1]).run())
    checked(app.button(key="add_rounds").click().run())
    (job,) = jobs_of(workspace)
    assert (job.options["rounds"], job.options["budget"]) == (1, 6)
    assert job.options["cluster_factors"] == {"1": "excluded"}
    assert job.inputs["continue_from"] == artifact.id
    assert "decisions" in job.inputs
    assert job.artifact_id in app.query_params["run"]
    assert "2 of 3 rounds finished" in said(app)


def test_the_form_continues_a_refinement_with_its_own_options(refined: tuple[Path, str, Artifact]) -> None:
    workspace, dataset_id, artifact = refined
    app = open_page("refinement", dataset=dataset_id, **{"continue": artifact.id})
    assert any("2 rounds and 12 rows stay" in one.value for one in app.info)
    checked(button(app, "Refine in 1 round").click().run())
    (job,) = jobs_of(workspace)
    assert job.inputs["continue_from"] == artifact.id
    assert job.options["max_new_tokens"] == 6
    assert not job.options["train"]


def test_what_was_made_before_is_opened_and_not_made_again(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, artifact = refined
    done = queue.submit(Database(workspace), ArtifactStore(workspace), dataset_id, "refine", made[2])
    assert done.already_done
    app = open_page("refinement", dataset=dataset_id, clone=done.job.job_id)
    assert button(app, "Open this refinement")


def test_controls_of_the_same_size_are_submitted_with_a_comparison(
    refined: tuple[Path, str, Artifact],
) -> None:
    workspace, dataset_id, artifact = refined
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    button(app, "Compare with controls").click().run()
    drawn = {job.options["method"]: job.options["budget"] for job in jobs_of(workspace, "select")}
    assert drawn == {"kmq": 12, "random": 12, "km_random": 12}
    (comparison,) = jobs_of(workspace, "compare")
    assert artifact.summary["selection"] in comparison.inputs.values()


def test_flagged_rows_are_dropped_as_one_decision(refined: tuple[Path, str, Artifact]) -> None:
    workspace, dataset_id, artifact = refined
    app = open_page("refinement", dataset=dataset_id, part="Flagged rows")
    flagged = next(one.value for one in app.dataframe if "reason" in one.value)
    assert len(flagged)
    checked(app.button(key="drop_flagged").click().run())
    decided = decision_state(Database(workspace), dataset_id).decided
    assert set(decided) == set(flagged["row"])
    assert {one.verdict for one in decided.values()} == {"drop"}


def test_flagged_rows_are_sent_to_review_as_the_scope_of_new_proposals(
    refined: tuple[Path, str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dataset_id, _ = refined
    sent: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("pages.shared.refine_flags.go_to", lambda page, query: sent.append((page, query)))
    app = open_page("refinement", dataset=dataset_id, part="Flagged rows")
    flagged = next(one.value for one in app.dataframe if "reason" in one.value)
    button = next(one for one in app.button if one.label == "Send to review")
    assert not checked(button.click().run()).error
    ((page, query),) = sent
    assert (page, query["view"]) == ("review", "new")
    review = open_page(page, **query)
    n_rows = flagged["row"].nunique()
    assert f"{n_rows} row" in " ".join(one.label for one in review.button) + said(review)


def test_two_refinements_are_held_beside_each_other(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, artifact = refined
    run_step(workspace, dataset_id, "refine", made[2] | {"control": "random"})
    app = open_page("refinement", dataset=dataset_id, run=artifact.id, part="Compare")
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Picked by this"], shown["Picked by the other"]) == ("12", "12")
    table = next(one.value for one in app.dataframe if "difference" in one.value)
    weights = read_weights(artifact).to_pandas()
    last = weights[weights["round"] == 2]["weight"]
    assert sorted(table["this"]) == pytest.approx(sorted(100 * last))


def test_a_failed_refinement_says_why_and_what_is_kept(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    database = Database(workspace)
    job = queue.submit(database, ArtifactStore(workspace), dataset_id, "refine", made[2] | {"seed": 9}).job
    queue.cancel(database, ArtifactStore(workspace), job.job_id)
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    assert any("0 rounds finished and kept" in one.value for one in app.warning)
    assert button(app, "Resume")


def test_a_finished_refinement_is_deleted_with_what_only_it_has(refined: tuple[Path, str, Artifact]) -> None:
    workspace, dataset_id, artifact = refined
    store = ArtifactStore(workspace)
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    assert "2 rounds with answers and scores, 2 selections" in said(app)
    checked(app.button(key=f"delete_{artifact.id}").click().run())
    assert not store.list(dataset_id, "refinement")
    assert not store.list(dataset_id, "refinement_round")
    assert not [one for one in store.list(dataset_id, "selection") if one.manifest.step == "refine"]


def test_rounds_that_another_refinement_shares_stay(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, artifact = refined
    longer = run_step(workspace, dataset_id, "refine", made[2] | {"rounds": 3, "budget": 18})
    assert longer.summary["rounds"][:2] == artifact.summary["rounds"]
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    assert "2 rounds that another refinement or model is built on" in said(app)
    checked(app.button(key=f"delete_{artifact.id}").click().run())
    store = ArtifactStore(workspace)
    assert [one.id for one in store.list(dataset_id, "refinement")] == [longer.id]
    assert len(rounds_so_far(store, refine_runs(open_workspace(), dataset_id)[0])) == 3
    assert all(store.get(dataset_id, "selection", one) for one in longer.summary["selections"])


def test_an_ended_refinement_is_deleted_with_its_job(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    database, store = Database(workspace), ArtifactStore(workspace)
    values = made[2] | {"seed": 9}
    job = queue.submit(database, store, dataset_id, "refine", values).job
    _stop_in_round_two(workspace, dataset_id, values)
    queue.cancel(database, store, job.job_id)
    before = len(store.list(dataset_id, "refinement_round"))
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    checked(app.button(key=f"delete_{job.artifact_id}").click().run())
    assert not jobs_of(workspace)
    assert len(store.list(dataset_id, "refinement_round")) == before - 1


def test_curves_of_guides_are_shown_while_they_are_trained(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    values = made[2] | {"seed": 9, "train": True}
    job = queue.submit(Database(workspace), ArtifactStore(workspace), dataset_id, "refine", values).job
    folder = JobFolder.of(workspace, job.job_id)
    folder.path.mkdir(parents=True)
    for step in range(3):
        folder.add_metric("round 1 loss", 3.0 - step, step)
        folder.add_metric("round 2 loss", 2.0 - step, step)
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    # Its stage is not "train" yet, or not any more.
    assert "Training of the guides" in said(app)
    (run,) = (one for one in refine_runs(open_workspace(), dataset_id) if one.artifact is None)
    curves = guide_curves(open_workspace(), run, [])
    assert curves[2]["value"].tolist() == [2.0, 1.0, 0.0]
    assert set(curves[1]["name"]) == {"loss"}


def test_excluded_and_pinned_clusters_are_marked_in_the_heat_map(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    values = made[2] | {"cluster_factors": {"1": "excluded", "2": "pinned"}}
    run_step(workspace, dataset_id, "refine", values)
    app = open_page("refinement", dataset=dataset_id)
    figure = orjson.loads(app.get("plotly_chart")[0].proto.spec)
    ticks = figure["layout"]["yaxis"]["ticktext"]
    assert [sum(word in tick for tick in ticks) for word in ("excluded", "pinned")] == [1, 1]
    assert len(figure["data"]) == 2
    assert "Grey: excluded by hand" in said(app)


def test_the_export_of_a_refinement_with_decisions_writes_what_was_trained_on(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    turns = ({"role": "user", "content": "Asked?"}, {"role": "assistant", "content": "Corrected."})
    for row in range(40):
        decide(
            Database(workspace), dataset_id, row, verdict="replace", via="edit", reviewer="me", messages=turns
        )
    frozen = freeze_decisions(ArtifactStore(workspace), Database(workspace), dataset_id)
    assert frozen is not None
    done = run_step(workspace, dataset_id, "refine", made[2] | {"decisions": frozen.id})
    app = open_page("export_data", dataset=dataset_id, rows="selection", selection=done.summary["selection"])
    assert "12 of these rows are written as corrected" in said(app)
    assert any("Corrected." in one.value for one in app.code)
    checked(app.button_group(key="export_version").set_value("none").run())
    assert not any("Corrected." in one.value for one in app.code)


def test_a_refinement_that_is_gone_is_said(refined: tuple[Path, str, Artifact]) -> None:
    app = open_page("refinement", dataset=refined[1], run="f00d")
    assert "There is no refinement f00d" in app.warning[0].value


class _StopsInRoundTwo:
    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        if stage.startswith("round 2/2: generate"):
            raise JobCancelled("stopped")

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing to do."""


def _stop_in_round_two(workspace: Path, dataset_id: str, values: dict[str, object]) -> None:
    store = ArtifactStore(workspace)
    plan = plan_step(store, dataset_id, "refine", values)
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, "refine", options, plan.inputs, plan.input_kinds, plan.artifact_id)
    with pytest.raises(JobCancelled):
        execute(store, task, _StopsInRoundTwo())
    (run,) = (one for one in refine_runs(open_workspace(), dataset_id) if one.artifact is None)
    assert len(rounds_so_far(store, run)) == 1


def test_other_pages_take_what_a_round_selected(refined: tuple[Path, str, Artifact]) -> None:
    workspace, dataset_id, artifact = refined
    first = artifact.summary["selections"][0]
    app = open_page("selection", dataset=dataset_id, selection=first)
    assert next(one.value for one in app.metric if one.label == "Rows") == "6"
    values = {"selections": artifact.summary["selections"], "quality": "alignment"}
    comparison = run_step(workspace, dataset_id, "compare", values)
    assert not open_page("compare", dataset=dataset_id, comparison=comparison.id).error
    assert not open_page("export_data", dataset=dataset_id, rows="selection", selection=first).error


def test_names_of_clusters_are_never_read_as_markup(refined: tuple[Path, str, Artifact]) -> None:
    workspace, dataset_id, artifact = refined
    (clustering,) = ArtifactStore(workspace).list(dataset_id, "clustering")
    for cluster_id in range(4):
        name = f"<b>{cluster_id}</b> **bold** $x$"
        rename_cluster(Database(workspace), clustering, cluster_id, name, "me")
    app = open_page("refinement", dataset=dataset_id, run=artifact.id, part="Movers")
    rows_of = [one.value for one in app.markdown if one.value.startswith("Rows of")]
    assert rows_of
    assert all(r"\<b\>" in one and r"\*\*bold\*\*" in one for one in rows_of)
