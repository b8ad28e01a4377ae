"""Supervised fine-tuning by TRL and PEFT: what they are given, and what is kept of what they make."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, EarlyStoppingCallback, PrinterCallback
from transformers.utils import logging as transformers_logging
from trl import SFTConfig

from tamis.errors import CurationError, JobCancelled, ModelMissing
from tamis.models.adapters import CONFIG as ADAPTER_CONFIG
from tamis.models.adapters import base_of
from tamis.models.devices import cpu_computes_bfloat16
from tamis.recipes import Point, RowFit, SftLoraOptions, SftOptions, Trained, TrainingRequest
from tamis.recipes.arguments import CHECKPOINTS, trainer_arguments
from tamis.recipes.callbacks import CURVES, Watch
from tamis.recipes.checkpoints import copy_weights, first_sound, steps_of, whole_checkpoints
from tamis.recipes.distributed import launch
from tamis.recipes.memory import explain_out_of_memory, is_out_of_memory, wants_checkpointing
from tamis.recipes.rows import Prepared, TokenRow, prepare_rows
from tamis.recipes.token_mean import TokenMeanTrainer, mean_loss
from tamis.recipes.tokenizers import load_tokenizer
from tamis.recipes.weighted import WEIGHTS, WeightedTrainer, packed

RESULT, RECORD = "model", "trained.json"
DRAWN = {
    **CURVES,
    "tokens_per_s": "tokens_per_s",
    "memory_mb": "memory_mb",
}  # as the log has it, and as a curve is called


def train_lora(request: TrainingRequest, options: SftLoraOptions) -> Trained:
    """Train an adapter; the folder of an adapter as ``request.model`` trains that one further, with its own rank.

    Raises CurationError when no row can be learned from or the loss is no number before the first checkpoint,
    TrainingOutOfMemory, and JobCancelled after a checkpoint was written.
    """
    return _train(request, options, options)


def train_full(request: TrainingRequest, options: SftOptions) -> Trained:
    """Train every weight; the folder of an adapter is merged into its base first. Raises like ``train_lora``."""
    return _train(request, options, None)


def _train(request: TrainingRequest, options: SftOptions, lora: SftLoraOptions | None) -> Trained:
    finished = read_finished(request.folder)
    if finished is not None:
        return finished
    several = n_processes(options)
    return _train_here(request, options, lora) if several == 1 else _train_in(several, request, options, lora)


def _train_in(
    several: int, request: TrainingRequest, options: SftOptions, lora: SftLoraOptions | None
) -> Trained:
    launch(request, "sft_full" if lora is None else "sft_lora", options, several)
    made = read_finished(request.folder)
    assert made is not None, "the processes ended well and left no result"
    return made


def _train_here(request: TrainingRequest, options: SftOptions, lora: SftLoraOptions | None) -> Trained:
    began = time.perf_counter()
    tokenizer = load_tokenizer(tokenizer_folder(request.model))
    half = computes_half(options)
    model = load_model(request.model, half=half and lora is not None, trainable=lora is not None)
    window = window_of_model(model, options)
    rows = prepare_rows(request.train_file, tokenizer, options, window)
    if not rows.rows:
        raise CurationError(
            f"No row can be learned from. {rows.fit.text} Raise max_length or choose other rows."
        )
    request.on_progress(0, 0, rows.fit.text)
    held_out = (
        None if request.eval_file is None else prepare_rows(request.eval_file, tokenizer, options, window)
    )
    longest = min(rows.fit.longest, rows.fit.max_length)
    checkpointing = wants_checkpointing(model, options, longest, full=lora is None, half=half)
    watch = Watch(request)
    try:
        trainer = _trainer(
            model, tokenizer, watch,
            rows=rows,
            held_out=held_out if held_out is not None and held_out.rows else None,
            config=_config(request, options, half=half, checkpointing=checkpointing, rows=rows, held_out=held_out),
            lora=None if lora is None or isinstance(model, PeftModel) else lora_config(lora),
            patience=options.early_stopping_patience,
        )  # fmt: skip
        run_trainer(trainer, request, watch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise explain_out_of_memory(options, full=lora is None, checkpointing=checkpointing) from error
    return finish_training(trainer, request, watch, rows.fit, time.perf_counter() - began)


def n_processes(options: SftOptions) -> int:
    """How many processes to start: one per GPU where there are several, one where this is one of them already."""
    if "WORLD_SIZE" in os.environ or options.use_cpu or not torch.cuda.is_available():
        return 1
    return int(torch.cuda.device_count())


def computes_half(options: SftOptions) -> bool:
    """Whether to compute in bfloat16: as asked, or where hardware has it."""
    if options.bf16 != "auto":
        return options.bf16 == "on"
    if torch.cuda.is_available() and not options.use_cpu:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return not torch.backends.mps.is_available() and cpu_computes_bfloat16()


def tokenizer_folder(folder: Path) -> Path:
    """Where the tokenizer of a model or an adapter is: beside a bare adapter's base."""
    is_bare_adapter = (folder / ADAPTER_CONFIG).exists() and not (folder / "tokenizer_config.json").exists()
    return base_of(folder) if is_bare_adapter else folder


