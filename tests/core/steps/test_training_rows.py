"""What training reads of rows as they are today: weights, tools, reasoning, pictures; said before it starts, and done."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("trl")

import tamis
from tamis.actions.submit import freeze_pointers
from tamis.cli.main import run as cli
from tamis.models.chat_rows import read_chat_row
from tamis.recipes import SftLoraOptions
from tamis.recipes.rows import NOT_LEARNED, TurnTokens, prepare_rows, read_training_file
from tamis.recipes.tokenizers import load_tokenizer
from tamis.steps.finetune.evaluate import evaluate
from tamis.steps.finetune.forecast import forecast_training
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.adapters import read_evaluation
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, rows_artifact, run
from tests.pages.page_workspace import run_step
from tests.support.chat_rows import EVERYTHING, says, user
from tests.support.thinking_model import build_thinking_model

CASE = Path(__file__).parents[2] / "fixtures" / "cases" / "04-weight-reasoning-tools-training" / "in.jsonl"
IMAGES = "have images or other parts that a text model cannot read"
THOUGHTS, TOOLS = (f"have {what} that the chat template leaves out" for what in ("reasoning", "tools"))
MARKED = "are marked as not to be learned"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The case's file, imported."""
    folder = tmp_path_factory.mktemp("case")
    store = ArtifactStore(folder / "ws")
    plan = plan_import([str(CASE)])
    run(store, plan.dataset_id, "import", plan.options)
    return store, plan.dataset_id


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def thinking(tmp_path_factory):
    """A model whose template takes tools and reasoning."""
    return build_thinking_model(tmp_path_factory.mktemp("thinking"))


def options(model, **recipe):
    made = RECIPE | {"max_length": 1000, "max_steps": 1} | recipe
    return {"model": str(model), "recipe_options": made, "held_out_fraction": 0, "n_generate": 0}


def foreseen(rows, values):
    store, dataset_id = rows
    plan = plan_step(store, dataset_id, "finetune", values)
    inputs = {role: store.get(dataset_id, plan.input_kinds[role], one) for role, one in plan.inputs.items()}
    assert isinstance(plan.options, FinetuneOptions)
    return forecast_training(inputs, plan.options, store)


def spoken(tokenizer, row):
    """What is learned, as texts."""
    texts, before = [], False
    for token, label in zip(row.input_ids, row.labels, strict=True):
        if label != NOT_LEARNED:
            texts = texts if before else [*texts, ""]
            texts[-1] += tokenizer.decode([token])
        before = label != NOT_LEARNED
    return texts


def test_a_template_without_tools_and_reasoning_leaves_such_rows_out_and_says_so_before(rows, plain):
    expected = {IMAGES: 3, THOUGHTS: 2, TOOLS: 1, MARKED: 1}
    values = options(plain)
    before = foreseen(rows, values)
    assert before.reasons == expected
    assert "7 of 10 rows are left out" in before.unfit_text
    made = run(*rows, "finetune", values)
    assert made.summary["fit"]["reasons"] == expected
    assert made.summary["fit"]["n_rows"] == 10
    kept = [json.loads(line) for line in (made.path / "train.jsonl").read_text().splitlines()]
    sources = [json.loads(line) for line in CASE.read_text().splitlines()]
    assert [one["messages"] for one in kept] == [one["messages"] for one in sources]
    assert [one.get("tools") for one in kept] == [one.get("tools") for one in sources]


def test_rows_are_trained_as_text_only_where_that_is_chosen_and_the_manifest_says_so(rows, plain):
    values = options(plain, unfit_as_text=True)
    before = foreseen(rows, values)
    made = run(*rows, "finetune", values)
    assert before.reasons == made.summary["fit"]["reasons"] == {"have a turn without a text": 1, MARKED: 1}
    assert before.n_as_text == made.summary["fit"]["n_as_text"] == 5
    assert "5 of them are trained as text only" in made.summary["fit"]["text"]
    assert made.manifest.options["recipe_options"]["unfit_as_text"] is True


def test_a_template_with_tools_and_reasoning_carries_them_and_marks_are_heeded(rows, thinking):
    values = options(thinking)
    assert foreseen(rows, values).reasons == {IMAGES: 3, MARKED: 1}
    made = run(*rows, "finetune", values)
    assert made.summary["fit"]["reasons"] == {IMAGES: 3, MARKED: 1}
    tokenizer = load_tokenizer(thinking)
    learned = TurnTokens(tokenizer, "assistant")
    records = list(read_training_file(made.path / "train.jsonl"))
    texts = [spoken(tokenizer, learned.row(read_chat_row(record))) for record in records[:6]]
    nothing = "<think>\n\n</think>\n\n"
    assert texts == [
        [f"{nothing}Sorry, 4.<|im_end|>"],
        [f"{nothing}Lima<|im_end|>"],
        [f"{nothing}Almond<|im_end|>"],
        ["<think>\nEach dog has four legs, three times four is twelve.\n</think>\n\n12<|im_end|>"],
        ["<think>\nTwo times four.\n</think>\n\n8<|im_end|>"],
        [
            '<tool_call>\n{"name": "lookup_tide", "arguments": {"port": "Brest"}}\n</tool_call><|im_end|>',
            f"{nothing}3.1 metres.<|im_end|>",
        ],
    ]
    read = tokenizer.decode(learned.row(read_chat_row(records[5])).input_ids)
    assert '"description": "Tide height"' in read
    assert "<tool_response>\n3.1 m\n</tool_response>" in read
    prepared = prepare_rows(made.path / "train.jsonl", tokenizer, SftLoraOptions(), 4096)
    assert len(prepared.rows) == 6


