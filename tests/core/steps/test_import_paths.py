"""Only what lies inside an allowed folder can be imported, whatever it is called and wherever its links lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.errors import ForbiddenPath, UnreadableFile
from tamis.steps.import_file.paths import data_files, hub_address, importable_files, resolve_inside


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    (tmp_path / "secret.jsonl").write_text("{}")
    return folder


def test_a_file_inside_is_allowed_by_absolute_and_relative_path(allowed: Path) -> None:
    for given in (
        str(allowed / "rows.jsonl"),
        "rows.jsonl",
        " rows.jsonl ",
        str(allowed / "x" / ".." / "rows.jsonl"),
    ):
        assert resolve_inside(given, [allowed]) == allowed / "rows.jsonl"


@pytest.mark.parametrize(
    "given", ["../secret.jsonl", "/etc/passwd", "~/x", "rows.jsonl/../../secret.jsonl", "/"]
)
def test_whatever_leads_out_is_refused(allowed: Path, given: str) -> None:
    with pytest.raises(ForbiddenPath, match="outside the folders"):
        resolve_inside(given, [allowed])


def test_a_link_is_judged_by_where_it_leads(allowed: Path, tmp_path: Path) -> None:
    (allowed / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(ForbiddenPath):
        resolve_inside("link.jsonl", [allowed])
    assert importable_files([allowed]) == [allowed / "rows.jsonl"]


def test_a_folder_whose_name_only_begins_alike_is_outside(allowed: Path) -> None:
    beside = allowed.with_name("allowed-not")
    beside.mkdir()
    with pytest.raises(ForbiddenPath):
        resolve_inside(str(beside), [allowed])


def test_a_missing_file_inside_says_so(allowed: Path) -> None:
    with pytest.raises(UnreadableFile, match="Check the spelling"):
        resolve_inside("rosw.jsonl", [allowed])


def test_the_list_leaves_out_hidden_folders_the_workspace_and_other_files(allowed: Path) -> None:
    for name in (".hidden/a.jsonl", "workspace/b.jsonl", "deep/c.csv.gz", "notes.txt"):
        path = allowed / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    found = importable_files([allowed], skip=[allowed / "workspace"])
    assert found == [allowed / "deep" / "c.csv.gz", allowed / "rows.jsonl"]


def test_a_saved_dataset_is_listed_as_one_and_not_taken_apart(allowed: Path) -> None:
    saved = allowed / "saved"
    saved.mkdir()
    (saved / "state.json").write_text("{}")
    assert saved in importable_files([allowed])
    assert data_files(str(saved)) == [str(saved)]


def test_a_plain_folder_stands_for_its_data_files(allowed: Path) -> None:
    assert data_files(str(allowed)) == [str(allowed / "rows.jsonl")]


@pytest.mark.parametrize(
    "typed",
    [
        "GAIR/lima",
        " hub:GAIR/lima ",
        "https://huggingface.co/datasets/GAIR/lima",
        "datasets.example/datasets/GAIR/lima/",
    ],
)
def test_a_hub_address_is_read_however_it_was_pasted(typed: str) -> None:
    assert hub_address(typed) == "hub:GAIR/lima"
