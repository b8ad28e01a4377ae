"""ENCODERS: what turns texts into unit vectors, and the options of each."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from tamis.models.endpoints import check_address
from tamis.protocols import Encoder
from tamis.registry import Options, Plugin, Reach, Table, parse_options

LongText: TypeAlias = Literal["truncate", "chunk_mean"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


class MiniLMOptions(Options):
    """The bundled all-MiniLM-L6-v2: 384 numbers per text, English, 256 tokens of window."""

    long_text: LongText = Field(
        "truncate",
        description="Texts longer than the window: keep the first window, or average the vectors of all windows.",
    )
    max_windows: int = Field(
        16, ge=1, le=10_000, description="Windows read of one long text when windows are averaged."
    )
    dtype: Precision = Field(
        "auto",
        description="Number format of the model; auto is bfloat16 where the processor computes it, else float32.",
    )
    device: str = Field(
        "auto", min_length=1, description="auto (a GPU when there is one), cpu, cuda, cuda:1 or mps."
    )
    batch_tokens: int | None = Field(
        None,
        ge=1,
        description="Tokens computed together, padding included; empty: 2,048 on a CPU, 65,536 on a GPU.",
    )


class SentenceTransformerOptions(MiniLMOptions):
    """Any sentence-transformers model with safetensors weights; code shipped with a model is never run."""

    model: Annotated[str, Reach.MODEL] = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        min_length=1,
        description="A folder on this machine, a bundled model, or a hub id.",
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; empty: its main branch."
    )
    prompt: str = Field(
        "", description='Text put before every text, as some models ask for (for example "query: ").'
    )
    max_tokens: int | None = Field(
        None, ge=8, description="Window in tokens, special tokens included; empty: the model's own."
    )


class OpenAIOptions(Options):
    """Any endpoint that speaks the OpenAI embeddings protocol. The key stays in the environment."""

    base_url: Annotated[str, Reach.ADDRESS, AfterValidator(check_address)] = Field(
        "https://api.openai.com/v1", pattern=r"^https?://", description="Address of the endpoint, up to /v1."
    )
    model: str = Field(
        "text-embedding-3-small", min_length=1, description="Model name as the endpoint knows it."
    )
    dimensions: int | None = Field(
        None,
        ge=1,
        description="Length of the vectors, for models that can shorten them; empty: the model's own.",
    )
    prompt: str = Field("", description="Text put before every text.")
    max_tokens: int = Field(
        8000,
        ge=8,
        description="Longest text sent, in tokens estimated as UTF-8 bytes / 3; the rest is cut off.",
    )
    batch_size: int = Field(64, ge=1, le=2048, description="Texts per request.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    timeout_s: float = Field(60.0, gt=0, description="Longest wait for one answer, in seconds.")
    max_retries: int = Field(
        5,
        ge=0,
        le=20,
        description="Repeats of a request that failed or was refused for its rate, with growing pauses.",
    )
    api_key_variable: Annotated[str, Reach.VARIABLE] = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds the key.",
    )


class HashingOptions(Options):
    """Feature hashing of words and character n-grams; needs no model, knows no meaning."""

    dimension: int = Field(512, ge=16, le=65_536, description="Length of the vectors.")
    char_ngram: int = Field(3, ge=2, le=8, description="Characters per n-gram.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Changes which features share a place.")


ENCODERS: Table[Plugin] = Table(
    "encoder",
    Plugin(
        name="minilm",
        title="MiniLM (bundled)",
        summary="all-MiniLM-L6-v2, which comes with the app: small, quick, English.",
        options=MiniLMOptions,
        target="tamis.encoders.sentence_transformer:open_minilm",
        extra="models",
    ),
    Plugin(
        name="sentence_transformer",
        title="Sentence-transformers model",
        summary="Any sentence-transformers model: a folder, a bundled model or a hub id.",
        options=SentenceTransformerOptions,
        target="tamis.encoders.sentence_transformer:SentenceTransformerEncoder",
        extra="models",
    ),
    Plugin(
        name="openai",
        title="OpenAI-compatible endpoint",
        summary="Any server with /v1/embeddings; the key is read from the environment.",
        options=OpenAIOptions,
        target="tamis.encoders.openai_endpoint:OpenAIEncoder",
        extra="openai",
    ),
    Plugin(
        name="hashing",
        title="Feature hashing",
        summary="Shared words and letters instead of meaning: no model, any script, for tests and first looks.",
        options=HashingOptions,
        target="tamis.encoders.hashing:HashingEncoder",
    ),
)


def open_encoder(name: str, options: Options | dict[str, Any] | None = None) -> Encoder:
    """The encoder of that name; a model is only loaded when it is first used.

    Raises UnknownName, InvalidOptions (a dict is checked here; an options object of another row is refused) and
    MissingExtra.
    """
    row = ENCODERS[name]
    if not isinstance(options, row.options):
        values = options.model_dump() if isinstance(options, Options) else options or {}
        options = parse_options(row.options, values)
    encoder: Encoder = row.load()(options)
    return encoder
