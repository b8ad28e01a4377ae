"""SPIN (2401.01335; METHODS.md 3.6) on TRL's DPOTrainer: given answers against the model's own, π_t as the reference."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from datasets import Dataset
from peft import PeftModel
from transformers import EarlyStoppingCallback, PrinterCallback
from trl import DPOConfig, DPOTrainer

from tamis.compute.clear.bsdetector import normalised_answer
from tamis.compute.text.turn_text import turn_text
from tamis.errors import CurationError
from tamis.models.chat_rows import ChatRow
from tamis.models.chat_tokens import ChatTokens
from tamis.models.row_marks import UnfitRow
from tamis.recipes import RowFit, SpinOptions, Trained, TrainingRequest
from tamis.recipes.arguments import trainer_arguments
from tamis.recipes.callbacks import CURVES, Watch
from tamis.recipes.rows import NOT_LEARNED, TurnTokens
from tamis.recipes.sft import (
    computes_half,
    count_warmup,
    finish_training,
    load_model,
    lora_config,
    read_finished,
    run_trainer,
    tokenizer_folder,
    window_of_model,
)
from tamis.recipes.tokenizers import load_tokenizer
from tamis.types import JSON

SAME, EMPTY, CUT = "are the same as the given ones", "are empty", "were cut"
NO_ROOM = "have no place within the window"


@dataclass(frozen=True, slots=True)
class PairTokens:
    """Token ids of a question and of both answers to it, the given one and the model's own."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]


def train_spin(request: TrainingRequest, options: SpinOptions) -> Trained:
    """Train an adapter further, or a new one, to tell the pairs' given answers from the model's own.

    The reference is ``request.model`` as it is: the base with no adapter where a new one is trained, a copy of the adapter
    where one is trained further. Raises CurationError without a pair, and otherwise like the recipe sft_lora.
    """
    finished = read_finished(request.folder)
    if finished is not None:
        return finished
    if request.pairs_file is None:
        raise CurationError("Self-play needs pairs: name the examination that holds the model's own answers.")
    began = time.perf_counter()
    tokenizer = load_tokenizer(tokenizer_folder(request.model))
    half = computes_half(options)
    model = load_model(request.model, half=half, trainable=True)
    window = window_of_model(model, options)
    limit = min(options.max_length, window)
    pairs, fit = read_pairs(request.pairs_file, tokenizer, options, limit)
    if not pairs:
        raise CurationError(
            f"No pair is left to learn from. {fit.text} Raise max_length or the length of the answers."
        )
    request.on_progress(0, 0, fit.text)
    looked_at, told = (
        [] if file is None else read_pairs(file, tokenizer, options, limit)[0]
        for file in (request.eval_pairs_file, request.told_pairs_file)
    )  # fmt: skip
    watch = Watch(request)
    trainer = _trainer(request, options, model, tokenizer, watch, (pairs, looked_at), half=half)
    run_trainer(trainer, request, watch)
    measures = _measured(trainer, told, watch) if told and watch.nan_step < 0 else {}
    seconds = time.perf_counter() - began
    return finish_training(
        trainer, request, watch, fit, seconds,
        n_held_out_pairs=len(told if request.told_pairs_file else looked_at) or None, pair_measures=measures,
    )  # fmt: skip


def _measured(trainer: SelfPlayTrainer, pairs: list[PairTokens], watch: Watch) -> dict[str, float]:
    """Margin, accuracy and likelihoods of pairs that no look was at, by the names of the curves, which they are not part of."""
    watch.measures = True
    before = len(trainer.state.log_history)
    trainer.evaluate(_dataset(pairs), metric_key_prefix="told")
    logged = {name: value for entry in trainer.state.log_history[before:] for name, value in entry.items()}
    del trainer.state.log_history[before:]
    return {drawn: float(logged[name]) for name, drawn in CURVES.items() if name in logged}


