"""What every command shares: the workspace, and how results reach people and programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import orjson

from tamis.settings import Settings
from tamis.store.workspace import Workspace, open_workspace
from tamis.types import JSON


@dataclass(frozen=True)
class Session:
    """One run of the command line on one workspace."""

    settings: Settings
    as_json: bool

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that the settings name; its database is created on first use."""
        return open_workspace(settings=self.settings)

    def say(self, text: str) -> None:
        """A message for a person, on stderr so that stdout stays parseable."""
        print(text, file=sys.stderr)

    def show(self, text: str) -> None:
        """The answer for a person, on stdout unless JSON was asked for."""
        if not self.as_json:
            print(text)

    def result(self, values: Mapping[str, JSON]) -> None:
        """The answer for a program: one JSON object as the last line of stdout."""
        if self.as_json:
            print(orjson.dumps(dict(values)).decode(), flush=True)
