"""Headless reviewing: decide from a file, undo, a new version through a real worker, and exports of both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tamis.api.workspace import open as front_door
from tamis.cli.main import run
from tamis.settings import NOBODY

ROWS = [{"instruction": f"Question {i}?", "output": f"answer {i}"} for i in range(12)]


class Tamis:
    """Runs commands on one workspace and hands back the exit code and the last line as JSON."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: str) -> tuple[int, dict]:
        self._capsys.readouterr()
        code = run(["--workspace", str(self._workspace), *arguments, "--json"])
        out = self._capsys.readouterr().out.strip().splitlines()
        return code, json.loads(out[-1]) if out else {}


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    """A workspace with one dataset about which nothing is decided."""
    folder = tmp_path_factory.mktemp("imported")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert (
        run(["--workspace", str(folder / "w"), "import", str(folder / "rows.jsonl"), "--name", "Rows"]) == 0
    )
    return folder / "w"


@pytest.fixture
def tamis(tmp_path, imported, capsys, monkeypatch) -> Tamis:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    shutil.copytree(imported, tmp_path / "w")
    return Tamis(tmp_path / "w", capsys)


@pytest.fixture
def dataset(tamis) -> str:
    return tamis("datasets")[1]["datasets"][0]["dataset_id"]


def _file(tmp_path: Path, *lines: object) -> str:
    path = tmp_path / "decisions.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return str(path)


def test_the_whole_review_headless(tamis, dataset, tmp_path):
    decided = _file(
        tmp_path,
        {"example_id": 1, "verdict": "replace", "response": "better 1"},
        {"example_id": 2, "verdict": "drop"},
        {"example_id": 3, "verdict": "keep"},
    )
    code, event = tamis("decisions", "import", decided, "--dataset", "Rows")
    assert (code, event["n_rows"], event["reviewer"], event["rule"]) == (0, 3, "ann", "file decisions.jsonl")
    code, said = tamis("decisions", "--dataset", dataset)
    assert (code, said["n_decided"], said["n_rows"]) == (0, 3, 12)
    assert said["by_verdict"] == {"keep": 1, "drop": 1, "replace": 1}

    out = tmp_path / "out.jsonl"
    code, exported = tamis("export", "--dataset", dataset, "--decisions", "current", "--out", str(out))
    assert (code, exported["n_rows"]) == (0, 11)
    assert json.loads(out.read_text().splitlines()[1])["output"] == "better 1"
    assert tamis("replay", f"{out}.manifest.json")[1]["identical"]

    code, made = tamis("apply", "--dataset", dataset, "--name", "Clean")
    assert (code, made["n_dropped"], made["n_changed"], made["n_kept"]) == (0, 1, 1, 10)
    _, listed = tamis("datasets")
    assert {row["name"]: row["n_rows"] for row in listed["datasets"]} == {"Rows": 12, "Clean": 11}
    assert (
        tamis("decisions", "apply", "--dataset", dataset, "--name", "Clean")[1]["dataset_id"]
        == made["dataset_id"]
    )

    code, undone = tamis("decisions", "undo", "--dataset", dataset)
    assert (code, undone["event"]["active"]) == (0, False)
    assert tamis("decisions", "--dataset", dataset)[1]["n_decided"] == 0
    assert tamis("decisions", "redo", "--dataset", dataset)[1]["event"]["event_id"] == event["event_id"]
    code, reverted = tamis("decisions", "undo", "--dataset", dataset, "--event", str(event["event_id"]))
    assert (code, reverted["event"]["action"]) == (0, "revert")
    _, history = tamis("decisions", "list", "--dataset", dataset)
    assert [e["action"] for e in history["events"]] == ["revert", "redo", "undo", "decide"]
    assert tamis("decisions", "undo", "--dataset", dataset, "--reviewer", "bob")[1] == {"event": None}


