"""The prune step over the tiny model: sets, windows, what is measured, and what a stopped run keeps."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from tamis.errors import InvalidOptions, JobCancelled
from tamis.registry import parse_options
from tamis.steps.prune.options import PruneOptions
from tamis.steps.prune.pruning import DENSE, MAGNITUDE, ROWS, read_pruning, window_files
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, Reports, rows_artifact, run, small_dataset
from tests.support.threads import one_thread

__all__ = ["one_thread"]  # a fixture

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """24 rows; two sets of six of them."""
    store, dataset_id = small_dataset(tmp_path_factory.mktemp("data"))
    return store, dataset_id, [rows_artifact(store, dataset_id, ids) for ids in (range(6), range(6, 12))]


def pruned(pool, tiny, reports=None, **more):
    store, dataset_id, sets = pool
    values = {
        "calibrations": sets, "model": str(tiny), "dtype": "float32", "device": "cpu", "n_rows": 4, "row_tokens": 48, "n_seeds": 2,
        "n_evaluation_rows": 6,
    }  # fmt: skip
    made = run(store, dataset_id, "prune", values | more, reports)
    return made, read_pruning(made)


@pytest.fixture(scope="module")
def usual(pool, tiny):
    return pruned(pool, tiny)


def test_every_set_is_measured_on_rows_that_none_names(usual):
    made, found = usual
    rows = pq.read_table(made.file(ROWS)).to_pylist()
    assert {one["example_id"] for one in rows} <= set(range(12, 24))
    assert {(one["calibration"], one["seed"]) for one in rows} == {
        (DENSE, 42), (MAGNITUDE, 42), *((c, seed) for c in (0, 1) for seed in (42, 43)),
    }  # fmt: skip
    assert found.evaluations[0].n_rows == 6 and found.evaluations[0].n_left_out == 12
    own = [one for one in rows if one["calibration"] == 1 and one["seed"] == 43]
    wanted = np.exp(sum(one["nll"] for one in own) / sum(one["n_tokens"] for one in own))
    assert found.cells[1][0].draws[1] == pytest.approx(wanted)


def test_rows_that_the_model_was_trained_on_are_told(pool, tiny, usual):
    """Of an adapter its rows are known; of a folder of others' weights nothing is, and that is told too."""
    store, dataset_id, _ = pool
    _, found = usual
    assert f"It cannot be told what the folder {tiny} was trained on" in found.evaluations[0].known_text
    assert "those that the model was trained on" not in found.evaluations[0].known_text
    trained = run(store, dataset_id, "finetune", {
        "model": str(tiny), "within": rows_artifact(store, dataset_id, range(12, 16)), "recipe_options": RECIPE | {"max_steps": 1},
        "held_out_fraction": 0, "n_generate": 0,
    })  # fmt: skip
    named = [rows_artifact(store, dataset_id, ids) for ids in (range(12, 24), range(16, 24))]
    made, found = pruned(
        pool, tiny, model=f"adapter:{trained.id}", evaluations=named, n_evaluation_rows=12, n_seeds=1
    )
    known, others = found.evaluations
    assert known.known_text.startswith("4 of 12 rows are those that the model was trained on, or like them")
    assert known.known_text in made.summary["measured_text"]
    assert "was trained on, or" not in others.known_text


def test_the_summary_holds_the_two_means(usual):
    made, found = usual
    draws = [draw for line in found.cells for cell in line for draw in cell.draws]
    assert made.summary["perplexity"] == pytest.approx(np.exp(np.mean(np.log(draws))))
    assert made.summary["dense_perplexity"] == pytest.approx(found.dense[0])
    assert set(made.summary["perplexity_by_calibration"]) == {one.name for one in found.calibrations}


def test_sparsity_is_exact_and_masks_differ_by_set_and_by_draw(usual):
    _, found = usual
    assert found.sparsity_fraction == found.least_sparsity_fraction == 0.5
    assert found.n_weights == 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 32 * 64)
    assert found.overlap[0][1] == found.overlap[1][0]
    assert all(found.chance_overlap < value < 1 for line in found.overlap for value in line)


def test_windows_are_exported_as_texts_and_as_token_ids(usual, pool):
    made, found = usual
    texts, ids = (made.file(name) for name in window_files(0, 42))
    lines = [json.loads(line) for line in texts.read_text().splitlines()]
    tokens = np.load(ids)
    assert len(lines) == len(tokens) == found.calibrations[0].n_windows[0] == 4
    assert tokens.shape == (4, 48) and (tokens >= 0).sum() == found.calibrations[0].n_tokens[0]
    assert set(lines[0]["example_ids"]) <= set(range(6)) and "What is" in lines[0]["text"]


