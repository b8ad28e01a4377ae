"""The lane of the review: the row and those that come next, in the browser, where a key is answered at once.

Decisions wait in the browser until the server has answered; the page follows when the keys rest. See lane.js.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from pages.parts.review.actions import SKIPPED, ReviewContext, decided_for, follow_browser
from pages.parts.review.edit import kept_draft
from pages.parts.review.evidence import margin_remarks, replies_of, say_verdicts, say_why
from pages.parts.review.pace import LOOK_S
from pages.parts.review.queue import proposals_of
from pages.parts.review.row_words import (
    CHANGES,
    asked_last,
    facts_about,
    is_long_prompt,
    prompt_title,
    texts_of_rows,
)
from pages.parts.review.session import ended_tabs
from pages.parts.review.sides import Parts, Side, has_marks, prompt_parts, sides_of
from pages.shared.rows.review_text import MAX_SHOWN_CHARS, as_html, side_html
from pages.shared.server import hold_answer
from tamis.actions.decisions import DecisionSnapshot
from tamis.actions.proposals import Proposal
from tamis.actions.review_queue import hold_ahead, next_rows
from tamis.actions.row_images import have_images
from tamis.errors import InvalidOptions, NotAllowed
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

KEY = "review_lane"
MOST_AHEAD = 120
_ECHO = "review_lane_echo"  # at which move of the browser the page has arrived
_PARTS = Path(__file__).with_name("js")


def show_lane(review: ReviewContext, row: int, decided: DecisionSnapshot) -> None:
    """Draw the row with its keys; those that come next are asked for by the browser."""
    said = "\0".join([str(review.workspace.path), review.queue_key, review.reviewer, review.tab])
    name, token = hold_answer(said, partial(_rows_ahead, review))
    (item,) = _items(review, np.asarray([row]), decided)
    kept = "\0".join([str(review.workspace.path), review.dataset_id, review.reviewer])
    data = {
        "page": {"name": name, "token": token},
        "item": item | {"edit": "Edit" if kept_draft(review, row) is None else "Go on editing"},
        "total": len(review.queue.rows),
        "echo": st.session_state.get(_ECHO, 0),
        "skipped": sorted(st.session_state.get(SKIPPED, ())),
        "may": review.workspace.actor.may("reviewer"),
        "look_ms": LOOK_S * 1000,
        "about": {
            "dataset": review.dataset_id,
            "proposals": review.queue.proposals.id,
            "reviewer": review.reviewer,
        },
        # Decisions that wait are found again by whoever decided them, in the same place.
        "kept": hashlib.blake2s(kept.encode(), digest_size=10).hexdigest(),
    }
    _lane()(key=KEY, data=data, on_sync_change=partial(_follow, review))


def _follow(review: ReviewContext) -> None:
    said: Any = (st.session_state.get(KEY) or {}).get("sync") or {}
    row = said.get("row")
    if row is not None and (not isinstance(row, int) or review.queue.place(row) is None):
        return
    st.session_state[_ECHO] = said.get("echo", 0)
    follow_browser(review, row, _rows_in(said, "skipped"))


def _rows_ahead(review: ReviewContext, workspace: Workspace, asked: dict[str, JSON]) -> JSON:
    """The rows that come after one, held for this tab; runs outside any page."""
    if workspace.actor != review.workspace.actor:
        raise NotAllowed("This page was drawn for somebody else. Load it again.")
    after, count = asked.get("after"), asked.get("count")
    if not isinstance(count, int) or not isinstance(after, int | None):
        raise InvalidOptions("Ask for a count of rows, after a row or None.")
    decided = decided_for(review)
    waiting = next_rows(review.queue, decided, after=after, skipped=_rows_in(asked, "skipped")).tolist()
    # Half of them at most: whoever comes later finds some, too.
    count = max(0, min(count, MOST_AHEAD, (len(waiting) + 1) // 2))
    rows = waiting[:count]
    if workspace.actor.may("reviewer"):
        # The row that is looked at is held, too: the page may not have arrived at it.
        at = [] if after is None else [after]
        held = hold_ahead(
            workspace, review.dataset_id, [*at, *waiting], count + len(at), review.tab, reviewer=review.reviewer,
            since=decided.revision, ended=ended_tabs(),
        )  # fmt: skip
        rows = [row for row in held if row != after]
    known = set(_rows_in(asked, "known"))
    new = np.asarray([row for row in rows if row not in known], dtype=np.int64)
    return {"order": list(rows), "rows": list(_items(review, new, decided)) if len(new) else []}


def _rows_in(asked: dict[str, JSON], name: str) -> list[int]:
    rows = asked.get(name)
    return [one for one in rows if isinstance(one, int)] if isinstance(rows, list) else []


def _items(review: ReviewContext, rows: Int64s, decided: DecisionSnapshot) -> list[dict[str, JSON]]:
    pictured, read = have_images(review.context.view, rows), texts_of_rows(review.context, rows.tolist())
    return [
        _item(review, proposal, texts, decided)
        # Images, and a conflict to settle, are drawn by the page: until it has arrived nothing is decided.
        | {
            "waits": "images"
            if images
            else "both answers"
            if proposal.example_id in decided.conflicts
            else ""
        }
        for proposal, images, texts in zip(proposals_of(review.queue, rows), pictured, read, strict=True)
    ]


def _item(
    review: ReviewContext, proposal: Proposal, texts: dict[str, Any], decided: DecisionSnapshot
) -> dict[str, JSON]:
    row = proposal.example_id
    prompt, new_words = str(texts["prompt"]), prompt_parts(texts)
    asked, before = asked_last(texts)
    (yes, yes_key), (no, no_key) = CHANGES[proposal.action]
    facts = facts_about(review, proposal, texts, decided.by_row.get(row))
    sides: list[JSON] = [[one.title, _side_html(one)] for one in sides_of(texts, proposal)]
    return {
        "row": row,
        "place": (review.queue.place(row) or 0) + 1,
        "seen": decided.seen_event(row),
        "decided": row in decided.by_row,
        "keys": {yes_key: ["approve", yes], no_key: ["reject", no]},
        "facts": [[fact.text, fact.colour] for fact in facts],
        "prompt": [
            prompt_title(texts, before),
            _marked_html(asked, new_words if asked == prompt else None, "added"),
            _marked_html(prompt, new_words, "added") if is_long_prompt(prompt) else "",
        ],
        "sides": sides,
        "marked": has_marks(texts, proposal),
        "why": say_why(proposal),
        "remarks": list(margin_remarks(proposal)),
        "verdicts": list(say_verdicts(proposal)),
        "replies": [_html(one) for one in replies_of(proposal)],
    }


def _side_html(side: Side) -> str:
    """The texts of a column, each below its label where it has one."""
    pieces = []
    for block in side.blocks:
        pieces += [f"<h5>{as_html(block.label)}</h5>"] if block.label else []
        pieces.append(_marked_html(block.text, block.parts, block.side))
    return "".join(pieces)


def _marked_html(text: str, parts: Parts, side: str) -> str:
    return _html(text) if parts is None else side_html(parts, side)


def _html(text: str) -> str:
    if not text.strip():
        return f"<em>{'only white space' if text else 'empty'}</em>"
    cut = f"<em> … the first {MAX_SHOWN_CHARS:,} of {len(text):,} characters.</em>"
    return as_html(text[:MAX_SHOWN_CHARS]) + (cut if len(text) > MAX_SHOWN_CHARS else "")


@st.cache_resource(show_spinner=False)
def _lane() -> Callable[..., Any]:
    script = "\n".join(
        (_PARTS / name).read_text(encoding="utf-8") for name in ("outbox.js", "draw.js", "lane.js")
    )
    style = (_PARTS / "lane.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "tamis_review_lane", js=script, css=style, html='<div class="lane"></div>'
    )
