"""Which artifacts of a dataset are looked at together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tamis.errors import ArtifactMissing
from tamis.store.artifacts.readers import count_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore

_KINDS = ("embeddings", "clustering", "projection", "scores", "selection")


@dataclass(frozen=True, slots=True)
class DatasetView:
    """The examples of a dataset beside one clustering, one layout, its scores and selections.

    ``layout`` gives the map coordinates: a projection, or embeddings with their principal components. ``scores``
    holds the newest scores of each scorer. ``artifacts`` holds all that can be in view, so that a condition may name
    another one (a lasso drawn before the map was replaced).
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

    @property
    def key(self) -> str:
        """What is in view as one string: the part of a cache key that artifacts determine."""
        single = (self.examples, self.clustering, self.layout, self.embeddings, self.selection)
        shown = [artifact.id if artifact else "-" for artifact in single]
        scores = [f"{name}={artifact.id}" for name, artifact in sorted(self.scores.items())]
        # Conditions may name any artifact, and answers may list all selections.
        return ":".join([self.dataset_id, *shown, *scores, *(a.id for a in self.selections)])

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
            step = {"clustering": "cluster", "layout": "embed", "embeddings": "embed", "selection": "select"}[
                kind
            ]
            raise ArtifactMissing(
                f"Dataset {self.dataset_id!r} has no {kind} yet: "
                f"run tamis run {step} --dataset {self.dataset_id}."
            )
        return artifact


def open_view(
    store: ArtifactStore,
    dataset_id: str,
    *,
    clustering_id: str = "",
    projection_id: str = "",
    selection_id: str = "",
) -> DatasetView:
    """Look at a dataset: the newest of everything, or the artifacts named.

    ``projection_id`` may also name embeddings, whose principal components are then the map. Unless it is named, the
    layout is the newest projection of the newest embeddings, else the principal components of these embeddings, so
    that a map never shows an older state of the vectors without being asked to. Raises DatasetMissing and
    ArtifactMissing.
    """
    examples = store.examples(dataset_id)
    artifacts = tuple(artifact for kind in _KINDS for artifact in store.list(dataset_id, kind))
    by_kind: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        by_kind.setdefault(artifact.kind, []).append(artifact)
    embeddings = _pick(by_kind, ("embeddings",), "", dataset_id)
    selections = tuple(by_kind.get("selection", ()))
    return DatasetView(
        dataset_id=dataset_id,
        examples=examples,
        clustering=_pick(by_kind, ("clustering",), clustering_id, dataset_id),
        layout=_layout(by_kind, projection_id, embeddings, dataset_id),
        embeddings=embeddings,
        scores=_newest_scores(by_kind.get("scores", [])),
        selection=_pick(by_kind, ("selection",), selection_id, dataset_id),
        selections=selections,
        artifacts=artifacts,
    )


def _pick(
    by_kind: Mapping[str, list[Artifact]], kinds: tuple[str, ...], chosen: str, dataset_id: str
) -> Artifact | None:
    candidates = [artifact for kind in kinds for artifact in by_kind.get(kind, [])]
    if not chosen:
        return candidates[0] if candidates else None
    for artifact in candidates:
        if artifact.id == chosen:
            return artifact
    known = ", ".join(artifact.id for artifact in candidates) or "none"
    raise ArtifactMissing(f"Dataset {dataset_id!r} has no {kinds[0]} {chosen!r}. Known: {known}.")


def _layout(
    by_kind: Mapping[str, list[Artifact]], chosen: str, embeddings: Artifact | None, dataset_id: str
) -> Artifact | None:
    if chosen:
        return _pick(by_kind, ("projection", "embeddings"), chosen, dataset_id)
    projections = by_kind.get("projection", [])
    if embeddings is None:
        return projections[0] if projections else None
    fitting = [p for p in projections if p.manifest.inputs.get("embeddings") == embeddings.id]
    return fitting[0] if fitting else embeddings


def _newest_scores(scores: list[Artifact]) -> Mapping[str, Artifact]:
    newest: dict[str, Artifact] = {}
    for artifact in scores:
        newest.setdefault(str(artifact.manifest.options.get("scorer", "")), artifact)
    return MappingProxyType(newest)
