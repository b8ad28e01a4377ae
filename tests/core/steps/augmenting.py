"""A teacher that says what a test wants and counts what it is asked, and short words for a run with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tamis.compute.augment.budget import Price, estimated_tokens
from tamis.compute.augment.types import (
    Budget,
    KnownRow,
    ParentRow,
    Provenance,
    SyntheticRow,
    WriteJob,
    WritingTask,
)
from tamis.filters import Switches, choose_filters
from tamis.filters.pool import FilterPool
from tamis.generators import Dialogue, Generator, WriterQuestion
from tamis.generators.options import SimilarOptions
from tamis.generators.similar import SimilarGenerator
from tamis.protocols import CutText, Turn, Usage, seeds_of
from tamis.steps.augment.asking import Asker
from tamis.steps.augment.driver import Driver, Outcome, RunSettings

SCAFFOLD = ("new_prompt", "new_response", "parent_prompt", "parent_response", "student_answer")
Says = Callable[[str, int], str]
NAMES = [
    "amber",
    "basil",
    "cedar",
    "dahlia",
    "elder",
    "fennel",
    "ginger",
    "hazel",
    "iris",
    "juniper",
    "kelp",
    "laurel",
    "maple",
    "nettle",
    "olive",
    "poppy",
]


def digest(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=6).digest())


def good_row(prompt: str, seed: int) -> str:
    """A new request and its answer, different for every seed."""
    number = digest(prompt, seed)
    words = [NAMES[(number >> shift) % 16] for shift in range(0, 40, 4)]
    asked = f"Which of {' and '.join(words)} grows tallest in garden {number % 10_000}?"
    return json.dumps({"new_prompt": asked, "new_response": f"The {words[0]} grows tallest of them all."})


class Teacher:
    """Answers by a function of question and seed; ``spends`` tokens per question and answer, else as
    estimated, and says so before where it ``counts``.
    """

    def __init__(
        self, says: Says = good_row, *, spends: tuple[int, int] | None = None, counts: bool = False
    ) -> None:
        self.says, self.spends, self.counts = says, spends, counts
        self.identity, self.batch_rows = "teacher:test", 8
        self.usage = Usage()
        self.latest: list[tuple[int, int] | None] = []
        self.asked: list[tuple[str, int]] = []
        self.spent = [0, 0]

    def prompt_tokens(self, prompt: str) -> int | None:
        return self.spends[0] if self.counts and self.spends else None

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        seeds = seeds_of(seed, len(prompts))
        self.asked += [(str(prompt), one) for prompt, one in zip(prompts, seeds, strict=True)]
        texts = [
            [self.says(str(p), one + k) for k in range(n)] for p, one in zip(prompts, seeds, strict=True)
        ]
        cut = [[_cut(text, max_new_tokens) for text in several] for several in texts]
        self.latest = [
            self.spends or (estimated_tokens(str(prompt)), sum(map(estimated_tokens, several)))
            for prompt, several in zip(prompts, cut, strict=True)
        ]
        for took in self.latest:
            self.spent = [self.spent[0] + took[0], self.spent[1] + took[1]] if took else self.spent
        return cut


def _cut(text: str, limit: int) -> str:
    if estimated_tokens(text) <= limit:
        return text
    return CutText(text.encode()[: 3 * limit].decode(errors="ignore"))


class Plain:
    """A generator of so many jobs (endless for None), each with ``rounds`` questions, and a row per job."""

    def __init__(
        self, n_jobs: int | None = None, *, rounds: int = 1, together: int = 1, text: str = "Write."
    ) -> None:
        self.n_jobs, self.rounds, self.together, self.text = n_jobs, rounds, together, text

    def jobs(self, task: WritingTask, rng: np.random.Generator) -> Iterator[WriteJob]:
        number = 0
        while self.n_jobs is None or number < self.n_jobs:
            yield WriteJob(number, (number % max(1, len(task.parents)),) if task.parents else ())
            number += 1

    def write(self, job: WriteJob, task: WritingTask) -> Dialogue:
        said: list[list[str]] = []
        for turn in range(self.rounds):
            said = yield [
                WriterQuestion((Turn("user", f"{self.text} {job.number} {turn} {k}"),), "plain")
                for k in range(self.together)
            ]
        fields = json.loads(said[0][0])
        asked = {"role": "user", "content": fields["new_prompt"]}
        answered = {"role": "assistant", "content": fields["new_response"]}
        about = Provenance(generator="plain", template="plain", parent_ids=job.parent_ids, job=job.number)
        return [SyntheticRow((asked, answered), about)]


def parents(n: int, **about: Any) -> tuple[ParentRow, ...]:
    made = []
    for i in range(n):
        asked, answered = (
            f"Which plant in bed {i} of row {i * 7} grows tallest by June of the year?",
            f"Plant {i} grows tallest there.",
        )
        messages = ({"role": "user", "content": asked}, {"role": "assistant", "content": answered})
        made.append(ParentRow(i, messages, asked, answered, **about))
    return tuple(made)


def pool_of(task: WritingTask, **more: Any) -> FilterPool:
    known = [KnownRow("data", one.example_id, one.prompt, one.response) for one in task.parents]
    return FilterPool(
        parents={one.example_id: one for one in task.parents}, known=known, labels=task.labels, scaffold=SCAFFOLD,
        batch="batch", **more,
    )  # fmt: skip


def drive(
    teacher: Any,
    budget: Budget,
    *,
    generator: Generator | None = None,
    task: WritingTask | None = None,
    filters: Switches | None = None,
    known: dict[str, Any] | None = None,
    pool: FilterPool | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    on_part: Any = None,
    price: Price | None = None,
    **settings: Any,
) -> tuple[Outcome, Driver]:
    task = WritingTask(parents=parents(10)) if task is None else task
    driver = Driver(
        generator or SimilarGenerator(SimilarOptions(rows_per_parent=100)),
        task,
        Asker(teacher, dict(known or {})),
        RunSettings(budget=budget, price=price or Price(), **settings),
        filters=choose_filters({"length": False, **(filters or {})}),
        pool=pool or pool_of(task),
        clock=clock,
        on_part=on_part or (lambda number, jobs: None),
    )
    return driver.run(), driver


def messy(prompt: str, seed: int) -> str:
    """Good rows, repeats, junk and refusals by turns."""
    number = digest(prompt, seed) % 10
    if number < 2:
        return "no object here"
    if number < 4:
        return json.dumps(
            {"new_prompt": "Always the same question, is it not?", "new_response": "It is the same one."}
        )
    return good_row(prompt, seed)
