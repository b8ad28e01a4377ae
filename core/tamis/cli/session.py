"""What every command shares: the workspace, and how results reach people and programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.settings import Settings
    from tamis.store.workspace import Workspace

# What would move a terminal's cursor, colour its text or turn the direction of writing.
_ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass
class Session:
    """One run of the command line on one workspace; filled by the shared flags while they are read."""

    folder: str = ""
    as_json: bool = False
    debug: bool = False
    confined: bool = False  # who asks names no files but those that the settings allow
    named: str = ""  # the dataset of `tamis decisions --dataset DATASET …`

    @cached_property
    def settings(self) -> Settings:
        """What the environment says, and the workspace that was named; raises InvalidOptions naming the variable."""
        from pathlib import Path

        from pydantic import ValidationError

        from tamis.errors import InvalidOptions
        from tamis.settings import Settings, explain_settings

        try:
            return Settings(workspace=Path(self.folder)) if self.folder else Settings()
        except ValidationError as error:
            raise InvalidOptions(explain_settings(error)) from error

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that the settings name; its database is created on first use."""
        from tamis.store.workspace import open_workspace

        return open_workspace(settings=self.settings, confined=self.confined)

    def dataset(self, id_or_name: str = "") -> str:
        """The id of the dataset that was named here or before; raises DatasetMissing, and InvalidOptions for none."""
        from tamis.errors import InvalidOptions
        from tamis.store.names import find_dataset

        chosen = id_or_name or self.named
        if not chosen:
            raise InvalidOptions("Name the dataset: --dataset ID. See: tamis datasets")
        return find_dataset(self.workspace, chosen)

    def reviewer(self, given: str) -> str:
        """Who decides, tags and names, and that it is nobody in particular where nobody said."""
        from tamis.settings import NOBODY

        name = self.settings.reviewer_name(given)
        if name == NOBODY and not given:
            self.say(
                f"tamis: kept under the name {NOBODY}: --reviewer NAME or TAMIS_REVIEWER says who you are."
            )
        return name

    def say(self, text: str) -> None:
        """A message for a person, on stderr so that stdout stays parseable."""
        print(visible(text), file=sys.stderr)

    def show(self, text: str) -> None:
        """The answer for a person, on stdout unless JSON was asked for."""
        if not self.as_json:
            print(visible(text))

    def result(self, values: Mapping[str, JSON]) -> None:
        """The answer for a program: one JSON object as the last line of stdout."""
        if self.as_json:
            import orjson

            print(orjson.dumps(dict(values)).decode(), flush=True)


def visible(text: str) -> str:
    """The text with every character that a terminal would obey written as its code; rows and names are strangers' texts."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_percent(fraction: float, decimals: int = 0) -> str:
    """As everything else says it (``tamis.reprs``), which is loaded once something is said."""
    from tamis.reprs import as_percent as said

    return said(fraction, decimals)
