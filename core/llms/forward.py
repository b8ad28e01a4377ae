"""One pass of a causal model over many sequences, reading every shared beginning once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from core.llms.prefixes import Group, common_length, shared_groups
from core.models.batches import token_batches

LOGIT_ROWS = 256  # positions whose logits over the whole vocabulary are held at once


@dataclass(frozen=True, slots=True)
class Read:
    """Tokens to read, and from which position on the model's state is wanted."""

    tokens: list[int]
    first: int


@dataclass(frozen=True, slots=True)
class State:
    """What a model remembers of read tokens: keys and values, which positions are real, and how many they are."""

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    mask: torch.Tensor
    lengths: torch.Tensor

    def rows(self, index: torch.Tensor) -> State:
        """The rows at ``index``, with repeats."""
        layers = [(k[index], v[index]) for k, v in self.layers]
        return State(layers, self.mask[index], self.lengths[index])


class Forward:
    """Hidden states of a causal model; the same reads always meet in the same batches."""

    def __init__(self, model: Any, pad: int, batch_tokens: int) -> None:  # noqa: ANN401 - a model of transformers
        self.model = model
        self.body = model.base_model if model.base_model is not model else model.model
        self.device = next(model.parameters()).device
        self._pad, self._budget = pad, batch_tokens

    def hidden(self, reads: Sequence[Read]) -> Iterator[tuple[int, torch.Tensor]]:
        """Position of a read, and the states (m, width) from its ``first`` token on; in the order they are computed."""
        if not reads:
            return
        shareable = [read.tokens[: read.first] for read in reads]
        start = common_length(shareable) if len(reads) > 1 else 0
        root = self._extend(None, [reads[0].tokens[:start]])[1] if start else None
        if root is None:
            start = 0
        groups = shared_groups(shareable, start) if root is not None or not start else []
        grouped = {member for group in groups for member in group.members}
        single = [i for i in range(len(reads)) if i not in grouped]
        lengths = np.array([len(reads[i].tokens) - start for i in single], dtype=np.int64)
        for batch in token_batches(lengths, self._budget):
            yield from self._read([single[i] for i in batch], reads, root, start)
        yield from self._read_groups(groups, reads, root, start)

    def _read_groups(
        self, groups: list[Group], reads: Sequence[Read], root: State | None, start: int
    ) -> Iterator[tuple[int, torch.Tensor]]:
        work = [
            max(group.length - start, sum(len(reads[i].tokens) - group.length for i in group.members))
            for group in groups
        ]
        for batch in token_batches(np.array(work, dtype=np.int64), self._budget):
            chosen = [groups[i] for i in batch]
            beginnings = [reads[group.members[0]].tokens[start : group.length] for group in chosen]
            _, state = self._extend(_repeated(root, len(chosen)), beginnings)
            if state is None:  # a model whose memory cannot be handed on
                for group in chosen:
                    yield from self._read(list(group.members), reads, root, start)
                continue
            owner = [place for place, group in enumerate(chosen) for _ in group.members]
            members = [i for group in chosen for i in group.members]
            cut = [chosen[place].length for place in owner]
            yield from self._read(members, reads, state.rows(torch.tensor(owner, device=self.device)), cut)

    def _read(
        self, chosen: list[int], reads: Sequence[Read], past: State | None, start: int | list[int]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        starts = [start] * len(chosen) if isinstance(start, int) else start
        rest = [reads[i].tokens[s:] for i, s in zip(chosen, starts, strict=True)]
        same = past is not None and past.mask.shape[0] == len(chosen)
        hidden, _ = self._extend(past if same else _repeated(past, len(chosen)), rest)
        for row, (i, s) in enumerate(zip(chosen, starts, strict=True)):
            yield i, hidden[row, reads[i].first - s : len(rest[row])]

    def _extend(self, past: State | None, sequences: list[list[int]]) -> tuple[torch.Tensor, State | None]:
        """Read one more piece per row, padded on the right; states (rows, width, size) and the longer memory."""
        width = max(len(tokens) for tokens in sequences)
        ids = np.full((len(sequences), width), self._pad, dtype=np.int64)
        real = np.zeros((len(sequences), width), dtype=np.int64)
        for row, tokens in enumerate(sequences):
            ids[row, : len(tokens)], real[row, : len(tokens)] = tokens, 1
        tokens_in, mask = torch.from_numpy(ids).to(self.device), torch.from_numpy(real).to(self.device)
        lengths = mask.sum(dim=1)
        offset = past.lengths if past is not None else torch.zeros_like(lengths)
        positions = offset[:, None] + torch.arange(width, device=self.device)[None, :]
        whole = mask if past is None else torch.cat([past.mask, mask], dim=1)
        memory = DynamicCache()
        for layer, (keys, values) in enumerate(past.layers if past is not None else []):
            memory.update(keys, values, layer)
        found = self.body(
            input_ids=tokens_in,
            attention_mask=whole,
            position_ids=positions,
            past_key_values=memory,
            use_cache=True,
        )
        kept = found.past_key_values
        plain = isinstance(kept, DynamicCache) and all(type(layer) is DynamicLayer for layer in kept.layers)
        state = (
            State([(one.keys, one.values) for one in kept.layers], whole, offset + lengths) if plain else None
        )
        return found.last_hidden_state, state

    def begin(self, contexts: list[list[int]]) -> tuple[torch.Tensor, State]:
        """Read whole contexts; logits (rows, vocabulary) for what comes next, and the memory to go on from."""
        hidden, state = self._extend(None, contexts)
        if state is None:
            raise NotImplementedError(f"{type(self.model).__name__} keeps a memory of another kind.")
        last = torch.tensor([len(tokens) - 1 for tokens in contexts], device=self.device)
        return self.logits(hidden[torch.arange(len(contexts), device=self.device), last]), state

    def go_on(self, tokens: torch.Tensor, past: State) -> tuple[torch.Tensor, State]:
        """Read one more token per row; logits (rows, vocabulary) and the longer memory."""
        hidden, state = self._extend(past, [[int(token)] for token in tokens])
        assert state is not None
        return self.logits(hidden[:, -1]), state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Float32 logits (rows, vocabulary) of states (rows, width)."""
        head = self.model.get_output_embeddings()
        scale = getattr(self.model.config, "logits_scaling", None)
        found = head(hidden).float()
        cap = getattr(self.model.config, "final_logit_softcapping", None)
        found = found / scale if scale else found
        result: torch.Tensor = torch.tanh(found / cap) * cap if cap else found
        return result

    def log_probabilities(self, hidden: torch.Tensor, targets: list[int]) -> torch.Tensor:
        """Logarithm of the probability of each target token after each state, shape (m,), float32."""
        wanted = torch.tensor(targets, device=self.device)
        found = []
        for at in range(0, len(targets), LOGIT_ROWS):
            logits = self.logits(hidden[at : at + LOGIT_ROWS])
            own = logits.gather(1, wanted[at : at + LOGIT_ROWS, None])[:, 0]
            found.append(own - torch.logsumexp(logits, dim=1))
        return torch.cat(found) if found else torch.empty(0)


def _repeated(state: State | None, rows: int) -> State | None:
    if state is None:
        return None
    return state.rows(torch.zeros(rows, dtype=torch.long, device=state.mask.device))
