"""Real workers of real steps, killed with −9 at random moments: nothing is lost and nothing is done twice."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.jobs.backends import worker_command, worker_environment
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec
from tamis.settings import app_folder
from tamis.steps.execute import Task, execute
from tamis.steps.plan import plan_step
from tamis.store.artifacts.store import Artifact, ArtifactStore, make_manifest
from tests.support import scale

DATASET = "words-000000"
N_KILLS = scale.times(5, 30)
WORDS = (
    "sieve",
    "flour",
    "dough",
    "oven",
    "grain",
    "yeast",
    "crust",
    "water",
    "salt",
    "bread",
    "rest",
    "fold",
)


class Silent:
    """A reporter that nobody listens to."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        pass

    def metric(self, name: str, value: float, position: float) -> None:
        pass


def write_examples(store: ArtifactStore, n_rows: int) -> None:
    """Enough short texts for many chunks."""
    draw = random.Random(1)
    texts = [" ".join(draw.choices(WORDS, k=6)) + f" {number}" for number in range(n_rows)]
    with store.writing(DATASET, "examples", "e0") as writer:
        turns = [
            json.dumps([{"role": "user", "content": prompt}, {"role": "assistant", "content": response}])
            for prompt, response in zip(texts, texts[::-1], strict=True)
        ]
        table = pa.table(
            {
                "example_id": np.arange(n_rows), "prompt": texts, "response": texts[::-1], "messages": turns,
                "meta": ["{}"] * n_rows,
            }
        )  # fmt: skip
        pq.write_table(table, writer.path / "examples.parquet", row_group_size=10_000)
        writer.commit(
            make_manifest(
                writer, kind="examples", identifier="e0", dataset_id=DATASET, step="import", options={}, inputs={},
                format_version=1, summary={"n_examples": n_rows, "name": "words"},
            )
        )  # fmt: skip


def run_here(store: ArtifactStore, step: str, values: dict) -> Artifact:
    """The uninterrupted run to compare with, in this process."""
    plan = plan_step(store, DATASET, step, values)
    task = Task(
        DATASET, step, plan.options.model_dump(mode="json"), plan.inputs, plan.input_kinds, plan.artifact_id
    )
    return execute(store, task, Silent())


def spec_of(store: ArtifactStore, step: str, values: dict, job_id: str) -> JobSpec:
    plan = plan_step(store, DATASET, step, values)
    return JobSpec(
        job_id=job_id, dataset_id=DATASET, step=step, options=plan.options.model_dump(mode="json"),
        inputs=plan.inputs, input_kinds=plan.input_kinds, makes=plan.step.makes, artifact_id=plan.artifact_id,
        format_version=plan.step.format_version, resources={}, attempt=1, tamis_version="test", submitted_at="",
    )  # fmt: skip


def start(folder: JobFolder, spec: JobSpec) -> subprocess.Popen[bytes]:
    folder.prepare(spec)
    with folder.log_path.open("ab") as log:
        return subprocess.Popen(
            worker_command(folder, spec),
            cwd=app_folder(),
            env=worker_environment(spec),
            stdout=log,
            stderr=log,
        )


def kill_again_and_again(store: ArtifactStore, step: str, values: dict) -> int:
    """Start, kill, start … and at last let it finish; returns how often a kill hit a worker between two parts."""
    spec = spec_of(store, step, values, f"{step}-job")
    folder = JobFolder.of(store.workspace, spec.job_id)
    parts = store.artifact_path(DATASET, spec.makes, spec.artifact_id)
    parts = parts.parent / f".{parts.name}.partial" / "parts"
    draw, finished, hits = random.Random(7), {}, 0
    for attempt in range(1, N_KILLS + 1):
        spec = spec.model_copy(update={"attempt": attempt})
        worker = start(folder, spec)
        before = len(finished)
        wait_for_parts(parts, before + draw.randint(0, 2), worker)
        time.sleep(draw.random() * 0.01)
        assert worker.poll() is None, "the worker was done before it could be killed"
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        now = {path.name: path.stat().st_mtime_ns for path in parts.glob("0*") if path.suffix != ".aside"}
        assert {name: now.get(name) for name in finished} == finished, "a finished part was made again"
        hits += len(now) > before
        finished = now
    spec = spec.model_copy(update={"attempt": N_KILLS + 1})
    assert start(folder, spec).wait() == 0
    return hits


def wait_for_parts(parts: Path, n_parts: int, worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.poll() is None:
        if parts.is_dir() and sum(path.suffix != ".aside" for path in parts.glob("0*")) >= n_parts:
            return
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("step", "values", "n_rows"),
    [
        ("embed", {"encoder": "hashing", "encoder_options": {"dimension": 64}}, scale.times(30_000, 120_000)),
        ("score", {"scorer": "length"}, scale.times(250_000, 500_000)),
    ],
    ids=["embed", "score"],
)
@pytest.mark.slow
def test_kills_leave_the_same_bytes_as_none(tmp_path: Path, step: str, values: dict, n_rows: int) -> None:
    calm, shaken = ArtifactStore(tmp_path / "calm"), ArtifactStore(tmp_path / "shaken")
    write_examples(calm, n_rows)
    shutil.copytree(calm.workspace, shaken.workspace)
    # In a worker too: the last bits of a projection depend on how many threads a process may use.
    spec = spec_of(calm, step, values, "calm-job")
    assert start(JobFolder.of(calm.workspace, spec.job_id), spec).wait() == 0
    expected = calm.get(DATASET, spec.makes, spec.artifact_id)
    n_hits = kill_again_and_again(shaken, step, values)
    assert n_hits >= scale.times(2, 5), "the kills came too early to mean anything"
    made = shaken.get(DATASET, expected.kind, expected.id)
    assert made.manifest.files == expected.manifest.files
    for name in expected.manifest.files:
        assert made.file(name).read_bytes() == expected.file(name).read_bytes(), name
