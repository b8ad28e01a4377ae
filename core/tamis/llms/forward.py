"""One pass of a causal model over many sequences, reading every shared beginning once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from tamis.llms.prefixes import MIN_SHARED, PrefixGroup, common_length, shared_groups
from tamis.models.batches import token_batches
from tamis.models.pulse import beat

HEAD_ROWS = 256  # positions that go through the head together: more gain nothing, fewer waste its weights
# Positions whose logits are held in float32 at once; 256 of them took a CPU six times as long as 16 at a time.
CPU_LOGIT_ROWS, GPU_LOGIT_ROWS = 16, 256
# Bytes of attention scores up to which a CPU computes them plainly, which was faster than the fused kernel on texts of
# 150 tokens; the fused one is there for texts whose scores would fill the memory.
PLAIN_SCORE_BYTES = 1 << 26


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
        self._fused = str(getattr(model.config, "_attn_implementation", ""))
        self._attention = self._fused

    def hidden(self, reads: Sequence[Read]) -> Iterator[tuple[int, torch.Tensor]]:
        """Position of a read, and the states (m, width) from its ``first`` token on; in the order they are computed."""
        if not reads:
            return
        shareable = [read.tokens[: read.first] for read in reads]
        start = common_length(shareable)
        if start * (len(reads) - 1) < MIN_SHARED:
            start = 0
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
        self, groups: list[PrefixGroup], reads: Sequence[Read], root: State | None, start: int
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
        self._choose_attention(len(sequences) * width * whole.shape[1])
        output = self.body(
            input_ids=tokens_in,
            # Padding on the right is after every real token, so causal attention alone never sees it; without a mask
            # it also skips the half that it need not compute.
            attention_mask=None if past is None else whole,
            position_ids=positions,
            past_key_values=memory,
            use_cache=True,
        )
        beat(sum(len(tokens) for tokens in sequences))
        kept = output.past_key_values
        plain = isinstance(kept, DynamicCache) and all(type(layer) is DynamicLayer for layer in kept.layers)
        state = (
            State([(one.keys, one.values) for one in kept.layers], whole, offset + lengths) if plain else None
        )
        return output.last_hidden_state, state

    def _choose_attention(self, pairs: int) -> None:
        """Plain attention for few pairs of positions on a CPU, else the one that the model came with."""
        if self.device.type != "cpu" or self._fused != "sdpa":
            return
        heads = int(getattr(self.model.config, "num_attention_heads", 0) or 64)
        wanted = "eager" if 4 * heads * pairs <= PLAIN_SCORE_BYTES else self._fused
        if wanted != self._attention:
            self.model.set_attn_implementation(wanted)
            self._attention = wanted

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
        return self._float(self.model.get_output_embeddings()(hidden))

    def _float(self, raw: torch.Tensor) -> torch.Tensor:
        scale = getattr(self.model.config, "logits_scaling", None)
        cap = getattr(self.model.config, "final_logit_softcapping", None)
        logits = raw.float()
        logits = logits / scale if scale else logits
        result: torch.Tensor = torch.tanh(logits / cap) * cap if cap else logits
        return result

    def next_logits(self, reads: Sequence[Read]) -> Iterator[tuple[int, torch.Tensor]]:
        """Position of a read, and the float64 logits (vocabulary,) of what comes after its last token."""
        waiting: list[tuple[int, torch.Tensor]] = []
        for place, (i, hidden) in enumerate(self.hidden(reads), start=1):
            waiting.append((i, hidden[-1]))
            if len(waiting) == CPU_LOGIT_ROWS or place == len(reads):
                logits = self.logits(torch.stack([state for _, state in waiting])).double()
                yield from zip([row for row, _ in waiting], logits, strict=True)
                waiting = []

    def log_probabilities(
        self, reads: Sequence[Read], targets: Sequence[list[int]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Position of a read, and log p of each of its target tokens after each wanted state, (m,), float32.

        ``targets`` holds as many tokens per read as there are states from its ``first`` token on. States of several
        reads meet in the head.
        """
        waiting: list[tuple[int, torch.Tensor]] = []
        count = 0
        for i, hidden in self.hidden(reads):
            waiting.append((i, hidden))
            count += len(hidden)
            if count >= HEAD_ROWS:
                yield from self._targets(waiting, targets)
                waiting, count = [], 0
        yield from self._targets(waiting, targets)

    def _targets(
        self, waiting: list[tuple[int, torch.Tensor]], targets: Sequence[list[int]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        if not waiting:
            return
        hidden = torch.cat([states for _, states in waiting])
        wanted = torch.tensor([token for i, _ in waiting for token in targets[i]], device=self.device)
        scored = torch.cat(
            [
                self._target_block(states, goal)
                for states, goal in zip(hidden.split(HEAD_ROWS), wanted.split(HEAD_ROWS), strict=True)
            ]
        )
        yield from zip(
            [i for i, _ in waiting], scored.split([len(states) for _, states in waiting]), strict=True
        )

    def _target_block(self, hidden: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        raw = self.model.get_output_embeddings()(hidden)
        rows = CPU_LOGIT_ROWS if self.device.type == "cpu" else GPU_LOGIT_ROWS
        parts = zip(raw.split(rows), wanted.split(rows), strict=True)
        return torch.cat([-cross_entropy(self._float(part), goal, reduction="none") for part, goal in parts])


def _repeated(state: State | None, rows: int) -> State | None:
    if state is None:
        return None
    return state.rows(torch.zeros(rows, dtype=torch.long, device=state.mask.device))
