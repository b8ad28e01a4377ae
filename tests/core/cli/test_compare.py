"""``tamis compare`` draws what is missing, compares it and writes one file, with real worker processes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tamis.cli.main import run


def tamis(workspace: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    code = run(["--workspace", str(workspace), *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_compare_without_a_browser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "rows.jsonl"
    lines = [
        {"instruction": f"Say {i % 7} about {i}", "input": "", "output": f"word{i % 5} " * 9}
        for i in range(60)
    ]
    source.write_text("\n".join(map(json.dumps, lines)))
    workspace, out = tmp_path / "workspace", tmp_path / "out" / "report.html"
    _, done = tamis(workspace, capsys, "import", str(source))
    dataset = ("--dataset", done["dataset_id"])
    for step in (("embed", "--encoder", "hashing"), ("cluster", "--n-clusters", "3"), ("score",)):
        assert tamis(workspace, capsys, "run", step[0], *dataset, *step[1:])[0] == 0
    grid = (
        "compare",
        *dataset,
        "--methods",
        "kmq,random,deita",
        "--budget",
        "10",
        "--seeds",
        "2",
        "--out",
        str(out),
    )
    # Before anything is drawn: the place where the report would go is not there.
    assert tamis(workspace, capsys, *grid)[0] == 2
    out.parent.mkdir()
    code, made = tamis(workspace, capsys, *grid)
    assert code == 0
    assert len(made["selections"]) == 5  # two draws of two methods, and one of the method without chance
    assert made["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    again = tmp_path / "again.html"
    pair = [flag for one in made["selections"][:2] for flag in ("--selection", one)]
    code, second = tamis(workspace, capsys, "compare", *dataset, *pair, "--out", str(again))
    assert code == 0
    assert second["artifact_id"] != made["artifact_id"]
    assert again.exists()
    code, same = tamis(workspace, capsys, *grid)
    assert (code, same["sha256"], same["artifact_id"]) == (0, made["sha256"], made["artifact_id"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "Give selections"),
        (("--methods", "kmq,random"), "--budget above 0"),
        (("--methods", "kmq,best", "--budget", "5"), "best"),
        (("--methods", "deita", "--budget", "5"), "2 to 36"),
        (("--methods", "kmq,random", "--budget", "5", "--seeds", "0"), "0 seeds"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_queued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(
        '{"instruction": "a", "input": "", "output": "b"}\n{"instruction": "c", "input": "", "output": "d"}\n'
    )
    _, done = tamis(tmp_path / "w", capsys, "import", str(source))
    code, answer = tamis(
        tmp_path / "w", capsys, "compare", "--dataset", done["dataset_id"], *flags, "--out", "x.html"
    )
    assert code == 2
    assert said in answer["error"]
    jobs = tamis(tmp_path / "w", capsys, "jobs", "list")[1]["jobs"]
    assert {job["step"] for job in jobs} == {"import"}
