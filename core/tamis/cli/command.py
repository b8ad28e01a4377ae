"""What every command has: the session as its first argument, examples in its help, the same flags before and after it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from tamis.cli.session import Session

Later = Callable[[], Sequence[click.Parameter]]


class Command(click.Command):
    """One command. ``later`` makes the parameters whose declaration imports something, when they are read."""

    def __init__(
        self,
        name: str | None = None,
        *,
        examples: Sequence[str] = (),
        later: Later | None = None,
        callback: Callable[..., Any] | None = None,
        **attributes: Any,  # noqa: ANN401 - click's own
    ) -> None:
        self.examples, self._later = tuple(examples), later
        with_session = None if callback is None else click.pass_obj(callback)
        super().__init__(name, callback=with_session, **attributes)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own, those made late, the shared ones and ``--help``."""
        if self._later is not None:
            self.params += [*self._later()]
            self._later = None
        *own, help_option = super().get_params(ctx)
        return [*own, *SHARED, help_option]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, then how it is called."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{one}\n" for one in self.examples))


class Group(Command, click.Group):
    """Commands about one thing, in the order in which they were written; ``alone`` is what the bare noun does."""

    command_class = Command

    def __init__(self, name: str | None = None, *, alone: str = "", **attributes: Any) -> None:  # noqa: ANN401
        if alone:
            attributes |= {"callback": self._invoke_alone, "invoke_without_command": True}
        super().__init__(name, **attributes)
        self._alone = alone

    def _invoke_alone(self, _: Session) -> object:
        context = click.get_current_context()
        return None if context.invoked_subcommand else context.invoke(self.commands[self._alone])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As written, which is the order of a piece of work."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with the whole sentence on what it does, however narrow the terminal."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(formatter.width * 3)) for name, one in commands if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyGroup(Group):
    """A group whose commands are imported when they are asked for; ``targets`` is name → ``"module:attribute"``."""

    def __init__(self, name: str | None = None, *, targets: Mapping[str, str], **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(name, **attributes)
        self.targets = targets

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(self.targets)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; raises NoSuchCommand with those that are spelled alike."""
        if cmd_name not in self.targets:
            if ctx.resilient_parsing:  # a shell that asks for completions
                return None
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=self.targets, ctx=ctx)
        module, attribute = self.targets[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


def command(*examples: str, name: str | None = None, later: Later | None = None) -> Callable[..., Command]:
    """Make a function that takes the session first into a command of its own name."""
    return click.command(name, cls=Command, examples=examples, later=later)


def group(*examples: str, alone: str = "") -> Callable[..., Group]:
    """Make a function without a body into a group of its own name."""

    def made(function: Callable[[], None]) -> Group:
        return Group(function.__name__, help=function.__doc__, examples=examples, alone=alone)

    return made


def _dataset_ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    session = context.find_object(Session) or Session()
    folders = (session.settings.workspace.expanduser() / "datasets").glob(f"{incomplete}*")
    return sorted(one.name for one in folders)


DATASET: dict[str, Any] = {
    "required": True,
    "metavar": "DATASET",
    "help": "Id or name of the dataset.",
    "shell_complete": _dataset_ids,
}
dataset_option = click.option("--dataset", **DATASET)
dataset_argument = click.argument("dataset", **DATASET)
reviewer_option = click.option(
    "--reviewer", default="", metavar="NAME", help="Who decides; TAMIS_REVIEWER when left out, else local."
)


def note(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep the value of a flag in the session."""
    # Given before the command or after it, it is said once; what is not said after must not undo what was before.
    if value and isinstance(context.obj, Session):
        setattr(context.obj, str(parameter.name), value)


SHARED: tuple[click.Parameter, ...] = tuple(
    click.Option(declared, expose_value=False, callback=note, **about)
    for declared, about in (
        (["--workspace", "folder"], {"metavar": "FOLDER", "help": "Folder of datasets, jobs and database."}),
        (["--json", "as_json"], {"is_flag": True, "help": "Last line of stdout is one JSON object."}),
        (["--debug"], {"is_flag": True, "help": "Show the traceback of a failure."}),
    )
)
