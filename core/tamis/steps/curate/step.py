"""curate: a dataset with its decisions applied, as a new dataset that knows its parent; nothing is overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tamis.compute.apply import Applied
from tamis.errors import InvalidOptions
from tamis.formats.conversation import build_example
from tamis.formats.parsing import content_hash
from tamis.steps.context import StepContext
from tamis.steps.curate.join import JoinedBatch, plan_additions, read_additions, write_lineage
from tamis.steps.curate.options import CurateOptions
from tamis.steps.import_file.identify import slug
from tamis.steps.import_file.step import REJECTS_SCHEMA, ROW_GROUP, STORED_SCHEMA
from tamis.steps.resolve_decisions import CURRENT, apply_frozen, find_decisions
from tamis.store.artifacts.readers import EXAMPLES, REJECTS, iter_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.names import dataset_names
from tamis.store.review.frozen_decisions import KIND
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s, Message


def plan_curate(
    workspace: Workspace,
    dataset_id: str,
    name: str = "",
    *,
    decisions: str = CURRENT,
    additions: Sequence[str] = (),
) -> tuple[str, dict[str, JSON]]:
    """The id of the new version and the options of the job that makes it; the same decisions are the same version.

    ``name`` is shown to people, ``<parent>, curated`` when empty; ``additions`` are batches whose accepted rows it takes.
    Raises InvalidOptions when nothing is decided, every row is dropped, or no row of a batch is accepted, CurationError when
    a decided conversation breaks the chat schema.
    """
    examples = workspace.artifacts.examples(dataset_id)
    joined = plan_additions(workspace, dataset_id, additions)
    frozen = find_decisions(workspace, dataset_id, decisions)
    if frozen is None and not joined:
        raise InvalidOptions(f"Nothing is decided about {dataset_id!r} yet. Review rows first, then apply.")
    n_rows = int(examples.summary["n_examples"])
    if not len(apply_frozen(np.arange(n_rows, dtype=np.int64), frozen).rows):
        raise InvalidOptions(
            f"All {n_rows:,} rows are decided to be dropped; nothing is left for a new version."
        )
    read_additions(workspace.artifacts, joined)
    shown = name.strip() or f"{dataset_names(workspace)[dataset_id]}, curated"
    frozen_id = "" if frozen is None else frozen.id
    options = CurateOptions(
        parent=dataset_id, parent_examples=examples.id, decisions=frozen_id, additions=joined, name=shown
    )
    named = [dataset_id, examples.id, frozen_id, *([one.model_dump() for one in joined])]
    new_id = f"{slug(shown)}-{hashlib.blake2b(orjson.dumps(named), digest_size=3).hexdigest()}"
    return new_id, options.model_dump(mode="json")


def run(context: StepContext, options: CurateOptions) -> dict[str, JSON]:
    """Write the examples that stay, with their decided texts, then accepted rows of batches, and where each comes from."""
    store = ArtifactStore(context.workspace)
    parent = store.get(options.parent, "examples", options.parent_examples)
    decisions = store.get(options.parent, KIND, options.decisions) if options.decisions else None
    n_rows = int(parent.summary["n_examples"])
    applied = apply_frozen(np.arange(n_rows, dtype=np.int64), decisions)
    if not len(applied.rows):
        raise InvalidOptions("Every row is decided to be dropped; nothing is left for a new version.")
    joined = read_additions(store, options.additions)
    _write_examples(context, [(parent, applied), *((one.examples, one.applied) for one in joined)])
    pq.write_table(REJECTS_SCHEMA.empty_table(), context.output.path / REJECTS, compression="zstd")
    write_lineage(context.output.path, store, parent, applied.rows, joined)
    return _summary(options, parent, applied, joined)


def _write_examples(context: StepContext, sources: Sequence[tuple[Artifact, Applied]]) -> None:
    """The rows of each source that stay, one source behind the other, numbered through."""
    n_rows = sum(int(examples.summary["n_examples"]) for examples, _ in sources)
    looked_at = written = 0
    with pq.ParquetWriter(
        context.output.path / EXAMPLES,
        STORED_SCHEMA,
        compression="zstd",
        compression_level=1,
        use_dictionary=["source"],  # type: ignore[arg-type]  # the stubs know only all or none
    ) as writer:
        for table, n_read in (pair for source in sources for pair in _staying(*source)):
            ids = pa.array(np.arange(written, written + table.num_rows, dtype=np.int64))
            table = table.set_column(table.column_names.index("example_id"), "example_id", ids)
            writer.write_table(
                table.select(STORED_SCHEMA.names).cast(STORED_SCHEMA), row_group_size=ROW_GROUP
            )
            written += table.num_rows
            looked_at += n_read
            context.progress("apply decisions", looked_at, n_rows, f"{written:,} rows stay")


def _staying(examples: Artifact, applied: Applied) -> Iterator[tuple[pa.Table, int]]:
    """The rows that stay, with their decided texts, in pieces, and how many rows each was read from."""
    start = 0
    for batch in iter_examples(examples, STORED_SCHEMA.names, batch_rows=ROW_GROUP):
        stop = start + batch.num_rows
        first, last = np.searchsorted(applied.rows, [start, stop])
        stay = applied.rows[first:last]
        yield _with_texts(pa.Table.from_batches([batch.take(stay - start)]), applied, stay), batch.num_rows
        start = stop


def _with_texts(table: pa.Table, applied: Applied, rows: Int64s) -> pa.Table:
    """The table with the decided conversations in place of the dataset's own, in every column that follows from them."""
    edited = np.isin(rows, np.fromiter(applied.replaced, dtype=np.int64, count=len(applied.replaced)))
    if not edited.any():
        return table
    new = [_columns(list(applied.replaced[example_id])) for example_id in rows[edited].tolist()]
    mask = pa.array(edited)
    for name in new[0]:
        place = table.column_names.index(name)
        values = pa.array([columns[name] for columns in new], type=STORED_SCHEMA.field(name).type)
        column = table.column(name).combine_chunks()
        replaced = pc.replace_with_mask(column.cast(values.type), mask, values)
        table = table.set_column(place, name, replaced)
    return table


def _columns(messages: list[Message]) -> dict[str, JSON]:
    example = build_example(messages)
    return {
        "messages": orjson.dumps(messages).decode(),
        "prompt": example.prompt,
        "response": example.response,
        "n_turns": len(messages),
        "content_hash": content_hash(messages),
    }


def _summary(
    options: CurateOptions, parent: Artifact, applied: Applied, joined: Sequence[JoinedBatch]
) -> dict[str, JSON]:
    n_stay = len(applied.rows)
    n_left = n_stay + sum(len(one.applied.rows) for one in joined)
    return {
        "name": options.name,
        "format": parent.summary["format"],
        "files": parent.summary["files"],
        "n_records": n_left,
        "n_imported": n_left,
        "n_rejected": 0,
        "n_examples": n_left,
        "n_duplicate_ids": 0,
        "duplicate_ids": [],
        "reject_reasons": {},
        "meta_fields": parent.summary.get("meta_fields") or {},
        "parent": {
            "dataset_id": options.parent,
            "examples": options.parent_examples,
            "decisions": options.decisions,
        },
        "n_dropped": applied.n_dropped,
        "n_replaced": len(applied.replaced),
        "n_unchanged": n_stay - len(applied.replaced),
    } | ({"n_added": n_left - n_stay, "added_from": _added_from(joined)} if joined else {})


def _added_from(joined: Sequence[JoinedBatch]) -> list[dict[str, JSON]]:
    return [{**one.addition.model_dump(mode="json"), "n_rows": len(one.applied.rows)} for one in joined]
