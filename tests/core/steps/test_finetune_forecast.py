"""What a training will read is known before it starts, and is what the training then reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tamis.llms.bundled_tokenizer import packed_file
from tamis.models.file_tokenizer import FileTokenizer
from tamis.recipes import SftOptions
from tamis.recipes.rows import MARKED
from tamis.steps.finetune.forecast import (
    BY_CHARACTERS,
    BY_ENCODER,
    BY_MODEL,
    Lengths,
    count_training,
    row_lengths,
    tokenizer_file,
    window_of,
)
from tamis.store.artifacts.store import ArtifactStore
from tests.pages.page_workspace import alpaca_file, import_file, run_step

PICTURES = "have images or other parts that a text model cannot read"
FOUR = Lengths(np.array([10.0, 20.0, 30.0, 100.0]), BY_MODEL)


def options(**values: object) -> SftOptions:
    given = {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 3,
        "max_length": 50,
    }
    return SftOptions(**(given | values))


def test_long_rows_are_cut_or_left_out() -> None:
    cut = count_training(FOUR, options(), n_train=40, n_held_out=4)
    assert (cut.n_long, cut.long_fraction, cut.n_tokens, cut.n_steps) == (10, 0.25, 1100, 30)
    dropped = count_training(FOUR, options(drop_longer=True), n_train=40, n_held_out=4)
    assert (dropped.n_tokens, dropped.n_steps) == (600, 24)


def test_the_window_of_the_model_counts_where_it_is_smaller() -> None:
    assert count_training(FOUR, options(), n_train=4, n_held_out=0, window=15).n_long == 3
    assert count_training(FOUR, options(), n_train=4, n_held_out=0, window=4096).limit == 50


def test_packing_and_max_steps_change_the_steps() -> None:
    assert count_training(FOUR, options(packing=True), n_train=40, n_held_out=0).n_steps == 18
    assert count_training(FOUR, options(max_steps=7), n_train=40, n_held_out=0).n_steps == 7


def test_no_rows_are_no_error() -> None:
    found = count_training(Lengths(np.empty(0), BY_MODEL), options(), n_train=0, n_held_out=0)
    assert (found.n_tokens, found.n_steps, found.long_fraction) == (0, 0, 0.0)


def test_tokens_are_counted_by_the_best_that_is_at_hand(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.core.llms.conftest import build_model

    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path, 12))
    examples, rows = ArtifactStore(workspace).examples(dataset_id), np.arange(12)
    embeddings = run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    model = build_model(tmp_path / "tiny")
    tokenizer = tokenizer_file(str(model), workspace)
    by_model = row_lengths(examples, rows, tokenizer=tokenizer, embeddings=embeddings)
    # A byte is a token of this model: "Question 0 about bread?" and "Answer 0 on bread." with one line break.
    assert (by_model.counted_by, by_model.tokens[0]) == (BY_MODEL, 23 + 1 + 18 + 10)
    assert row_lengths(examples, rows, tokenizer=None, embeddings=embeddings).counted_by == BY_ENCODER
    assert row_lengths(examples, rows, tokenizer=None, embeddings=None).counted_by == BY_CHARACTERS
    assert window_of(str(model), workspace) == 1024


def test_a_model_that_is_not_here_has_no_tokenizer_and_no_window(tmp_path: Path) -> None:
    for model in ("nobody/nothing", "adapter:feed", str(tmp_path)):
        assert tokenizer_file(model, tmp_path) is None
        assert window_of(model, tmp_path) == 0
    (tmp_path / "config.json").write_text(json.dumps([1]))
    assert window_of(str(tmp_path), tmp_path) == 0


def test_the_tokenizer_of_the_bundled_model_is_there_when_it_is_first_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    if packed_file() is None:
        pytest.skip("the bundled model is not installed")
    path = tokenizer_file("smollm2", tmp_path)
    assert path is not None
    assert (tokenizer_file("smollm2", tmp_path), window_of("smollm2", tmp_path)) == (path, 8192)
    tokenizer = FileTokenizer(path.parent)
    # As the model's own files have them: "Hello", " world", and marks that stay one token.
    assert tokenizer("Hello world<|im_end|>")["input_ids"] == [19556, 905, 2]
    assert tokenizer.decode(tokenizer("Zoë\n  日本")["input_ids"]) == "Zoë\n  日本"
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert "<|im_start|>" in str(tokenizer.chat_template)
    folder = path.parent.parent
    assert [one.name for one in folder.iterdir()] == [path.parent.name]


@pytest.mark.parametrize("embeds", [False, True])
def test_without_a_tokenizer_what_no_text_model_reads_is_counted_and_the_rest_is_called_a_guess(
    tmp_path: Path, embeds: bool
) -> None:
    answer = {"role": "assistant", "content": "A cat."}
    rows = [
        {"messages": [{"role": "user", "content": "This?", "images": ["a.png"]}, answer]},
        {"messages": [{"role": "user", "content": "Hi"}, answer], "tools": [{"name": "tide"}]},
        {"messages": [{"role": "user", "content": "Hi"}, answer | {"weight": 0}]},
        {"messages": [{"role": "user", "content": "Hi"}, answer]},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, file)
    examples = ArtifactStore(workspace).examples(dataset_id)
    embeddings = run_step(workspace, dataset_id, "embed", {"encoder": "hashing"}) if embeds else None
    counted = row_lengths(examples, np.arange(4), tokenizer=None, embeddings=embeddings)
    seen = count_training(counted, options(), n_train=4, n_held_out=0)
    assert seen.reasons == {PICTURES: 1, MARKED: 1}
    assert (counted.counted_by, seen.unknown) == (BY_ENCODER if embeds else BY_CHARACTERS, {"tools": 1})
    assert seen.long_text.endswith(
        "as another tokenizer counts." if embeds else "as guessed from characters."
    )
    assert "tokens are a guess" in seen.guess_text
    assert "not known is whether its chat template carries tools (1 rows)" in seen.guess_text
    assert count_training(FOUR, options(), n_train=4, n_held_out=0).guess_text == ""
