"""A sequence classifier that tells claims a document supports from others (MiniCheck's checkers; METHODS.md 3.3)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from tamis.errors import CurationError, ModelMissing
from tamis.recipes import CheckerOptions, RowFit, Trained, TrainingRequest
from tamis.recipes.arguments import trainer_arguments
from tamis.recipes.callbacks import Watch
from tamis.recipes.sft import count_warmup, finish_training, read_finished, run_trainer
from tamis.recipes.tokenizers import load_tokenizer

OUTPUTS = {0: "unsupported", 1: "supported"}


def train_checker(request: TrainingRequest, options: CheckerOptions) -> Trained:
    """Train a classifier of (document, claim) pairs: lines of ``pairs_file`` are {"document", "claim", "label"}.

    The end of a document that is too long is left out, never the claim. Raises CurationError for rows of one label alone, and
    otherwise like the recipe sft_full.
    """
    finished = read_finished(request.folder)
    if finished is not None:
        return finished
    if request.pairs_file is None:
        raise CurationError("A checker needs documents and claims: train it on rows that c2d or d2c wrote.")
    began = time.perf_counter()
    tokenizer = load_tokenizer(request.model)
    model = _load(request.model)
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id or 0
    window = int(getattr(model.config, "max_position_embeddings", 0) or options.max_length)
    rows, fit = _encoded(request.pairs_file, tokenizer, min(options.max_length, window))
    if len({row["labels"] for row in rows}) < 2:
        raise CurationError(
            f"All {len(rows):,} claims have the same label, so there is nothing to tell apart: add rows of the other."
        )
    request.on_progress(0, 0, fit.text)
    held_out = request.eval_pairs_file
    looked_at = [] if held_out is None else _encoded(held_out, tokenizer, min(options.max_length, window))[0]
    watch = Watch(request)
    arguments = trainer_arguments(
        request, options, half=False, checkpointing=False, looks=bool(looked_at), keeps_best=bool(looked_at)
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**arguments),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(looked_at) if looked_at else None,
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.args.warmup_steps = count_warmup(trainer)
    run_trainer(trainer, request, watch)
    return finish_training(trainer, request, watch, fit, time.perf_counter() - began)


def _load(folder: Path) -> Any:  # noqa: ANN401 - a model of transformers
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            str(folder), num_labels=2, id2label=OUTPUTS, label2id={name: i for i, name in OUTPUTS.items()},
            ignore_mismatched_sizes=True, local_files_only=True, trust_remote_code=False, use_safetensors=True,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ModelMissing(
            f"The model in {folder} cannot be loaded as a classifier: {reason}. Name an encoder, as all-MiniLM-L6-v2."
        ) from error


def _encoded(file: Path, tokenizer: Any, limit: int) -> tuple[list[dict[str, Any]], RowFit]:  # noqa: ANN401 - of transformers
    """Token ids of each pair with its label, and how many documents are cut."""
    rows, n_cut, longest = [], 0, 0
    for line in file.read_bytes().splitlines():
        record = orjson.loads(line)
        claim = tokenizer(record["claim"], add_special_tokens=False)["input_ids"]
        whole = tokenizer(record["document"], record["claim"])["input_ids"]
        # A claim that fills the window alone is cut with its document.
        how = "only_first" if len(claim) + 8 < limit else "longest_first"
        encoded = tokenizer(record["document"], record["claim"], truncation=how, max_length=limit)
        rows.append({**encoded, "labels": int(record["label"])})
        n_cut += len(whole) > limit
        longest = max(longest, len(whole))
    n_tokens = sum(len(row["input_ids"]) for row in rows)
    return rows, RowFit(len(rows), n_cut, 0, n_tokens, n_tokens, longest, limit)
