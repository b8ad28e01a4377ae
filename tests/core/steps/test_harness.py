"""Tasks of the lm-evaluation-harness from a file on this machine, answered by the tiny model."""

from __future__ import annotations

import json
import sys

import pytest

from tamis.errors import CurationError, ForbiddenPath, InvalidOptions, MissingExtra
from tamis.registry import parse_options
from tamis.steps.finetune.options import FinetuneOptions, harness_missing
from tamis.store.artifacts.targets import read_target
from tamis.store.workspace import open_workspace
from tests.core.llms.conftest import build_model
from tests.core.steps.finetuning import RECIPE, Reports, run, small_dataset

torch = pytest.importorskip("torch")
TASK = """task: choose_yes
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["yes", "no"]
doc_to_target: gold
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The tiny model, and a task of six questions."""
    folder = tmp_path_factory.mktemp("harness")
    rows = folder / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"question": f"Is {i} odd?", "gold": 1 - i % 2}) for i in range(6)))
    task = folder / "choose.yaml"
    task.write_text(TASK.format(rows=rows))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_model(folder / "tiny"), task
    torch.set_num_threads(before)


def test_a_task_file_is_answered_and_its_score_comes_with_its_error(place):
    pytest.importorskip("lm_eval")
    from tamis.steps.finetune.harness import Harness

    model, task = place
    (found,) = Harness([str(task)], [task.parent]).scores(model, limit=None, cpu=True)
    assert (found["task"], found["metric"], found["n"], found["higher_is_better"]) == (
        "choose_yes",
        "acc",
        6,
        True,
    )
    assert 0 <= found["value"] <= 1
    p = found["value"]
    assert found["stderr"] == pytest.approx((p * (1 - p) / 5) ** 0.5)
    assert len(found["rows"]) == 6
    assert sum(found["rows"].values()) / 6 == pytest.approx(p)
    (limited,) = Harness([str(task)], [task.parent]).scores(model, limit=2, cpu=True)
    assert limited["n"] == 2


def test_questions_with_their_answers_are_a_target(place, tmp_path, monkeypatch):
    pytest.importorskip("lm_eval")
    from tamis.actions.targets import TargetSource, add_target

    _, task = place
    monkeypatch.setenv("TAMIS_TASK_FOLDERS", json.dumps([str(task.parent)]))
    store, dataset_id = small_dataset(tmp_path)
    made = add_target(open_workspace(store.workspace), dataset_id, "odd", TargetSource(task=str(task)))
    examples = read_target(made).examples
    assert [(one.prompt, one.response) for one in examples[:2]] == [("Is 0 odd?", "no"), ("Is 1 odd?", "yes")]
    assert len(examples) == 6
    with pytest.raises(InvalidOptions, match="no task file"):
        add_target(
            open_workspace(store.workspace), dataset_id, "x", TargetSource(task=str(task.parent / "no.yaml"))
        )


def test_a_fine_tuning_asks_base_and_result_and_goes_on_where_it_stopped(place, tmp_path, monkeypatch):
    pytest.importorskip("lm_eval")
    pytest.importorskip("trl")
    from tamis.steps.finetune.harness import Harness

    model, task = place
    monkeypatch.setenv("TAMIS_TASK_FOLDERS", json.dumps([str(task.parent)]))
    store, dataset_id = small_dataset(tmp_path)
    values = {
        "model": str(model), "recipe_options": RECIPE, "held_out_fraction": 0, "lm_eval_tasks": [str(task)], "lm_eval_limit": 4
    }  # fmt: skip
    real, asked = Harness.scores, []
    monkeypatch.setattr(
        Harness, "scores", lambda *given, **named: asked.append(given[1]) or real(*given, **named)
    )
    stop = Reports(KeyboardInterrupt(), "lm-evaluation-harness", 1)
    with pytest.raises(KeyboardInterrupt):
        run(store, dataset_id, "finetune", values, stop)
    made = run(store, dataset_id, "finetune", values)
    assert len(asked) == 2  # the base was not asked again
    (found,) = made.summary["lm_eval"]
    assert found["task"] == "choose_yes"
    assert found["n"] == 4
    assert {"value", "stderr", "base", "base_stderr"} <= found.keys()
    assert "rows" not in found  # of every question: too much for a manifest
    assert found["paired"]["n"] == 4
    assert found["paired"]["mean"] == pytest.approx(found["value"] - found["base"])
    assert made.manifest.options["lm_eval_tasks"] == [str(task)]