def window_of_model(model: Any, options: SftOptions) -> int:  # noqa: ANN401 - a model of transformers
    """Tokens that a loaded model reads at once; the most that the options ask for where it does not say."""
    return _window(model.config, options)


def window_of_folder(folder: Path, options: SftOptions) -> int:
    """The same from the files of a model, or of an adapter's base, of which no weight is loaded.

    What cannot be read is said when the model is loaded.
    """
    base = base_of(folder) if (folder / ADAPTER_CONFIG).exists() else folder
    try:
        return _window(AutoConfig.from_pretrained(str(base), local_files_only=True), options)
    except (OSError, ValueError, KeyError):
        return options.max_length


def _window(config: Any, options: SftOptions) -> int:  # noqa: ANN401 - of transformers
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or options.max_length)


def load_model(folder: Path, *, half: bool, trainable: bool) -> Any:  # noqa: ANN401 - a model of transformers
    """Frozen weights in bfloat16 where it is computed; weights that learn always in float32."""
    is_adapter = (folder / ADAPTER_CONFIG).exists()
    base = base_of(folder) if is_adapter else folder
    transformers_logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(base),
            dtype=torch.bfloat16 if half else torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(f"The model in {base} cannot be loaded: {reason}.") from error
    if not is_adapter:
        return model
    adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    if trainable:
        return adapted
    # Merged weights come out frozen, as the base of an adapter is.
    return adapted.merge_and_unload().requires_grad_(True)


def lora_config(options: SftLoraOptions) -> LoraConfig:
    """The options in the library's own type."""
    everywhere = options.target_modules == ("all-linear",)
    return LoraConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules="all-linear" if everywhere else list(options.target_modules),
        task_type="CAUSAL_LM",
    )


def _config(
    request: TrainingRequest,
    options: SftOptions,
    *,
    half: bool,
    checkpointing: bool,
    rows: Prepared,
    held_out: Prepared | None,
) -> SFTConfig:
    looks = held_out is not None and bool(held_out.rows)
    best = looks and options.early_stopping_patience > 0
    return SFTConfig(
        max_length=rows.fit.max_length,
        packing=options.packing,
        eval_packing=False,
        # Rows come as ids and labels; only packing has something left to prepare.
        dataset_kwargs={"skip_prepare_dataset": not options.packing},
        **trainer_arguments(
            request, options, half=half, checkpointing=checkpointing, looks=looks, keeps_best=best
        ),
    )


def _trainer(
    model: Any,  # noqa: ANN401 - a model of transformers
    tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
    watch: Watch,
    *,
    rows: Prepared,
    held_out: Prepared | None,
    config: SFTConfig,
    lora: LoraConfig | None,
    patience: int,
) -> TokenMeanTrainer:
    callbacks: list[Any] = [watch]
    if patience and held_out is not None:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=patience))
    weighted = rows.is_weighted or (held_out is not None and held_out.is_weighted)
    train = _dataset(rows.rows, weighted=weighted)
    if weighted and config.packing:
        train = packed(train, config.max_length)
        config.dataset_kwargs = {"skip_prepare_dataset": True}
    trainer = (WeightedTrainer if weighted else TokenMeanTrainer)(
        model=model,
        args=config,
        train_dataset=train,
        eval_dataset=None if held_out is None else _dataset(held_out.rows, weighted=weighted),
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.args.warmup_steps = count_warmup(trainer)
    return trainer


def count_warmup(trainer: Any) -> int:  # noqa: ANN401 - a trainer of TRL
    """The whole steps that the share of warm-up makes.

    The library rounds up, and the first step of a warm-up has the learning rate 0: a run of one step would learn nothing.
    """
    arguments = trainer.args
    per_pass = max(1, math.ceil(len(trainer.get_train_dataloader()) / arguments.gradient_accumulation_steps))
    steps = (
        arguments.max_steps if arguments.max_steps > 0 else math.ceil(arguments.num_train_epochs * per_pass)
    )
    return int(arguments.warmup_steps * steps)


def _dataset(rows: list[TokenRow], *, weighted: bool) -> Dataset:
    columns: dict[str, Any] = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
    }
    if weighted:
        columns[WEIGHTS] = [row.weights for row in rows]
    return Dataset.from_dict(columns)


