"""One proxy model of a referee: trained on a selection, measured on every held-out row, and let go of."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import JobConflict
from tamis.models.files import fingerprint
from tamis.recipes import SftOptions
from tamis.registry import Table
from tamis.steps.base_model import base_model_folder
from tamis.steps.chunks import Compute
from tamis.steps.context import Reporter, StepContext
from tamis.steps.execute import Task, execute
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.steps.plan import name_result
from tamis.steps.referee.options import ProxyOptions
from tamis.steps.spec import Step
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON, Int64s

KIND = "proxy"
LOSSES = "losses.parquet"
WAIT_S = 1.0
# Trainings are made by a referee alone, so they stand in no list of steps that a person could start.
PROXIES: Table[Step] = Table(
    "step",
    Step(
        name="referee_training",
        title="Training of a referee",
        summary="Train a proxy model on a selection and measure it on every held-out row.",
        options=ProxyOptions,
        target="tamis.steps.referee.training:run",
        makes=KIND,
    ),
)


def run(context: StepContext, options: ProxyOptions) -> dict[str, JSON]:
    """Write losses.parquet (example_id, loss_sum, n_tokens) of the held-out rows; return the summary."""
    from tamis.recipes.token_budget import BudgetRequest, train_and_measure

    recipe = options.chosen_options("recipe")
    assert isinstance(recipe, SftOptions)
    held_out = read_frozen(context.input("held_out"))
    train_file, n_rows = None, 0
    if options.budget_tokens:
        picked = read_selected_ids(context.input("selection"))
        train_file, n_rows = _write(context, picked, "train.jsonl")
    folder = base_model_folder(options.model, context.workspace)
    measured = train_and_measure(
        BudgetRequest(
            model=folder,
            train_file=train_file,
            held_out_file=_write(context, held_out, "held_out.jsonl")[0],
            budget_tokens=options.budget_tokens,
            step_tokens=options.step_tokens,
            count=options.count,
            seed=options.seed,
            on_progress=context.progress,
        ),
        recipe,
    )
    table = pa.table(
        {
            "example_id": pa.array(held_out),
            "loss_sum": pa.array(measured.loss_sums),
            "n_tokens": pa.array(measured.tokens),
        }
    )
    pq.write_table(table, context.output.path / LOSSES, compression="zstd")
    told = {name: value for name, value in asdict(measured).items() if name not in ("loss_sums", "tokens")}
    told["train_loss"] = measured.train_loss if math.isfinite(measured.train_loss) else None
    loss = float(measured.loss_sums.sum() / max(1, measured.tokens.sum()))
    return told | {
        "n_picked": n_rows,
        "n_parameters": count_parameters(folder),
        "model_fingerprint": fingerprint(folder),
        "loss": loss if math.isfinite(loss) else None,
    }


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
    dataset_id: str, options: ProxyOptions, examples: Artifact, held_out: Artifact, selection: Artifact | None
) -> Task:
    """The training as a task, whose artifact is named by all that makes it: one that is there is found again."""
    given = {"examples": examples, "held_out": held_out} | ({"selection": selection} if selection else {})
    inputs = {role: artifact.id for role, artifact in given.items()}
    return Task(
        dataset_id=dataset_id,
        step="referee_training",
        options=options.model_dump(mode="json"),
        inputs=inputs,
        input_kinds={role: artifact.kind for role, artifact in given.items()},
        artifact_id=name_result(PROXIES["referee_training"], options, inputs),
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
