"""Which artifacts of a dataset are looked at together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tamis.errors import ArtifactMissing
from tamis.store.artifacts.choices import LAYOUT, NO_CHOICES, USUAL_SCORE, ArtifactChoices
from tamis.store.artifacts.readers import count_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore

_KINDS = ("embeddings", "clustering", "projection", "scores", "selection", "examination")


@dataclass(frozen=True, slots=True)
class DatasetView:
    """The examples of a dataset beside one clustering, one layout, its scores and selections.

    ``layout`` gives the map coordinates: a projection, or embeddings with their principal components. ``scores``
    holds the scores of each scorer, those that were chosen last; ``score`` is the name of the active ones, or of the usual
    ones where nobody chose. ``selections`` are those that are no run's own. ``artifacts`` holds all that can be in view, so
    that a condition may name another one (a lasso drawn before the map was replaced).
    """

    dataset_id: str
    examples: Artifact
    clustering: Artifact | None
    layout: Artifact | None
    embeddings: Artifact | None
    scores: Mapping[str, Artifact]
    selection: Artifact | None
    selections: tuple[Artifact, ...]
    artifacts: tuple[Artifact, ...]
    choices: ArtifactChoices = NO_CHOICES

    @property
    def score(self) -> str:
        """The name of the active scores, else of those that are the usual quality, else of the first; empty for none."""
        usual = USUAL_SCORE if USUAL_SCORE in self.scores else next(iter(self.scores), "")
        return self.active_score or usual

    @property
    def active_score(self) -> str:
        """The name of the scores that a person made active; empty where nobody did."""
        names = {one.id: name for name, one in self.scores.items()}
        return next((names[one] for one in self.choices.activated.get("scores", ()) if one in names), "")

    @property
    def key(self) -> str:
        """What is in view as one string: the part of a cache key that artifacts determine."""
        single = (self.examples, self.clustering, self.layout, self.embeddings, self.selection)
        shown = [artifact.id if artifact else "-" for artifact in single]
        scores = [f"{name}={artifact.id}" for name, artifact in sorted(self.scores.items())]
        # Conditions may name any artifact, and answers may list all selections.
        listed = (a.id for a in self.selections)
        return ":".join([self.dataset_id, *shown, *scores, self.active_score, *listed])

    @property
    def examinations(self) -> tuple[Artifact, ...]:
        """What models answered about these rows, newest first."""
        return tuple(one for one in self.artifacts if one.kind == "examination")

    @property
    def n_rows(self) -> int:
        """Number of examples."""
        return count_examples(self.examples)

    def artifact(self, identifier: str, *kinds: str) -> Artifact:
        """An artifact of this dataset by its id and kinds; raises ArtifactMissing."""
        for artifact in self.artifacts:
            if artifact.id == identifier and artifact.kind in kinds:
                return artifact
        raise ArtifactMissing(
            f"Dataset {self.dataset_id!r} has no {' or '.join(kinds)} {identifier!r}: "
            "remove the filter that names it."
        )

    def require(self, kind: str) -> Artifact:
        """The clustering, layout, embeddings or selection in view; raises ArtifactMissing naming the step to run."""
        artifact: Artifact | None = getattr(self, kind)
        if artifact is None:
            steps = {
                "clustering": "cluster",
                "layout": "embed, then tamis run project",
                "embeddings": "embed",
                "selection": "select",
            }[kind]
            raise ArtifactMissing(
                f"Dataset {self.dataset_id!r} has no {kind} yet: "
                f"run tamis run {steps} --dataset {self.dataset_id}."
            )
        return artifact


def open_view(
    store: ArtifactStore,
    dataset_id: str,
    *,
    clustering_id: str = "",
    projection_id: str = "",
    selection_id: str = "",
    choices: ArtifactChoices = NO_CHOICES,
) -> DatasetView:
    """Look at a dataset: what people chose last of everything, else the newest; or the artifacts named.

    ``projection_id`` may also name embeddings, whose principal components are then the map. Unless it is named, or was
    made active after the embeddings were asked for, the layout is the projection of these embeddings, else their principal
    components, so that a map never shows an older state of the vectors without being asked to. Raises DatasetMissing and
    ArtifactMissing.
    """
    examples = store.examples(dataset_id)
    artifacts = tuple(artifact for kind in _KINDS for artifact in store.list(dataset_id, kind))
    by_kind: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        by_kind.setdefault(artifact.kind, []).append(artifact)
    embeddings = _pick(by_kind, "embeddings", "", dataset_id, choices)
    listed = (one for one in by_kind.get("selection", ()) if choices.is_listed(one.id, one.manifest.options))
    return DatasetView(
        dataset_id=dataset_id,
        examples=examples,
        clustering=_pick(by_kind, "clustering", clustering_id, dataset_id, choices),
        layout=_layout(by_kind, projection_id, embeddings, dataset_id, choices),
        embeddings=embeddings,
        scores=_scores(by_kind.get("scores", []), choices),
        selection=_pick(by_kind, "selection", selection_id, dataset_id, choices),
        selections=tuple(listed),
        artifacts=artifacts,
        choices=choices,
    )


def by_choice(artifacts: Iterable[Artifact], choices: ArtifactChoices) -> list[Artifact]:
    """Those that can stand for their kind, the one that a person chose last first; a run's own are left out."""
    able = [one for one in artifacts if not choices.is_apart(one.id, one.manifest.options)]
    return sorted(
        able, key=lambda one: (choices.rank(one.id, one.sequence, one.manifest.options), one.order), reverse=True
    )  # fmt: skip


