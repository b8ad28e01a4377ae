"""A conversation as people read it. Its text is untrusted: it is never markup, only text."""

from __future__ import annotations

from typing import Any

import orjson
import streamlit as st

from pages.shared.plain_text import count_of
from tamis.formats.image_refs import is_image_part

AVATARS = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/settings:",
    "tool": ":material/build:",
}
MAX_TURN_CHARS, MAX_TURNS = 50_000, 500  # of one text, and of one conversation, that are sent to a browser


def show_turns(messages: list[dict[str, Any]]) -> None:
    """Every turn as a bubble: its text as it is, everything else it holds as JSON."""
    for message in messages[:MAX_TURNS]:
        role = str(message.get("role", "user"))
        with st.chat_message(role, avatar=AVATARS.get(role, ":material/chat:")):
            if role not in ("user", "assistant"):
                st.caption(role)
            _show_content(message.get("content"))
            rest = {key: value for key, value in message.items() if key not in ("role", "content") and value}
            if rest:
                show_json(rest)
    if len(messages) > MAX_TURNS:
        st.caption(f"The first {MAX_TURNS:,} of {len(messages):,} turns.")


def show_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON the source held
    """What JSON holds, to open and close; a long one as the beginning of its text."""
    text = orjson.dumps(value, default=str).decode("utf-8", "replace")
    if len(text) > MAX_TURN_CHARS:
        show_cut(text)
    else:
        st.json(value, expanded=1)


def show_cut(text: str) -> None:
    """JSON or other text as it is; of a long one the beginning, and all of it to download: a browser stops at megabytes."""
    st.code(text[:MAX_TURN_CHARS], language="json", wrap_lines=True)
    if len(text) > MAX_TURN_CHARS:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"The first {MAX_TURN_CHARS:,} of {len(text):,} characters.", width="content")
            st.download_button(
                "Download all", lambda: text.encode("utf-8", "replace"), file_name="row.json", mime="application/json",
                icon=":material/download:", on_click="ignore", key=f"all_of_{hash(text)}", type="tertiary",
            )  # fmt: skip


def turns_from_json(messages: str) -> list[dict[str, Any]]:
    """The turns of a row from their JSON."""
    turns: list[dict[str, Any]] = orjson.loads(messages)
    return turns


def pretty_json(text: str) -> str:
    """JSON with indentation; other text as it is."""
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def _show_content(content: Any) -> None:  # noqa: ANN401 - whatever JSON the source held
    if isinstance(content, str):
        if not content.strip():
            st.caption("empty")
            return
        st.text(content[:MAX_TURN_CHARS])
        if len(content) > MAX_TURN_CHARS:
            st.caption(f"The first {MAX_TURN_CHARS:,} of {len(content):,} characters.")
    elif isinstance(content, list):
        _show_parts(content)
    elif content is not None:
        show_json(content)


def _show_parts(parts: list[Any]) -> None:
    n_images = sum(map(is_image_part, parts))
    if n_images:
        # Their thumbnails stand above the turns; their bytes say nothing.
        st.caption(f":material/image: {count_of(n_images, 'image')}")
    for part in parts:
        if not is_image_part(part):
            _show_part(part)


def _show_part(part: Any) -> None:  # noqa: ANN401 - whatever JSON the source held
    """A part of a turn: text as text, anything else as JSON."""
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        _show_content(text)
    else:
        show_json(part)
