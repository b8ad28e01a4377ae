"""Imports by their verbs: what may be read, how it would be read, under which name, and what failed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tamis.actions.imports import (
    ReadAs,
    allowed_path,
    columns_for,
    default_import_name,
    examine_file,
    failed_imports,
    files_of_sources,
    first_imports,
    formats_by_fit,
    hub_source,
    list_importable,
    mapping_of,
    plan_examined,
    plan_paths,
    start_import,
)
from tamis.errors import ForbiddenPath, InvalidOptions
from tamis.formats import FORMATS
from tamis.jobs import job_table
from tamis.jobs.model import JobState
from tamis.settings import Settings
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path, folder: Path) -> Workspace:
    settings = Settings(import_folders=(folder,))
    return open_workspace(tmp_path / "workspace", settings)


def test_only_what_lies_in_the_allowed_folders_is_offered_and_taken(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    inside = alpaca_file(folder)
    assert list_importable(workspace) == {str(inside): "allowed/questions.jsonl"}
    assert allowed_path(workspace, "questions.jsonl") == str(inside)
    with pytest.raises(ForbiddenPath):
        allowed_path(workspace, str(alpaca_file(tmp_path)))


def test_two_files_that_would_be_called_alike_go_by_their_paths(tmp_path: Path) -> None:
    folders = [tmp_path / one / "data" for one in "ab"]
    for one in folders:
        one.mkdir(parents=True)
        alpaca_file(one)
    held = open_workspace(tmp_path / "workspace", Settings(import_folders=tuple(folders)))
    assert all(path == name for path, name in list_importable(held).items())


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (("", "x", "y"), ""),
        (("owner/name", "", ""), "hub:owner/name"),
        (("https://huggingface.co/datasets/owner/name/", " small ", " train "), "hub:owner/name:small@train"),
    ],
)
def test_a_hub_dataset_is_named_as_people_paste_it(typed: tuple[str, str, str], address: str) -> None:
    assert hub_source(*typed) == address


def test_a_file_is_examined_before_anything_is_imported(workspace: Workspace, folder: Path) -> None:
    file = examine_file(workspace, str(alpaca_file(folder, bad_lines=1)))
    assert file.ready and file.name == "questions.jsonl" and file.inspection is not None
    fits = formats_by_fit(file.inspection)
    assert next(iter(fits)) == file.inspection.format_name == "alpaca" and set(fits) == set(FORMATS)
    assert mapping_of(file.inspection)["output"] == "output"
    parts = FORMATS["alpaca"].options.model_fields
    assert columns_for(file.inspection, parts["output"]).names == file.inspection.columns
    assert not columns_for(file.inspection, parts["output"]).may_be_missing
    assert columns_for(file.inspection, parts["system"]).may_be_missing
    other = examine_file(
        workspace, file.path, ReadAs("question_answer", {"question": "instruction", "answer": "output"})
    )
    assert other.inspection is not None and mapping_of(other.inspection)["question"] == "instruction"
    broken = examine_file(workspace, str(folder / "nothing.jsonl"))
    assert not broken.ready and broken.problem and broken.name == "nothing.jsonl"


def test_a_key_of_a_turn_is_chosen_among_the_keys_in_the_lists(workspace: Workspace, folder: Path) -> None:
    path = folder / "talk.jsonl"
    turns = [{"who": "user", "says": "Q"}, {"who": "assistant", "says": "A"}]
    path.write_bytes(b"".join(orjson.dumps({"id": i, "talk": turns}) + b"\n" for i in range(2)))
    chosen = ReadAs("messages", {"messages": "talk", "role": "who", "content": "says"})
    file = examine_file(workspace, str(path), chosen)
    assert file.inspection is not None
    parts = FORMATS["messages"].options.model_fields
    assert columns_for(file.inspection, parts["role"]).names == ("who", "says")
    assert columns_for(file.inspection, parts["messages"]).names == ("id", "talk")


def test_a_plan_names_the_dataset_by_its_content_and_an_import_its_name(
    workspace: Workspace, folder: Path
) -> None:
    path = alpaca_file(folder)
    assert files_of_sources([str(folder), str(path)]) == [str(path)]
    assert default_import_name([str(path)]) == "questions"
    plan = plan_examined([examine_file(workspace, str(path))], " My questions ")
    assert plan.options["name"] == "My questions"
    assert plan_paths([str(path)], name="My questions").dataset_id == plan.dataset_id
    with pytest.raises(InvalidOptions):
        plan_examined([examine_file(workspace, str(path))], "x" * 300)
    submission = start_import(workspace, plan)
    assert first_imports(workspace, [submission.job]) == {plan.dataset_id: "My questions"}
    assert start_import(workspace, plan).attached


def test_an_import_that_failed_and_left_nothing_is_listed_once(workspace: Workspace, folder: Path) -> None:
    path = alpaca_file(folder)
    plan = plan_paths([str(path)], name="Questions")
    for _ in range(2):
        job = start_import(workspace, plan).job
        with workspace.database.writing() as connection:
            job_table.change(connection, job, {"state": JobState.FAILED, "finished_at": job.submitted_at})
    (failed,) = failed_imports(workspace)
    assert failed.job_id == job.job_id
    import_file(workspace.path, path)
    assert failed_imports(workspace) == [] and first_imports(workspace, [job]) == {}
