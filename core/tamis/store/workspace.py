"""The one handle on a workspace: its folder, what the deployment decided, its artifacts and its database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from tamis.errors import InvalidOptions
from tamis.settings import Settings, explain_settings, settings_now
from tamis.store.actor import AT_THE_MACHINE, Actor
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.modes import make_private_folder


@dataclass(frozen=True)
class Workspace:
    """What everybody passes on; ``open_workspace`` makes it, and nothing on disk changes before its first use.

    A worker has the artifacts alone: it runs where the database must not be opened.
    """

    path: Path  # absolute, so that workers started elsewhere find it
    settings: Settings = field(repr=False)  # whose ``workspace`` is ``path``
    confined: bool = False  # who asks sits at a browser, and names no files but those that the settings allow
    actor: Actor = field(default=AT_THE_MACHINE, repr=False)

    def acting_as(self, actor: Actor) -> Workspace:
        """The same workspace, with its one database, in the hands of an account; its actions ask what that may do."""
        made = replace(self, actor=actor)
        # Where a cached property keeps its value: nothing is opened twice.
        made.__dict__.update(
            artifacts=self.artifacts.acting_as(actor), database=self.database.acting_as(actor)
        )
        return made

    def unconfined(self) -> Workspace:
        """The same workspace in the same hands, for what was looked at already when somebody asked for it."""
        made = replace(self, confined=False)
        made.__dict__.update(artifacts=self.artifacts, database=self.database)
        return made

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """What was computed."""
        return ArtifactStore(self.path)

    @cached_property
    def database(self) -> Database:
        """What changes: jobs, decisions, names and tags; made, or migrated, on first use.

        Raises InvalidOptions for a group (``TAMIS_GROUP``) that the system does not know.
        """
        make_private_folder(self.path, self.settings.group)
        return Database(self.path, self.settings.database_folder, self.settings.group)


def open_workspace(
    path: Path | str | None = None, settings: Settings | None = None, *, confined: bool = False
) -> Workspace:
    """The workspace in a folder; without one, the folder that the settings name (``TAMIS_WORKSPACE``).

    ``confined`` is for a server, which reads files as its own user for people who are not that user.

    Raises InvalidOptions naming a variable of the environment that no setting can have.
    """
    try:
        chosen = settings_now() if settings is None else settings
    except ValidationError as error:
        raise InvalidOptions(explain_settings(error)) from error
    folder = (chosen.workspace if path is None else Path(path)).expanduser().resolve()
    return Workspace(folder, chosen.model_copy(update={"workspace": folder}), confined)
