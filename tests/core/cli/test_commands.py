"""What every command keeps: a help with examples, nothing heavy before work begins, and an end that says what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tamis.cli.main import COMPLETE, ROOT, run

HEAVY = (
    "duckdb", "faiss", "numpy", "openai", "pandas", "pyarrow", "scipy", "sklearn", "streamlit", "torch", "transformers",
)  # fmt: skip
# What a page of help may import: the interpreter's own 40 to 60, click, and the modules of the commands.
MOST_MODULES = {
    "--help": 200,
    "jobs --help": 200,
    "run --help": 400,
    "run select --help": 450,
    "--version": 200,
}


def walk(
    group: click.Group = ROOT, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


PATHS = [path for path, _ in walk()]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_says_what_it_does_and_how_it_is_called(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == 0
    usage, _, rest = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith(f"Usage: tamis {' '.join(path)}")
    what, _, examples = rest.partition("\n\nExamples:\n")
    assert what.strip().endswith(".")
    assert f"tamis {' '.join(path)}" in examples.partition("\n\n")[0]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_flag_is_explained(path: tuple[str, ...]) -> None:
    command = dict(walk())[path]
    context = click.Context(command)
    assert not [parameter.name for parameter in command.get_params(context) if not parameter.help]


@pytest.mark.parametrize("arguments", MOST_MODULES)
def test_help_imports_nothing_heavy(arguments: str) -> None:
    script = (
        "import json, sys\n"
        "from tamis.cli.main import run\n"
        f"code = run({arguments.split()!r})\n"
        "print(json.dumps([code, sorted(sys.modules)]))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, modules = json.loads(answer.stdout.splitlines()[-1])
    assert code == 0
    assert not [name for name in HEAVY if name in modules]
    assert not [name for name in modules if name.startswith(("tamis.compute", "tamis.store.rows"))]
    assert len(modules) < MOST_MODULES[arguments]


def test_importing_tamis_imports_almost_nothing() -> None:
    script = "import sys; before = len(sys.modules); import tamis; print(len(sys.modules) - before)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(answer.stdout) < 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bake",), "No such command 'bake'"),
        (("adapter",), "Did you mean 'adapters'?"),
        (("jobs", "lst"), "Did you mean 'list'?"),
        (("run", "embed", "--dataset", "x", "--encodr", "hashing"), "Did you mean '--encoder'?"),
        (("run", "embed"), "Missing option '--dataset'. (see tamis run embed --help)"),
        (("run", "embed", "--dataset", "x", "--priority", "high"), "'high' is not a valid integer"),
        (("export", "--dataset", "x", "--out", "y", "--container", "xml"), "'xml' is not one of"),
        (("jobs", "show"), "Missing argument 'JOB_ID'"),
        (("doctor", "--frobnicate"), "No such option '--frobnicate'"),
    ],
)
def test_wrong_usage_is_one_json_object_and_a_sentence(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--json"]) == 2
    answer = capsys.readouterr()
    assert said in json.loads(answer.out)["error"]
    assert answer.err.count("\n") == 1
    assert said in answer.err


def test_an_option_of_another_plug_in_is_refused_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    workspace = ("--workspace", str(tmp_path / "w"))
    assert run([*workspace, "import", str(tmp_path / "rows.jsonl"), "--name", "Rows"]) == 0
    assert (
        run([*workspace, "run", "embed", "--dataset", "Rows", "--encoder", "hashing", "--dtype", "auto"]) == 2
    )
    said = capsys.readouterr().err
    assert "'dtype'" in said
    assert "char_ngram" in said


def test_the_shared_flags_stand_before_the_command_or_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ("--json", "--workspace", str(tmp_path), "jobs", "list"),
        ("jobs", "--json", "list", "--workspace", str(tmp_path)),
        ("jobs", "--workspace", str(tmp_path), "--json"),
    ):
        assert run(arguments) == 0
        assert json.loads(capsys.readouterr().out) == {"jobs": []}
        assert any(tmp_path.glob("*.sqlite*"))


def _broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("tamis.actions.doctor.examine", fail)


def test_a_bug_is_one_sentence_with_an_id_that_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(monkeypatch, ZeroDivisionError("secret detail"))
    assert run(["doctor", "--workspace", str(tmp_path), "--json"]) == 1
    answer = capsys.readouterr()
    (line,) = answer.err.splitlines()
    assert json.loads(answer.out)["error"] == line.removeprefix("tamis: ")
    assert "secret detail" not in line
    error_id = line.rpartition(" as ")[2].partition(";")[0]
    logged = (tmp_path / "errors.log").read_text()
    assert error_id in logged
    assert "ZeroDivisionError: secret detail" in logged


def test_debug_shows_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(monkeypatch, ZeroDivisionError("secret detail"))
    assert run(["doctor", "--debug", "--workspace", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: secret detail" in said


def test_ctrl_c_is_130_and_says_that_jobs_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(monkeypatch, KeyboardInterrupt())
    assert run(["doctor"]) == 130
    assert "jobs go on" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_failure() -> None:
    command = f"{sys.executable} -m tamis.cli doctor | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tamis jo", "jobs"),
        ("tamis jobs re", "resume"),
        ("tamis run em", "embed"),
        ("tamis run embed --enc", "--encoder"),
        ("tamis run embed --encoder h", "hashing"),
        ("tamis run embed --dataset my", "my-data-1a2b3c"),
    ],
)
def test_the_shell_completes_commands_flags_and_names(tmp_path: Path, typed: str, offered: str) -> None:
    (tmp_path / "datasets" / "my-data-1a2b3c").mkdir(parents=True)
    words = typed.split()
    environment = os.environ | {
        COMPLETE: "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
        "TAMIS_WORKSPACE": str(tmp_path),
    }
    command = [sys.executable, "-m", "tamis.cli"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"plain,{offered}" in answer.stdout.splitlines()
