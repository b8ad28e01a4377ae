"""What can go wrong between here and an endpoint: which failures pass, how long to wait, and how to say it."""

from __future__ import annotations

import openai

from tamis.errors import CurationError
from tamis.llms import OpenAIChatOptions
from tamis.models.endpoints import sent_elsewhere, words_of

FIRST_PAUSE_S = 0.5
PASSING = {408, 409, 429, 500, 502, 503, 504, 520, 522, 524, 529}
TOO_LONG = (
    "context_length",
    "context length",
    "context window",
    "maximum context",
    "too many tokens",
    "too long",
)
FILTERED = ("content_filter", "content management policy", "content_policy", "contentpolicy")


# What servers say whose model's template knows only a user and an assistant, by turns.
NO_SYSTEM = ("system role", "role system", "system message", "roles must alternate", "role must be in")


# What servers say that know no response_format, or not the one that was asked for.
NO_FORMAT = ("response_format", "json_schema", "json_object", "structured output", "guided", "grammar")


class TooLong(Exception):
    """A question that does not fit into the model's window, or that the endpoint's content filter refuses.

    A state of one row, no failure of the run.
    """


class TooSlow(Exception):
    """An answer that was not there as a whole when its time was over."""


class OddAnswer(Exception):
    """Something that came with HTTP 200 and is no answer."""


def is_too_long(error: Exception) -> bool:
    """Whether the endpoint refused a question for its length, in the words of any of the known servers."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 413, 422, 500):
        return False
    words = _code_and_words(error)
    return any(mark in words for mark in TOO_LONG)


def is_filtered(error: Exception) -> bool:
    """Whether the endpoint's content filter refused a question; asking it again changes nothing."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 403, 422):
        return False
    words = _code_and_words(error)
    return any(mark in words for mark in FILTERED)


def refuses_system_turn(error: openai.APIStatusError) -> bool:
    """Whether the endpoint refused a conversation because its model's template has no system turn."""
    if error.status_code not in (400, 422, 500):
        return False
    words = _code_and_words(error)
    return any(mark in words for mark in NO_SYSTEM)


def refuses_format(error: openai.APIStatusError) -> bool:
    """Whether the endpoint refused a question for the form in which an answer was asked for."""
    if error.status_code not in (400, 404, 415, 422, 500, 501):
        return False
    words = _code_and_words(error)
    return any(mark in words for mark in NO_FORMAT)


def _code_and_words(error: openai.APIStatusError) -> str:
    return f"{getattr(error, 'code', '')} {words_of(error, variable='')}".lower()


def retry_pause(error: Exception, attempt: int, longest_s: float, chance: float) -> float | None:
    """Seconds to wait before the next try, None when trying again cannot help.

    The endpoint's own Retry-After counts (at most ``longest_s``); else pauses double from half a second, each cut by
    up to a half at random (``chance`` in [0, 1)), so that many clients do not come back at once.
    """
    if isinstance(error, openai.APIStatusError):
        if error.status_code not in PASSING:
            return None
        asked = _retry_after(error)
        if asked is not None:
            return min(asked, longest_s)
    elif isinstance(error, CurationError) or not _may_pass(error):
        return None
    return float(min(longest_s, FIRST_PAUSE_S * 2**attempt) * (1 - chance / 2))


def _may_pass(error: Exception) -> bool:
    return isinstance(
        error,
        openai.APIConnectionError | openai.APIResponseValidationError | TooSlow | OddAnswer | ValueError,
    )


def _retry_after(error: openai.APIStatusError) -> float | None:
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue  # absent, or a date: the usual pauses do
    return None


def explained(error: Exception, options: OpenAIChatOptions, tries: int) -> CurationError:
    """The failure in words with the next step; never holds the key."""
    where = f"The endpoint {options.base_url}"
    if isinstance(error, openai.APITimeoutError):
        return CurationError(
            f"{where} did not answer within {options.timeout_s:g} s in {tries} tries: raise timeout_s or lower concurrency."
        )
    if isinstance(error, TooSlow):
        return CurationError(
            f"{where} had not finished an answer within {options.timeout_s:g} s in {tries} tries: raise timeout_s, lower "
            "concurrency, or ask for shorter answers."
        )
    if isinstance(error, openai.APIConnectionError):
        return CurationError(
            f"{where} cannot be reached ({error.__cause__ or error}): check base_url and that the server runs."
        )
    if isinstance(error, openai.RateLimitError):
        return CurationError(
            f"{where} still limits the rate or the quota after {tries} tries: lower concurrency, raise max_retries or "
            f"wait; answers so far are kept. It said: {words_of(error, options.api_key_variable)}"
        )
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return CurationError(
            f"{where} refuses the key (HTTP {error.status_code}): check the variable {options.api_key_variable}."
        )
    if moved := sent_elsewhere(error, options.base_url):
        return CurationError(moved)
    if isinstance(error, openai.APIStatusError):
        return CurationError(
            f"{where} answered HTTP {error.status_code} for the model {options.model!r}: check base_url and model, or "
            f"try later. It said: {words_of(error, options.api_key_variable)}"
        )
    answer = str(error) if isinstance(error, OddAnswer) else "something that is not JSON"
    return CurationError(
        f"{where} answered with {answer} in {tries} tries: check that base_url ends where the API begins (usually /v1) "
        f"and that {options.model!r} is a chat model."
    )
