"""Pruning a causal model layer by layer: what each layer is called with is captured, whatever its library hands it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tamis.errors import CurationError
from tamis.pruners.layer_inputs import LayerInputs, What

PruneOne = Callable[[str, torch.Tensor, LayerInputs], None]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Token ids (rows, width) padded on the right, and which of them are real, the same shape."""

    ids: torch.Tensor
    real: torch.Tensor


@dataclass(slots=True)
class _Call:
    """What the layers are called with for one batch: the states that go in, and the other arguments of each layer."""

    states: torch.Tensor
    counted: torch.Tensor  # (rows, width): tokens that count
    arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)


def decoder_layers(model: Any) -> nn.ModuleList:  # noqa: ANN401 - a model of transformers
    """The longest list of alike modules: the blocks of a causal model. Raises CurationError where there is none."""
    lists = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len({type(one) for one in module}) == 1
    ]
    found = max(lists, key=len, default=None)
    if found is None or not any(True for _ in matrices(found[0])):
        raise CurationError(
            f"{type(model).__name__} has no blocks of linear layers, which is what is pruned: choose another model."
        )
    return found


def matrices(layer: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """The linear layers of a block with their names in it."""
    yield from ((name, one) for name, one in layer.named_modules() if isinstance(one, nn.Linear))


def prune_layers(
    model: Any,  # noqa: ANN401 - a model of transformers
    batches: Sequence[TokenBatch],
    what: What,
    prune_one: PruneOne,
    *,
    count_pads: bool = False,
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Prune every block in order: what its matrices read is summed, they are pruned, and the pruned block feeds the next.

    ``prune_one(name, weight, seen)`` prunes a matrix in place. Sums are over real tokens alone; ``count_pads`` counts
    those that only fill a row, too. Without ``what`` to sum no batch is read.
    """
    layers = decoder_layers(model)
    with torch.no_grad():
        calls = (
            [] if what == "nothing" else [_captured(model, layers, batch, count_pads) for batch in batches]
        )
        for number, layer in enumerate(layers):
            on_layer(number, len(layers))
            seen = _look(layer, calls, number, what)
            for name, one in matrices(layer):
                prune_one(f"{number}.{name}", one.weight.data, seen[name])
            for call in calls:
                call.states = _run(layer, call, number)
    on_layer(len(layers), len(layers))


def _look(layer: nn.Module, calls: Sequence[_Call], number: int, what: What) -> dict[str, LayerInputs]:
    """What the matrices of a block read of all batches, by their names."""
    seen = {name: LayerInputs(one.in_features, what, one.weight.device) for name, one in matrices(layer)}
    with _listening(layer, seen) as listen:
        for call in calls:
            listen(call.counted)
            _run(layer, call, number)
    return seen


def _run(layer: nn.Module, call: _Call, number: int) -> torch.Tensor:
    rest, named = call.arguments[number]
    return _states(layer(call.states, *rest, **named))


def _states(output: Any) -> torch.Tensor:  # noqa: ANN401 - a tensor, or a tuple that begins with it, by the library's version
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states


def _captured(model: Any, layers: nn.ModuleList, batch: TokenBatch, count_pads: bool) -> _Call:  # noqa: ANN401, FBT001
    """The arguments of every layer for a batch; the layers themselves compute nothing but the first, once."""
    counted = torch.ones_like(batch.real, dtype=torch.bool) if count_pads else batch.real.bool()
    call = _Call(torch.empty(0), counted)
    first = layers[0].forward
    tuples: list[
        bool
    ] = []  # whether a layer returns its states in a tuple, which differs by version: the first shows it

    def forward(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the library hands a layer
        values = list(given)
        states = values.pop(0) if values else named.pop("hidden_states")
        call.arguments.append((tuple(values), named))
        if not tuples:
            call.states = states
            tuples.append(isinstance(first(states, *values, **named), tuple))
        return (states,) if tuples[0] else states

    try:
        for layer in layers:
            layer.forward = forward
        body = model.base_model if model.base_model is not model else model.model
        body(input_ids=batch.ids, attention_mask=batch.real, use_cache=False)
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)
    return call


@contextmanager
def _listening(layer: nn.Module, seen: dict[str, LayerInputs]) -> Iterator[Callable[[torch.Tensor], None]]:
    """Sum what the matrices of a layer read; the function that is handed out says which tokens count from now on."""
    counted: list[torch.Tensor] = []

    def hook(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def listen(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            inputs = given[0]
            seen[name].add(inputs[counted[-1]] if inputs.dim() == 3 else inputs[counted[-1].flatten()])

        return listen

    handles = [one.register_forward_pre_hook(hook(name)) for name, one in matrices(layer)]
    try:
        yield counted.append
    finally:
        for handle in handles:
            handle.remove()
