"""The finetune step over the tiny model: rows, files, comparison, and what a killed run keeps."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from tamis.errors import InvalidOptions, JobCancelled
from tamis.registry import parse_options
from tamis.steps.execute import Task, execute
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.plan import plan_step
from tamis.store.artifacts.adapters import (
    known_adapters,
    read_curves,
    read_evaluation,
    read_evaluation_clusters,
)
from tamis.store.review.frozen_decisions import FrozenDecision, store_decisions
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, Reports, clustering, rows_artifact, run, small_dataset
from tests.support.threads import one_thread

__all__ = ["one_thread"]  # a fixture

pytest.importorskip("torch")
pytest.importorskip("trl")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path)


def options(model, **more):
    return {"model": str(model), "recipe_options": RECIPE, "max_new_tokens": 6, **more}


def lines(path):
    return [json.loads(line)["messages"] for line in path.read_text().splitlines()]


def test_exactly_the_rows_that_were_asked_for_are_trained_on_and_their_hash_is_recorded(dataset, tiny):
    store, dataset_id = dataset
    within = rows_artifact(store, dataset_id, range(4, 20))
    decisions = store_decisions(
        store,
        dataset_id,
        [
            FrozenDecision(5, "drop", None),
            FrozenDecision(
                6, "replace", ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"})
            ),
            FrozenDecision(22, "drop", None),
        ],
    ).id
    held_out = rows_artifact(store, dataset_id, [5, 18, 19, 21])
    made = run(
        store, dataset_id, "finetune", options(tiny, within=within, decisions=decisions, held_out=held_out)
    )
    trained, apart = lines(made.path / "train.jsonl"), lines(made.path / "held_out.jsonl")
    assert [row[0]["content"] for row in trained] == [
        "What is 4 plus 4?", "Hi", *(f"What is {i} plus {i}?" for i in range(7, 18))
    ]  # fmt: skip
    assert [row[0]["content"] for row in apart] == [f"What is {i} plus {i}?" for i in (18, 19, 21)]
    summary = made.summary
    assert summary["train_sha256"] == hashlib.sha256((made.path / "train.jsonl").read_bytes()).hexdigest()
    assert (summary["n_train"], summary["n_held_out"], summary["n_dropped_in_review"]) == (13, 3, 1)
    assert set(made.manifest.inputs) == {"examples", "within", "held_out", "decisions"}


def test_the_result_holds_weights_curves_and_a_comparison_with_the_base(dataset, tiny):
    store, dataset_id = dataset
    groups = clustering(store, dataset_id, [i % 2 for i in range(24)])
    reports = Reports()
    held_out = rows_artifact(store, dataset_id, [0, 1, 2, 3, 4])
    made = run(
        store,
        dataset_id,
        "finetune",
        options(tiny, held_out=held_out, clustering=groups, n_generate=4),
        reports,
    )
    found = read_evaluation(made).to_pylist()
    assert [row["example_id"] for row in found] == [0, 1, 2, 3, 4]
    assert [row["cluster_id"] for row in found] == [0, 1, 0, 1, 0]
    assert [row["group"] for row in found] == [0, 1, 2, 3, 4]  # no prompt is like another
    assert sum(row["response"] is not None for row in found) == made.summary["n_answered"] == 4
    assert all((row["response"] is None) == np.isnan(row["token_f1"]) for row in found)
    assert all(np.isnan(row["json_valid"]) for row in found if row["example_id"] != 1)
    assert made.summary["loss"] < made.summary["base_loss"]
    assert {"exact_match", "base_exact_match", "rouge_l", "json_valid", "eval_loss"} <= made.summary.keys()
    groups = read_evaluation_clusters(made).to_pylist()
    assert [(row["cluster_id"], row["n_rows"]) for row in groups] == [(0, 3), (1, 2)]
    curves = read_curves(made).to_pylist()
    assert {row["name"] for row in curves} >= {"loss", "eval_loss", "learning_rate", "tokens_per_s"}
    assert {name for name, _, _ in reports.points} >= {"loss", "eval_loss", "memory_mb"}
    assert any("rows fit into" in message for _, _, _, message in reports.stages)
    assert [stage for stage in dict.fromkeys(stage for stage, *_ in reports.stages)] == [
        "write rows", "load model", "read rows", "train", "held-out loss", "answer"
    ]  # fmt: skip


def test_an_adapter_is_a_language_model_for_the_whole_app(dataset, tiny):
    from tamis.llms import open_llm

    store, dataset_id = dataset
    made = run(store, dataset_id, "finetune", options(tiny, held_out_fraction=0))
    assert read_evaluation(made) is None
    (known,) = known_adapters(store)
    assert (known.artifact_id, known.n_train, known.base) == (made.id, 24, str(tiny))
    model = open_llm("transformers", {"model": known.model, "dtype": "float32"}, workspace=store.workspace)
    assert len(model.complete(["Hello"], max_new_tokens=3)) == 1


@pytest.mark.parametrize(("stage", "at"), [("train", 3), ("held-out loss", 3), ("answer", 2)])
def test_a_run_killed_in_any_stage_goes_on_and_ends_the_same(dataset, tiny, stage, at, tmp_path):
    store, dataset_id = dataset
    wanted = options(tiny, held_out_fraction=0.2)
    whole = run(store, dataset_id, "finetune", wanted)
    expected = (whole.path / "adapter" / "adapter_model.safetensors").read_bytes()
    table = read_evaluation(whole)
    shutil.rmtree(whole.path)
    shutil.rmtree(store.workspace / "cache", ignore_errors=True)
    with pytest.raises(JobCancelled):
        run(store, dataset_id, "finetune", wanted, Reports(JobCancelled("stop"), stage, at))
    reports = Reports()
    again = run(store, dataset_id, "finetune", wanted, reports)
    assert (again.path / "adapter" / "adapter_model.safetensors").read_bytes() == expected
    assert str(read_evaluation(again).to_pylist()) == str(table.to_pylist())  # NaN equals NaN
    steps = list(dict.fromkeys(done for name, done, *_ in reports.stages if name == "train"))
    assert steps == ([3, 4, 5] if stage == "train" else [])


def test_a_selection_brings_its_own_clusters(dataset, tiny):
    store, dataset_id = dataset
    clustering(store, dataset_id, [i % 3 for i in range(24)])
    made = run(store, dataset_id, "select", {"method": "kmq", "quality": "none", "budget": 12})
    run_options = options(tiny, selection="newest", held_out_fraction=0.5, n_generate=0)
    tuned = run(store, dataset_id, "finetune", run_options)
    assert "clustering" not in tuned.manifest.inputs
    assert tuned.manifest.inputs["selection"] == made.id
    found = read_evaluation(tuned)
    assert found.num_rows == 6
    assert found.column("cluster_id").to_pylist() == [i % 3 for i in found.column("example_id").to_pylist()]


def test_a_job_of_before_holds_out_as_it_was_asked_to_and_a_new_one_says_how_it_does(dataset, tiny):
    """A job that an earlier edition queued, or began and left checkpoints of: its options do not name a split."""
    store, dataset_id = dataset
    plan = plan_step(store, dataset_id, "finetune", options(tiny, split="rows", n_generate=0))
    recorded = plan.options.model_dump(mode="json")
    del recorded["split"]
    before = execute(
        store,
        Task(dataset_id, "finetune", recorded, plan.inputs, plan.input_kinds, plan.artifact_id),
        Reports(),
    )
    assert "split" not in before.manifest.options
    drawn = np.sort(np.random.default_rng(42).permutation(np.arange(24))[:2])
    assert np.load(before.path / "held_out_rows.npy").tolist() == drawn.tolist()
    assert "one by one" in before.summary["split_text"]
    patient = RECIPE | {"early_stopping_patience": 1}
    now = run(store, dataset_id, "finetune", options(tiny, n_generate=0) | {"recipe_options": patient})
    assert now.manifest.options["split"] == "connected"
    assert "in whole groups" in now.summary["split_text"]
    assert now.summary["split_counts"]["level"] == "near"
    apart = [lines(now.path / f"{name}.jsonl") for name in ("train", "held_out", "stopping")]
    assert [len(rows) for rows in apart] == [20, 2, 2]
    assert now.summary["n_stopping"] == 2
    assert not any(row in apart[0] + apart[1] for row in apart[2])


def test_nothing_left_to_train_on_is_said_with_the_counts(dataset, tiny):
    store, dataset_id = dataset
    rows = rows_artifact(store, dataset_id, [1, 2])
    with pytest.raises(
        InvalidOptions, match="2 were chosen, 0 of them were dropped in review, 2 are held out"
    ):
        run(store, dataset_id, "finetune", options(tiny, within=rows, held_out=rows))


def test_pointers_do_not_name_the_result_and_recipe_defaults_are_written_out():
    identity = parse_options(FinetuneOptions, {"selection": "newest"}).identity()
    assert not {"selection", "within", "held_out", "decisions", "clustering"} & identity.keys()
    assert identity["recipe_options"]["learning_rate"] == 2e-4
