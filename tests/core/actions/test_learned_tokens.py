"""What is learned of one row, by the action, by command and by the front door, without a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")

import tamis
from tamis.actions.learned_tokens import LearnedRow, learned_tokens
from tamis.cli.main import run
from tamis.errors import InvalidOptions
from tamis.store.workspace import open_workspace
from tests.support.chat_rows import RECORDS
from tests.support.chat_templates import merging_tokenizer

KINDS = list(RECORDS)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The files of a model without its weights."""
    folder = tmp_path_factory.mktemp("model")
    merging_tokenizer("qwen3").save_pretrained(folder)
    (folder / "config.json").write_text('{"max_position_embeddings": 4096}')
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in RECORDS.values()))
    workspace = tamis.open(folder / "ws")
    return folder / "ws", workspace.import_file(file, progress=False)


def learned(found: LearnedRow) -> str:
    return "|".join(f"{one.weight:g}:{one.text}" for one in found.tokens if one.weight)


def test_each_token_has_its_weight(dataset, model):
    folder, rows = dataset
    row = KINDS.index("weight a fraction")
    found = learned_tokens(open_workspace(folder), rows.id, row, model=str(model))
    assert learned(found).startswith("0.25:N|0.25:u|0.25:t|0.25:<|im_end|>|1:")
    assert found.text == f"Row {row}: {found.n_learned} of {found.n_tokens} tokens are learned."
    assert found.n_learned == sum(one.weight > 0 for one in found.tokens)
    assert "".join(one.text for one in found.tokens if one.asked).endswith("<|im_start|>assistant\n")
    assert rows.learned_tokens(row, model=str(model)) == found


def test_a_letter_of_several_tokens_is_shown_whole(dataset, model):
    found = dataset[1].learned_tokens(KINDS.index("other scripts"), model=str(model))
    text = "".join(one.text for one in found.tokens)
    assert "日本語 🌊" in text
    assert "\ufffd" not in text
    assert sum(len(one.ids) for one in found.tokens) == found.n_tokens


def test_options_decide_what_is_learned_and_where_it_is_cut(dataset, model):
    row = KINDS.index("two exchanges")
    _, rows = dataset
    last = rows.learned_tokens(row, model=str(model), completion_only_loss=True)
    assert "Ho." not in learned(last).replace("|1:", "")
    cut = rows.learned_tokens(row, model=str(model), max_length=12)
    assert [one.read for one in cut.tokens].index(False) <= 12
    assert "It is cut at 12." in cut.text
    dropped = rows.learned_tokens(row, model=str(model), max_length=12, drop_longer=True)
    assert dropped.text == f"Row {row} would be left out: such rows are longer than that."


def test_a_row_that_cannot_be_carried_says_why(dataset, model):
    found = dataset[1].learned_tokens(KINDS.index("a picture"), model=str(model))
    assert (found.tokens, found.reason) == ((), "have images or other parts that a text model cannot read")
    words = dataset[1].learned_tokens(KINDS.index("a picture"), model=str(model), unfit_as_text=True)
    assert words.as_text
    assert words.reason == ""
    bad = dataset[1].learned_tokens(KINDS.index("row's label"), model=str(model))
    assert bad.reason == "are marked as not to be learned"


def test_a_row_that_is_not_there_is_refused(dataset, model):
    with pytest.raises(InvalidOptions, match="There is no row 99: rows go from 0 to"):
        dataset[1].learned_tokens(99, model=str(model))


def test_the_command_prints_brackets_and_gives_every_token(dataset, model, capsys):
    folder, rows = dataset
    row = KINDS.index("reasoning")
    asked = [
        "--workspace",
        str(folder),
        "tokens",
        "--dataset",
        rows.id,
        "--row",
        str(row),
        "--model",
        str(model),
    ]
    assert run(asked) == 0
    shown = capsys.readouterr().out
    assert "[[<think>\nFour each, three times.\n</think>\n\n12<|im_end|>]]" in shown
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert found["n_learned"] == sum(one["weight"] > 0 for one in found["tokens"])


def test_lengths_of_all_rows_are_told_for_each_model_before_a_run(dataset, model, capsys):
    folder, rows = dataset
    asked = ["--workspace", str(folder), "tokens", "--dataset", rows.id, "--lengths", "--max-length", "60"]
    asked += ["--model", str(model), "--model", "/no/such/model"]
    assert run(asked) == 0
    first, second = capsys.readouterr().out.strip().splitlines()[-2:]
    assert "rows are longer than 60 tokens and are cut there." in first
    assert "have images or other parts" in first
    assert "Marks that are heeded: label (1 rows), label of turns (1 rows)" in first
    assert second.startswith("/no/such/model: ")
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])["models"]
    assert found[str(model)]["longer"] > 0
    assert found["/no/such/model"]["counted_by"] == "characters"


def test_a_row_or_the_lengths_of_all_must_be_asked_for(dataset, model, capsys):
    folder, rows = dataset
    assert run(["--workspace", str(folder), "tokens", "--dataset", rows.id]) != 0
    assert "--lengths" in capsys.readouterr().err
