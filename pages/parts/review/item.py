"""One proposal on one screen: what is asked, what stands, what is proposed and why, and the keys that decide."""

from __future__ import annotations

import math
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
from pages.parts.review.edit import draft_of, kept_draft, open_editor, show_editor
from pages.parts.review.evidence import has_replies, show_evidence
from pages.parts.review.history import show_row_history
from pages.parts.review.notes import show_row_notes
from pages.parts.review.pace import ignore_held_keys, mark_seen
from pages.parts.review.queue import proposal_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.images import show_row_images
from pages.shared.rows.review_text import show_side, show_text
from pages.shared.wording import BadgeColour
from tamis.actions.decisions import DecisionInForce, DecisionSnapshot
from tamis.actions.proposals import OUTCOMES, Proposal, score_word
from tamis.actions.read_rows import nearest_in_cluster, tags_of
from tamis.actions.word_marks import Part, WordMarks, mark_words
from tamis.formats.conversation import labelled_turns

LONG_PROMPT_CHARS, LONG_PROMPT_LINES = 420, 5
WHOLE = "review_whole_prompt_of"
# At most this high, and no higher than the text. Above a window of 60rem the prompt gets two fifths of what there is more.
PROMPT_HEIGHT = "max(4.6rem, calc(40vh - 19.4rem))"
LONG_HEADER_REM, REPLIES_REM = 1.4, 2.6  # what the button above a long prompt and the judge's own words take
LEAST_SHARED_FRACTION = 0.15  # of the shorter text; below it both would be marked from end to end
N_NEIGHBOURS = 3
# What is proposed and its opposite, each with its key: a verdict has one word and one key, whatever was proposed.
CHANGES = {
    "keep": (("Keep", "K"), ("Drop", "D")),
    "drop": (("Drop", "D"), ("Keep", "K")),
    "replace": (("Take the candidate", "T"), ("Keep the original", "K")),
}
KEY_ICONS = {"D": "delete", "K": "check", "T": "published_with_changes"}  # R is Streamlit's own
ACTION_BADGES: dict[str, tuple[str, BadgeColour]] = {
    "keep": ("Keep", "green"),
    "drop": ("Drop", "red"),
    "replace": ("Replace", "blue"),
}
STANDINGS = {"keep": "Kept", "drop": "Dropped", "replace": "Replaced"}
VIAS = {"approve": "approved", "reject": "rejected", "edit": "edited", "rule": "by a rule or list"}


def show_item(review: ReviewContext, row: int, decided: DecisionSnapshot) -> None:
    """A row of the queue with its keys."""
    proposal = proposal_of(review.queue, row)
    seen = Seen(proposal, decided.seen_event(row))
    facts = _facts_of(review.context, row)
    if draft_of(row) is not None:
        _show_facts(review, proposal, facts, decided.by_row.get(row))
        show_editor(review, seen, proposal.candidate)
        return
    _show_keys(review, seen, proposal.candidate)
    _show_facts(review, proposal, facts, decided.by_row.get(row))
    if row in decided.conflicts:
        show_conflicts(review, row)
    show_row_images(review.context, row)
    _show_prompt(review.context, row, facts)
    _show_sides(facts["response"], proposal, height=_side_height(str(facts["prompt"]), proposal))
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        with st.container():
            show_evidence(proposal)
        _show_marks_toggle(facts["response"], proposal)
    with st.container(horizontal=True, gap="small"):
        _show_neighbours(review.context, row)
        show_row_history(review, row)
        show_row_notes(review, row)
        ignore_held_keys()
    # The clock runs from when all of it is drawn.
    mark_seen(row)
    # The row that a decision leads to is read while this one is looked at.
    following = next_waiting(review, decided, row)
    if following is not None:
        queries.conversation(review.context, following)


def _facts_of(context: DatasetContext, row: int) -> dict[str, Any]:
    cluster = None if context.view.clustering is None else int(queries.cluster_of(context)[row])
    return queries.conversation(context, row) | {"cluster": cluster}