def test_exported_decisions_can_be_imported_again(tamis, dataset, tmp_path):
    lines = ({"example_id": 4, "verdict": "replace", "response": "x"}, {"example_id": 7, "verdict": "drop"})
    tamis("decisions", "import", _file(tmp_path, *lines), "--dataset", dataset)
    out = tmp_path / "out.jsonl"
    code, done = tamis("decisions", "export", "--dataset", dataset, "--out", str(out))
    assert (code, done["n_decided"]) == (0, 2)
    tamis("decisions", "undo", "--dataset", dataset)
    code, event = tamis("decisions", "import", str(out), "--dataset", dataset)
    assert (code, event["n_rows"]) == (0, 2)
    again = tmp_path / "again.jsonl"
    tamis("decisions", "export", "--dataset", dataset, "--out", str(again))
    said = [
        {key: json.loads(line).get(key) for key in ("example_id", "verdict", "messages")}
        for line in again.open()
    ]
    assert said[0]["messages"][-1] == {"role": "assistant", "content": "x"}
    assert [row["verdict"] for row in said] == ["replace", "drop"]


def test_a_stale_line_is_a_conflict_that_can_be_settled(tamis, dataset, tmp_path):
    tamis("decisions", "import", _file(tmp_path, {"example_id": 1, "verdict": "drop"}), "--dataset", dataset)
    stale = _file(tmp_path, {"example_id": 1, "verdict": "keep", "seen_event": 0})
    _, event = tamis("decisions", "import", stale, "--dataset", dataset, "--reviewer", "bob")
    assert event["n_conflicts"] == 1
    assert tamis("decisions", "--dataset", dataset)[1]["conflicts"][0]["reviewer"] == "bob"
    code, _ = tamis(
        "decisions", "settle", "--dataset", dataset, "--event", str(event["event_id"]), "--keep", "mine"
    )
    said = tamis("decisions", "--dataset", dataset)[1]
    assert (code, said["conflicts"], said["by_verdict"]["keep"]) == (0, [], 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json", "line 2: is not JSON"),
        ([1], "not an object"),
        ({"example_id": 99, "verdict": "drop"}, "There is no row 99: rows go from 0 to 11"),
        ({"example_id": True, "verdict": "drop"}, "There is no row True"),
        ({"example_id": 1, "verdict": "burn"}, "'burn' is none of keep, drop, replace"),
        ({"example_id": 1, "verdict": "replace"}, "needs a response"),
        ({"example_id": 1, "verdict": "replace", "response": " "}, "Write a response"),
        (
            {"example_id": 1, "verdict": "replace", "messages": [{"role": "user", "content": "q"}]},
            "Add the response",
        ),
        ({"example_id": 0, "verdict": "keep"}, "decided twice"),
    ],
)
def test_one_bad_line_and_nothing_is_decided(tamis, dataset, tmp_path, line, said):
    path = _file(tmp_path, {"example_id": 0, "verdict": "drop"}, line)
    code, answer = tamis("decisions", "import", path, "--dataset", dataset)
    assert code == 2
    assert said in answer["error"]
    assert tamis("decisions", "--dataset", dataset)[1]["n_decided"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("decisions",), "Name the dataset"),
        (("decisions", "--dataset", "nowhere"), "nowhere"),
        (("apply", "--dataset", "Rows"), "Nothing is decided"),
        (("run", "curate", "--dataset", "Rows"), "tamis apply"),
        (("decisions", "undo", "--dataset", "Rows", "--event", "9"), "no decision event 9"),
        (("decisions", "import", "missing.jsonl", "--dataset", "Rows"), "no file missing.jsonl"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_next_step(tamis, dataset, arguments, said):
    code, answer = tamis(*arguments)
    assert code == 2
    assert said in answer["error"]


def test_a_decision_without_a_name_is_kept_under_the_one_that_the_page_and_the_method_use(
    dataset, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("TAMIS_REVIEWER")
    decided = _file(tmp_path, {"example_id": 0, "verdict": "drop"})
    arguments = ("--workspace", str(tmp_path / "w"), "decisions", "import", decided, "--dataset", dataset)
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert "TAMIS_REVIEWER" in printed.err
    opened = front_door(tmp_path / "w")
    assert json.loads(printed.out.splitlines()[-1])["reviewer"] == opened.reviewer == NOBODY
    assert opened._workspace.settings.reviewer_name() == NOBODY

    assert run([*arguments, "--reviewer", " ann ", "--json"]) == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out.splitlines()[-1])["reviewer"], printed.err) == ("ann", "")
    assert front_door(tmp_path / "w", reviewer=" ann ").reviewer == "ann"
