"""examine: a model answers rows, its answers are marked, and each group gets its accuracy with an interval."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.marks import GroupMark, marks_by_group, worst_quarter
from tamis.compute.text.row_families import MOST_NEAR
from tamis.errors import InvalidOptions
from tamis.steps.context import StepContext
from tamis.steps.examine.chunks import ExamineChunks, answer_limit
from tamis.steps.examine.marks import MARKS, LabelOptions, LossOptions
from tamis.steps.examine.options import ExamineOptions
from tamis.steps.finetune.company import EvaluatedRows, evaluated_rows
from tamis.steps.score.chunks import Spent, part_name, read_parts
from tamis.store.artifacts.examinations import EXAMINATION, GROUPS, SCHEMA, write_groups
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import (
    EXAMPLES,
    count_examples,
    read_cluster_ids,
    read_clusters,
    read_example_rows,
)
from tamis.types import JSON, Int64s

CHUNK_ROWS = 16
ALL = "all rows"
LOCAL = "transformers"  # the language model whose weights are a folder or an adapter
MOST_LABELS = 100
MOST_GROUPS = 100  # in the summary; the table has all


def run(context: StepContext, options: ExamineOptions) -> dict[str, JSON]:
    """Write examination.parquet, ascending by id, and groups.parquet; return the summary."""
    ids = _asked_rows(context)
    rows = read_example_rows(context.input("examples").file(EXAMPLES), ids, ["response", "source", "meta"])
    gold = [text or "" for text in rows["response"].to_pylist()]
    options = _with_labels(options, gold)
    limit = answer_limit(options, gold)
    spent = Spent()
    answers = _ask(context, options, ids, limit, spent)
    marks = answers["mark"].to_numpy().astype(np.float64)
    if MARKS[options.mark].by == "loss":
        chosen = options.chosen_options("mark")
        assert isinstance(chosen, LossOptions)
        marks = worst_quarter(answers["value"].to_numpy().astype(np.float64), chosen.worst_fraction)
    groups = _group_names(context, options.group, ids, rows)
    columns: dict[str, Any] = {
        "example_id": answers["example_id"],
        "answer": answers["answer"],
        "mark": pa.array(marks, pa.float32()),
    }
    columns |= {"value": answers["value"], "group": pa.array(groups, pa.string()), "why": answers["why"]}
    pq.write_table(pa.table(columns, schema=SCHEMA), context.output.path / EXAMINATION, compression="zstd")
    measured = _measured(context, options, ids)
    table = marks_by_group(groups, marks, None if measured is None else measured.groups)
    write_groups(context.output.path / GROUPS, table)
    whys = Counter(why for why in answers["why"].to_pylist() if why)
    whole = marks_by_group([ALL] * len(ids), marks, None if measured is None else measured.groups)[0]
    said = "" if measured is None else measured.sentence(left_out=False)
    told: dict[str, JSON] = {"max_new_tokens": limit, "not_marked": dict(whys), "measured_text": said}
    return _summary(options, table, whole, spent) | told


def _measured(context: StepContext, options: ExamineOptions, ids: Int64s) -> EvaluatedRows | None:
    """Which rows count once, and which the model was trained on; None among so many that nobody counts them."""
    if len(ids) > MOST_NEAR:
        return None
    model = str(options.llm_options.get("model") or "") if options.llm == LOCAL else ""
    return evaluated_rows(context.input("examples"), ids, model, context.workspace, seed=options.seed)


def _asked_rows(context: StepContext) -> Int64s:
    ids = (
        read_frozen(context.input("within"))
        if "within" in context.inputs
        else np.arange(count_examples(context.input("examples")), dtype=np.int64)
    )
    if not len(ids):
        raise InvalidOptions("There is no row to ask about: import rows first, or name others as within.")
    return ids


def _with_labels(options: ExamineOptions, gold: list[str]) -> ExamineOptions:
    """The options with the labels that the rows have, where none are given."""
    chosen = options.chosen_options("mark")
    if not isinstance(chosen, LabelOptions) or chosen.labels:
        return options
    found = sorted({text.strip() for text in gold if text.strip()})
    if len(found) > MOST_LABELS:
        raise InvalidOptions(
            f"The rows have {len(found):,} different answers, which are no labels: give the labels, or choose another mark."
        )
    return options.model_copy(update={"mark_options": {"labels": tuple(found)}})


def _ask(context: StepContext, options: ExamineOptions, ids: Int64s, limit: int, spent: Spent) -> pa.Table:
    work = ExamineChunks(
        workspace=context.workspace.absolute(),
        examples=context.input("examples").file(EXAMPLES).absolute(),
        example_ids=ids,
        parts=context.output.part("").absolute(),
        options=options,
        max_new_tokens=limit,
        chunk_rows=CHUNK_ROWS,
    )

    def landed(path: Path | None) -> None:
        if path is not None:
            spent.add(path)
        context.progress("ask", spent.rows, len(ids), spent.text() or "loading the model")

    landed(None)
    names = [part_name(number) for number in range(math.ceil(len(ids) / CHUNK_ROWS))]
    return read_parts(context.compute_parts(work, names, landed))


def _group_names(context: StepContext, column: str, ids: Int64s, rows: pa.Table) -> list[str]:
    if column == "cluster":
        clustering = context.input("clustering")
        table = read_clusters(clustering)
        names = dict(zip(table["cluster_id"].to_pylist(), table["name"].to_pylist(), strict=True))
        return [names.get(one) or f"cluster {one}" for one in read_cluster_ids(clustering)[ids].tolist()]
    if column in ("source", "response"):
        return [str(text or "").strip() for text in rows[column].to_pylist()]
    if column:
        key = column.removeprefix("meta:")
        return [str(orjson.loads(text or "{}").get(key, "")) for text in rows["meta"].to_pylist()]
    return [ALL] * len(ids)


def _summary(
    options: ExamineOptions, groups: list[GroupMark], whole: GroupMark, spent: Spent
) -> dict[str, JSON]:
    n, right = whole.n, whole.right
    usage = spent.usage
    return {
        "llm": options.llm,
        "mark": options.mark,
        "n_rows": n + whole.n_unmarked,
        "n_marked": n,
        "n_right": int(right),
        "n_wrong": n - int(right),
        "accuracy": whole.accuracy if n else None,
        "accuracy_low": whole.low if n else None,
        "accuracy_high": whole.high if n else None,
        "n_counted": whole.n_counted,
        "n_groups": len(groups),
        "groups": [_told(one) for one in groups[:MOST_GROUPS]],
        "judge_is_student": options.judges_itself(),
        "llm_identity": spent.llm_identity,
        "questions": usage.calls,
        "reused": usage.reused,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": usage.cost,
    }


def _told(group: GroupMark) -> dict[str, JSON]:
    """A group as the summary has it: null where nothing could be marked."""
    return {name: None if value != value else value for name, value in asdict(group).items()}
