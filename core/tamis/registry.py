"""One explicit table per kind of plug-in: name, title, options type, and where to import it when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from tamis.errors import InvalidOptions, MissingExtra, UnknownName

T = TypeVar("T", bound="Options")


class Reach(StrEnum):
    """What a text in the options leads to outside of the dataset. A field says it in its type, ``Annotated[str, Reach.FILE]``,
    and whoever it is read by asks who may name such a thing.
    """

    FILE = "file"  # of this machine, or a dataset of the hub: its content is read
    MODEL = "model"  # a folder of this machine, or a model of the hub
    TASK_FILE = "task file"  # code that runs, unless it is a name
    ADDRESS = "address"  # rows are sent there
    VARIABLE = "variable"  # of the environment: a secret, which goes to the address


def reach_of(field: FieldInfo) -> Reach | None:
    """Where the text of a field leads; None for one that stays within the dataset."""
    return next((mark for mark in field.metadata if isinstance(mark, Reach)), None)


class Options(BaseModel):
    """Base of every options type: frozen, unknown keys refused, field descriptions shown in forms and help."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    # What an option meant that a manifest of an earlier edition does not name, where its default is another now.
    FORMER_DEFAULTS: ClassVar[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One row of a table. ``target`` is ``"package.module:attribute"``, imported only when used."""

    name: str
    title: str
    summary: str
    options: type[Options]
    target: str
    extra: str | None = None

    def load(self) -> Callable[..., Any]:
        """Import and return the implementation; raises MissingExtra when its dependency is not installed."""
        module_name, attribute = self.target.split(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # Our own modules missing is a bug and must show as one; anything else is an optional dependency.
            if self.extra is None or (error.name or "").split(".")[0] == "tamis":
                raise
            raise MissingExtra(self.title, self.extra) from error
        implementation: Callable[..., Any] = getattr(module, attribute)
        return implementation


P = TypeVar("P", bound=Plugin)


class Table(Mapping[str, P], Generic[P]):
    """The rows of one kind, in the order in which a form lists them."""

    def __init__(self, kind: str, *plugins: P) -> None:
        self.kind = kind
        self._rows = {plugin.name: plugin for plugin in plugins}

    def __getitem__(self, name: str) -> P:
        try:
            return self._rows[name]
        except KeyError:
            raise UnknownName(self.kind, name, self._rows) from None

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def parse_options(options_type: type[T], values: Mapping[str, Any]) -> T:
    """Validate ``values``; raises InvalidOptions naming every bad key with its value and the known keys."""
    try:
        return options_type.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidOptions(_explain(options_type, error)) from error


def _explain(options_type: type[Options], error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "options"
        if item["type"] == "extra_forbidden":
            known = ", ".join(options_type.model_fields) or "none"
            lines.append(f"{key} is not an option here. Known: {known}.")
        elif item["type"] == "value_error" and not item["loc"]:
            # A rule over several fields, whose message names the values that matter.
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{message[:1].upper()}{message[1:].removesuffix('.')}.")
        else:
            lines.append(f"{key} = {item['input']!r}: {item['msg']}.")
    return " ".join(lines)