def _pick(
    by_kind: Mapping[str, list[Artifact]], kind: str, chosen: str, dataset_id: str, choices: ArtifactChoices
) -> Artifact | None:
    if not chosen:
        return next(iter(by_choice(by_kind.get(kind, ()), choices)), None)
    return _named(by_kind.get(kind, ()), chosen, kind, dataset_id)


def _named(candidates: Iterable[Artifact], chosen: str, kind: str, dataset_id: str) -> Artifact:
    known = {artifact.id: artifact for artifact in candidates}
    if chosen not in known:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no {kind} {chosen!r}. Known: {', '.join(known) or 'none'}."
        )
    return known[chosen]


def _layout(
    by_kind: Mapping[str, list[Artifact]],
    chosen: str,
    embeddings: Artifact | None,
    dataset_id: str,
    choices: ArtifactChoices,
) -> Artifact | None:
    projections = by_choice(by_kind.get("projection", ()), choices)
    maps = {one.id: one for one in (*projections, *by_kind.get("embeddings", ()))}
    if chosen:
        return _named(maps.values(), chosen, "projection", dataset_id)
    by_hand = next((one for one in choices.activated.get(LAYOUT, ()) if one in maps), "")
    if embeddings is None:
        return maps[by_hand] if by_hand else next(iter(projections), None)
    if by_hand and choices.asked[by_hand] > _asked(embeddings, choices):
        later = [one for one in projections if choices.asked.get(one.id, 0) > choices.asked[by_hand]]
        return later[0] if later else maps[by_hand]
    fitting = [one for one in projections if one.manifest.inputs.get("embeddings") == embeddings.id]
    return fitting[0] if fitting else embeddings


def _asked(artifact: Artifact, choices: ArtifactChoices) -> int:
    return choices.asked.get(artifact.id, artifact.sequence)


def _scores(scores: list[Artifact], choices: ArtifactChoices) -> Mapping[str, Artifact]:
    """The scores of each scorer that were chosen last; in the order in which artifacts were made."""
    names = dict.fromkeys(str(one.manifest.options.get("scorer", "")) for one in scores)
    first: dict[str, Artifact] = {}
    for one in by_choice(scores, choices):
        first.setdefault(str(one.manifest.options.get("scorer", "")), one)
    return MappingProxyType({name: first[name] for name in names if name in first})
