"""What a dataset is wanted for: targets made of a file, rows, a task of the harness or typed examples; and how well it is covered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq

from tamis.actions.deletion import DeletionPlan, carry_out, obstacle_to_deleting
from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing, InvalidOptions, UnreadableFile
from tamis.formats import load_format
from tamis.formats.reader import ReadingOf, read_batches
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.registry import parse_options
from tamis.reprs import HtmlFacts
from tamis.scorers.contamination import read_texts
from tamis.settings import Settings
from tamis.steps.import_file.identify import plan_import
from tamis.steps.import_file.options import SourceFile
from tamis.steps.reach import allowed_data
from tamis.steps.resolve_rows import ACTIVE, NEWEST, find_selection, rows_of
from tamis.steps.resolve_targets import find_target, targets_of
from tamis.store.artifacts.readers import read_example_rows
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.targets import (
    COVERAGE,
    KEPT_OUT,
    MOST_EXAMPLES,
    TargetExample,
    TargetExamples,
    holds_target,
    is_same_target,
    read_target,
    store_target,
)
from tamis.store.workspace import Workspace
from tamis.types import Int64s

__all__ = [
    "CoveredExample", "KeptOutRow", "TargetEntry", "TargetExample", "TargetSource", "add_target", "delete_target",
    "describe_cover", "list_targets", "newest_scores", "out_of_reach", "plan_target_deletion", "require_scores",
    "rows_kept_out", "show_target", "target_of_scores",
]  # fmt: skip
TEXTS = ["prompt", "response", "messages"]
TASK_ROWS = 200  # of each task


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSource:
    """Where the examples come from: exactly one of a ``file``, a ``task`` of the lm-evaluation-harness, rows of the dataset
    (``tag``, ``scope`` or ``selection``, which narrow each other), and typed ``examples``.
    """

    file: str = ""
    task: str = ""
    tag: str = ""
    scope: str = ""
    selection: str = ""
    examples: Sequence[TargetExample] = ()

    @property
    def of_rows(self) -> bool:
        """Whether it names rows of the dataset."""
        return bool(self.tag or self.scope or self.selection)

    def said(self) -> str:
        """What it is, in a few words."""
        rows = [
            f"{kind} {value}" for kind, value in (("tag", self.tag), ("selection", self.selection)) if value
        ]
        rows += ["a scope"] if self.scope else []
        named = f"file {self.file}" if self.file else f"task {self.task}" if self.task else ", ".join(rows)
        return named or "typed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry(HtmlFacts):
    """A target in a list: its examples, how many of them only judge, and where they came from."""

    artifact: Artifact
    name: str
    source: str
    n_examples: int
    n_judging: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredExample(HtmlFacts):
    """An example, by its ``number`` in the target, and the nearest ``row`` (−1: none) with its ``similarity``, and the share of
    the pool's own rows that are as far from each other (``p``).
    """

    target: str
    number: int
    prompt: str
    response: str
    row: int
    similarity: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOutRow(HtmlFacts):
    """A ``row`` that is a ``target`` and why, with the example that it is or holds, by its ``number`` there."""

    row: int
    reason: str
    target: str
    number: int
    prompt: str


@needs("curator", noted="target")
def add_target(
    workspace: Workspace, dataset_id: str, name: str, source: TargetSource, *, split: bool = False
) -> Artifact:
    """Make a target of a dataset under a name; ``split`` sets half of it aside, to judge selections and not to steer them.

    Raises InvalidOptions for a name that is taken or cannot be one, for no source or several, and for a source without a
    text; UnreadableFile, ForbiddenPath, ArtifactMissing, MissingExtra.
    """
    shown = _check_name(name)
    if source.selection in (ACTIVE, NEWEST):  # which one that was is told later
        source = replace(source, selection=find_selection(workspace, dataset_id, source.selection).id)
    if (bool(source.file) + bool(source.task) + source.of_rows + bool(source.examples)) != 1:
        raise InvalidOptions(
            "A target is made of one thing: a file, a task of the lm-evaluation-harness, rows (a tag, a scope or a selection), "
            "or typed examples."
        )
    examples = _examples(workspace, dataset_id, source)
    taken = next((one for one in targets_of(workspace, dataset_id) if one.summary["name"] == shown), None)
    if taken is not None and not is_same_target(taken, examples, split=split):
        raise InvalidOptions(
            f"Dataset {dataset_id!r} has another target {shown!r}: give a name that is not taken, or delete that first."
        )
    return taken or store_target(
        workspace.artifacts, dataset_id, shown, examples, split=split, source=source.said()
    )


def list_targets(workspace: Workspace, dataset_id: str) -> tuple[TargetEntry, ...]:
    """The targets of a dataset, newest first; raises DatasetMissing."""
    workspace.artifacts.examples(dataset_id)
    return tuple(_entry(one) for one in targets_of(workspace, dataset_id))


def show_target(workspace: Workspace, dataset_id: str, named: str) -> tuple[TargetEntry, TargetExamples]:
    """A target by its name or id, with its examples; raises UnknownName."""
    found = find_target(workspace, dataset_id, named)
    return _entry(found), read_target(found)


def plan_target_deletion(workspace: Workspace, dataset_id: str, named: str) -> DeletionPlan:
    """What would go with a target: nothing else, and not it where scores were made towards it. Raises UnknownName."""
    target = find_target(workspace, dataset_id, named)
    users = [one for one in workspace.artifacts.list(dataset_id) if target.id in one.manifest.inputs.values()]
    listed = ", ".join(f"{one.kind} {one.id}" for one in users[:5])
    obstacle = f"{listed} was made from it: delete that first, or leave the target." if users else ""
    return DeletionPlan(
        subject=f"target {target.summary['name']} ({target.id})",
        artifacts=(target,),
        obstacle=obstacle or obstacle_to_deleting(workspace, (target,)),
    )


@needs("operator", noted="delete")
def delete_target(workspace: Workspace, dataset_id: str, named: str) -> DeletionPlan:
    """Delete a target for good. Raises UnknownName, and JobConflict while something was made from it."""
    return carry_out(workspace, plan_target_deletion(workspace, dataset_id, named))


def target_of_scores(workspace: Workspace, scores: Artifact) -> TargetExamples:
    """The examples that scores are towards; raises ArtifactMissing where the target is gone."""
    identifier = scores.manifest.inputs["target"]
    return read_target(workspace.artifacts.get(scores.manifest.dataset_id, "target", identifier))


def newest_scores(workspace: Workspace, dataset_id: str, target_id: str) -> Artifact | None:
    """The newest scores towards a target, alone or among others, those that measure coverage first; None for none."""
    target = workspace.artifacts.get(dataset_id, "target", target_id)
    made = []
    for one in workspace.artifacts.list(dataset_id, "scores"):
        towards = workspace.artifacts.find(dataset_id, "target", one.manifest.inputs.get("target", ""))
        if towards is not None and holds_target(towards, target):
            made.append(one)
    return next((one for one in made if COVERAGE in one.manifest.files), next(iter(made), None))


def require_scores(workspace: Workspace, dataset_id: str, named: str) -> Artifact:
    """The newest scores towards a target by its name; raises UnknownName, and ArtifactMissing saying how to make some."""
    target = find_target(workspace, dataset_id, named)
    found = newest_scores(workspace, dataset_id, target.id)
    if found is None:
        raise ArtifactMissing(
            f"Nothing was scored towards target {target.summary['name']!r} yet: tamis run score --dataset {dataset_id} "
            f"--scorer target_embedding --target {target.summary['name']}."
        )
    return found


def out_of_reach(workspace: Workspace, scores: Artifact) -> tuple[CoveredExample, ...]:
    """The examples that no row comes near, the farthest first; none for scores that measure no coverage."""
    return tuple(one for one, far in _covered(workspace, scores) if far)


def describe_cover(workspace: Workspace, scores: Artifact) -> tuple[CoveredExample, ...]:
    """Every steering example with the row nearest to it, the farthest first; none for scores that measure no coverage."""
    return tuple(one for one, _ in _covered(workspace, scores))


def rows_kept_out(workspace: Workspace, scores: Artifact) -> tuple[KeptOutRow, ...]:
    """The rows that are the target, which no selection towards it takes; raises ArtifactMissing where it is gone."""
    target = target_of_scores(workspace, scores)
    return tuple(
        KeptOutRow(
            row=one["example_id"],
            reason=one["reason"],
            target=target.names[target.part[one["item"]]],
            number=_own_number(target, one["item"]),
            prompt=target.examples[one["item"]].prompt,
        )
        for one in pq.read_table(scores.file(KEPT_OUT)).to_pylist()
    )


def _own_number(target: TargetExamples, item: int) -> int:
    """The number of an example in its own target, of that among the examples of all."""
    return item - int(np.flatnonzero(target.part == target.part[item])[0])


def _covered(workspace: Workspace, scores: Artifact) -> list[tuple[CoveredExample, bool]]:
    if COVERAGE not in scores.manifest.files:
        return []
    target = target_of_scores(workspace, scores)
    made = [
        (
            CoveredExample(
                target=target.names[one["target"]],
                number=_own_number(target, one["item"]),
                prompt=target.examples[one["item"]].prompt,
                response=target.examples[one["item"]].response,
                row=one["row"],
                similarity=one["best"],
                p=one["p"],
            ),
            bool(one["out_of_reach"]),
        )
        for one in pq.read_table(scores.file(COVERAGE)).to_pylist()
    ]
    return sorted(made, key=lambda pair: (np.isnan(pair[0].similarity), pair[0].similarity))


def _entry(target: Artifact) -> TargetEntry:
    judging = int(read_target(target).judges.sum())
    return TargetEntry(
        artifact=target,
        name=str(target.summary["name"]),
        source=str(target.summary["source"]),
        n_examples=int(target.summary["n_examples"]),
        n_judging=judging,
    )


def _check_name(name: str) -> str:
    shown = " ".join(name.split())
    if not shown or len(shown) > 80 or set(shown) & set(",="):
        raise InvalidOptions(
            f"{name!r} is no name for a target: give up to 80 letters without a comma or an equals sign."
        )
    return shown


def _examples(workspace: Workspace, dataset_id: str, source: TargetSource) -> list[TargetExample]:
    if source.file:
        path, limits = allowed_data(workspace, source.file), ReadLimits.of_look(workspace.settings)
        if workspace.confined:
            return run_limited(_in_file, path, limits=limits)
        with limited_for_now(limits):
            return _in_file(path)
    if source.task:
        return _of_task(source.task)
    if source.of_rows:
        rows = rows_of(workspace, dataset_id, selection=source.selection, tag=source.tag, scope=source.scope)
        return _of_rows(workspace.artifacts.examples(dataset_id), rows)
    return list(source.examples)


def _of_rows(examples: Artifact, rows: Int64s) -> list[TargetExample]:
    if len(rows) > MOST_EXAMPLES:
        raise InvalidOptions(
            f"{len(rows):,} rows are no target, of which at most {MOST_EXAMPLES:,} examples are: narrow them."
        )
    if not len(rows):
        raise InvalidOptions("No row is meant: widen what the target is made of.")
    table = read_example_rows(examples.file("examples.parquet"), rows, TEXTS)
    return [
        TargetExample(one["prompt"], one["response"], tuple(orjson.loads(one["messages"])), int(row))
        for row, one in zip(rows, table.to_pylist(), strict=True)
    ]


def _in_file(path: str) -> list[TargetExample]:
    return list(islice(_of_file(path), MOST_EXAMPLES + 1))


def _of_file(path: str) -> Iterator[TargetExample]:
    """The rows of a file as an import reads them; of one that no format fits, the first text of every record as a prompt."""
    try:
        files = [SourceFile(**one) for one in plan_import([path], name="target").options["files"]]
    except UnreadableFile:
        records = (texts for texts in read_texts(Path(path).expanduser()) if texts)
        yield from (TargetExample(texts[0], texts[1] if len(texts) > 1 else "") for texts in records)
        return
    for file in files:
        fields = parse_options(load_format(file.format).fields, file.fields)
        how = ReadingOf(encoding=file.encoding, split=file.split, repairs=file.repairs)
        for batch in read_batches(file.path, format_name=file.format, fields=fields, how=how):
            for one in batch.table.select(TEXTS).to_pylist():
                yield TargetExample(one["prompt"], one["response"], tuple(orjson.loads(one["messages"])))


def _of_task(task: str) -> list[TargetExample]:
    from tamis.steps.finetune.harness import Harness

    pairs = Harness([task], Settings().task_folders).examples(TASK_ROWS)
    return [TargetExample(question, answer) for question, answer in pairs]
