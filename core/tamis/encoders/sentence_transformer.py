"""sentence-transformers models: the same vectors as the library's own ``encode``, in less time on a CPU."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from tamis.compute.vectors import unit_rows
from tamis.encoders import MiniLMOptions, SentenceTransformerOptions
from tamis.encoders.windows import CHARACTERS_PER_TOKEN, Windows, cut_windows
from tamis.errors import ModelMissing
from tamis.models.batches import token_batches
from tamis.models.devices import choose_device, choose_dtype
from tamis.models.files import find_model, fingerprint
from tamis.models.pulse import beat
from tamis.types import Float32s, Int64s

CPU_BATCH_TOKENS = 2048  # the activations of a batch still fit the processor's caches
GPU_BATCH_TOKENS = 65_536
DEFAULT_WINDOW = 512  # for a model that names none


def open_minilm(options: MiniLMOptions) -> SentenceTransformerEncoder:
    """The bundled all-MiniLM-L6-v2."""
    return SentenceTransformerEncoder(SentenceTransformerOptions(**options.model_dump()))


class SentenceTransformerEncoder:
    """Encodes with a model whose files are found at once and whose weights are loaded at the first use.

    The same list of texts gives the same bytes on the same machine; a text among other texts may differ by rounding
    (cosine above 0.999 in bfloat16), because rows of similar length are computed together.
    """

    def __init__(self, options: SentenceTransformerOptions) -> None:
        self.options = options
        self.folder: Path = find_model(options.model, options.revision)
        self.device = choose_device(options.device)
        self.dtype = choose_dtype(options.dtype, self.device)

    @functools.cached_property
    def identity(self) -> str:
        """Fingerprint of the model's files, number format, window, prompt and treatment of long texts."""
        options = self.options
        parts = {"dtype": str(self.dtype).removeprefix("torch."), "window": options.max_tokens}
        parts |= {"prompt": options.prompt, "long_text": options.long_text}
        if options.long_text == "chunk_mean":
            parts["max_windows"] = options.max_windows
        return f"sentence_transformer:1:{fingerprint(self.folder)}:{json.dumps(parts, sort_keys=True)}"

    @functools.cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        model = self._model
        # The first name is the present one; releases before 5.4 only have the second.
        ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        return int(ask() or model.encode(["size"], show_progress_bar=False).shape[1])

    @property
    def max_tokens(self) -> int | None:
        """The window in tokens, special tokens included; None for a model without one (static embeddings)."""
        return self._window if self._has_windows else None

    def count_tokens(self, texts: Sequence[str]) -> Int64s:
        """Tokens of each text with its prompt and special tokens, shape (n,); 0 for a blank text.

        A lower bound for a text of more than 64 × window characters (× max_windows under chunk_mean), which is not
        read to its end; such a text is longer than the window in any case.
        """
        return self._cut(texts).counts if self._has_windows else self._count_words(texts)

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Vectors of shape (n, dimension), float32, unit length; zero for a blank text."""
        return self.encode_with_counts(texts)[0]

    def encode_with_counts(self, texts: Sequence[str]) -> tuple[Float32s, Int64s]:
        """``encode`` and ``count_tokens`` in one pass over the texts."""
        if not self._has_windows:
            return self._encode_static(texts), self._count_words(texts)
        windows = self._cut(texts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if windows.ids:
            window_vectors = self._encode_windows(windows.ids)
            # The mean of a text's unit vectors, each counted by how much of the text it holds.
            np.add.at(vectors, windows.owner, window_vectors * windows.weight[:, None].astype(np.float32))
        return unit_rows(vectors), windows.counts

    @functools.cached_property
    def _model(self) -> SentenceTransformer:
        model = _load(self.folder, self.options.model, self.device)
        if self.dtype != torch.float32 and _is_windowed(model):
            model[0].to(self.dtype)
            # Pooling and what follows add many small numbers: they work in float32 whatever the transformer used.
            model[0].register_forward_hook(_to_float32)
        return model

    @functools.cached_property
    def _has_windows(self) -> bool:
        return _is_windowed(self._model)

    @functools.cached_property
    def _window(self) -> int:
        own = self._model.max_seq_length
        limit = int(own) if own and own < 10**9 else DEFAULT_WINDOW
        return limit if self.options.max_tokens is None else min(limit, self.options.max_tokens)

    def _cut(self, texts: Sequence[str]) -> Windows:
        per_text = self.options.max_windows if self.options.long_text == "chunk_mean" else 1
        verbosity = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()  # it warns of long texts, which are cut here on purpose
        try:
            return cut_windows(self._model.tokenizer, self._prompted(texts), self._window, per_text)
        finally:
            transformers_logging.set_verbosity(verbosity)

    def _prompted(self, texts: Sequence[str]) -> Sequence[str]:
        prompt = self.options.prompt
        return [prompt + text if text and not text.isspace() else "" for text in texts] if prompt else texts

    def _encode_windows(self, ids: list[list[int]]) -> Float32s:
        lengths = np.array([len(tokens) for tokens in ids], dtype=np.int64)
        vectors = np.empty((len(ids), self.dimension), dtype=np.float32)
        budget = self.options.batch_tokens
        budget = budget or (CPU_BATCH_TOKENS if self.device.type == "cpu" else GPU_BATCH_TOKENS)
        with torch.inference_mode():
            for batch in token_batches(lengths, budget):
                features = self._features([ids[i] for i in batch])
                vectors[batch] = self._model(features)["sentence_embedding"].float().cpu().numpy()
                beat(int(lengths[batch].sum()))
        return unit_rows(vectors)

    def _features(self, ids: list[list[int]]) -> dict[str, Any]:
        tokenizer = self._model.tokenizer
        width = max(len(tokens) for tokens in ids)
        tokens = np.full((len(ids), width), tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        left = tokenizer.padding_side == "left"
        for row, own in enumerate(ids):
            place = slice(width - len(own), width) if left else slice(0, len(own))
            tokens[row, place], mask[row, place] = own, 1
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(tokens).to(self.device),
            "attention_mask": torch.from_numpy(mask).to(self.device),
        }
        if self._prompt_tokens:
            features["prompt_length"] = self._prompt_tokens
        return features

    @functools.cached_property
    def _prompt_tokens(self) -> int:
        """Tokens of the prompt, for models that leave it out of the mean; the closing special token not counted."""
        if not self.options.prompt:
            return 0
        tokenizer = self._model.tokenizer
        ids = tokenizer(self.options.prompt)["input_ids"]
        return len(ids) - (1 if ids and ids[-1] in tokenizer.all_special_ids else 0)

    def _encode_static(self, texts: Sequence[str]) -> Float32s:
        filled = [i for i, text in enumerate(texts) if text and not text.isspace()]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if filled:
            chosen = [self.options.prompt + texts[i] for i in filled]
            vectors[filled] = self._model.encode(chosen, show_progress_bar=False, convert_to_numpy=True)
        return unit_rows(vectors)

    def _count_words(self, texts: Sequence[str]) -> Int64s:
        most = CHARACTERS_PER_TOKEN * DEFAULT_WINDOW
        encoded = self._model.tokenizer.encode_batch(
            [text[:most] for text in texts], add_special_tokens=False
        )
        return np.array([len(item.ids) for item in encoded], dtype=np.int64)


def _load(folder: Path, model: str, device: torch.device) -> SentenceTransformer:
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        loaded = SentenceTransformer(
            str(folder),
            device=str(device),
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(
            f"The model {model!r} in {folder} cannot be loaded: {reason}. Check that every file of it is there."
        ) from error
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
    return loaded.eval()


def _is_windowed(model: SentenceTransformer) -> bool:
    """Whether the model is a transformer with a window; static embeddings bring another kind of tokenizer."""
    return hasattr(model.tokenizer, "is_fast")


def _to_float32(_module: torch.nn.Module, _inputs: object, features: dict[str, Any]) -> dict[str, Any]:
    features["token_embeddings"] = features["token_embeddings"].float()
    return features
