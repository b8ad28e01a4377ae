"""Progress while a step runs: rate, time left, stages, and the signal to stop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tamis.errors import JobCancelled
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import Progress, Resources
from tamis.jobs.worker.reporter import FolderReporter, StageProgress, Stop
from tests.core.jobs.test_folder import SPEC


def read(folder: JobFolder) -> Progress:
    progress = folder.read_progress(1)
    assert progress is not None
    return progress


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder.of(tmp_path, "j1")
    made.prepare(SPEC)
    return made


def test_the_rate_is_of_the_last_half_minute() -> None:
    stage = StageProgress("embed", 0.0)
    for second in range(100):
        stage.report(10 * second if second < 50 else 500 + 2 * (second - 50), 10_000, "", float(second))
    assert stage.rate() == pytest.approx(2.0, rel=0.01)


def test_what_a_resumed_run_found_done_does_not_count_as_speed() -> None:
    stage = StageProgress("embed", 0.0)
    stage.report(50_000, 60_000, "", 1.0)
    assert stage.rate() is None
    stage.report(50_010, 60_000, "", 11.0)
    assert stage.rate() == pytest.approx(1.0)


def test_a_new_round_of_a_stage_starts_the_rate_afresh() -> None:
    stage = StageProgress("train", 0.0)
    stage.report(100, 100, "", 10.0)
    stage.report(0, 100, "", 11.0)
    assert stage.rate() is None


def test_the_time_left_counts_down_between_two_marks_and_never_rises_by_waiting() -> None:
    """Chunks of 256 rows every 9 s, of 1,000, while the step reports the same again or nothing at all."""
    stage = StageProgress("embed", 0.0)
    stage.report(0, 1000, "", 0.0)
    assert stage.seconds_left(5.0) is None
    for number, now in ((1, 9.0), (2, 18.0), (3, 27.0)):
        stage.report(256 * number, 1000, "", now)
        left = [stage.seconds_left(now)]
        for waited in range(1, 40):
            stage.report(256 * number, 1000, "", now + waited / 4)
            left.append(stage.seconds_left(now + waited / 4))
        assert left[0] == pytest.approx((1000 - 256 * number) / 256 * 9)
        assert left == [pytest.approx(max(0.0, left[0] - waited / 4)) for waited in range(40)]
        assert stage.rate() == pytest.approx(256 / 9)


def test_marks_that_come_faster_than_they_are_noted_count_all_the_same() -> None:
    stage = StageProgress("write", 0.0)
    for step in range(1001):
        stage.report(step, 2000, "", step / 100)
    assert stage.rate() == pytest.approx(100.0)
    assert stage.seconds_left(10.0) == pytest.approx(10.0)
    assert len(stage.recent) < 120


def test_reports_go_on_while_the_step_says_nothing(folder: JobFolder) -> None:
    reporter = FolderReporter(folder, SPEC)
    reporter.start()
    try:
        reporter.progress("long call", 1, 4, "patience")
        deadline = time.monotonic() + 20
        while read(folder).beat < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        seen = read(folder)
    finally:
        timings = reporter.close()
    assert seen.beat >= 4
    assert (seen.stage, seen.done, seen.total, seen.message) == ("long call", 1, 4, "patience")
    assert list(timings) == ["starting", "long call"]
    assert timings["long call"] > 1.0


def test_the_cancel_file_stops_the_step_at_its_next_report(folder: JobFolder) -> None:
    reporter = FolderReporter(folder, SPEC)
    reporter.start()
    try:
        reporter.progress("work", 0, 1)
        folder.request_cancel()
        with pytest.raises(JobCancelled, match="by a person"):
            for _ in range(200):
                time.sleep(0.05)
                reporter.progress("work", 0, 1)
    finally:
        reporter.close()
    assert reporter.stop is Stop.CANCELLED


def test_the_time_limit_stops_the_step(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SPEC.model_copy(update={"resources": Resources(time_limit_min=1)})
    reporter = FolderReporter(folder, spec)
    reporter._began -= 61.0
    reporter._look()
    with pytest.raises(JobCancelled, match="time limit"):
        reporter.progress("work", 0, 1)


def test_a_later_attempt_stops_this_one_and_its_reports(folder: JobFolder) -> None:
    reporter = FolderReporter(folder, SPEC)
    folder.prepare(SPEC.model_copy(update={"attempt": 2}))
    reporter._write()
    assert reporter.superseded()
    assert not folder.progress_path.exists()
    with pytest.raises(JobCancelled, match="another attempt"):
        reporter.progress("work", 0, 1)


def test_a_report_that_cannot_be_written_does_not_end_the_step(folder: JobFolder) -> None:
    reporter = FolderReporter(folder, SPEC)
    folder.progress_path.mkdir()
    reporter._write()
    reporter.progress("work", 1, 2)
    assert folder.progress_path.is_dir()
    folder.progress_path.rmdir()
    reporter._write()
    again = folder.read_progress(SPEC.attempt)
    assert again is not None
    assert (again.stage, again.done, again.total) == ("work", 1, 2)
