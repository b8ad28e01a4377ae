"""A row's tokens shaded by what each costs the model: before the run, after it, and what the run changed."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import plain
from pages.shared.rows.learned_row import CUT, FRAME, MOST_TOKENS
from pages.shared.rows.review_text import as_html
from tamis.actions.decisions import decision_revision
from tamis.actions.learned_tokens import TokenText
from tamis.actions.runs import Run
from tamis.actions.token_losses import RowLosses, token_losses
from tamis.store.artifacts.adapters import HELD_OUT

TUNED, BASE, CHANGE = "After", "Before", "Change"
MOST_NATS = 8.0  # of a token, from which the shade grows no stronger
MOST_CHANGE = 4.0
_HIGH, _LOW = "210,90,60", "20,160,130"
_LEAST_SHADE, _SHADE = 0.02, 0.55
_NOT_LEARNED = 0.4  # of the shade: a prompt is as dear to a model, and nobody asks it to learn it


def show_tokens(context: DatasetContext, run: Run) -> None:
    """A row of the dataset, by default the first that was held out, and its tokens by loss."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        row = st.number_input(
            "Row", 0, context.n_rows - 1, value=_first_row(run), key="token_row", width=140, bind="query-params",
            help="Its number in the dataset.",
        )  # fmt: skip
        by = st.segmented_control(
            "Shade by", [TUNED, BASE, CHANGE], default=TUNED, required=True, key="token_by", bind="query-params",
            help="The loss of each token after the run, before it, or what the run changed.",
        )  # fmt: skip
    with errors_in_place():
        found = _losses(
            f"{context.key}:{run.run_id}:{row}:{decision_revision(context.workspace, context.dataset_id)}",
            _context=context, _run=run, _row=int(row),
        )  # fmt: skip
        (st.warning if found.learned.reason else st.caption)(plain(found.text))
        _show_pieces(found, str(by))


def _show_pieces(found: RowLosses, by: str) -> None:
    if not found.learned.tokens:
        return
    values = {TUNED: found.tuned, BASE: found.base}.get(by) or np.subtract(found.tuned, found.base).tolist()
    pieces = zip(found.learned.tokens[:MOST_TOKENS], values, found.base, found.tuned, strict=False)
    inside = "".join(
        f'<span style="{_style(token, value, by)}" title="{_said(token, base, tuned)}">{as_html(token.text)}</span>'
        for token, value, base, tuned in pieces
    )
    st.html(f'<div dir="auto" style="{FRAME}" data-testid="token-losses">{inside}</div>')
    change = "Green became likelier, red less likely" if by == CHANGE else "The stronger, the less expected"
    cut = "" if all(token.read for token in found.learned.tokens) else " What is struck out was cut off."
    st.caption(
        f"{change}; what is learned is underlined, the rest is paler.{cut} Both losses are told where the pointer rests."
    )


def _style(token: TokenText, value: float, by: str) -> str:
    if not token.read:
        return CUT
    line = "border-bottom:2px solid rgba(20,160,130,.8);" if token.weight else ""
    if math.isnan(value):
        return f"{line}opacity:.6"
    share = min(1.0, abs(value) / (MOST_CHANGE if by == CHANGE else MOST_NATS))
    if not token.weight:
        share *= _NOT_LEARNED
    colour = _LOW if by == CHANGE and value < 0 else _HIGH
    return f"{line}background:rgba({colour},{_LEAST_SHADE + (_SHADE - _LEAST_SHADE) * share:.2f})"


def _said(token: TokenText, base: float, tuned: float) -> str:
    if not token.read:
        return "cut off"
    return "nothing before it" if math.isnan(base) else f"{base:.2f} before, {tuned:.2f} after"


def _first_row(run: Run) -> int:
    """The first row that was held out, else the first that was trained on."""
    assert run.artifact is not None
    held_out = HELD_OUT in run.artifact.manifest.files and bool(run.summary.get("n_held_out"))
    rows = np.load(run.artifact.path / ("held_out_rows.npy" if held_out else "rows.npy"))
    return int(rows[0]) if len(rows) else 0


@st.cache_resource(max_entries=64, show_spinner="Reading the row with both models …")
def _losses(key: str, *, _context: DatasetContext, _run: Run, _row: int) -> RowLosses:
    return token_losses(_context.workspace, _context.dataset_id, _row, run_id=_run.run_id)