def run_trainer(trainer: Any, request: TrainingRequest, watch: Watch) -> None:  # noqa: ANN401 - a trainer of TRL
    """Train from the last whole checkpoint; a cancelled run leaves one at the step where it stopped."""
    checkpoints = whole_checkpoints(request.folder / CHECKPOINTS)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoints[0]) if checkpoints else None)
    except JobCancelled:
        # While it looked at held-out rows, which is between two steps.
        if trainer.state.global_step > (steps_of(checkpoints[0]) if checkpoints else 0):
            trainer._save_checkpoint(trainer.model, trial=None)
        raise
    if watch.cancelled is not None:
        raise watch.cancelled


def finish_training(
    trainer: Any,  # noqa: ANN401 - a trainer of TRL
    request: TrainingRequest,
    watch: Watch,
    fit: RowFit,
    seconds: float,
    *,
    n_held_out_pairs: int | None = None,
    pair_measures: Mapping[str, float] | None = None,
) -> Trained:
    """Write what is kept and the record of it, and clear the checkpoints away."""
    stopped, n_steps = _write_kept(trainer, request, watch)
    state = trainer.state
    curves = _curves(state.log_history)
    looks = [p.value for p in curves if p.name == "eval_loss"]
    trained = Trained(
        folder=request.folder / RESULT,
        n_steps=n_steps,
        n_tokens=int(state.num_input_tokens_seen),
        train_loss=mean_loss(state.log_history, n_steps),
        eval_loss=_kept_loss(trainer, looks),
        stopped=stopped,
        fit=fit,
        seconds=seconds,
        curves=curves,
        n_held_out_pairs=n_held_out_pairs,
        pair_measures=dict(pair_measures or {}),
    )
    trainer.accelerator.wait_for_everyone()
    if _is_main():
        _write_record(request.folder, trained)
        shutil.rmtree(request.folder / CHECKPOINTS, ignore_errors=True)
    return trained


def _write_kept(trainer: TokenMeanTrainer, request: TrainingRequest, watch: Watch) -> tuple[str, int]:
    """Write the weights that are kept; returns why the training ended before its time, empty for not, and their step."""
    state, folder = trainer.state, request.folder / RESULT
    if watch.nan_step >= 0:
        sound = first_sound(whole_checkpoints(request.folder / CHECKPOINTS))
        if sound is None:
            raise CurationError(
                f"The loss was no number at step {watch.nan_step} of {state.max_steps}, before any checkpoint that could "
                f"be kept. Lower learning_rate ({trainer.args.learning_rate:g}), raise warmup_ratio, or set bf16 off."
            )
        _write_model(folder, trainer, from_checkpoint=sound)
        return "nan loss", steps_of(sound)
    n_steps = int(state.global_step)
    if trainer.eval_dataset is not None and not _looked_at(state.log_history, n_steps):
        trainer.evaluate()
    _write_model(folder, trainer, from_checkpoint=None)
    return "early" if n_steps < state.max_steps else "", n_steps


def _kept_loss(trainer: TokenMeanTrainer, looks: list[float]) -> float:
    """Held-out loss of the weights that are kept: the lowest where these were put back, else the last."""
    if trainer.args.load_best_model_at_end and trainer.state.best_metric is not None:
        return float(trainer.state.best_metric)
    return looks[-1] if looks else math.nan


def _looked_at(history: list[dict[str, Any]], step: int) -> bool:
    return any("eval_loss" in entry and entry.get("step") == step for entry in history)


def _write_model(folder: Path, trainer: TokenMeanTrainer, *, from_checkpoint: Path | None) -> None:
    if not _is_main():
        return
    shutil.rmtree(folder, ignore_errors=True)
    if from_checkpoint is not None:
        copy_weights(from_checkpoint, folder)
    else:
        model = trainer.accelerator.unwrap_model(trainer.model)
        # A reference that was trained against stays behind.
        chosen = {"selected_adapters": ["default"]} if isinstance(model, PeftModel) else {}
        model.save_pretrained(str(folder), safe_serialization=True, **chosen)
    trainer.processing_class.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)


def _curves(history: list[dict[str, Any]]) -> tuple[Point, ...]:
    return tuple(
        Point(int(entry["step"]), name, float(entry[logged]))
        for entry in history
        for logged, name in DRAWN.items()
        if logged in entry and "step" in entry
    )


def _is_main() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def _write_record(folder: Path, trained: Trained) -> None:
    record = asdict(trained) | {"folder": trained.folder.name}
    aside = folder / f"{RECORD}.aside"
    aside.write_text(json.dumps(record), "utf-8")
    aside.replace(folder / RECORD)


def read_finished(folder: Path) -> Trained | None:
    """What a training of this folder made; None while it has not ended."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
    except FileNotFoundError:
        return None
    fit = RowFit(**record.pop("fit"))
    curves = tuple(Point(**point) for point in record.pop("curves"))
    return Trained(folder=folder / record.pop("folder"), fit=fit, curves=curves, **record)
