"""What an agent may have done: files only where the settings allow, and endpoints only within what the person will pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tamis.actions.export import SKIPPED_ENDING
from tamis.actions.export_files import MANIFEST_ENDING
from tamis.cli.agents.tools import Tool
from tamis.cli.flags import flag_of
from tamis.errors import ForbiddenPath, InvalidOptions
from tamis.formats.targets import says_container
from tamis.steps.augment.options import PRICES
from tamis.types import JSON


@dataclass
class Purse:
    """What runs may cost together; ``spent`` holds what was reserved by estimate.

    ``prices`` are those of a million tokens read and written, in the unit of the limit. They are the person's to say: an
    agent that could name them would name none.
    """

    limit: float = 0.0
    prices: tuple[float, float] = (0.0, 0.0)
    spent: float = 0.0

    def check_open(self) -> None:
        """Raise InvalidOptions where nothing may be spent."""
        if self.limit <= 0:
            raise InvalidOptions(
                "This run asks an endpoint, and this server may spend nothing. Take a local model, or let the person start "
                "tamis mcp with --max-cost."
            )
        if self.spent >= self.limit:
            raise InvalidOptions(
                f"The {self.limit:.2f} that may be spent are used up. Let the person raise --max-cost."
            )

    def price_words(self, tool: Tool, arguments: Mapping[str, JSON]) -> list[str]:
        """The prices as flags of a run, for every endpoint that it names; raises UnknownName."""
        from tamis.steps.option_values import named_options

        read, written = self.prices
        by_ending = {PRICES[0]: read, PRICES[1]: written}
        return [
            f"{flag_of(name)}={price!r}"
            for name in named_options(tool.step, arguments)
            for ending, price in by_ending.items()
            if name.endswith(ending)
        ]

    def pay_sample(self, estimate: Mapping[str, JSON]) -> None:
        """Take what the rows of an estimate cost that were asked about, whether or not the run then fits."""
        cost, asked, rows = (estimate.get(name) for name in ("cost", "n_sampled", "n_rows"))
        if isinstance(cost, int | float) and asked and rows:
            self.spent += cost * asked / rows

    def reserve(self, cost: JSON) -> None:
        """Take the estimated cost of a run; raises InvalidOptions where it is unknown or does not fit."""
        if not isinstance(cost, int | float):
            raise InvalidOptions(
                "What this run costs cannot be estimated, so it is not started. Take another model, or let the person "
                "start it."
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


def check_job(tool: Tool, arguments: Mapping[str, JSON], workspace: str) -> None:
    """Raise InvalidOptions where a job that asks an endpoint would go on: what that costs nobody has reserved."""
    if tool.command == "jobs resume":
        from tamis.actions.jobs import get_job
        from tamis.store.workspace import open_workspace

        job = get_job(open_workspace(workspace, confined=True), str(arguments.get("job_id")))
        if _names_endpoint(job.options):
            raise InvalidOptions(
                "This job asks an endpoint. Let the person resume it, or start a run of its own."
            )


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
        _check_new(out, Path(workspace).resolve())


def _check_new(out: Path, workspace: Path) -> None:
    """Raise ForbiddenPath where an export would write over a file, or what another program obeys or this one keeps."""
    beside = (out, *(out.with_name(out.name + ending) for ending in (MANIFEST_ENDING, SKIPPED_ENDING)))
    for one in beside:
        if one.exists() or one.is_symlink():
            raise ForbiddenPath(f"{one} exists, and an agent writes over no file. Take another name.")
    hidden = any(part.startswith(".") for part in out.parts)
    ours = out.is_relative_to(workspace) and out.parent != workspace / "exports"
    if hidden or ours or not says_container(out.name):
        raise ForbiddenPath(
            f"{out} is no place for an agent's export: take a name that says the kind of file (rows.jsonl), in no hidden "
            "folder and in none of the workspace's but exports."
        )


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
