"""Files in and out by command: what is not read is named, what was changed is said, the name of a file decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.core.formats.files import alpaca_rows, lines_of

ROWS = [
    {"instruction": "a", "input": "", "output": "b", "score": 0.5, "own": {"x": 1}},
    {"instruction": "c", "input": "", "output": "d", "score": 1.5},
]


def command(workspace: Path, *arguments: str) -> int:
    return run(["--workspace", str(workspace), *arguments])


@pytest.fixture
def dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    (tmp_path / "rows.jsonl").write_bytes(lines_of(ROWS).replace(b"1.5", b"NaN"))
    assert command(tmp_path, "import", str(tmp_path / "rows.jsonl"), "--json") == 0
    return str(json.loads(capsys.readouterr().out.splitlines()[-1])["dataset_id"])


def test_notes_and_files_that_are_not_read_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "rows.jsonl").write_bytes(
        lines_of(alpaca_rows(2)) + b'{"instruction":"x","output":"y","score":NaN}\n'
    )
    (folder / "sub" / "more.jsonl").write_bytes(lines_of(alpaca_rows(3)))
    (folder / "LICENSE").write_text("free")
    assert command(tmp_path, "import", str(folder)) == 0
    said = capsys.readouterr()
    assert "6 records imported" in said.out
    assert "note: column 'score', 1 row: NaN or Infinity" in said.out
    assert f"not read: {folder / 'LICENSE'}: " in said.err


def test_a_guessed_encoding_is_said_and_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_bytes(
        "instruction,output\nQu'est-ce qu'un déjeuner ?,à midi\n".encode("cp1252")
    )
    assert command(tmp_path, "import", str(tmp_path / "rows.csv")) == 0
    said = capsys.readouterr().err
    assert "is read as cp1252, a guess with confidence 0." in said
    for name in ("latin-1", "cp1252"):  # what a person named is no guess, also where it would have been one
        assert command(tmp_path, "import", str(tmp_path / "rows.csv"), "--encoding", name) == 0
        assert "guess" not in capsys.readouterr().err
    assert command(tmp_path, "import", str(tmp_path / "rows.csv"), "--encoding", "klingon") != 0
    assert "no text encoding 'klingon'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x.csv", "x.TSV", "x.json", "x.jsonl.gz", "x.PARQUET"])
def test_the_name_decides_and_the_manifest_is_replayed(tmp_path: Path, dataset: str, name: str) -> None:
    out = tmp_path / name
    assert command(tmp_path, "export", "--dataset", dataset, "--format", "alpaca", "--out", str(out)) == 0
    assert out.stat().st_size
    assert command(tmp_path, "replay", f"{out}.manifest.json") == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x.xlsx", "does not say what kind of file"),
        ("none/x.jsonl", "There is no folder"),
        (".", "is a folder"),
        ("x.csv", "holds texts"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    tmp_path: Path, dataset: str, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("export", "--dataset", dataset, "--format", "messages", "--out", str(tmp_path / name))
    assert command(tmp_path, *arguments) != 0
    said = capsys.readouterr().err
    assert why in said
    assert "Traceback" not in said
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob("*x.*"))


def test_two_files_whose_rows_are_alike_come_back_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = '{ "instruction" : "x" , "output" : "y" }\n'
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(line)
    assert command(tmp_path, "import", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), "--json") == 0
    dataset = json.loads(capsys.readouterr().out.splitlines()[-1])["dataset_id"]
    assert command(tmp_path, "export", "--dataset", dataset, "--out", str(tmp_path / "out.jsonl")) == 0
    assert (tmp_path / "out.jsonl").read_text() == line * 2


def test_repairs_are_agreed_to_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"instruction":"a","output":"b",}\n{"instruction":"c","output":"d"}\n'
    )
    path = str(tmp_path / "rows.jsonl")
    assert command(tmp_path, "import", path) == 0
    assert "import with --repair trailing-commas" in capsys.readouterr().out + json.dumps(
        list_rejects(tmp_path)
    )
    assert command(tmp_path, "import", path, "--repair", "trailing-commas,comments", "--json") == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["n_imported"], done["n_rejected"]) == (2, 0)
    assert done["notes"][0]["note"] == "the file, 1 row: repaired: a comma before a closing bracket left out"
    assert command(tmp_path, "import", path, "--repair", "all") != 0
    assert "no repair called 'all'" in capsys.readouterr().err


def list_rejects(workspace: Path) -> list[str]:
    import tamis

    opened = tamis.open(workspace)
    return [
        reason
        for one in opened.datasets()
        for reason in opened.dataset(one.id).rejects.to_arrow()["reason"].to_pylist()
    ]
