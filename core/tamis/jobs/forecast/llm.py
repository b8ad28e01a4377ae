"""What a run with a language model will take: questions, tokens, time and cost, from a timed sample of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.compute.cluster.levels import merge_clusters
from tamis.compute.cluster.naming import naming_prompt
from tamis.errors import InvalidOptions
from tamis.llms import LLMS
from tamis.llms.around import AroundModel
from tamis.protocols import Choices, LanguageModel, LogLikelihoods, Usage
from tamis.registry import parse_options
from tamis.scorers import SCORERS
from tamis.steps.examine.chunks import answer_limit, mark_rows
from tamis.steps.examine.marks import MARKS
from tamis.steps.examine.options import ExamineOptions
from tamis.steps.name_clusters.evidence import cluster_evidence
from tamis.steps.name_clusters.options import NamingOptions
from tamis.steps.plan import Plan, plan_step
from tamis.steps.propose.chunks import Models, propose_for, read_row_texts, same_client
from tamis.steps.propose.options import ProposeOptions
from tamis.steps.score.chunks import columns_read, combined, scorer_encoder, scorer_input
from tamis.steps.score.options import ScoreOptions
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import (
    EXAMPLES,
    count_examples,
    read_centroids,
    read_example_rows,
    read_text_lengths,
    read_vectors,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON, Int64s

SAMPLE_ROWS = 8
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class RoleForecast:
    """One model's part of a run: questions, tokens, seconds, and cost where the client's options give prices."""

    role: str
    llm: str
    n_calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class ModelsForecast:
    """A run over ``n_rows`` rows, judged by ``n_sampled`` of them; no role where no model is asked.

    ``load_s`` is what loading took just now, ``seconds`` all that follows. Answers kept from earlier runs would make it
    shorter and cheaper; nothing is assumed to be known.
    """

    n_rows: int
    n_sampled: int
    load_s: float
    seconds: float
    roles: tuple[RoleForecast, ...]

    @property
    def n_calls(self) -> int:
        """Questions of all roles together."""
        return sum(role.n_calls for role in self.roles)

    @property
    def n_tokens(self) -> int:
        """Tokens read and written by all roles together."""
        return sum(role.prompt_tokens + role.completion_tokens for role in self.roles)

    @property
    def cost(self) -> float | None:
        """All roles together; None when no client has prices."""
        known = [role.cost for role in self.roles if role.cost is not None]
        return sum(known) if known else None


class Metered(AroundModel):
    """A client that notes what its questions took."""

    def __init__(self, client: LanguageModel, clock: Clock) -> None:
        super().__init__(client)
        self._clock = clock
        self.spent = Usage()
        self.seconds = 0.0
        self.n_batches = 0

    def complete(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | Sequence[int] = 0,
        max_new_tokens: int = 256,
    ) -> list[list[str]]:
        """The client's answers."""
        with self._noted():
            return self._client.complete(
                prompts, n=n, temperature=temperature, seed=seed, max_new_tokens=max_new_tokens
            )

    def choose(self, prompts: Sequence[str], answers: Sequence[str]) -> Choices:
        """The client's probabilities."""
        with self._noted():
            return self._client.choose(prompts, answers)

    def loglikelihood(self, prompts: Sequence[str], responses: Sequence[str]) -> LogLikelihoods:
        """The client's likelihoods."""
        with self._noted():
            return self._client.loglikelihood(prompts, responses)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        before, start = self._client.usage, self._clock()
        yield
        self.seconds += self._clock() - start
        self.n_batches += 1
        self.spent = combined(self.spent, combined(self._client.usage, before, sign=-1))


ASKING_STEPS = ("score", "propose", "examine", "name_clusters")  # those whose work is asking language models


