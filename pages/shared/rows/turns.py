"""A conversation as people read it. Its text is untrusted: it is never markup, only text."""

from __future__ import annotations

from typing import Any

import orjson
import streamlit as st

from tamis.formats.image_refs import image_refs

AVATARS = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/settings:",
    "tool": ":material/build:",
}
MAX_TURN_CHARS = 50_000


def show_turns(messages: list[dict[str, Any]]) -> None:
    """Every turn as a bubble: its text as it is, everything else it holds as JSON."""
    for message in messages:
        role = str(message.get("role", "user"))
        with st.chat_message(role, avatar=AVATARS.get(role, ":material/chat:")):
            if role not in ("user", "assistant"):
                st.caption(role)
            _show_content(message.get("content"))
            rest = {key: value for key, value in message.items() if key not in ("role", "content") and value}
            if rest:
                st.json(rest, expanded=1)


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
        for part in content:
            _show_part(part)
    elif content is not None:
        st.json(content, expanded=1)


def _show_part(part: Any) -> None:  # noqa: ANN401 - whatever JSON the source held
    """A part of a turn: text as text, an image in a word, because its thumbnail stands above and its bytes say nothing."""
    text = part.get("text") if isinstance(part, dict) else part
    if isinstance(text, str):
        _show_content(text)
    elif next(image_refs(part), None) is not None or (isinstance(part, dict) and part.get("type") == "image"):
        st.caption(":material/image: image")
    else:
        st.json(part, expanded=1)
