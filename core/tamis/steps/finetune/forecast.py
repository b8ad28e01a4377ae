"""What a fine-tuning will read, before it is submitted: rows, tokens, rows that do not fit, steps; without a model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.text.turn_text import as_text, turn_calls, turn_text
from tamis.errors import CurationError
from tamis.llms.bundled_tokenizer import bundled_tokenizer
from tamis.models.adapters import BUNDLED_LLM, PREFIX, adapter_ids, base_of
from tamis.models.chat_rows import (
    ChatRow,
    beside_thoughts,
    chat_record,
    read_chat_row,
    reasoning_of,
    thought_fields,
)
from tamis.models.chat_tokens import ChatTokens
from tamis.models.file_tokenizer import FileTokenizer
from tamis.models.row_marks import heeded_marks, unheeded_marks
from tamis.recipes import SftOptions
from tamis.recipes.rows import why_unfit
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.finetune.rows import source_rows
from tamis.steps.finetune.split import USUAL_FRACTION, Split, n_set_apart, split_one_by_one, training_rows
from tamis.store.artifacts.readers import read_token_counts
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.view import open_view
from tamis.types import JSON, Float64s, Int64s, Message

MOST_COUNTED = 2_000  # rows whose text is counted; more would not move the picture
CHARS_PER_TOKEN = 4.0  # of English, where nothing better is known
FRAME_TOKENS = 5  # of a chat template around one turn
TOKENIZER = "tokenizer.json"
BY_MODEL, BY_ENCODER, BY_CHARACTERS = "model", "encoder", "characters"
DROPPED = "reasoning that the chat template leaves out"
GUESSED = {
    BY_MODEL: "",
    BY_ENCODER: ", as another tokenizer counts",
    BY_CHARACTERS: ", as guessed from characters",
}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of some of the rows, in no order that means anything, and what counted them: model, encoder, characters.

    ``unfit`` says for each of these rows why the model's chat template cannot carry it or nothing of it is to be learned
    ("" where it can), ``unfit_as_text`` the same where such rows are put in words. Where the template is not known, they
    say what no text model reads, and ``unknown`` counts rows by what some templates carry and others do not.
    ``heeded`` counts these rows by the marks that change how much of them is learned, ``unheeded`` by fields that sound
    like such marks, or hold reasoning, and are not read.
    """

    tokens: Float64s
    counted_by: str
    unfit: tuple[str, ...] = ()
    unfit_as_text: tuple[str, ...] = ()
    heeded: Mapping[str, int] = field(default_factory=dict)
    unheeded: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingForecast:
    """What a training will read; ``n_tokens`` in one pass, after rows were cut or left out, and in ``n_steps`` of
    ``step_rows`` rows. ``n_long`` rows are longer than ``limit``, which
    is the model's window or the recipe's own; longer rows are left out where ``drops_longer``, else cut. ``reasons``
    counts rows that are left out whatever their length, by why; ``n_as_text`` rows are put in words instead. ``heeded`` and
    ``unheeded`` count rows by marks that are read, and by fields that sound like marks and are not.
    """

    n_train: int
    n_held_out: int
    n_tokens: int
    n_long: int
    limit: int
    n_steps: int
    step_rows: int
    limited_by_window: bool
    drops_longer: bool
    counted_by: str
    reasons: Mapping[str, int] = field(default_factory=dict)
    n_as_text: int = 0
    heeded: Mapping[str, int] = field(default_factory=dict)
    unheeded: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_unfit(self) -> int:
        """Rows that are left out whatever their length."""
        return sum(self.reasons.values())

    @property
    def unfit_text(self) -> str:
        """A sentence on rows that the chat template cannot carry; empty where there are none."""
        parts = [f"{count:,} {reason}" for reason, count in sorted(self.reasons.items())]
        left = f"{self.n_unfit:,} of {self.n_train:,} rows are left out: {'; '.join(parts)}." if parts else ""
        words = f"{self.n_as_text:,} rows are trained as text only." if self.n_as_text else ""
        return " ".join(filter(None, (left, words)))

    @property
    def long_text(self) -> str:
        """How many rows are longer than what is read of one, and what becomes of them."""
        if not self.n_long:
            return f"Every row fits into {self.limit:,} tokens{GUESSED[self.counted_by]}."
        fate = "left out" if self.drops_longer else "cut there"
        return (
            f"{self.n_long:,} of {self.n_train:,} rows are longer than {self.limit:,} tokens and are {fate}"
            f"{GUESSED[self.counted_by]}."
        )

    @property
    def guess_text(self) -> str:
        """What is not known without the model's tokenizer; empty where it counted."""
        if self.counted_by == BY_MODEL:
            return ""
        kept = (
            f"; not known is whether its chat template carries {_counted(self.unknown)}"
            if self.unknown
            else ""
        )
        return f"The model's tokenizer is not on this machine: tokens are a guess{kept}."

    @property
    def marks_text(self) -> str:
        """Which marks of rows and turns are heeded; empty where there are none."""
        return f"Marks that are heeded: {_counted(self.heeded)}." if self.heeded else ""

    @property
    def unheeded_text(self) -> str:
        """Which fields are not heeded although they sound as if they should be; empty where there are none."""
        return f"Not heeded: {_counted(self.unheeded)}." if self.unheeded else ""

    @property
    def n_rows(self) -> int:
        """Rows that are trained on."""
        return self.n_train

    @property
    def tokens_per_row(self) -> float:
        """Tokens that are read of one row."""
        return self.n_tokens / max(self.n_train, 1)

    @property
    def n_tokens_in_all(self) -> float:
        """Tokens that all steps together read."""
        return self.n_steps * self.step_rows * self.tokens_per_row

    @property
    def long_fraction(self) -> float:
        """Share of the training rows that are longer than the limit, in [0, 1]."""
        return self.n_long / self.n_train if self.n_train else 0.0


