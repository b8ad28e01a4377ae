"""Fine-tuning by self-play: pairs from an examination, and what is said of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.compute.compare.win_rate import effective_rows, wilson_interval
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.recipes import Trained
from tamis.registry import parse_options
from tamis.steps.finetune.pairs import describe_pairs
from tamis.steps.refine.options import RefineOptions
from tamis.store.artifacts.examinations import EXAMINATION, SCHEMA
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, rows_artifact, run, small_dataset
from tests.core.store.small_workspace import write

pytest.importorskip("trl")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("tiny"))


def examined(store, dataset_id, rows, identifier="e"):
    """An examination of these rows: a wrong answer each, of which the first was cut."""
    lines = [
        {
            "example_id": i,
            "answer": "It is many.",
            "mark": 0.0,
            "value": 0.0,
            "group": "",
            "why": "cut" if i == rows[0] else "",
        }
        for i in rows
    ]
    table = pa.Table.from_pylist(lines, schema=SCHEMA)
    return write(
        store, "examination", step="examine", dataset=dataset_id, fill=lambda w: pq.write_table(table, w.path / EXAMINATION),
        options={"llm": "transformers", "temperature": 1.0, "rows": identifier},
    )  # fmt: skip


def values(tiny, store, dataset_id, **more):
    recipe = RECIPE | {"learning_rate": 1e-2, **more}
    held_out = rows_artifact(store, dataset_id, range(18, 24))
    return {
        "model": str(tiny), "recipe": "spin", "recipe_options": recipe, "n_generate": 0, "held_out": held_out, "split": "rows",
    }  # fmt: skip


def test_rows_that_were_examined_are_pairs_and_the_summary_says_what_became_of_them(tmp_path, tiny):
    store, dataset_id = small_dataset(tmp_path)
    examined(store, dataset_id, range(24))
    made = run(store, dataset_id, "finetune", values(tiny, store, dataset_id))
    assert (made.summary["n_pairs"], made.summary["n_held_out_pairs"]) == (18, 6)
    assert made.summary["first_loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert (
        made.summary["pair_accuracy_low"]
        < made.summary["pair_accuracy"]
        <= made.summary["pair_accuracy_high"]
    )
    assert made.summary["pair_margin"] > 0 and made.summary["logp_given"] < 0
    assert (
        "temperature 1" in made.summary["pairs_text"]
        and "its own answers are what SPIN takes" in made.summary["pairs_text"]
    )
    first = json.loads(made.file("pairs.jsonl").read_text().splitlines()[0])
    assert first["cut"] and first["rejected"] == [{"role": "assistant", "content": "It is many."}]


def test_without_an_examination_of_these_rows_it_says_what_to_run(tmp_path, tiny):
    store, dataset_id = small_dataset(tmp_path)
    with pytest.raises(ArtifactMissing, match="no examination yet. Run 'examine' first"):
        run(store, dataset_id, "finetune", values(tiny, store, dataset_id))
    examined(store, dataset_id, range(18, 24))
    with pytest.raises(InvalidOptions, match="asked none of the rows to train on"):
        run(store, dataset_id, "finetune", values(tiny, store, dataset_id))


def test_rounds_of_a_refinement_are_not_trained_on_pairs():
    with pytest.raises(InvalidOptions, match="spin"):
        parse_options(RefineOptions, {"recipe": "spin"})


@pytest.mark.parametrize("patience", [0, 1])
def test_pairs_that_choose_the_weights_are_not_those_that_are_told(tmp_path, tiny, patience):
    """The best look is kept with early stopping and without, so that looks have rows of their own."""
    store, dataset_id = small_dataset(tmp_path)
    examined(store, dataset_id, range(24))
    more = {"early_stopping_patience": patience, "eval_steps": 2, "save_steps": 2, "max_steps": 6}
    asked = values(tiny, store, dataset_id, **more) | {"split": "connected"}
    made = run(store, dataset_id, "finetune", asked)
    pairs = {
        name: made.file(f"{name}pairs.jsonl").read_text().splitlines()
        for name in ("", "stopping_", "held_out_")
    }
    prompts = {
        name: {json.dumps(json.loads(line)["prompt"]) for line in lines} for name, lines in pairs.items()
    }
    assert len(set.union(*prompts.values())) == sum(map(len, prompts.values()))
    assert made.summary["n_stopping_pairs"] == len(pairs["stopping_"]) >= 1
    assert made.summary["n_held_out_pairs"] == len(pairs["held_out_"]) == 6
    words = "Early stopping looked at" if patience else "The weights kept are those that did best on"
    assert f"{words} {made.summary['n_stopping']} other rows." in made.summary["split_text"]
    # Six pairs can be ahead in sixths; what a look at one or two says cannot be told of them by chance alone.
    accuracy = made.summary["pair_accuracy"]
    assert accuracy * 6 == pytest.approx(round(accuracy * 6))
    curves = pq.read_table(made.file("curves.parquet")).to_pylist()
    looks = [one["value"] for one in curves if one["name"] == "eval_logp_given"]
    assert made.summary["logp_given"] not in looks and len(looks) <= 3


def test_pairs_of_one_prompt_count_once(tmp_path):
    trained = Trained(
        folder=tmp_path, n_steps=1, n_tokens=1, train_loss=0.0, eval_loss=0.0, n_held_out_pairs=40,
        pair_measures={"eval_pair_accuracy": 0.75, "eval_margin": 1.0, "eval_logp_given": -9.0},
    )  # fmt: skip
    told = describe_pairs(trained, 0.25)
    assert (told["pair_accuracy_low"], told["pair_accuracy_high"]) == wilson_interval(7.5, 10)
    assert effective_rows(np.repeat(np.arange(10), 4)) == pytest.approx(10)
    assert effective_rows(np.array([0, 0, 0, 1])) == pytest.approx(1.6)
