"""finetune: rows → train.jsonl → a recipe → an adapter, compared with its base on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.llms import open_llm
from tamis.models.adapters import WEIGHTS
from tamis.models.files import fingerprint
from tamis.protocols import LanguageModel
from tamis.recipes import CheckerOptions, Trained, TrainingRequest
from tamis.settings import Settings
from tamis.steps.base_model import base_model_folder
from tamis.steps.chat_prompts import question_and_answer
from tamis.steps.context import StepContext
from tamis.steps.finetune.claims import CLAIM_FILES, measure_checker, write_claims
from tamis.steps.finetune.curves import write_curves
from tamis.steps.finetune.evaluate import HeldOut, by_cluster, evaluate, loss_verdict, means
from tamis.steps.finetune.options import CHECKER, SPIN, FinetuneOptions
from tamis.steps.finetune.pairs import PAIR_FILES, describe_pairs, write_pairs
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.steps.finetune.split import Split, split_rows, split_text
from tamis.store.artifacts.adapters import CLUSTERS, CURVES, EVALUATION, HELD_OUT, STOPPING, TRAIN
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.durable import write_atomically
from tamis.types import JSON, Int64s

if TYPE_CHECKING:
    from tamis.steps.finetune.harness import Harness

PART = "training"
BESIDE = (("", "value"), ("_stderr", "stderr"))
MAX_READ_TOKENS = 2048  # of a prompt and of an answer, when models are compared


def run(context: StepContext, options: FinetuneOptions) -> dict[str, JSON]:
    """Write train.jsonl, held_out.jsonl, adapter/, curves.parquet and, with held-out rows, the evaluation.

    With early stopping, stopping.jsonl holds the rows that it looks at.

    Training goes on from its last checkpoint and the evaluation from the answers that were kept.
    """
    harness = _harness(options)
    context.progress("write rows", 0, 1)
    split = split_rows(context.inputs, options, context.workspace)
    files = _write_files(context, split) | _describe_split(split, options)
    if options.recipe == SPIN:
        files |= write_pairs(context.input("examination"), context.output.path, options, split)
    if options.recipe == CHECKER:
        files |= write_claims(context.input("examples"), split, context.output.path)
    context.progress("load model", 0, 1)
    base = base_model_folder(options.model, context.workspace)
    trained = _train(context, options, base, looked_at=_looked_at(split, options))
    write_curves(trained.curves, context.output.path / CURVES)
    summary = files | _describe(trained, options, base) | {"n_dropped_in_review": split.n_dropped}
    if options.recipe == SPIN:
        summary |= describe_pairs(trained, float(files["pairs_counted"]))
    if options.recipe == CHECKER:
        summary |= _measured(context, options, trained)
    elif len(split.held_out):
        table = _compare(context, options, split, base=base, tuned=trained.folder)
        pq.write_table(table, context.output.path / EVALUATION, compression="zstd")
        pq.write_table(by_cluster(table), context.output.path / CLUSTERS, compression="zstd")
        summary |= means(table) | {"verdict": loss_verdict(table)}
        summary |= {"n_answered": table.num_rows - table.column("response").null_count}
    if harness is not None:
        summary["lm_eval"] = _ask_tasks(context, options, harness, base=base, tuned=trained.folder)
    # Last, so that a run that is killed before finds its weights again.
    trained.folder.rename(context.output.path / WEIGHTS)
    return summary


def _measured(context: StepContext, options: FinetuneOptions, trained: Trained) -> dict[str, JSON]:
    """How well a checker tells the held-out claims."""
    recipe = options.chosen_options("recipe")
    assert isinstance(recipe, CheckerOptions)
    return measure_checker(
        context.output.path, trained.folder, recipe.max_length, options.seed, use_cpu=recipe.use_cpu
    )


def _write_files(context: StepContext, split: Split) -> dict[str, JSON]:
    examples, folder = context.input("examples"), context.output.path
    n_train, sha256 = write_training_file(
        folder / TRAIN, training_records(examples, split.train, split.replaced)
    )
    n_held_out, held_out_sha256 = write_training_file(
        folder / HELD_OUT, training_records(examples, split.held_out, split.replaced)
    )
    if len(split.stopping):
        write_training_file(folder / STOPPING, training_records(examples, split.stopping, split.replaced))
        np.save(folder / "stopping_rows.npy", split.stopping)
    np.save(folder / "rows.npy", split.train)
    np.save(folder / "held_out_rows.npy", split.held_out)
    return {
        "n_train": n_train,
        "train_sha256": sha256,
        "n_held_out": n_held_out,
        "held_out_sha256": held_out_sha256,
    }


def _describe_split(split: Split, options: FinetuneOptions) -> dict[str, JSON]:
    """What was done so that held-out rows are held out, in a sentence and in counts."""
    stops_early = options.stops_early and bool(len(split.held_out))
    told: dict[str, JSON] = {
        "n_stopping": len(split.stopping),
        "split_text": split_text(split, stops_early=stops_early, by_best_look=not options.patience),
    }
    if split.counts is not None:
        told["split_counts"] = asdict(split.counts)
    return told


def _looked_at(split: Split, options: FinetuneOptions) -> str:
    """The file whose loss is looked at while it trains; empty for none."""
    if split.counts is not None and options.stops_early:
        return STOPPING if len(split.stopping) else ""
    return HELD_OUT if len(split.held_out) else ""


def _train(context: StepContext, options: FinetuneOptions, base: Path, *, looked_at: str) -> Trained:
    folder = context.output.part(PART)
    folder.mkdir(exist_ok=True)
    pairs = {SPIN: PAIR_FILES, CHECKER: CLAIM_FILES}.get(options.recipe, {})
    apart = bool(pairs) and looked_at != HELD_OUT  # those that are told are not those that choose the weights

    def on_progress(step: int, n_steps: int, message: str) -> None:
        if n_steps:
            context.progress("train", step, n_steps, message)
        else:
            context.progress("read rows", 0, 1, message)

    request = TrainingRequest(
        model=base,
        train_file=context.output.path / TRAIN,
        eval_file=context.output.path / looked_at if looked_at else None,
        pairs_file=_beside(context, pairs, TRAIN),
        eval_pairs_file=_beside(context, pairs, looked_at),
        told_pairs_file=_beside(context, pairs, HELD_OUT) if apart else None,
        folder=folder,
        seed=options.seed,
        on_progress=on_progress,
        on_metric=context.reporter.metric,
    )
    trained: Trained = options.build("recipe")(request, options.chosen_options("recipe"))
    return trained


def _beside(context: StepContext, pairs: Mapping[str, str], rows: str) -> Path | None:
    """The pairs that were written of the rows of a file."""
    path = context.output.path / pairs[rows] if rows in pairs else None
    return path if path is not None and path.exists() else None


def _compare(
    context: StepContext, options: FinetuneOptions, split: Split, *, base: Path, tuned: Path
) -> pa.Table:
    rows = _held_out(context, split)
    n = len(rows.prompts)
    order = np.random.default_rng(options.seed + 1).permutation(n)
    answered: Int64s = np.sort(order[: min(n, options.n_generate)]).astype(np.int64)
    return evaluate(
        rows,
        _open(context, options, base),
        _open(context, options, tuned),
        answered=answered,
        max_new_tokens=options.max_new_tokens,
        report=context.progress,
    )


def _open(context: StepContext, options: FinetuneOptions, folder: Path) -> LanguageModel:
    recipe = options.chosen_options("recipe")
    read = max(16, min(MAX_READ_TOKENS, int(getattr(recipe, "max_length", MAX_READ_TOKENS))))
    values = {
        "model": str(folder),
        "max_prompt_tokens": read,
        "max_response_tokens": read,
        "device": "cpu" if getattr(recipe, "use_cpu", False) else "auto",
    }
    return open_llm("transformers", values, workspace=context.workspace, needs=("complete", "loglikelihood"))


def _harness(options: FinetuneOptions) -> Harness | None:
    """The tasks, looked at before anything is trained: a wrong name should not be found out at the end."""
    if not options.lm_eval_tasks:
        return None
    from tamis.steps.finetune.harness import Harness

    return Harness(options.lm_eval_tasks, Settings().task_folders)


def _ask_tasks(
    context: StepContext, options: FinetuneOptions, harness: Harness, *, base: Path, tuned: Path
) -> list[JSON]:
    """One entry per task and metric, as ``Harness.scores``, with ``base`` and ``base_stderr`` beside the result's own.

    ``paired`` is the change question by question where both were kept so.
    """
    from tamis.steps.finetune.harness import paired_rows

    cpu = bool(getattr(options.chosen_options("recipe"), "use_cpu", False))
    asked: list[list[dict[str, JSON]]] = []
    for place, folder in enumerate((base, tuned)):
        context.progress("lm-evaluation-harness", place, 2, "base model" if folder == base else "tuned model")
        kept = context.output.part(f"lm_eval_{place}.json")
        if not kept.exists():
            scores = harness.scores(folder, limit=options.lm_eval_limit, cpu=cpu)
            write_atomically(kept, orjson.dumps(scores))
        asked.append(orjson.loads(kept.read_bytes()))
    context.progress("lm-evaluation-harness", 2, 2)
    before = {(one["task"], one["metric"]): one for one in asked[0]}
    compared: list[JSON] = []
    for one in asked[1]:
        earlier = before.get((one["task"], one["metric"]), {})
        shown = {name: value for name, value in one.items() if name != "rows"}
        beside = {f"base{suffix}": earlier.get(name) for suffix, name in BESIDE}
        compared.append(shown | beside | {"paired": paired_rows(earlier, one)})
    return compared


def _held_out(context: StepContext, split: Split) -> HeldOut:
    records = list(training_records(context.input("examples"), split.held_out, split.replaced))
    ids = np.array([example_id for example_id, _ in records], dtype=np.int64)
    asked = [question_and_answer(record) for _, record in records]
    return HeldOut(
        example_ids=ids,
        cluster_ids=_clusters(context, ids),
        prompts=[question for question, _ in asked],
        golds=[answer for _, answer in asked],
        groups=split.groups[np.searchsorted(split.held_out, ids)],
    )


def _clusters(context: StepContext, ids: Int64s) -> Int64s:
    """Cluster of each row, -1 without a clustering."""
    clustering = context.inputs.get("clustering")
    if clustering is None and "selection" in context.inputs:
        # The selection's own: it is named by the selection, so the result does not depend on what is newest now.
        named = context.input("selection").manifest.inputs.get("clustering", "")
        store = ArtifactStore(context.workspace)
        clustering = store.find(context.dataset_id, "clustering", named) if named else None
    if clustering is None:
        return np.full(len(ids), -1, dtype=np.int64)
    return read_cluster_ids(clustering)[ids].astype(np.int64)


def _describe(trained: Trained, options: FinetuneOptions, base: Path) -> dict[str, JSON]:
    fit = trained.fit
    return {
        "recipe": options.recipe,
        "model": options.model,
        "model_fingerprint": fingerprint(base),
        "n_steps": trained.n_steps,
        "n_tokens": trained.n_tokens,
        "train_loss": _number(trained.train_loss),
        "eval_loss": _number(trained.eval_loss),
        "stopped": trained.stopped,
        "seconds": round(trained.seconds, 1),
        "fit": None
        if fit is None
        else {
            "n_rows": fit.n_rows,
            "n_truncated": fit.n_truncated,
            "n_dropped": fit.n_dropped,
            "n_tokens": fit.n_tokens,
            "n_learned": fit.n_learned,
            "longest": fit.longest,
            "max_length": fit.max_length,
            "reasons": fit.reasons,
            "n_as_text": fit.n_as_text,
            "text": fit.text,
        },
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
