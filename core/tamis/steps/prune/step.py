"""prune: every calibration set prunes the same model alike, and held-out responses say what is left of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.models.chat_rows import ChatRow, chat_record, read_chat_row
from tamis.models.chat_tokens import ChatTokens
from tamis.pruners import PRUNERS
from tamis.steps.base_model import base_model_folder
from tamis.steps.context import StepContext
from tamis.steps.finetune.rows import source_rows
from tamis.steps.prune.calibration import Window, draw_windows
from tamis.steps.prune.evaluation import Answers
from tamis.steps.prune.options import PruneOptions
from tamis.steps.prune.pruning import DENSE, FILE, MAGNITUDE, ROWS, Pruning, geometric_mean, window_files
from tamis.steps.prune.results import Looked, describe
from tamis.steps.prune.runs import PrunerRun, Ran, Runner
from tamis.steps.prune.sets import NamedRows, named_sets
from tamis.types import JSON, Int64s


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Windows by calibration and draw, and the answers of each evaluation set."""

    calibrations: list[NamedRows]
    evaluations: list[NamedRows]
    windows: dict[tuple[int, int], list[Window]]
    answers: list[Answers]

    def groups(self, evaluation: int) -> Int64s:
        """A number for each row of an evaluation set, the same for those that count once."""
        measured = self.evaluations[evaluation].measured
        assert measured is not None
        return measured.groups


def run(context: StepContext, options: PruneOptions) -> dict[str, JSON]:
    """Write pruning.json, rows.parquet and the windows of every draw; return the summary.

    Each run of the pruner is a part, so that a stopped step goes on with the next one.
    """
    began = time.perf_counter()
    context.progress("read rows", 0, 1)
    folder = base_model_folder(options.model, context.workspace)
    runner = Runner(folder, options, context.output.part("runs"))
    prepared = _prepare(context, options, runner.chat)
    _write_windows(context, options, runner, prepared)
    ran = _run_all(context, options, runner, prepared)
    looked = Looked(
        options=options, calibrations=prepared.calibrations, evaluations=prepared.evaluations, windows=prepared.windows,
        answers=prepared.answers, ran=ran, seconds=time.perf_counter() - began,
    )  # fmt: skip
    context.progress("compare", 0, 1)
    pruning = describe(looked)
    (context.output.path / FILE).write_bytes(pruning.model_dump_json().encode())
    _write_rows(context, options, prepared, ran)
    return _summary(pruning)


def _prepare(context: StepContext, options: PruneOptions, chat: ChatTokens) -> _Prepared:
    calibrations, evaluations = named_sets(context.inputs, options, chat, context.workspace)
    wanted: Int64s = np.unique(np.concatenate([one.rows for one in calibrations]))
    rows = _read_rows(context, wanted)
    windows = {
        (c, seed): draw_windows({int(i): rows[int(i)] for i in one.rows}, chat, options, seed, one.name)
        for c, one in enumerate(calibrations)
        for seed in options.seeds
    }
    return _Prepared(calibrations, evaluations, windows, [one.answers for one in evaluations if one.answers])


def _read_rows(context: StepContext, ids: Int64s) -> Mapping[int, ChatRow]:
    """Rows of the dataset as a model is given them, by id."""
    found = source_rows(context.input("examples"), ids, {})
    return {i: read_chat_row(chat_record(turns, fields)) for i, turns, fields in found}


def _run_all(
    context: StepContext, options: PruneOptions, runner: Runner, prepared: _Prepared
) -> dict[tuple[int, int], Ran]:
    """The dense model, magnitude, and every calibration with every seed, alike ones once."""
    pruner = PRUNERS[options.method]
    first = options.seeds[0]
    tasks = {(DENSE, first): PrunerRun("dense", "", first, [])}
    if options.method != "magnitude":
        tasks[MAGNITUDE, first] = PrunerRun("magnitude", "magnitude", first, [])
    for (c, seed), windows in prepared.windows.items():
        drawn = seed if pruner.reads != "nothing" or pruner.random else first
        name = f"{c:02d}" if pruner.reads != "nothing" else "any"
        keep = c if options.keep_models and seed == first else None
        tasks[c, seed] = PrunerRun(f"{name}-{drawn}", options.method, drawn, windows, keep)
    ran: dict[str, Ran] = {}
    for place, task in enumerate(tasks.values()):

        def on_step(done: int, total: int, number: int = place + 1) -> None:
            context.progress(
                "prune", (number - 1) * total + done, len(tasks) * total, f"run {number:,} of {len(tasks):,}"
            )

        if task.name not in ran:
            ran[task.name] = runner.run(task, prepared.answers, context.output.path, on_step)
    return {key: ran[task.name] for key, task in tasks.items()}


def _write_windows(context: StepContext, options: PruneOptions, runner: Runner, prepared: _Prepared) -> None:
    """Every draw as texts and as token ids, for other pruners."""
    for (c, seed), windows in prepared.windows.items():
        texts, tokens = (context.output.path / name for name in window_files(c, seed))
        lines = [
            orjson.dumps({"text": runner.text(one.ids), "example_ids": one.example_ids}) + b"\n"
            for one in windows
        ]
        texts.write_bytes(b"".join(lines))
        ids = np.full((len(windows), options.row_tokens), -1, dtype=np.int32)
        for row, one in enumerate(windows):
            ids[row, : len(one.ids)] = one.ids
        np.save(tokens, ids)


def _write_rows(
    context: StepContext, options: PruneOptions, prepared: _Prepared, ran: Mapping[tuple[int, int], Ran]
) -> None:
    """One line per run, evaluation set and row: what intervals are made of."""
    parts = [
        pa.table(
            {
                "calibration": pa.array(np.full(len(answers.ids), c, dtype=np.int16)),
                "seed": pa.array(np.full(len(answers.ids), seed, dtype=np.int64)),
                "evaluation": pa.array(np.full(len(answers.ids), e, dtype=np.int16)),
                "example_id": pa.array(answers.example_ids),
                "group": pa.array(prepared.groups(e)),
                "n_tokens": pa.array(answers.n_tokens),
                "nll": pa.array(one.nll[e]),
            }
        )
        for (c, seed), one in ran.items()
        for e, answers in enumerate(prepared.answers)
    ]
    pq.write_table(pa.concat_tables(parts), context.output.path / ROWS, compression="zstd")


def _summary(pruning: Pruning) -> dict[str, JSON]:
    names = [one.name for one in pruning.calibrations]
    means = [pruning.mean(c) for c in range(len(names))]
    return {
        "method": pruning.method,
        "pattern": pruning.pattern,
        "sparsity": pruning.sparsity_fraction,
        "n_calibrations": len(names),
        "n_evaluations": len(pruning.evaluations),
        "n_seeds": len(pruning.calibrations[0].seeds),
        "n_evaluation_rows": sum(one.n_rows for one in pruning.evaluations),
        "dense_perplexity": geometric_mean(pruning.dense),
        "magnitude_perplexity": geometric_mean(pruning.magnitude) if pruning.magnitude else None,
        "perplexity": geometric_mean(means),
        "perplexity_by_calibration": dict(zip(names, means, strict=True)),
        "measured_text": " ".join(
            f"{one.name}: {one.known_text}" for one in pruning.evaluations if one.known_text
        ),
        "n_pairs_told": sum(pair.told != "not clear" for pair in pruning.pairs),
    }
