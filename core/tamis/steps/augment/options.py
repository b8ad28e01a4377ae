"""Options of augment: what writes rows, from which rows, within which budget, and which filters look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tamis.filters import FILTERS, choose_filters
from tamis.generators import GENERATORS
from tamis.llms import LLMS, lacking
from tamis.registry import Options, Reach
from tamis.scorers.options import evaluation_file_hash
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.compute.augment.budget import Price
    from tamis.compute.augment.types import Budget

Mix = Literal["all", "even", "proportional", "bad_case", "bad_case_linear"]
PRICES = ("price_per_million_prompt_tokens", "price_per_million_completion_tokens")
# Where the batch belongs, which follows from what it is asked for: nobody gives it by hand.
PLACED = ("parent", "parent_examples", "examination", "earlier")


class EarlierBatch(Options):
    """A batch whose rows may not come again."""

    dataset_id: str = Field(description="Dataset of the batch.")
    examples: str = Field(description="Artifact id of its examples.")


class GivenExample(Options):
    """An example to write from that is no row of the dataset."""

    prompt: str = Field(min_length=1, description="What is asked.")
    response: str = Field("", description="Its answer, where there is one.")


class AugmentOptions(StepOptions):
    """Rows that a model writes, as a dataset of its own (METHODS.md 3.8 and 3.9)."""

    POINTERS: ClassVar[Mapping[str, str]] = {"parents": "rows", "held_out": "rows"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("generator", "generator_options", GENERATORS),
        Choice("llm", "llm_options", LLMS),
    )

    generator: str = Field("similar", description="What writes rows.")
    generator_options: dict[str, JSON] = Field(default_factory=dict, description="Its options.")
    llm: str = Field("smollm2", description="Language model that writes, the teacher.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")
    parents: str = Field(
        "",
        description="Rows to write from: wrong:newest, wrong:ID, tag:NAME, scope:SCOPE, selection:ID, or missing:TARGET, the examples "
        "of a target that no row comes near; empty: all rows.",
    )
    examples: tuple[GivenExample, ...] = Field(
        (),
        max_length=5000,
        description="Examples to write from that are no rows, each with a prompt and, where there is one, a response; with "
        "these alone no row is a parent.",
    )
    parents_real_only: bool = Field(
        True, description="Write only from rows that no model wrote, as LLM2LLM does."
    )
    mix: Mix = Field(
        "all",
        description="How parents are drawn by group: all, each once; even; proportional to wrong rows; bad_case, by "
        "√(1 − accuracy) of the group (MLLM-DataEngine); bad_case_linear, by 1 − accuracy.",
    )
    rows: int = Field(100, ge=1, le=1_000_000, description="Rows that pass all filters before the run ends.")
    max_calls: int | None = Field(None, ge=1, description="Most questions asked; empty: no limit.")
    max_tokens: int | None = Field(None, ge=1, description="Most tokens read and written; empty: no limit.")
    max_cost: float | None = Field(
        None, ge=0, description="Most that may be spent, in the unit of the prices; empty: no limit."
    )
    max_seconds: float | None = Field(
        None, gt=0, description="Longest time of one attempt at the run, in seconds; empty: no limit."
    )
    attempts_per_job: int = Field(3, ge=1, le=100, description="Tries of a job that gives no row.")
    questions_per_job: int = Field(200, ge=1, le=100_000, description="Most questions that a job may ask.")
    stall_rows: int = Field(
        50, ge=1, le=100_000, description="Drafts in a row without one that passes, after which the run ends."
    )
    filters: dict[str, bool | dict[str, JSON]] = Field(
        default_factory=dict,
        description='Filters to turn off or on, or their options: {"length": false, "repeats": {"rouge_l": 0.9}}.',
    )
    evaluation_files: Annotated[tuple[str, ...], Reach.FILE] = Field(
        (), description="Evaluation files whose texts no row may hold."
    )
    evaluation_hashes: tuple[str, ...] = Field(
        (), description="Hashes of these files when the run was asked for."
    )
    held_out: str = Field(
        "", description="Rows that are no parents and that no row may hold (a frozen scope); none when empty."
    )
    instruction: str = Field("", description="What the task is, for generators that read one.")
    labels: tuple[str, ...] = Field((), description="The only answers there are, for classification.")
    brief: str = Field("", description="Rules for new rows, in your words; the model reads them.")
    brief_version: int = Field(0, ge=0, description="Number of the brief's version.")
    temperature: float = Field(1.0, ge=0, le=5, description="Temperature of the writing model.")
    max_new_tokens: int = Field(1024, ge=1, le=32_768, description="Longest answer, in tokens.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of all draws and questions.")
    round: int = Field(0, ge=0, description="Number of the round, of several over one dataset.")
    name: str = Field("", description="Name shown to people.")
    parent: str = Field("", description="Id of the dataset that rows are written for.")
    parent_examples: str = Field("", description="Artifact id of its examples.")
    examination: str = Field("", description="Artifact id of the examination that says what was wrong.")
    earlier: tuple[EarlierBatch, ...] = Field((), description="Batches whose rows may not come again.")

    @model_validator(mode="before")
    @classmethod
    def _hash_files(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        if (
            isinstance(values, dict)
            and values.get("evaluation_files")
            and not values.get("evaluation_hashes")
        ):
            files = values["evaluation_files"]
            if isinstance(files, str):
                raise ValueError("a list of evaluation files is wanted")
            hashes = tuple(evaluation_file_hash(str(path)) for path in files)
            return {**values, "evaluation_hashes": hashes}
        return values

    @model_validator(mode="after")
    def _refuse_what_cannot_be(self) -> Self:
        choose_filters(self.filters)
        measured = [name for name, on in self.filters.items() if on is not False and FILTERS[name].measured]
        if measured:
            score = FILTERS[measured[0]].measured
            raise ValueError(
                f"The filter {measured[0]} reads the score {score}, which rows have only once they are a dataset: run "
                f"augment without it, score the batch, then propose with method additions and this filter"
            )
        reason = lacking(self.llm, self.llm_options, GENERATORS[self.generator].needs_llm)
        if reason:
            raise ValueError(f"The generator {self.generator} needs more of a language model. {reason}")
        if self.max_cost is not None and not self.price().is_known:
            raise ValueError(
                f"A most cost of {self.max_cost:g} needs prices: give {' and '.join(PRICES)}, or limit tokens by max_tokens"
            )
        return self

    def needs(self) -> tuple[Need, ...]:
        """Nothing of the dataset that is made: what is read belongs to the parent."""
        return ()

    def identity(self) -> dict[str, JSON]:
        """Everything but what the batch is called; the rows it reads are another dataset's, so they are named too."""
        unused = set() if self.examples else {"examples"}
        return self.model_dump(mode="json", exclude={"name", *unused})

    def budget(self) -> Budget:
        """Where the run ends."""
        from tamis.compute.augment.types import Budget

        return Budget(
            rows=self.rows, calls=self.max_calls, tokens=self.max_tokens, cost=self.max_cost,
            seconds=self.max_seconds, attempts_per_job=self.attempts_per_job,
            questions_per_job=self.questions_per_job, stall_rows=self.stall_rows,
        )  # fmt: skip

    def price(self) -> Price:
        """What the model's options say that tokens cost."""
        from tamis.compute.augment.budget import Price

        prompt, completion = (self.llm_options.get(name) for name in PRICES)
        return Price(prompt, completion)
