"""Compare → Pruning, and a round of labels in Review: what is drawn, and what a press does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pages.parts.review import session as review_session
from tamis.actions.decisions import decide_rows
from tamis.jobs import job_table
from tamis.steps.prune.pruning import (
    FILE,
    CalibrationSet,
    Cell,
    EvaluationSet,
    PairOfSets,
    Pruning,
    window_files,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import write
from tests.pages.page_workspace import button, checked, import_file, open_page, run_step, said


def pruned(workspace: Path, dataset_id: str) -> Artifact:
    """A pruning of two calibration sets, written by hand."""
    sets = [
        CalibrationSet(
            name=name, n_rows=9, seeds=[1, 2], n_windows=[4, 4], n_tokens=[90, 90], pad_fraction=[0.1, 0.1]
        )
        for name in ("selection:abc", "tag:maths")
    ]
    cells = [[Cell(value=v, low=v - 1, high=v + 1, draws=[v, v])] for v in (12.0, 19.0)]
    pairs = [
        PairOfSets(
            first=0,
            second=1,
            evaluation=0,
            ratio=12 / 19,
            low=0.5,
            high=0.8,
            row_low=0.4,
            row_high=0.9,
            told="lower",
        )
    ]
    content = Pruning(
        method="wanda", pattern="unstructured", sparsity_fraction=0.5, least_sparsity_fraction=0.5, format="packed",
        count_pads=False, n_weights=1000, calibrations=sets, dense=[8.0], magnitude=[70.0], cells=cells, pairs=pairs,
        evaluations=[EvaluationSet(name="rows of no calibration", n_rows=20, n_tokens=200, n_left_out=18)],
        overlap=[[0.9, 0.7], [0.7, 0.9]], chance_overlap=1 / 3, seconds=1.0,
    )  # fmt: skip

    def fill(writer):
        (writer.path / FILE).write_text(content.model_dump_json())
        for c, one in enumerate(sets):
            for seed in one.seeds:
                texts, ids = window_files(c, seed)
                (writer.path / texts).write_text('{"text": "a"}\n')
                np.save(writer.path / ids, np.zeros((1, 4), np.int32))

    return write(
        ArtifactStore(workspace), "pruning", step="prune", dataset=dataset_id, fill=fill,
        options={"method": "wanda", "pattern": "unstructured", "n_rows": 4, "row_tokens": 32}, summary={"n_calibrations": 2, "sparsity": 0.5},
    )  # fmt: skip


def test_a_pruning_says_which_set_leaves_less_and_offers_its_windows(
    workspace: Path, dataset_id: str
) -> None:
    pruned(workspace, dataset_id)
    text = said(app := open_page("compare", dataset=dataset_id, compare_what="Pruning"))
    plain = text.replace("\\", "")
    assert "selection:abc leaves 36.8 % less perplexity than tag:maths" in plain
    assert "Masks by chance would share 0.33" in text
    assert "selection:abc fills 2.8 of 4 windows of 32 tokens: choose more rows" in plain
    assert app.selectbox(key="pruning_picker").options == ["Wanda 50 % · 2 calibration sets"]


def test_the_form_prunes_by_selections(workspace: Path, dataset_id: str) -> None:
    app = open_page("compare", dataset=dataset_id, compare_what="Pruning")
    assert app.button(key="submit_prune").disabled
    sets = app.multiselect(key="prune_calibrations")
    app = checked(
        sets.set_value(sets.options and [ArtifactStore(workspace).list(dataset_id, "selection")[0].id]).run()
    )
    checked(app.button(key="submit_prune").click().run())
    (job,) = job_table.list_jobs(Database(workspace), dataset_id=dataset_id)
    assert job.step == "prune" and list(job.inputs)[1:] == ["calibration_00"]


@pytest.fixture
def labelled(workspace: Path, tmp_path: Path) -> str:
    """Sixty rows whose responses are two labels, embedded."""
    file = tmp_path / "labels.jsonl"
    lines = [
        f'{{"instruction": "{word} {i}", "input": "", "output": "{label}"}}'
        for i in range(30)
        for word, label in (("soup broth onion", "food"), ("planet orbit star", "space"))
    ]
    file.write_text("\n".join(lines))
    dataset_id = import_file(workspace, file, "Labels")
    run_step(workspace, dataset_id, "embed", {"encoder": "hashing"})
    return dataset_id


def test_a_round_of_labels_shows_how_many_were_wrong_and_freezes_its_training_set(
    workspace: Path, labelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_step(workspace, labelled, "propose", {"method": "alc3", "ask_fraction": 0.1})
    opened = open_workspace(workspace)
    asked = [7, 9]
    decide_rows(opened, labelled, np.array(asked), "keep", reviewer="ann")
    monkeypatch.setattr(review_session, "reviewer_name", lambda _: "ann")
    app = open_page("review", dataset=labelled)
    text = said(app)
    assert "Round 0" in text and "Only what people say carries over" in text
    assert [one.label for one in app.metric][:2] == ["Asked and answered", "Wrong among them (p)"]
    checked(button(app, "Freeze training set").click().run())
    assert ArtifactStore(workspace).list(labelled, "decisions")
    assert first.summary["n_asked"] == 6


def test_the_form_offers_the_next_round(workspace: Path, labelled: str) -> None:
    app = open_page("review", dataset=labelled, propose_way="Labels")
    checked(button(app, "Propose for 60 rows").click().run())
    (job,) = job_table.list_jobs(Database(workspace), dataset_id=labelled)
    assert job.options["method"] == "alc3" and job.options["ask_fraction"] == 0.02
