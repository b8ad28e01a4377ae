"""The job folder: what a reader sees of missing, half-written and foreign files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from tamis.errors import UnreadableFile
from tamis.jobs.folder import LARGEST_FILE_BYTES, JobFolder
from tamis.jobs.model import JobResult, JobSpec, JobState, Progress, Resources

SPEC = JobSpec(
    job_id="j1",
    dataset_id="d",
    step="count",
    options={"n": 1},
    inputs={},
    input_kinds={},
    makes="numbers",
    artifact_id="0123456789abcdef",
    format_version=1,
    resources=Resources(),
    attempt=1,
    tamis_version="0",
    submitted_at="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder.of(tmp_path, "j1")
    made.prepare(SPEC)
    return made


def test_the_workspace_is_found_from_the_folder(folder: JobFolder, tmp_path: Path) -> None:
    assert folder.workspace == tmp_path
    assert folder.read_spec() == SPEC


def test_a_new_attempt_keeps_log_and_curves_and_drops_what_the_last_one_said(folder: JobFolder) -> None:
    folder.log_path.write_text("first\n")
    folder.add_metric("loss", 1.0, 0)
    folder.cancel_path.touch()
    result = JobResult(attempt=1, state=JobState.FAILED, artifact_id="x")
    folder.write(folder.result_path, result)
    folder.write(folder.progress_path, Progress(attempt=1))
    (folder.path / ".progress.json.17.aside").touch()
    assert folder.read_result(1) == result
    folder.prepare(SPEC.model_copy(update={"attempt": 2}))
    assert sorted(p.name for p in folder.path.iterdir()) == ["log.txt", "metrics.jsonl", "spec.json"]


def test_nothing_is_read_from_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = JobFolder.of(tmp_path, "none")
    assert (folder.read_progress(1), folder.read_result(1), folder.read_metrics()) == (None, None, {})
    assert (folder.log_tail(), folder.log_from(5)) == ("", ("", 5))
    folder.request_cancel()
    assert not folder.path.exists()
    with pytest.raises(UnreadableFile, match="No such file"):
        folder.read_spec()


@pytest.mark.parametrize("length", range(0, 300, 37))
def test_a_half_written_spec_says_so(folder: JobFolder, length: int) -> None:
    folder.spec_path.write_bytes(folder.spec_path.read_bytes()[:length])
    with pytest.raises(UnreadableFile, match="no job specification"):
        folder.read_spec()


def test_a_huge_file_is_not_taken_in(folder: JobFolder) -> None:
    with folder.progress_path.open("wb") as stream:
        stream.truncate(LARGEST_FILE_BYTES + 10)
    assert folder.read_progress(1) is None


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", ".hidden", "", "a\x00b"])
def test_an_id_in_a_spec_never_leaves_its_folder(name: str) -> None:
    for field in ("dataset_id", "artifact_id", "makes"):
        with pytest.raises(ValidationError):
            JobSpec(**{**SPEC.model_dump(), field: name})
    with pytest.raises(ValidationError):
        JobSpec(**{**SPEC.model_dump(), "inputs": {"examples": name}})


def test_curves_survive_bad_lines_and_repeated_points(folder: JobFolder) -> None:
    for position, value in ((2.0, 0.5), (1.0, 0.9), (2.0, 0.4), (3.0, math.nan)):
        folder.add_metric("loss", value, position)
    with folder.metrics_path.open("ab") as stream:
        stream.write(b'{"name": "loss"}\nnot json\n[1]\n{"name": "loss", "value": 1, "posi')
    points = folder.read_metrics()["loss"]
    assert [(p.position, p.value) for p in points[:2]] == [(1.0, 0.9), (2.0, 0.4)]
    assert math.isnan(points[2].value)


def test_the_log_is_streamed_by_offset(folder: JobFolder) -> None:
    folder.log_path.write_bytes("één\n".encode())
    text, offset = folder.log_from(0)
    assert text == "één\n"
    with folder.log_path.open("ab") as log:
        log.write(b"two \xff\n")
    assert folder.log_from(offset)[0] == "two \ufffd\n"


def test_the_tail_shows_whole_lines_and_the_last_state_of_a_progress_bar(folder: JobFolder) -> None:
    folder.log_path.write_bytes(b"x" * 50 + b"\nfirst\n 10%\r 50%\r100%\ndone\r\n\x00end\n")
    assert folder.log_tail(limit_bytes=45) == "first\n100%\ndone\nend"
