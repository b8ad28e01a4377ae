"""One call of an agent in a process of its own: ``python -P -m tamis.cli.agents.call WORKSPACE MAY COMMAND …``.

``MAY`` says whether this process itself may ask an endpoint, as an estimate does that the purse allows.

The workspace is confined, as for a person at a browser: an agent obeys texts of strangers, and names no file or model
but those that the settings allow.
"""

from __future__ import annotations

import sys

from tamis.cli.boundary import guarded
from tamis.cli.exit_codes import DONE
from tamis.cli.main import ROOT
from tamis.cli.session import Session
from tamis.models.endpoints import close_endpoints

ASKS, ASKS_NOT = "asks", "asks-not"
_CLOSED = (
    "This asks the endpoint by which the rows were embedded, and an agent asks endpoints only in runs that it may pay. "
    "Search by words or by a row."
)


def call(workspace: str, may_ask: str, words: list[str]) -> int:
    """Run a command and return its exit code; the answer is the last line of stdout, one JSON object."""
    if may_ask != ASKS:
        close_endpoints(_CLOSED)
    session = Session(folder=workspace, as_json=True, confined=True)

    def invoke() -> int:
        with ROOT.make_context("tamis", words, obj=session) as context:
            return int(ROOT.invoke(context) or DONE)

    return guarded(session, invoke)


if __name__ == "__main__":
    sys.exit(call(sys.argv[1], sys.argv[2], sys.argv[3:]))
