"""What endpoints are asked with and what they say: keys come from the environment only, and are never repeated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tamis.errors import CurationError

if TYPE_CHECKING:
    import openai

NEEDS_KEY = "api.openai.com"
HIDDEN = "[key]"
MAX_SAID_CHARS = 200
SHORTEST_SECRET = 6  # shorter ones are placeholders such as "none", which are words


def read_key(variable: str, base_url: str) -> str:
    """The value of an environment variable, "none" where it is not set: the client insists on one.

    Raises CurationError for an endpoint that is known to need a key.
    """
    key = os.environ.get(variable, "").strip()
    if not key and NEEDS_KEY in base_url:
        raise CurationError(
            f"The environment variable {variable} is not set, and {base_url} needs a key: set it before starting, or "
            "give the base_url of an endpoint that needs none."
        )
    return key or "none"


def without_key(text: str, variable: str) -> str:
    """A text that came from an endpoint, which may repeat the key it was sent, without that key."""
    key = os.environ.get(variable, "").strip()
    return text.replace(key, HIDDEN) if len(key) >= SHORTEST_SECRET else text


def words_of(error: openai.APIStatusError, variable: str) -> str:
    """What an endpoint said about its refusal, in one line of at most MAX_SAID_CHARS and without the key."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    text = str((inner or {}).get("message") or error.response.text or "nothing")
    # Before it is cut: half a key is a secret too.
    return " ".join(without_key(text, variable).split())[:MAX_SAID_CHARS]
