"""What a selection was made from: the method's own picks, the problem that it solved, and the edits by hand since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tamis.errors import ArtifactMissing, CurationError, InvalidOptions
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.selectors.explanation import Explainer
from tamis.selectors.problem import Problem
from tamis.steps.select.options import SelectOptions
from tamis.steps.select.step import make_problem
from tamis.steps.spec import as_recorded
from tamis.store.artifacts.readers import read_selection
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Int64s

REPLACE = "replace_rows"  # the step of a selection in which rows were replaced by hand, in manifests
BASE, EDITS = (
    "base",
    "edits",
)  # the selection that it was made from, and pairs of the row taken out and the one put in


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The selection that a method made, what it was given, and the ``edits`` since: row taken out, row put in, oldest first."""

    made: Artifact
    options: SelectOptions
    problem: Problem
    inputs: Mapping[str, Artifact]
    edits: tuple[tuple[int, int], ...]

    def explainer(self) -> Explainer:
        """What says why of the method's own picks; raises CurationError where this edition would pick others."""
        rows: Int64s = read_selection(self.made).sort_by("rank")["example_id"].to_numpy()
        make = SELECTORS[self.options.method].load_explainer()
        return make(self.problem, self.options.chosen_options("method"), rows)


def origin_of(store: ArtifactStore, selection: Artifact) -> Origin:
    """How a selection came about.

    Raises CurationError for one that no selection method made, or whose manifest does not say how, and ArtifactMissing where
    what it was made from is gone.
    """
    edits: list[tuple[int, int]] = []
    made = selection
    while made.manifest.step == REPLACE:
        edits[:0] = [(int(out), int(into)) for out, into in made.manifest.options[EDITS]]
        made = store.get(made.manifest.dataset_id, "selection", made.manifest.inputs[BASE])
    manifest = made.manifest
    if manifest.step != "select" or manifest.options.get("method") not in SELECTORS:
        raise CurationError(
            f"Selection {made.id} was drawn by {manifest.step!r}, round by round, with weights that are not kept for every "
            "row, so there is no saying why of one row: ask of a selection that tamis run select made."
        )
    options = _options(made)
    inputs = {need.role: _input(store, made, need.role, need.kind, need.optional) for need in options.needs()}
    there = {role: one for role, one in inputs.items() if one is not None}
    n_rows = int(there["examples"].summary["n_examples"])
    problem = make_problem(there, options, n_rows)
    return Origin(made=made, options=options, problem=problem, inputs=there, edits=tuple(edits))


def _options(made: Artifact) -> SelectOptions:
    manifest = made.manifest
    given = as_recorded(SelectOptions, manifest.options)
    given |= {role: manifest.inputs[role] for role in SelectOptions.POINTERS if role in manifest.inputs}
    try:
        return parse_options(SelectOptions, given)
    except InvalidOptions as error:
        raise CurationError(
            f"Selection {made.id} was made by another edition, whose record this one cannot read ({error}): select again with "
            "the same method, and ask about that selection."
        ) from error


def _input(store: ArtifactStore, made: Artifact, role: str, kind: str, optional: bool) -> Artifact | None:
    identifier = made.manifest.inputs.get(role)
    if identifier is None and optional:
        return None
    if identifier is None:
        raise CurationError(
            f"Selection {made.id} does not record its {role}, so there is no saying why it took a row: another edition made "
            "it. Select again with the same method, and ask about that selection."
        )
    found = store.find(made.manifest.dataset_id, kind, identifier)
    if found is None:
        raise ArtifactMissing(
            f"Selection {made.id} was made from {role} {identifier}, which is not there any more, so there is no saying why it "
            "took a row: select again, and ask about that selection."
        )
    return found
