"""Texts cut into windows of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tamis.types import Int64s

# A token is rarely longer than this. More of a text is not read, so that a text of megabytes costs as much as its
# first windows.
CHARACTERS_PER_TOKEN = 64


class Tokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    @property
    def is_fast(self) -> bool:
        """Whether it is the compiled kind, which can return every window of a text."""
        ...

    def num_special_tokens_to_add(self) -> int:
        """Special tokens that each window carries."""
        ...

    def build_inputs_with_special_tokens(self, token_ids_0: list[int]) -> list[int]:
        """The ids with the special tokens around them."""
        ...

    def __call__(self, text: list[str], **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - its own settings
        """Token ids of each text under "input_ids"."""
        ...


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of some texts.

    ``ids`` holds m lists of token ids, special tokens included; ``owner`` (m,) the text each belongs to, ascending;
    ``weight`` (m,) its tokens without the special ones, at least 1; ``counts`` (n,) the tokens of each text with one
    set of special tokens, 0 for an empty one.
    """

    ids: list[list[int]]
    owner: Int64s
    weight: Int64s
    counts: Int64s


def cut_windows(tokenizer: Tokenizer, texts: Sequence[str], window: int, per_text: int) -> Windows:
    """Tokenise once; keep the first ``per_text`` windows of ``window`` tokens of each text.

    Counts are a lower bound for a text of more than CHARACTERS_PER_TOKEN × window × per_text characters, because the
    rest of it is not read. Blank texts have no window.
    """
    filled = np.array([i for i, text in enumerate(texts) if text and not text.isspace()], dtype=np.int64)
    counts = np.zeros(len(texts), dtype=np.int64)
    if not filled.size:
        return Windows([], filled, filled, counts)
    most = CHARACTERS_PER_TOKEN * window * per_text
    readable = [texts[i] if len(texts[i]) <= most else texts[i].lstrip()[:most] for i in filled]
    special = int(tokenizer.num_special_tokens_to_add())
    ids, owner = _tokenise(tokenizer, readable, window)
    weight = np.maximum([len(tokens) - special for tokens in ids], 1).astype(np.int64)
    owner = filled[owner]
    np.add.at(counts, owner, weight)
    counts[filled] += special
    first = np.searchsorted(owner, owner)  # owner ascends, so this is where each text's windows begin
    kept = np.flatnonzero(np.arange(len(owner)) - first < per_text)
    return Windows([ids[i] for i in kept], owner[kept], weight[kept], counts)


def _tokenise(tokenizer: Tokenizer, texts: list[str], window: int) -> tuple[list[list[int]], Int64s]:
    """Token ids of every window and the text it comes from, all windows of a text in a row."""
    settings: dict[str, Any] = {"truncation": True, "max_length": window, "return_attention_mask": False}
    if tokenizer.is_fast:
        tokenised = tokenizer(texts, **settings, return_overflowing_tokens=True, return_token_type_ids=False)
        return tokenised["input_ids"], np.asarray(tokenised["overflow_to_sample_mapping"], dtype=np.int64)
    # A tokenizer in Python gives no further windows in a batch; cut its ids and add the special tokens by hand.
    body = window - int(tokenizer.num_special_tokens_to_add())
    ids, owner = [], []
    for i, tokens in enumerate(
        tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    ):
        for start in range(0, max(1, len(tokens)), body):
            ids.append(tokenizer.build_inputs_with_special_tokens(tokens[start : start + body]))
            owner.append(i)
    return ids, np.array(owner, dtype=np.int64)
