"""What new rows are written from that are no rows of the dataset: typed examples, and those of a target that no row comes near."""

from __future__ import annotations

from collections.abc import Mapping

from tamis.actions.targets import out_of_reach, require_scores
from tamis.errors import InvalidOptions
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = ["ANSWER_MARK", "missing_examples", "typed_examples", "with_missing_examples"]
MISSING = "missing:"  # before the name of a target
ANSWER_MARK = "=>"  # between a typed prompt and its answer


def typed_examples(text: str) -> list[dict[str, str]]:
    """Examples typed one a line, each a prompt and, behind ``=>``, its answer; raises InvalidOptions for an answer alone."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        prompt, _, response = line.partition(ANSWER_MARK)
        if not prompt.strip():
            raise InvalidOptions(
                f"Line {number} has an answer and no prompt: write the prompt before {ANSWER_MARK}."
            )
        found.append({"prompt": prompt.strip(), "response": response.strip()})
    return found


def with_missing_examples(
    workspace: Workspace, dataset_id: str, values: Mapping[str, JSON]
) -> dict[str, JSON]:
    """Options of augment with the examples that ``missing:TARGET`` stands for as their parents; others as they are.

    Raises as ``missing_examples``.
    """
    named = str(values.get("parents") or "")
    if not named.startswith(MISSING):
        return dict(values)
    found = missing_examples(workspace, dataset_id, named.removeprefix(MISSING))
    return {**values, "parents": "", "examples": [*(values.get("examples") or ()), *found]}


def missing_examples(workspace: Workspace, dataset_id: str, target: str) -> list[dict[str, str]]:
    """The examples of a target, by its name, that no row of the dataset comes near, the farthest first.

    Those that were set aside to judge by are never among them. Raises UnknownName, ArtifactMissing where nothing was scored
    towards it, and InvalidOptions where every example has rows within reach.
    """
    scores = require_scores(workspace, dataset_id, target)
    found = [one for one in out_of_reach(workspace, scores) if one.target == target]
    if not found:
        raise InvalidOptions(
            f"No example of target {target!r} is known to lack rows: all have some within reach, or its scores measure no "
            f"coverage. Score by embedding (tamis run score --dataset {dataset_id} --scorer target_embedding --target "
            f"{target}), or write from other rows."
        )
    return [
        {"prompt": one.prompt or one.response, "response": one.response if one.prompt else ""}
        for one in found
    ]
