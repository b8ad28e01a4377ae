"""Which selections are one method drawn with other seeds, and what each method is called beside the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from tamis.selectors import SELECTORS
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodGroup:
    """Selections made with the same options and inputs apart from the seed; ``members`` index the selections."""

    name: str
    title: str
    members: tuple[int, ...]


def group_by_method(selections: Sequence[Artifact]) -> list[MethodGroup]:
    """The groups in the order of the table of methods; inside a group, members are in order of their seed."""
    by_settings: dict[bytes, list[int]] = {}
    for i, artifact in enumerate(selections):
        by_settings.setdefault(orjson.dumps(_settings(artifact), option=orjson.OPT_SORT_KEYS), []).append(i)
    members = [sorted(group, key=lambda i: (_seed(selections[i]), i)) for group in by_settings.values()]
    order = {name: place for place, name in enumerate(SELECTORS)}
    members.sort(
        key=lambda group: (
            order.get(method_name(selections[group[0]]), len(order)),
            _seed(selections[group[0]]),
            group,
        )
    )
    firsts = [selections[group[0]] for group in members]
    return [
        MethodGroup(name=method_name(first), title=_title(first, firsts), members=tuple(group))
        for first, group in zip(firsts, members, strict=True)
    ]


def share_luck(one: Artifact, other: Artifact) -> bool:
    """Whether two selections were drawn by the same random numbers.

    A method's own name goes into its seed, so only one method with one seed and other options draws alike. So do the
    arms of a refinement, its controls too: they share the random number of every row in every round.
    """
    name = method_name(one)
    drawn = name not in SELECTORS or SELECTORS[name].random
    return drawn and name == method_name(other) and _seed(one) == _seed(other)


def method_name(artifact: Artifact) -> str:
    """The method of a selection, or the step that made it."""
    return str(artifact.manifest.options.get("method", artifact.manifest.step))


def _seed(artifact: Artifact) -> int:
    return int(artifact.manifest.options.get("seed") or 0)


def _settings(artifact: Artifact) -> dict[str, JSON]:
    """Everything that made a selection besides its seed, flat."""
    options = {key: value for key, value in artifact.manifest.options.items() if key != "seed"}
    own = options.pop("method_options", None) or {}
    # The round of a refinement differs with its seed and follows from the rest.
    inputs = {role: identifier for role, identifier in artifact.manifest.inputs.items() if role != "round"}
    return {**options, **own, **inputs}


def _title(artifact: Artifact, others: Sequence[Artifact]) -> str:
    """The method's title, with the settings that tell it from another group of the same method."""
    name = method_name(artifact)
    title = SELECTORS[name].title if name in SELECTORS else name
    alike = [_settings(other) for other in others if method_name(other) == name]
    if len(alike) < 2:
        return title
    mine = _settings(artifact)
    differing = [key for key in mine if len({orjson.dumps(other.get(key)) for other in alike}) > 1]
    words = [
        f"{key.replace('_', ' ')} {_short(mine[key], key in artifact.manifest.inputs)}" for key in differing
    ]
    return f"{title} ({', '.join(words)})" if words else title


def _short(value: JSON, is_id: bool) -> str:
    if is_id:
        return str(value)[:4]
    return f"{value:g}" if isinstance(value, float) else str(value)
