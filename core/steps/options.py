"""Options of every step: the same types draw the forms, parse the command line and go into the manifests."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.clusterers import CLUSTERERS
from core.encoders import ENCODERS
from core.errors import InvalidOptions
from core.llms import LLMS, lacking
from core.projectors import PROJECTORS
from core.registry import Options
from core.scorers import SCORERS
from core.selectors import SELECTORS, Selector
from core.steps.context import Need
from core.steps.spec import Choice, StepOptions
from core.types import JSON

NO_QUALITY = "none"
MAX_COMPARED = 36  # selections in one comparison: twelve methods with three seeds


class SourceFile(Options):
    """One file of an import, and how its records are read."""

    path: str = Field(description="File or saved dataset on this machine, or a Hugging Face dataset id.")
    format: str = Field(description="Conversation format of its records.")
    fields: dict[str, JSON] = Field(
        default_factory=dict, description="Which column plays which part; the format's own names when empty."
    )
    content_hash: str = Field("", description="Hash of the file when the import was agreed to.")


class ImportOptions(StepOptions):
    """Which files make up the dataset, in this order, under which name."""

    files: tuple[SourceFile, ...] = Field(min_length=1, description="The files, read one after another.")
    name: str = Field(description="Name shown to people.")

    def needs(self) -> tuple[Need, ...]:
        """An import reads no artifact."""
        return ()

    def identity(self) -> dict[str, JSON]:
        """Where the file lay and what it is called do not change what is in it."""
        return {"files": [file.model_dump(mode="json", exclude={"path"}) for file in self.files]}


class EmbedOptions(StepOptions):
    """Which encoder, over which text."""

    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("encoder", "encoder_options", ENCODERS),)

    encoder: str = Field("minilm", description="Model that turns text into vectors.")
    encoder_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that encoder.")
    text: Literal["both", "prompt", "response"] = Field(
        "both", description="Text to embed; both embeds prompt and response apart and averages the two."
    )


class ClusterOptions(StepOptions):
    """Which clustering method, over which embeddings."""

    POINTERS: ClassVar[tuple[str, ...]] = ("embeddings",)
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", CLUSTERERS),)

    method: str = Field("kmeans", description="Clustering method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed; the paper uses 42.")
    embeddings: str = Field("", description="Embeddings to cluster; the newest when empty.")

    def needs(self) -> tuple[Need, ...]:
        """Examples for the keywords, embeddings for the groups."""
        return (Need("examples", "examples"), Need("embeddings", "embeddings", self.embeddings))


class ProjectOptions(StepOptions):
    """Which layout, over which embeddings."""

    POINTERS: ClassVar[tuple[str, ...]] = ("embeddings",)
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", PROJECTORS),)

    method: str = Field("umap", description="Layout method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    embeddings: str = Field("", description="Embeddings to lay out; the newest when empty.")

    def needs(self) -> tuple[Need, ...]:
        """Only the embeddings."""
        return (Need("embeddings", "embeddings", self.embeddings),)


class ScoreOptions(StepOptions):
    """Which score, and which language model where the score asks one."""

    POINTERS: ClassVar[tuple[str, ...]] = ("embeddings",)
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("scorer", "scorer_options", SCORERS),
        Choice("llm", "llm_options", LLMS),
    )

    scorer: str = Field("alignment", description="What to measure.")
    scorer_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that scorer.")
    llm: str = Field("smollm2", description="Language model, for scores that ask one.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that language model.")
    embeddings: str = Field("", description="Embeddings for scores that read vectors; the newest when empty.")

    @model_validator(mode="after")
    def _refuse_unable_model(self) -> Self:
        reason = lacking(self.llm, self.llm_options, SCORERS[self.scorer].needs_llm)
        if reason:
            raise ValueError(f"{SCORERS[self.scorer].title} needs more of a language model. {reason}")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Examples always; embeddings when the scorer, as its options are, reads vectors."""
        examples = Need("examples", "examples")
        if not self.reads_vectors():
            return (examples,)
        both = None if self.embeddings else {"text": "both"}
        return (examples, Need("embeddings", "embeddings", self.embeddings, both))

    def reads_vectors(self) -> bool:
        """Whether the scorer reads embeddings with these options."""
        row = SCORERS[self.scorer]
        if "embeddings" in row.reads:
            return True
        return "embeddings" in row.may_read and bool(
            getattr(self.chosen_options("scorer"), "vectors_needed", False)
        )

    def identity(self) -> dict[str, JSON]:
        """The language model names a result only where one was asked."""
        dropped = set() if SCORERS[self.scorer].needs_llm else {"llm", "llm_options"}
        return self.model_dump(mode="json", exclude={*self.POINTERS, *dropped})