def test_a_stopped_run_goes_on_with_what_it_had(pool, tiny, usual):
    """Stopped in its fourth run, it makes the rest alone and says the same."""
    with pytest.raises(JobCancelled):
        pruned(pool, tiny, Reports(JobCancelled("stop"), "prune", 26), seed=7)
    again = Reports()
    _, found = pruned(pool, tiny, again, seed=7)
    started = {message for stage, *_, message in again.stages if stage == "prune"}
    assert "run 1 of 6" not in started and "run 6 of 6" in started
    assert len(found.cells[0][0].draws) == 2


@pytest.mark.parametrize("method", ["magnitude", "random"])
def test_what_reads_no_calibration_is_the_same_for_all(pool, tiny, method):
    _, found = pruned(pool, tiny, method=method)
    assert found.cells[0] == found.cells[1]
    assert found.pairs == [] and found.overlap[0][1] == 1
    assert (found.cells[0][0].draws[0] == found.cells[0][0].draws[1]) == (method == "magnitude")


def test_patterns_rows_behind_examples_and_a_model_to_keep(pool, tiny):
    made, found = pruned(
        pool,
        tiny,
        method="sparsegpt",
        pattern="2:4",
        format="in_context",
        k=2,
        n_seeds=1,
        row_tokens=200,
        keep_models=True,
    )
    assert found.sparsity_fraction == 0.5
    window = json.loads(made.file(window_files(0, 42)[0]).read_text().splitlines()[0])
    assert len(window["example_ids"]) == 3 and window["text"].count("What is") == 3
    from tamis.llms.local import load_weights

    weights = load_weights(made.path / "model-00", torch.float32).model.layers[0].mlp.up_proj.weight
    assert ((weights.reshape(-1, 4) == 0).sum(dim=1) == 2).all()


def test_pads_count_only_where_it_is_asked(pool, tiny):
    plain = pruned(pool, tiny, format="single", n_seeds=1, row_tokens=120)[1]
    counted = pruned(pool, tiny, format="single", n_seeds=1, row_tokens=120, count_pads=True)[1]
    assert plain.calibrations[0].pad_fraction[0] > 0.3
    assert plain.cells[0][0].value != counted.cells[0][0].value


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pattern": "4:2"}, "neither unstructured nor n:m"),
        ({"pattern": "half"}, "neither unstructured nor n:m"),
        ({"calibrations": [" "]}, "Name at least one"),
        ({"sparsity": 1.0}, "less than 1"),
    ],
)
def test_options_that_cannot_be_are_refused(given, said):
    with pytest.raises(InvalidOptions, match=said):
        parse_options(PruneOptions, {"calibrations": ["a"], **given})


def test_one_set_may_stand_alone_and_the_same_set_counts_once():
    assert parse_options(PruneOptions, {"calibrations": "a"}).calibrations == ("a",)
    assert parse_options(PruneOptions, {"calibrations": ["a", "b", "a"]}).calibrations == ("a", "b")


def test_too_few_rows_are_said(pool, tiny):
    store, dataset_id, _ = pool
    whole = [rows_artifact(store, dataset_id, range(24))]
    with pytest.raises(InvalidOptions, match="0 rows that no calibration names or asks"):
        pruned(pool, tiny, calibrations=whole)
    with pytest.raises(InvalidOptions, match="too few for 6 examples before each"):
        pruned(pool, tiny, format="in_context", k=6)


def test_rows_shorter_than_the_windows_are_measured_all_the_same_and_said(pool, tiny, usual):
    """Six rows fill what they fill; nothing is made up for the rest, and what to do is said."""
    made, found = pruned(pool, tiny, n_seeds=1, n_rows=4, row_tokens=400)
    filled = found.calibrations[0].n_tokens[0] / 400
    assert filled < 3 and found.calibrations[0].n_windows[0] < 4
    first, second = found.too_short(made.manifest.options)
    name = found.calibrations[0].name
    assert first == (
        f"{name} fills {filled:,.1f} of 4 windows of 400 tokens: choose more rows or longer ones, or lower n_rows or row_tokens."
    )
    made, found = pruned(pool, tiny, n_seeds=1, n_rows=4, row_tokens=400, format="single")
    assert all(one.endswith("or pack rows.") for one in found.too_short(made.manifest.options))
    made, found = usual
    assert found.too_short(made.manifest.options) == []


def test_without_reasoning_an_example_ends_with_its_answer():
    from tamis.models.chat_rows import ChatRow
    from tamis.steps.prune.calibration import without_rationale

    def answer(text):
        turns = ({"role": "user", "content": "?"}, {"role": "assistant", "content": text})
        return without_rationale(ChatRow(turns)).messages[-1]["content"]

    assert answer("2 + 2 is 4, and one more.\n#### 5") == "5"
    assert answer("Because of that, the answer is: seven") == "seven"
    assert answer("Seven.") == "Seven."
