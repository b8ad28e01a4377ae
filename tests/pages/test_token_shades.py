"""Tokens of a fine-tuning: what is learned, what is only read, and what the longest row cuts off are told apart."""

from __future__ import annotations

import math

from pages.parts.finetuning.tokens import CHANGE, TUNED, _said, _style
from tamis.actions.learned_tokens import TokenText

LEARNED, READ = (
    TokenText("moon", (7,), 1.0, asked=False, read=True),
    TokenText("Why", (5,), 0.0, asked=True, read=True),
)
CUT_OFF = TokenText("and", (9,), 1.0, asked=False, read=False)


def shade(style: str) -> float:
    return float(style.rsplit(",", 1)[1].rstrip(")"))


def test_a_token_that_is_cut_off_is_struck_out_and_not_said_to_be_learned() -> None:
    style = _style(CUT_OFF, math.nan, TUNED)
    assert "line-through" in style
    assert "border-bottom" not in style
    assert _said(CUT_OFF, math.nan, math.nan) == "cut off"


def test_what_is_learned_is_underlined_and_stronger_than_what_is_only_read() -> None:
    for by in (TUNED, CHANGE):
        learned, read = _style(LEARNED, 3.0, by), _style(READ, 3.0, by)
        assert "border-bottom" in learned
        assert "border-bottom" not in read
        assert shade(learned) > 1.5 * shade(read)
    assert _said(LEARNED, 2.0, 1.5) == "2.00 before, 1.50 after"
