"""Which artifacts people asked for or made active, and which ones runs drew for themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from tamis.types import JSON

Standing: TypeAlias = Literal["asked", "active", "beside", "inside"]
METHOD = "refinement"  # what the selections of rounds say they were made by
LAYOUT = "layout"  # what is chosen as the map: a projection, or embeddings by their principal components
KIND_OF: Mapping[str, str] = {"projection": LAYOUT}  # artifacts whose choice goes by another name
ACTIVE_KINDS = ("selection", "clustering", LAYOUT, "scores")
CHOSEN_KINDS = (*ACTIVE_KINDS, "embeddings")
USUAL_SCORE = "alignment"  # the quality of a selection for which none is named
BASELINE = "random"  # the method that every selection is shown beside


@dataclass(frozen=True, slots=True)
class ArtifactChoices:
    """What people chose among the artifacts of a dataset. Numbers are those of ``next_number``: a higher one is later.

    ``asked`` holds when a person asked for an artifact or made it active last, ``activated`` those made active by hand,
    by kind and last first. What a run drew for itself is ``inside`` it until a person keeps it, and in no list; what was
    drawn ``beside`` another (a random pick to compare with) is listed. Neither is ever the newest of its kind.
    """

    asked: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    activated: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    beside: frozenset[str] = frozenset()
    inside: frozenset[str] = frozenset()

    def is_listed(self, identifier: str, options: Mapping[str, JSON]) -> bool:
        """Whether it stands in lists of its kind: it is not, or no longer, a run's own."""
        return identifier not in self.inside and not self._of_a_round(identifier, options)

    def is_apart(self, identifier: str, options: Mapping[str, JSON]) -> bool:
        """Whether a run drew it for itself or it stands beside another one, so that it never is the newest."""
        return identifier in self.beside or not self.is_listed(identifier, options)

    def rank(self, identifier: str, sequence: int, options: Mapping[str, JSON]) -> tuple[bool, int]:
        """What sorts artifacts by when a person chose them last; where nobody did, by their own number.

        A random pick that nobody chose comes before all others: it is there to be compared with.
        """
        chosen = self.asked.get(identifier)
        return chosen is not None or options.get("method") != BASELINE, sequence if chosen is None else chosen

    def _of_a_round(self, identifier: str, options: Mapping[str, JSON]) -> bool:
        return options.get("method") == METHOD and identifier not in self.asked


NO_CHOICES: ArtifactChoices = ArtifactChoices()


def fold_choices(events: Iterable[tuple[str, str, str, int]]) -> ArtifactChoices:
    """The choices that hold after events of kind, artifact id, standing and number, in any order."""
    asked: dict[str, int] = {}
    activated: dict[str, dict[str, int]] = {}
    beside, inside = set[str](), set[str]()
    for kind, identifier, standing, number in events:
        if standing == "inside":
            inside.add(identifier)
        elif standing == "beside":
            beside.add(identifier)
        else:
            asked[identifier] = max(number, asked.get(identifier, 0))
            if standing == "active":
                own = activated.setdefault(kind, {})
                own[identifier] = max(number, own.get(identifier, 0))
    return ArtifactChoices(
        MappingProxyType(asked),
        MappingProxyType({kind: tuple(sorted(own, key=own.__getitem__, reverse=True)) for kind, own in activated.items()}),
        frozenset(beside - asked.keys()),
        frozenset(inside - beside - asked.keys()),
    )  # fmt: skip
