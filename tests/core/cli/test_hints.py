"""What an import says by command: how to read what was rejected, and what of a folder it did not read."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.core.cli.test_cases import Tamis, tamis  # noqa: F401 - a fixture

GOOD = [json.dumps({"instruction": f"q{i}", "output": f"a{i}"}) for i in range(2)]


def test_the_command_that_reads_again_is_printed_and_works(tamis: Tamis, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        f"{GOOD[0]}\n{GOOD[1][:-1]},}}\n{GOOD[0]}{GOOD[1]}\n".encode()
        + b'{"instruction":"\xe9","output":"b"}\n'
    )
    code, said, _ = tamis.said("import", str(path))
    assert code == 0
    assert "(line 2" in said
    command = said.rpartition("to read again: tamis ")[2]
    code, done = tamis(*shlex.split(command))
    assert (code, done["n_rejected_before"], done["n_rejected"]) == (0, 3, 0)
    out = tmp_path / "out.jsonl"
    tamis("export", "--dataset", done["dataset_id"], "--format", "alpaca", "--out", str(out))
    assert [json.loads(line)["instruction"] for line in out.read_text().splitlines()] == [
        "q0",
        "q1",
        "q0",
        "q1",
        "é",
    ]


def test_what_is_not_read_is_said(tamis: Tamis, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "data"
    for name in ("__MACOSX", ".ipynb_checkpoints", "checkpoint-5", "sub"):
        (folder / name).mkdir(parents=True)
    (folder / "rows.jsonl").write_text("\n".join(GOOD))
    (folder / "__MACOSX" / "._rows.jsonl").write_text("x")
    (folder / ".ipynb_checkpoints" / "rows-checkpoint.jsonl").write_text(GOOD[0])
    (folder / ".hidden.jsonl").write_text(GOOD[0])
    (folder / "checkpoint-5" / "trainer_state.json").write_text('{"epoch": 1, "log_history": [{"loss": 1}]}')
    (folder / "sub" / "more.zip").write_bytes(b"PK\x03\x04")
    (folder / "sub" / "empty.jsonl").write_text("")
    (folder / "sub" / "rows.csv").write_text("instruction,output,output\nq2,a2,x\nq3\nq4,a4,y,z\n")
    (folder / "sub" / "link").symlink_to(tmp_path, target_is_directory=True)
    code, said, left = tamis.said("import", str(folder))
    assert code == 0
    for name, why in (
        ("__MACOSX", "(1 file)"), (".ipynb_checkpoints", "hidden"), (".hidden.jsonl", "hidden"), ("trainer_state.json", "No format"),
        ("more.zip", "an archive"), ("empty.jsonl", "is empty"), ("link", "a link"),
    ):  # fmt: skip
        assert re.search(rf"not read: \S*{re.escape(name)}: .*{re.escape(why)}", left), name
    assert "3 records imported" in said
    assert "the header has a name more than once: one of its columns is called 'output_3'" in said
    assert "1 row: fewer cells than the header names" in said
    assert "4 cells where the header names 3 columns" in said


def test_answers_beside_others_are_said(tamis: Tamis, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"instruction": f"q{i}", "output": [f"a{i}", "b"]}) + "\n" for i in range(2))
    )
    code, said, _ = tamis.said("import", str(path))
    assert code == 0
    assert "note: column 'output', 2 rows: several answers" in said


def test_what_stands_beside_the_rows_is_printed(tamis: Tamis, tmp_path: Path) -> None:  # noqa: F811
    rows = [json.loads(line) for line in GOOD]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wrapped.json").write_text(
        json.dumps({"version": "1.1", "tags": ["a", "b"], "data": rows})
    )
    (tmp_path / "data" / "ids.json").write_text(json.dumps({"x1": rows[0], "x2": rows[1], "meta": {"n": 2}}))
    code, said, _ = tamis.said("import", str(tmp_path / "data"))
    assert code == 0
    assert "4 records imported as 4 examples, 0 rejected." in said
    for note in (
        "'version' (1 value) is not read",
        "'tags' (2 values) is not read",
        "'meta' (1 value) is not read",
    ):
        assert f"note: beside the rows, {note}" in said
