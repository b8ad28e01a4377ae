"""Options of the scorers, one type per scorer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tamis.registry import Options, Reach
from tamis.types import JSON

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class LengthOptions(Options):
    """How long a text is."""

    text: Literal["response", "prompt", "both"] = Field("response", description="Which text to measure.")
    unit: Literal["words", "characters", "tokens"] = Field(
        "words",
        description="Unit of the length; tokens are those of the bundled model, which count in every script.",
    )


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

    FORMER_DEFAULTS: ClassVar[Mapping[str, JSON]] = {"edition": "hand"}

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
    edition: Literal["stops", "fitted", "hand"] = Field(
        "stops",
        description="stops: constants fitted to planted faults, a probability where a fifth of the rows is bad, and where a "
        "response ends without a mark the model is asked for a full stop; fitted: the same without that question; hand: "
        "those of the first edition, whose values only order rows. Scores without this option are of hand.",
    )


class DeitaScoreOptions(Options):
    """Scores of DEITA (2312.15685), with any model; the paper's scorers are two fine-tuned models."""

    template: Literal["paper", "chat"] = Field(
        "paper",
        description="paper: the exact text that hkust-nlp/deita-quality-scorer and -complexity-scorer were trained on; "
        "chat: the same question as a user's turn, for models that follow instructions.",
    )


class LocalClassifierOptions(Options):
    """A sequence-classification model on this machine or the hub."""

    model: Annotated[str, Reach.MODEL] = Field("", description="A folder on this machine or a hub id.")
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
    nli_model: Annotated[str, Reach.MODEL] = Field(
        "",
        description="Model that tells contradiction from entailment (folder or hub id, as "
        "cross-encoder/nli-deberta-v3-large); empty: cosine of embeddings instead.",
    )
    encoder: str = Field(
        "minilm", min_length=1, description="Encoder for the cosine where no such model is named."
    )


class GroundednessOptions(LocalClassifierOptions):
    """Whether a document supports the response, in the manner of MiniCheck (2404.10774)."""

    model: Annotated[str, Reach.MODEL] = Field(
        "",
        description="Sequence-classification checker: adapter:ID of the recipe checker, a folder, or a hub id, as "
        "lytang/MiniCheck-RoBERTa-Large; empty: ask the language model.",
    )
    document_field: str = Field(
        "",
        description="Metadata field that holds the document; empty: the first of document, context, passage, input.",
    )
    chunk_words: int = Field(300, ge=20, description="Words of the document judged at once.")
    sentences: Literal["min", "mean", "whole"] = Field(
        "min",
        description="How the sentences of a response are joined: its worst (as in the paper), their mean, or judged as a whole.",
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


class LabelConfidenceOptions(Options):
    """What the label of a row is, and the model that is asked about it."""

    label_field: str = Field(
        "",
        description="Metadata field that holds the label; empty: the response, where responses are short answers.",
    )
    text: Literal["prompt", "both"] = Field(
        "prompt",
        description="Vectors that the label is told from; both only where the response does not say the label.",
    )
    n_folds: int = Field(
        5, ge=2, le=50, description="Parts of the rows; each is asked about by a model of the others."
    )
    strength: float = Field(
        1.0, gt=0, description="Inverse of the L2 penalty of the logistic regression (its C)."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of the parts.")


class ContaminationOptions(Options):
    """Evaluation files that should not stand in the dataset."""

    files: Annotated[tuple[str, ...], Reach.FILE] = Field(
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
            return {**values, "hashes": tuple(evaluation_file_hash(str(path)) for path in values["files"])}
        return values


class WhitenOptions(Options):
    """How the vectors that a target is compared by are whitened."""

    whiten: bool = Field(
        False,
        description="Whiten the vectors by the pool's own mean and covariance first, so that directions which all rows share "
        "do not decide; whether that helps was not shown here.",
    )
    shrinkage_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        description="How far the variances are drawn to their mean where vectors are whitened.",
    )
    n_axes: int = Field(
        0,
        ge=0,
        description="Axes of the largest variance that are kept where vectors are whitened; 0 keeps all.",
    )


class TargetEmbeddingOptions(WhitenOptions):
    """Similarity to a target by the vectors of the dataset's embeddings."""

    leak_cosine: float = Field(
        0,
        ge=0,
        le=1,
        description="Cosine with an example from which a row counts as the target itself, 0.995 say; 0 goes by words alone.",
    )


class TargetBm25Options(Options):
    """Similarity to a target by shared words."""

    text: Literal["both", "prompt", "response"] = Field("both", description="Which text to compare.")


class TargetRdsOptions(WhitenOptions):
    """Similarity to a target by a causal model's hidden states (RDS+, 2503.01807)."""

    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2", min_length=1, description="A causal model: smollm2, a folder on this machine or a hub id."
    )
    max_tokens: int = Field(
        2048, ge=16, description="Longest text in tokens; the end of a longer one is left out."
    )
    dtype: Precision = Field(
        "auto", description="Number format; auto is bfloat16 where it is computed in hardware."
    )
    device: str = Field(
        "auto", min_length=1, description="auto (a GPU when there is one), cpu, cuda, cuda:1 or mps."
    )
    batch_tokens: int = Field(4096, ge=1, description="Tokens computed together, padding included.")


def evaluation_file_hash(path: str) -> str:
    """BLAKE2b (32 hex digits) of a file's contents; raises ValueError when it cannot be read."""
    try:
        with Path(path).expanduser().open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise ValueError(
            f"the evaluation file {path!r} cannot be read ({error.strerror or error})"
        ) from error
