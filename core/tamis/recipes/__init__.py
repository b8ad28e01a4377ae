"""RECIPES: ways to fine-tune a model, and the options of each under the names that TRL and PEFT give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from tamis.errors import CurationError
from tamis.registry import Options, Plugin, Table
from tamis.reprs import as_percent

Switch = Literal["auto", "on", "off"]


class SftOptions(Options):
    """Supervised fine-tuning of every weight."""

    learning_rate: float = Field(2e-5, gt=0, le=1, description="Highest learning rate of the run.")
    num_train_epochs: float = Field(3.0, gt=0, le=1000, description="Passes over the rows.")
    max_steps: int = Field(-1, ge=-1, description="Stop after so many steps whatever the epochs say; -1: no.")
    # Small batches: on a processor they cost nothing, and half as much padding is computed as with four rows.
    per_device_train_batch_size: int = Field(
        2, ge=1, le=4096, description="Rows that one device computes together."
    )
    gradient_accumulation_steps: int = Field(
        4, ge=1, le=4096, description="Batches whose gradients are added up for one step."
    )
    max_length: int = Field(
        1024, ge=8, description="Tokens of a row that are read; never more than the model's window."
    )
    drop_longer: bool = Field(
        False, description="Leave longer rows out; otherwise their beginning is trained on."
    )
    unfit_as_text: bool = Field(
        False,
        description="Train rows that the model's chat template cannot carry (tools, reasoning, images) as text only; "
        "otherwise they are left out.",
    )
    packing: bool = Field(False, description="Put several short rows into one sequence of max_length tokens.")
    assistant_only_loss: bool = Field(True, description="Learn only what the assistant says, in every turn.")
    completion_only_loss: bool = Field(False, description="Learn only the last answer of each row.")
    warmup_ratio: float = Field(
        0.05, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"
    ] = Field("cosine", description="How the learning rate falls.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Decay of the weights in AdamW.")
    max_grad_norm: float = Field(1.0, ge=0, description="Gradients are cut to this length; 0: never.")
    bf16: Switch = Field(
        "auto", description="Compute in bfloat16; auto: where the processor or GPU has it in hardware."
    )
    gradient_checkpointing: Switch = Field(
        "auto", description="Compute activations twice instead of keeping them; auto: when memory is short."
    )
    logging_steps: int = Field(1, ge=1, description="Steps between two points of the curves.")
    eval_steps: float = Field(
        0.25, gt=0, description="Steps between two looks at held-out rows; below 1: a share of the run."
    )
    save_steps: float = Field(
        0.25, gt=0, description="Steps between two checkpoints; below 1: a share of the run."
    )
    early_stopping_patience: int = Field(
        0,
        ge=0,
        description="Stop after so many looks without a lower held-out loss and keep the best; 0: never.",
    )
    use_cpu: bool = Field(False, description="Train on the processor although there is a GPU.")


class SftLoraOptions(SftOptions):
    """Supervised fine-tuning of a small adapter beside weights that stay as they are."""

    learning_rate: float = Field(2e-4, gt=0, le=1, description="Highest learning rate of the run.")
    lora_r: int = Field(16, ge=1, le=1024, description="Rank of the adapter.")
    lora_alpha: int = Field(32, ge=1, le=4096, description="Scale of the adapter; it is divided by the rank.")
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the adapter's inputs left out at random."
    )
    target_modules: tuple[str, ...] = Field(
        ("all-linear",),
        min_length=1,
        description="Names of the layers that get an adapter; all-linear: every one but the output.",
    )


class CheckerOptions(Options):
    """A classifier of claims by their documents (the checkers of MiniCheck)."""

    learning_rate: float = Field(5e-5, gt=0, le=1, description="Highest learning rate of the run.")
    num_train_epochs: float = Field(3.0, gt=0, le=1000, description="Passes over the claims.")
    max_steps: int = Field(-1, ge=-1, description="Stop after so many steps whatever the epochs say; -1: no.")
    per_device_train_batch_size: int = Field(
        8, ge=1, le=4096, description="Claims that one device computes together."
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, le=4096, description="Batches whose gradients are added up for one step."
    )
    max_length: int = Field(
        512, ge=16, description="Tokens of document and claim; the end of a longer document is left out."
    )
    warmup_ratio: float = Field(
        0.05, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="How the learning rate falls."
    )
    weight_decay: float = Field(0.01, ge=0, le=1, description="Decay of the weights in AdamW.")
    max_grad_norm: float = Field(1.0, ge=0, description="Gradients are cut to this length; 0: never.")
    logging_steps: int = Field(1, ge=1, description="Steps between two points of the curves.")
    eval_steps: float = Field(
        0.25,
        gt=0,
        description="Steps between two looks at held-out claims; below 1: a share of the run. The best look is kept.",
    )
    save_steps: float = Field(
        0.25, gt=0, description="Steps between two checkpoints without held-out claims; below 1: a share."
    )
    use_cpu: bool = Field(False, description="Train on the processor although there is a GPU.")


class SpinOptions(SftLoraOptions):
    """Self-play: the given answers against the model's own, with the model itself as the reference (SPIN)."""

    learning_rate: float = Field(5e-6, gt=0, le=1, description="Highest learning rate of the run.")
    num_train_epochs: float = Field(1.0, gt=0, le=1000, description="Passes over the pairs.")
    beta: float = Field(0.1, gt=0, le=100, description="How strongly answers are pushed apart (β).")
    loss_type: Literal["sigmoid", "hinge"] = Field(
        "sigmoid", description="Loss of a pair: −log σ, or 1 − x where x < 1."
    )
    sft_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Weight of the usual loss of the given answers beside it, against their falling likelihood.",
    )
    cut_pairs: Literal["drop", "shorten"] = Field(
        "drop",
        description="What is done where the model's own answer was cut: no pair, or both without the mark that ends them and over "
        "the shorter length.",
    )


