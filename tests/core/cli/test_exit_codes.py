"""What a command ends with: 2 where nothing could run as asked, 1 only where something ran."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tamis import errors
from tamis.cli.exit_codes import FAILED, WRONG_USAGE, exit_code
from tamis.cli.main import run


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One dataset of which nothing was computed."""
    folder = tmp_path_factory.mktemp("exit-codes")
    rows = [{"instruction": f"Question {i}?", "output": f"answer {i}"} for i in range(6)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "words.jsonl").write_text("no json\n")
    imported = ("import", str(folder / "rows.jsonl"), "--name", "Rows")
    assert run(["--workspace", str(folder / "w"), *imported]) == 0
    return folder


ROWS = ("--dataset", "Rows")
NOTHING_RAN = [
    # a step whose input was never computed
    (("run", "cluster", *ROWS), "tamis run embed"),
    (("run", "project", *ROWS), "tamis run embed"),
    (("run", "score", *ROWS, "--scorer", "alignment"), "tamis run embed"),
    (("run", "select", *ROWS, "--budget", "2"), "tamis run"),
    (("run", "propose", *ROWS), "tamis run score"),
    (("run", "finetune", *ROWS, "--selection", "newest"), "selection"),
    # something that is looked at and is not there
    (("clusters", "list", *ROWS), "tamis run cluster"),
    (("clusters", "rename", "0", "x", *ROWS), "tamis run cluster"),
    (("rows", "search", "refund", *ROWS, "--by", "meaning"), "tamis run embed"),
    (("rows", "search", "1", *ROWS, "--by", "row"), "tamis run embed"),
    (("rows", "search", "abc", *ROWS, "--by", "row"), "no row abc: rows go from 0 to 5"),
    (("rows", "show", "99", *ROWS), "99"),
    (("review", "queue", *ROWS), "proposals"),
    (("review", "progress", *ROWS), "proposals"),
    (("refinements", "show", *ROWS), "refine"),
    (("export", *ROWS, "--selection", "newest", "--out", "x.jsonl"), "selection"),
    (("adapters", "delete", "adapter:nothing"), "nothing"),
    (("jobs", "show", "nothing"), "nothing"),
    (("datasets", "restore", "nothing"), "nothing"),
    (("apply", *ROWS), "Nothing is decided"),
    # a file that is not there, or holds nothing
    (("import", "missing.jsonl"), "missing.jsonl"),
    (("import", "words.jsonl"), "words.jsonl"),
    (("bench-noise", "missing.jsonl"), "missing.jsonl"),
    (("bench-noise", "words.jsonl"), "words.jsonl"),
    (("replay", "missing.manifest.json"), "missing.manifest.json"),
    (("decisions", "import", "missing.jsonl", *ROWS), "missing.jsonl"),
    # flags, names and options
    (("run", "embed", *ROWS, "--colour", "red"), "no option '--colour'"),
    (("run", "embed", *ROWS, "--encoder", "nothing"), "nothing"),
    (("run", "bake", *ROWS), "bake"),
    (("frobnicate",), "frobnicate"),
    (("datasets", "delete", "nowhere"), "nowhere"),
]


@pytest.mark.parametrize(("arguments", "said"), NOTHING_RAN, ids=[" ".join(one) for one, _ in NOTHING_RAN])
def test_where_nothing_ran_the_code_is_2_and_the_sentence_has_the_value_or_the_next_step(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(workspace)
    capsys.readouterr()
    assert run(["--workspace", str(workspace / "w"), *arguments, "--json"]) == WRONG_USAGE
    printed = capsys.readouterr()
    assert said in json.loads(printed.out.splitlines()[-1])["error"]
    assert not (workspace / "w" / "errors.log").exists(), "a wrong request counted as a bug"


def _subclasses(of: type[Exception]) -> list[type[Exception]]:
    return [of, *(one for direct in of.__subclasses__() for one in _subclasses(direct))]


def test_the_rule_covers_every_error_there_is() -> None:
    ran = {errors.JobFailed, errors.JobCancelled}
    for kind in {one for one in _subclasses(errors.CurationError) if one.__module__ == errors.__name__}:
        assert exit_code(kind.__new__(kind)) == (FAILED if kind in ran else WRONG_USAGE), kind
    assert exit_code(click.UsageError("x")) == WRONG_USAGE
    assert exit_code(ZeroDivisionError()) == FAILED