class SelectOptions(StepOptions):
    """How many rows, picked how."""

    POINTERS: ClassVar[tuple[str, ...]] = (
        "clustering",
        "embeddings",
        "scores",
        "within",
        "pinned",
        "excluded",
    )
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", SELECTORS),)

    method: str = Field("kmq", description="Selection method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    budget: float = Field(1000, gt=0, description="How much to select, in the unit below.")
    unit: Literal["rows", "fraction", "tokens"] = Field(
        "rows", description="Rows, a fraction of all rows between 0 and 1, or tokens of prompt and response."
    )
    quality: str = Field(
        "alignment",
        description="Score that makes a row more likely to be picked; none treats all rows alike.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of every draw.")
    clustering: str = Field("", description="Clustering to spread over; the newest when empty.")
    embeddings: str = Field(
        "", description="Embeddings to compare rows by, and to count tokens with; the newest when empty."
    )
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")
    within: str = Field("", description="Rows to select from (a frozen scope); all rows when empty.")
    pinned: str = Field("", description="Rows that are always in (a frozen scope).")
    excluded: str = Field("", description="Rows that are never in (a frozen scope).")

    @model_validator(mode="after")
    def _refuse_impossible_budget(self) -> Self:
        if self.unit == "fraction" and self.budget > 1:
            raise ValueError(f"a budget of {self.budget:g} is no fraction; give 0 to 1, or unit rows")
        if self.unit != "fraction" and self.budget != int(self.budget):
            raise ValueError(
                f"a budget of {self.budget:g} {self.unit} is not whole; give a whole number, or unit fraction"
            )
        return self

    def needs(self) -> tuple[Need, ...]:
        """What the method reads, the quality score, and the frozen scopes that were named.

        Raises InvalidOptions when the method cannot work with the quality or the unit asked for.
        """
        row = SELECTORS[self.method]
        self._check(row)
        wanted = {"examples": Need("examples", "examples")}
        if "clustering" in row.reads:
            wanted["clustering"] = Need("clustering", "clustering", self.clustering)
        if "embeddings" in row.reads or self.unit == "tokens":
            wanted["embeddings"] = Need("embeddings", "embeddings", self.embeddings)
        if row.uses("quality") and self.quality != NO_QUALITY:
            # The default quality is a help, not a condition: without it every row counts the same.
            optional = "quality" not in row.reads and "quality" not in self.model_fields_set
            wanted["scores"] = Need("scores", "scores", self.scores, {"scorer": self.quality}, optional)
        if "column" in row.reads:
            wanted = self._column_need() | wanted
        frozen = {"within": self.within, "pinned": self.pinned, "excluded": self.excluded}
        wanted |= {role: Need(role, "rows", chosen) for role, chosen in frozen.items() if chosen}
        return tuple(wanted.values())

    def identity(self) -> dict[str, JSON]:
        """A method that reads no quality picks the same rows whatever quality was named."""
        named = super().identity()
        return named if SELECTORS[self.method].uses("quality") else named | {"quality": NO_QUALITY}

    def _check(self, row: Selector) -> None:
        if "quality" in row.reads and self.quality == NO_QUALITY:
            raise InvalidOptions(
                f"{row.title} picks by a quality score and cannot work without one: name a score as quality, and run "
                "'score' first if the dataset has none."
            )
        if self.unit == "tokens" and not row.counts_tokens:
            raise InvalidOptions(
                f"{row.title} divides a number of rows: give the budget in rows or as a fraction, or use kmq for tokens."
            )

    def _column_need(self) -> dict[str, Need]:
        """What holds the column that the method groups rows by, besides the examples."""
        column = str(self.method_options["column"])
        family, _, name = column.partition(":")
        if column in ("cluster", "distance"):
            return {"clustering": Need("clustering", "clustering", self.clustering)}
        if column == "tokens":
            return {"embeddings": Need("embeddings", "embeddings", self.embeddings)}
        if family == "score":
            return {"column_scores": Need("column_scores", "scores", "", {"scorer": name})}
        return {}


class CompareOptions(StepOptions):
    """Which selections to hold beside each other, and how much work to put into it."""

    POINTERS: ClassVar[tuple[str, ...]] = ("selections", "clustering", "embeddings", "scores")

    selections: tuple[str, ...] = Field(
        min_length=2,
        max_length=MAX_COMPARED,
        description="Ids of the selections; the same method with other seeds is one method.",
    )
    quality: str = Field("alignment", description="Score to look at in every selection.")
    epochs: float = Field(3.0, gt=0, le=100, description="Passes over the rows in training, for its cost.")
    tokens_per_second: float | None = Field(
        None,
        gt=0,
        description="Tokens that one GPU trains on per second; the cost is then also in GPU hours.",
    )
    pool_rows: int = Field(
        50_000,
        ge=100,
        description="Coverage is measured on so many rows at most, drawn at random; all when the dataset is smaller.",
    )
    confidence_fraction: float = Field(0.95, gt=0.5, lt=1, description="Confidence of every interval.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the sample and of the intervals.")
    clustering: str = Field("", description="Clustering to count by; the newest when empty.")
    embeddings: str = Field("", description="Embeddings to measure distances in; the newest when empty.")
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")

    @field_validator("selections")
    @classmethod
    def _once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Sorted and each once: a comparison does not depend on the order in which selections were named."""
        named = tuple(sorted(set(given)))
        if len(named) < 2:
            raise ValueError("name at least two different selections")
        return named

    def needs(self) -> tuple[Need, ...]:
        """Every selection, and what they are measured by as far as it is there."""
        picked = [Need(f"selection_{i:02d}", "selection", named) for i, named in enumerate(self.selections)]
        by = {"scorer": self.quality}
        return (
            Need("examples", "examples"),
            *picked,
            Need("clustering", "clustering", self.clustering, optional=True),
            Need("embeddings", "embeddings", self.embeddings, optional=True),
            Need("scores", "scores", self.scores, by, optional="quality" not in self.model_fields_set),
        )
