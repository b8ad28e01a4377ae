"""One proposal on one screen: what is asked, what stands, what is proposed and why, and the keys that decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from pages.parts.review.actions import (
    ReviewContext,
    Seen,
    approve,
    next_waiting,
    redo,
    reject,
    skip,
    step,
    undo,
)
from pages.parts.review.conflict import show_conflicts
from pages.parts.review.drop_reason import show_drop_reasons
from pages.parts.review.edit import draft_of, kept_draft, open_editor, show_editor
from pages.parts.review.evidence import has_replies, show_evidence
from pages.parts.review.history import show_row_history
from pages.parts.review.lane import show_lane
from pages.parts.review.notes import show_row_notes
from pages.parts.review.pace import mark_seen
from pages.parts.review.queue import proposal_of
from pages.parts.review.row_words import (
    CHANGES,
    asked_last,
    facts_about,
    is_long_prompt,
    prompt_title,
    texts_of_rows,
)
from pages.parts.review.sides import Block, has_marks, prompt_parts, sides_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import Greyed, asks
from pages.shared.plain_text import plain, shorten
from pages.shared.rows.images import show_row_images
from pages.shared.rows.review_text import show_side, show_text
from tamis.actions.decisions import (
    DecisionInForce,
    DecisionSnapshot,
    approve_proposal,
    redo_decision,
    reject_proposal,
    save_edit,
    undo_decision,
)
from tamis.actions.proposals import Proposal
from tamis.actions.read_rows import nearest_in_cluster

WHOLE = "review_whole_prompt_of"
# At most this high, and no higher than the text. Above a window of 60rem the prompt gets two fifths of what there is more.
PROMPT_HEIGHT = "max(4.6rem, calc(40vh - 19.4rem))"
LONG_HEADER_REM, REPLIES_REM = 1.4, 2.6  # what the button above a long prompt and the judge's own words take
N_NEIGHBOURS = 3
KEY_ICONS = {"D": "delete", "K": "check", "T": "published_with_changes"}  # R is Streamlit's own


def show_item(review: ReviewContext, row: int, decided: DecisionSnapshot) -> None:
    """A row of the queue with its keys."""
    proposal = proposal_of(review.queue, row)
    seen = Seen(proposal, decided.seen_event(row))
    (texts,) = texts_of_rows(review.context, [row])
    if draft_of(row) is not None:
        _show_facts(review, proposal, texts, decided.by_row.get(row))
        show_editor(review, seen, proposal.candidate)
        return
    show_lane(review, row, decided)
    # What the lane hides as soon as it runs; its buttons are what it presses for all that the server does.
    with st.container(gap="xsmall", key="review_native"):
        _show_keys(review, seen, proposal.candidate)
        _show_facts(review, proposal, texts, decided.by_row.get(row))
        _show_prompt(row, texts)
        _show_sides(texts, proposal, height=_side_height(str(texts["prompt"]), proposal))
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            with st.container():
                show_evidence(proposal)
            _show_marks_toggle(texts, proposal)
    if row in decided.conflicts:
        show_conflicts(review, row)
    show_row_images(review.context, row)
    with st.container(horizontal=True, gap="small", key="review_more"):
        if texts["addition"] is not None:
            show_drop_reasons(review, seen)
        _show_neighbours(review.context, row)
        show_row_history(review, row)
        show_row_notes(review, row)
    # The clock runs from when all of it is drawn.
    mark_seen(row)
    # The row that a decision leads to is read while this one is looked at.
    following = next_waiting(review, decided, row)
    if following is not None:
        queries.conversation(review.context, following)


def _show_keys(review: ReviewContext, seen: Seen, candidate: str | None) -> None:
    (yes, yes_key), (no, no_key) = CHANGES[seen.proposal.action]
    # Named by the row: a press for a row that has gone is one of a button that has gone, and decides nothing.
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="review_keys"):
        st.button(
            yes, type="primary", icon=f":material/{KEY_ICONS[yes_key]}:", shortcut=yes_key, key=f"review_approve_{seen.row}",
            on_click=approve, args=(review, seen), **asks(review.workspace, approve_proposal, words="What is proposed."),
        )  # fmt: skip
        st.button(
            no, icon=f":material/{KEY_ICONS[no_key]}:", shortcut=no_key, key=f"review_reject_{seen.row}",
            on_click=reject, args=(review, seen), **asks(review.workspace, reject_proposal, words="Not what is proposed."),
        )  # fmt: skip
        st.button(
            "Edit" if kept_draft(review, seen.row) is None else "Go on editing", icon=":material/edit:", shortcut="E", key=f"review_edit_{seen.row}",
            on_click=open_editor, args=(review, seen.row, candidate), **asks(review.workspace, save_edit),
        )  # fmt: skip
        st.button(
            "Skip", icon=":material/schedule:", shortcut="S", key=f"review_skip_{seen.row}",
            on_click=skip, args=(review, seen), help="Leave it for later: it comes again after all others.",
        )  # fmt: skip
        st.space("stretch")
        show_turns_back(review)
        for name, side, key, words, by in (
            ("previous", "left", "P", "The row before", -1),
            ("next", "right", "N", "The row after", 1),
        ):
            _icon_button(
                f"{name}_{seen.row}",
                f"chevron_{side}",
                key,
                Greyed(disabled=False, help=words),
                partial(step, review, seen.row, by),
            )


def show_turns_back(review: ReviewContext) -> None:
    """Undo and redo, which also stand where no row is left."""
    asked = asks(review.workspace, undo_decision, words="Undo your last decision")
    _icon_button("undo", "undo", "U", asked, partial(undo, review))
    asked = asks(review.workspace, redo_decision, words="Redo what you undid")
    _icon_button("redo", "redo", "Y", asked, partial(redo, review))


def _icon_button(name: str, icon: str, key: str, asked: Greyed, act: Callable[[], None]) -> None:
    st.button("", icon=f":material/{icon}:", shortcut=key, key=f"review_{name}", on_click=act, **asked)


def _show_facts(
    review: ReviewContext, proposal: Proposal, texts: dict[str, Any], standing: DecisionInForce | None
) -> None:
    row = proposal.example_id
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        place = (review.queue.place(row) or 0) + 1
        st.markdown(f"**Row {row:,}**", width="content")
        st.caption(f"{place:,} of {len(review.queue.rows):,}", width="content")
        for fact in facts_about(review, proposal, texts, standing):
            icon = f":material/{fact.icon}:" if fact.icon else None
            st.badge(f"{plain(fact.name)} {fact.number}".rstrip(), icon=icon, color=fact.colour)


def _show_prompt(row: int, texts: dict[str, Any]) -> None:
    """All of a short prompt; of a long one the turn that is answered, with what comes before it one key away."""
    prompt = str(texts["prompt"])
    is_whole = is_long_prompt(prompt) and st.session_state.get(WHOLE) == row
    asked, before = asked_last(texts)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(prompt_title(texts, before, is_whole=is_whole), width="content")
            if is_long_prompt(prompt):
                st.button(
                    "Show less" if is_whole else "Show all", type="tertiary", key="review_whole_prompt", shortcut="F",
                    icon=":material/unfold_less:" if is_whole else ":material/unfold_more:",
                    on_click=_turn_whole, args=(None if is_whole else row,),
                )  # fmt: skip
        shown = prompt if is_whole else asked
        height = PROMPT_HEIGHT if is_long_prompt(shown) and not is_whole else ""
        _show_block(Block(shown, prompt_parts(texts) if shown == prompt else None), "review_prompt", height)


def _turn_whole(row: int | None) -> None:
    st.session_state[WHOLE] = row


def _side_height(prompt: str, proposal: Proposal) -> str:
    """What is left of the window, so that a large one is used and everything is seen at once in a small one."""
    left, taken = ("60vh", 21 + LONG_HEADER_REM) if is_long_prompt(prompt) else ("100vh", 45.0)
    if has_replies(proposal):
        taken += REPLIES_REM
    return f"max(11rem, calc({left} - {taken:.1f}rem))"


def _show_sides(texts: dict[str, Any], proposal: Proposal, *, height: str) -> None:
    """What stands, what is proposed, what it was written from: one beside the other."""
    sides = sides_of(texts, proposal)
    for side, column in zip(sides, st.columns(len(sides), gap="small"), strict=True):
        with column, st.container(border=True, height="stretch", gap="xsmall"):
            st.caption(side.title)
            for number, block in enumerate(side.blocks):
                if block.label:
                    st.caption(block.label)
                _show_block(block, side.key if not number else f"{side.key}_{number}", height)


def _show_block(block: Block, key: str, height: str) -> None:
    if block.parts is None or not st.session_state.get("review_marks", True):
        show_text(block.text, key=key, height=height)
    else:
        show_side(block.parts, block.side, key=key, height=height)


def _show_marks_toggle(texts: dict[str, Any], proposal: Proposal) -> None:
    if has_marks(texts, proposal):
        st.toggle("Mark changes", value=True, key="review_marks", persist_state="session", width="content")
    elif proposal.candidate is not None and proposal.action != "drop":
        st.caption("Another text altogether: no changes are marked.", width="content")


def _show_neighbours(context: DatasetContext, row: int) -> None:
    """The nearest rows of the same cluster, looked for only when asked."""
    if context.view.embeddings is None or context.view.clustering is None:
        return
    with st.expander(
        "Nearest rows of the cluster", icon=":material/hub:", key="review_near", on_change="rerun"
    ) as folded:
        if not folded.open:
            return
        similar, clusters = queries.neighbours(context, row, 40), queries.cluster_of(context)
        near = nearest_in_cluster(similar, clusters, row, N_NEIGHBOURS)
        if not near:
            st.caption("None of the nearest rows is in the same cluster.")
        for other, cosine in near:
            texts = queries.row_values(context, other, ("prompt", "response"))
            st.caption(f"Row {other:,} · similarity {cosine:.2f}")
            show_text(shorten(texts["prompt"], 200))
            show_text("→ " + shorten(texts["response"], 300))
