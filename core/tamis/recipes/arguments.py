"""What every trainer of the library is told alike, whichever loss it takes."""

from __future__ import annotations

from typing import Any

import torch

from tamis.recipes import CheckerOptions, SftOptions, TrainingRequest

CHECKPOINTS = "checkpoints"
KEPT_CHECKPOINTS = 2


def trainer_arguments(
    request: TrainingRequest,
    options: SftOptions | CheckerOptions,
    *,
    half: bool,
    checkpointing: bool,
    looks: bool,
    keeps_best: bool,
) -> dict[str, Any]:
    """Keyword arguments of ``TrainingArguments`` from the options: steps, rates, looks at held-out rows, checkpoints.

    With ``looks`` the held-out rows are evaluated every so many steps, and ``keeps_best`` ends with the weights of the best look.
    """
    on_cpu = options.use_cpu or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    return dict(
        output_dir=str(request.folder / CHECKPOINTS),
        seed=request.seed,
        learning_rate=options.learning_rate,
        num_train_epochs=options.num_train_epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=options.per_device_train_batch_size,
        per_device_eval_batch_size=options.per_device_train_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        warmup_steps=options.warmup_ratio,
        lr_scheduler_type=options.lr_scheduler_type,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        bf16=half,
        use_cpu=on_cpu,
        gradient_checkpointing=checkpointing,
        logging_steps=options.logging_steps,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if looks else "no",
        eval_steps=whole_steps(options.eval_steps) if looks else None,
        save_strategy="steps",
        save_steps=whole_steps(options.eval_steps if keeps_best else options.save_steps),
        save_total_limit=KEPT_CHECKPOINTS,
        load_best_model_at_end=keeps_best,
        metric_for_best_model="eval_loss" if keeps_best else None,
        greater_is_better=False if keeps_best else None,
        restore_callback_states_from_checkpoint=True,
        include_num_input_tokens_seen="non_padding",
        prediction_loss_only=True,
        dataloader_pin_memory=not on_cpu,
        disable_tqdm=True,
        report_to="none",
        log_level="error",
    )


def whole_steps(value: float) -> float:
    """A share of the run as it is, a number of steps whole."""
    return value if value < 1 else int(value)
