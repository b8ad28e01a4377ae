"""GENERATORS: what writes new rows from a task, and what each asks of the task and of a model."""

from __future__ import annotations

from collections.abc import Generator as Coroutine
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from tamis.errors import InvalidOptions
from tamis.generators.options import ClaimOptions, SelfGuideWriterOptions, SimilarOptions
from tamis.protocols import Ability, Turn
from tamis.registry import Plugin, Table

if TYPE_CHECKING:
    import numpy as np

    from tamis.compute.augment.types import DraftProblem, SyntheticRow, WriteJob, WritingTask


@dataclass(frozen=True, slots=True)
class WriterQuestion:
    """What a job asks a model ``n`` times. A generator leaves the seed to the driver, and what is None to the run.

    ``fields`` are the texts of the one JSON object that is asked for in words, where it is, and ``lists`` its lists of texts; an
    endpoint that can be held to a schema is held to this one.
    """

    turns: tuple[Turn, ...]
    template: str
    n: int = 1
    temperature: float | None = None
    max_new_tokens: int | None = None
    seed: int = 0
    fields: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def settled(self, *, seed: int, temperature: float, max_new_tokens: int) -> WriterQuestion:
        """The question as it is sent."""
        return replace(
            self,
            seed=seed,
            temperature=temperature if self.temperature is None else self.temperature,
            max_new_tokens=max_new_tokens if self.max_new_tokens is None else self.max_new_tokens,
        )


# Yields questions that can be asked together, is sent the texts of each, and returns what came of the job.
Dialogue: TypeAlias = "Coroutine[list[WriterQuestion], list[list[str]], list[SyntheticRow | DraftProblem]]"


class Generator(Protocol):
    """Writes rows. It touches no model, clock, file or budget, so a list of texts drives it as well as a model."""

    def jobs(self, task: WritingTask, rng: np.random.Generator) -> Iterator[WriteJob]:
        """Jobs in order, numbered from 0; may be endless, as the budget ends it."""
        ...

    def write(self, job: WriteJob, task: WritingTask) -> Dialogue:
        """The questions of a job and what came of it. An answer that ended at the limit of tokens is a CutText."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorPlugin(Plugin):
    """One row: what of a task it cannot do without, the filters that are on with it besides the usual ones and those that
    are off, the abilities it asks of a model, what it ``wants`` of rows, in words, and the names of fields and marks of its questions, which no row may hold.
    """

    needs: tuple[Literal["parents", "documents", "labels", "instruction"], ...] = ()
    filters: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    needs_llm: tuple[Ability, ...] = ("complete",)
    scaffold: tuple[str, ...] = ()
    wants: str = "it has no job for any of them"


# One document stands in many rows, with another claim each, answered yes or no: these filters would take most of them.
_OF_CLAIMS = ("format", "length", "defects", "repeats")

GENERATORS: Table[GeneratorPlugin] = Table(
    "generator",
    GeneratorPlugin(
        name="similar",
        title="Similar rows",
        summary="A teacher writes a new row that asks for the same skill as its parent; LLM2LLM, where the parents were answered wrong.",
        options=SimilarOptions,
        target="tamis.generators.similar:SimilarGenerator",
        needs=("parents",),
        scaffold=("new_prompt", "new_response", "parent_prompt", "parent_response", "student_answer"),
    ),
    GeneratorPlugin(
        name="self_guide",
        title="A task from few rows",
        summary="A model writes inputs of a task from its instruction and a few rows, then answers them itself; SELF-GUIDE.",
        options=SelfGuideWriterOptions,
        target="tamis.generators.self_guide:SelfGuideGenerator",
        needs=("parents", "instruction"),
        scaffold=("new_input", "good_input", "earlier_input"),
    ),
    GeneratorPlugin(
        name="c2d",
        title="Documents for claims",
        summary="From a claim of one sentence, documents that support it or lack one fact, each checked by votes; C2D of MiniCheck.",
        options=ClaimOptions,
        target="tamis.generators.c2d:C2dGenerator",
        needs=("parents",),
        without=_OF_CLAIMS,
        wants="it takes rows whose response is one sentence, a claim",
        scaffold=("new_paragraph", "new_claim", "first_sentence", "second_sentence"),
    ),
    GeneratorPlugin(
        name="d2c",
        title="Claims for documents",
        summary="From a row's document, claims of its parts, checked by votes against parts with a gap and other parts; D2C of MiniCheck.",
        options=ClaimOptions,
        target="tamis.generators.d2c:D2cGenerator",
        needs=("documents",),
        without=_OF_CLAIMS,
        scaffold=("new_claim",),
    ),
)

_MISSING = {
    "parents": "needs rows to write from: name them as parents, such as wrong:newest or tag:NAME",
    "documents": "needs documents, and no row has one: name rows whose metadata hold a document",
    "labels": "needs labels: give them as labels",
    "instruction": "needs an instruction: give it as instruction",
}


def nothing_to_write_from(row: GeneratorPlugin, task: WritingTask) -> InvalidOptions:
    """The error of a run whose generator finds nothing to do in rows that it was given."""
    return InvalidOptions(
        f"{row.title} found nothing to write from in {len(task.parents):,} rows: {row.wants}. Name other rows as parents, or choose "
        "another generator."
    )


def check_task(row: GeneratorPlugin, task: WritingTask) -> None:
    """Raise InvalidOptions for a task without something that the generator needs, with what to give."""
    for need in row.needs:
        if not getattr(task, need):
            raise InvalidOptions(f"{row.title} {_MISSING[need]}.")
