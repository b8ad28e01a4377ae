"""Plant faults in a file, score it, and say how well each score finds them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tamis.actions.bench_clear import Planted, clear_tables
from tamis.compute.clear.alignment import background_alignment
from tamis.compute.clear.noise import NOISE_KINDS, NoiseKind, plant_noise
from tamis.compute.compare.metrics import auroc, kept_half
from tamis.encoders import open_encoder
from tamis.encoders.cache import VectorCache, text_key
from tamis.errors import UnknownName
from tamis.llms import open_llm
from tamis.protocols import LanguageModel
from tamis.registry import parse_options
from tamis.scorers import SCORERS, ScorerInput
from tamis.steps.chat_prompts import asked_prompt
from tamis.steps.import_file.identify import plan_import
from tamis.steps.propose.options import ProposeOptions
from tamis.types import JSON, Float32s, Int64s

# What is measured unless others are named: everything that the bundled models answer in about the same time.
USUAL = ("confidence", "alignment", "defects", "pmi", "ifd", "perplexity")


@dataclass(frozen=True, slots=True)
class NoiseRows:
    """The texts of a file; ``asked`` is what a model is asked, which keeps the turns of a conversation apart."""

    prompts: list[str]
    responses: list[str]
    asked: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBench:
    """What to plant in which rows, and what to measure; the confidence always is.

    ``n_rows`` 0 takes all, otherwise always the same ones; ``max_turns`` 0 takes conversations of any length. ``clear``
    also tells what CLEAR would keep, correct and drop.
    """

    noise: NoiseKind = "swap"
    rate_fraction: float = 0.2
    seed: int = 0
    n_rows: int = 0
    max_turns: int = 0
    scores: tuple[str, ...] = USUAL
    llm: str = "smollm2"
    llm_options: Mapping[str, JSON] = field(default_factory=dict)
    clear: ProposeOptions | None = None


@dataclass(frozen=True, slots=True)
class NoiseFound:
    """The AUROC of every score, precision and recall of the half that the confidence keeps, and CLEAR's tables."""

    n_rows: int
    noisy_rows: Int64s  # their numbers in the file that was scored, ascending
    auroc: Mapping[str, float]
    precision: float
    recall: float
    llm_identity: str
    clear: Mapping[str, dict[str, Any]]


def bench_noise(
    path: Path, bench: NoiseBench, *, workspace: Path, on_progress: Callable[[int, int], None]
) -> NoiseFound:
    """Plant the faults and measure; ``on_progress`` is told the rows that CLEAR has asked about, and all rows.

    Raises UnknownName for a kind of noise or a score, UnreadableFile, and what models raise.
    """
    if bench.noise not in NOISE_KINDS:
        raise UnknownName("noise", bench.noise, NOISE_KINDS)
    rows = read_noise_rows(path, max_turns=bench.max_turns, limit=bench.n_rows)
    noisy = plant_noise(
        bench.noise, rows.prompts, rows.responses,
        rate_fraction=bench.rate_fraction, rng=np.random.default_rng(bench.seed),
    )  # fmt: skip
    llm = open_llm(bench.llm, bench.llm_options, workspace=workspace)
    names = list(dict.fromkeys(["confidence", *bench.scores]))
    columns = score_rows(NoiseRows(rows.prompts, noisy.responses, rows.asked), names, llm, workspace)
    good = ~noisy.is_noisy
    precision, recall = kept_half(columns["confidence"], good)
    tables = {}
    if bench.clear:
        planted = Planted(rows.asked, noisy.responses, rows.responses, noisy.is_noisy)
        tables = clear_tables(
            planted, columns["confidence"], bench.clear, workspace=workspace, on_progress=on_progress
        )
    return NoiseFound(
        len(good), np.flatnonzero(noisy.is_noisy), {name: auroc(score, good) for name, score in columns.items()},
        precision, recall, llm.identity, tables,
    )  # fmt: skip


def read_noise_rows(path: Path, *, max_turns: int, limit: int) -> NoiseRows:
    """Prompts and responses of a file, as importing it would read them; of ``limit`` of them, always the same, when it is not 0.

    Raises UnreadableFile for a file that no format fits.
    """
    table = _imported(path)
    prompts, responses, messages, meta = (
        [str(value) for value in table.column(name).to_pylist()]
        for name in ("prompt", "response", "messages", "meta")
    )
    turns = np.array([sum(m.get("role") == "assistant" for m in orjson.loads(text)) for text in messages])
    kept = np.flatnonzero((turns <= max_turns) if max_turns else turns > -1)
    if limit:
        kept = np.random.default_rng(0).permutation(kept)[:limit]  # the same rows whatever is planted
    asked = [asked_prompt(messages[i], prompts[i], meta[i]) for i in kept]
    return NoiseRows([prompts[i] for i in kept], [responses[i] for i in kept], asked)


def _imported(path: Path) -> pa.Table:
    from tamis.steps.execute import Task, execute
    from tamis.steps.plan import plan_step
    from tamis.store.artifacts.readers import read_examples
    from tamis.store.artifacts.store import ArtifactStore

    plan = plan_import([str(path)])
    # Kept apart from the workspace: measuring a file is not importing it.
    with tempfile.TemporaryDirectory() as folder:
        store = ArtifactStore(Path(folder))
        made = plan_step(store, plan.dataset_id, "import", plan.options)
        task = Task(plan.dataset_id, "import", made.options.model_dump(mode="json"), {}, {}, made.artifact_id)
        examples = execute(store, task, _Silent())
        return read_examples(examples, ["prompt", "response", "messages", "meta"])


class _Silent:
    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nobody watches."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nobody watches."""


def score_rows(rows: NoiseRows, names: list[str], llm: LanguageModel, workspace: Path) -> dict[str, Float32s]:
    """Score (n,) of each name with default options, over the bundled encoder's vectors."""
    encoder = open_encoder("minilm")
    cache = VectorCache(workspace / "cache" / "vectors", encoder.identity, encoder.dimension)

    def encode(texts: list[str]) -> Float32s:
        keys = [text_key(text) for text in texts]
        vectors, known = cache.get(keys)
        missing = np.flatnonzero(~known)
        if missing.size:
            vectors[missing] = encoder.encode([texts[i] for i in missing])
            cache.put([keys[i] for i in missing], vectors[missing])
        return vectors

    prompts, responses = encode(rows.prompts), encode(rows.responses)
    reading = ScorerInput(
        prompts=rows.asked,
        responses=rows.responses,
        prompt_vectors=prompts,
        response_vectors=responses,
        background=background_alignment(prompts, responses),
        llm=llm,
        encode=lambda texts: encode(list(texts)),
    )
    scores = {}
    for name in names:
        options = parse_options(SCORERS[name].options, {})
        scores[name] = SCORERS[name].load()(options).score(reading)["score"]
    return scores
