"""Reviewing without a browser: the queue of proposals, one by one and by rule, and rows decided by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.review_workspace import write_proposals

Tamis = Callable[..., tuple[int, dict]]
PROPOSED = [
    {"example_id": i, "action": "drop", "confidence": i / 40} if i < 20
    else {"example_id": i, "action": "replace", "outcome": "corrected", "candidate": f"better {i}", "confidence": i / 40}
    if i < 30
    else {"example_id": i, "action": "keep", "outcome": "passed", "confidence": i / 40}
    for i in range(40)
]  # fmt: skip


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("proposed")
    dataset_id = import_file(folder / "w", alpaca_file(folder))
    write_proposals(folder / "w", dataset_id, PROPOSED)
    return folder / "w", dataset_id


@pytest.fixture
def tamis(
    tmp_path: Path,
    proposed: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Tamis:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    shutil.copytree(proposed[0], tmp_path / "w")

    def call(*arguments: str) -> tuple[int, dict]:
        capsys.readouterr()
        code = run([*arguments, "--dataset", proposed[1], "--workspace", str(tmp_path / "w"), "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


def test_proposals_are_approved_and_rejected_in_the_order_of_the_queue(tamis: Tamis) -> None:
    code, queue = tamis("review", "queue", "--limit", "3")
    assert (code, queue["n_waiting"], [one["example_id"] for one in queue["rows"]]) == (0, 30, [0, 1, 2])
    assert queue["kinds"] == {"drop:below_threshold": 20, "replace:corrected": 10, "keep:passed": 10}
    code, done = tamis("review", "approve", "--rows", "0,25")
    assert (code, [(one["example_id"], one["verdict"]) for one in done["decided"]]) == (
        0,
        [(0, "drop"), (25, "replace")],
    )
    assert tamis("review", "reject", "--rows", "1")[1]["decided"][0]["verdict"] == "keep"
    assert [one["example_id"] for one in tamis("review", "queue", "--limit", "1")[1]["rows"]] == [2]
    by_verdict = tamis("decisions")[1]["by_verdict"]
    assert by_verdict == {"keep": 1, "drop": 1, "replace": 1}
    code, progress = tamis("review", "progress")
    assert (code, progress["n_decided"], progress["n_approved"], progress["n_judged"]) == (0, 3, 2, 3)
    (change,) = tamis("decisions", "row", "25")[1]["changes"]
    assert (change["new_verdict"], change["reviewer"], change["via"]) == ("replace", "ann", "approve")


def test_a_rule_is_one_decision_that_can_be_looked_at_first(tamis: Tamis) -> None:
    asked = (
        "review",
        "rule",
        "approve",
        "--kind",
        "drop:below_threshold",
        "--measure",
        "confidence",
        "--below",
        "0.2",
    )
    assert tamis(*asked, "--dry-run") == (
        0,
        {
            "rule": "approve all of drop: below the threshold with confidence below 0.2",
            "n_rows": 8,
        },
    )
    assert tamis("decisions")[1]["n_decided"] == 0
    assert tamis(*asked)[1]["event"]["n_rows"] == 8
    assert tamis("decisions")[1]["by_verdict"]["drop"] == 8
    assert tamis("decisions", "undo")[1]["event"]["active"] is False
    assert tamis("decisions")[1]["n_decided"] == 0


def test_decisions_say_what_the_score_is_worth(tamis: Tamis) -> None:
    code, found = tamis("review", "calibrate")
    assert (code, found["n_decisions"], "bands" in found, bool(found["problem"])) == (0, 0, False, True)
    tamis("review", "approve", "--rows", "0-12")
    tamis("review", "approve", "--rows", "30-39")
    code, found = tamis("review", "calibrate")
    assert (found["n_decisions"], "bands" in found) == (23, False)  # those were chosen, not drawn
    tamis("review", "approve", "--rows", "13-29")
    code, found = tamis("review", "calibrate", "--threshold", "0.31")
    assert (code, found["n_decisions"], found["n_bad"], found["problem"]) == (0, 40, 30, "")
    assert found["bands"]["value"][0] > 0.5 > found["bands"]["value"][-1]
    assert sum(found["bands"]["n_counted"]) == found["n_counted"] == 40
    assert found["threshold"]["n_below"] == 13


def test_rows_are_decided_by_hand_as_one_decision(tamis: Tamis) -> None:
    code, made = tamis("decisions", "decide", "drop", "--rows", "3-5", "--reason", "off topic")
    assert (code, made["event"]["n_rows"], made["event"]["rule"]) == (0, 3, "off topic")
    assert tamis("decisions", "decide", "replace", "--rows", "9", "--response", "a better answer")[0] == 0
    assert tamis("decisions")[1]["by_verdict"] == {"keep": 0, "drop": 3, "replace": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("review", "queue", "--order", "random"), "order called 'random'"),
        (("review", "queue", "--proposals", "nowhere"), "nowhere"),
        (("review", "approve"), "Say which rows"),
        (("review", "rule", "approve", "--measure", "confidence"), "needs one limit"),
        (("review", "rule", "approve", "--above", "0.5"), "needs one limit"),
        (("decisions", "decide", "replace", "--rows", "1"), "needs its new response"),
        (("decisions", "decide", "burn", "--rows", "1"), "'burn' is not one of"),
    ],
)
def test_what_cannot_be_is_refused(tamis: Tamis, arguments: tuple[str, ...], said: str) -> None:
    code, answer = tamis(*arguments)
    assert code == 2
    assert said in answer["error"]
    assert tamis("decisions")[1]["n_decided"] == 0


def test_the_missing_steps_are_queued_in_order(tamis: Tamis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis.actions.jobs.tick", lambda *_, **__: [])
    code, made = tamis("run-missing", "--no-wait")
    assert (code, [one["step"] for one in made["jobs"]][:2]) == (0, ["embed", "cluster"])
    assert {one["state"] for one in made["jobs"]} == {"queued"}
