"""What the rounds of a refinement add up to: tables over all of them, and an ordinary selection after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.steps.context import StepContext
from tamis.steps.refine.options import RefineOptions
from tamis.steps.refine.state import read_pool
from tamis.steps.refine.texts import read_corrections
from tamis.store.artifacts.choices import METHOD
from tamis.store.artifacts.refinements import (
    FLAGS_SCHEMA,
    PICKS_SCHEMA,
    WEIGHTS_SCHEMA,
    make_table,
    read_flags,
    read_round_clusters,
    read_round_picks,
    schema_of,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore, artifact_id, make_manifest
from tamis.types import JSON, Float64s, Int64s

SELECTION_FORMAT = 1
SELECTION_SCHEMA = schema_of(
    example_id=pa.int64(), cluster_id=pa.int32(), rank=pa.int64(), weight=pa.float32()
)
STEP = "refine"


def all_weights(chain: Sequence[Artifact]) -> pa.Table:
    """Weight per round and cluster; round 0 holds what the first round drew by."""
    first = read_round_clusters(chain[0])
    n = first.num_rows
    start = {
        "cluster_id": first["cluster_id"],
        "weight": first["weight_before"],
        "score": np.full(n, np.nan),
        "standard_error": np.full(n, np.nan),
        "effect": np.full(n, np.nan),
        "deviation": np.full(n, np.nan),
        "probability_below": np.full(n, np.nan),
        "n_scored": np.zeros(n, dtype=np.int64),
        "budget": np.zeros(n, dtype=np.int64),
        "factor": first["factor"],
    }
    tables = [_numbered(start, 0, WEIGHTS_SCHEMA)]
    for one in chain:
        table = read_round_clusters(one)
        columns = _columns(table) | {"weight": table["weight_after"]}
        tables.append(_numbered(columns, _number(one), WEIGHTS_SCHEMA))
    return pa.concat_tables(tables)


def all_picks(chain: Sequence[Artifact], context: StepContext, options: RefineOptions) -> pa.Table:
    """Every row still selected after the last round, in the order of rounds and draws.

    ``weight`` is the part of the row's cluster that is selected, among rows that could have been.
    """
    corrections = read_corrections(context.inputs)
    tables = [_numbered(_columns(read_round_picks(one)), _number(one), PICKS_SCHEMA) for one in chain]
    picks = pa.concat_tables(tables)
    gone = np.isin(picks["example_id"].to_numpy(), corrections.dropped)
    picks = picks.filter(pa.array(~gone))
    share = _shares(picks["example_id"].to_numpy(), context, options, corrections.dropped)
    return picks.set_column(
        PICKS_SCHEMA.get_field_index("weight"), "weight", pa.array(share, pa.float32())
    ).cast(PICKS_SCHEMA)


def all_flags(chain: Sequence[Artifact]) -> pa.Table:
    """The flags of every round."""
    return pa.concat_tables(
        [_numbered(_columns(read_flags(one)), _number(one), FLAGS_SCHEMA) for one in chain]
    )


def write_selection(
    store: ArtifactStore, context: StepContext, options: RefineOptions, chain: Sequence[Artifact]
) -> Artifact:
    """Everything selected after the last round of ``chain``, as the selection that any other part of Tamis reads."""
    last = chain[-1]
    roles = ("examples", "clustering", "scores", "within", "pinned", "excluded", "decisions")
    inputs = {role: context.inputs[role].id for role in roles if role in context.inputs} | {"round": last.id}
    named = _selection_options(options, chain)
    identifier = artifact_id(
        "selection", options={"step": STEP} | named, inputs=inputs, format_version=SELECTION_FORMAT
    )
    stored = store.find_whole(context.dataset_id, "selection", identifier)
    if stored is not None:
        return stored
    picks = all_picks(chain, context, options)
    with store.writing(context.dataset_id, "selection", identifier) as writer:
        table = make_table(SELECTION_SCHEMA, _columns(picks) | {"rank": np.arange(picks.num_rows)})
        pq.write_table(table, writer.path / "selection.parquet", compression="zstd")
        manifest = make_manifest(
            writer,
            kind="selection",
            identifier=identifier,
            dataset_id=context.dataset_id,
            step=STEP,
            options=named,
            inputs=inputs,
            format_version=SELECTION_FORMAT,
            summary=_selection_summary(context, options, chain, picks),
        )
        writer.commit(manifest)
    return store.get(context.dataset_id, "selection", identifier)


def _selection_options(options: RefineOptions, chain: Sequence[Artifact]) -> dict[str, JSON]:
    shared = options.of_every_round()
    return {
        "method": METHOD,
        "method_options": {key: value for key, value in shared.items() if key not in ("seed", "quality")},
        "budget": sum(int(one.manifest.options["n_rows"]) for one in chain),
        "unit": "rows",
        "quality": shared.get("quality", "none"),
        "seed": options.seed,
        "round": _number(chain[-1]),
    }


def _selection_summary(
    context: StepContext, options: RefineOptions, chain: Sequence[Artifact], picks: pa.Table
) -> dict[str, JSON]:
    scores = context.inputs.get("scores")
    budget = sum(int(one.manifest.options["n_rows"]) for one in chain)
    pool = read_pool(context.inputs, options, read_corrections(context.inputs).dropped)
    return {
        "method": METHOD,
        "n_selected": picks.num_rows,
        "n_rows": int(context.input("examples").summary["n_examples"]),
        "budget": budget,
        "unit": "rows",
        "shortfall": max(0, budget - picks.num_rows),
        "quality": scores.manifest.options["scorer"] if scores else "none",
        "n_clusters": pool.n_clusters,
        "n_pinned": int(pool.pinned.sum()),
        "n_excluded": int(pool.excluded.sum()),
        "n_clusters_hit": len(pc.unique(picks["cluster_id"])),
        "round": _number(chain[-1]),
        "mode": options.mode,
        "control": options.control,
        "cheap": options.cheap,
    }


def _shares(rows: Int64s, context: StepContext, options: RefineOptions, dropped: Int64s) -> Float64s:
    """Per row, the picked part of its cluster."""
    pool = read_pool(context.inputs, options, dropped)
    groups = pool.groups()
    open_rows = ~pool.excluded
    open_rows[rows] = True  # a row picked before it was excluded still counts as one that could be
    available = np.bincount(groups[open_rows], minlength=pool.n_clusters + 1)
    picked = np.bincount(groups[rows], minlength=pool.n_clusters + 1)
    shares: Float64s = (picked / np.maximum(available, 1))[groups[rows]]
    return shares


def _number(one: Artifact) -> int:
    return int(one.manifest.options["round"])


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: table[name] for name in table.column_names}


def _numbered(columns: Mapping[str, Any], number: int, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema``, ``round`` being the number given."""
    n_rows = len(columns["cluster_id"])
    return make_table(schema, {**columns, "round": np.full(n_rows, number, dtype=np.int32)})
