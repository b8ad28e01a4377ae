"""augment: run a generator within its budget, and write what came of it as a dataset of its own; nothing else changes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.budget import Ledger
from tamis.compute.augment.types import JudgedRow, WritingTask
from tamis.filters import FILTERS, choose_filters
from tamis.filters.pool import FilterPool
from tamis.formats.conversation import build_example
from tamis.formats.parsing import content_hash
from tamis.generators import GENERATORS, WriterQuestion, check_task, nothing_to_write_from
from tamis.llms import open_llm
from tamis.llms.cache import CachedModel
from tamis.protocols import LanguageModel
from tamis.steps.augment.asking import Asker, read_replies
from tamis.steps.augment.driver import LEAST_TOGETHER, Driver, Ended, Outcome, RunSettings, part_lines
from tamis.steps.augment.material import read_filter_pool, read_task
from tamis.steps.augment.options import AugmentOptions
from tamis.steps.chunks import part_file
from tamis.steps.context import StepContext
from tamis.steps.import_file.step import REJECTS_SCHEMA, ROW_GROUP, STORED_SCHEMA
from tamis.store.artifacts.batches import ASKED, PROVENANCE, SYNTHETIC, problem_lines, provenance_table
from tamis.store.artifacts.readers import EXAMPLES, REJECTS, metadata_fields
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON

MOST_TOGETHER = 64


def run(context: StepContext, options: AugmentOptions) -> dict[str, JSON]:
    """Write examples, rejects, provenance and every distinct question; return the summary."""
    store = ArtifactStore(context.workspace)
    parent = store.get(options.parent, "examples", options.parent_examples)
    task = read_task(store, options)
    check_task(GENERATORS[options.generator], task)
    pool = read_filter_pool(store, options, task, context.dataset_id)
    model = open_llm(
        options.llm, options.llm_options, workspace=context.workspace,
        needs=GENERATORS[options.generator].needs_llm,
    )  # fmt: skip
    driver = make_driver(context, options, task, pool, model)
    context.progress("write rows", 0, options.rows, "loading the model")
    outcome = driver.run()
    if outcome.stopped_by == "jobs" and not outcome.n_jobs:
        raise nothing_to_write_from(GENERATORS[options.generator], task)
    _write(context.output.path, outcome, options)
    return _summary(options, parent, outcome, driver.ledger) | _usage(model, outcome)


def make_driver(
    context: StepContext, options: AugmentOptions, task: WritingTask, pool: FilterPool, model: LanguageModel
) -> Driver:
    """The driver of a run, with what an interrupted attempt at it had answered."""
    assert isinstance(model, CachedModel)
    row = GENERATORS[options.generator]
    folder = context.output.part("")
    for left in folder.glob("*.aside"):
        left.unlink(missing_ok=True)
    known = [read_replies(path.read_bytes()) for path in sorted(folder.glob("*.jsonl"))]

    def on_part(number: int, jobs: Sequence[Ended]) -> None:
        with part_file(context.output.part(f"{number:06}.jsonl")) as aside:
            aside.write_bytes(part_lines(jobs))

    def on_progress(outcome: Outcome, ledger: Ledger) -> None:
        context.progress(
            "write rows", min(outcome.n_passed, options.rows), options.rows, funnel_text(outcome, ledger)
        )

    return Driver(
        options.build("generator")(options.chosen_options("generator")),
        task,
        Asker(model, {key: one for part in known for key, one in part.items()}),
        run_settings(options, model.batch_rows),
        filters=choose_filters(options.filters, row.filters, row.without),
        pool=pool,
        clock=time.monotonic,
        on_part=on_part,
        on_progress=on_progress,
    )


def run_settings(options: AugmentOptions, batch_rows: int, most_jobs: int | None = None) -> RunSettings:
    """What determines the rows."""
    return RunSettings(
        budget=options.budget(), price=options.price(), seed=options.seed, round=options.round,
        temperature=options.temperature, max_new_tokens=options.max_new_tokens,
        together=max(LEAST_TOGETHER, min(MOST_TOGETHER, batch_rows)), most_jobs=most_jobs,
    )  # fmt: skip


def funnel_text(outcome: Outcome, ledger: Ledger) -> str:
    """Where a run stands, in words."""
    cost = f", cost {ledger.cost:,.2f}" if ledger.price.is_known else ""
    return (
        f"{outcome.n_passed:,} of {len(outcome.judged):,} drafts passed, {len(outcome.problems):,} problems, "
        f"{ledger.calls:,} questions, {ledger.tokens:,} tokens{cost}"
    )


def _write(folder: Path, outcome: Outcome, options: AugmentOptions) -> None:
    lines = [_stored(place, one, options) for place, one in enumerate(outcome.judged)]
    pq.write_table(
        pa.Table.from_pylist(lines, STORED_SCHEMA),
        folder / EXAMPLES,
        compression="zstd",
        row_group_size=ROW_GROUP,
    )
    rejects = pa.Table.from_pylist(problem_lines(outcome.problems), REJECTS_SCHEMA)
    pq.write_table(rejects, folder / REJECTS, compression="zstd")
    pq.write_table(provenance_table(outcome.judged), folder / PROVENANCE, compression="zstd")
    with (folder / ASKED).open("wb") as stream:
        for name, question in outcome.asked.items():
            stream.write(asked_line(name, question))


def asked_line(name: str, question: WriterQuestion) -> bytes:
    """A question as ``asked.jsonl`` keeps it: once for each distinct text, by the hash that provenance names."""
    turns = [{"role": turn.role, "content": str(turn.text)} for turn in question.turns]
    return orjson.dumps({"prompt_hash": name, "template": question.template, "turns": turns}) + b"\n"


def _stored(place: int, judged: JudgedRow, options: AugmentOptions) -> dict[str, JSON]:
    messages = [dict(turn) | {"content": str(turn["content"])} for turn in judged.row.messages]
    example = build_example(messages)
    return {
        "example_id": place,
        "file": 0,
        "messages": orjson.dumps(messages).decode(),
        "prompt": example.prompt,
        "response": example.response,
        "source": f"{SYNTHETIC}{options.generator}",
        "source_row": place + 1,
        "n_turns": len(messages),
        "content_hash": content_hash(messages),
        "meta": orjson.dumps(dict(judged.row.meta)).decode(),
        "raw": orjson.dumps({"messages": messages}).decode(),
    }


def _summary(options: AugmentOptions, parent: Artifact, outcome: Outcome, ledger: Ledger) -> dict[str, JSON]:
    kinds = Counter(one.kind for _, one in outcome.problems)
    n_drafts = len(outcome.judged)
    return {
        "name": options.name,
        "format": parent.summary["format"],
        "files": parent.summary["files"],
        "n_records": n_drafts + len(outcome.problems),
        "n_imported": n_drafts,
        "n_rejected": len(outcome.problems),
        "n_examples": n_drafts,
        "n_duplicate_ids": 0,
        "duplicate_ids": [],
        "reject_reasons": dict(kinds),
        "meta_fields": metadata_fields(parent),
        "additions_to": {"dataset_id": options.parent, "examples": options.parent_examples},
        "generator": options.generator,
        "llm": options.llm,
        "round": options.round,
        "stopped_by": outcome.stopped_by,
        "n_jobs": outcome.n_jobs,
        "n_drafts": n_drafts,
        "n_passed": outcome.n_passed,
        "reasons": {name: outcome.reasons()[name] for name in FILTERS if outcome.reasons()[name]},
        "questions": ledger.calls,
        "prompt_tokens": ledger.prompt_tokens,
        "completion_tokens": ledger.completion_tokens,
        "cost": ledger.cost if ledger.price.is_known else None,
    }


def _usage(model: LanguageModel, outcome: Outcome) -> dict[str, JSON]:
    assert isinstance(model, CachedModel)
    return {
        "llm_identity": model.identity,
        "answer_format": model.answer_format,
        "reused": model.usage.reused,
        "n_prompts": len(outcome.asked),
    }
