"""The Refinement page: rounds as they land, and what becomes of a refinement."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.server import open_server
from tamis.actions.refinement_history import WIDE
from tamis.actions.refinements import round_model_curves, rounds_so_far
from tamis.actions.runs import list_runs
from tamis.errors import JobCancelled
from tamis.jobs.folder import JobFolder
from tamis.jobs.scheduler import queue
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.store.artifacts.refinements import read_round_clusters, read_weights, rounds_of
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.names import rename_cluster
from tamis.store.review.decisions import decide, decision_state
from tamis.store.review.frozen_decisions import freeze_decisions
from tamis.store.workspace import open_workspace
from tamis.types import Float64s
from tests.core.llms.conftest import build_model
from tests.pages.page_workspace import (
    alpaca_file,
    button,
    checked,
    import_file,
    jobs_of,
    open_page,
    run_pipeline,
    run_step,
    said,
)
from tests.pages.planted_rounds import drawn_effects, plant

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


@pytest.fixture(autouse=True)
def models_of_the_operator(
    made: tuple[Path, str, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page may name the tiny model, because the operator listed its folder."""
    monkeypatch.setenv("TAMIS_MODEL_FOLDERS", f'["{made[0].parent}"]')


@pytest.fixture
def refined(made: tuple[Path, str, dict[str, object]], workspace: Path) -> tuple[Path, str, Artifact]:
    source, dataset_id, _ = made
    shutil.copytree(source, workspace, dirs_exist_ok=True)
    open_server.clear()
    return workspace, dataset_id, ArtifactStore(workspace).list(dataset_id, "refinement")[0]


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
    open_server.clear()
    values = values | {"seed": 7}
    job = queue.submit(open_workspace(workspace), dataset_id, "refine", values).job
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
    done = queue.submit(open_workspace(workspace), dataset_id, "refine", made[2])
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
    monkeypatch.setattr("pages.parts.refinement.flags.go_to", lambda page, query: sent.append((page, query)))
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
    assert "go by the same random number for a row in a round" in said(app)
    table = next(one.value for one in app.dataframe if "difference" in one.value)
    weights = read_weights(artifact).to_pandas()
    last = weights[weights["round"] == 2]["weight"]
    assert sorted(table["this"]) == pytest.approx(sorted(100 * last))


