"""Slurm where it goes wrong, on a scheduler that says what the test tells it to say."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, Phase
from tamis.jobs.backends.node_script import job_name
from tamis.jobs.backends.slurm import SlurmBackend, sbatch_options
from tamis.jobs.backends.slurm_states import Record, explain
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobResult, JobState, Progress, Resources
from tamis.jobs.scheduler import queue
from tamis.settings import Settings
from tests.core.jobs.engine import Engine
from tests.core.jobs.fake_scheduler import FakeScheduler
from tests.core.jobs.fakes import succeed
from tests.core.jobs.test_folder import SPEC
from tests.support import scale

HOUR_S = 3600.0


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeScheduler:
    made = FakeScheduler(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


@pytest.fixture
def engine(scheduler: FakeScheduler, tmp_path: Path) -> Engine:
    return open_engine(tmp_path / "workspace")


def open_engine(workspace: Path, **settings: object) -> Engine:
    backend = SlurmBackend(Settings(workspace=workspace, **settings), poll_every_s=0.0)
    return Engine.over(workspace, backends={"slurm": backend}, backend="slurm", **settings)


def later(seconds: float) -> object:
    return lambda: time.time() + seconds


def begin(engine: Engine, scheduler: FakeScheduler, number: int = 0) -> Job:
    """A job that runs on a node, as far as anyone can tell."""
    job = engine.submit("nothing", number=number, resources={"time_limit_min": 5})
    engine.tick()
    job_id = engine.job(job).handle.split(":")[0]
    scheduler.set(job_id, state="RUNNING", node="n7", reason="None")
    folder = engine.folder(job)
    folder.write(folder.progress_path, Progress(attempt=1, stage="work", beat=1, memory_gb=1.5))
    engine.tick()
    assert engine.job(job).progress.stage == "work"
    return engine.job(job)


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ({"state": "TIMEOUT", "exit": "0:15"}, ErrorKind.TIME_LIMIT, "Time limit reached"),
        ({"state": "DEADLINE"}, ErrorKind.TIME_LIMIT, "deadline"),
        ({"state": "OUT_OF_MEMORY", "exit": "0:125"}, ErrorKind.OUT_OF_MEMORY, "more memory than its mem_gb"),
        ({"state": "NODE_FAIL"}, ErrorKind.LOST, "its node failed (Slurm job 1, NODE_FAIL on n7)"),
        ({"state": "PREEMPTED"}, ErrorKind.TERMINATED, "higher priority"),
        ({"state": "CANCELLED"}, ErrorKind.TERMINATED, "outside of Tamis"),
        (
            {"state": "FAILED", "exit": "0:9", "reason": "JobLaunchFailure"},
            ErrorKind.LOST,
            "signal 9 (SIGKILL)",
        ),
        ({"state": "FAILED", "exit": "137:0"}, ErrorKind.LOST, "signal 9 (SIGKILL)"),
        ({"state": "FAILED", "exit": "1:0"}, ErrorKind.LOST, "exit code 1"),
        ({"state": "FAILED", "exit": "0:53"}, ErrorKind.BACKEND, "Node n7 (Slurm job 1) does not see"),
        ({"state": "FAILED", "exit": "77:0"}, ErrorKind.BACKEND, "every node mounts at the same path"),
        ({"state": "FAILED", "exit": "78:0"}, ErrorKind.BACKEND, "no Python"),
        ({"state": "COMPLETED"}, ErrorKind.LOST, "ended with exit code 0 and left no result"),
    ],
)
def test_every_ending_without_a_result_is_named(
    engine: Engine, scheduler: FakeScheduler, values: dict[str, str], kind: ErrorKind, text: str
) -> None:
    job = begin(engine, scheduler)
    scheduler.set("1", **values)
    engine.tick()
    # Its last files may still be on their way.
    assert engine.job(job).state is JobState.RUNNING
    engine.tick(now=later(11))
    ended = engine.job(job)
    assert ended.state is JobState.FAILED
    assert ended.error_kind is kind
    assert text in ended.reason
    assert "resume" in ended.reason


def test_a_late_result_counts_more_than_the_schedulers_word(engine: Engine, scheduler: FakeScheduler) -> None:
    job = begin(engine, scheduler)
    scheduler.set("1", state="COMPLETED")
    engine.tick()
    succeed(engine.folder(job), engine.folder(job).read_spec())
    engine.tick(now=later(HOUR_S))
    assert engine.job(job).state is JobState.SUCCEEDED


def test_a_worker_that_only_saw_a_signal_learns_that_it_was_the_time_limit(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = begin(engine, scheduler)
    result = JobResult(
        attempt=1,
        state=JobState.FAILED,
        artifact_id=job.artifact_id,
        reason="worker lost: stopped by SIGTERM",
        error_kind=ErrorKind.TERMINATED,
    )
    folder = engine.folder(job)
    folder.write(folder.result_path, result)
    engine.tick()
    assert engine.job(job).state is JobState.RUNNING
    scheduler.set("1", state="TIMEOUT")
    engine.tick()
    ended = engine.job(job)
    assert ended.error_kind is ErrorKind.TIME_LIMIT
    assert "Slurm job 1, TIMEOUT on n7" in ended.reason


def test_a_silent_controller_loses_no_waiting_job_however_long(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = engine.submit("nothing")
    engine.tick()
    engine.tick()
    assert engine.job(job).reason == "Slurm job 1 waits in the queue: Priority"
    scheduler.change(down=True)
    engine.tick(now=later(24 * HOUR_S))
    unseen = engine.job(job)
    assert unseen.state is JobState.RUNNING
    assert "Slurm does not answer" in unseen.reason
    n_asked = len(scheduler.calls("squeue"))
    engine.tick()
    assert len(scheduler.calls("squeue")) == n_asked  # nobody waits for the same time-out twice
    scheduler.change(down=False)
    other = open_engine(engine.workspace.path)
    other.tick()
    assert "waits in the queue" in other.job(job).reason
    succeed(other.folder(job), other.folder(job).read_spec())
    other.tick()
    assert other.job(job).state is JobState.SUCCEEDED


def test_a_silent_worker_of_a_silent_controller_is_lost_in_the_end(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = begin(engine, scheduler)
    scheduler.change(down=True)
    engine.tick(now=later(60))
    assert engine.job(job).state is JobState.RUNNING
    engine.tick(now=later(200))
    lost = engine.job(job)
    assert lost.state is JobState.FAILED
    assert "no sign of life for 120 s, Slurm does not answer" in lost.reason


def test_a_job_cancelled_while_the_controller_is_gone_ends_too(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = engine.submit("nothing")
    engine.tick()
    scheduler.change(down=True)
    queue.cancel(engine.workspace, job.job_id)
    engine.tick(now=later(200))
    assert engine.job(job).state is JobState.CANCELLED


def test_a_submission_without_an_answer_is_found_again_and_not_repeated(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    scheduler.change(lose=True)
    job = engine.submit("nothing")
    engine.tick()
    assert engine.job(job).handle == ""
    scheduler.change(lose=False)
    other = open_engine(engine.workspace.path)
    other.tick(now=later(20))
    found = other.job(job)
    assert found.handle == f"1:{job_name(SPEC.model_copy(update={'job_id': job.job_id}))}"
    assert len(scheduler.calls("sbatch")) == 1


def test_a_submission_that_never_arrived_is_made_again(engine: Engine, scheduler: FakeScheduler) -> None:
    assert engine.backends["slurm"].available() is None
    scheduler.change(down=True)
    job = engine.submit("nothing")
    engine.tick()
    assert engine.job(job).state is JobState.RUNNING
    scheduler.change(down=False)
    other = open_engine(engine.workspace.path)
    other.tick(now=later(20))
    other.tick(now=later(20))
    again = other.job(job)
    assert again.handle.startswith("1:")
    assert again.attempt == 2


def test_a_full_queue_holds_jobs_back_instead_of_failing_them(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    scheduler.change(
        refuse="Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    )
    jobs = [engine.submit("nothing", number=number) for number in range(3)]
    engine.tick()
    engine.tick()
    assert {engine.job(job).state for job in jobs} == {JobState.QUEUED}
    assert {engine.job(job).claims for job in jobs} == {0}
    assert "submit limit" in engine.job(jobs[0]).reason or "no more jobs" in engine.job(jobs[0]).reason
    scheduler.change(refuse="")
    other = open_engine(engine.workspace.path)
    other.tick()
    assert {other.job(job).state for job in jobs} == {JobState.RUNNING}


def test_a_refusal_fails_the_job_with_the_schedulers_words(engine: Engine, scheduler: FakeScheduler) -> None:
    scheduler.change(refuse="Invalid account or account/partition combination specified")
    job = engine.submit("nothing")
    engine.tick()
    failed = engine.job(job)
    assert failed.error_kind is ErrorKind.BACKEND
    assert "Invalid account or account/partition combination specified" in failed.reason


def test_accounting_is_asked_for_jobs_that_the_controller_forgot(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    first, second = begin(engine, scheduler), begin(engine, scheduler, number=1)
    name = first.handle.split(":")[1]
    scheduler.change(accounts=[f"1|{name}|CANCELLED by 1000|n7|0:15", "2|somebody-elses|RUNNING|n8|0:0"])
    for job_id in ("1", "2"):
        scheduler.forget(job_id)
    states = engine.backends["slurm"].poll([first.handle, second.handle])
    assert "outside of Tamis" in states[first.handle].detail
    assert states[second.handle].phase is Phase.ENDED
    assert "no record" in states[second.handle].detail


def test_without_accounting_a_forgotten_job_has_ended_and_sacct_is_not_asked_again(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = begin(engine, scheduler)
    scheduler.forget("1")
    for _ in range(3):
        assert engine.backends["slurm"].poll([job.handle])[job.handle].phase is Phase.ENDED
    assert len(scheduler.calls("sacct")) == 1


def test_a_number_that_now_belongs_to_another_job_is_left_alone(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    job = begin(engine, scheduler)
    scheduler.set("1", name="precious")
    assert engine.backends["slurm"].poll([job.handle])[job.handle].phase is Phase.ENDED
    engine.backends["slurm"].cancel(job.handle, force=True)
    with scheduler.state() as state:
        assert state["jobs"]["1"]["state"] == "RUNNING"


def test_many_jobs_are_submitted_once_each_and_polled_by_one_call(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    """By two servers at the same time."""
    n_jobs = scale.times(60, 200)
    for number in range(n_jobs):
        engine.submit("nothing", number=number)
    servers = [engine, open_engine(engine.workspace.path)]

    def serve(server: Engine) -> None:
        while job_table.counts(server.database)[JobState.QUEUED]:
            server.tick()

    threads = [threading.Thread(target=serve, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(scheduler.calls("sbatch")) == n_jobs
    with scheduler.state() as state:
        assert len({job["name"] for job in state["jobs"].values()}) == n_jobs
        state["calls"].clear()
    engine.tick()
    with scheduler.state() as state:
        assert [call[0] for call in state["calls"]] == ["squeue"]
    assert job_table.counts(engine.database)[JobState.RUNNING] == n_jobs


def test_a_clock_that_jumps_loses_nothing(engine: Engine, scheduler: FakeScheduler) -> None:
    waiting, running = engine.submit("nothing", number=9), begin(engine, scheduler)
    for jump_s in (HOUR_S, -HOUR_S, 30 * 24 * HOUR_S):
        engine.tick(now=later(jump_s))
        engine.tick(now=later(jump_s))
    assert engine.job(waiting).state is JobState.RUNNING
    assert engine.job(running).state is JobState.RUNNING


def test_the_script_that_is_shown_is_the_one_that_is_submitted(
    scheduler: FakeScheduler, tmp_path: Path
) -> None:
    engine = open_engine(tmp_path / "workspace", slurm_options="--partition=gpu --comment='two words'")
    resources = Resources(cpus=4, gpus=2, mem_gb=16, time_limit_min=90)
    job = engine.submit("nothing", resources=resources)
    engine.tick()
    folder = JobFolder.of(engine.workspace.path, job.job_id)
    shown = engine.backends["slurm"].preview(folder, folder.read_spec())
    with scheduler.state() as state:
        assert state["jobs"]["1"]["script"] == shown
    for line in (
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --gres=gpu:2",
        "#SBATCH --mem=15259M",
        "#SBATCH --time=92",
        "#SBATCH --no-requeue",
        "#SBATCH --partition=gpu",
        "#SBATCH '--comment=two words'",
        "export OMP_NUM_THREADS=4",
    ):
        assert line in shown.splitlines()


def test_nothing_is_asked_of_slurm_that_was_not_asked_for() -> None:
    assert sbatch_options(Resources()) == []


@pytest.mark.parametrize("options", ["--partition", "gpu", "--comment='open"])
def test_unreadable_options_of_the_deployment_are_refused(options: str) -> None:
    if options == "--partition":
        SlurmBackend(Settings(slurm_options=options))
        return
    with pytest.raises(CurationError, match="TAMIS_SLURM_OPTIONS"):
        SlurmBackend(Settings(slurm_options=options))


def test_a_machine_without_slurm_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sbatch, squeue, scancel not found" in str(SlurmBackend(Settings()).available())


def test_a_held_job_says_whom_to_ask() -> None:
    state = explain(Record("7", "tamis", "PENDING", reason="launch_failed_requeued_held"))
    assert state.phase is Phase.WAITING
    assert "administrators" in state.detail


def test_a_state_that_a_later_slurm_invents_is_unknown_and_not_an_end() -> None:
    assert explain(Record("7", "tamis", "DREAMING")).phase is Phase.UNKNOWN


def test_clusters_are_given_time_for_their_files_and_patience_for_their_queues() -> None:
    for name in ("ray", "slurm"):
        assert BACKENDS[name].grace_s >= 5
        assert BACKENDS[name].queues
        assert not BACKENDS[name].shares_machine


def test_several_workers_are_the_tasks_of_an_array_that_is_one_job(
    engine: Engine, scheduler: FakeScheduler
) -> None:
    resources = Resources(cpus=8, gpus=4, mem_gb=16, time_limit_min=90, workers=4)
    job = engine.submit("nothing", resources=resources)
    engine.tick()
    assert engine.job(job).handle.startswith("1_0:")
    with scheduler.state() as state:
        assert list(state["jobs"]) == ["1_0", "1_1", "1_2", "1_3"]
        script = state["jobs"]["1_0"]["script"].splitlines()
    for line in (
        "#SBATCH --array=0-3",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --mem=3815M",
        "#SBATCH --time=92",
        "export OMP_NUM_THREADS=2",
        'export TAMIS_ARRAY_TASK="$SLURM_ARRAY_TASK_ID"',
    ):
        assert line in script
    # The others may still wait, or be lost: the job is what its task 0 is.
    scheduler.set("1_0", state="RUNNING", node="n7", reason="None")
    assert (
        engine.backends["slurm"].poll([engine.job(job).handle])[engine.job(job).handle].phase is Phase.ALIVE
    )
    folder = engine.folder(job)
    assert (
        open_engine(engine.workspace.path).backends["slurm"].find(folder, folder.read_spec())
        == engine.job(job).handle
    )
    engine.backends["slurm"].cancel(engine.job(job).handle, force=False)
    with scheduler.state() as state:
        assert {one["state"] for one in state["jobs"].values()} == {"CANCELLED"}


def test_a_task_of_an_array_gets_whole_cpus_and_gpus() -> None:
    assert sbatch_options(Resources(cpus=1, gpus=1, workers=2)) == [
        "--cpus-per-task=1",
        "--gres=gpu:1",
        "--array=0-1",
    ]
