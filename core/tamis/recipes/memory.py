"""Whether activations fit into memory, estimated before training, and what to lower when they did not."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from tamis.recipes import SftOptions, TrainingOutOfMemory

# Of what is free; the rest is for buffers, fragments and other processes.
USABLE_FRACTION = 0.7
ADAM_BYTES = 12  # gradient and two moments of one weight, in float32
_TEXTS = ("out of memory", "can't allocate memory", "bad_alloc", "Cannot allocate memory")


def wants_checkpointing(model: Any, options: SftOptions, longest: int, *, full: bool, half: bool) -> bool:  # noqa: ANN401
    """Whether to compute activations twice: as asked, or when the estimate says that they do not fit.

    The estimate is the layers' inputs that the backward pass keeps (about 17 vectors of the hidden size and three of the
    inner size per token and layer) for one batch of the ``longest`` row.
    """
    if options.gradient_checkpointing != "auto":
        return options.gradient_checkpointing == "on"
    config = model.config.get_text_config()
    hidden = int(config.hidden_size)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    tokens = options.per_device_train_batch_size * max(1, longest)
    activations = int(config.num_hidden_layers) * tokens * (17 * hidden + 3 * inner) * (2 if half else 4)
    n_weights = sum(weight.numel() for weight in model.parameters())
    rest = n_weights * ADAM_BYTES if full else 0
    on_gpu = torch.cuda.is_available() and not options.use_cpu
    if on_gpu:
        free = float(torch.cuda.mem_get_info()[0])
        rest += sum(weight.numel() * weight.element_size() for weight in model.parameters())
    else:
        free = float(psutil.virtual_memory().available)
    return activations > USABLE_FRACTION * (free - rest)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch or Python says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)


def explain_out_of_memory(options: SftOptions, *, full: bool, checkpointing: bool) -> TrainingOutOfMemory:
    """An error that names the options to lower, with their values now."""
    ways = []
    if options.per_device_train_batch_size > 1:
        steps = options.gradient_accumulation_steps * 2
        half = options.per_device_train_batch_size // 2
        ways.append(
            f"per_device_train_batch_size {options.per_device_train_batch_size} → {half} "
            f"(with gradient_accumulation_steps {steps} the result is the same)"
        )
    if not checkpointing:
        ways.append("gradient_checkpointing on")
    ways.append(f"max_length {options.max_length} → {max(8, options.max_length // 2)}")
    if full:
        ways.append("recipe sft_lora, which needs a fraction of it")
    return TrainingOutOfMemory(f"Out of memory while training. Lower one of these: {'; '.join(ways)}.")
