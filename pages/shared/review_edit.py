"""Editing a conversation in the review: every turn, its role and its text, checked while one types."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.compute.apply import with_response
from core.formats.check import check_messages
from core.types import ROLES, Message
from pages.shared.address import say_later
from pages.shared.live_text import live_text, typed_text
from pages.shared.plain_text import plain
from pages.shared.review_actions import DRAFT, Desk, Seen, close_draft, messages_of, save_edit

START = "review_edit_from"
ORIGINAL, CANDIDATE = "Original", "Candidate"


def draft_of(row: int) -> dict[str, Any] | None:
    """The open edit of this row, or None."""
    draft = st.session_state.get(DRAFT)
    return draft if draft and draft["row"] == row else None


def open_editor(desk: Desk, row: int, candidate: str | None) -> None:
    """Start to edit, with the candidate where there is one; from a callback."""
    _start(desk, row, candidate, CANDIDATE if candidate is not None else ORIGINAL)


def show_editor(desk: Desk, seen: Seen, candidate: str | None) -> None:
    """The open edit: where it started, its turns, what is wrong with it, and saving."""
    draft = st.session_state[DRAFT]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Save", type="primary", icon=":material/save:", shortcut="Ctrl+Enter", key="review_save",
            on_click=_save, args=(desk, seen), disabled=bool(check_messages(collect(draft))),
        )  # fmt: skip
        st.button(
            "Cancel", icon=":material/close:", shortcut="Esc", key="review_cancel", on_click=close_draft
        )
        st.space("stretch")
        if candidate is not None:
            st.session_state[START] = draft["start"]
            st.segmented_control(
                "Start from", [ORIGINAL, CANDIDATE], required=True, key=START, label_visibility="collapsed",
                on_change=_restart, args=(desk, seen.row, candidate), help="Starting again forgets what you typed.",
            )  # fmt: skip
        st.button("Add a turn", icon=":material/add:", key="review_add_turn", on_click=_add_turn)
    problems = check_messages(_show_turns(draft))
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
        st.json({key: value for key, value in turn.items() if key != "role"}, expanded=1)
        return None
    label = f"Text of turn {number + 1}"
    return live_text(label, content, key=_key(draft, "text", number), most_px=260, focus=focus)


def _key(draft: dict[str, Any], what: str, number: int) -> str:
    return f"edit_{what}_{draft['row']}_{draft['version']}_{number}"


def _start(desk: Desk, row: int, candidate: str | None, start: str) -> None:
    messages = messages_of(desk.lens, row)
    if start == CANDIDATE and candidate is not None:
        messages = list(with_response(messages, candidate))
    _open(row, messages, start)


def _open(row: int, messages: list[Message], start: str) -> None:
    version = st.session_state.get("review_draft_version", 0) + 1
    # A field keeps what was typed as long as its key, so every start has keys of its own.
    st.session_state["review_draft_version"] = version
    st.session_state[DRAFT] = {"row": row, "messages": messages, "start": start, "version": version}


def _restart(desk: Desk, row: int, candidate: str) -> None:
    _start(desk, row, candidate, st.session_state[START])


def _add_turn() -> None:
    draft = st.session_state[DRAFT]
    turns = collect(draft)
    role = "user" if turns and turns[-1]["role"] == "assistant" else "assistant"
    _open(draft["row"], [*turns, {"role": role, "content": ""}], draft["start"])


def _remove_turn(number: int) -> None:
    draft = st.session_state[DRAFT]
    turns = collect(draft)
    _open(draft["row"], turns[:number] + turns[number + 1 :], draft["start"])


def _save(desk: Desk, seen: Seen) -> None:
    messages = collect(st.session_state[DRAFT])
    problems = check_messages(messages)
    if problems:
        say_later(problems[0])
    else:
        save_edit(desk, seen, messages)
