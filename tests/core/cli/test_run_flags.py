"""Where a step runs, as flags of ``tamis run``; the check before submitting; and jobs acted on by their id."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis.cli.flags import known_flags
from tamis.cli.main import run
from tamis.jobs import job_table
from tamis.jobs.backends.slurm import SlurmBackend
from tamis.jobs.model import ErrorKind, JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.core.cli.step_flags import parse_step_flags
from tests.pages.fine_tuned import write_adapter
from tests.pages.page_workspace import alpaca_file, import_file

NOBODY = "no controller here; ask the person who runs the cluster."


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace in which nothing is started by looking at the jobs."""
    monkeypatch.setattr("tamis.actions.jobs.tick", lambda *_, **__: [])
    monkeypatch.setattr(SlurmBackend, "available", lambda self: NOBODY)
    return tmp_path / "workspace"


@pytest.fixture
def dataset_id(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


@pytest.fixture
def tamis(workspace: Path, capsys: pytest.CaptureFixture[str]):  # noqa: ANN201 - a closure
    def call(*arguments: str) -> tuple[int, dict]:
        capsys.readouterr()
        code = run(["--workspace", str(workspace), *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


def test_flags_become_the_backend_resources_and_priority_of_the_job(
    tamis, workspace: Path, dataset_id: str
) -> None:
    code, made = tamis(
        "run", "score", "--dataset", dataset_id, "--scorer", "length", "--backend", "slurm", "--cpus", "4",
        "--gpus", "1", "--mem-gb", "2.5", "--time-limit-min", "90", "--priority", "7", "--no-wait",
    )  # fmt: skip
    job = job_table.get(Database(workspace), made["job_id"])
    assert code == 0
    assert job.resources == Resources(cpus=4, gpus=1, mem_gb=2.5, time_limit_min=90)
    assert (job.backend, job.priority, job.options["scorer"]) == ("slurm", 7, "length")


def test_without_flags_a_job_runs_here_and_asks_for_nothing(tamis, workspace: Path, dataset_id: str) -> None:
    _, made = tamis("run", "score", "--dataset", dataset_id, "--scorer", "length", "--no-wait")
    job = job_table.get(Database(workspace), made["job_id"])
    assert (job.backend, job.resources, job.priority) == ("local", Resources(), 0)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--backend", "cray"), "cray"),
        (("--cpus", "-1"), "cpus"),
        (("--mem-gb", "plenty"), "mem_gb"),
        (("--gpus", "1.5"), "gpus"),
    ],
)
def test_a_place_that_cannot_be_is_wrong_usage(
    tamis, workspace: Path, dataset_id: str, flags: tuple[str, ...], said: str
) -> None:
    code, answer = tamis("run", "score", "--dataset", dataset_id, *flags)
    assert code == 2
    assert said in answer["error"]
    assert not job_table.list_jobs(Database(workspace))


def test_preflight_submits_nothing_and_passes_where_nothing_stands_in_the_way(
    tamis, workspace: Path, dataset_id: str
) -> None:
    code, found = tamis("run", "score", "--dataset", dataset_id, "--scorer", "length", "--preflight")
    assert (code, found["ok"], found["rows"], found["already_done"]) == (0, True, 40, False)
    assert {"inputs", "disk", "backend"} <= {check["name"] for check in found["checks"]}
    assert not job_table.list_jobs(Database(workspace))


def test_preflight_fails_with_a_next_step_for_each_thing_in_the_way(tamis, dataset_id: str) -> None:
    code, found = tamis(
        "run", "score", "--dataset", dataset_id, "--scorer", "length", "--backend", "slurm", "--preflight"
    )
    (failed,) = [check for check in found["checks"] if check["ok"] is False]
    assert (code, found["ok"]) == (1, False)
    assert (failed["name"], failed["message"]) == ("backend", NOBODY)
    assert failed["next_step"]


def test_preflight_shows_a_person_the_script_that_slurm_would_get(
    workspace: Path, dataset_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--scorer", "length", "--backend", "slurm", "--cpus", "3", "--preflight"]
    assert run(["--workspace", str(workspace), "run", "score", "--dataset", dataset_id, *asked]) == 1
    out = capsys.readouterr().out
    assert f"!!  backend: {NOBODY}" in out
    assert "ok  inputs:" in out
    assert "--cpus-per-task=3" in out


def test_preflight_of_a_step_without_its_input_names_the_step_to_run_first(tamis, dataset_id: str) -> None:
    code, found = tamis("run", "cluster", "--dataset", dataset_id, "--preflight")
    said = next(check["message"] for check in found["checks"] if check["name"] == "inputs")
    assert code == 1
    assert "embed" in said


def _failed_job(workspace: Path, dataset_id: str) -> str:
    database = Database(workspace)
    job = queue.submit(open_workspace(workspace), dataset_id, "score", {"scorer": "length"}).job
    with database.writing() as connection:
        ended = {"state": JobState.FAILED, "error_kind": ErrorKind.LOST, "finished_at": job.submitted_at}
        assert job_table.change(connection, job, ended)
    return job.job_id


@pytest.mark.parametrize(("verb", "parts_stay"), [("resume", True), ("retry", False)])
def test_resume_keeps_the_finished_parts_and_retry_does_not(
    tamis, workspace: Path, dataset_id: str, verb: str, parts_stay: bool
) -> None:
    job_id = _failed_job(workspace, dataset_id)
    job = job_table.get(Database(workspace), job_id)
    made = ArtifactStore(workspace).artifact_path(dataset_id, job.kind, job.artifact_id)
    parts = made.parent / f".{job.artifact_id}.partial"
    parts.mkdir(parents=True)
    (parts / "part-0").write_bytes(b"finished")
    code, answer = tamis("jobs", verb, job_id)
    assert (code, answer["state"]) == (0, "queued")
    assert (parts / "part-0").exists() is parts_stay


def test_a_queued_job_is_cancelled_and_then_deleted(tamis, workspace: Path, dataset_id: str) -> None:
    _, made = tamis("run", "score", "--dataset", dataset_id, "--scorer", "length", "--no-wait")
    assert tamis("jobs", "delete", made["job_id"])[0] == 2
    code, answer = tamis("jobs", "cancel", made["job_id"])
    assert (code, answer["state"]) == (0, "cancelled")
    assert tamis("jobs", "delete", made["job_id"]) == (0, {"job_id": made["job_id"], "deleted": True})
    assert not job_table.list_jobs(Database(workspace))


def test_two_language_models_in_one_step_have_flags_of_their_own() -> None:
    given = ["--llm", "openai", "--model", "w", "--judge", "openai", "--judge-model", "j", "--eta", "0.7"]
    values = parse_step_flags("propose", given)
    assert values["llm_options"] == {"model": "w"}
    assert values["judge_options"] == {"model": "j"}
    assert values["eta"] == "0.7"
    assert "--judge-max-prompt-tokens" in known_flags("propose")
    assert "--max-prompt-tokens" in known_flags("propose")


def test_help_on_a_step_lists_its_options_alone(capsys):
    assert run(["run", "embed", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--encoder" in said
    assert "--n-clusters" not in said
    assert run(["run", "--help"]) == 0
    said = capsys.readouterr().out
    assert "finetune" in said
    assert "--encoder" not in said


@pytest.mark.parametrize(("step", "table", "names"), [
    # All but the baselines, and those that our own referee runs say something of.
    ("select", SELECTORS, " ".join(name for name in SELECTORS if name not in (
        "random", "stratified", "longest", "kmq", "top_quality",
    ))),
    ("score", SCORERS, "target_embedding target_rds target_bm25"),
])  # fmt: skip
def test_what_was_not_shown_to_help_says_so_beside_its_name(capsys, step: str, table, names: str) -> None:
    assert run(["run", step, "--help"]) == 0
    said = "".join(capsys.readouterr().out.split())
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    kind = {"select": "selection"}.get(step, step)
    for name in names.split():
        row = table[name]
        text = f"{row.summary} {getattr(row, 'suits', '')}"
        assert "not shown here" in text
        assert "".join(f"{name} {text}".split()) in said
        assert re.search(rf"^\| {kind} \| `{name}` \|.*not shown here", readme, re.MULTILINE), name


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_a_killed_worker_is_noticed_before_its_job_is_queued_again(
    tamis, workspace: Path, dataset_id: str, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    job_id = _failed_job(workspace, dataset_id)
    looked: list[JobState] = []
    monkeypatch.setattr(
        "tamis.actions.jobs.tick",
        lambda *_, **__: looked.append(job_table.get(Database(workspace), job_id).state),
    )
    assert tamis("jobs", verb, job_id)[0] == 0
    assert looked == [JobState.FAILED, JobState.QUEUED]


def test_a_fine_tuning_says_its_verdicts_by_which_rule_and_how_rows_were_held_out(
    workspace: Path, dataset_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {
        "task": "a", "metric": "acc", "value": 0.6, "base": 0.5, "stderr": 0.05, "base_stderr": 0.05, "n": 100,
        "higher_is_better": True,
    }  # fmt: skip
    paired = {"n": 100, "mean": 0.1, "low": 0.04, "high": 0.16, "p": 0.001, "paired": True}
    told = {
        "split_text": "8 rows were held out one by one.", "verdict": "Held-out loss changed by -0.500: better.",
        "lm_eval": [one | {"paired": paired}, one | {"task": "b"}],
    }  # fmt: skip
    adapter = write_adapter(workspace, dataset_id)
    manifest = json.loads((adapter.path / "manifest.json").read_text())
    del manifest["seal"]
    manifest["summary"] |= told
    (adapter.path / "manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()
    assert run(["--workspace", str(workspace), "run", "finetune", "--dataset", dataset_id]) == 0
    said = capsys.readouterr().out
    assert "8 rows were held out one by one." in said
    assert "changed by -0.500: better." in said
    assert "a acc: 0.500 → 0.600 on 100 rows, change +0.100 (95 % interval +0.040 to +0.160): better" in said
    assert (
        "b acc: 0.500 → 0.600 on 100 rows, change +0.100 (95 % interval -0.039 to +0.239, unpaired): not clear"
        in said
    )
    assert "Benjamini and Hochberg's rule at 5 %" in said
