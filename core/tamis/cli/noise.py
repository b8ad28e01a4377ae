"""bench-noise: plant faults in a file, score it, and say how well each score finds them."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tamis.cli import noise_clear
from tamis.cli.session import Session
from tamis.compute.clear.noise import NOISE_KINDS, plant_noise
from tamis.compute.compare.metrics import auroc, kept_half
from tamis.encoders import open_encoder
from tamis.encoders.cache import VectorCache, text_key
from tamis.llms import open_llm
from tamis.protocols import LanguageModel
from tamis.registry import Options, parse_options
from tamis.scorers import SCORERS, ScorerInput
from tamis.steps.chat_prompts import asked_prompt
from tamis.steps.import_file.identify import plan_import
from tamis.steps.propose.options import ProposeOptions
from tamis.types import Float32s

DONE = 0
# What is measured unless others are named: everything that the bundled models answer in about the same time.
USUAL = ("confidence", "alignment", "defects", "pmi", "ifd", "perplexity")


@dataclass(frozen=True, slots=True)
class Rows:
    """The texts of a file; ``asked`` is what a model is asked, which keeps the turns of a conversation apart."""

    prompts: list[str]
    responses: list[str]
    asked: list[str]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of ``tamis bench-noise``."""
    parser.add_argument("path", help="any file that can be imported")
    parser.add_argument("--noise", choices=NOISE_KINDS, default="swap", help="what to plant")
    parser.add_argument("--rate", type=float, default=0.2, help="fraction of rows to change")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument(
        "--rows", type=int, default=0, help="use only so many rows, always the same ones (0: all)"
    )
    parser.add_argument(
        "--max-turns", type=int, default=0, help="use only conversations of so many turns (0: all)"
    )
    parser.add_argument(
        "--score", action="append", default=[], help="score to measure besides confidence, repeatable"
    )
    parser.add_argument("--llm", default="smollm2", help="language model")
    parser.add_argument("--llm-options", default="{}", help="its options as JSON")
    noise_clear.add_flags(parser)
    parser.add_argument("--truth", default="", help="write which rows were changed to this file")


def bench_noise(session: Session, parsed: argparse.Namespace) -> int:
    """Print the AUROC of every score, and precision and recall of the half that the default confidence keeps."""
    clearing = noise_clear.clear_options(parsed)  # what is wrong with it is said before anything is scored
    rows = read_rows(Path(parsed.path), max_turns=parsed.max_turns, limit=parsed.rows)
    rng = np.random.default_rng(parsed.seed)
    noisy = plant_noise(parsed.noise, rows.prompts, rows.responses, rate_fraction=parsed.rate, rng=rng)
    if parsed.truth:
        truth = {"noise": parsed.noise, "seed": parsed.seed, "rows": np.flatnonzero(noisy.is_noisy).tolist()}
        Path(parsed.truth).write_bytes(orjson.dumps(truth))
    names = list(dict.fromkeys(["confidence", *(parsed.score or USUAL)]))
    given = noise_clear.json_options("--llm-options", parsed.llm_options)
    llm = open_llm(parsed.llm, given, workspace=session.workspace.path)
    columns = score_rows(Rows(rows.prompts, noisy.responses, rows.asked), names, llm, session.workspace.path)
    good = ~noisy.is_noisy
    found = {name: auroc(score, good) for name, score in columns.items()}
    precision, recall = kept_half(columns["confidence"], good)
    changed = int(noisy.is_noisy.sum())
    session.show(
        f"{parsed.path}: {len(good):,} rows, {changed:,} changed by {parsed.noise!r}, seed {parsed.seed}"
    )
    session.show("\n".join(f"  {name:20} AUROC {value:.3f}" for name, value in found.items()))
    session.show(f"  kept half            precision {precision:.3f}, recall {recall:.3f}")
    planted = noise_clear.Planted(rows.asked, noisy.responses, rows.responses, noisy.is_noisy)
    tables = clear_tables(session, planted, columns["confidence"], clearing) if clearing else {}
    for name, table in tables.items():
        session.show(noise_clear.filter_lines(name, table))
    session.result(
        {
            "noise": parsed.noise,
            "rate": parsed.rate,
            "seed": parsed.seed,
            "n_rows": len(good),
            "n_noisy": changed,
            "auroc": found["confidence"],
            "scores": found,
            "kept_half": {"precision": precision, "recall": recall},
            "llm": llm.identity,
        }
        | ({"clear": tables} if clearing else {})
    )
    return DONE


def clear_tables(
    session: Session, planted: noise_clear.Planted, confidence: Float32s, options: ProposeOptions
) -> dict[str, dict[str, Any]]:
    """The tables of the filter and its controls, and of Auto-Correct (``correct``) where it was asked for."""
    tables = noise_clear.clear_filters(
        confidence,
        planted.is_noisy,
        options.seed,
        gamma=options.gamma,
        gamma_fraction=options.gamma_fraction,
    )
    if options.method == "correct":
        tables["correct"] = noise_clear.clear_corrected(
            planted,
            confidence,
            options,
            workspace=session.workspace.path,
            on_progress=lambda done, n: session.say(f"candidates and verdicts: {done:,} of {n:,} rows"),
        )
    return tables


def read_rows(path: Path, *, max_turns: int, limit: int) -> Rows:
    """Prompts and responses of a file, as importing it would read them; of ``limit`` of them, always the same, when it is not 0.

    Raises UnreadableFile for a file that no format fits.
    """
    table = _imported(path)
    prompts, responses, messages = (
        [str(value) for value in table.column(name).to_pylist()]
        for name in ("prompt", "response", "messages")
    )
    turns = np.array([sum(m.get("role") == "assistant" for m in orjson.loads(text)) for text in messages])
    kept = np.flatnonzero((turns <= max_turns) if max_turns else turns > -1)
    if limit:
        kept = np.random.default_rng(0).permutation(kept)[:limit]  # the same rows whatever is planted
    asked = [asked_prompt(messages[i], prompts[i]) for i in kept]
    return Rows([prompts[i] for i in kept], [responses[i] for i in kept], asked)


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
        return read_examples(examples, ["prompt", "response", "messages"])


class _Silent:
    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nobody watches."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nobody watches."""


def score_rows(rows: Rows, names: list[str], llm: LanguageModel, workspace: Path) -> dict[str, Float32s]:
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

    reading = ScorerInput(
        prompts=rows.prompts,
        responses=rows.responses,
        prompt_vectors=encode(rows.prompts),
        response_vectors=encode(rows.responses),
        llm=llm,
        encode=lambda texts: encode(list(texts)),
    )
    found = {}
    for name in names:
        options: Options = parse_options(SCORERS[name].options, {})
        found[name] = SCORERS[name].load()(options).score(reading)["score"]
    return found
