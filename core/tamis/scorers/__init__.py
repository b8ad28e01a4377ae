"""SCORERS: numbers per example, higher is better."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from tamis.errors import CurationError
from tamis.protocols import Ability, LanguageModel
from tamis.registry import Options, Plugin, Table
from tamis.types import JSON, Float32s, Message

Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer(Plugin):
    """One row: what the scorer reads besides the texts. ``target`` is a class built from its options.

    ``reads`` names what it always needs, ``may_read`` what only some of its options need (their ``vectors_needed`` says
    which). ``needs_llm`` names the abilities of the language model it asks, none when it asks none. A ``whole`` scorer
    compares rows with each other and is given all of them at once. A ``non_negative`` score is never below 0, which is the worst there
    is, so that twice the score can mean twice the chance. ``suits`` names the models it is worth something with.
    """

    reads: tuple[Literal["embeddings", "conversations", "meta"], ...] = ()
    may_read: tuple[Literal["embeddings"], ...] = ()
    needs_llm: tuple[Ability, ...] = ()
    whole: bool = False
    non_negative: bool = False
    suits: str = ""


@dataclass(frozen=True, slots=True)
class ScorerInput:
    """Some consecutive examples: texts of length n, vectors (n, d) float32 or None when the scorer reads none.

    ``conversations`` and ``meta`` are there for scorers that read them; ``llm`` for those that ask one. ``encode`` turns
    texts into unit vectors with the encoder that the scorer's options name.
    """

    prompts: Sequence[str]
    responses: Sequence[str]
    prompt_vectors: Float32s | None = None
    response_vectors: Float32s | None = None
    conversations: Sequence[Sequence[Message]] | None = None
    meta: Sequence[Mapping[str, JSON]] | None = None
    llm: LanguageModel | None = None
    encode: Callable[[Sequence[str]], Float32s] | None = None

    def model(self) -> LanguageModel:
        """The language model; raises CurationError when none was given."""
        if self.llm is None:
            raise CurationError("This score asks a language model, and none was chosen: name one with --llm.")
        return self.llm


class LengthOptions(Options):
    """How long a text is."""

    text: Literal["response", "prompt", "both"] = Field("response", description="Which text to measure.")
    unit: Literal["words", "characters"] = Field("words", description="Unit of the length.")


class AlignmentOptions(Options):
    """Cosine of prompt and response vectors; nothing to choose."""


class DefectsOptions(Options):
    """Faults that can be seen without a model; nothing to choose."""


class LikelihoodOptions(Options):
    """How much of a response is read."""

    response_words: int = Field(
        200, ge=1, le=100_000, description="Words of the response that are read, from its beginning."
    )
    prompt_words: int = Field(
        400,
        ge=1,
        le=100_000,
        description="Words of the prompt that are read; the middle of a longer one is left out.",
    )


class IfdOptions(LikelihoodOptions):
    """Instruction-following difficulty (2308.12032)."""

    above_one: Literal["last", "keep"] = Field(
        "last",
        description="Rows whose prompt makes the response less likely (IFD above 1, dropped in the paper): "
        "put last, below all others, or kept as they are.",
    )


class ConfidenceOptions(LikelihoodOptions):
    """The default confidence: likelihood ratio, alignment and defects together."""

    response_words: int = Field(
        36, ge=4, le=100_000, description="Words of the response's beginning that are read."
    )
    prompt_words: int = Field(
        150,
        ge=4,
        le=100_000,
        description="Words of the prompt that are read; the middle of a longer one is left out.",
    )
    tail_words: int = Field(
        36,
        ge=4,
        le=100_000,
        description="Words of the response's end that are read, to see whether it ends there.",
    )


class DeitaOptions(Options):
    """Scores of DEITA (2312.15685), with any model; the paper's scorers are two fine-tuned models."""

    template: Literal["paper", "chat"] = Field(
        "paper",
        description="paper: the exact text that hkust-nlp/deita-quality-scorer and -complexity-scorer were trained on; "
        "chat: the same question as a user's turn, for models that follow instructions.",
    )


class LocalClassifierOptions(Options):
    """A sequence-classification model on this machine or the hub."""

    model: str = Field("", description="A folder on this machine or a hub id.")
    revision: str | None = Field(
        None, description="Branch, tag or commit of a hub id; empty: its main branch."
    )
    max_tokens: int = Field(
        512, ge=16, description="Longest input in tokens; the beginning of a longer one is left out."
    )
    dtype: Precision = Field(
        "auto", description="Number format; auto is bfloat16 where it is computed in hardware."
    )
    device: str = Field(
        "auto", min_length=1, description="auto (a GPU when there is one), cpu, cuda, cuda:1 or mps."
    )
    batch_tokens: int = Field(4096, ge=1, description="Tokens computed together, padding included.")


