"""A checker learns a planted rule, is measured on claims that it never saw, and is what groundedness and the bench take."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("trl")

from tamis.actions.bench_grounded import bench_grounded
from tamis.compute.compare.balanced import balanced_accuracy
from tamis.errors import CurationError, InvalidOptions, UnreadableFile
from tamis.recipes import CheckerOptions, TrainingRequest
from tamis.recipes.checker import train_checker
from tamis.scorers.classifier import Classifier
from tamis.scorers.options import LocalClassifierOptions
from tamis.steps.finetune.claims import _claim
from tamis.store.workspace import open_workspace

OPTIONS = {
    "max_steps": 60,
    "learning_rate": 5e-3,
    "max_length": 64,
    "use_cpu": True,
    "logging_steps": 20,
    "eval_steps": 30,
}


def planted(n, start=0):
    """Claims that hold exactly where the document says yes: a rule that a model of two layers finds."""
    return [
        {
            "document": f"It is {'many' if i % 2 else 'none'}.",
            "claim": f"What is {i} plus {i}?",
            "label": i % 2,
        }
        for i in range(start, start + n)
    ]


def written(path, lines):
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def train_on(model, folder, **files):
    request = TrainingRequest(
        model=model, train_file=folder / "none", eval_file=None, folder=folder, seed=3, **files
    )
    return train_checker(request, CheckerOptions(**OPTIONS))


@pytest.fixture(scope="module")
def checker(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checker")
    claims = written(folder / "claims.jsonl", planted(48))
    return train_on(
        tiny, folder, pairs_file=claims, eval_pairs_file=written(folder / "held_out.jsonl", planted(12, 100))
    )


def test_a_checker_learns_a_planted_rule_and_names_its_outputs(checker) -> None:
    assert (checker.n_steps, checker.fit.n_rows) == (60, 48)
    found = Classifier(LocalClassifierOptions(model=str(checker.folder), max_tokens=64, device="cpu"))
    assert found.labels() == ["unsupported", "supported"]
    claims = planted(20, 200)
    logits = found.pairs([one["document"] for one in claims], [one["claim"] for one in claims])
    told = logits.argmax(axis=1)
    assert (told == [one["label"] for one in claims]).mean() > 0.9


def test_the_bench_takes_it_and_says_the_balanced_accuracy_of_each_dataset(checker, tmp_path) -> None:
    lines = [one | {"dataset": "even" if i % 4 < 2 else "odd"} for i, one in enumerate(planted(24, 300))]
    swapped = [one | {"dataset": "swapped", "label": 1 - one["label"]} for one in planted(12, 300)]
    file = written(tmp_path / "claims.jsonl", [*lines, *swapped])
    found = bench_grounded(open_workspace(tmp_path / "w"), file, checker=str(checker.folder))
    assert found.datasets["even"].value > 0.9 > 0.1 > found.datasets["swapped"].value
    assert found.mean == pytest.approx(np.mean([one.value for one in found.datasets.values()]))
    assert found.together.n == 36
    assert found.n_not_judged == 0


def test_a_file_that_is_none_is_one_sentence(tmp_path) -> None:
    workspace = open_workspace(tmp_path / "w")
    for lines, said in (
        ([{"doc": "a", "claim": "b"}], "no column label"),
        ([{"doc": "a", "claim": "b", "label": 2}], "label 2"),
    ):
        with pytest.raises(InvalidOptions, match=said):
            bench_grounded(workspace, written(tmp_path / "bad.jsonl", lines))
    with pytest.raises(UnreadableFile, match="none of"):
        bench_grounded(workspace, tmp_path / "claims.txt")


def test_claims_of_one_label_alone_are_refused(tiny, tmp_path) -> None:
    same = written(tmp_path / "same.jsonl", [one | {"label": 1} for one in planted(6)])
    with pytest.raises(CurationError, match="same label"):
        train_on(tiny, tmp_path, pairs_file=same)


def test_which_rows_are_claims() -> None:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "Yes."}]
    assert _claim(turns, {"document": "d", "claim": "c"}) == {"document": "d", "claim": "c", "label": 1}
    for meta in ({"document": "d"}, {"claim": "c"}, {"document": " ", "claim": "c"}):
        assert _claim(turns, meta) is None
    assert (
        _claim([*turns[:1], {"role": "assistant", "content": "Perhaps."}], {"document": "d", "claim": "c"})
        is None
    )


def test_balanced_accuracy_by_hand() -> None:
    labels = np.array([1, 1, 1, 1, 0, 0], dtype=bool)
    found = balanced_accuracy(
        labels, np.array([0.9, 0.8, 0.6, 0.2, 0.1, np.nan]), np.random.default_rng(0), groups=np.arange(6)
    )
    assert (found.tpr, found.tnr, found.value) == (0.75, 1.0, 0.875)
    assert found.low <= found.value <= found.high
    with pytest.raises(InvalidOptions, match="both labels"):
        balanced_accuracy(np.ones(3, dtype=bool), np.ones(3), np.random.default_rng(0), groups=np.arange(3))
    one = balanced_accuracy(
        labels, np.full(6, 0.9), np.random.default_rng(0), groups=np.zeros(6, dtype=np.int64)
    )
    assert np.isnan(one.low) and one.value == 0.5  # one document tells nothing of others
