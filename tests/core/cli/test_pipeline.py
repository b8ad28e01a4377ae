"""The command line from a file to an export and back, the whole path with real worker processes, and no model."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from tamis.cli.main import run

TOPICS = {
    "soup": "onion carrot broth simmer ladle pot",
    "orbit": "planet gravity moon rocket ellipse star",
    "loans": "interest bank mortgage rate debt payment",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 Alpaca rows in three topics, and two lines that are no examples."""
    draw = random.Random(0)
    path = tmp_path_factory.mktemp("source") / "three topics.jsonl"
    lines = []
    for number in range(120):
        words = TOPICS[list(TOPICS)[number % 3]].split()
        said = " ".join(draw.choices(words, k=12))
        lines.append(
            json.dumps(
                {"instruction": f"Say {said}?", "input": "", "output": f"{said} {number}", "kind": number % 3}
            )
        )
    lines.insert(7, "{not json")
    lines.insert(50, json.dumps({"instruction": "Say nothing", "input": "", "output": "  "}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Tamis:
    """Runs commands on one workspace and hands back the exit code and the last line as JSON."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: str) -> tuple[int, dict]:
        self._capsys.readouterr()
        code = run(["--workspace", str(self._workspace), *arguments, "--json"])
        out = self._capsys.readouterr().out.strip().splitlines()
        return code, json.loads(out[-1]) if out else {}


@pytest.fixture
def tamis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tamis:
    return Tamis(tmp_path / "a work space", capsys)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A workspace with the file in it, for tests that are not about importing."""
    workspace = tmp_path_factory.mktemp("imported") / "w"
    assert run(["--workspace", str(workspace), "import", str(source), "--name", "Three topics"]) == 0
    return workspace


@pytest.fixture
def dataset(tamis: Tamis, imported: Path, tmp_path: Path) -> str:
    shutil.copytree(imported, tmp_path / "a work space")
    return tamis("datasets")[1]["datasets"][0]["dataset_id"]


@pytest.mark.workers
def test_the_whole_path_from_a_file_to_a_replayed_export(tamis: Tamis, source: Path, tmp_path: Path) -> None:
    code, done = tamis("import", str(source), "--name", "Three topics")
    assert (code, done["n_imported"], done["n_rejected"]) == (0, 120, 2)
    dataset = ("--dataset", done["dataset_id"])
    for step in (
        ("embed", "--encoder", "hashing"),
        ("cluster", "--n-clusters", "3"),
        ("project", "--method", "pca"),
        ("score",),
        ("select", "--budget", "30"),
    ):
        code, made = tamis("run", step[0], *dataset, *step[1:])
        assert (code, made["state"]) == (0, "succeeded"), step
    out = tmp_path / "subset.jsonl"
    code, exported = tamis("export", *dataset, "--selection", made["artifact_id"], "--out", str(out))
    assert (code, exported["n_rows"]) == (0, 30)
    originals = source.read_text(encoding="utf-8").splitlines()
    rows = out.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 30
    assert set(rows) <= set(originals)
    assert {json.loads(row)["kind"] for row in rows} == {0, 1, 2}
    code, again = tamis("replay", f"{out}.manifest.json")
    assert (code, again["identical"], again["sha256"]) == (0, True, exported["sha256"])


def test_a_changed_source_is_refused_by_replay(tamis: Tamis, source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(source.read_bytes())
    _, done = tamis("import", str(copy))
    out = tmp_path / "all.jsonl"
    tamis("export", "--dataset", done["dataset_id"], "--out", str(out))
    copy.write_bytes(source.read_bytes() + b'{"instruction": "a", "output": "b"}\n')
    code, refused = tamis("replay", f"{out}.manifest.json")
    assert code == 2
    assert "another file" in refused["error"]
    code, found = tamis("replay", f"{out}.manifest.json", "--source", str(source))
    assert (code, found["identical"]) == (0, True)


def test_importing_the_same_file_twice_is_one_dataset(tamis: Tamis, source: Path) -> None:
    _, first = tamis("import", str(source))
    _, second = tamis("import", str(source))
    assert first["dataset_id"] == second["dataset_id"]
    _, listed = tamis("datasets")
    assert len(listed["datasets"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "embed", "--dataset", "nowhere"), "no dataset 'nowhere'"),
        (("run", "bake", "--dataset", "nowhere"), "no step called 'bake'"),
        (("export", "--dataset", "nowhere", "--out", "x"), "no dataset 'nowhere'"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_value(
    tamis: Tamis, arguments: tuple[str, ...], said: str
) -> None:
    code, answer = tamis(*arguments)
    assert code == 2
    assert said in answer["error"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("embed", "--encoder", "nothing"), "no encoder called 'nothing'"),
        (("embed", "--colour", "red"), "no option '--colour'"),
        (("cluster", "--seed", "-1"), "seed = '-1'"),
    ],
)
def test_a_wrong_option_is_exit_code_2_with_what_is_known(
    tamis: Tamis, dataset: str, flags: tuple[str, ...], said: str
) -> None:
    code, answer = tamis("run", flags[0], "--dataset", dataset, *flags[1:])
    assert code == 2
    assert said in answer["error"]


def test_a_step_whose_input_is_missing_names_the_step_to_run_first(tamis: Tamis, dataset: str) -> None:
    code, answer = tamis("run", "cluster", "--dataset", dataset)
    assert code == 2
    assert "tamis run embed" in answer["error"]


def test_a_file_without_examples_is_exit_code_2_and_says_why(tamis: Tamis, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    code, answer = tamis("import", str(empty))
    assert code == 2
    assert "empty" in answer["error"]


def test_tags_narrow_an_export_and_a_selection(tamis: Tamis, dataset: str, tmp_path: Path) -> None:
    import numpy as np

    from tamis.store.database.database import Database
    from tamis.store.database.tags import add_tag

    add_tag(Database(tmp_path / "a work space"), dataset, "keep", np.arange(10, 25), "tester")
    code, exported = tamis(
        "export", "--dataset", dataset, "--tag", "keep", "--out", str(tmp_path / "t.jsonl")
    )
    assert (code, exported["n_rows"]) == (0, 15)
    code, again = tamis("replay", str(tmp_path / "t.jsonl.manifest.json"))
    assert (code, again["identical"]) == (0, True)
    code, made = tamis(
        "run", "select", "--dataset", dataset, "--method", "random", "--budget", "5", "--within", "tag:keep"
    )
    assert (code, made["state"]) == (0, "succeeded")
    out = tmp_path / "s.jsonl"
    code, exported = tamis("export", "--dataset", dataset, "--selection", "newest", "--out", str(out))
    inside = set((tmp_path / "t.jsonl").read_text().splitlines())
    assert exported["n_rows"] == 5
    assert set(out.read_text().splitlines()) <= inside
    code, again = tamis("replay", f"{out}.manifest.json")
    assert (code, again["identical"]) == (0, True)


def test_newest_is_what_was_asked_for_last_even_when_it_was_there(
    tamis: Tamis, dataset: str, tmp_path: Path
) -> None:
    here = ("--dataset", dataset)
    for budget in ("7", "9", "7"):
        code, made = tamis("run", "select", *here, "--method", "random", "--budget", budget)
        assert (code, made["summary"]["n_selected"], made["summary"]["shortfall"]) == (0, int(budget), 0)
    _, exported = tamis("export", *here, "--selection", "newest", "--out", str(tmp_path / "seven.jsonl"))
    assert exported["n_rows"] == 7
    _, usual = tamis("export", *here, "--out", str(tmp_path / "usual.jsonl"))
    assert (usual["n_rows"], usual["taken"]) == (7, f"selection {made['artifact_id']}")
    _, usual = tamis("export", *here, "--selection", "all", "--out", str(tmp_path / "all.jsonl"))
    assert (usual["n_rows"], usual["taken"]) == (120, "all")


def test_an_export_is_what_its_name_says(tamis: Tamis, dataset: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    out = tmp_path / "all.parquet"
    code, _ = tamis("export", "--dataset", dataset, "--format", "messages", "--out", str(out))
    assert (code, pq.read_table(out).num_rows) == (0, 120)


def test_wrong_flags_are_json_too(tamis: Tamis) -> None:
    code, answer = tamis("run", "embed")
    assert code == 2
    assert "--dataset" in answer["error"]


def test_a_budget_that_cannot_be_is_refused_before_a_job(tamis: Tamis, dataset: str) -> None:
    for flags in (("--budget", "0.1"), ("--budget", "1.5", "--unit", "fraction"), ("--budget", "0")):
        code, answer = tamis("run", "select", "--dataset", dataset, "--method", "random", *flags)
        assert code == 2, answer
    _, listed = tamis("jobs", "list")
    assert [job["step"] for job in listed["jobs"]] == ["import"]
