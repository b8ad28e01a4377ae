"""A row inside a judge's question: its conversation as one quoted text (METHODS.md 2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from tamis.compute.text.turn_text import as_text, turn_text
from tamis.models.chat_rows import reasoning_of
from tamis.protocols import ChatPrompt

TOOLS, REASONING = "tools offered", "reasoning"


def transcript_of(prompt: str) -> str:
    """The text of what was asked, for a question that quotes it: tools offered, then each turn behind its role.

    Calls, results of tools and the reasoning of earlier answers stand where they were. A prompt that is a text is
    quoted as it is, and so is a conversation that holds nothing but texts.
    """
    if not isinstance(prompt, ChatPrompt):
        return prompt
    if not prompt.tools and not any(map(reasoning_of, prompt.messages)):
        return str(prompt)
    return "\n\n".join(_parts(prompt))


def _parts(prompt: ChatPrompt) -> Iterator[str]:
    if prompt.tools:
        yield "\n".join((f"{TOOLS}:", *map(as_text, prompt.tools)))
    for turn in prompt.messages:
        if thought := reasoning_of(turn):
            yield f"{turn['role']}, {REASONING}: {thought}"
        if text := turn_text(turn):
            yield f"{turn['role']}: {text}"
