"""One proxy model: trained on a selection or a mixture, measured on every held-out row, and let go of."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.worth.draws import MixtureRows, mixture_rows
from tamis.errors import JobConflict
from tamis.models.files import fingerprint
from tamis.recipes import SftOptions
from tamis.registry import Table
from tamis.settings import Settings
from tamis.steps.base_model import base_model_folder
from tamis.steps.chunks import Compute
from tamis.steps.context import Reporter, StepContext
from tamis.steps.execute import Task, execute
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.steps.plan import name_result
from tamis.steps.proxies.judged import JudgedExamples, judged_examples, write_judged, write_target_losses
from tamis.steps.proxies.options import MixtureTrainingOptions, ProxyOptions
from tamis.steps.spec import Step
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_scores, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON, NOISE, Float64s, Int64s

if TYPE_CHECKING:
    from tamis.recipes.token_budget import Measured

KIND = "proxy"
SELECTION_TRAINING, MIXTURE_TRAINING = "referee_training", "mixture_training"
LOSSES = "losses.parquet"
TASKS = "tasks.json"
WAIT_S = 1.0
# Trainings are made by a study alone, so they stand in no list of steps that a person could start.
PROXIES: Table[Step] = Table(
    "step",
    Step(
        name=SELECTION_TRAINING,
        title="Training of a referee",
        summary="Train a proxy model on a selection and measure it on every held-out row.",
        options=ProxyOptions,
        target="tamis.steps.proxies.training:run",
        makes=KIND,
    ),
    Step(
        name=MIXTURE_TRAINING,
        title="Training on a mixture",
        summary="Train a proxy model on a mixture of clusters and measure it on every held-out row.",
        options=MixtureTrainingOptions,
        target="tamis.steps.proxies.training:run_mixture",
        makes=KIND,
    ),
)


def run(context: StepContext, options: ProxyOptions) -> dict[str, JSON]:
    """Write losses.parquet (example_id, loss_sum, n_tokens) of the held-out rows; return the summary."""
    picked = read_selected_ids(context.input("selection")) if options.budget_tokens else None
    return _measured(context, options, picked)


def run_mixture(context: StepContext, options: MixtureTrainingOptions) -> dict[str, JSON]:
    """The same after a training on a mixture, whose rows of every group are drawn by the seed."""
    drawn = draw_mixture(context.inputs, options)
    picked, places = np.unique(drawn.rows, return_inverse=True)
    told = _measured(context, options, picked, (places, drawn.kept))
    return told | {
        "tokens_of_groups": drawn.tokens.tolist(),
        "n_passes": float(drawn.passes.max()),
    }


def draw_mixture(inputs: Mapping[str, Artifact], options: MixtureTrainingOptions) -> MixtureRows:
    """The rows that such a training reads, of the pool alone."""
    tokens = np.nan_to_num(read_scores(inputs["tokens"])).astype(np.int64)
    clusters, pool = read_cluster_ids(inputs["clustering"]), read_frozen(inputs["pool"])
    groups = np.full(len(tokens), NOISE, dtype=np.int64)
    own = clusters[pool]
    groups[pool] = np.where(own >= 0, np.asarray(options.groups, dtype=np.int64)[own], NOISE)
    rng = np.random.default_rng([options.seed, 5])
    return mixture_rows(groups, tokens, np.asarray(options.shares), options.budget_tokens, rng)


def _measured(
    context: StepContext,
    options: ProxyOptions,
    picked: Int64s | None,
    parts: tuple[Int64s, Int64s] | None = None,
) -> dict[str, JSON]:
    from tamis.recipes.token_budget import BudgetRequest, train_and_measure

    recipe = options.chosen_options("recipe")
    assert isinstance(recipe, SftOptions)
    examine = _examine(options)  # first: a wrong name should not be found out at the end
    held_out = read_frozen(context.input("held_out"))
    train_file, n_rows = (None, 0) if picked is None else _write(context, picked, "train.jsonl")
    folder = base_model_folder(options.model, context.workspace)
    held_out_file, _ = _write(context, held_out, "held_out.jsonl")
    judged = judged_examples(context.inputs["target"]) if "target" in context.inputs else None
    beside = None if judged is None else write_judged(context.output.part("judged.jsonl"), judged)
    measured = train_and_measure(
        BudgetRequest(
            model=folder,
            train_file=train_file,
            held_out_file=held_out_file,
            beside_file=beside,
            budget_tokens=options.budget_tokens,
            step_tokens=options.step_tokens,
            count=options.count,
            seed=options.seed,
            on_progress=context.progress,
            parts=parts,
            examine=examine,
        ),
        recipe,
    )
    sums, tokens = _keep(context, options, measured, (held_out, judged))
    aside = ("loss_sums", "tokens", "beside", "examined")
    told = {name: value for name, value in asdict(measured).items() if name not in aside}
    told["train_loss"] = measured.train_loss if math.isfinite(measured.train_loss) else None
    loss = float(sums.sum() / max(1, tokens.sum()))
    return told | {
        "n_picked": n_rows,
        "n_parameters": count_parameters(folder),
        "model_fingerprint": fingerprint(folder),
        "loss": loss if math.isfinite(loss) else None,
    }


def _keep(
    context: StepContext,
    options: ProxyOptions,
    measured: Measured,
    measured_on: tuple[Int64s, JudgedExamples | None],
) -> tuple[Float64s, Int64s]:
    """Write what was measured on the held-out rows, on examples of targets and in tasks; sums and tokens of the rows."""
    held_out, judged = measured_on
    n = len(held_out)
    sums, tokens = measured.loss_sums[:n], measured.tokens[:n]
    columns = {"example_id": pa.array(held_out), "loss_sum": pa.array(sums), "n_tokens": pa.array(tokens)}
    pq.write_table(pa.table(columns), context.output.path / LOSSES, compression="zstd")
    if judged is not None:
        part = judged.part[measured.beside]
        write_target_losses(context.output.path, part, measured.loss_sums[n:], measured.tokens[n:])
    if options.lm_eval_tasks:
        (context.output.path / TASKS).write_bytes(orjson.dumps(measured.examined))
    return sums, tokens


def _examine(options: ProxyOptions) -> Callable[[Any, Any], list[dict[str, JSON]]] | None:
    if not options.lm_eval_tasks:
        return None
    from tamis.steps.finetune.harness import Harness

    return partial(
        Harness(options.lm_eval_tasks, Settings().task_folders).answers, limit=options.lm_eval_limit
    )


def task_answers(proxy: Artifact) -> list[dict[str, JSON]]:
    """What the model of a training reached in tasks, as ``Harness.scores``; none where none was asked or it diverged."""
    if TASKS not in proxy.manifest.files:
        return []
    told: list[dict[str, JSON]] = orjson.loads(proxy.file(TASKS).read_bytes())
    return told


def loss_sums(proxy: Artifact) -> Float64s:
    """Summed loss (r,) of every held-out row after a training."""
    column: Float64s = pq.read_table(proxy.file(LOSSES), columns=["loss_sum"])["loss_sum"].to_numpy()
    return column


def loss_tokens(proxy: Artifact) -> Float64s:
    """Learned tokens (r,) of every held-out row."""
    column = pq.read_table(proxy.file(LOSSES), columns=["n_tokens"])["n_tokens"].to_numpy()
    return np.asarray(column, dtype=np.float64)


def count_parameters(folder: Path) -> int:
    """Parameters used in matrix products of a model in a folder, a tied embedding once, as the head; nothing is loaded."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tamis.models.adapters import CONFIG, base_of

    base = base_of(folder) if (folder / CONFIG).exists() else folder
    config = AutoConfig.from_pretrained(str(base), local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    matrices = {id(one): one.numel() for one in model.parameters() if one.ndim > 1}
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is None or bool(config.get_text_config().tie_word_embeddings)
    return int(sum(matrices.values()) - (0 if tied else matrices.get(id(embedding.weight), 0)))


def training_task(
    dataset_id: str, options: ProxyOptions, given: Mapping[str, Artifact], *, step: str = SELECTION_TRAINING
) -> Task:
    """The training as a task, whose artifact is named by all that makes it: one that is there is found again.

    ``given`` are the artifacts that it reads, by role.
    """
    inputs = {role: artifact.id for role, artifact in given.items()}
    return Task(
        dataset_id=dataset_id,
        step=step,
        options=options.model_dump(mode="json"),
        inputs=inputs,
        input_kinds={role: artifact.kind for role, artifact in given.items()},
        artifact_id=name_result(PROXIES[step], options, inputs),
    )


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """Trainings as chunks, in whatever processes compute them; ``reporter`` is None where that is another one."""

    workspace: Path
    tasks: tuple[Task, ...]
    reporter: Reporter | None

    def open(self) -> Compute:
        """What makes the training of a number, unless it is there by then."""
        return self._train

    def _train(self, number: int) -> None:
        task, reporter = self.tasks[number], self.reporter or _Quiet()
        while True:
            try:
                execute(ArtifactStore(self.workspace), task, reporter, steps=PROXIES)
            except JobConflict:
                reporter.progress("wait", 0, 0, "another job makes this training")
                time.sleep(WAIT_S)
            else:
                return


class _Quiet:
    """Nobody watches a process of a pool."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nothing."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing."""


def _write(context: StepContext, rows: Int64s, name: str) -> tuple[Path, int]:
    file = context.output.part(name)
    n_rows, _ = write_training_file(file, training_records(context.input("examples"), rows, {}))
    return file, n_rows
