"""Rounds of ALC3 in the workspace: what is proposed, what is asked, and what a training sees."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tamis.actions.decisions import decide_rows
from tamis.actions.label_rounds import freeze_label_round, label_round
from tamis.compute.clear.review_rule import ReviewRule
from tamis.errors import InvalidOptions
from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.readers import read_evidence
from tamis.store.review.frozen_decisions import freeze_decisions, read_frozen_decisions
from tamis.store.workspace import open_workspace
from tests.core.compute.test_alc3 import blobs
from tests.core.store.small_workspace import write

N = 120
NAMES = ("billing", "delivery", "other")


class Silent:
    def progress(self, *_args, **_kwargs) -> None: ...

    def metric(self, *_args) -> None: ...


@pytest.fixture
def labelled(tmp_path):
    """120 rows whose responses are labels, a fifth of them flipped, with vectors that tell them."""
    vectors, truth = blobs(N, spread=0.25)
    labels = truth.copy()
    wrong = np.random.default_rng(5).permutation(N)[:24]
    labels[wrong] = (labels[wrong] + 1) % 3
    file = tmp_path / "rows.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"instruction": f"Message {i}", "input": "", "output": NAMES[labels[i]]})
            for i in range(N)
        )
    )
    workspace = open_workspace(tmp_path / "ws")
    plan = plan_import([str(file)])
    run(workspace, plan.dataset_id, "import", plan.options)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def fill(writer):
        for name in ("vectors.npy", "prompt.npy", "response.npy"):
            np.save(writer.path / name, unit)
        np.save(writer.path / "tokens.npy", np.ones(N, np.int32))

    write(
        workspace.artifacts,
        "embeddings",
        step="embed",
        fill=fill,
        options={"text": "both"},
        dataset=plan.dataset_id,
    )
    return workspace, plan.dataset_id, truth, set(wrong.tolist())


def run(workspace, dataset_id, step, values):
    plan = plan_step(workspace.artifacts, dataset_id, step, values)
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
    return execute(workspace.artifacts, task, Silent())


def propose(workspace, dataset_id, after=""):
    decided = freeze_decisions(workspace, dataset_id)
    values = {
        "method": "alc3",
        "ask_fraction": 0.1,
        "delta": 0.5,
        "after": after,
        "decisions": decided.id if decided else "",
    }
    return run(workspace, dataset_id, "propose", values)


def rows_of(made, action):
    return [one for one in read_proposals(made).to_pylist() if one["action"] == action]


def answer(workspace, dataset_id, made, truth):
    for one in rows_of(made, "ask"):
        row = one["example_id"]
        decide_rows(
            workspace, dataset_id, np.array([row]), "replace", response=NAMES[truth[row]], reviewer="ann"
        )


def test_a_first_round_asks_by_chance_and_corrects_what_it_is_sure_of(labelled):
    workspace, dataset_id, truth, wrong = labelled
    made = propose(workspace, dataset_id)
    corrected = rows_of(made, "replace")
    assert len(rows_of(made, "ask")) == 12 and made.summary["round"] == 0 and made.summary["eta_0"] is None
    assert corrected and all(one["verdict_confidence"] > made.summary["delta"] for one in corrected)
    assert np.mean([one["candidate"] == NAMES[truth[one["example_id"]]] for one in corrected]) >= 0.8
    assert not rows_of(made, "drop")


def test_answers_count_in_the_next_round_and_nothing_else_carries_over(labelled):
    workspace, dataset_id, truth, wrong = labelled
    first = propose(workspace, dataset_id)
    corrected = {one["example_id"] for one in rows_of(first, "replace")}
    asked = {one["example_id"] for one in rows_of(first, "ask")}
    answer(workspace, dataset_id, first, truth)
    found = label_round(workspace, dataset_id)
    assert (found.n_answered, found.n_wrong) == (12, len(asked & wrong))
    assert found.n_mended == found.n_wrong and found.n_annotated == 12
    second = propose(workspace, dataset_id, first.id)
    assert second.summary["round"] == 1 and second.summary["delta"] == first.summary["delta"]
    assert second.summary["eta_0"] == pytest.approx(len(asked & wrong) / 12)
    assert not asked & {one["example_id"] for one in rows_of(second, "ask") + rows_of(second, "replace")}
    # What the model corrected is no decision, so that it is wrong again and corrected again.
    assert len(corrected & {one["example_id"] for one in rows_of(second, "replace")}) > len(corrected) / 2


def test_the_training_set_of_a_round_is_people_and_the_round_and_the_log_stays_theirs(labelled):
    workspace, dataset_id, truth, wrong = labelled
    first = propose(workspace, dataset_id)
    answer(workspace, dataset_id, first, truth)
    before = read_frozen_decisions(freeze_decisions(workspace, dataset_id))
    frozen = read_frozen_decisions(freeze_label_round(workspace, dataset_id))
    corrected = {one["example_id"]: one["candidate"] for one in rows_of(first, "replace")}
    assert set(frozen) == set(before) | set(corrected)
    assert all(frozen[row].messages[-1]["content"] == label for row, label in corrected.items())
    assert read_frozen_decisions(freeze_decisions(workspace, dataset_id)) == before


def test_without_answers_labels_stay_after_any_number_of_rounds(labelled):
    workspace, dataset_id, *_ = labelled
    made = propose(workspace, dataset_id)
    later = propose(workspace, dataset_id, made.id)
    assert freeze_decisions(workspace, dataset_id) is None
    own = [read_proposals(one, ["confidence"])["confidence"].to_pylist() for one in (made, later)]
    assert own[0] == own[1] and later.summary["n_batch_answered"] == 0 and later.summary["eta_0"] is None


def test_delta_is_that_of_the_labels_as_imported_in_every_round(labelled):
    workspace, dataset_id, truth, _ = labelled
    first = run(workspace, dataset_id, "propose", {"method": "alc3"})
    answer(workspace, dataset_id, first, truth)
    decided = freeze_decisions(workspace, dataset_id).id
    alone = run(workspace, dataset_id, "propose", {"method": "alc3", "decisions": decided})
    assert first.summary["n_asked"] == 3  # 2 % of 120, rounded up
    assert alone.summary["delta"] == first.summary["delta"]


def test_no_rule_answers_for_a_person():
    from tamis.compute.clear.review_order import ProposalColumns

    kinds = np.array(["ask:asked", "replace:auto_corrected"], dtype=object)
    columns = ProposalColumns(np.array([0, 1]), kinds, np.zeros(2), np.zeros(2))
    assert ReviewRule().matches(columns, np.array([0, 1]), np.ones(2, bool)).tolist() == [1]


def test_the_score_tells_the_same(labelled):
    workspace, dataset_id, truth, wrong = labelled
    scores = run(workspace, dataset_id, "score", {"scorer": "label_confidence"})
    table = read_evidence(scores)
    lowest = np.argsort(table["score"].to_numpy())[:15]
    assert np.isin(lowest, list(wrong)).mean() > 0.8
    assert (table["predicted"].to_numpy() == truth).mean() > 0.8  # billing, delivery, other: by the alphabet
    with pytest.raises(InvalidOptions, match="No row has the field 'intent'"):
        run(
            workspace,
            dataset_id,
            "score",
            {"scorer": "label_confidence", "scorer_options": {"label_field": "intent"}},
        )