class RewardModelOptions(LocalClassifierOptions):
    """Any reward model with a chat template of its own, such as sfairXC/FsfairX-LLaMA3-RM-v0.1."""

    max_tokens: int = Field(
        2048, ge=16, description="Longest conversation in tokens; its beginning is left out."
    )
    output: int = Field(0, ge=0, description="Which of the model's outputs is the reward; most have one.")


class RatingOptions(Options):
    """A rating from 1 to 5 by the language model."""

    rubric: str = Field(
        "Consider whether the response answers what was asked, is correct, complete and clearly written.",
        min_length=1,
        description="What the rating should consider.",
    )


class BSDetectorOptions(Options):
    """BSDetector (2308.16175), with its values."""

    alpha_fraction: float = Field(0.8, ge=0, le=1, description="Weight of similarity against equality (α).")
    beta_fraction: float = Field(
        0.7, ge=0, le=1, description="Weight of consistency against self-reflection (β)."
    )
    k: int = Field(5, ge=1, le=100, description="Answers sampled per prompt.")
    temperature: float = Field(1.0, gt=0, le=5, description="Temperature of the samples.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the samples.")
    max_new_tokens: int = Field(256, ge=1, description="Longest sampled answer.")
    nli_model: str = Field(
        "",
        description="Model that tells contradiction from entailment (folder or hub id, as "
        "cross-encoder/nli-deberta-v3-large); empty: cosine of embeddings instead.",
    )
    encoder: str = Field(
        "minilm", min_length=1, description="Encoder for the cosine where no such model is named."
    )


class GroundednessOptions(LocalClassifierOptions):
    """Whether a document supports the response, in the manner of MiniCheck (2404.10774)."""

    model: str = Field(
        "",
        description="Sequence-classification checker, as lytang/MiniCheck-RoBERTa-Large; empty: ask the language model.",
    )
    document_field: str = Field(
        "",
        description="Metadata field that holds the document; empty: the first of document, context, passage, input.",
    )
    chunk_words: int = Field(300, ge=20, description="Words of the document judged at once.")
    sentences: Literal["min", "mean"] = Field(
        "min",
        description="How the sentences of a response are joined: its worst (as in the paper), or their mean.",
    )


