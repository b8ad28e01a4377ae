"""RDS+ (2503.01807): rows and examples as position-weighted means of a causal model's last hidden states."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from tamis.compute.target.similarity import cosines
from tamis.compute.target.vectors import position_weights
from tamis.compute.vectors import unit_rows
from tamis.errors import CurationError, ModelMissing
from tamis.models.batches import token_batches
from tamis.models.chat_rows import ChatRow, as_text_only
from tamis.models.chat_tokens import ChatTokens
from tamis.models.devices import choose_device, choose_dtype
from tamis.models.files import fingerprint
from tamis.models.row_marks import UnfitRow
from tamis.scorers import ScorerInput, TargetInput
from tamis.scorers.options import TargetRdsOptions
from tamis.scorers.target import VECTORS, best_similarity, examples_towards, whitened_similarity
from tamis.types import Float32s, Message

EDITION = "rds:1"  # of what a cached vector means
# The form of Tulu's data, for a model without a template of its own; blanks around a turn are no part of it.
TULU_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'].strip() }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token or '' }}{% endif %}"
    "{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n<|assistant|>\n' }}{% endif %}"
)


class TargetRdsScorer:
    """Cosine of RDS+ vectors; a vector is kept by the model's files, its number format and the tokens that it read."""

    def __init__(self, options: TargetRdsOptions) -> None:
        self._options = options
        self._device = choose_device(options.device)
        self._examples: Float32s | None = None

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), the best cosine, NaN for a row without a token; ``tokens`` read and whether it was ``cut`` (n,);
        ``similarities`` (n, E) and ``vectors`` (n, d).
        """
        target = examples_towards(rows)
        model = self._opened(target)
        if self._examples is None:
            self._examples = model.vectors(list(target.conversations), target)[0]
        pairs = zip(rows.prompts, rows.responses, strict=True)
        turns = rows.conversations or [_exchange(*pair) for pair in pairs]
        vectors, lengths = model.vectors(turns, target)
        limit = self._options.max_tokens
        return best_similarity(cosines(vectors, self._examples)) | {
            "tokens": np.minimum(lengths, limit).astype(np.float32),
            "cut": (lengths > limit).astype(np.float32),
            VECTORS: vectors,
        }

    def whitened(self, vectors: Float32s, target: TargetInput) -> dict[str, Float32s]:
        """What ``score`` says of similarity, by ``vectors`` (n, d) of all rows whitened by themselves; (n, d') of them beside it."""
        examples = self._opened(target).vectors(list(target.conversations), target)[0]
        return whitened_similarity(vectors, examples, self._options)

    def _opened(self, target: TargetInput) -> RdsModel:
        if target.model_folder is None:
            raise CurationError("This score asks a model of this machine, and nothing says where models are.")
        return _model(target.model_folder(self._options.model), self._options, self._device)


class RdsModel:
    """Vectors of conversations by one causal model; its weights are loaded at the first text that is not kept."""

    def __init__(self, folder: Path, options: TargetRdsOptions, device: torch.device) -> None:
        self._folder, self._options, self._device = folder, options, device
        self._dtype = choose_dtype(options.dtype, device)

    @functools.cached_property
    def identity(self) -> str:
        """The files of the model and its number format; what else decides a vector is in its tokens."""
        return f"{EDITION}:{fingerprint(self._folder)}:{str(self._dtype).removeprefix('torch.')}"

    def vectors(
        self, conversations: Sequence[Sequence[Message]], target: TargetInput
    ) -> tuple[Float32s, np.ndarray]:
        """Unit vectors (n, width), zero for a conversation without a token, and how many tokens each had (n,) before it
        was cut on the right.
        """
        ids = [self.tokens(turns) for turns in conversations]
        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        read = [one[: self._options.max_tokens] for one in ids]
        found = np.zeros((len(read), self._width), dtype=np.float32)
        told = [place for place, one in enumerate(read) if one]
        if not told:
            return found, lengths
        if target.kept_vectors is None:
            found[told] = self.encode([read[place] for place in told])
            return found, lengths
        texts = [" ".join(map(str, read[place])) for place in told]
        found[told] = target.kept_vectors(self.identity, self._width, texts, self._encode_texts)
        return found, lengths

    def tokens(self, turns: Sequence[Message]) -> list[int]:
        """All tokens of a conversation in the model's own template; one that ends with a question, up to where its answer
        begins. None for what a text model cannot read.
        """
        row = ChatRow(messages=tuple(turns))
        try:
            return self._read(row)
        except UnfitRow:
            try:
                return self._read(as_text_only(row))
            except UnfitRow:
                return []

    def _read(self, row: ChatRow) -> list[int]:
        if not row.messages:
            return []
        if row.messages[-1]["role"] == "assistant":
            return self._chat.row(row).ids
        return self._chat.question(row)

    def encode(self, sequences: Sequence[Sequence[int]]) -> Float32s:
        """Vectors of token sequences, none of them empty, in batches of like lengths padded on the right."""
        found = np.zeros((len(sequences), self._width), dtype=np.float32)
        lengths = np.array([len(one) for one in sequences], dtype=np.int64)
        with torch.inference_mode():
            for batch in token_batches(lengths, self._options.batch_tokens):
                found[batch] = self._pooled([sequences[i] for i in batch])
        return found

    def _pooled(self, sequences: Sequence[Sequence[int]]) -> Float32s:
        width = max(map(len, sequences))
        ids = np.zeros((len(sequences), width), dtype=np.int64)
        mask = np.zeros((len(sequences), width), dtype=np.int64)
        for row, tokens in enumerate(sequences):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        states = self._body(
            input_ids=torch.from_numpy(ids).to(self._device),
            attention_mask=torch.from_numpy(mask).to(self._device),
            use_cache=False,
        ).last_hidden_state
        weights = torch.from_numpy(position_weights(mask).astype(np.float32)).to(self._device)
        # Padding may hold anything, infinity too: it is left out before it is multiplied by 0.
        kept = states.float().masked_fill(weights[:, :, None] == 0, 0)
        means = torch.einsum("nl,nld->nd", weights, kept)
        return unit_rows(means.cpu().numpy())

    def _encode_texts(self, texts: Sequence[str]) -> Float32s:
        return self.encode([[int(one) for one in text.split()] for text in texts])

    @functools.cached_property
    def _width(self) -> int:
        config = _loaded(AutoConfig, self._folder)
        return int(config.get_text_config().hidden_size)

    @functools.cached_property
    def _chat(self) -> ChatTokens:
        tokenizer = _loaded(AutoTokenizer, self._folder)
        if not tokenizer.chat_template:
            tokenizer.chat_template = TULU_TEMPLATE
        return ChatTokens(tokenizer)

    @functools.cached_property
    def _body(self) -> Any:  # noqa: ANN401 - a model of transformers
        model = _loaded(AutoModel, self._folder, use_safetensors=True, dtype=self._dtype)
        return model.eval().to(self._device)


@functools.lru_cache(maxsize=1)
def _model(folder: Path, options: TargetRdsOptions, device: torch.device) -> RdsModel:
    return RdsModel(folder, options, device)


def _loaded(kind: Any, folder: Path, **settings: object) -> Any:  # noqa: ANN401 - a class of transformers
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **settings)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(f"The model in {folder} cannot be loaded: {reason}.") from error


def _exchange(prompt: str, response: str) -> list[Message]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
