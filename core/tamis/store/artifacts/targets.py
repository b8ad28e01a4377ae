"""Targets: examples of what a dataset is wanted for, kept whole in their manifest, so that their name says what they hold."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from tamis.compute.target.halves import judge_half
from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id, make_manifest
from tamis.types import JSON, Bools, Int64s, Message

KIND = "target"
STEP = "target"
FILE = "examples.json"
MOST_EXAMPLES = 5_000  # each is compared with every row
NO_ROW = -1
# Files of scores towards a target, beside their columns.
SIMILARITIES = "similarities.npy"  # (n, E) float32 to the steering examples, NaN where there is none
KEPT_OUT = (
    "kept_out.parquet"  # example_id, reason, item: rows that are the target, with the number of the example
)
REPEATS = "repeats.npy"  # (n,) int64: the first row that says the same
COVERAGE = "coverage.parquet"  # per steering example: item, target, best, row, p, out_of_reach


@dataclass(frozen=True, slots=True)
class TargetExample:
    """One example: texts (``response`` may be empty), its turns where it has more than these, and the row of the dataset
    that it is (−1: of none).
    """

    prompt: str
    response: str = ""
    messages: tuple[Message, ...] = ()
    row: int = NO_ROW

    def turns(self) -> list[Message]:
        """The conversation that it is; one turn where it is a prompt alone."""
        if self.messages:
            return list(self.messages)
        sides = (("user", self.prompt), ("assistant", self.response))
        return [{"role": role, "content": text} for role, text in sides if text.strip()]


@dataclass(frozen=True, slots=True)
class TargetExamples:
    """The examples of one or several targets: ``names`` and ``shares`` of T targets, ``part`` (E,) which of them each is of.

    ``judges`` (E,) are those that measure and do not steer: none unless the target was split.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    examples: tuple[TargetExample, ...]
    part: Int64s
    judges: Bools

    def steering(self) -> Int64s:
        """The examples that rows are compared with."""
        return np.flatnonzero(~self.judges)

    def judging(self) -> Int64s:
        """The examples that are set aside: what a selection that they steered no part of is measured by."""
        return np.flatnonzero(self.judges)

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """Prompts and responses (E,)."""
        return [one.prompt for one in self.examples], [one.response for one in self.examples]


def store_target(
    store: ArtifactStore,
    dataset_id: str,
    name: str,
    examples: Sequence[TargetExample],
    *,
    split: bool,
    source: str,
) -> Artifact:
    """Keep one target; ``split`` sets a half of it aside to judge by, ``source`` says where it came from.

    Raises InvalidOptions without an example that says something, and for more than ``MOST_EXAMPLES``.
    """
    told = _told(examples)
    if not told:
        raise InvalidOptions(f"The target {name!r} has no example with a text.")
    if len(told) > MOST_EXAMPLES:
        raise InvalidOptions(
            f"The target {name!r} has {len(told):,} examples, and every row is compared with each: give at most "
            f"{MOST_EXAMPLES:,}."
        )
    parts = [{"name": name, "share": 1.0, "split": split, "examples": _packed(told)}]
    return _write(store, dataset_id, {"parts": parts}, {"name": name, "source": source})


def is_same_target(target: Artifact, examples: Sequence[TargetExample], *, split: bool) -> bool:
    """Whether a target holds just these examples, split or not."""
    (part,) = target.manifest.options["parts"]
    return bool(part["examples"] == _packed(_told(examples)) and part["split"] == split)


def holds_target(target: Artifact, other: Artifact) -> bool:
    """Whether a target is another one, or several of which it is one."""

    def parts(one: Artifact) -> set[tuple[str, str, bool]]:
        return {(part["name"], part["examples"], part["split"]) for part in one.manifest.options["parts"]}

    return parts(other) <= parts(target)


def combine_targets(
    store: ArtifactStore, dataset_id: str, targets: Sequence[Artifact], shares: Sequence[float]
) -> Artifact:
    """Several targets as one that has their shares; one target with any share is itself."""
    if len(targets) == 1:
        return targets[0]
    parts = [
        dict(part) | {"share": float(share)}
        for target, share in zip(targets, shares, strict=True)
        for part in target.manifest.options["parts"]
    ]
    name = ", ".join(f"{part['name']}={part['share']:g}" for part in parts)
    return _write(store, dataset_id, {"parts": parts}, {"name": name, "source": "several targets"})


def is_combined(target: Artifact) -> bool:
    """Whether it stands for several targets."""
    return len(target.manifest.options["parts"]) > 1


def read_target(target: Artifact) -> TargetExamples:
    """The examples of a target, or of all that a combined one stands for."""
    parts: list[Mapping[str, JSON]] = orjson.loads(target.file(FILE).read_bytes())["parts"]
    examples: list[TargetExample] = []
    part: list[int] = []
    judges: list[bool] = []
    for number, one in enumerate(parts):
        own = _unpacked(str(one["examples"]))
        examples += own
        part += [number] * len(own)
        judging = (
            judge_half([example.prompt for example in own])
            if one["split"]
            else np.zeros(len(own), dtype=np.bool_)
        )
        judges += judging.tolist()
    return TargetExamples(
        names=tuple(str(one["name"]) for one in parts),
        shares=tuple(float(one["share"]) for one in parts),
        examples=tuple(examples),
        part=np.array(part, dtype=np.int64),
        judges=np.array(judges, dtype=np.bool_),
    )


def remake_target(store: ArtifactStore, recorded: Manifest) -> Artifact:
    """The target that a manifest records, which holds it whole."""
    return _write(store, recorded.dataset_id, recorded.options, recorded.summary)


def no_target(dataset_id: str) -> str:
    """That there is no target, and what makes one."""
    return (
        f"Dataset {dataset_id!r} has no target yet. Say what it is wanted for: tamis target add --dataset {dataset_id} "
        "--file examples.jsonl --name NAME."
    )


def _write(
    store: ArtifactStore, dataset_id: str, options: Mapping[str, JSON], about: Mapping[str, JSON]
) -> Artifact:
    identifier = artifact_id(KIND, options=options, inputs={}, format_version=1)
    there = store.find_whole(dataset_id, KIND, identifier)
    if there is not None:
        return there
    with store.writing(dataset_id, KIND, identifier) as writer:
        (writer.path / FILE).write_bytes(orjson.dumps(dict(options)))
        counts = [len(_unpacked(str(part["examples"]))) for part in options["parts"]]
        writer.commit(
            make_manifest(
                writer,
                kind=KIND,
                identifier=identifier,
                dataset_id=dataset_id,
                step=STEP,
                options=dict(options),
                inputs={},
                format_version=1,
                summary={"name": about["name"], "source": about["source"], "n_examples": sum(counts)},
            )
        )
    return store.get(dataset_id, KIND, identifier)


def _told(examples: Sequence[TargetExample]) -> list[TargetExample]:
    return [one for one in examples if one.prompt.strip() or one.response.strip()]


def _packed(examples: Sequence[TargetExample]) -> str:
    listed = [[one.prompt, one.response, list(one.messages), one.row] for one in examples]
    return base64.b64encode(zlib.compress(orjson.dumps(listed), level=6)).decode()


def _unpacked(packed: str) -> list[TargetExample]:
    listed = orjson.loads(zlib.decompress(base64.b64decode(packed)))
    return [TargetExample(prompt, response, tuple(turns), row) for prompt, response, turns, row in listed]
