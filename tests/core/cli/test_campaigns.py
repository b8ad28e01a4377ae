"""Campaigns in a workspace, by commands and by Python: they go on, wait, stop, resume, and never start a thing twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tamis.actions import campaigns as actions
from tamis.actions.decisions import decide_rows
from tamis.api.workspace import open as front_door
from tamis.jobs import job_table
from tamis.store.artifacts.batches import is_synthetic
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.workspace import open_workspace
from tests.core.cli.test_batches import ROWS
from tests.core.cli.test_decisions import Tamis
from tests.core.steps.test_augment import ANSWERS

SCRIPTED = {
    "train": "false",
    "student": "scripted",
    "student_options": json.dumps({"answers": ["The maple grows tallest there."]}),
    "llm": "scripted",
    "llm_options": json.dumps({"answers": ANSWERS}),
    "filters": '{"length": false, "repeats": false}',
    "held_out_fraction": "0.34",
}


def flags(**more: str) -> list[str]:
    values = SCRIPTED | more
    return [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture
def tamis(tmp_path, capsys, monkeypatch) -> Tamis:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    made = Tamis(tmp_path / "w", capsys)
    made("import", str(tmp_path / "rows.jsonl"), "--name", "Rows")
    return made


def start(tamis, kind: str = "llm2llm", **more: str) -> tuple[int, dict]:
    return tamis("campaign", "start", kind, "--dataset", "Rows", *flags(**more))


def test_two_rounds_grow_by_what_passed_and_never_from_held_out_or_written_rows(
    tamis, tmp_path: Path
) -> None:
    code, found = start(tamis, rounds="2", accept="passed")
    assert (code, found["state"], found["reason"]) == (0, "done", "rounds")
    names = [one["move"] for one in found["moves"]]
    assert names == [*["measure", "examine", "augment", "accept", "join"] * 2, "measure"]
    sizes = [one["n_examples"] for one in found["moves"] if one["move"] == "join"]
    wrong = [one["n_wrong"] for one in found["moves"] if one["move"] == "examine"]
    passed = [one["n_passed"] for one in found["moves"] if one["move"] == "augment"]
    assert passed == wrong, "one row per wrong seed row"
    assert sizes == [6 + passed[0], 6 + sum(passed)]
    workspace = open_workspace(tmp_path / "w")
    last = workspace.artifacts.examples(found["dataset_now"])
    assert int(is_synthetic(last).sum()) == sum(passed)
    held_out = {row for one in found["moves"] if one["move"] == "measure" for row in [one["n_rows"]]}
    assert held_out == {2}, "the same rows measure every round"
    assert tamis("campaign", "list")[1]["campaigns"][0]["campaign_id"] == "llm2llm-1"
    assert tamis("campaign", "next", "llm2llm-1")[1]["state"] == "done"
    assert tamis("campaign", "resume", "llm2llm-1")[0] == 2


def test_it_waits_for_people_says_so_and_goes_on_with_what_they_decided(tamis, tmp_path: Path) -> None:
    code, found = start(tamis, rounds="1")
    assert (code, found["state"]) == (0, "waiting")
    batch = found["waits_in"]
    assert found["said"] == f"Round 1: {found['n_waiting']} of {found['n_asked']} additions wait for you."
    workspace = open_workspace(tmp_path / "w")
    decide_rows(workspace, batch, np.array([0]), "keep", reviewer="ann")
    again = tamis("campaign", "next", "llm2llm-1")[1]
    assert (again["state"], again["n_waiting"]) == ("waiting", found["n_waiting"] - 1)
    ended = tamis("campaign", "next", "llm2llm-1", "--as-decided")[1]
    assert (ended["state"], ended["moves"][-2]["n_added"]) == ("done", 1)


def test_whatever_moment_it_is_killed_in_nothing_is_made_twice(tamis, tmp_path: Path, monkeypatch) -> None:
    class Killed(BaseException):
        pass

    workspace = open_workspace(tmp_path / "w")
    write, n_left = actions.table.insert_move, [0]

    def killed_before_it_is_written(*args, **named):
        if n_left[0] <= 0:
            n_left[0] = 1
            raise Killed
        n_left[0] -= 1
        return write(*args, **named)

    monkeypatch.setattr(actions.table, "insert_move", killed_before_it_is_written)
    front = front_door(tmp_path / "w", reviewer="ann")
    options = {name: json.loads(v) if v[0] in "{0tf" else v for name, v in SCRIPTED.items()}
    with pytest.raises(Killed):
        front.dataset("Rows").campaign("llm2llm", rounds=1, accept="passed", **options)
    handle = front.campaign("llm2llm-1")
    for _ in range(40):
        try:
            if handle.next().state == "done":
                break
        except Killed:
            continue
    assert handle.now.reason == "rounds"
    names = [one.move.name for one in handle.now.moves]
    assert names == ["measure", "examine", "augment", "accept", "join", "measure"]
    made = [(job.dataset_id, job.artifact_id) for job in job_table.list_jobs(workspace.database)]
    assert len(made) == len(set(made)), "no job was asked for twice"
    assert handle.to_arrow()["move"].to_pylist() == names
    assert "done" in repr(handle)
    assert len(front.campaigns()) == 1


def test_a_deleted_dataset_is_one_sentence_and_it_resumes_once_that_is_back(tamis) -> None:
    start(tamis, rounds="1")
    tamis("datasets", "delete", "Rows")
    code, found = tamis("campaign", "next", "llm2llm-1")
    assert (code, found["state"]) == (1, "failed")
    dataset = found["dataset_id"]
    assert found["said"] == (
        f"Dataset '{dataset}' was deleted: put it back (tamis datasets restore {dataset}), then: tamis campaign resume llm2llm-1."
    )
    tamis("datasets", "restore", dataset)
    assert tamis("campaign", "resume", "llm2llm-1")[1]["state"] == "waiting"


def test_a_model_that_is_gone_stops_a_campaign_where_it_stands_with_what_to_do(tamis) -> None:
    """An adapter that was deleted since: its moves stay, and it goes on once that is mended."""
    asked = ("--sft-first", "false", "--model", "adapter:adp-gone")
    code, found = tamis("campaign", "start", "spin", "--dataset", "Rows", *asked)
    assert (code, found["state"], [one["move"] for one in found["moves"]]) == (1, "failed", ["answer"])
    assert "There is no adapter 'adp-gone'" in found["said"] and "Run 'finetune' to make one" in found["said"]
    assert found["said"].endswith("go on: tamis campaign resume spin-1.")
    assert tamis("campaign", "resume", "spin-1")[1]["state"] == "failed"


def test_it_is_stopped_and_goes_on_from_there(tamis) -> None:
    start(tamis, rounds="1")
    stopped = tamis("campaign", "stop", "llm2llm-1")[1]
    assert (stopped["state"], stopped["said"]) == ("stopped", "Stopped by ann.")
    assert tamis("campaign", "next", "llm2llm-1")[1]["state"] == "stopped"
    assert tamis("campaign", "resume", "llm2llm-1")[1]["state"] == "waiting"


def test_wrong_options_are_said_before_anything_is_queued(tamis) -> None:
    assert start(tamis, mark="taste")[0] == 2
    assert start(tamis, rounds="0")[0] == 2
    assert tamis("campaign", "start", "opera", "--dataset", "Rows")[0] == 2
    assert tamis("campaign", "list")[1]["campaigns"] == []
    assert tamis("campaign", "show", "llm2llm-1")[0] == 2
    planned = tamis("campaign", "start", "llm2llm", "--dataset", "Rows", "--rounds", "1", "--plan")[1]
    assert [one["name"] for one in planned["moves"]][:3] == ["train", "measure", "examine"]


def test_a_brief_is_revised_by_people_and_counted_by_version(tamis, tmp_path: Path) -> None:
    more = [
        ROWS[number % 6] | {"instruction": f"Which plant of plot {number} is it?"} for number in range(18)
    ]
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))
    tamis("import", str(tmp_path / "more.jsonl"), "--name", "More")
    asked = flags(
        rounds="2",
        rows="12",
        group="response",
        brief="Short ones.",
        filters='{"length": false, "repeats": false}',
    )
    found = tamis("campaign", "start", "data_engine", "--dataset", "More", *asked)[1]
    assert found["state"] == "waiting", found["said"]
    workspace = open_workspace(tmp_path / "w")
    rows = np.arange(12)
    decide_rows(workspace, found["waits_in"], rows[:9], "keep", reviewer="ann")
    decide_rows(workspace, found["waits_in"], rows[9:], "drop", reviewer="ann")
    waits = tamis("campaign", "next", "data_engine-1")[1]
    assert "the brief waits for you" in waits["said"]
    shown = tamis("campaign", "brief", "data_engine-1", "--suggest")[1]
    (first,) = shown["versions"]
    assert (first["version"], first["n_accepted"], first["n_decided"]) == (1, 9, 12)
    assert shown["suggested"]
    second = tamis("campaign", "brief", "data_engine-1", "--text", "Ask for numbers.")[1]
    assert (second["state"], second["round"]) == ("waiting", 2)
    versions = tamis("campaign", "brief", "data_engine-1")[1]["versions"]
    assert [(one["version"], one["text"]) for one in versions] == [
        (1, "Short ones."),
        (2, "Ask for numbers."),
    ]
    assert tamis("campaign", "brief", "data_engine-1", "--text", "Again.")[0] == 2


def test_rounds_of_labels_as_a_campaign(tamis, tmp_path: Path) -> None:
    labels = [
        {"instruction": f"Is {number} odd?", "output": ("yes", "no")[number % 2 == 0]} for number in range(20)
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    tamis("import", str(tmp_path / "labels.jsonl"), "--name", "Labels")
    found = tamis(
        "campaign", "start", "alc3", "--dataset", "Labels", "--encoder", "hashing", "--ask-fraction", "0.1", "--below-eta", "1"
    )[1]  # fmt: skip
    assert (found["state"], found["said"]) == ("waiting", "Round 1: 2 of 2 labels wait for you.")
    workspace = open_workspace(tmp_path / "w")
    for _ in range(3):
        made = actions.show_campaign(workspace, "alc3-1").moves[-1].move.subject
        table = read_proposals(workspace.artifacts.get(found["dataset_id"], "proposals", made)).to_pylist()
        asked = np.array([one["example_id"] for one in table if one["action"] == "ask"])
        decide_rows(workspace, found["dataset_id"], asked, "keep", reviewer="ann")
        found = tamis("campaign", "next", "alc3-1")[1]
        if found["state"] == "done":
            break
    assert (found["state"], found["reason"]) == ("done", "labels_trusted")
