"""Parse the command line and run one command."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

import click

from tamis import __version__
from tamis.cli.boundary import guarded
from tamis.cli.command import LazyGroup
from tamis.cli.exit_codes import DONE
from tamis.cli.session import Session
from tamis.store.modes import write_privately

_SUFFIX = re.compile(
    r"\.(jsonl?|csv|tsv|parquet|arrow)(\.\w+)?$"
)  # a file that is misspelt is said to be missing
COMPLETE = "_TAMIS_COMPLETE"  # set by the shell that asks for completions

COMMANDS = {
    "open": "tamis.cli.open:open_paths",
    "serve": "tamis.cli.serve:serve",
    "import": "tamis.cli.data:import_file",
    "datasets": "tamis.cli.data:datasets",
    "rejects": "tamis.cli.rejects:rejects",
    "rows": "tamis.cli.rows:rows",
    "tags": "tamis.cli.tags:tags",
    "target": "tamis.cli.target:target",
    "clusters": "tamis.cli.clusters:clusters",
    "scores": "tamis.cli.scores:scores",
    "run": "tamis.cli.run:run",
    "run-missing": "tamis.cli.run:run_missing",
    "selections": "tamis.cli.selections:selections",
    "active": "tamis.cli.selections:active",
    "activate": "tamis.cli.selections:activate_any",
    "jobs": "tamis.cli.jobs:jobs",
    "finetune-selections": "tamis.cli.finetune_selections:finetune_selections",
    "refinements": "tamis.cli.refinements:refinements",
    "compare": "tamis.cli.compare:compare",
    "referee": "tamis.cli.referee:referee",
    "worth": "tamis.cli.worth:worth",
    "review": "tamis.cli.label_rounds:review",
    "decisions": "tamis.cli.decisions:decisions",
    "audit": "tamis.cli.audit:audit",
    "apply": "tamis.cli.decisions:apply",
    "tokens": "tamis.cli.tokens:tokens",
    "diff": "tamis.cli.diff:diff",
    "prunings": "tamis.cli.pruning:prunings",
    "batches": "tamis.cli.batches:batches",
    "campaign": "tamis.cli.campaigns:campaign",
    "adapters": "tamis.cli.adapters:adapters",
    "export": "tamis.cli.data:export",
    "export-atlas": "tamis.cli.export_atlas:export_atlas",
    "share-map": "tamis.cli.share_map:share_map",
    "card": "tamis.cli.card:card",
    "report": "tamis.cli.report:report",
    "replay": "tamis.cli.data:replay",
    "bench-noise": "tamis.cli.bench_noise:bench_noise",
    "bench-grounded": "tamis.cli.bench_grounded:bench_grounded",
    "backup": "tamis.cli.backup:backup",
    "restore": "tamis.cli.backup:restore",
    "doctor": "tamis.cli.doctor:doctor",
    "mcp": "tamis.cli.mcp:mcp",
}


class Root(LazyGroup):
    """Every command; a word that is none and names a file is opened."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first word, or ``open`` with that word as its first path."""
        if args and args[0] not in self.targets and _is_file(args[0]):
            args = ["open", *args]
        return super().resolve_command(ctx, args)


def _is_file(word: str) -> bool:
    """Whether a word that is no command is a path: something lies there, or it is written as one."""
    return os.path.exists(word) or os.sep in word or bool(_SUFFIX.search(word))  # noqa: PTH110 - pathlib is not imported yet


ROOT = Root(
    "tamis",
    targets=COMMANDS,
    help="Sift instruction-tuning datasets.",
    examples=(
        'tamis import train.jsonl --name "My data"',
        "tamis run embed --dataset my-data-1a2b3c",
        "tamis train.jsonl",
        "tamis serve",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
click.version_option(__version__, prog_name="tamis", message="%(prog)s %(version)s")(ROOT)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``tamis``; exits with one of ``exit_codes``."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no such letter gets its code instead of a failure.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    asked = os.environ.get(COMPLETE)
    if asked:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(ROOT, {"obj": Session()}, "tamis", COMPLETE, asked))
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Like ``main`` but returns the exit code."""
    write_privately()
    # Known before anything is parsed: a wrong flag is said in JSON too.
    session = Session(as_json="--json" in arguments, debug="--debug" in arguments)

    def invoke() -> int:
        with ROOT.make_context("tamis", list(arguments), obj=session) as context:
            return int(ROOT.invoke(context) or DONE)

    return guarded(session, invoke)
