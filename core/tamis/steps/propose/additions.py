"""Proposals about a batch of written rows: add what passes the filters, drop the rest, each with its reasons and parents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.types import JudgedRow
from tamis.errors import ArtifactMissing
from tamis.filters import FILTERS, choose_filters
from tamis.filters.judging import judge_rows, judge_set
from tamis.generators import GENERATORS
from tamis.registry import parse_options
from tamis.steps.augment.material import read_filter_pool, read_task
from tamis.steps.augment.options import AugmentOptions
from tamis.steps.context import StepContext
from tamis.steps.propose.options import MEASURED, ProposeOptions
from tamis.store.artifacts.batches import read_batch, require_batch
from tamis.store.artifacts.proposals import PROPOSALS, SCHEMA
from tamis.store.artifacts.readers import read_scores
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON, Int64s

PASSED, FILTERED = "passed_filters", "filtered"


def propose_additions(context: StepContext, options: ProposeOptions, ids: Int64s) -> dict[str, JSON]:
    """Filter a batch anew, with other filters where some are given, and write a proposal for each row of ``ids``.

    Nothing is asked. Raises InvalidOptions for a dataset that is no batch, ArtifactMissing where what it adds to is gone.
    """
    examples = context.input("examples")
    target = require_batch(examples)
    store = ArtifactStore(context.workspace)
    if store.find(target.dataset_id, "examples", target.examples) is None:
        raise ArtifactMissing(
            f"The dataset {target.dataset_id!r} that this batch adds to was deleted: restore it with tamis datasets restore "
            f"{target.dataset_id}, then propose again. The batch and its decisions are as they were."
        )
    context.progress("filter", 0, 1)
    judged = filter_again(store, examples, options, context.inputs)
    chosen = [judged[row] for row in ids.tolist()]
    lines = [_line(row, one) for row, one in zip(ids.tolist(), chosen, strict=True)]
    pq.write_table(pa.Table.from_pylist(lines, SCHEMA), context.output.path / PROPOSALS, compression="zstd")
    n_add = sum(one.passed for one in chosen)
    reasons = Counter(reason.filter for one in chosen for reason in one.reasons)
    outcomes = {PASSED: n_add, FILTERED: len(chosen) - n_add}
    return {
        "method": options.method,
        "score": "",
        "gamma": None,
        "n_rows": len(chosen),
        "n_keep": 0,
        "n_drop": len(chosen) - n_add,
        "n_replace": 0,
        "n_add": n_add,
        "outcomes": {name: n for name, n in outcomes.items() if n},
        "reasons": {name: reasons[name] for name in FILTERS if reasons[name]},
    }


def filter_again(
    store: ArtifactStore, examples: Artifact, options: ProposeOptions, inputs: Mapping[str, Artifact]
) -> list[JudgedRow]:
    """The rows of a batch as filters see them now, with the scores that some of them read."""
    asked = parse_options(AugmentOptions, examples.manifest.options)
    switches = {**asked.filters, **options.filters}
    row = GENERATORS[asked.generator]
    filters = choose_filters(switches, row.filters, row.without)
    task = read_task(store, asked)
    pool = read_filter_pool(store, asked, task, examples.manifest.dataset_id)
    rows = [one.row for one in read_batch(examples)]
    for name, artifact in _measured(inputs).items():
        values = read_scores(artifact)
        rows = [
            replace(row, meta={**row.meta, name: float(value)}) if np.isfinite(value) else row
            for row, value in zip(rows, values, strict=True)
        ]
    return judge_set(judge_rows(rows, filters, pool), filters, pool)


def _measured(inputs: Mapping[str, Artifact]) -> dict[str, Artifact]:
    """The scores among the inputs that filters read, by their name."""
    return {name.removeprefix(MEASURED): one for name, one in inputs.items() if name.startswith(MEASURED)}


def _line(row: int, judged: JudgedRow) -> dict[str, JSON]:
    why = " ".join(reason.said for reason in judged.reasons) or "Nothing speaks against the row."
    reasons = [asdict(one) | {"near": one.near and one.near._asdict()} for one in judged.reasons]
    evidence = {
        "why": why,
        "reasons": reasons,
        "parents": list(judged.row.provenance.parent_ids),
        "looked_at": judged.looked_at,
    }
    return {
        "example_id": row,
        "action": "add" if judged.passed else "drop",
        "outcome": PASSED if judged.passed else FILTERED,
        "confidence": float("nan"),
        "verdict_confidence": float("nan"),
        "candidate": None,
        "evidence": orjson.dumps(evidence).decode(),
    }
