"""What a person at a browser may name on this machine: one decision, for every option that names a file or a model.

A workspace that a server opened is ``confined``: its askers are not the server's user. The command line and Python run
as whoever calls them, who may read what the system lets them read; for them nothing here refuses anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from tamis.formats.layout import HUB_PREFIX
from tamis.models.adapters import BUNDLED_LLM, CONFIG, PREFIX, named_base
from tamis.models.files import BUNDLED
from tamis.registry import Options, Reach, reach_of
from tamis.steps import STEPS
from tamis.steps.import_file.paths import resolve_inside
from tamis.steps.spec import Choice, StepOptions
from tamis.store.workspace import Workspace
from tamis.types import JSON

MODEL_SETTING = "TAMIS_MODEL_FOLDERS"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def allowed_data(workspace: Workspace, path: str) -> str:
    """The path of data as it may be read: resolved where the asker is confined, as it was given where not.

    What was uploaded may be read too. Raises ForbiddenPath and UnreadableFile.
    """
    if not workspace.confined or path.startswith(HUB_PREFIX):
        return path
    folders = (*workspace.settings.allowed_import_folders(), (workspace.path / "uploads").resolve())
    return str(resolve_inside(path, folders))


def allowed_model(workspace: Workspace, model: str) -> str:
    """The name of a model as it may be loaded; a folder is resolved where the asker is confined.

    Raises ForbiddenPath for a folder outside of those that the settings allow, and for an adapter whose base lies in one;
    UnreadableFile for a folder that is not there.
    """
    if not workspace.confined or model in ("", BUNDLED_LLM, *BUNDLED) or model.startswith(PREFIX):
        return model
    if _HUB_ID.fullmatch(model) and not Path(model).exists():
        return model
    own = tuple((workspace.path / name).resolve() for name in ("cache/models", "datasets"))
    folders = (*workspace.settings.allowed_model_folders(), *own)
    found = resolve_inside(model, folders, MODEL_SETTING, whole=True)
    base = named_base(found) if (found / CONFIG).is_file() else ""
    if base and Path(base).is_dir():
        resolve_inside(base, folders, MODEL_SETTING, whole=True)
    return str(found)


def allowed_options(workspace: Workspace, kind: type[Options], values: Mapping[str, JSON]) -> dict[str, JSON]:
    """Options as they may be used: what they name on this machine is checked and resolved, before anything reads it.

    Raises ForbiddenPath and UnreadableFile naming the value.
    """
    checked = dict(values)
    if not workspace.confined:
        return checked
    for name, field in kind.model_fields.items():
        if name not in checked:
            continue
        inner = _options_inside(field.annotation)
        if inner is not None:
            checked[name] = [_inside(workspace, inner, one) for one in _items(checked[name])]
        else:
            checked[name] = _allowed(workspace, reach_of(field), checked[name])
    for choice in _choices(kind):
        chosen = checked.get(choice.field, kind.model_fields[choice.field].default)
        if isinstance(chosen, str) and chosen in choice.table and choice.options_field in checked:
            options = choice.table[chosen].options
            checked[choice.options_field] = _inside(workspace, options, checked[choice.options_field])
    return checked


@cache
def reaching_names() -> frozenset[str]:
    """The names of all options, of every step and of what steps can name, that lead out of a dataset."""
    found = {name for kind in options_types() for name, field in kind.model_fields.items() if reach_of(field)}
    return frozenset(found)


def options_types() -> Iterator[type[Options]]:
    """The options of every step, of the plug-ins that it can name, and of what these hold; some come more than once."""
    for step in STEPS.values():
        yield step.options
        yield from (row.options for choice in _choices(step.options) for row in choice.table.values())
        inner = (_options_inside(field.annotation) for field in step.options.model_fields.values())
        yield from (one for one in inner if one is not None)


def _allowed(workspace: Workspace, reach: Reach | None, value: JSON) -> JSON:
    check = {Reach.FILE: allowed_data, Reach.MODEL: allowed_model}.get(reach) if reach else None
    if check is None:
        return value
    if isinstance(value, str):
        return check(workspace, value)
    if isinstance(value, list | tuple):
        return [check(workspace, one) if isinstance(one, str) else one for one in value]
    return value  # of another type: refused when the options are read


def _inside(workspace: Workspace, kind: type[Options], value: JSON) -> JSON:
    if isinstance(value, Options):
        value = value.model_dump(mode="json")
    return allowed_options(workspace, kind, value) if isinstance(value, Mapping) else value


def _items(value: JSON) -> list[JSON]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _choices(kind: type[Options]) -> tuple[Choice, ...]:
    return (*kind.CHOICES, *kind.LATER_CHOICES) if issubclass(kind, StepOptions) else ()


def _options_inside(annotation: Any) -> type[Options] | None:  # noqa: ANN401 - a type expression
    """The options type in a list of options."""
    kinds = [one for one in get_args(annotation) if isinstance(one, type)]
    return next((one for one in kinds if issubclass(one, Options)), None)