def _counted(marks: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,} rows)" for name, count in sorted(marks.items()))


def forecast_training(
    inputs: Mapping[str, Artifact],
    options: FinetuneOptions,
    store: ArtifactStore,
    *,
    lengths: Lengths | None = None,
) -> TrainingForecast:
    """What a fine-tuning will read, as many rows held out as it will hold out; ``lengths`` spares counting them again.

    Texts are not read: rows that are left out of training because they are like held-out ones are not foreseen. Raises
    InvalidOptions when no row is left to train on.
    """
    split = split_one_by_one(inputs, options)
    recipe = options.chosen_options("recipe")
    assert isinstance(recipe, SftOptions)
    return count_training(
        lengths or training_lengths(inputs, options.model, store), recipe, n_train=_n_trained(split, options),
        n_held_out=len(split.held_out), window=window_of(options.model, store.workspace),
    )  # fmt: skip


def _n_trained(split: Split, options: FinetuneOptions) -> int:
    """Rows to train on without those that early stopping will look at."""
    n_train = len(split.train)
    if options.split == "rows" or not options.stops_early or not len(split.held_out):
        return n_train
    return n_train - n_set_apart(n_train, options, options.held_out_fraction or USUAL_FRACTION)


def training_lengths(inputs: Mapping[str, Artifact], model: str, store: ArtifactStore) -> Lengths:
    """Tokens of the rows that are chosen, or of a sample of them, as the model would count them."""
    examples = inputs["examples"]
    embeddings = open_view(store, examples.manifest.dataset_id).embeddings
    rows = training_rows(inputs)[1].rows
    return row_lengths(
        examples, rows, tokenizer=tokenizer_file(model, store.workspace), embeddings=embeddings
    )


def count_training(
    lengths: Lengths, options: SftOptions, *, n_train: int, n_held_out: int, window: int = 0
) -> TrainingForecast:
    """What training on ``n_train`` rows like these will read; ``window`` is the model's own, 0 when it is not known.

    Packing is counted as if no token of a sequence were lost to padding.
    """
    limit = min(options.max_length, window) if window else options.max_length
    reasons, n_as_text, tokens = _fitting(lengths, options, n_train)
    n_fit = n_train - sum(reasons.values())
    long = tokens > limit
    fraction = float(long.mean()) if len(long) else 0.0
    n_long = round(fraction * n_fit)
    kept = tokens[~long] if options.drop_longer else np.minimum(tokens, limit)
    n_kept = n_fit - n_long if options.drop_longer else n_fit
    n_tokens = round(float(kept.mean()) * n_kept) if len(kept) else 0
    n_sequences = math.ceil(n_tokens / limit) if options.packing else n_kept
    per_step = options.per_device_train_batch_size * options.gradient_accumulation_steps
    n_steps = math.ceil(math.ceil(n_sequences / per_step) * options.num_train_epochs)
    if options.max_steps > 0:
        n_steps = options.max_steps
    return TrainingForecast(
        n_train=n_train, n_held_out=n_held_out, n_tokens=n_tokens, n_long=n_long, limit=limit, n_steps=n_steps,
        step_rows=per_step, limited_by_window=bool(window) and limit == window, drops_longer=options.drop_longer,
        counted_by=lengths.counted_by, reasons=reasons, n_as_text=n_as_text,
        heeded=_for_all(lengths.heeded, lengths, n_train), unheeded=_for_all(lengths.unheeded, lengths, n_train),
        unknown=_for_all(lengths.unknown, lengths, n_train),
    )  # fmt: skip


def _for_all(counted: Mapping[str, int], lengths: Lengths, n_train: int) -> dict[str, int]:
    """The counts of a sample for all rows, never none."""
    share = n_train / max(1, len(lengths.tokens))
    return {name: max(1, round(count * share)) for name, count in counted.items()}


