"""Parse the command line, run one command, turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from pydantic import ValidationError

from tamis import __version__
from tamis.cli import adapters, commands, compare, decisions, estimate, flags, noise, place, versions
from tamis.cli.session import Session
from tamis.errors import (
    CurationError,
    DatasetMissing,
    InvalidOptions,
    UnknownName,
)
from tamis.jobs.causes import explain_database_error
from tamis.settings import Settings, explain_settings
from tamis.steps import STEPS

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130  # as shells have it: 128 and the number of the signal

Command = Callable[[Session, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``tamis``; exits with 0 done, 1 the job failed, 2 wrong usage, 130 stopped by Ctrl-C."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Like ``main`` but returns the exit code."""
    try:
        Settings()
    except ValidationError as error:
        refused = Session(Settings.model_construct(), as_json="--json" in arguments)
        return _say_error(refused, explain_settings(error), WRONG_USAGE)
    try:
        parsed = _parse(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except InvalidOptions as error:
        early = Session(Settings(), as_json="--json" in arguments)
        return _say_error(early, str(error), WRONG_USAGE)
    return _execute(Session(_settings(parsed), as_json=getattr(parsed, "json", False)), parsed)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = build_parser()
    parsed, rest = parser.parse_known_args(list(arguments))
    if rest and getattr(parsed, "command", None) is not commands.run_step:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    parsed.rest = rest
    return parsed


def _execute(session: Session, parsed: argparse.Namespace) -> int:
    command: Command = parsed.command
    try:
        return command(session, parsed)
    except (InvalidOptions, UnknownName, DatasetMissing) as error:
        return _say_error(session, str(error), WRONG_USAGE)
    except CurationError as error:
        return _say_error(session, str(error), FAILED)
    except sqlite3.OperationalError as error:
        return _say_error(session, explain_database_error(error, session.workspace.path), FAILED)
    except KeyboardInterrupt:
        session.say("tamis: stopped; jobs go on. See: tamis jobs list")
        return INTERRUPTED
    except BrokenPipeError:
        return DONE


def _say_error(session: Session, reason: str, code: int) -> int:
    session.say(f"tamis: {reason}")
    session.result({"error": reason})
    return code


def _settings(parsed: argparse.Namespace) -> Settings:
    workspace = getattr(parsed, "workspace", None)
    return Settings() if workspace is None else Settings(workspace=Path(workspace))


class _Parser(argparse.ArgumentParser):
    """Wrong flags are an error like any other, so that a program gets its JSON."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidOptions with what argparse says and where help is."""
        raise InvalidOptions(f"{message} (see {self.prog} --help)")


class _StepHelp(argparse.Action):
    """Options of the step that was named, which are too many to read for all steps at once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print it and leave."""
        name = str(getattr(namespace, "step", ""))
        if name in STEPS and name not in commands.OWN_COMMANDS:
            parser.description = STEPS[name].summary
            parser.epilog = f"options of {name}:\n{flags.step_help(name)}"
        parser.print_help()
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, without the flags of the steps, which their options types define."""
    shared = _Parser(add_help=False)
    # SUPPRESS, or the default given after the command would overwrite what was given before it.
    shared.add_argument(
        "--workspace", default=argparse.SUPPRESS, help="folder of datasets, jobs and database"
    )
    shared.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="last line of stdout is one JSON object",
    )
    parser = _Parser(
        prog="tamis", description="Sift instruction-tuning datasets.", parents=[shared], allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"tamis {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        name: str, command: Command, help_text: str, *, add_help: bool = True
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(
            name,
            parents=[shared],
            help=help_text,
            description=help_text,
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=command)
        return added

    _add_data_verbs(verb)
    decisions.add_verbs(verb, shared)
    _add_run_verb(verb)
    _add_jobs_verb(verb, shared)
    _add_adapters_verb(verb, shared)
    return parser


class Verb(Protocol):
    """Adds a command and returns its parser."""

    def __call__(
        self, name: str, command: Command, help_text: str, *, add_help: bool = True
    ) -> argparse.ArgumentParser:
        """``add_help`` off leaves ``--help`` to the caller."""
        ...


def _add_data_verbs(verb: Verb) -> None:
    serve = verb("serve", commands.serve, "start the app")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8501)

    bring = verb("import", commands.import_file, "import a file, a folder or a hub dataset")
    bring.add_argument(
        "path",
        nargs="+",
        help="JSON, JSONL, CSV, TSV or Parquet, also .gz or .zst; a folder of them; or a hub id",
    )
    bring.add_argument("--name", default="", help="name shown to people")
    bring.add_argument("--format", default="auto", help="conversation format; detected when left out")
    bring.add_argument(
        "--field", action="append", default=[], metavar="PART=COLUMN", help="which column plays which part"
    )

    verb("datasets", commands.list_datasets, "list the datasets and where each stands")

    export = verb("export", commands.export_rows, "write rows as a training file with a manifest")
    export.add_argument("--dataset", required=True)
    export.add_argument("--selection", default="", help="artifact id of a selection, or newest")
    export.add_argument("--tag", default="", help="only rows with this tag")
    export.add_argument(
        "--scope", default="", help="only rows in this scope, as copied from the map's address"
    )
    export.add_argument(
        "--decisions",
        default="",
        help="current, the artifact id of frozen ones, or none; when empty those that the selection was made with",
    )
    export.add_argument("--format", default="source", help="conversation format to write, or source")
    export.add_argument(
        "--container", default="", choices=("jsonl", "parquet"), help="by the name of the file when left out"
    )
    export.add_argument("--out", required=True, help="file to write")

    compare.add_arguments(
        verb(
            "compare",
            compare.compare,
            "hold selections, or methods at one budget, beside each other in a report",
        )
    )

    replay = verb("replay", commands.replay, "rebuild the rows of a manifest and compare")
    replay.add_argument("manifest", help="manifest written beside an export")
    replay.add_argument(
        "--source", action="append", default=[], help="where a source file is now, if it moved"
    )
    replay.add_argument("--out", default="", help="also write the rebuilt rows here")

    noise.add_flags(
        verb("bench-noise", noise.bench_noise, "plant faults in a file and see which scores find them")
    )

    versions.add_arguments(
        verb("diff", versions.diff, "what a version changed against the dataset it was made from")
    )
    verb("doctor", commands.doctor, "versions, models found, devices, disk")


def _add_run_verb(verb: Verb) -> None:
    runner = verb("run", commands.run_step, "run a step of the pipeline on a dataset", add_help=False)
    steps = [name for name in STEPS if name not in commands.OWN_COMMANDS]
    runner.epilog = "steps (tamis run STEP --help lists the options of one):\n" + "\n".join(
        f"  {name:10} {STEPS[name].summary}" for name in steps
    )
    runner.add_argument("-h", "--help", action=_StepHelp, nargs=0, help="help on a step, or on all of them")
    runner.add_argument("step", metavar="STEP", help=", ".join(steps))
    runner.add_argument("--dataset", required=True)
    place.add_flags(runner)
    estimate.add_flags(runner)
    runner.add_argument("--no-wait", action="store_true", help="submit and return at once")


def _add_jobs_verb(verb: Verb, shared: argparse.ArgumentParser) -> None:
    jobs = verb("jobs", commands.jobs_list, "list, show, cancel, resume, retry and delete jobs")
    actions = jobs.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, parents=[shared], help=help_text, allow_abbrev=False)
        added.set_defaults(command=command)
        return added

    listing = action("list", commands.jobs_list, "newest first")
    listing.add_argument("--dataset", default="")
    listing.add_argument("--state", action="append", default=[])
    listing.add_argument("--limit", type=int, default=50)
    listing.add_argument("--watch", action="store_true", help="keep jobs moving and print until none is left")
    cancel = action("cancel", commands.jobs_cancel, "cancel a queued or running job")
    cancel.add_argument("job_id")
    cancel.add_argument(
        "--with-inputs", action="store_true", help="and the jobs it waits for that no other job needs"
    )
    for name, command, help_text in (
        ("show", commands.jobs_show, "everything about one job"),
        ("logs", commands.jobs_logs, "the log of one job"),
        ("resume", commands.jobs_resume, "go on with a failed or cancelled job from its finished parts"),
        ("retry", commands.jobs_retry, "do a failed or cancelled job again from the beginning"),
        ("delete", commands.jobs_delete, "forget a finished job and what a failed one left behind"),
    ):
        action(name, command, help_text).add_argument("job_id")


def _add_adapters_verb(verb: Verb, shared: argparse.ArgumentParser) -> None:
    above = verb("adapters", adapters.list_all, "list, merge, export and delete what was fine-tuned")
    actions = above.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, parents=[shared], help=help_text, allow_abbrev=False)
        added.set_defaults(command=command)
        return added

    adapters.add_actions(action)
