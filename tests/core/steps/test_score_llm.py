"""The score step with a language model: what names a result, what a stopped run keeps."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import InvalidOptions
from tamis.registry import parse_options
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
