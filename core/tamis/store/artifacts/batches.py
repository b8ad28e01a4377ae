"""Batches of synthetic rows: datasets that are additions to another, with where each row comes from and what is against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.types import DraftProblem, JudgedRow, Near, Provenance, Reason, SyntheticRow
from tamis.errors import InvalidOptions
from tamis.store.artifacts.readers import read_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Bools, Int64s

SYNTHETIC = "synthetic:"  # what the source of a row begins with that a model wrote
PROVENANCE, ASKED = "provenance.parquet", "asked.jsonl"
_NEAR = pa.struct([pa.field("dataset", pa.string()), pa.field("example_id", pa.int64())])
_REASON = pa.struct(
    [
        pa.field("filter", pa.string()),
        pa.field("said", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("limit", pa.float64()),
        pa.field("near", _NEAR),
    ]
)
_IDS = pa.list_(pa.int64())
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    *(pa.field(name, pa.string()) for name in ("generator", "template")),
    pa.field("parent_ids", _IDS),
    pa.field("demo_ids", _IDS),
    *(pa.field(name, pa.string()) for name in ("group", "label")),
    *(pa.field(name, pa.int64()) for name in ("brief_version", "round", "job", "attempt")),
    *(pa.field(name, pa.string()) for name in ("model", "prompt_hash")),
    pa.field("seed", pa.int64()),
    pa.field("temperature", pa.float64()),
    pa.field("prompt_tokens", pa.int64()),
    pa.field("completion_tokens", pa.int64()),
    pa.field("reasons", pa.list_(_REASON)),
    pa.field("looked_at", pa.string()),
    pa.field("passed", pa.bool_()),
]
SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True, slots=True)
class AdditionsTo:
    """The dataset that a batch was written for, and its examples then."""

    dataset_id: str
    examples: str


def additions_to(examples: Artifact) -> AdditionsTo | None:
    """What a batch adds to; None for a dataset that is no batch."""
    recorded = examples.summary.get("additions_to")
    return AdditionsTo(**recorded) if recorded else None


def require_batch(examples: Artifact) -> AdditionsTo:
    """The same; raises InvalidOptions for a dataset that is no batch."""
    target = additions_to(examples)
    if target is None:
        raise InvalidOptions(
            f"{examples.manifest.dataset_id!r} is no batch of written rows. Make one first: tamis run augment --dataset "
            f"{examples.manifest.dataset_id}."
        )
    return target


def every_batch(store: ArtifactStore) -> list[tuple[AdditionsTo, Artifact]]:
    """The examples of every batch of a workspace with what it adds to, oldest first."""
    found = [store.list(one, "examples") for one in store.dataset_ids()]
    batches = [(target, one[0]) for one in found if one and (target := additions_to(one[0]))]
    return sorted(batches, key=lambda pair: pair[1].manifest.sequence)


def batches_of(store: ArtifactStore, dataset_id: str) -> list[Artifact]:
    """The examples of every batch that adds to a dataset, oldest first."""
    return [batch for target, batch in every_batch(store) if target.dataset_id == dataset_id]


def provenance_table(judged: Sequence[JudgedRow]) -> pa.Table:
    """Provenance, reasons and whether it passed, of every row in order."""
    lines = [
        {"example_id": place, **asdict(one.row.provenance)}
        | {
            "reasons": [_reason(reason) for reason in one.reasons],
            "looked_at": one.looked_at,
            "passed": one.passed,
        }
        for place, one in enumerate(judged)
    ]
    return pa.Table.from_pylist(lines, SCHEMA)


def read_provenance(examples: Artifact) -> pa.Table:
    """The same of a batch; raises InvalidOptions for a dataset that is none."""
    require_batch(examples)
    return pq.read_table(examples.file(PROVENANCE))


def passed_rows(examples: Artifact) -> Int64s:
    """Ids of the rows of a batch against which nothing spoke when it was written."""
    passed: Bools = read_provenance(examples)["passed"].to_numpy().astype(np.bool_)
    return np.flatnonzero(passed).astype(np.int64)


def read_batch(examples: Artifact) -> list[JudgedRow]:
    """The rows of a batch as they were written and judged."""
    about = read_provenance(examples).to_pylist()
    texts = read_examples(examples, ["messages", "meta"]).to_pylist()
    rows = []
    for one, text in zip(about, texts, strict=True):
        fields = {name: one[name] for name in Provenance.__dataclass_fields__}
        fields |= {name: tuple(fields[name]) for name in ("parent_ids", "demo_ids")}
        row = SyntheticRow(
            tuple(orjson.loads(text["messages"])), Provenance(**fields), orjson.loads(text["meta"])
        )
        reasons = tuple(Reason(**reason | {"near": _near(reason["near"])}) for reason in one["reasons"])
        rows.append(JudgedRow(row, reasons, one["looked_at"]))
    return rows


def problem_lines(problems: Sequence[tuple[int, DraftProblem]]) -> list[dict[str, Any]]:
    """Jobs that gave no row as lines that were not imported: number of the job from 1, reason, raw answer."""
    return [
        {"file": 0, "line": job + 1, "reason": f"{one.kind}: {one.said}", "raw": one.raw}
        for job, one in problems
    ]


def is_synthetic(examples: Artifact) -> Bools:
    """Which rows of a dataset a model wrote, shape (n,), in whatever version they came in."""
    sources = read_examples(examples, ["source"])["source"].to_pylist()
    return np.array([(one or "").startswith(SYNTHETIC) for one in sources], dtype=np.bool_)


def _reason(reason: Reason) -> dict[str, Any]:
    packed = {name: getattr(reason, name) for name in ("filter", "said", "value", "limit")}
    return packed | {"near": None if reason.near is None else reason.near._asdict()}


def _near(packed: dict[str, Any] | None) -> Near | None:
    return None if packed is None else Near(**packed)
