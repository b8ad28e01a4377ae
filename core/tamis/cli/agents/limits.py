"""What an agent may have done: files only where the settings allow, and endpoints only within what the person will pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tamis.cli.agents.tools import Tool
from tamis.errors import ForbiddenPath, InvalidOptions
from tamis.types import JSON


@dataclass
class Purse:
    """What runs may cost together; ``spent`` holds what was reserved by estimate, in the unit of the prices given."""

    limit: float = 0.0
    spent: float = 0.0

    def check_open(self) -> None:
        """Raise InvalidOptions where nothing may be spent."""
        if self.limit <= 0:
            raise InvalidOptions(
                "This run asks an endpoint, and this server may spend nothing. Take a local model, or let the person start "
                "tamis mcp with --max-cost."
            )

    def reserve(self, cost: JSON) -> None:
        """Take the estimated cost of a run; raises InvalidOptions where it is unknown or does not fit."""
        if not isinstance(cost, int | float):
            raise InvalidOptions(
                "What this run costs cannot be estimated, so it is not started. Give its prices per million tokens "
                "(price_per_million_prompt_tokens, price_per_million_completion_tokens), or let the person start it."
            )
        if self.spent + cost > self.limit:
            raise InvalidOptions(
                f"This run is estimated at {cost:.2f}; of {self.limit:.2f} that may be spent, {self.limit - self.spent:.2f} "
                "are left. Ask for fewer rows, or let the person raise --max-cost."
            )
        self.spent += cost


def asks_endpoint(tool: Tool, arguments: Mapping[str, JSON]) -> bool:
    """Whether a run sends rows to an endpoint: an option names a plug-in that has an address."""
    return bool(tool.step) and any(_names_endpoint(value) for value in arguments.values())


def check_paths(tool: Tool, arguments: Mapping[str, JSON], workspace: str) -> None:
    """Raise ForbiddenPath or UnreadableFile for a file outside of the folders that the settings allow."""
    from tamis.steps.reach import allowed_data
    from tamis.store.workspace import open_workspace

    if tool.command == "import":
        confined = open_workspace(workspace, confined=True)
        for path in _texts(arguments.get("paths")):
            allowed_data(confined, path)
    if tool.command == "export":
        out = Path(str(arguments.get("out") or "")).expanduser().resolve()
        folders = open_workspace(workspace).settings.allowed_import_folders()
        if not any(out.is_relative_to(folder) for folder in folders):
            raise ForbiddenPath(
                f"{out} is outside the folders in which an agent may write: {', '.join(map(str, folders))}. Name a file "
                "there, or let the person start the server with TAMIS_IMPORT_FOLDERS naming its folder."
            )
        if out.exists():
            raise ForbiddenPath(f"{out} exists, and an agent writes over no file. Take another name.")


def _names_endpoint(value: JSON) -> bool:
    if isinstance(value, str):
        return value.strip() in _endpoint_plugins() or "://" in value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(_names_endpoint(one) for one in inner)


@cache
def _endpoint_plugins() -> frozenset[str]:
    """The names of plug-ins that ask an address over the network, of every table that a step can name."""
    from tamis.steps import STEPS
    from tamis.steps.option_values import plugin_groups

    return frozenset(
        plugin.name
        for step in STEPS
        for _, plugin, options in plugin_groups(step)
        if any(one.name.endswith("base_url") for one in options)
    )


def _texts(value: JSON) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []
