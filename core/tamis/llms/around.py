"""A client around another one: what it is and what was done are the inner client's."""

from __future__ import annotations

from tamis.protocols import WORDS, Ability, LanguageModel, Usage


class AroundModel:
    """Base of clients that add something to each question of another client."""

    def __init__(self, client: LanguageModel) -> None:
        self._client = client

    @property
    def identity(self) -> str:
        """The client's."""
        return self._client.identity

    @property
    def abilities(self) -> frozenset[Ability]:
        """The client's."""
        return self._client.abilities

    @property
    def batch_rows(self) -> int:
        """The client's."""
        return self._client.batch_rows

    def prompt_tokens(self, prompt: str) -> int | None:
        """Tokens of a prompt at most, where the client can say that before it asks; else None."""
        count = getattr(self._client, "prompt_tokens", None)
        return None if count is None else int(count(prompt))

    @property
    def answer_format(self) -> str:
        """How the client holds a model to a JSON schema: ``json_schema``, ``json_object`` or ``words``, which is not at all."""
        return str(getattr(self._client, "answer_format", WORDS))

    @property
    def usage(self) -> Usage:
        """The client's."""
        return self._client.usage
