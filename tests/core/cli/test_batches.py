"""From examining a model to a version with written rows, by commands and by Python, and back by undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.api.workspace import open as front_door
from tests.core.cli.test_decisions import Tamis
from tests.core.steps.test_augment import ANSWERS, PLANTS

ROWS = [
    {
        "instruction": f"Which plant of bed {number} grows tallest?",
        "output": f"The {PLANTS[number]} grows tallest there.",
    }
    for number in range(6)
]
STUDENT = ["--llm", "scripted", "--answers", json.dumps(["The maple grows tallest there."])]
TEACHER = ["--llm", "scripted", "--answers", json.dumps(ANSWERS)]
MILD = ["--filters", '{"length": false}']


@pytest.fixture
def tamis(tmp_path, capsys, monkeypatch) -> Tamis:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    return Tamis(tmp_path / "w", capsys)


@pytest.fixture
def dataset(tamis, tmp_path: Path) -> str:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tamis("import", str(tmp_path / "rows.jsonl"), "--name", "Rows")[1]["dataset_id"]


def test_written_rows_enter_a_version_by_commands(tamis, dataset) -> None:
    code, examined = tamis("run", "examine", "--dataset", dataset, *STUDENT, "--mark", "exact")
    assert (code, examined["summary"]["n_wrong"]) == (0, 5)
    assert examined["name"] == "Same words · 17 % of 6 right"
    asked = (
        "run",
        "augment",
        "--dataset",
        dataset,
        "--parents",
        "wrong:newest",
        *TEACHER,
        *MILD,
        "--rows",
        "3",
    )
    code, trial = tamis(*asked, "--estimate")
    assert code == 0
    assert (len(trial["jobs"]), trial["rows"]) == (3, 3)
    code, made = tamis(*asked)
    assert code == 0
    assert made["summary"]["additions_to"]["dataset_id"] == dataset
    code, listed = tamis("batches", "list", "--dataset", dataset)
    (batch,) = [one["dataset_id"] for one in listed["batches"]]
    code, funnel = tamis("batches", "show", "--dataset", batch)
    n_passed = funnel["n_passed"]
    assert funnel["n_waiting"] == n_passed > 0
    for name, n in funnel["reasons"].items():
        assert len(tamis("batches", "show", "--dataset", batch, "--reason", name)[1]["rows"]) == n
    code, refused = tamis("apply", "--dataset", dataset, "--with", batch)
    assert code == 2
    assert "--accept passed" in str(refused)
    code, proposed = tamis("run", "propose", "--dataset", batch, "--method", "additions")
    assert proposed["summary"]["n_add"] == n_passed
    assert proposed["name"].startswith(f"Additions · {n_passed} add")
    code, event = tamis("decisions", "rule", "--dataset", batch, "--accept", "passed")
    assert event["event"]["n_rows"] == n_passed
    code, version = tamis("apply", "--dataset", dataset, "--with", batch, "--name", "Round 1")
    assert (code, version["n_added"], version["n_kept"]) == (0, n_passed, 6)
    assert tamis("decisions", "undo", "--dataset", batch)[1]["event"]["n_rows"] == n_passed
    assert tamis("batches", "show", "--dataset", batch)[1]["n_accepted"] == 0


def test_the_same_from_python(tamis, dataset, tmp_path: Path) -> None:
    workspace = front_door(tmp_path / "w", reviewer="ann")
    data = workspace.dataset(dataset)
    examined = data.examine("scripted", answers=["The maple grows tallest there."], progress=False)
    assert examined.wrong.tolist() == [0, 2, 3, 4, 5]
    assert examined.groups.to_arrow()["n"].to_pylist() == [6]
    options = {
        "parents": f"wrong:{examined.id}",
        "llm": "scripted",
        "answers": list(ANSWERS),
        "rows": 3,
        "filters": {"length": False},
    }
    assert len(data.try_augment(**options).jobs) == 3
    made = data.augment("similar", progress=False, **options)
    assert made.adds_to == dataset
    assert "rows passed" in repr(made)
    assert made.to_arrow().num_rows == made.funnel.n_drafts
    assert len(made.rows_with("repeats")) == made.funnel.reasons.get("repeats", 0)
    event = workspace.dataset(made.dataset_id).decisions.accept_passed()
    version = data.apply(additions=[made.dataset_id], progress=False)
    assert len(version) == 6 + event.n_rows
    assert data.batches.to_arrow()["n_accepted"].to_pylist() == [event.n_rows]
