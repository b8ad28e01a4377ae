"""Training with a weight per token: the trainer, given the weights and a loss that heeds them."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from tamis.recipes.rows import NOT_LEARNED
from tamis.recipes.token_mean import TokenMeanTrainer

WEIGHTS = "loss_weights"


class WeightedCollator(DataCollatorForLanguageModeling):  # type: ignore[misc]
    """Batches with the weights of their tokens, padded or laid end to end as the tokens are."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """TRL's batch and ``loss_weights`` (rows, tokens), 0 where nothing stands."""
        batch: dict[str, Any] = super().torch_call(examples)
        weights = [torch.tensor(example[WEIGHTS], dtype=torch.float32) for example in examples]
        if self.padding_free:
            weights = [torch.cat(weights)]
        padded = torch.zeros(batch["input_ids"].shape, dtype=torch.float32)
        for row, own in enumerate(weights):
            padded[row, : len(own)] = own
        return batch | {WEIGHTS: padded}


class WeightedTrainer(TokenMeanTrainer):
    """Learns each token by its weight: the sum of weight × loss over the number of tokens that are learned at all.

    A weight of one half thus counts half of what it would without marks, whatever the other weights are.
    """

    data_collator: Any
    _signature_columns: Any

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - the trainer's own
        super().__init__(**given)
        self.data_collator = WeightedCollator(
            pad_token_id=self.data_collator.pad_token_id, padding_free=self.data_collator.padding_free
        )

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if WEIGHTS not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, WEIGHTS]

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401 - the trainer's
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401 - the trainer's
        """The weighted loss of one batch; ``num_items_in_batch`` counts what all batches of a step learn."""
        labels, weights = inputs["labels"], inputs[WEIGHTS]
        read = {name: value for name, value in inputs.items() if name not in ("labels", WEIGHTS)}
        outputs = model(**read, use_cache=False)
        loss = weighted_loss(outputs.logits, labels, weights, num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def weighted_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    n_learned: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """Sum of weight × negative log-likelihood over ``n_learned`` tokens, those of the batch itself where it is None.

    ``logits`` (rows, tokens, vocabulary) at a token are for the one after it; ``labels`` and ``weights`` (rows, tokens).
    """
    wanted, own = labels[:, 1:], weights[:, 1:]
    flat = logits[:, :-1].reshape(-1, logits.shape[-1]).float()
    losses = cross_entropy(flat, wanted.reshape(-1), ignore_index=NOT_LEARNED, reduction="none")
    count = (wanted != NOT_LEARNED).sum() if n_learned is None else torch.as_tensor(n_learned)
    total: torch.Tensor = (losses * own.reshape(-1)).sum() / count.to(losses.device).clamp(min=1)
    return total


def packed(rows: Dataset, max_length: int) -> Dataset:
    """Several rows in each sequence, their weights too: TRL's own packing would leave these behind."""
    from trl import pack_dataset

    return pack_dataset(rows, max_length, "bfd")