def forecast_models(
    store: ArtifactStore,
    dataset_id: str,
    step: str,
    values: Mapping[str, JSON],
    *,
    n_sample: int = SAMPLE_ROWS,
    clock: Clock = time.perf_counter,
) -> ModelsForecast:
    """Ask about a few rows, spread over the lengths, and scale up; their answers are not kept.

    Raises what planning and running the step raise, and InvalidOptions for a step that never asks a language model.
    """
    plan = plan_step(store, dataset_id, step, values)
    examples = store.examples(dataset_id)
    if isinstance(plan.options, ScoreOptions):
        return _score(store, plan, plan.options, n_sample, clock=clock)
    if isinstance(plan.options, NamingOptions):
        return _name(store, plan, plan.options, n_sample, clock=clock)
    if not isinstance(plan.options, ProposeOptions | ExamineOptions):
        raise InvalidOptions(
            f"{step!r} asks no language model, so there is nothing to sample: {', '.join(ASKING_STEPS)} do."
        )
    ids = (
        read_frozen(store.get(dataset_id, "rows", plan.inputs["within"]))
        if "within" in plan.inputs
        else np.arange(count_examples(examples), dtype=np.int64)
    )
    if isinstance(plan.options, ExamineOptions):
        return _examine(store, examples, plan.options, (ids, n_sample), clock=clock)
    return _propose(store, examples, plan.options, (ids, n_sample), clock=clock)


def sample_rows(lengths: Int64s, n_sample: int) -> Int64s:
    """Places of ``n_sample`` rows, ascending: the middles of equally large groups from the shortest to the longest."""
    order = np.argsort(lengths, kind="stable")
    n = min(n_sample, len(order))
    middles = ((np.arange(n) + 0.5) * len(order) / max(1, n)).astype(np.int64)
    return np.sort(order[middles]).astype(np.int64)


def _score(
    store: ArtifactStore, plan: Plan, options: ScoreOptions, n_sample: int, *, clock: Clock
) -> ModelsForecast:
    row = SCORERS[options.scorer]
    examples = store.examples(plan.dataset_id)
    n_rows = count_examples(examples)
    if not row.needs_llm or not n_rows:
        return ModelsForecast(n_rows, 0, 0.0, 0.0, ())
    picked = sample_rows(_lengths(examples), n_sample)
    client, load_s = _opened(options.llm, options.llm_options, store.workspace, clock)
    metered = Metered(client, clock)
    scorer = options.build("scorer")(options.chosen_options("scorer"))
    rows = read_example_rows(examples.file("examples.parquet"), picked, columns_read(row))
    sides = None
    if "embeddings" in plan.inputs:
        embeddings = store.get(plan.dataset_id, "embeddings", plan.inputs["embeddings"])
        sides = [read_vectors(embeddings, text)[picked] for text in ("prompt", "response")]
    start = clock()
    scorer.score(scorer_input(row, rows, sides, llm=metered, encode=scorer_encoder(options)))
    took = _Took((("score", options.llm, options.llm_options, metered),), clock() - start, load_s)
    return _scaled(took, min(options.sample_rows or n_rows, n_rows), len(picked))


def _name(
    store: ArtifactStore, plan: Plan, options: NamingOptions, n_sample: int, *, clock: Clock
) -> ModelsForecast:
    """A question for each cluster; the few about the groups above them are counted as clusters."""
    clustering = store.get(plan.dataset_id, "clustering", plan.inputs["clustering"])
    groups = cluster_evidence(store.examples(plan.dataset_id), clustering, options)
    above = merge_clusters(read_centroids(clustering), np.ones(len(groups), dtype=np.int64))
    prompts = [naming_prompt(one) for one in groups]
    picked = sample_rows(np.array([len(one) for one in prompts], dtype=np.int64), n_sample)
    client, load_s = _opened(options.llm, options.llm_options, store.workspace, clock)
    metered = Metered(client, clock)
    start = clock()
    metered.complete([prompts[i] for i in picked], max_new_tokens=options.max_new_tokens)
    took = _Took((("names", options.llm, options.llm_options, metered),), clock() - start, load_s)
    return _scaled(took, len(groups) + sum(int(one.max()) + 1 for one in above), len(picked))


