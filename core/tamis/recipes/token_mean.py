"""A trainer that reports losses as means over tokens; the library's are means over batches, where short rows weigh more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from trl import SFTTrainer

from tamis.recipes.rows import NOT_LEARNED

TOKENS = "loss_tokens"  # in the log beside "loss": over how many tokens it is the mean


class TokenMeanTrainer(SFTTrainer):  # type: ignore[misc]
    """Logs ``loss`` and ``eval_loss`` as the mean over all learned tokens since the last one, whatever batch they were in."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - the library's own arguments
        super().__init__(*given, **named)
        self._trained = self._looked = (0.0, 0.0)  # sums of losses of tokens, and tokens

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:  # noqa: ANN401 - the library's
        """One batch of a step; its loss is already a part of the mean over the tokens of the whole step."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        if num_items_in_batch is not None:
            n_tokens = float(torch.as_tensor(num_items_in_batch).float().mean())
            ends = self.accelerator.gradient_state.sync_gradients
            total, counted = self._trained
            self._trained = (total + float(loss) * n_tokens, counted + n_tokens * ends)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The library's log with the mean over tokens in place of the mean over steps."""
        if "loss" in logs and self._trained[1] > 0:
            total, n_tokens = self._of_all(self._trained)
            logs |= {"loss": total / n_tokens, TOKENS: n_tokens}
            self._trained = (0.0, 0.0)
        super().log(logs, start_time)

    def prediction_step(
        self,
        model: Any,  # noqa: ANN401 - the library's
        inputs: Any,  # noqa: ANN401 - the library's
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> Any:  # noqa: ANN401 - the library's
        """Loss of one batch of held-out rows, counted by its tokens."""
        # The first token is read and never predicted.
        n_tokens = int((inputs["labels"][:, 1:] != NOT_LEARNED).sum())
        found = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        total, counted = self._looked
        self._looked = (total + float(found[0]) * n_tokens, counted + n_tokens)
        return found

    def evaluation_loop(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's
        """The library's evaluation with the mean over all tokens."""
        self._looked = (0.0, 0.0)
        found = super().evaluation_loop(*given, **named)
        total, n_tokens = self._of_all(self._looked)
        for name in found.metrics:
            if name.endswith("_loss") and n_tokens > 0:
                found.metrics[name] = total / n_tokens
        return found

    def _of_all(self, sums: tuple[float, float]) -> tuple[float, float]:
        """Means over the processes of this training; their ratio is that of the sums."""
        shared = torch.tensor([sums], dtype=torch.float32, device=self.args.device)
        total, n_tokens = self.accelerator.gather(shared).mean(dim=0).tolist()
        return total, n_tokens


def mean_loss(history: Sequence[Mapping[str, Any]], n_steps: int) -> float:
    """Loss per token over the first ``n_steps`` steps of a log; NaN where none was logged.

    Entries without a number of tokens, as logs of before have them, count alike.
    """
    logged = [entry for entry in history if "loss" in entry and entry.get("step", 0) <= n_steps]
    tokens = [float(entry.get(TOKENS, 1.0)) for entry in logged]
    weighted = math.fsum(float(entry["loss"]) * n for entry, n in zip(logged, tokens, strict=True))
    return weighted / math.fsum(tokens) if logged else math.nan
