"""Options of the campaigns: what a researcher sets once for all rounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tamis.registry import Options, Reach
from tamis.types import JSON

Accept = Literal["review", "passed"]


class TrainedOptions(Options):
    """What is trained, and which rows say how good it is."""

    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2", min_length=1, description="Base model; every round trains from it anew."
    )
    recipe: str = Field("sft_lora", description="How to train.")
    recipe_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that recipe.")
    held_out_fraction: float = Field(
        0.2,
        ge=0,
        le=0.9,
        description="Share of the first rows that no round trains on and that all are measured by.",
    )
    mark: str = Field("exact", description="When an answer counts as right.")
    mark_options: dict[str, JSON] = Field(default_factory=dict, description="Its options.")
    max_new_tokens: int | None = Field(
        None, ge=1, le=32_768, description="Longest answer in tokens; empty: twice the longest wanted one."
    )
    patience: int = Field(
        2,
        ge=0,
        le=100,
        description="Rounds without a rise of the held-out measure after which it ends; 0: never.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of all draws, questions and trainings.")


class WritingOptions(TrainedOptions):
    """Who writes rows, within which budget over all rounds, and who accepts them."""

    llm: str = Field("smollm2", description="Language model that writes, the teacher.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")
    temperature: float = Field(1.0, ge=0, le=5, description="Temperature of the teacher.")
    write_tokens: int = Field(1024, ge=1, le=32_768, description="Longest answer of the teacher, in tokens.")
    filters: dict[str, bool | dict[str, JSON]] = Field(
        default_factory=dict, description="Filters to turn off or on, or their options."
    )
    labels: tuple[str, ...] = Field((), description="The only answers there are, for classification.")
    accept: Accept = Field(
        "review",
        description="Who accepts rows: people in Review, or the rule that all that passed the filters are.",
    )
    max_calls: int | None = Field(None, ge=1, description="Most questions to the teacher over all rounds.")
    max_tokens: int | None = Field(None, ge=1, description="Most tokens of the teacher over all rounds.")
    max_cost: float | None = Field(
        None, ge=0, description="Most that may be spent over all rounds, at the prices given."
    )


class Llm2LlmOptions(WritingOptions):
    """More of what a student gets wrong, round by round (LLM2LLM, 2403.15042; METHODS.md 3.4)."""

    rounds: int = Field(
        3, ge=1, le=100, description="Rounds that write rows; a last one only trains, as in the paper."
    )
    rows_per_parent: int = Field(1, ge=1, le=1000, description="New rows per wrong row and round.")
    show_wrong: bool = Field(True, description="Show the teacher the student's wrong answer.")
    parents: Literal["wrong", "random"] = Field(
        "wrong", description="Rows to write from: those answered wrong, or as the control as many by chance."
    )
    train: bool = Field(True, description="Train a student; off: the student below answers as it is.")
    student: str = Field("smollm2", description="Without training: the language model that answers.")
    student_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")


class DataEngineOptions(WritingOptions):
    """Rows where a model is weak, by rules that people revise (MLLM-DataEngine, 2308.13566, as text; METHODS.md 3.7)."""

    rounds: int = Field(3, ge=1, le=100, description="Rounds that write rows.")
    rows: int = Field(50, ge=1, le=1_000_000, description="Rows per round, divided over groups.")
    group: str = Field(
        "source",
        pattern=r"^(source|response|meta:.+)$",
        description="Column whose values are the groups: source, response (for labels) or meta:NAME.",
    )
    mix: Literal["even", "proportional", "bad_case", "bad_case_linear"] = Field(
        "bad_case",
        description="Rows per group: bad_case, by √(1 − accuracy); linear, by 1 − accuracy; proportional to wrong rows; even.",
    )
    brief: str = Field(
        "", description="Rules for new rows, in your words; people revise them after each round."
    )
    show_wrong: bool = Field(True, description="Show the teacher the model's wrong answer.")
    train: bool = Field(True, description="Train a model each round; off: the one below answers as it is.")
    student: str = Field("smollm2", description="Without training: the language model that answers.")
    student_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")


class SelfGuideOptions(WritingOptions):
    """A model that writes its own training rows from an instruction and a few rows (SELF-GUIDE, 2407.12874; METHODS.md 3.2)."""

    instruction: str = Field("", description="What the task is.")
    demos: str = Field(
        "",
        description="Rows that show the task (tag:NAME, selection:ID); all others are held out. Empty: all show it.",
    )
    rows: int = Field(100, ge=1, le=1_000_000, description="Rows that pass all filters.")
    generator_options: dict[str, JSON] = Field(
        default_factory=dict,
        description="Options of the generator self_guide: inputs per chain, answers per input.",
    )
    temperature: float = Field(
        0.9, ge=0, le=5, description="Temperature of inputs; answers have one of their own."
    )


class LabelsOptions(Options):
    """Labels, a few of them checked by people each round, until the rest can be trusted (ALC3, 2401.05467; METHODS.md 3.5)."""

    rounds: int = Field(20, ge=1, le=1000, description="Rounds at most.")
    max_annotations: int | None = Field(
        None, ge=1, description="Labels that people give at most; empty: no limit."
    )
    ask_fraction: float = Field(
        0.02, gt=0, le=1, description="Share of the rows that people are asked about in a round."
    )
    delta: float | None = Field(
        None, gt=0, lt=1, description="δ; empty: what a tenth of the rows exceed in the first round."
    )
    below_eta: int = Field(
        2, ge=1, le=100, description="Rounds with fewer wrong labels than expected after which it ends."
    )
    encoder: str = Field("minilm", description="Encoder of the prompts, where they are not embedded yet.")
    train: bool = Field(False, description="At the end, train a model on the corrected labels.")
    model: Annotated[str, Reach.MODEL] = Field("smollm2", min_length=1, description="That model.")
    recipe: str = Field("sft_lora", description="How to train it.")
    recipe_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that recipe.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of all draws.")


class SelfPlayOptions(Options):
    """Rounds of a model against its own answers (SPIN, 2401.01335; METHODS.md 3.6)."""

    rounds: int = Field(
        1, ge=1, le=20, description="Iterations; users of the released code saw losses after the first."
    )
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to start from; a fine-tuned one, or its base with sft_first.",
    )
    sft_first: bool = Field(
        True, description="Fine-tune it on the rows before, as the method starts from such a model."
    )
    sft_options: dict[str, JSON] = Field(
        default_factory=dict, description="Options of the recipe sft_lora for that."
    )
    recipe_options: dict[str, JSON] = Field(default_factory=dict, description="Options of the recipe spin.")
    held_out_fraction: float = Field(
        0.2, gt=0, le=0.9, description="Share of the rows whose pairs are only looked at."
    )
    max_new_tokens: int = Field(256, ge=1, le=32_768, description="Longest own answer, in tokens.")
    temperature: float = Field(1.0, gt=0, le=5, description="Temperature of own answers.")
    patience: int = Field(
        1,
        ge=0,
        le=20,
        description="Iterations without a rise of the pair accuracy after which it ends; 0: never.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of all draws.")