def read_pairs(
    file: Path,
    tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
    options: SpinOptions,
    limit: int,
) -> tuple[list[PairTokens], RowFit]:
    """The pairs of a file as both answers' tokens in the model's own template, and how many are left out why."""
    turns, chat = TurnTokens(tokenizer, "last", unfit_as_text=options.unfit_as_text), ChatTokens(tokenizer)
    pairs: list[PairTokens] = []
    reasons: Counter[str] = Counter()
    n_rows = longest = 0
    for line in file.read_bytes().splitlines():
        n_rows += 1
        found = _pair(orjson.loads(line), turns, chat, options, limit)
        if isinstance(found, str):
            reasons[found] += 1
            continue
        longest = max(longest, len(found.prompt_ids) + max(len(found.chosen_ids), len(found.rejected_ids)))
        pairs.append(found)
    learned = sum(len(one.chosen_ids) + len(one.rejected_ids) for one in pairs)
    read = learned + 2 * sum(len(one.prompt_ids) for one in pairs)
    n_cut = sum(
        len(one.prompt_ids) + max(len(one.chosen_ids), len(one.rejected_ids)) > limit for one in pairs
    )
    return pairs, RowFit(
        n_rows, n_cut, sum(reasons.values()), read, learned, longest, limit, dict(reasons), turns.n_as_text
    )


def _pair(
    record: Mapping[str, JSON], turns: TurnTokens, chat: ChatTokens, options: SpinOptions, limit: int
) -> PairTokens | str:
    """Both answers' tokens, or why there is no pair."""
    given, own = record["chosen"][-1], record["rejected"][-1]
    if not turn_text(own).strip():
        return EMPTY
    if normalised_answer(turn_text(own)) == normalised_answer(turn_text(given)):
        return SAME
    if record.get("cut") and options.cut_pairs == "drop":
        return CUT
    try:
        rows = [turns.row(ChatRow((*record["prompt"], answer))) for answer in (given, own)]
    except UnfitRow as error:
        return str(error)
    n_question = rows[0].n_question
    answers = []
    for row in rows:
        last = max((i for i, label in enumerate(row.labels) if label != NOT_LEARNED), default=-1)
        answers.append(row.input_ids[n_question : last + 1])
    if record.get("cut"):  # the mark that ends an answer would tell them apart
        answers = [ids[:-1] if ids and ids[-1] in chat.ends else ids for ids in answers]
        answers = [ids[: min(map(len, answers))] for ids in answers]
    if n_question >= limit or not all(answers):
        return NO_ROOM
    return PairTokens(rows[0].input_ids[:n_question], *answers)


class SelfPlayTrainer(DPOTrainer):  # type: ignore[misc]
    """DPO over pairs that are tokens already."""

    def _prepare_dataset(self, dataset: Dataset, *given: Any, **named: Any) -> Dataset:  # noqa: ANN401 - the library's
        """Nothing is left to prepare."""
        return dataset


def _trainer(
    request: TrainingRequest,
    options: SpinOptions,
    model: Any,  # noqa: ANN401 - a model of transformers
    tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
    watch: Watch,
    pairs: tuple[list[PairTokens], list[PairTokens]],
    *,
    half: bool,
) -> SelfPlayTrainer:
    train, held_out = pairs
    callbacks: list[Any] = [watch]
    if options.early_stopping_patience and held_out:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=options.early_stopping_patience))
    trainer = SelfPlayTrainer(
        model=model,
        args=_config(request, options, half=half, looks=bool(held_out)),
        train_dataset=_dataset(train),
        eval_dataset=_dataset(held_out) if held_out else None,
        processing_class=tokenizer,
        peft_config=None if isinstance(model, PeftModel) else lora_config(options),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.args.warmup_steps = count_warmup(trainer)
    return trainer


def _config(request: TrainingRequest, options: SpinOptions, *, half: bool, looks: bool) -> DPOConfig:
    losses = [options.loss_type, "sft"] if options.sft_weight else [options.loss_type]
    return DPOConfig(
        beta=options.beta,
        loss_type=losses,
        loss_weights=[1.0, options.sft_weight] if options.sft_weight else None,
        max_length=options.max_length,
        # Later passes make things worse in the authors' runs, so that the best look is what is kept.
        **trainer_arguments(
            request,
            options,
            half=half,
            checkpointing=options.gradient_checkpointing == "on",
            looks=looks,
            keeps_best=looks,
        ),
    )


def _dataset(pairs: list[PairTokens]) -> Dataset:
    return Dataset.from_dict({name: [getattr(one, name) for one in pairs] for name in PairTokens.__slots__})