def _fitting(lengths: Lengths, options: SftOptions, n_train: int) -> tuple[dict[str, int], int, Float64s]:
    """How many of ``n_train`` rows are left out by why and put in words, and the tokens of the others that were counted."""
    why = lengths.unfit_as_text if options.unfit_as_text else lengths.unfit
    if not why:
        return {}, 0, lengths.tokens
    share = n_train / len(why)
    counted = Counter(filter(None, why))
    # A row in a sample stands for a whole number of rows, never for none.
    reasons = {reason: max(1, round(count * share)) for reason, count in counted.items()}
    in_words = sum(1 for one, other in zip(lengths.unfit, why, strict=True) if one and not other)
    return (
        reasons,
        round(in_words * share),
        lengths.tokens[np.array([not one for one in why], dtype=np.bool_)],
    )


def row_lengths(
    examples: Artifact, rows: Int64s, *, tokenizer: Path | None, embeddings: Artifact | None
) -> Lengths:
    """Tokens of the rows, or of a sample of them: by the model's tokenizer, else as counted for embedding, else guessed."""
    some = rows if len(rows) <= MOST_COUNTED else rows[:: -(-len(rows) // MOST_COUNTED)]
    read = [(turns, fields) for _, turns, fields in source_rows(examples, some, {})]
    records = [chat_record(*one) for one in read]
    chat = None if tokenizer is None else ChatTokens(FileTokenizer(tokenizer.parent))
    rows_read = [read_chat_row(record) for record in records]
    unfit, in_words = (
        tuple(
            why_unfit(None if chat is None else chat.template, row, unfit_as_text=words) for row in rows_read
        )
        for words in (False, True)
    )
    heeded, unheeded = (
        Counter(name for one in read for name in names(*one)) for names in (heeded_marks, _unheeded)
    )
    if chat is not None and (dropped := sum(map(chat.template.leaves_out_reasoning, rows_read))):
        unheeded[DROPPED] = dropped
    unknown = Counter(name for row in rows_read for name in _carried_by_some(row)) if chat is None else {}
    tokens, counted_by = _counts(list(map(_texts, rows_read)), some, chat, embeddings)
    return Lengths(tokens, counted_by, unfit, in_words, heeded, unheeded, unknown)


def _counts(
    texts: Sequence[Sequence[str]], rows: Int64s, chat: ChatTokens | None, embeddings: Artifact | None
) -> tuple[Float64s, str]:
    """Tokens of each row by the best that is at hand, and what that is."""
    frames = np.array([FRAME_TOKENS * len(row) for row in texts], dtype=np.float64)
    if chat is not None:
        counts = [len(ids) for ids in chat.plain(["\n".join(row) for row in texts])]
        return np.array(counts, dtype=np.float64) + frames, BY_MODEL
    if embeddings is not None:
        return read_token_counts(embeddings)[rows].astype(np.float64) + 2 * FRAME_TOKENS, BY_ENCODER
    characters = np.array([sum(map(len, row)) for row in texts], dtype=np.float64)
    return np.ceil(characters / CHARS_PER_TOKEN) + frames, BY_CHARACTERS


def _texts(row: ChatRow) -> list[str]:
    """What a model reads of a row: its turns, what was thought before them, its tools."""
    said = (text for turn in row.messages for text in (turn_text(turn), reasoning_of(turn)))
    return [*filter(None, said), *map(as_text, row.tools)]


def _carried_by_some(row: ChatRow) -> Iterator[str]:
    """What of a row some chat templates carry and others do not."""
    if row.tools:
        yield "tools"
    if any(turn["role"] == "tool" or turn_calls(turn) for turn in row.messages):
        yield "tool calls"
    if any(map(reasoning_of, row.messages)):
        yield "reasoning"


def _unheeded(turns: Sequence[Message], fields: Mapping[str, JSON]) -> Iterator[str]:
    """What of a row is not read although it sounds as if it decided what is learned."""
    yield from unheeded_marks(turns, fields)
    told = beside_thoughts(turns, fields)
    yield from (name for name in thought_fields(fields) if not told)


def tokenizer_file(model: str, workspace: Path) -> Path | None:
    """The tokenizer of a base model that is on this machine as a folder; None when it is not, or has another form."""
    folder = _folder_of(model, workspace)
    path = folder / TOKENIZER if folder is not None else None
    return path if path is not None and path.is_file() else None


def window_of(model: str, workspace: Path) -> int:
    """Tokens that a base model reads at once; 0 when its configuration is not here or does not say."""
    folder = _folder_of(model, workspace)
    try:
        if folder is not None and not (folder / "config.json").is_file():
            folder = base_of(folder)
        config = orjson.loads((folder / "config.json").read_bytes()) if folder is not None else {}
        return int(config.get("max_position_embeddings") or 0)
    except (CurationError, OSError, ValueError, TypeError, AttributeError):
        return 0


def _folder_of(model: str, workspace: Path) -> Path | None:
    if model == BUNDLED_LLM:
        # Its weights are unpacked when they are first used; of several conversions the newest counts.
        models = workspace / "cache" / "models"
        unpacked = sorted(models.glob(f"{BUNDLED_LLM}-*/config.json"))
        return unpacked[-1].parent if unpacked else bundled_tokenizer(models)
    if model.startswith(PREFIX):
        return adapter_ids(workspace).get(model.removeprefix(PREFIX))
    path = Path(model).expanduser()
    return path if path.is_dir() else None