def test_a_failed_refinement_says_why_and_what_is_kept(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    job = queue.submit(open_workspace(workspace), dataset_id, "refine", made[2] | {"seed": 9}).job
    queue.cancel(open_workspace(workspace), job.job_id)
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
    assert (
        len(
            rounds_so_far(
                open_server().workspace, list_runs(open_server().workspace, dataset_id, "refine")[0]
            )
        )
        == 3
    )
    assert all(store.get(dataset_id, "selection", one) for one in longer.summary["selections"])


def test_an_ended_refinement_is_deleted_with_its_job(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    store = ArtifactStore(workspace)
    values = made[2] | {"seed": 9}
    job = queue.submit(open_workspace(workspace), dataset_id, "refine", values).job
    _stop_in_round_two(workspace, dataset_id, values)
    queue.cancel(open_workspace(workspace), job.job_id)
    before = len(store.list(dataset_id, "refinement_round"))
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    checked(app.button(key=f"delete_{job.artifact_id}").click().run())
    assert not jobs_of(workspace)
    assert len(store.list(dataset_id, "refinement_round")) == before - 1


def test_curves_of_round_models_are_shown_while_they_are_trained(
    made: tuple[Path, str, dict[str, object]], refined: tuple[Path, str, Artifact]
) -> None:
    workspace, dataset_id, _ = refined
    values = made[2] | {"seed": 9, "train": True}
    job = queue.submit(open_workspace(workspace), dataset_id, "refine", values).job
    folder = JobFolder.of(workspace, job.job_id)
    folder.path.mkdir(parents=True)
    for step in range(3):
        folder.add_metric("round 1 loss", 3.0 - step, step)
        folder.add_metric("round 2 loss", 2.0 - step, step)
    app = open_page("refinement", dataset=dataset_id, run=job.artifact_id)
    # Its stage is not "train" yet, or not any more.
    assert "Training of the round models" in said(app)
    (run,) = (one for one in list_runs(open_server().workspace, dataset_id, "refine") if one.artifact is None)
    curves = {n: one.to_pandas() for n, one in round_model_curves(open_server().workspace, run, []).items()}
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
    frozen = freeze_decisions(open_workspace(workspace), dataset_id)
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


def lines_of(app: AppTest) -> Float64s:
    """Effect and both ends of its interval of every cluster, as drawn."""
    return drawn_effects(app)[["effect", "low", "high"]].to_numpy()


def with_intervals(effect: Float64s, deviation: Float64s) -> Float64s:
    return np.stack([effect, effect - WIDE * deviation, effect + WIDE * deviation], axis=1)


def test_every_cluster_is_drawn_with_its_interval_for_every_round(
    refined: tuple[Path, str, Artifact],
) -> None:
    workspace, dataset_id, artifact = refined
    means = [np.array([2.0, 0.0, -2.0, 0.1]), np.array([1.5, 0.1, -1.6, 0.3])]
    history = plant(workspace, artifact, means, n=9, spread=1.0)
    app = open_page("refinement", dataset=dataset_id)
    for number in (2, 1):  # the newest one is shown until another is chosen
        rounds = next(one for one in app.button_group if str(one.key).startswith("effects_"))
        if number == 1:
            checked(rounds.set_value(number).run())
        table = read_round_clusters(history.rounds[number - 1])
        effect, deviation = (table[name].to_numpy() for name in ("effect", "deviation"))
        assert np.ptp(effect) > 1
        assert lines_of(app) == pytest.approx(with_intervals(effect, deviation))
        scored = history.total("n_scored", number)
        assert drawn_effects(app)["rows"].tolist() == scored.tolist()
        assert drawn_effects(app)["below"].to_numpy() == pytest.approx(table["probability_below"].to_numpy())
        effective = history.rounds[number - 1].summary["effective_clusters"]
        assert (
            f"{number} round{'s' * (number > 1)}, {int(scored.sum())} rows scored, {effective:.1f} effective"
            in said(app)
        )
        assert "clear of the others at 95 %" in said(app)


def test_after_one_round_no_rounds_are_said_to_disagree(refined: tuple[Path, str, Artifact]) -> None:
    """What passes for a round's own is then assumed and not measured."""
    workspace, _, artifact = refined
    history = plant(workspace, artifact, [np.array([1.0, -1.0, 0.8, -0.8])] * 2, n=9, spread=2.0)
    for number in (1, 2):
        evidence = history.evidence(number)
        assert evidence is not None
        assert evidence.seen_twice == (number == 2)
        told = replace(evidence, told=False, rows_to_tell=np.full(4, -1.0), chance=0.5, between=0.4).said()
        assert ("Rounds disagree with each other" in told) == evidence.seen_twice
        assert ("One round does not show what of it lasts" in told) != evidence.seen_twice
        untested = replace(evidence, told=False, chance=1.0, between=0.4).said()
        assert "by chance" not in untested


def test_where_nothing_is_told_that_is_said_and_what_was_measured_is_drawn(
    refined: tuple[Path, str, Artifact],
) -> None:
    workspace, dataset_id, artifact = refined
    history = plant(workspace, artifact, [np.array([0.1, 0.0, -0.1, 0.0])] * 2, n=9, spread=2.0)
    evidence = history.evidence()
    assert evidence is not None
    assert not evidence.told
    assert not evidence.effect.any()
    # The means of 18 rows less the common one, in deviations of a row: an interval of no width would look certain.
    assert evidence.measured == pytest.approx(np.array([0.05, 0.0, -0.05, 0.0]))
    assert evidence.measured_deviation == pytest.approx(1 / np.sqrt(18))
    app = open_page("refinement", dataset=dataset_id)
    assert "cannot be told from noise yet" in said(app)
    assert "differences as measured" in said(app)
    assert lines_of(app) == pytest.approx(with_intervals(evidence.measured, evidence.measured_deviation))


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
    (run,) = (one for one in list_runs(open_server().workspace, dataset_id, "refine") if one.artifact is None)
    assert len(rounds_so_far(open_server().workspace, run)) == 1


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


def test_a_pooled_run_says_what_lasts_and_how_many_clusters_count(
    refined: tuple[Path, str, Artifact],
) -> None:
    _, dataset_id, artifact = refined
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    assert "What lasts over the rounds" in said(app)
    labels = [metric.label for metric in app.metric]
    assert "Effective clusters" in labels
    assert "Rank correlation" not in labels
    rounds = rounds_of(ArtifactStore(refined[0]), artifact)
    told = bool(rounds[-1].summary["told"])
    assert ("cannot be told from noise yet" in said(app)) == (not told)


def test_a_run_of_one_round_at_a_time_shows_how_its_rounds_agree(
    made: tuple[Path, str, dict[str, object]], workspace: Path
) -> None:
    source, dataset_id, values = made
    shutil.copytree(source, workspace, dirs_exist_ok=True)
    open_server.clear()
    artifact = run_step(workspace, dataset_id, "refine", values | {"mode": "tamis"})
    app = open_page("refinement", dataset=dataset_id, run=artifact.id)
    assert "What lasts over the rounds" not in said(app)
    assert "Rank correlation" in [metric.label for metric in app.metric]