def test_held_out_rows_are_asked_as_they_would_be_trained_on(rows, thinking, monkeypatch):
    """Losses and answers of a conversation, of tools and of reasoning begin where training does."""
    asked = []

    def looked_at(held_out, *models, **_given):
        asked.append((held_out.prompts, held_out.golds))
        return evaluate(held_out, *models, **_given)

    monkeypatch.setattr("tamis.steps.finetune.step.evaluate", looked_at)
    store, dataset_id = rows
    apart = rows_artifact(store, dataset_id, [0, 5])
    values = options(thinking) | {"held_out": apart, "n_generate": 2, "max_new_tokens": 2}
    made = run(store, dataset_id, "finetune", values)
    ((prompts, golds),) = asked
    records = list(read_training_file(made.path / "held_out.jsonl"))
    assert [list(one.messages) for one in prompts] == [bare(one["messages"][:-1]) for one in records]
    assert list(prompts[1].tools) == records[1]["tools"]
    assert list(golds) == ["Sorry, 4.", "3.1 metres."]
    table = read_evaluation(made)
    assert all(value > 0 for value in table.column("loss").to_pylist())


def bare(messages):
    """Turns without the marks that say how much is learned of them."""
    return [{key: value for key, value in turn.items() if key != "weight"} for turn in messages]


def test_a_row_with_everything_is_trained_on_and_comes_out_equal_but_for_an_edit(thinking, tmp_path):
    """Tools, calls, results, reasoning, weights and a system turn, with another turn edited in review."""
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "".join(json.dumps(one) + "\n" for one in (EVERYTHING, {"messages": [user("Hi?"), says("Ho.")]}))
    )
    data = tamis.open(tmp_path / "ws").import_file(file, progress=False)
    edited = json.loads(json.dumps(EVERYTHING))
    edited["messages"][5]["content"] = "And the wind there?"
    data.decisions.edit(0, messages=edited["messages"])
    workspace = open_workspace(tmp_path / "ws")
    asked = freeze_pointers(workspace, data.id, "finetune", options(thinking) | {"decisions": "current"})
    made = run_step(tmp_path / "ws", data.id, "finetune", asked)
    assert made.summary["fit"]["n_dropped"] == 0
    trained = [json.loads(line) for line in (made.path / "train.jsonl").read_text().splitlines()]
    assert trained[0] == {name: edited[name] for name in ("messages", "tools")}
    data.export(tmp_path / "out.jsonl", decisions="current")
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert out[0] == edited
    tokenizer = load_tokenizer(thinking)
    learned = TurnTokens(tokenizer, "assistant").row(read_chat_row(trained[0]))
    weights = [weight for weight, _ in itertools.groupby(learned.weights)]
    assert weights == [0.0, 0.5, 0.0, 1.0, 0.0, 1.0, 0.0]


def test_the_command_says_before_it_starts_what_would_be_left_out(rows, plain, capsys):
    store, dataset_id = rows
    asked = [
        "--workspace",
        str(store.workspace),
        "run",
        "finetune",
        "--dataset",
        dataset_id,
        "--model",
        str(plain),
    ]
    cli([*asked, "--preflight"])
    shown = capsys.readouterr().out
    assert f"rows: 7 of 9 rows are left out: 1 {MARKED}; " in shown
    assert (
        "marks: Marks that are heeded: label (1 rows), loss_weight of turns (1 rows), train of turns (1 rows)"
        in shown
    )
    cli([*asked, "--preflight", "--json"])
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert set(found["left_out"]) == {MARKED, IMAGES, THOUGHTS, TOOLS}


def test_marks_that_are_not_heeded_are_named_before_it_starts(plain, tmp_path, capsys):
    rows = [
        {"messages": [user("Hi?"), says("Ho.", sft_mask=[0, 1])], "is_trainable": i % 2 == 0}
        for i in range(4)
    ]
    rows += [{"messages": [user("a"), says("b"), user("c"), says("d")], "reasoning": "Whose?", "weight": 0.5}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    data = tamis.open(tmp_path / "ws").import_file(file, progress=False)
    asked = [
        "--workspace",
        str(tmp_path / "ws"),
        "run",
        "finetune",
        "--dataset",
        data.id,
        "--model",
        str(plain),
    ]
    cli([*asked, "--held-out-fraction", "0", "--preflight"])
    shown = capsys.readouterr().out
    assert (
        "not heeded: Not heeded: is_trainable (4 rows), reasoning (1 rows), sft_mask of turns (4 rows)."
        in shown
    )
    assert "Marks that are heeded: weight (1 rows)." in shown
