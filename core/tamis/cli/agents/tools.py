"""Which commands an agent may call, in the order of a piece of work, and what each takes as a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import click

from tamis.cli.command import SHARED
from tamis.cli.flags import StepOption
from tamis.cli.main import ROOT
from tamis.errors import InvalidOptions
from tamis.steps.augment.options import PRICES  # what an agent cannot name
from tamis.types import JSON


def _written(one: click.Parameter) -> str:
    """The name of a parameter as people write it, with underscores."""
    return max(one.opts, key=len).lstrip("-").replace("-", "_")


_TYPES = {"integer": "integer", "integer range": "integer", "float": "number", "float range": "number"}
# Who acts and where it runs is the person's to say; what follows a job for ever, or does more than look, is none of a tool.
_NOT_OFFERED = frozenset(
    [
        "help",
        "reviewer",
        "backend",
        "no_wait",
        "priority",
        "preflight",
        "estimate",
        "estimate_rows",
        "watch",
        "verify",
        "recompute",
    ]
) | {_written(one) for one in SHARED}


@dataclass(frozen=True)
class Tool:
    """A command as a tool; ``fixed`` are the flags that it always runs with, ``writes`` whether it changes anything."""

    command: str
    heading: str
    writes: bool = False
    fixed: tuple[str, ...] = ()

    @property
    def step(self) -> str:
        """The step that it runs or looks at; empty for any other command."""
        return self.command.removeprefix("run ") if self.command.startswith("run ") else ""

    @property
    def name(self) -> str:
        """As agents call it: the words of the command, or ``check_STEP`` for what only looks at a run."""
        words = self.command.replace("-", "_").replace(" ", "_")
        return words.replace("run_", "check_", 1) if self._looks else words

    @cached_property
    def click_command(self) -> click.Command:
        """The command itself."""
        found: click.Command = ROOT
        for word in self.command.split():
            assert isinstance(found, click.Group)
            inner = found.get_command(click.Context(found), word)
            assert inner is not None, f"no command {self.command}"
            found = inner
        return found

    @property
    def description(self) -> str:
        """What it does, in the words of its help."""
        said = " ".join((self.click_command.help or "").split())
        return (
            f"Only look: what stands in the way of this, and what it would take. {said}"
            if self._looks
            else said
        )

    @property
    def schema(self) -> dict[str, JSON]:
        """The JSON schema of its arguments."""
        properties = {name: _property(one) for name, one in self.parameters.items()}
        required = [name for name, one in self.parameters.items() if one.required]
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    @cached_property
    def parameters(self) -> dict[str, click.Parameter]:
        """What an agent may set, by the name it is written with, in the order of the command."""
        everything = self.click_command.get_params(click.Context(self.click_command))
        named = {_written(one): one for one in everything}
        return {
            name: one for name, one in named.items() if name not in _NOT_OFFERED and not name.endswith(PRICES)
        }

    def words(self, arguments: Mapping[str, JSON]) -> list[str]:
        """The command line of a call; raises InvalidOptions naming an argument that there is not, or that is missing."""
        known = self.parameters
        strange = sorted(set(arguments) - set(known))
        if strange:
            raise InvalidOptions(f"{self.name} has no argument {strange[0]!r}. Known: {', '.join(known)}.")
        missing = [
            name for name, one in known.items() if one.required and arguments.get(name) in (None, "", [])
        ]
        if missing:
            raise InvalidOptions(f"{self.name} needs {missing[0]!r}.")
        given = [(known[name], value) for name, value in arguments.items() if value is not None]
        flags = [word for one, value in given if isinstance(one, click.Option) for word in _flag(one, value)]
        # In the order in which the command takes them, behind a mark: a text may begin with a dash.
        texts = [
            str(text)
            for name, one in known.items()
            if isinstance(one, click.Argument)
            for text in _listed(arguments.get(name))
        ]
        return [*self.command.split(), *self.fixed, *flags, *(["--", *texts] if texts else [])]

    @property
    def _looks(self) -> bool:
        return "--preflight" in self.fixed


def _property(one: click.Parameter) -> dict[str, JSON]:
    """One argument as a property of the schema."""
    said = getattr(one, "help", None)
    about = {"description": " ".join(str(said).split())} if said else {}
    if isinstance(one, StepOption):  # its step reads it: a number, a text, a list or an object
        return about
    if isinstance(one, click.Option) and one.is_flag:
        kind: dict[str, JSON] = {"type": "boolean"}
    elif isinstance(one.type, click.Choice):
        kind = {"type": "string", "enum": [str(choice) for choice in one.type.choices]}
    else:
        kind = {"type": _TYPES.get(one.type.name, "string")}
    if one.multiple or one.nargs == -1:
        kind = {"type": "array", "items": kind}
    return kind | about


def _flag(option: click.Option, value: JSON) -> list[str]:
    """An option as words, in one piece with its value: a value may begin with a dash."""
    name = max(option.opts, key=len)
    if option.is_flag:
        return [name] if value else []
    return [f"{name}={_text(one)}" for one in (_listed(value) if option.multiple else [value])]


def _listed(value: JSON) -> Sequence[JSON]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: JSON) -> str:
    import orjson

    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


_LOOK, _MEASURE, _PICK, _REVIEW, _TRAIN, _SEND = (
    "Bring in and look around", "Embed, cluster, score", "Pick", "Review", "Train and judge", "Send",
)  # fmt: skip
_CHECKED = (
    "embed", "cluster", "project", "score", "select", "compare", "examine", "augment", "propose", "refine", "finetune",
)  # fmt: skip
_STEPS = {
    "embed": _MEASURE, "cluster": _MEASURE, "project": _MEASURE, "score": _MEASURE, "select": _PICK, "compare": _PICK,
    "refine": _PICK, "examine": _MEASURE, "augment": _PICK, "propose": _REVIEW, "finetune": _TRAIN,
}  # fmt: skip


def _reads(heading: str, *commands: str) -> list[Tool]:
    return [Tool(one, heading) for one in commands]


def _writes(heading: str, *commands: str) -> list[Tool]:
    return [Tool(one, heading, writes=True) for one in commands]


TOOLS: dict[str, Tool] = {
    one.name: one
    for one in [
        *_writes(_LOOK, "import"),
        *_reads(_LOOK, "datasets list", "rows list", "rows search", "rows show", "rows columns", "rejects list", "rejects show",
                "diff", "tokens", "doctor"),
        *_reads(_MEASURE, "clusters list", "scores list", "tags list", "jobs list", "jobs show", "jobs logs"),
        *_writes(_MEASURE, "run-missing", "tags add", "tags remove", "tags undo", "clusters rename", "clusters undo",
                 "jobs cancel", "jobs resume"),
        *_reads(_PICK, "active", "selections list", "selections show", "selections why", "refinements list",
                "refinements show", "batches list", "batches show"),
        *_writes(_PICK, "selections activate", "selections keep", "selections replace"),
        *_reads(_REVIEW, "review queue", "review progress", "review agreement", "review shares", "review notes",
                "decisions summary", "decisions list", "decisions row"),
        *_writes(_REVIEW, "review note"),
        *_reads(_TRAIN, "adapters list"),
        *(Tool(f"run {step}", _STEPS[step], fixed=("--preflight",)) for step in _CHECKED),
        *(Tool(f"run {step}", _STEPS[step], writes=True) for step in _CHECKED),
        *_writes(_SEND, "export"),
    ]
}  # fmt: skip


def offered(*, writing: bool) -> list[Tool]:
    """The tools of a server that may write, or may not."""
    return [one for one in TOOLS.values() if writing or not one.writes]
