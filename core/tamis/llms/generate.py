"""Sampling token by token, every sequence from a generator of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tamis.llms.forward import Forward, State
from tamis.models.batches import token_batches


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: ``n`` answers, at a temperature (0: the likeliest token), so many tokens, ended by these."""

    n: int
    temperature: float
    max_new_tokens: int
    stops: frozenset[int]


def generate(
    forward: Forward,
    contexts: Sequence[list[int]],
    seeds: Sequence[int],
    sampling: Sampling,
    batch_tokens: int,
) -> list[list[list[int]]]:
    """Tokens of ``sampling.n`` answers to each context, without the token that ended them.

    ``seeds`` holds one number per context. At temperature 0 one answer is computed and repeated.
    """
    answers: list[list[list[int]]] = [[] for _ in contexts]
    copies = 1 if sampling.temperature == 0 else sampling.n
    lengths = np.array([(len(ids) + sampling.max_new_tokens) * copies for ids in contexts], dtype=np.int64)
    for batch in token_batches(lengths, batch_tokens * 2):
        logits, state = forward.begin([contexts[i] for i in batch])
        owner = torch.arange(len(batch), device=logits.device).repeat_interleave(copies)
        generators = [
            torch.Generator().manual_seed((seeds[i] + 1_000_003 * k) % 2**63)
            for i in batch
            for k in range(copies)
        ]
        written = _write(forward, logits[owner], state.rows(owner), generators, sampling)
        for place, i in enumerate(batch):
            own = written[place * copies : (place + 1) * copies]
            answers[i] = own if copies == sampling.n else own * sampling.n
    return answers


def _write(
    forward: Forward,
    logits: torch.Tensor,
    state: State,
    generators: list[torch.Generator],
    sampling: Sampling,
) -> list[list[int]]:
    written: list[list[int]] = [[] for _ in generators]
    alive = list(range(len(generators)))
    for step in range(sampling.max_new_tokens):
        drawn = _draw(logits, [generators[i] for i in alive], sampling.temperature)
        going = []
        for place, (i, token) in enumerate(zip(alive, drawn, strict=True)):
            if token not in sampling.stops:
                written[i].append(token)
                going.append(place)
        if not going or step + 1 == sampling.max_new_tokens:
            break
        if len(going) < len(alive):  # finished rows cost as much as others: leave them out
            state = state.rows(torch.tensor(going, device=logits.device))
            alive = [alive[place] for place in going]
        tokens = torch.tensor([drawn[place] for place in going], device=logits.device)
        logits, state = forward.go_on(tokens, state)
    return written


def _draw(logits: torch.Tensor, generators: list[torch.Generator], temperature: float) -> list[int]:
    if temperature == 0:
        return [int(token) for token in logits.argmax(dim=1)]
    probabilities = torch.softmax(logits / temperature, dim=1).cpu()
    rows = zip(probabilities, generators, strict=True)
    return [int(torch.multinomial(row, 1, generator=own)) for row, own in rows]