def _propose(
    store: ArtifactStore,
    examples: Artifact,
    options: ProposeOptions,
    chosen: tuple[Int64s, int],
    *,
    clock: Clock,
) -> ModelsForecast:
    ids, n_sample = chosen
    if options.method != "correct" or not len(ids):
        return ModelsForecast(len(ids), 0, 0.0, 0.0, ())
    picked = ids[sample_rows(_lengths(examples)[ids], n_sample)]
    client, load_s = _opened(options.llm, options.llm_options, store.workspace, clock)
    other, other_s = client, 0.0
    if not same_client(options):
        other, other_s = _opened(options.judge, options.judge_options, store.workspace, clock)
    writer, judge = Metered(client, clock), Metered(other, clock)
    start = clock()
    propose_for(read_row_texts(examples.file("examples.parquet"), picked), Models(writer, judge), options)
    roles = (
        ("candidates", options.llm, options.llm_options, writer),
        ("judge", options.judge, options.judge_options, judge),
    )
    return _scaled(_Took(roles, clock() - start, load_s + other_s), len(ids), len(picked))


def _examine(
    store: ArtifactStore,
    examples: Artifact,
    options: ExamineOptions,
    chosen: tuple[Int64s, int],
    *,
    clock: Clock,
) -> ModelsForecast:
    ids, n_sample = chosen
    if not len(ids):
        return ModelsForecast(0, 0, 0.0, 0.0, ())
    if MARKS[options.mark].by == "answer":  # how answers are compared takes no model
        options = options.model_copy(update={"mark": "exact", "mark_options": {}})
    picked = ids[sample_rows(_lengths(examples)[ids], n_sample)]
    client, load_s = _opened(options.llm, options.llm_options, store.workspace, clock)
    other, other_s = client, 0.0
    judges = MARKS[options.mark].by == "judge"
    if judges and not options.judges_itself():
        other, other_s = _opened(options.judge, options.judge_options, store.workspace, clock)
    student, judge = Metered(client, clock), Metered(other, clock)
    gold = read_example_rows(examples.file(EXAMPLES), ids, ["response"])["response"].to_pylist()
    start = clock()
    rows = read_row_texts(examples.file(EXAMPLES), picked)
    mark_rows(rows, student, judge, options, answer_limit(options, [one or "" for one in gold]))
    roles = [("answers", options.llm, options.llm_options, student)]
    roles += [("judge", options.judge, options.judge_options, judge)] if judges else []
    return _scaled(_Took(tuple(roles), clock() - start, load_s + other_s), len(ids), len(picked))


@dataclass(frozen=True, slots=True)
class _Took:
    """What the sample took: the models by role, all of its seconds, and those of loading before it."""

    roles: tuple[tuple[str, str, dict[str, JSON], Metered], ...]
    seconds: float
    load_s: float


def _scaled(took: _Took, n_rows: int, n_sampled: int) -> ModelsForecast:
    factor = n_rows / n_sampled
    roles = []
    for role, llm, options, metered in took.roles:
        spent = metered.spent
        # A few rows cannot fill an endpoint that takes many questions at once.
        lanes = int(options.get("concurrency", 1))
        filled = min(1.0, spent.calls / max(1, metered.n_batches) / lanes)
        roles.append(
            RoleForecast(
                role=role,
                llm=llm,
                n_calls=round(spent.calls * factor),
                prompt_tokens=round(spent.prompt_tokens * factor),
                completion_tokens=round(spent.completion_tokens * factor),
                seconds=metered.seconds * factor * filled,
                cost=None if spent.cost is None else spent.cost * factor,
            )
        )
    own_s = max(0.0, took.seconds - sum(metered.seconds for *_, metered in took.roles))
    return ModelsForecast(
        n_rows, n_sampled, took.load_s, sum(role.seconds for role in roles) + own_s * factor, tuple(roles)
    )


def _opened(
    llm: str, options: Mapping[str, JSON], workspace: Path, clock: Clock
) -> tuple[LanguageModel, float]:
    """A client without the cache, after one small question that loads the model, and the seconds this took."""
    row = LLMS[llm]
    start = clock()
    client: LanguageModel = row.load()(parse_options(row.options, options), workspace / "cache" / "models")
    if "loglikelihood" in client.abilities:
        client.loglikelihood(["Hello"], ["Hello"])
    else:
        client.complete(["Hello"], max_new_tokens=1)
    return client, clock() - start


def _lengths(examples: Artifact) -> Int64s:
    """Characters of prompt and response of every row, shape (n,)."""
    return np.add(*read_text_lengths(examples))
