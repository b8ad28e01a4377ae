"""What is looked at while TRL trains: progress, curves, a loss that is no number."""

from __future__ import annotations

import math
import time
from typing import Any

import psutil
import torch
from transformers import TrainerCallback

from tamis.errors import JobCancelled
from tamis.models.pulse import beat
from tamis.recipes import TrainingRequest

CURVES = {
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    # Of pairs: β times how much further the given answer is from the other than in the reference, how often it is above 0,
    # and the summed log-likelihood of the given answers.
    "rewards/margins": "margin",
    "eval_rewards/margins": "eval_margin",
    "rewards/accuracies": "pair_accuracy",
    "eval_rewards/accuracies": "eval_pair_accuracy",
    "logps/chosen": "logp_given",
    "eval_logps/chosen": "eval_logp_given",
}


class Watch(TrainerCallback):  # type: ignore[misc]
    """Reports every step, and stops at a loss that is no number; ``nan_step`` is where, -1 while it is one.

    ``cancelled`` is what ended the run at a step for which a checkpoint was then written. While ``measures`` what is logged is no
    point of a curve.
    """

    def __init__(self, request: TrainingRequest) -> None:
        self._request = request
        self._began = self._seconds = 0.0
        self._tokens = self._heard = 0
        self._message = ""
        self.nan_step = -1
        self.measures = False
        self.cancelled: JobCancelled | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """Count tokens from here: a resumed run has read some before."""
        self._tokens = self._heard = int(state.num_input_tokens_seen)
        self._request.on_progress(state.global_step, state.max_steps, "")

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """Time only steps, neither evaluation nor saving."""
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """Say how far it is; a cancelled job ends after this step's point of the curves and its checkpoint."""
        self._seconds += time.perf_counter() - self._began
        try:
            self._request.on_progress(state.global_step, state.max_steps, self._message)
        except JobCancelled as error:
            self.cancelled = error
        if _anywhere(self.cancelled is not None, args.device):
            self.cancelled = self.cancelled or JobCancelled("The job was cancelled.")
            control.should_log = control.should_save = control.should_training_stop = True
            control.should_evaluate = False

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """A batch of several that make a step: the only sign of life where a step takes long."""
        beat(max(0, int(state.num_input_tokens_seen) - self._heard))
        self._heard = int(state.num_input_tokens_seen)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """A long evaluation must notice a cancelled job too."""
        if not _is_distributed():  # one process that leaves would keep the others waiting
            self._request.on_progress(state.global_step, state.max_steps, "held-out rows")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:  # noqa: ANN401 - the trainer's
        """Add speed and memory to the log, hand all of it on, and look at the loss."""
        if self.measures:
            return
        values = {CURVES[name]: float(value) for name, value in (logs or {}).items() if name in CURVES}
        if "loss" in values:
            values |= self._measured(state)
            # The log is part of every checkpoint, so a resumed run has the whole curve.
            state.log_history[-1].update(values)
            self._message = f"loss {values['loss']:.3f}, {values.get('tokens_per_s', 0.0):,.0f} tokens/s"
        for name, value in values.items():
            self._request.on_metric(name, value, float(state.global_step))
        if not math.isfinite(values.get("loss", 0.0)):
            self.nan_step = state.global_step
            control.should_training_stop = True
            control.should_save = control.should_evaluate = False

    def _measured(self, state: Any) -> dict[str, float]:  # noqa: ANN401 - the trainer's
        read = int(state.num_input_tokens_seen) - self._tokens
        speed = read / self._seconds if self._seconds > 0 else 0.0
        self._tokens, self._seconds = int(state.num_input_tokens_seen), 0.0
        return {"tokens_per_s": speed, "memory_mb": memory_mb()}


def _is_distributed() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def _anywhere(flag: bool, device: torch.device) -> bool:
    """Whether the flag is up in any process of this training, so that all of them stop at the same step."""
    if not _is_distributed():
        return flag
    raised = torch.tensor([int(flag)], device=device)
    torch.distributed.all_reduce(raised, op=torch.distributed.ReduceOp.MAX)
    return bool(raised.item())


def memory_mb() -> float:
    """Most memory that the GPU held for this process, or what the process holds now where there is none."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    return float(psutil.Process().memory_info().rss) / 2**20
