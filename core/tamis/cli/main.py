"""Parse the command line, run one command, turn errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tamis import __version__
from tamis.cli.command import LazyGroup
from tamis.cli.session import Session
from tamis.errors import CurationError, DatasetMissing, InvalidOptions, UnknownName

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130  # as shells have it: 128 and the number of the signal
COMPLETE = "_TAMIS_COMPLETE"  # set by the shell that asks for completions

COMMANDS = {
    "serve": "tamis.cli.serve:serve",
    "import": "tamis.cli.data:import_file",
    "datasets": "tamis.cli.data:datasets",
    "rejects": "tamis.cli.rejects:rejects",
    "rows": "tamis.cli.rows:rows",
    "tags": "tamis.cli.tags:tags",
    "clusters": "tamis.cli.clusters:clusters",
    "run": "tamis.cli.run:run",
    "run-missing": "tamis.cli.run:run_missing",
    "jobs": "tamis.cli.jobs:jobs",
    "finetune-selections": "tamis.cli.finetune_selections:finetune_selections",
    "refinements": "tamis.cli.refinements:refinements",
    "compare": "tamis.cli.compare:compare",
    "review": "tamis.cli.review:review",
    "decisions": "tamis.cli.decisions:decisions",
    "apply": "tamis.cli.decisions:apply",
    "diff": "tamis.cli.diff:diff",
    "adapters": "tamis.cli.adapters:adapters",
    "export": "tamis.cli.data:export",
    "replay": "tamis.cli.data:replay",
    "bench-noise": "tamis.cli.bench_noise:bench_noise",
    "backup": "tamis.cli.backup:backup",
    "restore": "tamis.cli.backup:restore",
    "doctor": "tamis.cli.doctor:doctor",
}

ROOT = LazyGroup(
    "tamis",
    targets=COMMANDS,
    help="Sift instruction-tuning datasets.",
    examples=(
        'tamis import train.jsonl --name "My data"',
        "tamis run embed --dataset my-data-1a2b3c",
        "tamis serve",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
click.version_option(__version__, prog_name="tamis", message="%(prog)s %(version)s")(ROOT)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``tamis``; exits with 0 done, 1 the job failed, 2 wrong usage, 130 stopped by Ctrl-C."""
    asked = os.environ.get(COMPLETE)
    if asked:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(ROOT, {"obj": Session()}, "tamis", COMPLETE, asked))
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Like ``main`` but returns the exit code."""
    # Known before anything is parsed: a wrong flag is said in JSON too.
    session = Session(as_json="--json" in arguments, debug="--debug" in arguments)
    try:
        with ROOT.make_context("tamis", list(arguments), obj=session) as context:
            return int(ROOT.invoke(context) or DONE)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        session.say("tamis: stopped; jobs go on. See: tamis jobs list")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has enough; the interpreter must not complain about it while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:  # the one boundary: people get a sentence, the log gets the traceback
        return _failed(session, error)


def _failed(session: Session, error: Exception) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return WRONG_USAGE
    if isinstance(error, click.UsageError):
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _say_error(session, error.format_message() + where, WRONG_USAGE)
    if isinstance(error, InvalidOptions | UnknownName | DatasetMissing):
        return _say_error(session, str(error), WRONG_USAGE)
    return _say_error(
        session, str(error) if isinstance(error, CurationError) else _logged(session, error), FAILED
    )


def _say_error(session: Session, reason: str, code: int) -> int:
    if session.debug:
        import traceback

        traceback.print_exc()
    session.say(f"tamis: {reason}")
    session.result({"error": reason})
    return code


def _logged(session: Session, error: Exception) -> str:
    import sqlite3

    from tamis.jobs.causes import explain_database_error
    from tamis.store.error_log import log_error

    workspace = session.settings.workspace.expanduser().resolve()
    if isinstance(error, sqlite3.DatabaseError):
        return explain_database_error(error, workspace)
    logged = log_error(workspace, error)
    return (
        f"Something went wrong inside Tamis ({type(error).__name__}). The traceback is in {logged.path} as "
        f"{logged.error_id}; --debug shows it here."
    )