class DuplicatesOptions(Options):
    """What counts as a repeat."""

    method: Literal["exact", "minhash", "embedding"] = Field(
        "minhash", description="Same words; nearly the same words; nearly the same vector."
    )
    text: Literal["both", "prompt", "response"] = Field("both", description="Which text to compare.")
    threshold_fraction: float = Field(
        0.8, gt=0, le=1, description="Overlap of word runs, or cosine, from which a row repeats another."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the hash functions.")

    @property
    def vectors_needed(self) -> bool:
        """Only the comparison of vectors reads vectors."""
        return self.method == "embedding"


class ContaminationOptions(Options):
    """Evaluation files that should not stand in the dataset."""

    files: tuple[str, ...] = Field(
        (), description="Evaluation files: JSON, JSONL, CSV, TSV, Parquet or plain text."
    )
    hashes: tuple[str, ...] = Field((), description="Hashes of these files when the score was asked for.")
    n_words: int = Field(13, ge=2, le=100, description="Length of the word runs that are compared.")
    text: Literal["both", "prompt", "response"] = Field("both", description="Which text to search.")

    @model_validator(mode="before")
    @classmethod
    def _hash_files(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        if isinstance(values, dict) and values.get("files") and not values.get("hashes"):
            if isinstance(values["files"], str):
                raise ValueError("a list of files is wanted")
            return {**values, "hashes": tuple(file_hash(str(path)) for path in values["files"])}
        return values


def file_hash(path: str) -> str:
    """BLAKE2b (32 hex digits) of a file's contents; raises ValueError when it cannot be read."""
    try:
        with Path(path).expanduser().open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise ValueError(
            f"the evaluation file {path!r} cannot be read ({error.strerror or error})"
        ) from error


SCORERS: Table[Scorer] = Table(
    "scorer",
    Scorer(
        name="confidence",
        title="Confidence",
        summary="How likely a row is sound: likelihood ratio of a small model, alignment and defects together.",
        suits="Small models: with the bundled SmolLM2-135M it tells swapped responses with AUROC 0.99, truncated ones with "
        "0.93 to 0.96, garbled ones with 0.97 to 0.99 (300 rows of LIMA, 20 % planted). Wrong sentences from the same "
        "context and changed numbers it does not find (0.29 to 0.46).",
        options=ConfidenceOptions,
        target="tamis.scorers.confidence:ConfidenceScorer",
        non_negative=True,
        reads=("embeddings",),
        needs_llm=("loglikelihood",),
    ),
    Scorer(
        name="alignment",
        title="Alignment",
        summary="Cosine of the prompt's and the response's vectors, −1 to 1: low when an answer is off its question.",
        options=AlignmentOptions,
        target="tamis.scorers.alignment:AlignmentScorer",
        reads=("embeddings",),
    ),
    Scorer(
        name="length",
        title="Length",
        summary="Words or characters of a text.",
        options=LengthOptions,
        target="tamis.scorers.length:LengthScorer",
        non_negative=True,
    ),
    Scorer(
        name="defects",
        title="Defects",
        summary="Empty, cut, garbled, repeated, refused or in another language: 1 for none of these, seen without a model.",
        options=DefectsOptions,
        target="tamis.scorers.defects:DefectsScorer",
        non_negative=True,
    ),
    Scorer(
        name="pmi",
        title="Likelihood ratio (PMI)",
        summary="How much the prompt helps to predict the response: mean log p(response | prompt) − log p(response) per token.",
        suits="Small models: the bundled SmolLM2-135M tells swapped responses with AUROC 0.95 (120 rows of LIMA).",
        options=LikelihoodOptions,
        target="tamis.scorers.likelihood:PmiScorer",
        needs_llm=("loglikelihood",),
    ),
    Scorer(
        name="ifd",
        title="Instruction-following difficulty",
        summary="Loss of the response given the prompt over its loss alone: high where the prompt helps little (Cherry LLM).",
        suits="Small models: the bundled SmolLM2-135M tells swapped responses with AUROC 0.92 (120 rows of LIMA).",
        options=IfdOptions,
        target="tamis.scorers.likelihood:IfdScorer",
        needs_llm=("loglikelihood",),
    ),
    Scorer(
        name="perplexity",
        title="Perplexity",
        summary="Minus the logarithm of the response's perplexity given its prompt: low for odd or broken text.",
        suits="Any model, but it measures surprise and not quality: swapped responses are often unsurprising by themselves.",
        options=LikelihoodOptions,
        target="tamis.scorers.likelihood:PerplexityScorer",
        needs_llm=("loglikelihood",),
    ),
    Scorer(
        name="deita",
        title="DEITA",
        summary="Complexity × quality of every turn, summed over the conversation (DEITA's evol score).",
        options=DeitaOptions,
        target="tamis.scorers.deita:DeitaScorer",
        non_negative=True,
        reads=("conversations",),
        needs_llm=("choose",),
    ),
    Scorer(
        name="deita_quality",
        title="DEITA quality",
        summary="Expected rating of the response from 1 to 6, over the probabilities of the digits.",
        options=DeitaOptions,
        target="tamis.scorers.deita:DeitaQualityScorer",
        non_negative=True,
        needs_llm=("choose",),
    ),
    Scorer(
        name="deita_complexity",
        title="DEITA complexity",
        summary="Expected rating of the prompt's complexity from 1 to 6, over the probabilities of the digits.",
        options=DeitaOptions,
        target="tamis.scorers.deita:DeitaComplexityScorer",
        non_negative=True,
        needs_llm=("choose",),
    ),
    Scorer(
        name="llm_rating",
        title="Rating by a language model",
        summary="A rating from 1 to 5 by a rubric: the mean over the digits' probabilities, or the digit it writes.",
        suits="A capable model. What the bundled SmolLM2-135M says about correctness is no better than chance (AUROC 0.40 to "
        "0.50 on 120 rows, 20 % with swapped responses).",
        options=RatingOptions,
        target="tamis.scorers.llm_rating:RatingScorer",
        non_negative=True,
        needs_llm=("complete",),
    ),
    Scorer(
        name="bsdetector",
        title="BSDetector",
        summary="Consistency of a capable model's own answers with the response, and its second thoughts about it.",
        suits="A capable model. What the bundled SmolLM2-135M says about correctness is no better than chance (AUROC 0.40 to "
        "0.50 on 120 rows, 20 % with swapped responses).",
        options=BSDetectorOptions,
        target="tamis.scorers.bsdetector:BSDetectorScorer",
        non_negative=True,
        needs_llm=("complete",),
    ),
    Scorer(
        name="reward_model",
        title="Reward model",
        summary="Output of a sequence-classification model for prompt and response in its own chat template.",
        options=RewardModelOptions,
        target="tamis.scorers.reward_model:RewardModelScorer",
        reads=("conversations",),
        extra="models",
    ),
    Scorer(
        name="groundedness",
        title="Groundedness",
        summary="How well the row's document supports every sentence of its response, 0 to 1 (in the manner of MiniCheck).",
        options=GroundednessOptions,
        target="tamis.scorers.groundedness:GroundednessScorer",
        non_negative=True,
        reads=("meta",),
        needs_llm=("choose",),
    ),
    Scorer(
        name="duplicates",
        title="Duplicates",
        summary="1 for a row that repeats no earlier one, else 1 − how alike they are.",
        options=DuplicatesOptions,
        target="tamis.scorers.duplicates:DuplicatesScorer",
        non_negative=True,
        may_read=("embeddings",),
        whole=True,
    ),
    Scorer(
        name="contamination",
        title="Contamination",
        summary="1 for a row that shares no word run with the chosen evaluation files, 0 for one that holds an item whole.",
        options=ContaminationOptions,
        target="tamis.scorers.contamination:ContaminationScorer",
        non_negative=True,
        whole=True,
    ),
)