def test_a_wrong_task_is_refused_before_anything_is_trained(tmp_path):
    pytest.importorskip("lm_eval")
    from tamis.steps.finetune.harness import Harness

    with pytest.raises(InvalidOptions, match="no task file"):
        Harness([str(tmp_path / "missing.yaml")], [tmp_path])


def test_a_task_file_runs_only_from_a_folder_that_the_operator_named(place, tmp_path, monkeypatch):
    pytest.importorskip("lm_eval")
    from tamis.steps.finetune.harness import Harness

    _, task = place
    allowed = tmp_path / "tasks"
    allowed.mkdir()
    (allowed / "link.yaml").symlink_to(task)
    escapes = [
        task,
        allowed / "link.yaml",
        allowed / ".." / ".." / task.parent.name / task.name,
        "/etc/task.yaml",
    ]
    for escape in escapes:
        with pytest.raises(ForbiddenPath, match="TAMIS_TASK_FOLDERS"):
            Harness([str(escape)], [allowed])
    with pytest.raises(ForbiddenPath, match=r"\(none\)"):
        Harness([str(task)])


def test_data_that_is_not_there_is_said(place, tmp_path):
    pytest.importorskip("lm_eval")
    from tamis.steps.finetune.harness import Harness

    task = tmp_path / "broken.yaml"
    task.write_text(TASK.format(rows=tmp_path / "missing.jsonl"))
    with pytest.raises(CurationError, match="could not be run"):
        Harness([str(task)], [task.parent]).scores(place[0], limit=None, cpu=True)


def test_every_metric_of_every_task_is_read():
    pytest.importorskip("transformers")
    from tamis.steps.finetune.harness import parse_scores

    found = {
        "results": {
            "a": {
                "alias": "a",
                "acc,none": 0.5,
                "acc_stderr,none": 0.1,
                "f1,strict": 0.25,
                "f1_stderr,strict": "N/A",
            }
        },
        "n-samples": {"a": {"original": 9, "effective": 4}},
        "higher_is_better": {"a": {"acc": True, "f1": True}},
    }
    assert list(parse_scores(found)) == [
        {"task": "a", "metric": "acc", "value": 0.5, "stderr": 0.1, "n": 4, "higher_is_better": True},
        {
            "task": "a",
            "metric": "f1 (strict)",
            "value": 0.25,
            "stderr": None,
            "n": 4,
            "higher_is_better": True,
        },
    ]


def test_answers_are_paired_by_question_and_only_where_their_mean_is_the_metric():
    pytest.importorskip("transformers")
    from tamis.steps.finetune.harness import paired_rows, parse_scores

    samples = [
        {"doc_id": i, "filter": "none", "acc": float(i < 2), "perplexity": float(i)} for i in range(4)
    ] + [{"doc_id": 0, "filter": "strict", "acc": 1.0}]
    found = {
        "results": {"a": {"acc,none": 0.5, "perplexity,none": 9.0}},
        "samples": {"a": samples},
    }
    acc, perplexity = parse_scores(found)
    assert acc["rows"] == {"0": 1.0, "1": 1.0, "2": 0.0, "3": 0.0}
    assert "rows" not in perplexity
    change = paired_rows(acc, {"rows": {"3": 1.0, "2": 1.0, "1": 1.0, "9": 1.0}})
    assert (change["n"], change["mean"]) == (3, pytest.approx(2 / 3))
    assert paired_rows(acc, perplexity) is None


def test_without_the_package_the_way_to_it_is_said(monkeypatch):
    pytest.importorskip("transformers")
    from tamis.steps.finetune.harness import Harness

    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MissingExtra, match="harness"):
        Harness(["piqa"])
    monkeypatch.setattr("tamis.steps.finetune.options.find_spec", lambda name: None)
    assert "not installed" in harness_missing()


def test_a_run_without_tasks_is_named_as_before_there_were_any():
    plain = parse_options(FinetuneOptions, {}).identity()
    assert not {"lm_eval_tasks", "lm_eval_limit"} & plain.keys()
    asked = parse_options(FinetuneOptions, {"lm_eval_tasks": [" piqa", "piqa", ""]})
    assert asked.lm_eval_tasks == ("piqa",)
    assert asked.identity() != plain
