"""Vectors from any endpoint that speaks the OpenAI embeddings protocol."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai

from tamis.compute.vectors import unit_rows
from tamis.encoders import OpenAIOptions
from tamis.errors import CurationError
from tamis.models.endpoints import read_key, sent_elsewhere, without_key, words_of
from tamis.types import Float32s, Int64s

BYTES_PER_TOKEN = 3  # a cautious estimate: English has about four bytes per token, Chinese about three


class OpenAIEncoder:
    """Sends texts in batches, several at once; failed requests are repeated with growing pauses by the client."""

    def __init__(self, options: OpenAIOptions) -> None:
        self.options = options

    @property
    def identity(self) -> str:
        """Endpoint, model, dimensions, prompt and the length at which texts are cut; never the key."""
        options = self.options
        return (
            f"openai:1:{options.base_url.rstrip('/')}:{options.model}:dimensions={options.dimensions}"
            f":max_tokens={options.max_tokens}:prompt={options.prompt!r}"
        )

    @functools.cached_property
    def dimension(self) -> int:
        """Length of a vector; asks the endpoint once when the options do not say."""
        return self.options.dimensions or int(self._request(["size"]).shape[1])

    @property
    def max_tokens(self) -> int | None:
        """Estimated tokens after which a text is cut."""
        return self.options.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> Int64s:
        """Tokens estimated as UTF-8 bytes / 3 of the text with its prompt, shape (n,); 0 for a blank text."""
        counts = [-(-len(self._prompted(text).encode()) // BYTES_PER_TOKEN) for text in texts]
        return np.array(counts, dtype=np.int64)

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Vectors of shape (n, dimension), float32, unit length; zero for a blank text, which is not sent.

        Raises CurationError when the endpoint is down, slow, refuses, or answers with something else than one vector
        per text.
        """
        filled = [i for i, text in enumerate(texts) if text and not text.isspace()]
        if not filled:
            return np.zeros((len(texts), self.dimension), dtype=np.float32)
        size = self.options.batch_size
        batches = [
            [self._cut(texts[i]) for i in filled[at : at + size]] for at in range(0, len(filled), size)
        ]
        pool = ThreadPoolExecutor(max_workers=min(self.options.concurrency, len(batches)))
        try:
            parts = list(pool.map(self._request, batches))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error the batches that wait are not sent
        widths = sorted({part.shape[1] for part in parts})
        if len(widths) > 1:
            raise self._odd(f"vectors of different lengths ({widths})")
        vectors = np.zeros((len(texts), widths[0]), dtype=np.float32)
        vectors[filled] = np.concatenate(parts)
        return unit_rows(vectors)

    def encode_with_counts(self, texts: Sequence[str]) -> tuple[Float32s, Int64s]:
        """``encode`` and ``count_tokens`` together."""
        return self.encode(texts), self.count_tokens(texts)

    def _prompted(self, text: str) -> str:
        return self.options.prompt + text if text and not text.isspace() else ""

    def _cut(self, text: str) -> str:
        limit = self.options.max_tokens * BYTES_PER_TOKEN
        # The first slice only keeps a text of megabytes from being encoded whole.
        return self._prompted(text)[:limit].encode()[:limit].decode("utf-8", "ignore")

    @functools.cached_property
    def _client(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=self.options.base_url,
            api_key=read_key(self.options.api_key_variable, self.options.base_url),
            timeout=self.options.timeout_s,
            max_retries=self.options.max_retries,
            http_client=openai.DefaultHttpxClient(follow_redirects=False),  # see sent_elsewhere
        )

    def _request(self, texts: list[str]) -> Float32s:
        extra = {} if self.options.dimensions is None else {"dimensions": self.options.dimensions}
        try:
            answer = self._client.embeddings.create(
                model=self.options.model, input=texts, encoding_format="float", **extra
            )
        except (openai.OpenAIError, ValueError) as error:  # ValueError: an answer that is not JSON, or empty
            message = str(self._explained(error))
            # Not chained: the answer, which may repeat the key, would be in every log.
            raise CurationError(without_key(message, self.options.api_key_variable)) from None
        return self._checked(answer, len(texts))

    def _checked(self, answer: object, n_texts: int) -> Float32s:
        data: list[Any] | None = getattr(answer, "data", None)
        if not isinstance(data, list):
            seen = without_key(str(answer), self.options.api_key_variable)
            raise self._odd(f"something that is not a list of vectors ({seen[:80]!r})")
        if len(data) != n_texts:
            raise self._odd(f"{len(data)} vectors for {n_texts} texts")
        if {getattr(item, "index", None) for item in data} == set(range(n_texts)):
            data = sorted(data, key=lambda item: int(item.index))
        try:
            vectors = np.array([item.embedding for item in data], dtype=np.float32)
        except (AttributeError, TypeError, ValueError) as error:
            raise self._odd("vectors that are not lists of numbers of one length") from error
        wanted = self.options.dimensions or vectors.shape[-1]
        if vectors.ndim != 2 or vectors.shape[1] != wanted or not wanted:
            raise self._odd(
                f"vectors of shape {vectors.shape[1:]} where {wanted or 'some'} numbers were asked for"
            )
        if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
            raise self._odd("vectors that are zero or hold NaN or infinity")
        return vectors

    def _odd(self, answer: str) -> CurationError:
        return CurationError(
            f"The endpoint {self.options.base_url} answered with {answer}: check that base_url ends where the API "
            f"begins (usually /v1) and that {self.options.model!r} is an embedding model."
        )

    def _explained(self, error: Exception) -> CurationError:
        """What the client met, in words with the next step; never holds the key."""
        where = f"The endpoint {self.options.base_url}"
        tries = f"{self.options.max_retries + 1} tries"
        if isinstance(error, openai.APITimeoutError):
            return CurationError(
                f"{where} did not answer within {self.options.timeout_s:g} s in {tries}: raise timeout_s, or lower "
                "batch_size or concurrency."
            )
        if isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            return CurationError(
                f"{where} cannot be reached ({cause}): check base_url and that the server runs."
            )
        if isinstance(error, openai.RateLimitError):
            return CurationError(
                f"{where} still limits the rate or the quota after {tries}: lower concurrency, raise max_retries or "
                f"wait. It said: {words_of(error, self.options.api_key_variable)}"
            )
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            name = self.options.api_key_variable
            return CurationError(
                f"{where} refuses the key (HTTP {error.status_code}): check the variable {name}."
            )
        if moved := sent_elsewhere(error, self.options.base_url):
            return CurationError(moved)
        if isinstance(error, openai.APIStatusError):
            return CurationError(
                f"{where} answered HTTP {error.status_code} for the model {self.options.model!r}: check base_url and "
                f"model, or try later. It said: {words_of(error, self.options.api_key_variable)}"
            )
        return self._odd("something that is not JSON")
