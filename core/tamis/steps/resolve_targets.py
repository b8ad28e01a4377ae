"""From targets as a person names them, with shares, to one artifact that a step reads."""

from __future__ import annotations

from collections.abc import Mapping

from tamis.errors import ArtifactMissing, InvalidOptions, UnknownName
from tamis.registry import parse_options
from tamis.scorers import TARGET_SCORERS
from tamis.selectors import SELECTORS
from tamis.steps.select.options import SelectOptions
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import KIND, combine_targets, is_combined, no_target
from tamis.store.workspace import Workspace
from tamis.types import JSON


def targets_of(workspace: Workspace, dataset_id: str) -> list[Artifact]:
    """The targets that people made of a dataset, newest first; those that stand for several are none."""
    return [one for one in workspace.artifacts.list(dataset_id, KIND) if not is_combined(one)]


def find_target(workspace: Workspace, dataset_id: str, named: str) -> Artifact:
    """A target by its name or its id; raises UnknownName with those that there are."""
    known = targets_of(workspace, dataset_id)
    if not known:
        raise ArtifactMissing(no_target(dataset_id))
    found = next((one for one in known if named in (one.id, one.summary["name"])), None)
    if found is None:
        raise UnknownName("target", named, [str(one.summary["name"]) for one in known])
    return found


def freeze_target(workspace: Workspace, dataset_id: str, pointer: str) -> str:
    """The id of the artifact for ``name``, or for several as ``first=2,second=1``; an id stays, nothing is the only one.

    Raises what ``named_targets`` does.
    """
    found = _named(workspace, dataset_id, pointer)
    if isinstance(found, Artifact):
        return found.id
    return combine_targets(
        workspace.artifacts, dataset_id, [one for one, _ in found], [share for _, share in found]
    ).id


def named_targets(workspace: Workspace, dataset_id: str, pointer: str) -> list[Artifact]:
    """The targets that ``freeze_target`` makes one of; nothing is written.

    Raises InvalidOptions for a share that is no number above 0, a target named twice and none named of several, UnknownName,
    ArtifactMissing.
    """
    found = _named(workspace, dataset_id, pointer)
    return [found] if isinstance(found, Artifact) else [one for one, _ in found]


def _named(workspace: Workspace, dataset_id: str, pointer: str) -> Artifact | list[tuple[Artifact, float]]:
    """One artifact that is there, or targets with their shares."""
    there = workspace.artifacts.find(dataset_id, KIND, pointer)
    if there is not None:
        return there
    if not pointer:
        return [(_only_target(workspace, dataset_id), 1.0)]
    named = [_with_share(one) for one in pointer.split(",") if one.strip()]
    targets = [(find_target(workspace, dataset_id, name), share) for name, share in named]
    if len({one.id for one, _ in targets}) < len(targets):
        raise InvalidOptions(
            f"{pointer!r} names a target twice: give it once, with the share that it is to have."
        )
    return targets


def _only_target(workspace: Workspace, dataset_id: str) -> Artifact:
    """The target of a dataset that has one; of several none is taken for the one that is meant."""
    known = targets_of(workspace, dataset_id)
    if not known:
        raise ArtifactMissing(no_target(dataset_id))
    if len(known) > 1:
        names = [str(one.summary["name"]) for one in known]
        raise InvalidOptions(
            f"Dataset {dataset_id!r} has {len(known)} targets and none is named: give target as one of {', '.join(names)}, or "
            f"several with their shares, as {names[0]}=2,{names[1]}=1."
        )
    return known[0]


def _with_share(text: str) -> tuple[str, float]:
    name, sign, given = text.strip().rpartition("=")
    if not sign:
        return text.strip(), 1.0
    try:
        share = float(given)
    except ValueError:
        share = 0.0
    if not 0 < share < float("inf"):
        raise InvalidOptions(
            f"The share of target {name!r} is {given!r}: give a number above 0, as in {name}=2."
        )
    return name.strip(), share


def score_for(exact: Mapping[str, JSON]) -> dict[str, JSON]:
    """The request for the scores that a selection for a target goes by."""
    options = parse_options(SelectOptions, exact)
    asked = {"scorer": str(options.method_options["similarity"]), "target": str(exact["target"])}
    return asked | ({"embeddings": options.embeddings} if options.embeddings else {})


def reads_target(step: str, values: Mapping[str, JSON]) -> bool:
    """Whether a step with these options goes by a target."""
    if step == "select":
        method = str(values.get("method") or SelectOptions.model_fields["method"].default)
        return method in SELECTORS and "target" in SELECTORS[method].reads
    return step == "score" and str(values.get("scorer")) in TARGET_SCORERS
