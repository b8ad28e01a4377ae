"""Estimates in a process of their own: equal to those made here, and harmless however that process ends."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from tamis.errors import CurationError
from tamis.jobs.forecast.process import ForecastProcess
from tamis.store.artifacts.store import ArtifactStore
from tests.core.store.small_workspace import DATASET, make_rows, write_confidence, write_dataset

N = 20
SCRIPTED = {"scorer": "llm_rating", "llm": "scripted"}


@pytest.fixture
def store(tmp_path):
    store = ArtifactStore(tmp_path / "ws")
    write_dataset(store, make_rows(N))
    write_confidence(store, N)
    return store


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def started(store, code: str, **settings) -> ForecastProcess:
    return ForecastProcess(store.workspace, DATASET, "score", SCRIPTED, command=python(code), **settings)


def is_gone(pid: int) -> bool:
    """No such process, and no zombie of it either."""
    return not psutil.pid_exists(pid)


def test_the_estimate_of_the_process_is_that_of_the_step(store):
    values = {"method": "correct", "llm": "scripted", "judge": "scripted"}
    with ForecastProcess(store.workspace, DATASET, "propose", values, n_sample=4) as process:
        found = process.wait(60)
    assert (found.n_rows, found.n_sampled) == (N, 4)
    assert [role.role for role in found.roles] == ["candidates", "judge"]
    assert found.roles[0].n_calls == N
    assert found.cost is None
    assert is_gone(process.pid)


def test_what_the_step_refuses_is_said_in_its_words(store):
    with (
        ForecastProcess(store.workspace, DATASET, "score", {"scorer": "nothing"}) as process,
        pytest.raises(CurationError, match="nothing"),
    ):
        process.wait(60)


def test_nothing_yet_is_none_and_leaving_ends_the_process_and_its_children(store):
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    with started(store, code) as process:
        assert process.wait(0.5) is None
        children = psutil.Process(process.pid).children()
        assert len(children) == 1
    assert is_gone(process.pid)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def test_an_error_in_between_ends_the_process_too(store):
    with pytest.raises(KeyError), started(store, "import time; time.sleep(60)") as process:
        raise KeyError
    assert is_gone(process.pid)


def test_the_time_limit_ends_it_with_what_to_do(store):
    start = time.monotonic()
    with started(store, "import time; time.sleep(60)", limit_s=0.4) as process:
        with pytest.raises(CurationError, match="not done within 0.4 s.*smaller model"):
            while process.wait(0.15) is None:
                pass
        assert is_gone(process.pid)
    assert time.monotonic() - start < 10


def test_a_killed_process_is_told_from_one_that_failed(store):
    with started(store, "import time; time.sleep(60)") as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(CurationError, match="most likely because memory ran out"):
            process.wait(10)
    with (
        started(store, "raise MemoryError('no room for weights')") as process,
        pytest.raises(CurationError, match="exit code 1.*MemoryError: no room for weights"),
    ):
        process.wait(20)


def test_talk_on_standard_output_is_not_taken_for_the_answer(store):
    code = "print('loading'); print('{\"half')"
    with started(store, code) as process, pytest.raises(CurationError, match="left no result"):
        process.wait(20)


def test_an_estimate_that_nobody_waits_for_ends_itself(store, monkeypatch):
    from tamis.jobs import asked_process
    from tamis.jobs.forecast import process as estimate_aside

    alarms = []
    monkeypatch.setattr(asked_process.signal, "alarm", alarms.append)
    monkeypatch.setattr(asked_process, "offer_to_be_killed_first", lambda: None)

    class Stdin:
        class buffer:  # noqa: N801 - as sys has it
            @staticmethod
            def read():
                import orjson

                asked = {
                    "dataset_id": DATASET,
                    "step": "score",
                    "values": SCRIPTED,
                    "n_sample": 2,
                    "limit_s": 30.5,
                }
                return orjson.dumps(asked | {"workspace": str(store.workspace)})

    monkeypatch.setattr(estimate_aside.sys, "stdin", Stdin)
    assert estimate_aside.main() == 0
    assert alarms == [31 + asked_process.GRACE_S]
