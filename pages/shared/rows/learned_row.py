"""A row as a model would be trained on it: every token, shaded by how much of it is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import plain
from pages.shared.rows.review_text import as_html
from tamis.actions.forecast import model_folder
from tamis.actions.learned_tokens import LearnedRow, TokenText, learned_tokens
from tamis.actions.models import BUNDLED_LLM
from tamis.actions.runs import list_runs
from tamis.types import JSON, Int64s

MOST_TOKENS = 4_000  # drawn; a browser is slow with more pieces than that
FULL, LEAST = 0.42, 0.14  # how strong the shade of weight 1 and of the smallest weight is
FRAME = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;unicode-bidi:plaintext;font-size:.9rem"
_EDGE = "box-shadow:inset -1px 0 rgba(128,140,138,.35)"  # between two tokens
CUT = "opacity:.45;text-decoration:line-through"


@dataclass(frozen=True, slots=True)
class TrainingChoice:
    """What decides how a row is read for training: a model, a recipe with its options, and whether decisions are applied."""

    model: str = BUNDLED_LLM
    recipe: str = "sft_lora"
    options: Mapping[str, JSON] = field(default_factory=dict)
    decided: bool = True


def latest_choice(context: DatasetContext) -> TrainingChoice:
    """That of the newest fine-tuning of the dataset; the usual one before any."""
    runs = list_runs(context.workspace, context.dataset_id, "finetune")
    if not runs:
        return TrainingChoice()
    given = runs[0].options
    return TrainingChoice(str(given["model"]), str(given["recipe"]), dict(given.get("recipe_options") or {}))


def choose_learned_row(context: DatasetContext, rows: Int64s, choice: TrainingChoice) -> None:
    """A switch, and behind it a row of those that are trained on."""
    if not len(rows) or not st.toggle("Show what is learned", key="finetune_learned", bind="query-params"):
        return
    last = context.n_rows - 1
    row = st.number_input(
        "Row", 0, last, value=int(rows[0]), key="finetune_learned_row", help="Its number in the dataset."
    )
    if not np.isin(row, rows):
        st.caption("This row is not among those that are trained on.")
    show_learned_row(context, int(row), choice)


def show_learned_row(context: DatasetContext, row: int, choice: TrainingChoice) -> None:
    """The tokens of a row with what they weigh, or why it would be left out."""
    with st.spinner("Looking for the model's tokenizer …"):
        here = model_folder(context.workspace, choice.model)
    if not here:
        st.caption("The model's tokenizer is not on this machine: it comes when a run first uses the model.")
        return
    with errors_in_place():
        found = learned_tokens(
            context.workspace, context.dataset_id, row, model=choice.model, recipe=choice.recipe,
            recipe_options=choice.options, decided=choice.decided,
        )  # fmt: skip
        (st.warning if found.reason else st.caption)(plain(found.text))
        _show_tokens(found)


def _show_tokens(found: LearnedRow) -> None:
    if not found.tokens:
        return
    drawn = found.tokens[:MOST_TOKENS]
    inside = "".join(map(_piece, drawn))
    st.html(f'<div dir="auto" style="{FRAME}" data-testid="learned-row">{inside}</div>')
    if len(found.tokens) > len(drawn):
        st.caption(f"The first {len(drawn):,} of {len(found.tokens):,} pieces.")
    weights = sorted({one.weight for one in found.tokens if one.weight not in (0.0, 1.0)})
    cut = "" if all(one.read for one in drawn) else " What is struck out is cut off."
    marked = f" Weights other than 1: {', '.join(f'{one:g}' for one in weights)}." if weights else ""
    st.caption(
        f"Shaded tokens are learned, the stronger the more they weigh; a line divides tokens.{marked}{cut}"
    )


def _piece(token: TokenText) -> str:
    style = _EDGE
    if not token.read:
        style += f";{CUT}"
    elif token.weight:
        style += f";background:rgba(20,160,130,{LEAST + (FULL - LEAST) * min(1.0, token.weight):.2f})"
    weight = "" if token.weight in (0.0, 1.0) else f' title="weight {token.weight:g}"'
    return f'<span style="{style}"{weight}>{as_html(token.text)}</span>'
