"""LLMS: what answers questions about texts, and the options of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from tamis.errors import CurationError
from tamis.models.endpoints import check_address
from tamis.protocols import Ability, LanguageModel
from tamis.registry import Options, Plugin, Reach, Table, parse_options
from tamis.types import JSON

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
AnswerFormat: TypeAlias = Literal["auto", "json_schema", "json_object", "words"]
EVERYTHING: frozenset[Ability] = frozenset({"complete", "choose", "loglikelihood"})


class LLMOptions(Options):
    """Base of every client's options: which abilities a client opened with them has."""

    LACKS: ClassVar[Mapping[str, str]] = {}

    def abilities(self) -> frozenset[Ability]:
        """What a client with these options can do, known before it is opened."""
        return EVERYTHING


class SmolLM2Options(LLMOptions):
    """The bundled SmolLM2-135M-Instruct: English, small enough for any CPU."""

    max_prompt_tokens: int = Field(
        768, ge=16, description="Tokens of a prompt that are read; the middle of a longer one is left out."
    )
    max_response_tokens: int = Field(
        384, ge=16, description="Tokens of a response whose likelihood is computed; the rest is left out."
    )
    dtype: Precision = Field(
        "auto", description="Number format; auto is bfloat16 where the processor or GPU computes it."
    )
    device: str = Field(
        "auto", min_length=1, description="auto (a GPU when there is one), cpu, cuda, cuda:1 or mps."
    )
    batch_tokens: int | None = Field(
        None,
        ge=1,
        description="Tokens computed together, padding included; empty: 512 on a CPU (1,024 when writing), 32,768 on a GPU.",
    )


class TransformersOptions(SmolLM2Options):
    """Any causal model with safetensors weights, or a folder with an adapter; code shipped with a model is never run."""

    model: Annotated[str, Reach.MODEL] = Field(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        min_length=1,
        description="A folder on this machine (a model or an adapter), adapter:ID of this workspace, or a hub id.",
    )
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; empty: its main branch."
    )


class OpenAIChatOptions(LLMOptions):
    """Any endpoint that speaks the OpenAI chat protocol. The key stays in the environment."""

    LACKS: ClassVar[Mapping[str, str]] = {
        "choose": "turn on logprobs if the endpoint returns the probabilities of tokens",
        "loglikelihood": "turn on echo if the endpoint has /v1/completions with echo and logprobs, as vLLM has",
    }

    base_url: Annotated[str, Reach.ADDRESS, AfterValidator(check_address)] = Field(
        "https://api.openai.com/v1", pattern=r"^https?://", description="Address of the endpoint, up to /v1."
    )
    model: str = Field("gpt-4o-mini", min_length=1, description="Model name as the endpoint knows it.")
    system: str = Field("", description="System message put before every prompt.")
    logprobs: bool = Field(
        True, description="Whether the endpoint returns the probabilities of the likeliest tokens."
    )
    top_logprobs: int = Field(20, ge=1, le=20, description="How many of the likeliest tokens to ask for.")
    echo: bool = Field(
        False, description="Whether /v1/completions returns the log-probabilities of a prompt (vLLM)."
    )
    answer_format: AnswerFormat = Field(
        "auto",
        description="How an answer in JSON is asked for: by json_schema, by json_object, or in words alone; auto: the first of "
        "these that the endpoint takes.",
    )
    concurrency: int = Field(8, ge=1, le=256, description="Requests under way at once.")
    timeout_s: float = Field(120.0, gt=0, description="Longest wait for one answer, in seconds.")
    max_retries: int = Field(
        6, ge=0, le=20, description="Repeats of a request that failed or was refused for its rate."
    )
    max_pause_s: float = Field(60.0, gt=0, description="Longest pause between two tries, in seconds.")
    price_per_million_prompt_tokens: float | None = Field(
        None, ge=0, description="Price, for the cost shown."
    )
    price_per_million_completion_tokens: float | None = Field(
        None, ge=0, description="Price, for the cost shown."
    )
    accept_other_model: bool = Field(
        False, description="Take answers of a model that calls itself otherwise than the one asked for."
    )
    api_key_variable: Annotated[str, Reach.VARIABLE] = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds the key.",
    )

    def abilities(self) -> frozenset[Ability]:
        """Completing always; the others where the endpoint was said to return probabilities."""
        lacking: set[Ability] = set()
        if not self.logprobs:
            lacking.add("choose")
        if not self.echo:
            lacking.add("loglikelihood")
        return EVERYTHING - lacking


class ScriptedOptions(LLMOptions):
    """Answers from a list, for tests and dry runs: no model at all."""

    answers: tuple[str, ...] = Field(
        ("yes",), min_length=1, description="Answers, used one after another by prompt."
    )


LLMS: Table[Plugin] = Table(
    "language model",
    Plugin(
        name="smollm2",
        title="SmolLM2 (bundled)",
        summary="SmolLM2-135M-Instruct, which comes with the app: likelihoods are useful, its opinions are not.",
        options=SmolLM2Options,
        target="tamis.llms.bundled:open_smollm2",
        extra="models",
    ),
    Plugin(
        name="transformers",
        title="Local model",
        summary="Any causal language model: a folder, an adapter folder or a hub id.",
        options=TransformersOptions,
        target="tamis.llms.local:open_local",
        extra="models",
    ),
    Plugin(
        name="openai",
        title="OpenAI-compatible endpoint",
        summary="OpenAI, vLLM, Ollama, llama.cpp, SGLang …; the key is read from the environment.",
        options=OpenAIChatOptions,
        target="tamis.llms.openai_chat:open_endpoint",
        extra="openai",
    ),
    Plugin(
        name="scripted",
        title="Scripted answers",
        summary="Fixed answers without a model, to try a pipeline.",
        options=ScriptedOptions,
        target="tamis.llms.scripted:open_scripted",
    ),
)


def lacking(name: str, options: Mapping[str, JSON], needs: Iterable[Ability]) -> str:
    """Why this client cannot do what is needed, with what to change; empty when it can.

    Raises UnknownName and InvalidOptions.
    """
    row = LLMS[name]
    parsed = parse_options(row.options, options)
    assert isinstance(parsed, LLMOptions)
    missing = [ability for ability in needs if ability not in parsed.abilities()]
    if not missing:
        return ""
    ways = "; ".join(parsed.LACKS[ability] for ability in missing if ability in parsed.LACKS)
    return f"{row.title} cannot {' or '.join(missing)} with these options" + (f": {ways}." if ways else ".")


def open_llm(
    name: str, options: Mapping[str, JSON] | None = None, *, workspace: Path, needs: Iterable[Ability] = ()
) -> LanguageModel:
    """The client of that name behind a cache of its answers in the workspace; a model is loaded at the first question.

    Raises UnknownName, InvalidOptions, MissingExtra, ModelMissing, and CurationError when it lacks an ability.
    """
    from tamis.llms.cache import CachedModel

    row = LLMS[name]
    parsed = parse_options(row.options, options or {})
    reason = lacking(name, parsed.model_dump(), needs)
    if reason:
        raise CurationError(reason)
    folder = Path(workspace) / "cache"
    client: LanguageModel = row.load()(parsed, folder / "models")
    return CachedModel(client, folder / "answers")
