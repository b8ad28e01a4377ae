"""One call of an agent in a process of its own: ``python -P -m tamis.cli.agents.call WORKSPACE COMMAND …``.

The workspace is confined, as for a person at a browser: an agent obeys texts of strangers, and names no file or model
but those that the settings allow.
"""

from __future__ import annotations

import sys

from tamis.cli.boundary import guarded
from tamis.cli.exit_codes import DONE
from tamis.cli.main import ROOT
from tamis.cli.session import Session


def call(workspace: str, words: list[str]) -> int:
    """Run a command and return its exit code; the answer is the last line of stdout, one JSON object."""
    session = Session(folder=workspace, as_json=True, confined=True)

    def invoke() -> int:
        with ROOT.make_context("tamis", words, obj=session) as context:
            return int(ROOT.invoke(context) or DONE)

    return guarded(session, invoke)


if __name__ == "__main__":
    sys.exit(call(sys.argv[1], sys.argv[2:]))
