"""The first jobs of a run as they would begin it: what was asked, what came back, and what a whole run would take by them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tamis.compute.augment.budget import Ledger
from tamis.compute.augment.types import DraftProblem, JudgedRow, ParentRow, WritingTask
from tamis.filters import choose_filters
from tamis.generators import GENERATORS, check_task, nothing_to_write_from
from tamis.llms import LLMS, open_llm
from tamis.llms.cache import CachedModel
from tamis.protocols import Turn
from tamis.registry import parse_options
from tamis.reprs import HtmlFacts
from tamis.steps.augment.asking import Asker
from tamis.steps.augment.driver import Driver, Ended, Outcome
from tamis.steps.augment.material import read_filter_pool, read_task
from tamis.steps.augment.options import AugmentOptions
from tamis.steps.augment.step import run_settings
from tamis.store.artifacts.store import ArtifactStore
from tamis.types import JSON

TRIED_JOBS = 3
MOST_REPEATS = 1  # of a question that an endpoint did not answer, while somebody waits


@dataclass(frozen=True, slots=True)
class TriedJob:
    """One job: its parents, the turns of each question with the texts that came back, and the drafts or the problems."""

    parents: tuple[ParentRow, ...]
    asked: tuple[tuple[tuple[Turn, ...], tuple[str, ...]], ...]
    drafts: tuple[JudgedRow, ...]
    problems: tuple[DraftProblem, ...]

    @property
    def parent_ids(self) -> tuple[int, ...]:
        """Their ids; −1, −2 … for given examples, which are no rows."""
        return tuple(one.example_id for one in self.parents)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentTrial(HtmlFacts):
    """Some jobs as they would begin a run, and what the run would take by them; what cannot be known is None.

    ``passed_fraction`` is the share of drafts and failed jobs that passed. The run itself asks these questions first, and
    finds their answers known.
    """

    jobs: tuple[TriedJob, ...]
    rows: int
    passed_fraction: float
    n_jobs: int | None
    questions: int | None
    tokens: int | None
    seconds: float | None
    cost: float | None


def tried_drafts(
    store: ArtifactStore,
    batch_id: str,
    exact: Mapping[str, JSON],
    n_jobs: int = TRIED_JOBS,
    on_progress: Callable[[Outcome, Ledger], None] = lambda outcome, ledger: None,
) -> AugmentTrial:
    """Run the first jobs of a batch that has its place, and scale up what they took; nothing is stored but the answers.

    Raises what a run of augment raises before it begins.
    """
    parsed = parse_options(AugmentOptions, exact)
    row = GENERATORS[parsed.generator]
    task = read_task(store, parsed)
    check_task(row, task)
    model = open_llm(parsed.llm, _patient(parsed), workspace=store.workspace, needs=row.needs_llm)
    assert isinstance(model, CachedModel)
    ended: list[Ended] = []
    driver = Driver(
        parsed.build("generator")(parsed.chosen_options("generator")),
        task,
        Asker(model),
        replace(run_settings(parsed, model.batch_rows, n_jobs), together=n_jobs),
        filters=choose_filters(parsed.filters, row.filters, row.without),
        pool=read_filter_pool(store, parsed, task, batch_id),
        clock=time.monotonic,
        on_part=lambda number, jobs: ended.extend(jobs),
        on_progress=on_progress,
    )
    start = time.monotonic()
    outcome = driver.run()
    seconds, ledger = time.monotonic() - start, driver.ledger
    if outcome.stopped_by == "jobs" and not outcome.n_jobs:
        raise nothing_to_write_from(row, task)
    waiting = list(outcome.judged)
    jobs = tuple(_tried(one, waiting, task) for one in ended)
    n_tries = len(outcome.judged) + sum(not one.drafts for one in jobs)
    per_job = outcome.n_passed / len(jobs) if jobs else 0.0
    wanted = round(parsed.rows / per_job) if per_job else None
    factor = None if wanted is None else wanted / len(jobs)
    cost = ledger.cost if ledger.price.is_known else None
    return AugmentTrial(
        jobs=jobs,
        rows=parsed.rows,
        passed_fraction=outcome.n_passed / n_tries if n_tries else 0.0,
        n_jobs=wanted,
        questions=None if factor is None else round(ledger.calls * factor),
        tokens=None if factor is None else round(ledger.tokens * factor),
        seconds=None if factor is None else seconds * factor,
        cost=None if factor is None or cost is None else cost * factor,
    )


def _patient(options: AugmentOptions) -> dict[str, JSON]:
    """The model's options with few repeats: somebody waits, and an endpoint that is not there is to be said soon."""
    given = dict(options.llm_options)
    if "max_retries" in LLMS[options.llm].options.model_fields:
        given["max_retries"] = min(MOST_REPEATS, int(given.get("max_retries", MOST_REPEATS)))
    return given


def _tried(ended: Ended, waiting: list[JudgedRow], task: WritingTask) -> TriedJob:
    """A job with its drafts, taken from those that wait in job order."""
    drafts = [waiting.pop(0) for _ in ended.rows if waiting]
    asked = tuple((question.turns, reply.texts) for question, reply in ended.asked)
    parents = tuple(task.parent(one) for one in ended.job.parent_ids)
    return TriedJob(parents, asked, tuple(drafts), ended.problems)
