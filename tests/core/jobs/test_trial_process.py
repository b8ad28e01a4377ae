"""Three drafts in a process of their own: equal to those made here, with progress, and harmless however that process ends."""

from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest

from tamis.actions.augment_trial import TrialProcess, start_trial, try_drafts
from tamis.errors import ArtifactMissing, CurationError
from tests.core.steps.test_augment import ANSWERS, House

SCRIPTED = {"llm": "scripted", "llm_options": {"answers": list(ANSWERS)}, "filters": {"length": False}}
ASLEEP = [sys.executable, "-c", "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("tried"))


def started(house: House, code: list[str], **settings) -> TrialProcess:
    return TrialProcess(house.workspace.path, "batch", {}, command=code, **settings)


def test_the_process_tries_what_is_tried_here_and_says_how_far_it_is(house: House) -> None:
    here = try_drafts(house.workspace, house.data, SCRIPTED)
    with start_trial(house.workspace, house.data, SCRIPTED) as process:
        there = process.wait(120)
        assert process.progress == {
            "jobs": 3,
            "n_jobs": 3,
            "questions": 3,
            "tokens": process.progress["tokens"],
        }
    assert not psutil.pid_exists(process.pid)
    assert there is not None and there.jobs == here.jobs
    assert (there.passed_fraction, there.questions, there.tokens) == (
        here.passed_fraction,
        here.questions,
        here.tokens,
    )


def test_what_cannot_be_is_said_in_the_same_words(house: House) -> None:
    with pytest.raises(ArtifactMissing, match="no examination"):
        start_trial(house.workspace, house.data, {"parents": "wrong:newest"})
    wrong = SCRIPTED | {"labels": ["yes", "no"]}
    with (
        start_trial(house.workspace, house.data, wrong) as process,
        pytest.raises(CurationError, match="one of the labels"),
    ):
        process.wait(120)


def test_leaving_ends_it_with_its_children_and_a_limit_says_what_to_do(house: House) -> None:
    with started(house, ASLEEP) as process:
        assert process.wait(1.0) is None and process.progress == {}
        children = psutil.Process(process.pid).children()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive and not psutil.pid_exists(process.pid)
    with (
        started(house, ASLEEP, limit_s=0.3) as process,
        pytest.raises(CurationError, match="The trial was not done within 0.3 s"),
    ):
        while process.wait(0.1) is None:
            pass
    with started(house, ASLEEP) as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(CurationError, match="The trial was killed, most likely because memory ran out"):
            process.wait(10)
