"""Training on exactly so many tokens, and the loss of every held-out row afterwards: what a referee compares."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from peft import get_peft_model
from torch.nn.functional import cross_entropy
from transformers import get_scheduler

from tamis.compute.referee.token_steps import TokenSteps, token_steps
from tamis.errors import CurationError
from tamis.models.batches import token_batches
from tamis.recipes import SftLoraOptions, SftOptions
from tamis.recipes.rows import NOT_LEARNED, TokenRow, prepare_rows
from tamis.recipes.sft import computes_half, load_model, lora_config, tokenizer_folder, window_of_model
from tamis.recipes.tokenizers import load_tokenizer
from tamis.types import JSON, Float64s, Int64s

Count = Literal["all", "response"]
BATCH_TOKENS = 1024  # computed together, padding included


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRequest:
    """What to train on, how much of it, and what to measure on; files as those of a TrainingRequest.

    Without a ``train_file`` the model is measured as it is. ``count`` says which tokens the budget and the steps count: all
    that go through the model, or those that are learned. Rows of ``beside_file`` are measured after the held-out ones,
    those that cannot be read left out. ``examine`` is handed the model and its tokenizer once it is measured.
    """

    model: Path
    train_file: Path | None
    held_out_file: Path
    budget_tokens: int
    step_tokens: int
    count: Count
    seed: int
    on_progress: Callable[[str, int, int], None]
    beside_file: Path | None = None
    parts: tuple[Int64s, Int64s] | None = None
    examine: Callable[[Any, Any], list[dict[str, JSON]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Summed loss in nats (r,) and learned tokens (r,) of the held-out rows, in the order of their file, then of those
    beside: the rows of that file at ``beside`` (b,), the others cannot be read.

    The losses are NaN where training diverged. ``n_tokens`` went through the model, of which ``n_learned`` were learned, in
    ``n_steps`` steps; ``n_rows`` rows of ``n_selected`` tokens were there, read in ``n_passes``. ``examined`` is what
    ``examine`` found. Seconds of each part.
    """

    loss_sums: Float64s
    tokens: Int64s
    beside: Int64s
    n_tokens: int = 0
    n_learned: int = 0
    n_steps: int = 0
    n_rows: int = 0
    n_selected: int = 0
    n_passes: float = 0.0
    train_loss: float = math.nan
    load_seconds: float = 0.0
    train_seconds: float = 0.0
    measure_seconds: float = 0.0
    examined: list[dict[str, JSON]] = field(default_factory=list)


def train_and_measure(request: BudgetRequest, options: SftOptions) -> Measured:
    """Train a model from its base on exactly ``budget_tokens`` tokens and measure it; nothing of it is kept.

    Of the recipe's options those about rows a batch, passes, looks and checkpoints have no meaning here. Raises
    CurationError where a held-out row cannot be read, InvalidOptions where rows are longer than a step.
    """
    began = time.perf_counter()
    torch.manual_seed(request.seed)
    half = computes_half(options)
    tokenizer = load_tokenizer(tokenizer_folder(request.model))
    model, held_out, rows, beside = _load(request, options, tokenizer)
    loaded = time.perf_counter()
    if not rows:
        sums, tokens = _row_losses(model, held_out, request.on_progress, half=half)
        return Measured(
            loss_sums=sums, tokens=tokens, beside=beside,
            load_seconds=loaded - began, measure_seconds=time.perf_counter() - loaded,
            examined=_examined(request, model, tokenizer, half=half),
        )  # fmt: skip
    n_rows = len(rows)
    counted = np.array([_counted(row, request.count) for row in rows], dtype=np.int64)
    if request.parts is not None:
        rows, counted = _parts(rows, counted, *request.parts)
    rng = np.random.default_rng(request.seed)
    plan = token_steps(counted, request.budget_tokens, request.step_tokens, rng)
    read = [
        _cut(rows[i], kept, request.count)
        for i, kept in zip(plan.rows.tolist(), plan.kept.tolist(), strict=True)
    ]
    train_loss = _train(model, read, plan, options, request.on_progress, half=half)
    trained = time.perf_counter()
    if math.isfinite(train_loss):
        sums, tokens = _row_losses(model, held_out, request.on_progress, half=half)
        measured, examined = time.perf_counter(), _examined(request, model, tokenizer, half=half)
    else:
        sums, tokens = np.full(len(held_out), np.nan), _learned(held_out)
        measured, examined = trained, []
    return Measured(
        loss_sums=sums, tokens=tokens, beside=beside, train_loss=train_loss,
        n_tokens=sum(len(row.input_ids) for row in read), n_learned=int(_learned(read).sum()),
        n_steps=plan.n_steps, n_rows=n_rows, n_selected=int(counted.sum()), n_passes=plan.n_passes,
        load_seconds=loaded - began, train_seconds=trained - loaded, measure_seconds=measured - trained,
        examined=examined,
    )  # fmt: skip


