"""A sequence-classification model on this machine, for pairs of texts and for conversations."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tamis.errors import InvalidOptions, ModelMissing
from tamis.models.batches import token_batches
from tamis.models.chat_template import ChatTemplate
from tamis.models.devices import choose_device, choose_dtype
from tamis.models.files import find_model
from tamis.models.pulse import beat
from tamis.models.row_marks import UnfitRow
from tamis.scorers.options import LocalClassifierOptions
from tamis.types import Float64s, Message


class Classifier:
    """Logits of texts; weights are loaded at the first use. ``n_truncated`` counts inputs that were too long."""

    def __init__(self, options: LocalClassifierOptions) -> None:
        if not options.model:
            raise InvalidOptions(
                "This score needs a model: name a folder on this machine or a hub id as model."
            )
        self._options = options
        self._folder = find_model(options.model, options.revision)
        self._device = choose_device(options.device)
        self.n_truncated = 0

    def labels(self) -> list[str]:
        """Names of the outputs in their order, in lower case."""
        names = self._model.config.id2label or {}
        return [str(names.get(i, i)).lower() for i in range(self._model.config.num_labels)]

    def pairs(self, first: Sequence[str], second: Sequence[str]) -> Float64s:
        """Logits (n, outputs) of text pairs; the end of the first text of a pair that is too long is left out."""
        settings = {
            "truncation": "only_first",
            "max_length": self._options.max_tokens,
            "add_special_tokens": True,
        }
        longer = self._tokenizer(list(first), list(second), add_special_tokens=True)["input_ids"]
        self.n_truncated += sum(len(ids) > self._options.max_tokens for ids in longer)
        # The second text may fill the window alone: then the pair is cut wherever it is longest.
        hard = [i for i, text in enumerate(second) if len(text) > 2 * self._options.max_tokens]
        encoded = self._tokenizer(
            list(first), list(second), **(settings | ({"truncation": "longest_first"} if hard else {}))
        )
        return self._logits([{key: encoded[key][i] for key in encoded} for i in range(len(first))])

    def conversations(self, several: Sequence[Sequence[Message]]) -> Float64s:
        """Logits (n, outputs) of conversations in the model's own chat template; raises InvalidOptions for one that it refuses."""
        if not self._tokenizer.chat_template:
            raise InvalidOptions(
                f"The model {self._options.model!r} has no chat template: choose a reward model that brings one."
            )
        template = ChatTemplate(self._tokenizer)
        rows = []
        for messages in several:
            turns = [
                {"role": m.get("role", "user"), "content": str(m.get("content") or "")} for m in messages
            ]
            try:
                text = template.render(turns, ())
            except UnfitRow as error:
                raise InvalidOptions(
                    f"Conversations {error} of the model {self._options.model!r}: choose another reward model."
                ) from error
            ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            self.n_truncated += len(ids) > self._options.max_tokens
            ids = ids[-self._options.max_tokens :]  # the answer stands at the end
            rows.append({"input_ids": ids, "attention_mask": [1] * len(ids)})
        return self._logits(rows)

    def _logits(self, rows: list[dict[str, list[int]]]) -> Float64s:
        lengths = np.array([len(row["input_ids"]) for row in rows], dtype=np.int64)
        logits = np.full((len(rows), self._model.config.num_labels), np.nan)
        with torch.inference_mode():
            for batch in token_batches(lengths, self._options.batch_tokens):
                padded = self._padded([rows[i] for i in batch])
                logits[batch] = self._model(**padded).logits.double().cpu().numpy()
                beat(int(lengths[batch].sum()))
        return logits

    def _padded(self, rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": self._tokenizer.pad_token_id or 0}
        arrays = {}
        for key in rows[0]:
            table = np.full((len(rows), width), fill.get(key, 0), dtype=np.int64)
            for i, row in enumerate(rows):
                table[i, : len(row[key])] = row[key]
            arrays[key] = torch.from_numpy(table).to(self._device)
        return arrays

    @functools.cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - a tokenizer of transformers
        return AutoTokenizer.from_pretrained(
            str(self._folder), local_files_only=True, trust_remote_code=False
        )

    @functools.cached_property
    def _model(self) -> Any:  # noqa: ANN401 - a model of transformers
        dtype = choose_dtype(self._options.dtype, self._device)
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                str(self._folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            raise ModelMissing(f"The model {self._options.model!r} cannot be loaded: {reason}.") from error
        if model.config.pad_token_id is None:
            model.config.pad_token_id = self._tokenizer.pad_token_id or 0
        return model.eval().to(self._device)
