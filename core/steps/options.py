"""Options of every step: the same types draw the forms, parse the command line and go into the manifests."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from core.clusterers import CLUSTERERS
from core.encoders import ENCODERS
from core.projectors import PROJECTORS
from core.registry import Options
from core.scorers import SCORERS
from core.selectors import SELECTORS
from core.steps.context import Need
from core.steps.spec import Choice, StepOptions
from core.types import JSON


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
    """Which score."""

    POINTERS: ClassVar[tuple[str, ...]] = ("embeddings",)
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("scorer", "scorer_options", SCORERS),)

    scorer: str = Field("alignment", description="What to measure.")
    scorer_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that scorer.")
    embeddings: str = Field("", description="Embeddings for scores that read vectors; the newest when empty.")

    def needs(self) -> tuple[Need, ...]:
        """Examples always; embeddings when the scorer reads vectors."""
        examples = Need("examples", "examples")
        if "embeddings" not in SCORERS[self.scorer].reads:
            return (examples,)
        both = None if self.embeddings else {"text": "both"}
        return (examples, Need("embeddings", "embeddings", self.embeddings, both))


class SelectOptions(StepOptions):
    """How many rows, picked how."""

    POINTERS: ClassVar[tuple[str, ...]] = ("clustering", "scores", "within", "pinned", "excluded")
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
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")
    within: str = Field("", description="Rows to select from (a frozen scope); all rows when empty.")
    pinned: str = Field("", description="Rows that are always in (a frozen scope).")
    excluded: str = Field("", description="Rows that are never in (a frozen scope).")

    def needs(self) -> tuple[Need, ...]:
        """What the method reads, the quality score, and the frozen scopes that were named."""
        reads = SELECTORS[self.method].reads
        wanted = [Need("examples", "examples")]
        if "clustering" in reads:
            wanted.append(Need("clustering", "clustering", self.clustering))
        if "embeddings" in reads or self.unit == "tokens":
            wanted.append(Need("embeddings", "embeddings"))
        if self.quality != "none":
            named = {"scorer": self.quality}
            # The default quality is a help, not a condition: without it every row counts the same.
            optional = "quality" not in reads and "quality" not in self.model_fields_set
            wanted.append(Need("scores", "scores", self.scores, named, optional))
        frozen = {"within": self.within, "pinned": self.pinned, "excluded": self.excluded}
        wanted += [Need(role, "rows", chosen) for role, chosen in frozen.items() if chosen]
        return tuple(wanted)
