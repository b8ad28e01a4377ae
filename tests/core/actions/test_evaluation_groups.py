"""Verdicts over held-out rows: like rows count once, and what is looked at together is judged together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tamis.actions.evaluations import (
    VERDICT_RULE,
    cluster_losses,
    measure_verdicts,
    overall_losses,
    task_changes,
)
from tamis.steps.finetune.evaluate import loss_verdict
from tamis.store.artifacts.adapters import held_out_groups
from tests.support.changes import told_alone

CONTEXT: Any = SimpleNamespace(cluster_name=str)


def evaluation(change: np.ndarray, **columns: object) -> pa.Table:
    n = len(change)
    return pa.table(
        {"cluster_id": np.zeros(n, np.int32), "base_loss": np.full(n, 2.0), "loss": 2.0 + change} | columns
    )


@pytest.mark.parametrize("common", [0.0, 0.5, 0.8])
def test_a_change_that_answers_to_one_prompt_share_is_not_taken_for_many(common: float) -> None:
    """Sixteen prompts with five answers each and no change: at most 7 % of runs are called better or worse."""
    rng, prompts, called, by_row = np.random.default_rng(7), np.arange(80) // 5, np.zeros((400, 4)), 0
    for run in called:
        of_prompt, own = rng.normal(size=16)[prompts], rng.normal(size=80)
        change = 0.1 * (np.sqrt(common) * of_prompt + np.sqrt(1 - common) * own)
        table = evaluation(change, group=prompts)
        verdicts = (
            loss_verdict(table).split(": ")[1].rstrip("."), overall_losses(table)["verdict"],
            cluster_losses(CONTEXT, table)["verdict"][0].as_py(), measure_verdicts(table)["loss"],
        )  # fmt: skip
        run[:] = [verdict != "not clear" for verdict in verdicts]
        by_row += measure_verdicts(evaluation(change))["loss"] != "not clear"
    assert (called.mean(axis=0) <= 0.07).all()
    assert (by_row / 400 > 0.2) == (common > 0)  # what was said before


def test_few_prompts_with_many_answers_are_few() -> None:
    """A hundred rows of five prompts tell nothing; the losses and their change count each prompt once."""
    change = np.random.default_rng(0).normal(-0.5, 0.05, 100)
    prompts = np.repeat(np.arange(5), (60, 10, 10, 10, 10))
    change[:60] -= 0.5
    table = evaluation(change, group=prompts, exact_match=np.ones(100), base_exact_match=np.zeros(100))
    whole, (line,) = overall_losses(table), cluster_losses(CONTEXT, table).to_pylist()
    assert (whole["n"], whole["n_groups"], whole["verdict"]) == (100, 5, "not clear")
    assert (line["n"], line["n_groups"], line["verdict"]) == (100, 5, "not clear")
    each = np.mean([change[prompts == one].mean() for one in range(5)])
    assert whole["change"] == pytest.approx(each) == line["change"] == line["loss"] - line["base_loss"]
    assert set(measure_verdicts(table).values()) == {"not clear"}
    assert "100 rows paired in 5 groups of like rows, each counted once): not clear." in loss_verdict(table)
    halves = evaluation(change, group=prompts, cluster_id=np.arange(100) % 2)
    assert "Of 2 clusters 0 better, 0 worse, 2 not clear" in loss_verdict(halves)
    assert "Of 2 clusters 2 better" in loss_verdict(halves.drop_columns("group"))
    before = table.drop_columns("group")  # files of before do not say so
    assert held_out_groups(before).tolist() == list(range(100))
    assert overall_losses(before)["verdict"] == "better"
    assert "(95 % interval" in loss_verdict(before) and "100 rows paired): better." in loss_verdict(before)
    assert "rows with like prompts or of one family counting once" in VERDICT_RULE


def test_files_of_before_count_equal_prompts_once() -> None:
    """They have no groups, or one for each row where too much was alike: their prompts tell."""
    prompts = ["What is this?", "what is THIS", "And that?", "Go on."]
    table = evaluation(np.zeros(4), prompt=prompts)
    assert held_out_groups(table).tolist() == [0, 0, 2, 3]
    assert held_out_groups(evaluation(np.zeros(4), prompt=prompts, group=[9, 8, 7, 6])).tolist() == [
        9,
        9,
        7,
        6,
    ]
    assert held_out_groups(evaluation(np.zeros(4), prompt=prompts, group=[1, 1, 0, 0])).tolist() == [
        1,
        1,
        0,
        0,
    ]


CHANGE, CLUSTERS = told_alone(20), np.repeat(np.arange(20), 10)


def test_a_cluster_that_is_told_alone_is_not_told_among_twenty() -> None:
    table = evaluation(CHANGE, cluster_id=CLUSTERS)
    assert cluster_losses(CONTEXT, table.slice(0, 10))["verdict"].to_pylist() == ["better"]
    assert set(cluster_losses(CONTEXT, table)["verdict"].to_pylist()) == {"not clear"}
    assert loss_verdict(table.slice(0, 10)).endswith("better.")
    assert "Of 20 clusters 0 better, 0 worse, 20 not clear (Benjamini" in loss_verdict(table)


def test_a_measure_that_is_told_alone_is_not_told_among_five() -> None:
    names = ("exact_match", "token_f1", "rouge_l", "json_valid")
    others = {name: 0.5 + 0.1 * CHANGE[10:20] for name in names}
    others |= {f"base_{name}": np.full(10, 0.5) for name in names}
    assert measure_verdicts(evaluation(CHANGE[:10])) == {"loss": "better"}
    assert set(measure_verdicts(evaluation(CHANGE[:10], **others)).values()) == {"not clear"}


def test_a_task_that_is_told_alone_is_not_told_among_twenty() -> None:
    entries = [
        {
            "task": f"t{i}", "metric": "acc", "value": 0.6, "base": 0.5, "higher_is_better": True,
            "paired": {"n": 100, "mean": 0.1, "low": 0.01, "high": 0.19, "p": 0.03 if i == 0 else 0.9},
        }
        for i in range(20)
    ]  # fmt: skip
    assert [one.said for one in task_changes(entries[:1])] == ["better"]
    assert [one.said for one in task_changes(entries)] == ["not clear"] * 20
