"""The one function that runs all generators: coroutines advanced together, within a budget, filtered in job order.

METHODS.md 3.8. Rows depend on the seed alone, and on no batch size, concurrency or restart, unless a cap of calls, tokens,
cost or seconds ends the run.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from tamis.compute.augment.budget import Ledger, Price
from tamis.compute.augment.types import Budget, DraftProblem, JudgedRow, SyntheticRow, WriteJob, WritingTask
from tamis.filters import Chosen
from tamis.filters.judging import judge_rows, judge_set
from tamis.filters.pool import FilterPool
from tamis.generators import Dialogue, Generator, WriterQuestion
from tamis.steps.augment.asking import Asker, Reply, prompt_hash, question_key

PART_JOBS = 16
LEAST_TOGETHER = 8
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What determines the rows besides task and generator; ``together`` jobs are under way at once."""

    budget: Budget
    price: Price = field(default_factory=Price)
    seed: int = 42
    round: int = 0
    temperature: float = 1.0
    max_new_tokens: int = 1024
    together: int = LEAST_TOGETHER
    most_jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job: rows or problems, and everything that was asked for it, with the answers."""

    job: WriteJob
    rows: tuple[SyntheticRow, ...]
    problems: tuple[DraftProblem, ...]
    asked: tuple[tuple[WriterQuestion, Reply], ...]


@dataclass(slots=True)
class Outcome:
    """What a run wrote, in job order, why it ended, and what it spent."""

    judged: list[JudgedRow] = field(default_factory=list)
    problems: list[tuple[int, DraftProblem]] = field(default_factory=list)
    asked: dict[str, WriterQuestion] = field(default_factory=dict)
    stopped_by: str = ""
    n_jobs: int = 0

    @property
    def n_passed(self) -> int:
        """Rows against which nothing speaks."""
        return sum(one.passed for one in self.judged)

    def reasons(self) -> Counter[str]:
        """How often each filter had something against a row."""
        return Counter(reason.filter for one in self.judged for reason in one.reasons)


@dataclass(slots=True)
class _Active:
    """A job under way."""

    job: WriteJob
    dialogue: Dialogue
    attempt: int = 0
    waiting: list[WriterQuestion] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)
    asked: list[tuple[WriterQuestion, Reply]] = field(default_factory=list)
    n_attempt: int = 0  # questions of this attempt
    problems: list[DraftProblem] = field(default_factory=list)


@dataclass(slots=True)
class Pace:
    """Seconds that a question took in the last batch, of which so many were really sent; what is known takes none."""

    seconds: float = math.nan
    n_sent: int = 0

    def note(self, seconds: float, n_sent: int) -> None:
        """What a batch took."""
        if n_sent:
            self.seconds, self.n_sent = seconds / n_sent, n_sent

    def n_within(self, left: float) -> int | None:
        """Questions to send in the seconds left: one at first, then as many as should be answered in them, at most twice as
        many as before; None for no limit.
        """
        if math.isinf(left):
            return None
        most = max(1, 2 * self.n_sent)
        return most if not left < most * self.seconds else max(1, int(left / self.seconds))


class Driver:
    """One run of a generator; ``on_part`` is given the jobs that ended, sixteen at a time, ``on_progress`` the outcome."""

    def __init__(
        self,
        generator: Generator,
        task: WritingTask,
        asker: Asker,
        settings: RunSettings,
        *,
        filters: Sequence[Chosen],
        pool: FilterPool,
        clock: Clock,
        on_part: Callable[[int, Sequence[Ended]], None] = lambda number, jobs: None,
        on_progress: Callable[[Outcome, Ledger], None] = lambda outcome, ledger: None,
    ) -> None:
        self._generator, self._task, self._asker, self._settings = generator, task, asker, settings
        self._filters, self._pool, self._clock = filters, pool, clock
        self._on_part, self._on_progress = on_part, on_progress
        self.ledger = Ledger(settings.budget, settings.price)
        self.outcome = Outcome()
        self._active: list[_Active] = []
        self._ended: dict[int, Ended] = {}
        self._block: list[Ended] = []
        self._jobs: Iterator[WriteJob] = iter(())
        self._start, self._pace = 0.0, Pace()
        self._more_jobs, self._next, self._unproductive, self._n_passed = True, 0, 0, 0

    def run(self) -> Outcome:
        """Write rows until the budget, the jobs or a stall ends it; the outcome says which."""
        self._start, settings = self._clock(), self._settings
        self._jobs = self._generator.jobs(self._task, np.random.default_rng([settings.seed, settings.round]))
        while not self.outcome.stopped_by:
            if self._seconds_left <= 0:
                self.outcome.stopped_by = "seconds"
                break
            self._start_jobs()
            if self._active:
                self.outcome.stopped_by = self._ask_what_fits()
                self._advance_all()
            self._settle_in_order()
            if not (self._active or self._more_jobs or self.outcome.stopped_by):
                self.outcome.stopped_by = "jobs"
            self._on_progress(self.outcome, self.ledger)
        self._settle_the_rest()
        self.outcome.judged = judge_set(self.outcome.judged, self._filters, self._pool)
        return self.outcome

    def _start_jobs(self) -> None:
        wanted = self._settings.budget.rows - self._n_passed
        room = max(1, min(self._settings.together, wanted))
        for _ in range(room - len(self._active)):
            if not self._more_jobs:
                return
            job = next(self._jobs, None)
            most = self._settings.most_jobs
            if job is None or (most is not None and job.number >= most):
                self._more_jobs = False
                return
            active = _Active(job, self._generator.write(job, self._task))
            if self._resume(active, None):
                self._active.append(active)

    def _ask_what_fits(self) -> str:
        """Send the questions of all that wait, in job order, as far as the caps allow; the cap where none can be sent."""
        chosen: list[tuple[_Active, WriterQuestion]] = []
        obstacle, estimated = "", 0
        waiting = ((a, q) for a in self._active for q in a.waiting[len(a.answers) :])
        for active, question in islice(waiting, self._pace.n_within(self._seconds_left)):
            prompt, completion = self._bill(question)
            obstacle = self.ledger.reserve(prompt, completion, calls_of(question))
            if obstacle:
                break
            chosen.append((active, question))
            estimated += prompt
        if not chosen:
            return obstacle
        before, n_sent = self._clock(), self._asker.n_sent
        answers = self._asker.ask([question for _, question in chosen])
        self._pace.note(self._clock() - before, self._asker.n_sent - n_sent)
        self.ledger.settle(
            calls=sum(calls_of(question) for _, question in chosen),
            prompt_tokens=sum(one.prompt_tokens for one in answers),
            completion_tokens=sum(one.completion_tokens for one in answers),
            estimated=estimated,
        )
        for (active, question), answer in zip(chosen, answers, strict=True):
            active.answers.append(answer)
            active.asked.append((question, answer))
        return ""

    def _bill(self, question: WriterQuestion) -> tuple[int, int]:
        """The largest bill of a question; nothing where no cap needs it."""
        budget = self._settings.budget
        return (0, 0) if budget.tokens is None and budget.cost is None else self._asker.largest_bill(question)

    @property
    def _seconds_left(self) -> float:
        limit = self._settings.budget.seconds
        return math.inf if limit is None else limit - (self._clock() - self._start)

    def _advance_all(self) -> None:
        for active in list(self._active):
            if len(active.answers) < len(active.waiting):
                continue
            texts = [
                list(one.texts) or [""] * q.n for q, one in zip(active.waiting, active.answers, strict=True)
            ]
            if not self._resume(active, texts):
                self._active.remove(active)

    def _resume(self, active: _Active, texts: list[list[str]] | None) -> bool:
        """Hand texts to a job and take its next questions; False once it has ended."""
        failed = next((one for one in active.answers if one.failed), None)
        unasked = next((one for one in active.answers if one.out_of_reach), None)
        if failed is not None:
            return self._after(active, [DraftProblem("failed", failed.failed)])
        if unasked is not None:
            said = "The model could not be asked: the question is longer than its window, or refused by the endpoint."
            return self._after(active, [DraftProblem("not_answered", said)], again=False)
        try:
            questions = next(active.dialogue) if texts is None else active.dialogue.send(texts)
        except StopIteration as stop:
            return self._after(active, list(stop.value))
        n_asked = len(active.asked) + len(questions)
        if n_asked > self._settings.budget.questions_per_job or not questions:
            said = f"The job asks more than {self._settings.budget.questions_per_job} questions."
            return self._after(active, [DraftProblem("too_many_questions", said)], again=False)
        seeds = range(active.n_attempt, active.n_attempt + len(questions))
        active.n_attempt += len(questions)
        active.waiting = [self._settled(active, one, at) for one, at in zip(questions, seeds, strict=True)]
        active.answers = []
        return True

    def _after(self, active: _Active, came: list[SyntheticRow | DraftProblem], *, again: bool = True) -> bool:
        """Try a job again that gave no row, or end it."""
        rows = [self._with_model(active, one) for one in came if isinstance(one, SyntheticRow)]
        active.problems += [one for one in came if isinstance(one, DraftProblem)]
        budget = self._settings.budget
        again = again and not any(one.kind == "unsuitable" for one in active.problems)
        spent = len(active.asked) >= budget.questions_per_job
        if not rows and again and not spent and active.attempt + 1 < budget.attempts_per_job:
            active.attempt += 1
            active.n_attempt, active.waiting, active.answers = 0, [], []
            active.dialogue = self._generator.write(active.job, self._task)
            return self._resume(active, None)
        self._ended[active.job.number] = Ended(
            active.job, tuple(rows), tuple(active.problems), tuple(active.asked)
        )
        return False

    def _settled(self, active: _Active, question: WriterQuestion, place: int) -> WriterQuestion:
        settings = self._settings
        seed = seed_of(settings.seed, settings.round, active.job.number, active.attempt, place)
        return question.settled(
            seed=seed, temperature=settings.temperature, max_new_tokens=settings.max_new_tokens
        )

    def _with_model(self, active: _Active, row: SyntheticRow) -> SyntheticRow:
        """The row with who wrote it and what its attempt took."""
        mine = active.asked[len(active.asked) - active.n_attempt :]
        last = mine[-1][0] if mine else None
        about = replace(
            row.provenance,
            round=self._settings.round,
            attempt=active.attempt,
            model=self._asker.model.identity,
            prompt_hash=prompt_hash(last) if last else "",
            seed=last.seed if last else 0,
            temperature=float(last.temperature or 0.0) if last else 0.0,
            prompt_tokens=sum(one.prompt_tokens for _, one in mine),
            completion_tokens=sum(one.completion_tokens for _, one in mine),
        )
        return replace(row, provenance=about)

    def _settle_in_order(self) -> None:
        while self._next in self._ended and not self._is_full:
            self._settle(self._ended.pop(self._next))
            self._next += 1

    def _settle_the_rest(self) -> None:
        """What ended behind a job that the budget stopped, and what such jobs had asked by then, in order; then the last part."""
        for one in self._active:
            if one.asked:
                self._ended[one.job.number] = Ended(one.job, (), tuple(one.problems), tuple(one.asked))
        for number in sorted(self._ended):
            if not self._is_full:
                self._settle(self._ended[number])
        if self._block:
            self._on_part(self.outcome.n_jobs // PART_JOBS, self._block)

    @property
    def _is_full(self) -> bool:
        return self.outcome.stopped_by in ("rows", "stall")

    def _settle(self, ended: Ended) -> None:
        """Filter and count what came of a job."""
        outcome, budget = self.outcome, self._settings.budget
        outcome.n_jobs += 1
        for question, _ in ended.asked:
            outcome.asked.setdefault(prompt_hash(question), question)
        outcome.problems += [(ended.job.number, one) for one in ended.problems]
        fruits = [*judge_rows_until(ended.rows, self._filters, self._pool, budget.rows - self._n_passed)]
        outcome.judged += fruits
        n_good = sum(one.passed for one in fruits)
        self._n_passed += n_good
        if n_good:
            self._unproductive = 0
        else:
            self._unproductive += max(1, len(fruits))
        if self._n_passed >= budget.rows:
            outcome.stopped_by = "rows"
        elif self._unproductive >= budget.stall_rows and not outcome.stopped_by:
            outcome.stopped_by = "stall"
        self._block.append(ended)
        if outcome.n_jobs % PART_JOBS == 0:
            self._on_part(outcome.n_jobs // PART_JOBS - 1, self._block)
            self._block = []


def judge_rows_until(
    rows: Sequence[SyntheticRow], filters: Sequence[Chosen], pool: FilterPool, n_wanted: int
) -> Iterator[JudgedRow]:
    """Judge rows in order until so many have passed."""
    for row in rows:
        if n_wanted <= 0:
            return
        (judged,) = judge_rows([row], filters, pool)
        n_wanted -= judged.passed
        yield judged


def calls_of(question: WriterQuestion) -> int:
    """Calls that a question takes at most: clients ask once for each answer."""
    return question.n


def seed_of(*parts: int) -> int:
    """A seed that another attempt, job or question does not share: the cache would give back the same junk for ever."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()) % 2**31


def part_lines(jobs: Sequence[Ended]) -> bytes:
    """All that was asked for these jobs, as a part holds it; what failed is asked again."""
    asked = (pair for ended in jobs for pair in ended.asked)
    return b"".join(answer.line(question_key(question)) for question, answer in asked if not answer.failed)
