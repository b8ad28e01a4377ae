"""What an export is asked: which rows, with the texts of which decisions, and which formats can hold them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import orjson

from tamis.actions.artifact_names import method_label
from tamis.actions.dataset_context import DatasetContext
from tamis.actions.export import files_of, shapes_of, spoken_columns, stored_examples
from tamis.actions.read_rows import read_column, read_rows
from tamis.actions.teams import decides_blind
from tamis.compute.apply import apply_decisions
from tamis.errors import CurationError
from tamis.formats import FORMATS, load_format
from tamis.formats.targets import target_of
from tamis.formats.writer import EXPORT_FORMATS, SOURCE_SHAPE, StoredExample, row_lines
from tamis.formats.written_files import Likeness, preview_table
from tamis.steps.resolve_decisions import AS_IMPORTED, CURRENT, respected_by
from tamis.steps.resolve_rows import EVERY, rows_of
from tamis.store.artifacts.readers import read_token_counts
from tamis.store.artifacts.store import Artifact
from tamis.store.review.decisions import decision_state
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.store.review.frozen_decisions import read_frozen_decisions
from tamis.store.review.types import DecisionState
from tamis.store.workspace import Workspace
from tamis.types import Int64s, Message

__all__ = [
    "AS_IMPORTED", "CURRENT", "EVERY", "SOURCE_SHAPE", "DecisionState", "ExportTexts", "FormatChoice", "RowSource", "TextChoice", "choose_formats",
    "choose_row_source", "choose_texts", "count_tokens", "export_texts", "offered_row_sources", "preview_export",
    "read_decided", "read_scope_rows", "rows_label",
]  # fmt: skip

RowSource = Literal["whole", "selection", "tag", "filter"]
N_PREVIEWED = 5
_N_TRIED = 40


@dataclass(frozen=True, slots=True)
class TextChoice:
    """With which decisions rows can be written: ``pointers``, the usual one first.

    ``made_with`` are the frozen decisions that the selection was made with, "" for none; ``state`` those of now.
    """

    made_with: str
    state: DecisionState

    @property
    def pointers(self) -> tuple[str, ...]:
        """``""`` writes the texts that were trained on; ``current`` those decided now; ``none`` those imported."""
        if self.made_with:
            return ("", CURRENT, AS_IMPORTED)
        return ("", CURRENT) if self.state.decided else ("",)


@dataclass(frozen=True, slots=True)
class ExportTexts:
    """Rows to write. ``pointer`` is what an export request says of decisions, ``mark`` tells equal answers apart from others."""

    pointer: str
    rows: Int64s
    replaced: Mapping[int, Sequence[Message]]
    mark: int
    n_dropped: int

    @property
    def is_decided(self) -> bool:
        """Whether decisions are applied."""
        return self.pointer not in ("", AS_IMPORTED)


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """Formats, those that can hold the rows first; ``obstacles`` says why others cannot. ``usual`` is the default.

    ``is_mixed``: the files had different formats, so that each row of the source's shape has that of its file.
    """

    names: tuple[str, ...]
    obstacles: Mapping[str, str]
    usual: str
    is_mixed: bool


def offered_row_sources(
    context: DatasetContext, *, has_filter: bool, named_selection: str = ""
) -> tuple[RowSource, ...]:
    """From what rows can be taken: the whole dataset, and what there is of selections, tags and a filter.

    A selection that is named counts though a run drew it for itself.
    """
    drawn = {one.id for one in context.view.artifacts if one.kind == "selection"}
    present: dict[RowSource, bool] = {
        "whole": True,
        "selection": bool(context.view.selections) or named_selection in drawn,
        "tag": bool(context.tags.rows),
        "filter": has_filter,
    }
    return tuple(name for name, there in present.items() if there)


def choose_row_source(offered: Sequence[RowSource], asked: str, named: Collection[str]) -> RowSource:
    """What is asked for, else the filter, tag or selection that is ``named``, else the active selection, else all."""
    order: tuple[RowSource, ...] = ("filter", "tag", "selection")
    wanted = [one for one in offered if one == asked] + [one for one in order if one in named]
    usable = [one for one in wanted if one in offered]
    return usable[0] if usable else "selection" if "selection" in offered else "whole"


def rows_label(context: DatasetContext, source: RowSource, *, selection: str = "", tag: str = "") -> str:
    """What the name of a file says about its rows."""
    if source == "selection":
        chosen = context.view.artifact(selection, "selection")
        method = method_label(str(chosen.manifest.options.get("method")))
        return f"{method} {int(chosen.summary['n_selected'])} rows {selection[:6]}"
    return {"tag": tag, "filter": "filtered"}.get(source, "all")


def read_scope_rows(
    context: DatasetContext, *, selection: str = "", tag: str = "", scope: str = ""
) -> Int64s:
    """Sorted ids of the rows that are in everything that is named; all rows when nothing is.

    Raises ArtifactMissing, and InvalidOptions for a tag that is on no row.
    """
    return rows_of(context.workspace, context.dataset_id, selection=selection, tag=tag, scope=scope)


def count_tokens(context: DatasetContext, rows: Int64s) -> int | None:
    """Tokens of these rows as the encoder counted them; None before there are embeddings."""
    if context.view.embeddings is None:
        return None
    return int(read_token_counts(context.view.embeddings)[rows].sum(dtype=np.int64))


def choose_texts(
    context: DatasetContext, selection: str = "", *, state: DecisionState | None = None
) -> TextChoice:
    """The texts that rows of a selection (or any, without one) can be written with.

    ``state`` spares reading the decisions of now.
    """
    workspace, dataset_id = context.workspace, context.dataset_id
    decided = state if state is not None else read_decided(workspace, dataset_id)
    if decides_blind(workspace, dataset_id):
        decided = DecisionState(0, {})  # what was decided is not for those to see who decide the same rows
    chosen = next((one for one in context.view.artifacts if one.id == selection), None)
    return TextChoice(respected_by(chosen) if chosen is not None else "", decided)


def read_decided(workspace: Workspace, dataset_id: str) -> DecisionState:
    """The decisions in force with their texts."""
    return decision_state(workspace.database, dataset_id)


def export_texts(context: DatasetContext, rows: Int64s, choice: TextChoice, pointer: str = "") -> ExportTexts:
    """The rows that are written and the texts that replace the dataset's own; rows to be dropped are left out."""
    if pointer == CURRENT:
        applied = apply_decisions(rows, choice.state.decided)
        return ExportTexts(CURRENT, applied.rows, applied.replaced, choice.state.revision, applied.n_dropped)
    if pointer == AS_IMPORTED or not choice.made_with:
        return ExportTexts(pointer, rows, {}, 0, 0)
    frozen = context.workspace.artifacts.get(context.dataset_id, DECISIONS, choice.made_with)
    applied = apply_decisions(rows, read_frozen_decisions(frozen))
    # A frozen set never changes, so its own name will do for what is remembered of it.
    mark = int(choice.made_with, 16) % 2**53
    return ExportTexts(choice.made_with, applied.rows, applied.replaced, mark, applied.n_dropped)


