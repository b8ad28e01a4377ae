"""What this server keeps between runs of its pages: the workspace, the thread that keeps jobs moving, and what pages answer
to the browser between two of their runs, each under a name and a token that only its page hands out.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeAlias

import streamlit as st

from tamis.actions.audit import record_login, record_roles
from tamis.actions.bootstrap import bootstrap_sample
from tamis.actions.campaigns import go_on_with_all
from tamis.actions.jobs import Ticker, keep_jobs_moving
from tamis.errors import CurationError
from tamis.models.endpoints import ask_for
from tamis.store.actor import Actor
from tamis.store.modes import write_privately
from tamis.store.workspace import Workspace, open_workspace
from tamis.types import JSON

logger = logging.getLogger(__name__)
Answer: TypeAlias = Callable[[Workspace, dict[str, JSON]], JSON]
MOST_HELD = 256
_SECRET = secrets.token_bytes(32)  # of this process: after a restart pages ask again
_HELD: OrderedDict[str, Answer] = OrderedDict()
_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class Server:
    """Shared by every session and thread; of people it knows only who has come in since it started."""

    workspace: Workspace
    ticker: Ticker
    noted: set[object] = field(default_factory=set)

    def for_actor(self, actor: Actor) -> Workspace:
        """The workspace in the hands of whoever looks at a page, whose coming in is noted once."""
        if actor.via != "machine":  # who is at the machine itself does not come in
            file = self.workspace.settings.accounts
            if file and self._is_new(file.stat().st_mtime_ns):
                record_roles(self.workspace)
            if self._is_new((actor.account, actor.login)):
                record_login(self.workspace, actor)
        ask_for(actor.asker())
        return self.workspace.acting_as(_looking(actor) if self.workspace.database.is_read_only else actor)

    def _is_new(self, key: object) -> bool:
        is_new = key not in self.noted
        self.noted.add(key)
        return is_new


def _looking(actor: Actor) -> Actor:
    """Whoever it is, as one who only looks: in a workspace that cannot be written to pages hold and offer nothing else."""
    renew = actor.renew
    return replace(actor, role="viewer", renew=None if renew is None else lambda: _looking(renew()))


@st.cache_resource(show_spinner=False)
def open_server() -> Server:
    """Open the workspace once per server, start the ticker, and begin with the sample data when it is empty."""
    write_privately()
    workspace = open_workspace(confined=True)
    ticker = keep_jobs_moving(workspace, also=lambda: go_on_with_all(workspace))
    try:
        bootstrap_sample(workspace)
    except CurationError as error:
        # Without the sample data the app is as useful as before.
        logger.warning("The sample data could not be imported: %s", error)
    return Server(workspace, ticker)


def reviewer_name(workspace: Workspace) -> str:
    """Whose name goes into the log of tags and names: the account that is logged in, else as by command and by Python."""
    return workspace.settings.reviewer_name(workspace.actor.account)


def hold_answer(said: str, answer: Answer) -> tuple[str, str]:
    """Make a page's question answerable; returns the name, the same for the same ``said``, and its token."""
    name = hashlib.blake2s(said.encode(), digest_size=10).hexdigest()
    with _LOCK:
        _HELD[name] = answer
        _HELD.move_to_end(name)
        while len(_HELD) > MOST_HELD:
            _HELD.popitem(last=False)
    return name, answer_token(name)


def answer_token(name: str) -> str:
    """What a page hands to the browser, for that one name."""
    return hmac.new(_SECRET, name.encode(), hashlib.blake2s).hexdigest()


def held_answer(name: str, token: str) -> Answer | None:
    """What was held under the name; None for another token, and for what this process does not hold."""
    if not hmac.compare_digest(token.encode(), answer_token(name).encode()):
        return None
    with _LOCK:
        return _HELD.get(name)