def _no_progress(done: int, total: int, message: str) -> None:
    """Nobody watches."""


def _no_metric(name: str, value: float, position: float) -> None:
    """Nobody draws."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What to train on what, and where.

    ``model`` is the folder of a model or of an adapter (which is then trained further). Lines of ``train_file`` and
    ``eval_file`` are ``{"messages": [...]}``, with ``tools``, ``images`` and ``label`` where a row has them; those of
    ``pairs_file`` and ``eval_pairs_file`` ``{"prompt": [...], "chosen": [...], "rejected": [...], "cut": false}``, turns all, or for a
    checker ``{"document", "claim", "label"}``. Looks at ``eval_pairs_file`` choose the weights that are kept; pairs of
    ``told_pairs_file`` are measured once with these. ``folder``
    holds everything that is written: checkpoints, and the result in ``model/``; a second call with the same folder goes
    on from its last checkpoint. ``on_progress(step, n_steps, message)`` may raise JobCancelled, upon which a checkpoint
    is written; ``on_metric(name, value, step)`` gets the points of loss, eval_loss, learning_rate, tokens_per_s and
    memory_mb.
    """

    model: Path
    train_file: Path
    eval_file: Path | None
    folder: Path
    seed: int = 0
    pairs_file: Path | None = None
    eval_pairs_file: Path | None = None
    told_pairs_file: Path | None = None
    on_progress: Callable[[int, int, str], None] = field(default=_no_progress)
    on_metric: Callable[[str, float, float], None] = field(default=_no_metric)


@dataclass(frozen=True, slots=True)
class RowFit:
    """How rows fit a model's window: n_rows read, of which n_truncated lost their end and n_dropped are left out.

    ``n_tokens`` counts tokens of one pass, ``n_learned`` those among them that the loss looks at, ``longest`` is the
    longest row before it was cut. ``reasons`` counts dropped rows by why; ``n_as_text`` rows were put in words because
    the chat template cannot carry them otherwise.
    """

    n_rows: int
    n_truncated: int
    n_dropped: int
    n_tokens: int
    n_learned: int
    longest: int
    max_length: int
    reasons: dict[str, int] = field(default_factory=dict)
    n_as_text: int = 0

    @property
    def text(self) -> str:
        """A sentence or two for a log or a form."""
        words = f" {self.n_as_text:,} of them are trained as text only." if self.n_as_text else ""
        return self._fit_text() + words

    def _fit_text(self) -> str:
        if not self.n_truncated + self.n_dropped:
            return (
                f"All {self.n_rows:,} rows fit into {self.max_length:,} tokens (longest: {self.longest:,})."
            )
        n = max(1, self.n_rows)
        why = "".join(f"; {count:,} {reason}" for reason, count in sorted(self.reasons.items()))
        return (
            f"Of {self.n_rows:,} rows {self.n_truncated:,} ({as_percent(self.n_truncated / n, 1)}) are cut at {self.max_length:,} "
            f"tokens and {self.n_dropped:,} ({as_percent(self.n_dropped / n, 1)}) are left out{why}."
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: loss, eval_loss, learning_rate, grad_norm, tokens_per_s or memory_mb at a step."""

    step: int
    name: str
    value: float


class TrainingOutOfMemory(CurationError):
    """Training did not fit into memory; the message names the options to lower."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: ``folder`` holds an adapter or a model with its tokenizer, as ``LLMS`` opens it.

    ``n_steps`` steps were made and ``n_tokens`` tokens read; ``train_loss`` is the mean over the tokens of the
    run, ``eval_loss`` that over the held-out tokens at its end (NaN without held-out rows). ``stopped`` is "" for a full
    run, "nan loss" or "early".
    ``curves`` holds every point, those of earlier attempts too; ``n_held_out_pairs`` pairs were measured, None without any, at the
    end with ``pair_measures`` (by the names of the curves), empty where looks chose the weights by these very pairs. ``seconds``
    is the time of the last attempt.
    """

    folder: Path
    n_steps: int
    n_tokens: int
    train_loss: float
    eval_loss: float
    stopped: str = ""
    fit: RowFit | None = None
    seconds: float = 0.0
    curves: tuple[Point, ...] = ()
    n_held_out_pairs: int | None = None
    pair_measures: Mapping[str, float] = field(default_factory=dict)


RECIPES: Table[Plugin] = Table(
    "recipe",
    Plugin(
        name="sft_lora",
        title="Adapter (LoRA)",
        summary="Supervised fine-tuning of a low-rank adapter by TRL and PEFT: little memory, a small result.",
        options=SftLoraOptions,
        target="tamis.recipes.sft:train_lora",
        extra="finetune",
    ),
    Plugin(
        name="sft_full",
        title="All weights",
        summary="Supervised fine-tuning of every weight by TRL: needs about eight times the memory of the model.",
        options=SftOptions,
        target="tamis.recipes.sft:train_full",
        extra="finetune",
    ),
    Plugin(
        name="spin",
        title="Against its own answers (SPIN)",
        summary="Trains an adapter to tell the given answers from the model's own by TRL's DPO, the model itself as reference.",
        options=SpinOptions,
        target="tamis.recipes.spin:train_spin",
        extra="finetune",
    ),
    Plugin(
        name="checker",
        title="Checker of claims (MiniCheck)",
        summary="Trains an encoder, as all-MiniLM-L6-v2, to tell claims that a document supports from others; for groundedness.",
        options=CheckerOptions,
        target="tamis.recipes.checker:train_checker",
        extra="finetune",
    ),
)
