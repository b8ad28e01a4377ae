"""What a training would learn of one row: its tokens as a model reads them, each with its weight in the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.actions.decisions import own_messages
from tamis.actions.training import apply_in_force
from tamis.jobs.strangers_tokenizer import with_tokenizer_of
from tamis.models.chat_rows import read_chat_row
from tamis.models.file_tokenizer import FileTokenizer
from tamis.models.row_marks import UnfitRow
from tamis.recipes import RECIPES, SftOptions
from tamis.recipes.rows import MARKED, NO_ANSWER, TOO_LONG, TokenRow, TurnTokens, learned_part
from tamis.registry import parse_options
from tamis.steps.base_model import base_model_folder
from tamis.steps.finetune.forecast import tokenizer_file, window_of
from tamis.steps.finetune.rows import training_records
from tamis.steps.reach import allowed_model
from tamis.store.workspace import Workspace
from tamis.types import JSON

HALF_LETTER = "\ufffd"  # what one token of a letter that takes several decodes to
LONGEST_LETTER = 4  # tokens, where each is a byte


@dataclass(frozen=True, slots=True)
class TokenText:
    """A token, or the few that make one letter together: their text, ids, and weight in the loss (0: not learned).

    ``asked`` says that they stand in what the model is asked with for the last answer, ``read`` that they stand within
    the longest row that is read.
    """

    text: str
    ids: tuple[int, ...]
    weight: float
    asked: bool
    read: bool


@dataclass(frozen=True, slots=True)
class LearnedRow:
    """A row as a model would be trained on it; ``reason`` says why it would be left out, with no tokens where that is
    known without them. ``as_text`` rows are put in words because the model's chat template cannot carry them otherwise;
    of ``drops_reasoning`` rows it leaves out some.
    """

    row: int
    model: str
    tokens: tuple[TokenText, ...]
    n_tokens: int
    n_learned: int
    limit: int
    as_text: bool = False
    drops_reasoning: bool = False
    reason: str = ""

    @property
    def text(self) -> str:
        """A sentence on it."""
        if self.reason:
            return f"Row {self.row} would be left out: such rows {self.reason}."
        cut = f" It is cut at {self.limit:,}." if self.n_tokens > self.limit else ""
        words = " It is trained as text only." if self.as_text else ""
        lost = " The chat template leaves out some of its reasoning." if self.drops_reasoning else ""
        return (
            f"Row {self.row}: {self.n_learned:,} of {self.n_tokens:,} tokens are learned.{cut}{words}{lost}"
        )


def learned_tokens(
    workspace: Workspace,
    dataset_id: str,
    row: int,
    *,
    model: str = "smollm2",
    recipe: str = "sft_lora",
    recipe_options: Mapping[str, JSON] | None = None,
    decided: bool = True,
) -> LearnedRow:
    """What a recipe with these options would learn of a row, where ``decided`` as it is corrected now; no model is loaded.

    Raises ModelMissing without the model's tokenizer, UnknownName, InvalidOptions for a row that is not there, and
    LimitReached for a tokenizer of which a server has enough.
    """
    options = parse_options(RECIPES[recipe].options, recipe_options or {})
    assert isinstance(options, SftOptions)
    own_messages(workspace, dataset_id, [row])  # says which rows there are
    model = allowed_model(workspace, model)
    file = tokenizer_file(model, workspace.path)
    folder = base_model_folder(model, workspace.path) if file is None else file.parent
    window = window_of(model, workspace.path)
    limit = min(options.max_length, window) if window else options.max_length
    record = _record(workspace, dataset_id, row, decided=decided)
    return with_tokenizer_of(workspace, model, _learned, folder, options, record, row, model, limit)


def _learned(
    folder: Path, options: SftOptions, record: Mapping[str, JSON], row: int, model: str, limit: int
) -> LearnedRow:
    tokenizer = FileTokenizer(folder)
    learning = TurnTokens(tokenizer, learned_part(options), unfit_as_text=options.unfit_as_text)
    try:
        given = read_chat_row(record)
        found = learning.row(given)
    except UnfitRow as error:
        return LearnedRow(row, model, (), 0, 0, limit, reason=str(error))
    kept = sum(weight > 0 for weight in found.weights[:limit])
    return LearnedRow(
        row, model, tuple(_tokens(found, tokenizer, limit)), len(found.input_ids), kept, limit,
        as_text=bool(learning.n_as_text), drops_reasoning=learning.template.leaves_out_reasoning(given), reason=_why_left_out(found, kept, options, limit),
    )  # fmt: skip


def _record(workspace: Workspace, dataset_id: str, row: int, *, decided: bool) -> dict[str, JSON]:
    rows = np.array([row], dtype=np.int64)
    applied = apply_in_force(workspace, dataset_id, rows) if decided else None
    replaced = {} if applied is None else applied.replaced
    ((_, record),) = training_records(workspace.artifacts.examples(dataset_id), rows, replaced)
    return record


def _why_left_out(found: TokenRow, n_kept: int, options: SftOptions, limit: int) -> str:
    if not any(found.weights):
        return MARKED
    if len(found.input_ids) > limit and options.drop_longer:
        return TOO_LONG
    return "" if n_kept else NO_ANSWER


def _tokens(found: TokenRow, tokenizer: FileTokenizer, limit: int) -> Iterator[TokenText]:
    start = 0
    n = len(found.input_ids)
    while start < n:
        end = start + 1
        text = tokenizer.decode(found.input_ids[start:end])
        while HALF_LETTER in text and end < min(n, start + LONGEST_LETTER):
            end += 1
            text = tokenizer.decode(found.input_ids[start:end])
        yield TokenText(
            text, tuple(found.input_ids[start:end]), found.weights[start],
            asked=start < found.n_question, read=start < limit,
        )  # fmt: skip
        start = end
