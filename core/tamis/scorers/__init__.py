"""SCORERS: numbers per example, higher is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tamis.errors import CurationError
from tamis.protocols import Ability, Call, LanguageModel, call_here
from tamis.registry import Plugin, Table
from tamis.scorers.options import (
    AlignmentOptions,
    BSDetectorOptions,
    ConfidenceOptions,
    ContaminationOptions,
    DefectsOptions,
    DeitaScoreOptions,
    DuplicatesOptions,
    GroundednessOptions,
    IfdOptions,
    LabelConfidenceOptions,
    LengthOptions,
    LikelihoodOptions,
    RatingOptions,
    RewardModelOptions,
    TargetBm25Options,
    TargetEmbeddingOptions,
    TargetRdsOptions,
)
from tamis.types import JSON, Float32s, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer(Plugin):
    """One row: what the scorer reads besides the texts. ``target`` is a class built from its options.

    ``reads`` names what it always needs, ``may_read`` what only some of its options need (their ``vectors_needed`` says
    which). ``needs_llm`` names the abilities of the language model it asks, none when it asks none. A ``whole`` scorer
    compares rows with each other and is given all of them at once; a ``slow`` one is given few, so that a stop loses little.
    ``embeddings`` are the vectors of prompts and of responses, ``vectors`` the one vector that each row has. A
    ``non_negative`` score is never below 0, which is the worst there is, so that twice the score can mean twice the chance.
    ``suits`` names the models it is worth something with. A scorer that reads the ``target`` also returns its
    ``similarities`` (n, E) to the examples, and may return the rows' ``vectors`` (n, d).
    """

    reads: tuple[Literal["embeddings", "vectors", "conversations", "meta", "target"], ...] = ()
    may_read: tuple[Literal["embeddings"], ...] = ()
    needs_llm: tuple[Ability, ...] = ()
    whole: bool = False
    slow: bool = False
    non_negative: bool = False
    suits: str = ""


@dataclass(frozen=True, slots=True)
class TargetInput:
    """The examples that rows are compared with: texts and turns of length E, their ``vectors`` (E, d) in the space of the
    dataset's embeddings where the scorer reads these.

    ``model_folder`` finds the files of a model by name; ``kept_vectors`` gives the unit vectors of texts for an identity and
    a width, and has those that nobody kept encoded by the function that it is given.
    """

    prompts: Sequence[str]
    responses: Sequence[str]
    conversations: Sequence[Sequence[Message]]
    vectors: Float32s | None = None
    model_folder: Callable[[str], Path] | None = None
    kept_vectors: (
        Callable[[str, int, Sequence[str], Callable[[Sequence[str]], Float32s]], Float32s] | None
    ) = None


@dataclass(frozen=True, slots=True)
class ScorerInput:
    """Some consecutive examples: texts of length n, vectors (n, d) float32 or None when the scorer reads none.

    ``conversations`` and ``meta`` are there for scorers that read them; ``llm`` for those that ask one. ``encode`` turns
    texts into unit vectors with the encoder that the scorer's options name, ``count_tokens`` into numbers of tokens.
    ``background`` is the mean cosine of a prompt with other rows' responses in the whole dataset, NaN where it is not
    known. What a scorer reads of anybody's files it reads by ``limited``.
    """

    prompts: Sequence[str]
    responses: Sequence[str]
    prompt_vectors: Float32s | None = None
    response_vectors: Float32s | None = None
    background: float = float("nan")
    conversations: Sequence[Sequence[Message]] | None = None
    meta: Sequence[Mapping[str, JSON]] | None = None
    llm: LanguageModel | None = None
    encode: Callable[[Sequence[str]], Float32s] | None = None
    limited: Call = call_here
    row_vectors: Float32s | None = None
    target: TargetInput | None = None
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None

    def tokens(self, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text; raises CurationError when nothing that counts them was given."""
        if self.count_tokens is None:
            raise CurationError("There is no tokenizer here to count tokens with: count words or characters.")
        return self.count_tokens(texts)

    def model(self) -> LanguageModel:
        """The language model; raises CurationError when none was given."""
        if self.llm is None:
            raise CurationError("This score asks a language model, and none was chosen: name one as llm.")
        return self.llm


SCORERS: Table[Scorer] = Table(
    "scorer",
    Scorer(
        name="confidence",
        title="Confidence",
        summary="Likelihood of being free of swapped, cut or garbled answers; blind to wrong numbers and wrong facts.",
        suits="Small models: fitted with the bundled SmolLM2-135M, it tells swapped, cut and garbled responses with AUROC 0.94 to "
        "1.00 in files that it was not fitted to (0.979 together). Another model keeps the order of rows and shifts the values.",
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
        summary="Words, characters or tokens of a text.",
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
        options=DeitaScoreOptions,
        target="tamis.scorers.deita:DeitaScorer",
        non_negative=True,
        reads=("conversations",),
        needs_llm=("choose",),
    ),
    Scorer(
        name="deita_quality",
        title="DEITA quality",
        summary="Expected rating of the response from 1 to 6, over the probabilities of the digits.",
        options=DeitaScoreOptions,
        target="tamis.scorers.deita:DeitaQualityScorer",
        non_negative=True,
        needs_llm=("choose",),
    ),
    Scorer(
        name="deita_complexity",
        title="DEITA complexity",
        summary="Expected rating of the prompt's complexity from 1 to 6, over the probabilities of the digits.",
        options=DeitaScoreOptions,
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
        name="label_confidence",
        title="Label confidence",
        summary="Probability of a row's own label by a model that was fitted to the other rows: low where the label may be wrong.",
        options=LabelConfidenceOptions,
        target="tamis.scorers.label_confidence:LabelConfidenceScorer",
        non_negative=True,
        reads=("embeddings", "meta"),
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
    Scorer(
        name="target_embedding",
        title="Nearness to a target",
        summary="Cosine with the nearest example of a target, by the vectors that the dataset has.",
        suits="Any encoder. That training on the nearest rows helps more than chance was not shown here.",
        options=TargetEmbeddingOptions,
        target="tamis.scorers.target:TargetEmbeddingScorer",
        reads=("target", "vectors"),
        whole=True,
    ),
    Scorer(
        name="target_rds",
        title="Nearness to a target by hidden states",
        summary="Cosine with the nearest example of a target, by position-weighted hidden states of a causal model (RDS+).",
        suits="A model like the one to be trained; the paper's had 7 billion parameters. Its gain was not shown here.",
        options=TargetRdsOptions,
        target="tamis.scorers.target_rds:TargetRdsScorer",
        reads=("target", "conversations"),
        extra="models",
        slow=True,
    ),
    Scorer(
        name="target_bm25",
        title="Words of a target (BM25)",
        summary="BM25 of the row for its best example of a target as the query: shared words, rare ones more.",
        suits="Languages that write spaces; stop words are English. Sizes order rows for one example only. Its gain was not "
        "shown here.",
        options=TargetBm25Options,
        target="tamis.scorers.target:TargetBm25Scorer",
        non_negative=True,
        reads=("target",),
        whole=True,
    ),
)

TARGET_SCORERS = tuple(name for name, row in SCORERS.items() if "target" in row.reads)


def scorer_title(name: str) -> str:
    """What people call a score, with a capital; that of a column of the file is its name."""
    if name in SCORERS:
        return SCORERS[name].title
    family, _, column = name.partition(":")
    return f"Column {column}" if family == "column" else name.replace("_", " ").capitalize()


def in_sentence(title: str) -> str:
    """A title within a sentence: ``length``, but ``DEITA``."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
