"""What an implementation of each kind of plug-in must offer; structural, so nothing inherits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.types import Float32s, Int64s


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def identity(self) -> str:
        """Everything that determines a vector besides its text: model, revision, window, prompt. Part of cache keys."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """The model's window in tokens; None when it has none or does not say."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> Int64s:
        """Tokens of each text before truncation, shape (n,)."""
        ...

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Vectors of shape (n, dimension), float32, unit length (an empty text gives a zero vector)."""
        ...

    def encode_with_counts(self, texts: Sequence[str]) -> tuple[Float32s, Int64s]:
        """``encode`` and ``count_tokens`` at once, so that no text is split into tokens twice."""
        ...
