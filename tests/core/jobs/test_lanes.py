"""Short jobs start beside others, however many of those run or wait; only one of them at a time has that place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.jobs import job_table
from tamis.jobs.model import JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.jobs.scheduler.lanes import SHORT_STEPS, is_short
from tamis.jobs.scheduler.tick import tick
from tamis.settings import Settings
from tamis.steps import STEPS
from tamis.store.workspace import Workspace, open_workspace
from tests.core.jobs.fakes import FakeBackend
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    import_file(tmp_path / "w", alpaca_file(tmp_path))
    return open_workspace(tmp_path / "w", Settings(cpu_slots=1))


def score(workspace: Workspace, scorer: str, **options: object) -> str:
    (dataset_id,) = workspace.artifacts.dataset_ids()
    values = {"scorer": scorer, "llm": "scripted", "scorer_options": options}
    return queue.submit(workspace, dataset_id, "score", values).job.job_id


def running(workspace: Workspace) -> set[str]:
    return {job.job_id for job in job_table.list_jobs(workspace.database, states=[JobState.RUNNING])}


def test_a_short_job_starts_while_a_model_has_the_machine(workspace: Workspace) -> None:
    backends = {"local": FakeBackend()}
    asking, waiting = score(workspace, "perplexity"), score(workspace, "pmi")
    tick(workspace, backends=backends)
    assert running(workspace) == {asking}
    short, another = score(workspace, "length"), score(workspace, "length", unit="characters")
    tick(workspace, backends=backends)
    assert running(workspace) == {asking, short}
    tick(workspace, backends=backends)
    assert running(workspace) == {asking, short}, "one place is one place"
    queue.cancel(workspace, short)
    with workspace.database.writing() as connection:
        job_table.change(connection, job_table.get(workspace.database, short), {"state": JobState.CANCELLED})
    tick(workspace, backends=backends)
    assert running(workspace) == {asking, another}
    assert waiting not in running(workspace)


def test_short_jobs_take_free_places_too(workspace: Workspace) -> None:
    first, second = score(workspace, "length"), score(workspace, "length", unit="characters")
    tick(workspace, backends={"local": FakeBackend()})
    assert running(workspace) == {first, second}


def test_what_asks_or_trains_a_model_is_never_short() -> None:
    one = Resources()
    assert set(SHORT_STEPS) <= set(STEPS)
    assert is_short("select", {}, one) and is_short("score", {"scorer": "alignment"}, one)
    assert is_short("propose", {"method": "filter"}, one)
    for step, options in (
        ("finetune", {}), ("refine", {}), ("embed", {}), ("score", {"scorer": "confidence"}), ("score", {"scorer": "reward_model"}),
        ("propose", {"method": "correct"}), ("score", {"scorer": "of an edition to come"}),
    ):  # fmt: skip
        assert not is_short(step, options, one), step
    assert not is_short("select", {}, Resources(workers=2))
    assert not is_short("select", {}, Resources(gpus=1))
