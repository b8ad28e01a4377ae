"""The Fine-tune page: what to train on what, a run under way, a failed one, and a finished one with its parts."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pages.parts.finetuning.results import KINDS, labelled_clusters
from pages.parts.finetuning.tasks import task_table
from tamis.actions.evaluations import VERDICT_RULE
from tamis.actions.learned_tokens import LearnedRow, TokenText
from tamis.actions.remedies import smaller_batch
from tamis.actions.token_losses import RowLosses
from tamis.actions.votes import left_is, vote_order
from tamis.errors import CurationError
from tamis.jobs import job_table
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobState
from tamis.jobs.scheduler import queue
from tamis.store.artifacts.digests import unsealed
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.database.tags import add_tag
from tamis.store.database.votes import votes
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.fine_tuned import HOSTILE, write_adapter, write_round_model
from tests.pages.page_workspace import (
    alpaca_file,
    checked,
    import_file,
    jobs_of,
    open_page,
    run_pipeline,
    said,
)
from tests.support.chat_templates import merging_tokenizer

REVIEWER = "local"  # who acts where there are no accounts; a login that no account is for names nobody


@pytest.fixture
def bare(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


@pytest.fixture
def dataset_id(workspace: Path, bare: str) -> str:
    run_pipeline(workspace, bare)
    return bare


def submitted(workspace: Path, dataset_id: str) -> Job:
    (job,) = job_table.list_jobs(Database(workspace), dataset_id=dataset_id, step="finetune")
    return job


def put(workspace: Path, job: Job, **columns: object) -> None:
    with Database(workspace).writing() as connection:
        assert job_table.change(connection, job, columns)


def queued(workspace: Path, dataset_id: str, **values: object) -> Job:
    return queue.submit(open_workspace(workspace), dataset_id, "finetune", values).job


def words(app) -> str:
    return said(app).replace("\\", "")


def test_without_anything_selected_the_form_says_so_and_offers_the_whole_dataset(
    workspace: Path, bare: str
) -> None:
    app = open_page("finetuning", dataset=bare)
    assert "Nothing is selected yet" in words(app)
    assert app.button(key="submit_finetune").label == "Fine-tune on 40 rows"


def test_what_it_will_take_is_said_before_it_starts(workspace: Path, dataset_id: str) -> None:
    app = open_page("finetuning", dataset=dataset_id)
    shown = {one.label: one.value for one in app.metric}
    # A tenth of the ten selected rows is held out; nine rows in steps of four times two, three times.
    assert shown["Rows"] == "9"
    assert shown["Steps"] == "6"
    assert "Every row fits into 1,024 tokens" in words(app)
    steps = next(one for one in app.metric if one.label == "Steps")
    assert steps.delta == "2 × 4 rows each, 3 passes"


def test_a_smoke_test_is_the_same_run_in_small(workspace: Path, dataset_id: str) -> None:
    app = open_page("finetuning", dataset=dataset_id)
    checked(app.number_input(key="finetune_sft_lora_max_length").set_value(512).run())
    checked(app.button(key="smoke_finetune").click().run())
    (job,) = jobs_of(workspace, "finetune")
    recipe = job.options["recipe_options"]
    assert (recipe["max_steps"], recipe["max_length"]) == (2, 512)
    assert (job.options["n_generate"], job.options["max_held_out"], job.options["lm_eval_tasks"]) == (
        2,
        4,
        [],
    )


def test_what_is_learned_of_a_row_is_shown_without_a_model_and_its_text_stays_text(
    workspace: Path, bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    monkeypatch.setenv("TAMIS_MODEL_FOLDERS", f'["{tmp_path}"]')
    merging_tokenizer("qwen3").save_pretrained(model)
    (model / "config.json").write_text('{"max_position_embeddings": 4096}')
    app = open_page(
        "finetuning",
        dataset=bare,
        finetune_way="Folder or hub id",
        finetune_model=str(model),
        finetune_learned="true",
    )
    app = checked(app.button(key="link_take_finetune_model").click().run())
    (shown,) = [one.proto.body for one in app.get("html") if "learned-row" in one.proto.body]
    assert "&lt;|im_start|&gt;" in shown
    assert "background:rgba(20,160,130,0.42)" in shown
    assert "tokens are learned." in words(app)


def test_rows_that_are_too_long_are_said_before_it_starts(workspace: Path, dataset_id: str) -> None:
    app = open_page("finetuning", dataset=dataset_id)
    app = checked(app.number_input(key="finetune_sft_lora_max_length").set_value(12).run())
    assert "(100 %) are longer than 12 tokens (max_length) and are cut there" in words(app)
    app = checked(app.toggle(key="finetune_sft_lora_drop_longer").set_value(True).run())
    assert "are left out" in words(app)


def test_the_button_submits_exactly_what_the_form_says(workspace: Path, dataset_id: str) -> None:
    app = open_page("finetuning", dataset=dataset_id)
    app.number_input(key="finetune_sft_lora_lora_r").set_value(4).run()
    app = checked(app.button(key="submit_finetune").click().run())
    job = submitted(workspace, dataset_id)
    (selection,) = ArtifactStore(workspace).list(dataset_id, "selection")
    assert job.inputs["selection"] == selection.id
    assert job.options["recipe_options"]["lora_r"] == 4
    assert job.options["model"] == "smollm2"
    assert app.query_params["run"] == job.artifact_id
    assert "Fine-tune · waiting for its turn" in [bar.proto.text for bar in app.get("progress")]


def test_a_tag_is_frozen_when_the_run_is_submitted(workspace: Path, dataset_id: str) -> None:
    database = Database(workspace)
    add_tag(database, dataset_id, "good", [3, 5, 8, 13], reviewer=REVIEWER)
    app = open_page("finetuning", dataset=dataset_id, rows="tag", tag="good")
    checked(app.button(key="submit_finetune").click().run())
    frozen = ArtifactStore(workspace).get(
        dataset_id, "rows", submitted(workspace, dataset_id).inputs["within"]
    )
    assert frozen.summary == {"label": "tag:good", "n_rows": 4}


@pytest.mark.parametrize(
    ("typed", "problem"),
    [("", "Name the folder of a model"), ("/no/such/model", "is outside the folders"), ("./no/such/model", "There is no file or folder"), ("nobody/nothing", "hub is switched off")],
)  # fmt: skip
def test_a_model_that_is_not_there_is_said_before_it_is_submitted(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch, typed: str, problem: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    app = open_page("finetuning", dataset=dataset_id, finetune_way="Folder or hub id")
    if typed:
        app = checked(app.text_input(key="finetune_model").set_value(typed).run())
    assert app.button(key="submit_finetune").disabled
    assert problem in words(app)


def test_missing_packages_are_named_with_the_way_to_get_them(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.shared.forms.finetune_form.missing_packages", lambda extra: ["trl", "peft"])
    app = open_page("finetuning", dataset=dataset_id)
    assert app.button(key="submit_finetune").disabled
    assert "needs trl, peft: run pip install 'tamis[finetune]'" in words(app)


def test_a_run_under_way_shows_its_curves(workspace: Path, dataset_id: str) -> None:
    job = queued(workspace, dataset_id)
    put(workspace, job, state=JobState.RUNNING)
    folder = JobFolder.of(workspace, job.job_id)
    folder.path.mkdir(parents=True)
    for step in range(3):
        folder.add_metric("loss", 3.0 - step, step)
        folder.add_metric("learning_rate", 1e-4, step)
    app = open_page("finetuning", dataset=dataset_id, run=job.artifact_id)
    assert any(button.label == "Cancel" for button in app.button)
    assert {"**Loss**", "**Learning rate**"} <= {one.value for one in app.markdown}
    assert app.dataframe[0].value["state"].tolist() == ["Running"]


def test_a_run_out_of_memory_can_be_run_with_smaller_batches(workspace: Path, dataset_id: str) -> None:
    batches = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    job = queued(workspace, dataset_id, recipe_options=batches)
    reason = "Training did not fit into memory. Lower per_device_train_batch_size."
    put(workspace, job, state=JobState.FAILED, error_kind=ErrorKind.REQUEST, reason=reason)
    app = open_page("finetuning", dataset=dataset_id, run=job.artifact_id)
    assert reason in words(app)
    button = next(one for one in app.button if one.label == "Run with batches of 2")
    checked(button.click().run())
    newest = job_table.list_jobs(Database(workspace), dataset_id=dataset_id, step="finetune")[0]
    assert newest.options["recipe_options"]["per_device_train_batch_size"] == 2
    assert newest.options["recipe_options"]["gradient_accumulation_steps"] == 4
    assert newest.inputs == job.inputs


def test_halving_a_batch_keeps_the_rows_of_a_step() -> None:
    options = {"recipe_options": {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 3}}
    halved = smaller_batch(options)["recipe_options"]
    assert halved["per_device_train_batch_size"] == 2
    assert halved["per_device_train_batch_size"] * halved["gradient_accumulation_steps"] >= 15
    assert smaller_batch({"recipe_options": {"per_device_train_batch_size": 1}}) is None


def test_a_failed_run_can_be_resumed_in_place(workspace: Path, dataset_id: str) -> None:
    job = queued(workspace, dataset_id)
    put(workspace, job, state=JobState.FAILED, error_kind=ErrorKind.LOST, reason="Its process went away.")
    app = open_page("finetuning", dataset=dataset_id)
    checked(next(one for one in app.button if one.label == "Resume").click().run())
    assert submitted(workspace, dataset_id).state is JobState.QUEUED


def test_a_finished_run_shows_loss_per_cluster(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id)
    shown = {one.label: (one.value, one.delta) for one in app.metric}
    before, after = adapter.summary["base_loss"], adapter.summary["loss"]
    assert shown["Held-out loss"] == (f"{after:.3f}", f"{after - before:+.3f}")
    assert shown["Exact match"][0] == "100 %"
    clusters = app.dataframe[1].value
    assert clusters["cluster"].iloc[0] == "All held-out rows"
    assert clusters["n"].iloc[0] == 8 == clusters["n"].iloc[1:].sum()
    assert clusters["change"].iloc[1:].is_monotonic_increasing
    assert "3 were cut at 64 tokens and 1 left out" in words(app)


def test_the_loss_that_became_no_number_is_explained(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = write_adapter(workspace, dataset_id)
    manifest = adapter.path / "manifest.json"
    manifest.write_text(
        unsealed(manifest.read_bytes())
        .decode()
        .replace('"stopped":""', '"stopped":"nan loss"')
        .replace('"stopped": ""', '"stopped": "nan loss"')
    )
    app = open_page("finetuning", dataset=dataset_id)
    assert "the last good checkpoint is kept" in words(app)


def test_answers_stand_side_by_side_and_their_text_is_never_markup(workspace: Path, dataset_id: str) -> None:
    write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, part="Answers", answer="0")
    texts = [one.value for one in app.text]
    assert [HOSTILE, "Answer 0", "Base 0", f"Tuned 0 {HOSTILE}"] == texts
    assert not any("<script>" in str(one.value) for one in [*app.markdown, *app.caption])
    app = checked(next(one for one in app.button if one.key == "answer_Next").click().run())
    assert "Base 0" not in [one.value for one in app.text]


def test_tokens_are_shaded_by_loss_and_their_text_is_never_markup(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = write_adapter(workspace, dataset_id)
    pieces = [("Hi?", 0.0), ("Yes", 1.0), (HOSTILE, 1.0)]
    learned = LearnedRow(
        0, "smollm2", tuple(TokenText(text, (i,), weight, asked=not weight, read=True) for i, (text, weight) in enumerate(pieces)),
        3, 2, 64,
    )  # fmt: skip
    asked: list[tuple[int, str]] = []

    def losses(_workspace: Workspace, _dataset: str, row: int, *, run_id: str) -> RowLosses:
        asked.append((row, run_id))
        return RowLosses(learned, run_id, (math.nan, 2.0, 1.0), (math.nan, 1.0, 3.0))

    monkeypatch.setattr("pages.parts.finetuning.tokens.token_losses", losses)
    app = open_page("finetuning", dataset=dataset_id, part="Tokens", token_by="Change")
    assert asked == [(0, adapter.id)]
    assert "Row 0: mean loss of a learned token 1.500 before, 2.000 after the run." in words(app)
    (drawn,) = [one.proto.body for one in app.get("html") if "token-losses" in one.proto.body]
    assert "<script>" not in drawn
    assert 'title="2.00 before, 1.00 after"' in drawn
    assert "20,160,130,0.15" in drawn  # one nat less, of four
    assert 'title="nothing before it"' in drawn


def test_a_vote_hides_who_wrote_what_until_it_is_given(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, part="Blind vote")
    order = vote_order(adapter.id, REVIEWER, list(range(6)))
    first = order[0]
    tuned, base = f"Tuned {first} {HOSTILE}", f"Base {first}"
    left = left_is(adapter.id, REVIEWER, first)
    shown = [one.value for one in app.text if one.value in (tuned, base)]
    assert shown == ([tuned, base] if left == "tuned" else [base, tuned])
    assert "tuned model" not in words(app).split("Blind vote")[-1].lower()
    app = checked(next(one for one in app.button if one.label == "A is better").click().run())
    (cast,) = votes(Database(workspace), dataset_id, adapter.id)
    assert (cast.example_id, cast.winner, cast.left_was) == (first, left, left)
    assert f"Row {first}: You chose **the {left} model**; A was the {left} model." in words(app)
    assert "1 of 6 pairs voted on by local" in app.get("progress")[0].proto.text


def test_a_vote_can_be_taken_back(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, part="Blind vote")
    app = checked(next(one for one in app.button if one.label == "Equally good").click().run())
    checked(app.button(key="vote_undo").click().run())
    assert votes(Database(workspace), dataset_id, adapter.id) == []


def test_after_the_last_vote_the_win_rate_is_shown(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id, n_answers=2)
    app = open_page("finetuning", dataset=dataset_id, part="Blind vote")
    for row in vote_order(adapter.id, REVIEWER, [0, 1]):
        better = "A is better" if left_is(adapter.id, REVIEWER, row) == "tuned" else "B is better"
        app = checked(next(one for one in app.button if one.label == better).click().run())
    assert "Every pair has your vote." in words(app)
    # Two of two: Wilson's interval reaches from 34 % to 100 %.
    assert "**100 %** of 2 votes for the tuned model (between 34 % and 100 %)" in words(app)


def test_sides_are_spread_over_left_and_right() -> None:
    sides = [left_is("run", REVIEWER, row) for row in range(400)]
    assert 150 < sides.count("tuned") < 250
    assert vote_order("run", REVIEWER, list(range(50))) != list(range(50))


def test_curves_of_other_runs_are_drawn_over(workspace: Path, dataset_id: str) -> None:
    first = write_adapter(workspace, dataset_id)
    second = write_adapter(workspace, dataset_id, values={"seed": 7})
    app = open_page("finetuning", dataset=dataset_id, run=first.id, part="Curves")
    app = checked(app.multiselect(key="beside").set_value([second.id]).run())
    assert "Dashed with dots: held out" in words(app)


def test_a_run_is_deleted_with_its_weights(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, run=adapter.id)
    app = checked(app.button(key=f"delete_{adapter.id}").click().run())
    assert ArtifactStore(workspace).find(dataset_id, "adapter", adapter.id) is None
    assert app.button(key="submit_finetune").label == "Fine-tune on 10 rows"


def test_a_finished_run_says_how_to_use_it_as_a_language_model(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id)
    assert f"adapter:{adapter.id}" in [one.value for one in app.code]


def test_training_further_starts_the_form_with_the_adapter(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, view="new", model=f"adapter:{adapter.id}")
    checked(app.button(key="submit_finetune").click().run())
    assert submitted(workspace, dataset_id).options["model"] == f"adapter:{adapter.id}"


def test_the_same_rows_can_be_held_out_again(workspace: Path, dataset_id: str) -> None:
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, view="new", rows="whole")
    app = checked(app.selectbox(key="finetune_held_out").set_value(adapter.id).run())
    assert {one.label: one.value for one in app.metric}["Rows"] == "32"
    checked(app.button(key="submit_finetune").click().run())
    frozen = ArtifactStore(workspace).get(
        dataset_id, "rows", submitted(workspace, dataset_id).inputs["held_out"]
    )
    assert frozen.summary["n_rows"] == 8


def test_a_link_to_a_run_that_is_gone_shows_the_newest(workspace: Path, dataset_id: str) -> None:
    write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, run="feed")
    assert "There is no run feed" in words(app)
    assert len(app.metric)


def test_without_held_out_rows_there_is_nothing_to_measure(workspace: Path, dataset_id: str) -> None:
    write_adapter(workspace, dataset_id, values={"held_out_fraction": 0.0}, n_held_out=0)
    app = open_page("finetuning", dataset=dataset_id)
    assert "Nothing was held out" in words(app)


@pytest.mark.parametrize("verdict", ["better", "worse", "not clear"])
def test_a_cluster_has_the_colour_of_its_verdict_and_not_of_its_change(verdict: str) -> None:
    line = {"cluster": ["a"], "n": [3], "change": [-0.4], "verdict": [verdict]}
    assert labelled_clusters(pd.DataFrame(line))["kind"].tolist() == [verdict.capitalize()]
    assert KINDS["Not clear"] not in (KINDS["Better"], KINDS["Worse"])


def test_the_rule_of_verdicts_is_said_beside_them(workspace: Path, dataset_id: str) -> None:
    write_adapter(workspace, dataset_id)
    assert VERDICT_RULE in words(open_page("finetuning", dataset=dataset_id))


def test_the_folder_of_a_merge_is_looked_at_before_it_starts(
    workspace: Path, dataset_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_MODEL_FOLDERS", f'["{tmp_path}"]')
    adapter = write_adapter(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id)
    merge, into = f"merge_{adapter.id}", f"merge_into_{adapter.id}"
    assert not app.button(key=merge).disabled
    app = checked(app.text_input(key=into).set_value(str(tmp_path)).run())
    assert app.button(key=merge).disabled
    assert "is there already: name a new folder" in words(app)
    app = checked(app.text_input(key=into).set_value("merged").run())
    assert "Name the whole path" in words(app)
    app = checked(app.text_input(key=into).set_value("/tmp/elsewhere").run())
    assert "TAMIS_MODEL_FOLDERS" in words(app)
    assert not [one for one in app.button if one.key == merge]


def test_a_merge_that_fails_says_why(
    workspace: Path, dataset_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_MODEL_FOLDERS", f'["{tmp_path}"]')
    adapter = write_adapter(workspace, dataset_id)

    def merge(*given: object) -> None:
        raise CurationError("No room is left on the disk.")

    monkeypatch.setattr("pages.parts.finetuning.actions.merge_elsewhere", merge)
    app = open_page("finetuning", dataset=dataset_id)
    app.text_input(key=f"merge_into_{adapter.id}").set_value(str(tmp_path / "out")).run()
    app = app.button(key=f"merge_{adapter.id}").click().run()
    assert "No room is left on the disk." in words(app)


def test_a_run_that_is_opened_by_the_page_leaves_the_parameters_of_widgets_alone(
    workspace: Path, dataset_id: str
) -> None:
    write_adapter(workspace, dataset_id)
    job = queued(workspace, dataset_id, seed=7)
    app = open_page("finetuning", dataset=dataset_id, part="Curves", answer="3", job=job.job_id)
    assert app.query_params["run"] == job.artifact_id
    assert app.query_params["part"] == "Curves"
    assert not {"job", "answer"} & set(app.query_params)


def test_round_models_of_refinements_are_offered_by_run_and_round(workspace: Path, dataset_id: str) -> None:
    round_model, refinement = write_round_model(workspace, dataset_id)
    app = open_page("finetuning", dataset=dataset_id, view="new", finetune_way="Continue an adapter")
    (title,) = app.selectbox(key="finetune_adapter").options
    assert title.startswith(f"Refinement {refinement.id[:6]}, round 2 · Likelihood ratio (PMI)")
    checked(app.button(key="submit_finetune").click().run())
    assert submitted(workspace, dataset_id).options["model"] == f"adapter:{round_model.id}"


def test_what_was_trained_can_be_taken_as_a_language_model(workspace: Path, dataset_id: str) -> None:
    round_model, _ = write_round_model(workspace, dataset_id)
    app = open_page("scoring", dataset=dataset_id)
    app = checked(app.selectbox(key="scorer").set_value("pmi").run())
    app = checked(app.selectbox(key="score_llm").set_value("transformers").run())
    app = checked(
        app.selectbox(key="score_transformers_model_trained").set_value(f"adapter:{round_model.id}").run()
    )
    assert app.text_input(key="score_transformers_model").value == f"adapter:{round_model.id}"
    app = checked(app.text_input(key="score_transformers_model").set_value("/another").run())
    assert app.selectbox(key="score_transformers_model_trained").value is None


def test_tasks_of_the_harness_are_asked_where_it_is_installed(
    workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "The lm-evaluation-harness is not installed."
    monkeypatch.setattr("pages.shared.forms.finetune_model.harness_missing", lambda: missing)
    app = open_page("finetuning", dataset=dataset_id)
    assert missing in words(app)
    monkeypatch.setattr("pages.shared.forms.finetune_model.harness_missing", lambda: "")
    app = open_page("finetuning", dataset=dataset_id)
    app = checked(app.multiselect(key="finetune_lm_eval_tasks").set_value(["piqa"]).run())
    app = checked(app.number_input(key="finetune_lm_eval_limit").set_value(20).run())
    checked(app.button(key="submit_finetune").click().run())
    job = submitted(workspace, dataset_id)
    assert (job.options["lm_eval_tasks"], job.options["lm_eval_limit"]) == (["piqa"], 20)


def test_what_a_task_says_follows_from_its_direction_and_its_errors() -> None:
    def said(base: float | None, value: float, error: float | None, *, better: bool | None = True) -> str:
        one = {
            "task": "a",
            "metric": "acc",
            "base": base,
            "value": value,
            "stderr": error,
            "base_stderr": error,
        }
        given = SimpleNamespace(summary={"lm_eval": [one | {"n": 9, "higher_is_better": better}]})
        return str(task_table(given)["said"][0])

    assert said(0.5, 0.5, 0.1) == said(0.5, 0.55, 0.1) == "Not clear"
    # Beyond one combined error, which a third of all changes by chance are, and not beyond the interval.
    assert said(0.5, 0.7, 0.1) == "Not clear"
    assert said(0.5, 0.8, 0.1) == "Better"
    assert said(0.5, 0.7, None, better=False) == "Not clear"
    assert said(0.5, 0.8, 0.1, better=False) == "Worse"
    assert said(None, 0.7, 0.1) == said(0.1, 0.7, 0.1, better=None) == ""
    assert task_table(SimpleNamespace(summary={})).empty
