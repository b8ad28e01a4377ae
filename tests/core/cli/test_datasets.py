"""Datasets from the command line: listed, renamed, put into the trash and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def tamis(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # noqa: ANN201 - a closure
    def call(*arguments: str) -> tuple[int, dict]:
        capsys.readouterr()
        code = run([*arguments, "--workspace", str(tmp_path / "w"), "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


@pytest.fixture
def dataset_id(tmp_path: Path) -> str:
    return import_file(tmp_path / "w", alpaca_file(tmp_path))


def test_a_dataset_is_renamed_by_its_id_or_its_name(tamis, dataset_id: str) -> None:
    assert tamis("datasets", "rename", dataset_id, " Questions, cleaned ")[1]["name"] == "Questions, cleaned"
    assert tamis("datasets", "rename", "Questions, cleaned", "Q") == (
        0,
        {"dataset_id": dataset_id, "name": "Q"},
    )
    (listed,) = tamis("datasets")[1]["datasets"]
    assert (listed["dataset_id"], listed["name"], listed["n_rows"], listed["parent"]) == (
        dataset_id,
        "Q",
        40,
        "",
    )
    assert set(listed["artifacts"]) == {"examples"}


def test_a_deleted_dataset_is_in_the_trash_and_comes_back(tamis, dataset_id: str) -> None:
    code, plan = tamis("datasets", "delete", dataset_id, "--dry-run")
    assert (code, plan["deleted"], plan["obstacle"], [one["kind"] for one in plan["artifacts"]]) == (
        0,
        False,
        "",
        ["examples"],
    )
    assert len(tamis("datasets")[1]["datasets"]) == 1
    code, gone = tamis("datasets", "delete", dataset_id)
    assert (code, gone["dataset_id"], gone["deleted"]) == (0, dataset_id, True)
    assert tamis("datasets", "list")[1] == {"datasets": []}
    (entry,) = tamis("datasets", "trash")[1]["trash"]
    assert (entry["name"], entry["dataset_id"]) == (gone["entry"], dataset_id)
    assert entry["dataset_name"] == "Questions"
    assert tamis("datasets", "restore", dataset_id) == (0, {"dataset_id": dataset_id})
    assert [one["dataset_id"] for one in tamis("datasets")[1]["datasets"]] == [dataset_id]
    assert tamis("datasets", "trash") == (0, {"trash": [], "n_deleted": 0})
    tamis("datasets", "delete", dataset_id)
    assert tamis("datasets", "restore", "Questions") == (0, {"dataset_id": dataset_id})


def test_an_emptied_trash_gives_nothing_back(tamis, dataset_id: str) -> None:
    tamis("datasets", "delete", dataset_id)
    assert tamis("datasets", "trash", "--empty") == (0, {"trash": [], "n_deleted": 1})
    code, answer = tamis("datasets", "restore", dataset_id)
    assert code == 2
    assert dataset_id in answer["error"]


@pytest.mark.parametrize("action", ["delete", "rename"])
def test_a_dataset_that_is_not_there_is_said_with_those_that_are(tamis, dataset_id: str, action: str) -> None:
    code, answer = tamis("datasets", action, "nowhere", *(["A name"] if action == "rename" else []))
    assert code == 2
    assert "no dataset 'nowhere'" in answer["error"]
    assert dataset_id in answer["error"]
