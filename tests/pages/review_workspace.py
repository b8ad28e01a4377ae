"""Proposals for tests of the review, written as the step ``propose`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.store.artifacts.proposals import PROPOSALS, SCHEMA
from tamis.store.artifacts.store import Artifact, ArtifactStore, make_manifest


def write_proposals(
    workspace: Path,
    dataset_id: str,
    rows: Sequence[dict[str, Any]],
    *,
    identifier: str = "aaaa000011112222",
    score: str = "confidence",
) -> Artifact:
    """An artifact with these rows; what a row does not say has a usual value."""
    usual = {
        "outcome": "below_threshold",
        "confidence": 0.5,
        "verdict_confidence": float("nan"),
        "candidate": None,
        "evidence": orjson.dumps({"why": "The confidence 0.5 is not above the threshold 0.6."}).decode(),
    }
    table = pa.Table.from_pylist([usual | row for row in rows], schema=SCHEMA)
    actions = table["action"].to_pylist()
    store = ArtifactStore(workspace)
    with store.writing(dataset_id, "proposals", identifier) as writer:
        pq.write_table(table, writer.path / PROPOSALS, compression="zstd")
        writer.commit(
            make_manifest(
                writer,
                kind="proposals",
                identifier=identifier,
                dataset_id=dataset_id,
                step="propose",
                options={"method": "correct"},
                inputs={},
                format_version=1,
                summary={
                    "method": "correct",
                    "score": score,
                    "n_rows": len(rows),
                    "gamma": 0.6,
                    **{f"n_{action}": actions.count(action) for action in ("keep", "drop", "replace")},
                },
            )
        )
    return store.get(dataset_id, "proposals", identifier)


def mixed_rows(n: int = 40) -> list[dict[str, Any]]:
    """For every row in turn: replace, drop, keep, drop; the confidence grows with the row."""
    rows: list[dict[str, Any]] = []
    for i in range(n):
        if i % 4 == 0:
            evidence = {
                "why": f"The judge prefers the candidate of row {i}.",
                "verdicts": [
                    {"order": "original first", "found": "candidate", "probabilities": {"A": 0.1, "B": 0.88, "C": 0.02}},
                    {"order": "candidate first", "found": "candidate", "probabilities": {"A": 0.9, "B": 0.08, "C": 0.02}},
                ],
                "was_cut": False,
                "contains_template": False,
            }  # fmt: skip
            rows.append(
                {
                    "action": "replace",
                    "outcome": "corrected",
                    "candidate": f"A better answer {i} on this.",
                    "verdict_confidence": 0.8 + 0.005 * i,
                    "evidence": orjson.dumps(evidence).decode(),
                }
            )
        elif i % 4 == 2:
            rows.append({"action": "keep", "outcome": "passed"})
        else:
            rows.append({"action": "drop"})
        rows[-1] |= {"example_id": i, "confidence": i / n}
    return rows