def _examined(request: BudgetRequest, model: Any, tokenizer: Any, *, half: bool) -> list[dict[str, JSON]]:  # noqa: ANN401 - of transformers
    if request.examine is None:
        return []
    device = next(model.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        return request.examine(model.eval(), tokenizer)


def _load(
    request: BudgetRequest,
    options: SftOptions,
    tokenizer: Any,  # noqa: ANN401 - of transformers
) -> tuple[Any, list[TokenRow], list[TokenRow], Int64s]:
    """The model ready to learn, rows to measure on, rows to train on, and which of those beside can be read."""
    lora = options if isinstance(options, SftLoraOptions) else None
    model = load_model(
        request.model, half=computes_half(options) and lora is not None, trainable=lora is not None
    )
    window = window_of_model(model, options)
    held_out = prepare_rows(request.held_out_file, tokenizer, options, window)
    if held_out.fit.n_dropped:
        raise CurationError(
            f"Held-out rows must all be read: {held_out.fit.text} Draw others or raise max_length."
        )
    measured, places = held_out.rows, list[int]()
    if request.beside_file is not None:
        beside = prepare_rows(request.beside_file, tokenizer, options, window)
        measured, places = [*measured, *beside.rows], beside.places
    rows: list[TokenRow] = []
    if request.train_file is not None:
        rows = prepare_rows(request.train_file, tokenizer, options, window).rows
        if not rows:
            raise CurationError(
                "No row of the selection can be learned from: raise max_length or choose other rows."
            )
    if lora is not None and rows and not hasattr(model, "peft_config"):
        model = get_peft_model(model, lora_config(lora))
    on_cpu = options.use_cpu or not torch.cuda.is_available()
    ready = model.to("cpu" if on_cpu else "cuda")
    return ready, measured, rows, np.array(places, dtype=np.int64)


def _parts(
    rows: list[TokenRow], counted: Int64s, places: Int64s, most: Int64s
) -> tuple[list[TokenRow], Int64s]:
    if places.max() >= len(rows):
        raise CurationError(
            f"Of the {int(places.max()) + 1:,} rows of a mixture only {len(rows):,} can be learned from: count their tokens anew."
        )
    return [rows[i] for i in places.tolist()], np.minimum(counted[places], most)


def _counted(row: TokenRow, count: Count) -> int:
    return len(row.input_ids) if count == "all" else sum(label != NOT_LEARNED for label in row.labels)


def _cut(row: TokenRow, kept: int, count: Count) -> TokenRow:
    """The beginning of a row that holds so many of the tokens that are counted."""
    end = kept
    if count == "response":
        learned = [i for i, label in enumerate(row.labels) if label != NOT_LEARNED]
        end = learned[kept - 1] + 1
    return TokenRow(row.input_ids[:end], row.labels[:end], row.weights[:end], min(row.n_question, end))


def _train(
    model: Any,  # noqa: ANN401 - a model of transformers
    read: Sequence[TokenRow],
    plan: TokenSteps,
    options: SftOptions,
    on_progress: Callable[[str, int, int], None],
    *,
    half: bool,
) -> float:
    """Mean loss over the tokens learned; NaN from the step on that diverged, which ends it."""
    weights = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = get_scheduler(
        options.lr_scheduler_type, optimizer,
        num_warmup_steps=int(options.warmup_ratio * plan.n_steps), num_training_steps=plan.n_steps,
    )  # fmt: skip
    model.train()
    total = n_learned = 0.0
    for step in range(plan.n_steps):
        on_progress("train", step, plan.n_steps)
        rows = [read[i] for i in np.flatnonzero(plan.steps == step).tolist()]
        rows = [row for row in rows if _learned_places(row)]  # the last one may be cut inside its question
        learned = sum(sum(row.weights[1:]) for row in rows)
        for batch in _batches(rows):
            losses, weight = _learned_losses(model, [rows[i] for i in batch], half=half)
            loss = (losses * weight).sum() / learned
            loss.backward()
            total += float(loss.detach()) * learned
        n_learned += learned
        if not math.isfinite(total):
            return math.nan
        if options.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(weights, options.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    return total / max(1.0, n_learned)


def _batches(rows: Sequence[TokenRow]) -> Iterator[Int64s]:
    """Positions of rows of about the same length, so many that a batch has BATCH_TOKENS tokens with its padding."""
    lengths = np.array([len(row.input_ids) for row in rows], dtype=np.int64)
    return token_batches(lengths, BATCH_TOKENS)


def _learned_losses(model: Any, rows: Sequence[TokenRow], *, half: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401 - a model of transformers
    """Loss and weight of every learned token of a batch, row after row, each (m,)."""
    device = next(model.parameters()).device
    shape = (len(rows), max(len(row.input_ids) for row in rows))
    ids, mask, weights = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for i, row in enumerate(rows):
        ids[i, : len(row.input_ids)], mask[i, : len(row.input_ids)] = row.input_ids, 1
        weights[i, _learned_places(row)] = [row.weights[place] for place in _learned_places(row)]
    tokens, told = torch.from_numpy(ids).to(device), torch.from_numpy(weights)[:, 1:].to(device)
    learned = told != 0
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        output = model(input_ids=tokens, attention_mask=torch.from_numpy(mask).to(device), use_cache=False)
    losses = cross_entropy(output.logits[:, :-1][learned].float(), tokens[:, 1:][learned], reduction="none")
    return losses, told[learned]


def _learned_places(row: TokenRow) -> list[int]:
    # The first token is read and never predicted.
    return [i for i, label in enumerate(row.labels) if i and label != NOT_LEARNED]


def _learned(rows: Sequence[TokenRow]) -> Int64s:
    return np.array([len(_learned_places(row)) for row in rows], dtype=np.int64)


def _row_losses(
    model: Any,  # noqa: ANN401 - a model of transformers
    rows: Sequence[TokenRow],
    on_progress: Callable[[str, int, int], None],
    *,
    half: bool,
) -> tuple[Float64s, Int64s]:
    """Summed loss and number of the learned tokens of every row."""
    model.eval()
    sums, counts, done = np.zeros(len(rows)), _learned(rows), 0
    with torch.inference_mode():
        for batch in _batches(rows):
            on_progress("measure", done, len(rows))
            losses = _learned_losses(model, [rows[i] for i in batch], half=half)[0].double().cpu().numpy()
            places = np.repeat(np.arange(len(batch)), counts[batch])
            sums[batch] = np.bincount(places, weights=losses, minlength=len(batch))
            done += len(batch)
    return sums, counts