def _show_keys(review: ReviewContext, seen: Seen, candidate: str | None) -> None:
    (yes, yes_key), (no, no_key) = CHANGES[seen.proposal.action]
    is_off = not review.workspace.actor.may("reviewer")
    # Named by the row: a press for a row that has gone is one of a button that has gone, and decides nothing.
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="review_keys"):
        st.button(
            yes, type="primary", icon=f":material/{KEY_ICONS[yes_key]}:", shortcut=yes_key, key=f"review_approve_{seen.row}",
            on_click=approve, args=(review, seen), help="What is proposed.", disabled=is_off,
        )  # fmt: skip
        st.button(
            no, icon=f":material/{KEY_ICONS[no_key]}:", shortcut=no_key, key=f"review_reject_{seen.row}",
            on_click=reject, args=(review, seen), help="Not what is proposed.", disabled=is_off,
        )  # fmt: skip
        st.button(
            "Edit" if kept_draft(review, seen.row) is None else "Go on editing", icon=":material/edit:", shortcut="E", key="review_edit",
            on_click=open_editor, args=(review, seen.row, candidate), disabled=is_off,
        )  # fmt: skip
        st.button(
            "Skip", icon=":material/schedule:", shortcut="S", key=f"review_skip_{seen.row}",
            on_click=skip, args=(review, seen), help="Leave it for later: it comes again after all others.",
        )  # fmt: skip
        st.space("stretch")
        show_turns_back(review)
        _icon_button("previous", "chevron_left", "P", "The row before", partial(step, review, seen.row, -1))
        _icon_button("next", "chevron_right", "N", "The row after", partial(step, review, seen.row, 1))


def show_turns_back(review: ReviewContext) -> None:
    """Undo and redo, which also stand where no row is left."""
    _icon_button("undo", "undo", "U", "Undo your last decision", partial(undo, review))
    _icon_button("redo", "redo", "Y", "Redo what you undid", partial(redo, review))


def _icon_button(name: str, icon: str, key: str, text: str, act: Callable[[], None]) -> None:
    st.button("", icon=f":material/{icon}:", shortcut=key, key=f"review_{name}", help=text, on_click=act)


def _show_facts(
    review: ReviewContext, proposal: Proposal, facts: dict[str, Any], standing: DecisionInForce | None
) -> None:
    row = proposal.example_id
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        place = (review.queue.place(row) or 0) + 1
        st.markdown(f"**Row {row:,}**", width="content")
        st.caption(f"{place:,} of {len(review.queue.rows):,}", width="content")
        label, color = ACTION_BADGES[proposal.action]
        st.badge(label, color=color)
        st.badge(OUTCOMES.get(proposal.outcome, plain(proposal.outcome)), color="gray")
        _number_badge(plain(score_word(review.queue.proposals)), proposal.confidence)
        _number_badge("verdict", proposal.verdict_confidence)
        if facts["cluster"] is not None:
            name = plain(shorten(review.context.cluster_name(int(facts["cluster"])), 34))
            st.badge(name, icon=":material/workspaces:", color="green")
        for tag in tags_of(review.context, row)[:4]:
            st.badge(plain(shorten(tag, 20)), icon=":material/sell:", color="violet")
        if standing is not None:
            text = f"{STANDINGS[standing.verdict]}, {VIAS[standing.via]} by {plain(shorten(standing.reviewer, 20))}"
            st.badge(text, icon=":material/gavel:", color="orange")


def _number_badge(name: str, value: float) -> None:
    if not math.isnan(value):
        st.badge(f"{name} {value:.3g}", color="blue")


