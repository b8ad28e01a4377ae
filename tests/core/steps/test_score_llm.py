"""The score step with a language model: what names a result, what a stopped run keeps."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.compute.clear.alignment import background_alignment
from tamis.compute.clear.confidence import USUAL_BACKGROUND
from tamis.errors import InvalidOptions
from tamis.llms import open_llm
from tamis.registry import parse_options
from tamis.scorers import ScorerInput
from tamis.scorers.confidence import ConfidenceScorer
from tamis.scorers.options import ConfidenceOptions
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.steps.score.options import ScoreOptions
from tamis.steps.score.step import unread_replies
from tamis.store.artifacts.store import ArtifactStore


class Silent:
    def progress(self, *_args, **_kwargs) -> None: ...

    def metric(self, *_args) -> None: ...


@pytest.fixture
def dataset(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"Say {i}", "input": "", "output": f"It is {i % 200}."} for i in range(300)]
    file.write_text("\n".join(map(json.dumps, rows)))
    store = ArtifactStore(tmp_path / "ws")
    plan = plan_import([str(file)])
    run(store, plan.dataset_id, "import", plan.options)
    return store, plan.dataset_id


def run(store, dataset_id, step, values):
    plan = plan_step(store, dataset_id, step, values)
    options = plan.options.model_dump(mode="json")
    return execute(
        store, Task(dataset_id, step, options, plan.inputs, plan.input_kinds, plan.artifact_id), Silent()
    )


def test_the_language_model_names_only_scores_that_ask_one():
    def identity(**values):
        return parse_options(ScoreOptions, values).identity()

    assert identity(scorer="length") == identity(
        scorer="length", llm="scripted", llm_options={"answers": ["x"]}
    )
    assert identity(scorer="pmi") != identity(scorer="pmi", llm="scripted")
    assert "llm" not in identity(scorer="alignment")


def test_a_model_that_cannot_is_refused_with_the_reason():
    with pytest.raises(InvalidOptions, match="needs more of a language model.*turn on echo"):
        parse_options(ScoreOptions, {"scorer": "pmi", "llm": "openai"})


@pytest.mark.parametrize("scorer", ["pmi", "deita", "llm_rating"])
def test_a_score_by_a_scripted_model_has_a_row_per_example(dataset, scorer):
    store, dataset_id = dataset
    made = run(store, dataset_id, "score", {"scorer": scorer, "llm": "scripted"})
    assert pq.read_table(made.file("scores.parquet")).num_rows == 300
    assert made.summary["llm"] == "scripted"
    assert made.summary["n_questions"] > 0
    again = run(store, dataset_id, "score", {"scorer": scorer, "llm": "scripted", "scorer_options": {}})
    assert again.id == made.id


def test_replies_that_cannot_be_read_are_counted_in_the_summary(dataset):
    store, dataset_id = dataset
    made = run(store, dataset_id, "score", {"scorer": "llm_rating", "llm": "scripted"})
    assert made.summary["n_unread_replies"] == 0
    assert "n_unread_replies" not in run(store, dataset_id, "score", {"scorer": "length"}).summary
    table = pa.table({"score": [0.5, None], "n_unparsed": [2.0, float("nan")]})
    assert unread_replies(table) == {"n_unread_replies": 2}


def test_duplicates_see_the_whole_dataset_and_ask_for_vectors_only_when_they_read_them(dataset):
    store, dataset_id = dataset
    made = run(
        store,
        dataset_id,
        "score",
        {"scorer": "duplicates", "scorer_options": {"text": "response", "method": "exact"}},
    )
    found = pq.read_table(made.file("scores.parquet"))
    assert found.column("duplicate_of").to_pylist()[200:] == list(range(100))
    assert not parse_options(ScoreOptions, {"scorer": "duplicates"}).reads_vectors()
    assert parse_options(
        ScoreOptions, {"scorer": "duplicates", "scorer_options": {"method": "embedding"}}
    ).reads_vectors()


def test_a_result_against_a_file_is_named_by_the_files_contents(tmp_path):
    file = tmp_path / "eval.txt"

    def identity():
        return parse_options(
            ScoreOptions, {"scorer": "contamination", "scorer_options": {"files": [str(file)]}}
        ).identity()

    file.write_text("one")
    first = identity()
    assert identity() == first
    file.write_text("two")
    assert identity() != first


def test_every_chunk_of_a_confidence_counts_cosines_above_those_of_the_whole_dataset(dataset):
    store, dataset_id = dataset
    embedded = run(store, dataset_id, "embed", {"encoder": "hashing", "text": "both"})
    made = run(store, dataset_id, "score", {"scorer": "confidence", "llm": "scripted"})
    examples = pq.read_table(store.examples(dataset_id).file("examples.parquet"))
    sides = [np.load(embedded.file(f"{side}.npy")) for side in ("prompt", "response")]
    whole = ScorerInput(
        prompts=examples.column("prompt").to_pylist(),
        responses=examples.column("response").to_pylist(),
        prompt_vectors=sides[0],
        response_vectors=sides[1],
        background=background_alignment(*sides),
        llm=open_llm("scripted", {}, workspace=store.workspace),
    )
    assert abs(whole.background - USUAL_BACKGROUND) > 0.01
    found = ConfidenceScorer(ConfidenceOptions()).score(whole)
    np.testing.assert_allclose(
        pq.read_table(made.file("scores.parquet")).column("fits").to_numpy(), found["fits"], rtol=1e-5
    )


def test_a_sample_is_scored_as_all_rows_are_and_leaves_the_others_open(dataset):
    store, dataset_id = dataset
    asked = {"scorer": "perplexity", "llm": "scripted"}
    whole = run(store, dataset_id, "score", asked)
    sample = run(store, dataset_id, "score", asked | {"sample_rows": 70})
    assert sample.id != whole.id
    assert (sample.summary["n_scored"], sample.summary["n_not_scored"]) == (70, 230)
    assert sample.summary["n_questions"] + sample.summary["n_reused"] <= whole.summary["n_questions"] + 70
    few, all_rows = (pq.read_table(one.file("scores.parquet"))["score"].to_numpy() for one in (sample, whole))
    known = ~np.isnan(few)
    assert np.array_equal(few[known], all_rows[known])
    assert run(store, dataset_id, "score", asked | {"sample_rows": 70}).id == sample.id
    # As many as there are is all of them; a score of today keeps the name that it had before samples.
    assert plan_step(store, dataset_id, "score", asked | {"sample_rows": 0}).artifact_id == whole.id
    with pytest.raises(InvalidOptions, match="asks no language model"):
        plan_step(store, dataset_id, "score", {"scorer": "length", "sample_rows": 10})