def choose_formats(context: DatasetContext, rows: Int64s) -> FormatChoice:
    """The formats for these rows, tried on the first of them and on those with the most turns."""
    examples = _tried(context, rows)
    obstacles: dict[str, str] = {}
    for name in FORMATS:
        try:
            for _ in row_lines(iter(examples), format_name=name):
                pass
        except CurationError as error:
            obstacles[name] = str(error)
    is_mixed = len({str(file["format"]) for file in files_of(context.view.examples)}) > 1
    every = dict.fromkeys((SOURCE_SHAPE, *EXPORT_FORMATS))
    names = tuple(sorted(every, key=lambda name: (name in obstacles, name != SOURCE_SHAPE)))
    return FormatChoice(names, obstacles, "messages" if is_mixed else SOURCE_SHAPE, is_mixed)


def preview_export(
    examples: Artifact,
    texts: ExportTexts,
    format_name: str,
    container: str,
    scores: Mapping[str, Artifact] | None = None,
) -> list[str]:
    """The first rows as they will stand in the file, with ``scores`` beside them.

    Raises CurationError when the format or container cannot hold one.
    """
    stored = stored_examples(examples, texts.rows[:N_PREVIEWED], texts.replaced, scores)
    lines = row_lines(stored, format_name=format_name, target=target_of("", container))
    if container in ("csv", "tsv"):
        shaped = format_name == SOURCE_SHAPE
        spoken = spoken_columns(examples) if shaped else load_format(format_name).fields().spoken
        like = Likeness(shapes_of(examples) if shaped else (), spoken)
        return [preview_table(lines, target_of("", container), like)]
    return [line.decode("utf-8", "replace") for line in islice(lines, N_PREVIEWED)]


def _tried(context: DatasetContext, rows: Int64s) -> list[StoredExample]:
    turns = read_column(context, "n_turns")[rows]
    longest = rows[np.argsort(-turns, kind="stable")[:_N_TRIED]]
    wanted = np.union1d(rows[:_N_TRIED], longest)
    table = read_rows(context, wanted, ["messages", "source", "source_row", "meta"])
    return [
        StoredExample(
            messages=orjson.loads(row["messages"]),
            source=row["source"] or "",
            source_row=row["source_row"],
            meta=orjson.loads(row["meta"] or "{}"),
        )
        for row in table.to_pylist()
    ]