def _show_prompt(context: DatasetContext, row: int, facts: dict[str, Any]) -> None:
    """All of a short prompt; of a long one the turn that is answered, with what comes before it one key away."""
    prompt = str(facts["prompt"])
    is_long = _is_long(prompt)
    is_whole = is_long and st.session_state.get(WHOLE) == row
    asked, before = _last_question(context, row) if is_long and facts["n_turns"] > 2 else (prompt, "")
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            size = f" · {count_of(len(prompt), 'character')}" if is_long else ""
            earlier = f" · … {before}" if before and not is_whole else ""
            st.caption(f"Prompt{size}{earlier}", width="content")
            if is_long:
                st.button(
                    "Show less" if is_whole else "Show all", type="tertiary", key="review_whole_prompt", shortcut="F",
                    icon=":material/unfold_less:" if is_whole else ":material/unfold_more:",
                    on_click=_turn_whole, args=(None if is_whole else row,),
                )  # fmt: skip
        shown = prompt if is_whole else asked
        show_text(
            shown, key="review_prompt", height=PROMPT_HEIGHT if _is_long(shown) and not is_whole else ""
        )


def _is_long(text: str) -> bool:
    return len(text) > LONG_PROMPT_CHARS or text.count("\n") >= LONG_PROMPT_LINES


def _last_question(context: DatasetContext, row: int) -> tuple[str, str]:
    """What the last answer replies to, from the last user turn on, and in words what comes before that."""
    turns = queries.messages_of(context, row)[:-1]
    at = max((number for number, turn in enumerate(turns) if turn["role"] == "user"), default=0)
    n_system = sum(turn["role"] == "system" for turn in turns[:at])
    parts = [count_of(at - n_system, "earlier turn")] if at > n_system else []
    return labelled_turns(turns[at:]), " and ".join([*parts, *(["the system message"] if n_system else [])])


def _turn_whole(row: int | None) -> None:
    st.session_state[WHOLE] = row


def _side_height(prompt: str, proposal: Proposal) -> str:
    """What is left of the window, so that a large one is used and everything is seen at once in a small one."""
    left, taken = ("60vh", 21 + LONG_HEADER_REM) if _is_long(prompt) else ("100vh", 45.0)
    if has_replies(proposal):
        taken += REPLIES_REM
    return f"max(11rem, calc({left} - {taken:.1f}rem))"


def _show_sides(response: str, proposal: Proposal, *, height: str) -> None:
    candidate = proposal.candidate
    if candidate is None:
        title = "Response, which would be dropped" if proposal.action == "drop" else "Response"
        with st.container(border=True, gap="xsmall"):
            st.caption(f"{title} · {count_of(len(response), 'character')}")
            show_text(response, key="review_original", height=height)
        return
    parts = _marks(response, candidate, proposal.action)
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, height="stretch", gap="xsmall"):
        st.caption(f"Original · {count_of(len(response), 'character')}")
        _show_side(response, parts, ("removed", "review_original"), height)
    with right, st.container(border=True, height="stretch", gap="xsmall"):
        st.caption(f"Candidate · {count_of(len(candidate), 'character')}")
        _show_side(candidate, parts, ("added", "review_candidate"), height)


def _show_side(text: str, parts: tuple[Part, ...] | None, place: tuple[str, str], height: str) -> None:
    side, key = place
    if parts is None:
        show_text(text, key=key, height=height)
    else:
        show_side(parts, side, key=key, height=height)


def _show_marks_toggle(response: str, proposal: Proposal) -> None:
    if proposal.candidate is None or proposal.action == "drop":
        return
    if _is_alike(response, proposal.candidate):
        st.toggle("Mark changes", value=True, key="review_marks", persist_state="session", width="content")
    else:
        st.caption("Another text altogether: no changes are marked.", width="content")


def _marks(response: str, candidate: str, action: str) -> tuple[Part, ...] | None:
    """What to mark; None where marks would say nothing, because the whole text goes or both share next to nothing."""
    if action == "drop" or not st.session_state.get("review_marks", True):
        return None
    return _difference(response, candidate).parts if _is_alike(response, candidate) else None


def _is_alike(response: str, candidate: str) -> bool:
    return _difference(response, candidate).shared_fraction > LEAST_SHARED_FRACTION


@st.cache_data(max_entries=64, show_spinner=False)
def _difference(old: str, new: str) -> WordMarks:
    return mark_words(old, new)


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
