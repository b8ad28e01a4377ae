"""Editing a conversation in the review: every turn, its role and its text, checked while one types."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.parts.review.actions import DRAFT, ReviewContext, Seen, save_edit
from pages.parts.review.live_text import live_text, typed_text
from pages.shared import queries
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from pages.shared.rows.turns import show_cut, show_json
from pages.shared.wording import ago
from tamis.actions.drafts import Draft, find_edit, forget_edit, keep_edit, start_edit
from tamis.errors import InvalidOptions
from tamis.formats.check import check_messages
from tamis.types import ROLES, Message

MAX_EDITED_CHARS = 1_000_000
START = "review_edit_from"
ORIGINAL, CANDIDATE = "Original", "Candidate"
_BAR = "review_edit_bar"
# Saving stays in view at every turn of a long conversation. The wrapper, as the bar is as high as its own parent.
_STAY_ON_TOP = f"""<style>[data-testid="stLayoutWrapper"]:has(> .st-key-{_BAR}) {{ position: sticky; top: 0;
z-index: 20; padding: .5rem 0; background: var(--st-background-color, Canvas); }}</style>"""


def draft_of(row: int) -> dict[str, Any] | None:
    """The open edit of this row, or None."""
    draft = st.session_state.get(DRAFT)
    return draft if draft and draft["row"] == row else None


def open_editor(review: ReviewContext, row: int, candidate: str | None) -> None:
    """Go on with the edit that was left, else start with the candidate where there is one; from a callback."""
    start = CANDIDATE if candidate is not None else ORIGINAL
    kept = kept_draft(review, row)
    if kept is None:
        _start(review, row, candidate, start)
    else:
        _open(row, list(kept.messages), start, draft=kept)


def kept_draft(review: ReviewContext, row: int) -> Draft | None:
    """What this reviewer typed about the row and did not save."""
    return find_edit(review.workspace, review.dataset_id, row, review.reviewer)


def show_editor(review: ReviewContext, seen: Seen, candidate: str | None) -> None:
    """The open edit: where it started, its turns, what is wrong with it, and saving."""
    draft = st.session_state[DRAFT]
    st.html(_STAY_ON_TOP)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=_BAR):
        # Named by the row: a press for one that has gone is one of a button that has gone.
        st.button(
            "Save", type="primary", icon=":material/save:", shortcut="Ctrl+Enter", key=f"review_save_{seen.row}",
            on_click=_save, args=(review, seen), **asks(review.workspace, save_edit),
        )  # fmt: skip
        st.button(
            "Close", icon=":material/close:", shortcut="Esc", key="review_cancel", on_click=_close,
            args=(review,), help="What you typed is kept: Edit brings it back.",
        )  # fmt: skip
        st.space("stretch")
        if draft["stored"] is not None:
            st.caption(f"Your edit of {ago(draft['stored'].updated_at)}", width="content")
            st.button(
                f"Start again from the {draft['start'].lower()}", icon=":material/restart_alt:",
                key="review_start_again", on_click=_start_again, args=(review, seen.row, candidate, draft["start"]),
            )  # fmt: skip
        elif candidate is not None:
            st.session_state[START] = draft["start"]
            st.segmented_control(
                "Start from", [ORIGINAL, CANDIDATE], required=True, key=START, label_visibility="collapsed",
                on_change=_restart, args=(review, seen.row, candidate), help="Starting again forgets what you typed.",
            )  # fmt: skip
        st.button("Add a turn", icon=":material/add:", key="review_add_turn", on_click=_add_turn)
    turns = _show_turns(draft)
    _keep(review, draft, turns)
    problems = check_messages(turns)
    if problems:
        st.error(
            "  \n".join(plain(problem) for problem in problems[:5]),
            title="This cannot be saved yet",
            icon=":material/rule:",
        )
    else:
        st.caption(":green[:material/check:] The conversation is well formed.")


def collect(draft: dict[str, Any]) -> list[Message]:
    """The conversation as it stands in the fields."""
    turns = []
    for number, turn in enumerate(draft["messages"]):
        role = st.session_state.get(_key(draft, "role", number), turn["role"])
        turns.append({**turn, "role": role})
        if isinstance(turn.get("content"), str):
            turns[-1]["content"] = typed_text(_key(draft, "text", number), turn["content"])
    return turns


def _show_turns(draft: dict[str, Any]) -> list[Message]:
    turns: list[Message] = []
    last = len(draft["messages"]) - 1
    for number, turn in enumerate(draft["messages"]):
        roles = list(dict.fromkeys([*ROLES, str(turn["role"])]))
        with st.container(horizontal=True, gap="small", vertical_alignment="top"):
            with st.container(width=150, gap="xsmall"):
                role = st.selectbox(
                    f"Turn {number + 1}",
                    roles,
                    index=roles.index(str(turn["role"])),
                    key=_key(draft, "role", number),
                )
                st.button(
                    "Remove", icon=":material/delete:", type="tertiary", key=_key(draft, "remove", number),
                    on_click=_remove_turn, args=(number,), disabled=last == 0,
                )  # fmt: skip
            with st.container():
                content = _show_content(draft, number, turn, focus=number == last)
        turns.append({**turn, "role": role, **({} if content is None else {"content": content})})
    return turns


def _show_content(draft: dict[str, Any], number: int, turn: Message, *, focus: bool) -> str | None:
    content = turn.get("content")
    if not isinstance(content, str):
        st.caption("This turn holds no plain text: it stays as it is.")
        show_json({key: value for key, value in turn.items() if key != "role"})
        return None
    if len(content) > MAX_EDITED_CHARS:
        st.caption(
            f"This turn has {len(content):,} characters, more than a browser can edit: it stays as it is."
        )
        show_cut(content)
        return None
    label = f"Text of turn {number + 1}"
    return live_text(label, content, key=_key(draft, "text", number), most_px=260, focus=focus)


def _key(draft: dict[str, Any], field: str, number: int) -> str:
    return f"edit_{field}_{draft['row']}_{draft['version']}_{number}"


def _start(review: ReviewContext, row: int, candidate: str | None, start: str) -> None:
    own = queries.messages_of(review.context, row)
    _open(row, start_edit(own, candidate if start == CANDIDATE else None), start)


def _open(
    row: int,
    messages: list[Message],
    start: str,
    *,
    draft: Draft | None = None,
    kept: list[Message] | None = None,
) -> None:
    version = st.session_state.get("review_draft_version", 0) + 1
    # A field keeps what was typed as long as its key, so every start has keys of its own.
    st.session_state["review_draft_version"] = version
    st.session_state[DRAFT] = {
        "row": row,
        "messages": messages,
        "start": start,
        "version": version,
        "stored": draft,
        "kept": messages if kept is None else kept,
    }


def _keep(review: ReviewContext, draft: dict[str, Any], turns: list[Message]) -> None:
    """Store what changed since it was stored last, or since the start; a lost tab then loses no word."""
    if turns == draft["kept"]:
        return
    try:
        keep_edit(review.workspace, review.dataset_id, draft["row"], review.reviewer, turns)
    except InvalidOptions:
        return  # The check beside the fields names the character.
    draft["kept"] = turns


def _close(review: ReviewContext) -> None:
    draft = st.session_state.pop(DRAFT)
    _keep(review, draft, collect(draft))


def _start_again(review: ReviewContext, row: int, candidate: str | None, start: str) -> None:
    forget_edit(review.workspace, review.dataset_id, row, review.reviewer)
    _start(review, row, candidate, start)


def _restart(review: ReviewContext, row: int, candidate: str) -> None:
    _start_again(review, row, candidate, st.session_state[START])


def _add_turn() -> None:
    draft = st.session_state[DRAFT]
    turns = collect(draft)
    role = "user" if turns and turns[-1]["role"] == "assistant" else "assistant"
    _reopen(draft, [*turns, {"role": role, "content": ""}])


def _remove_turn(number: int) -> None:
    draft = st.session_state[DRAFT]
    turns = collect(draft)
    _reopen(draft, turns[:number] + turns[number + 1 :])


def _reopen(draft: dict[str, Any], turns: list[Message]) -> None:
    _open(draft["row"], turns, draft["start"], draft=draft["stored"], kept=draft["kept"])


def _save(review: ReviewContext, seen: Seen) -> None:
    # Never greyed by what was drawn last: what is typed now decides, and a greyed button would swallow the key.
    draft = draft_of(seen.row)
    if draft is None:
        return
    turns = collect(draft)
    if not check_messages(turns):  # else the run that follows says what is wrong, beside the fields
        save_edit(review, seen, turns)
