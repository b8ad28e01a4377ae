"""Why a row is in a selection or not, and the edit of a selection by hand: this one instead of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.actions.active import activate
from tamis.actions.roles import needs
from tamis.actions.selection_origin import BASE, EDITS, REPLACE, Origin, origin_of
from tamis.errors import InvalidOptions, no_such_row
from tamis.reprs import HtmlFacts
from tamis.selectors.explanation import Explanation
from tamis.selectors.explanation_text import say_explanation
from tamis.selectors.options import StratifiedOptions
from tamis.store.artifacts.readers import read_selection
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id, make_manifest
from tamis.store.names import cluster_names
from tamis.store.workspace import Workspace
from tamis.types import JSON, NOISE, Int64s

KIND = "selection"
__all__ = ["REPLACE", "RowExplanation", "edits_of", "explain_row", "remake_edits", "replace_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExplanation(HtmlFacts):
    """Why a row is in a selection or not: in ``sentences``, the answer first, and in numbers.

    ``replaced`` is the row that it stands in for, or that stands in for it, where a person replaced one by the other.
    """

    selection_id: str
    sentences: tuple[str, ...]
    explanation: Explanation
    replaced: int | None = None

    @property
    def picked(self) -> bool:
        """Whether the row is in the selection."""
        return self.explanation.picked

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def explain_row(workspace: Workspace, selection: Artifact, row: int) -> RowExplanation:
    """Why a row is in the selection or not, exactly: the method is asked with the same inputs, seed and options.

    Raises InvalidOptions for a row that there is not, CurationError for a selection that no method made or that this edition
    would make otherwise, ArtifactMissing where what it was made from is gone.
    """
    origin = origin_of(workspace.artifacts, selection)
    _check_row(row, origin.problem.n_rows)
    said = replace(origin.explainer().explain(row), unit=_unit(origin))
    sentences = say_explanation(said, _group_names(workspace, origin))
    moved = [edit for edit in origin.edits if row in edit]
    if moved:
        out, into = moved[-1]
        by_hand = replace(
            said, picked=row == into, reason="put in by hand" if row == into else "taken out by hand"
        )
        other = f" in place of row {out:,}." if row == into else f"; row {into:,} stands in its place."
        first = say_explanation(by_hand, str)[0].removesuffix(".") + other
        sentences = (
            first,
            "By the method itself: " + sentences[0][:1].lower() + sentences[0][1:],
            *sentences[1:],
        )
        said = by_hand
    return RowExplanation(
        selection_id=selection.id,
        sentences=sentences,
        explanation=said,
        replaced=sum(moved[-1]) - row if moved else None,
    )


@needs("curator", noted="replace")
def replace_row(workspace: Workspace, dataset_id: str, artifact_id: str, row: int, by: int) -> Artifact:
    """Take one row of a selection out and another in: a new selection, which is the active one from then on.

    Its manifest names the selection that it was made from and the edit, so that it can be made again; making the parent
    active takes it back. The new row stands at the place of the old one. Raises InvalidOptions for a row that there is not, one that is
    not in (or already in), a pinned row and one that the selection may not pick from; and what ``explain_row`` raises.
    """
    store = workspace.artifacts
    selection = store.get(dataset_id, KIND, artifact_id)
    made = _write(store, selection, ((row, by),))
    activate(workspace, dataset_id, made.id)
    return made


def edits_of(store: ArtifactStore, selection: Artifact) -> tuple[tuple[int, int], ...]:
    """The rows replaced by hand since a method made the selection: row taken out, row put in; oldest first."""
    edits: list[tuple[int, int]] = []
    while selection.manifest.step == REPLACE:
        edits[:0] = [(int(out), int(into)) for out, into in selection.manifest.options[EDITS]]
        selection = store.get(selection.manifest.dataset_id, KIND, selection.manifest.inputs[BASE])
    return tuple(edits)


def remake_edits(store: ArtifactStore, recorded: Manifest) -> Artifact:
    """The edited selection that a manifest records, from its parent, which is there."""
    parent = store.get(recorded.dataset_id, KIND, recorded.inputs[BASE])
    return _write(store, parent, tuple((int(out), int(into)) for out, into in recorded.options[EDITS]))


def _write(store: ArtifactStore, parent: Artifact, edits: Sequence[tuple[int, int]]) -> Artifact:
    origin = origin_of(store, parent)
    table = read_selection(parent).sort_by("rank")
    rows: Int64s = table["example_id"].to_numpy().copy()
    for out, into in edits:
        _check_edit(origin, rows, out, into)
        rows[rows == out] = into
    options = dict(parent.manifest.options) | {EDITS: [list(edit) for edit in edits]}
    inputs = {**parent.manifest.inputs, BASE: parent.id}
    name = artifact_id(KIND, options={"step": REPLACE} | options, inputs=inputs, format_version=1)
    dataset_id = parent.manifest.dataset_id
    known = store.find_whole(dataset_id, KIND, name)
    if known is not None:
        return known
    cluster_of = origin.problem.cluster_id
    clusters = np.full(rows.size, NOISE) if cluster_of is None else cluster_of[rows]
    changed = {"example_id": pa.array(rows), "cluster_id": pa.array(clusters.astype(np.int32))}
    columns = [changed.get(one, table[one]) for one in table.column_names]
    with store.writing(dataset_id, KIND, name) as writer:
        edited = pa.table(columns, names=table.column_names)
        pq.write_table(edited, writer.path / "selection.parquet", compression="zstd")
        writer.commit(
            make_manifest(
                writer, kind=KIND, identifier=name, dataset_id=dataset_id, step=REPLACE, options=options, inputs=inputs,
                format_version=1, summary=_summary(origin, parent, rows, n_edits=len(edits)),
            )
        )  # fmt: skip
    return store.get(dataset_id, KIND, name)


def _summary(origin: Origin, parent: Artifact, rows: Int64s, *, n_edits: int) -> Mapping[str, JSON]:
    """The parent's numbers for the rows that are in now; how far quality counts is the method's own and not said of edits."""
    problem, summary = origin.problem, dict(parent.summary)
    summary["quality_gain"] = None
    summary["n_replaced"] = int(summary.get("n_replaced") or 0) + n_edits
    if problem.cluster_id is not None:
        summary["n_clusters_hit"] = len(np.unique(problem.cluster_id[rows]))
    if problem.costs is not None:
        spent = int(problem.costs.steps[rows].sum())
        summary["cost_spent"] = problem.costs.in_units(spent)
        summary["cost_unused"] = problem.costs.in_units(max(0, problem.budget - spent))
    elif problem.token_counts is not None:
        summary["n_tokens"] = int(problem.token_counts[rows].sum())
        summary["n_unused_tokens"] = max(0, problem.budget - summary["n_tokens"])
    return summary


def _check_edit(origin: Origin, rows: Int64s, out: int, into: int) -> None:
    problem = origin.problem
    for row in (out, into):
        _check_row(row, problem.n_rows)
    if out not in rows:
        raise InvalidOptions(
            f"Row {out:,} is not in the selection, so nothing can stand in for it: name a row that is."
        )
    if into in rows:
        raise InvalidOptions(f"Row {into:,} is in the selection already: name one that is not.")
    if problem.pinned[out]:
        raise InvalidOptions(f"Row {out:,} is pinned, so it is always in: select again without pinning it.")
    if problem.excluded[into]:
        raise InvalidOptions(
            f"Row {into:,} is not among the rows that this selection may pick from: select again without leaving it out."
        )


def _check_row(row: int, n_rows: int) -> None:
    if not 0 <= row < n_rows:
        raise no_such_row(row, n_rows)


def _unit(origin: Origin) -> str:
    options = origin.options
    return {"cost": options.cost, "tokens": "tokens"}.get(options.unit, "rows")


def _group_names(workspace: Workspace, origin: Origin) -> Callable[[int], str]:
    chosen, clustering = origin.options.chosen_options("method"), origin.inputs.get("clustering")
    if isinstance(chosen, StratifiedOptions):
        return lambda group: (
            f"Group {group:,} of {chosen.column}" if group >= 0 else f"The rows without {chosen.column}"
        )
    names = {} if clustering is None else cluster_names(workspace.database, clustering).names

    def name(group: int) -> str:
        if group == NOISE:
            return "What lies outside every cluster"
        return f"Cluster {group:,} ({names[group]})" if group in names else f"Cluster {group:,}"

    return name
