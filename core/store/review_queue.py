"""The queue of a review: proposals in the order in which they are worth a person's time, and rules over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa
from pydantic import Field

from core.compute.apply import with_response
from core.errors import InvalidOptions
from core.registry import Options
from core.store.artifacts import Artifact
from core.store.decision_types import BulkChoice, Decision, Verdict
from core.store.proposals import read_proposals
from core.store.readers import read_examples
from core.store.row_sets import difference, intersection, row_set
from core.types import Bools, Float64s, Int32s, Int64s, Message

Order = Literal["confidence", "disagreement", "expected_gain", "cluster"]
ORDERS: Mapping[Order, str] = MappingProxyType(
    {
        "confidence": "Lowest confidence first",
        "disagreement": "Least certain verdict first",
        "expected_gain": "Largest expected gain first",
        "cluster": "Cluster by cluster",
    }
)


class BulkRule(Options):
    """Which proposals a bulk decision is about; a row has to meet everything that is given."""

    action: Literal["", "keep", "drop", "replace"] = Field(
        "", description="What is proposed; anything when empty."
    )
    outcome: str = Field("", description="How the proposal came about, such as order_disagreement.")
    verdict_confidence_above: float | None = Field(
        None, ge=0, le=1, description="The judge is surer than this that the candidate is better."
    )
    verdict_confidence_below: float | None = Field(
        None, ge=0, le=1, description="The judge is less sure than this."
    )
    confidence_above: float | None = Field(None, description="The row's confidence is above this.")
    confidence_below: float | None = Field(None, description="The row's confidence is below this.")

    def describe(self) -> str:
        """The rule in words, as the history keeps it."""
        said = [
            f"{name} {value}" for name, value in (("action", self.action), ("outcome", self.outcome)) if value
        ]
        bounds = (
            ("verdict confidence above", self.verdict_confidence_above),
            ("verdict confidence below", self.verdict_confidence_below),
            ("confidence above", self.confidence_above),
            ("confidence below", self.confidence_below),
        )
        said += [f"{name} {value:g}" for name, value in bounds if value is not None]
        return " and ".join(said) or "every proposal"


@dataclass(frozen=True, slots=True)
class Matching:
    """What a rule is about before it is applied.

    ``ids`` are ascending; ``n_by_action`` counts them by what is proposed; ``n_decided`` rows meet the rule too and
    are left out because a person decided them already.
    """

    ids: Int64s
    n_by_action: Mapping[str, int]
    n_decided: int


def order_queue(proposals: Artifact, rows: Int64s, by: Order, *, cluster_ids: Int32s | None = None) -> Int64s:
    """``rows`` (ascending example ids) in the order of the queue; equal ones by id, those without the value last.

    confidence: lowest first. disagreement: verdicts that changed with the order of the answers first, then those
    nearest to 0.5. expected_gain: verdict confidence minus confidence, largest first. cluster: the largest clusters of
    the queue first, inside by confidence, noise last; needs ``cluster_ids`` of every example. Raises InvalidOptions.
    """
    if by not in ORDERS:
        raise InvalidOptions(f"There is no order {by!r} of the queue; use {', '.join(ORDERS)}.")
    columns = ["example_id", "outcome", "confidence", "verdict_confidence"]
    table = _at(read_proposals(proposals, columns), rows)
    confidence = _numbers(table, "confidence")
    verdict = _numbers(table, "verdict_confidence")
    # np.lexsort sorts by the last key first, is stable, and puts NaN last.
    if by == "confidence":
        return rows[np.lexsort((confidence,))]
    if by == "disagreement":
        agrees = np.asarray(table["outcome"].to_pylist(), dtype=object) != "order_disagreement"
        return rows[np.lexsort((np.abs(verdict - 0.5), agrees))]
    if by == "expected_gain":
        return rows[np.lexsort((confidence - verdict,))]
    if cluster_ids is None:
        raise InvalidOptions(
            "The order by cluster needs a clustering. Run 'cluster' first, or choose another order."
        )
    clusters = cluster_ids[rows]
    found, place, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    largest_first = np.where(found < 0, 1, -sizes)
    return rows[np.lexsort((confidence, clusters, largest_first[place]))]


def matching_proposals(
    proposals: Artifact,
    rule: BulkRule,
    *,
    within: Int64s | None = None,
    decided: Sequence[int] | Mapping[int, object] = (),
) -> Matching:
    """The rows whose proposal meets a rule, without those decided already; ``within`` narrows them to a scope."""
    table = read_proposals(proposals, ["example_id", "action", "outcome", "confidence", "verdict_confidence"])
    met = _bounded(_numbers(table, "confidence"), rule.confidence_above, rule.confidence_below)
    met &= _bounded(
        _numbers(table, "verdict_confidence"), rule.verdict_confidence_above, rule.verdict_confidence_below
    )
    for column, wanted in (("action", rule.action), ("outcome", rule.outcome)):
        if wanted:
            met &= np.asarray(table[column].to_pylist(), dtype=object) == wanted
    ids = table["example_id"].to_numpy()[met]
    if within is not None:
        ids = intersection(ids, row_set(within))
    left = difference(ids, row_set(np.fromiter(decided, dtype=np.int64)))
    actions = _at(table.select(["example_id", "action"]), left)["action"].to_pylist()
    counts = {action: actions.count(action) for action in sorted({a for a in actions if a})}
    return Matching(left, MappingProxyType(counts), len(ids) - len(left))


def proposal_choices(
    examples: Artifact,
    proposals: Artifact,
    ids: Int64s,
    *,
    approve: bool = True,
    decided: Mapping[int, Decision] | None = None,
) -> list[BulkChoice]:
    """Choices that approve the proposals of these rows, or reject them, which keeps the rows as they are.

    ``decided`` are the decisions that the person saw; a row that somebody decides in between becomes a conflict.
    Raises InvalidOptions for a row without a proposal, or a replacement without a text.
    """
    table = _at(read_proposals(proposals, ["example_id", "action", "candidate"]), ids)
    texts = read_examples(examples, ["messages"])["messages"].take(ids).to_pylist()
    choices = []
    for example_id, row, text in zip(ids.tolist(), table.to_pylist(), texts, strict=True):
        original = orjson.loads(str(text))
        verdict, messages = _approved(example_id, row, original) if approve else ("keep", None)
        in_force = (decided or {}).get(example_id)
        seen = in_force.event_id if in_force else 0
        choices.append(BulkChoice(example_id, verdict, messages, original, seen))
    return choices


def _approved(
    example_id: int, row: Mapping[str, str | None], original: list[Message]
) -> tuple[Verdict, tuple[Message, ...] | None]:
    if row["action"] == "replace":
        if not row["candidate"]:
            raise InvalidOptions(f"Row {example_id} is proposed to be replaced by nothing; edit it by hand.")
        return "replace", with_response(original, row["candidate"])
    if row["action"] is None:
        raise InvalidOptions(f"Row {example_id} has no proposal; leave it out.")
    return ("drop" if row["action"] == "drop" else "keep"), None


def _at(table: pa.Table, rows: Int64s) -> pa.Table:
    """The rows of a table sorted by example_id at these ids, null where it has none."""
    known = table["example_id"].to_numpy()
    if not len(known):
        return table.take(pa.nulls(len(rows), pa.int64()))
    place = np.searchsorted(known, rows).clip(max=len(known) - 1)
    return table.take(pa.array(place, mask=known[place] != rows))


def _numbers(table: pa.Table, column: str) -> Float64s:
    values: Float64s = table[column].to_numpy().astype(np.float64)
    return values


def _bounded(values: Float64s, above: float | None, below: float | None) -> Bools:
    met = np.ones(len(values), dtype=np.bool_)
    if above is not None:
        met &= values > above
    if below is not None:
        met &= values < below
    return met
