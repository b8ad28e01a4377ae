"""From what a person names as the model to the result that it came from, and to what that one was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.apply import apply_decisions
from tamis.errors import ArtifactDamaged, ArtifactMissing, CurationError, ModelMissing
from tamis.models.adapters import ABOUT, BUNDLED_LLM, CONFIG, PREFIX, adapter_folder, adapter_ids, named_base
from tamis.steps.finetune.rows import training_records
from tamis.store.artifacts.adapters import TRAIN
from tamis.store.artifacts.readers import count_examples
from tamis.store.artifacts.refinements import ROUND, read_round_picks, round_chain
from tamis.store.artifacts.store import MANIFEST, Artifact, ArtifactStore
from tamis.store.review.frozen_decisions import read_frozen_decisions
from tamis.store.row_sets import intersection
from tamis.types import Int64s, Message

LEVELS_ABOVE = 3  # of a folder with weights at most, below the folder of the result that holds it
UNTRAINED = ("pruning",)  # results that hold a model which they changed and did not train


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as it was named, with the result that it came from; ``artifact`` is None where that is not known.

    ``is_foreign``: it is a folder of weights that says nothing of where it came from, as that of any published model.
    """

    named: str
    artifact: Artifact | None
    is_foreign: bool = False

    def conversations(self) -> list[list[Message]] | None:
        """What it was trained on; None where that is not recorded."""
        if self.artifact is None:
            return None
        if self.artifact.kind in UNTRAINED:
            return []
        if self.artifact.kind == ROUND:
            return _of_round(self.artifact)
        file = self.artifact.path / TRAIN
        return list(_lines_of(file)) if file.is_file() else None


def model_sources(model: str, workspace: Path) -> Iterator[ModelSource]:
    """The model and those that it was made from, as far as they are of Tamis or adapters: ``adapter:ID``, or a folder of
    weights where it lies, merged, exported or copied.

    Of a folder of other weights nothing can be told, and nothing comes for the bundled model and a name of the hub. Raises ModelMissing where ``model`` itself is an adapter that is not there.
    """
    seen: set[Path] = set()
    while True:
        try:
            folder = _folder_of(model, workspace)
        except ModelMissing:
            if not seen:
                raise
            yield ModelSource(model, None)  # deleted since
            return
        if folder is None or folder in seen:
            return
        seen.add(folder)
        artifact = _artifact_of(folder, workspace)
        if artifact is not None:
            yield ModelSource(model, artifact)
            options, workspace = artifact.manifest.options, artifact.path.parents[3]
            model = str(options.get("model") or options.get("settings", {}).get("model") or "")
            continue
        if not ((folder / CONFIG).is_file() or (folder / ABOUT).is_file()):
            yield ModelSource(model, None, is_foreign=True)
            return
        yield ModelSource(model, None)
        model = _base_named_in(folder)


def _folder_of(model: str, workspace: Path) -> Path | None:
    """The folder of weights that is meant; None for the bundled model and an id of the hub. Raises ModelMissing."""
    if model.startswith(PREFIX):
        return adapter_folder(model, workspace).resolve()
    path = Path(model).expanduser()
    if not model or model == BUNDLED_LLM or not (path.is_dir() or path.is_absolute()):
        return None
    if not path.is_dir():
        raise ModelMissing(f"There is no folder {model!r} on this machine: check the path of the model.")
    return path.resolve()


def _artifact_of(folder: Path, workspace: Path) -> Artifact | None:
    """The result that holds a folder in its workspace, or one of this workspace from which it was written or copied."""
    for above in (folder, *folder.parents)[: LEVELS_ABOVE + 1]:
        if (above / MANIFEST).is_file() and len(above.parents) > 3 and above.parents[2].name == "datasets":
            return ArtifactStore(above.parents[3]).find(above.parents[1].name, above.parent.name, above.name)
    for about in (folder / ABOUT, folder.parent / MANIFEST):
        here = adapter_ids(workspace).get(_identifier_in(about))
        if here is not None:
            kind, dataset = here.parents[1].name, here.parents[2].name
            return ArtifactStore(workspace).find(dataset, kind, here.parent.name)
    return None


def _identifier_in(about: Path) -> str:
    try:
        return str(orjson.loads(about.read_bytes())["artifact_id"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _base_named_in(folder: Path) -> str:
    try:
        return named_base(folder)
    except CurationError:
        return ""


def _of_round(artifact: Artifact) -> list[list[Message]] | None:
    """The rows that the rounds up to this one picked, as the review had left them."""
    store, given = ArtifactStore(artifact.path.parents[3]), artifact.manifest.inputs
    try:
        picks = [read_round_picks(one)["example_id"].to_numpy() for one in round_chain(store, artifact)]
        examples = store.get(artifact.manifest.dataset_id, "examples", given.get("examples", ""))
        decided = given.get("decisions")
        decisions = None if decided is None else store.get(artifact.manifest.dataset_id, "decisions", decided)
    except (ArtifactMissing, ArtifactDamaged):
        return None
    every: Int64s = np.arange(count_examples(examples), dtype=np.int64)
    applied = apply_decisions(every, {} if decisions is None else read_frozen_decisions(decisions))
    rows = intersection(np.unique(np.concatenate(picks)), applied.rows)
    return [record["messages"] for _, record in training_records(examples, rows, applied.replaced)]


def _lines_of(file: Path) -> Iterator[list[Message]]:
    with file.open("rb") as stream:
        for line in stream:
            yield orjson.loads(line)["messages"]
