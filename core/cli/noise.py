"""bench-noise: plant faults in a file, score it, and say how well each score finds them."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from core.cli.session import Session
from core.compute import clear
from core.compute.metrics import auroc, kept_half
from core.compute.noise import NOISE_KINDS, plant_noise
from core.encoders import open_encoder
from core.encoders.cache import VectorCache, text_key
from core.errors import InvalidOptions
from core.llms import open_llm
from core.protocols import LanguageModel
from core.registry import Options, parse_options
from core.scorers import SCORERS, ScorerInput
from core.steps.identify import plan_import
from core.types import Bools, Float32s

DONE = 0
# What is measured unless others are named: everything that the bundled models answer in about the same time.
USUAL = ("confidence", "alignment", "defects", "pmi", "ifd", "perplexity")


@dataclass(frozen=True, slots=True)
class Rows:
    """The texts of a file."""

    prompts: list[str]
    responses: list[str]


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
    parser.add_argument(
        "--clear",
        action="store_true",
        help="also tell what CLEAR's filter, a random one and the oracle would drop",
    )
    parser.add_argument("--truth", default="", help="write which rows were changed to this file")


def bench_noise(session: Session, parsed: argparse.Namespace) -> int:
    """Print the AUROC of every score, and precision and recall of the half that the default confidence keeps."""
    rows = read_rows(Path(parsed.path), max_turns=parsed.max_turns, limit=parsed.rows)
    rng = np.random.default_rng(parsed.seed)
    noisy = plant_noise(parsed.noise, rows.prompts, rows.responses, rate_fraction=parsed.rate, rng=rng)
    if parsed.truth:
        truth = {"noise": parsed.noise, "seed": parsed.seed, "rows": np.flatnonzero(noisy.is_noisy).tolist()}
        Path(parsed.truth).write_bytes(orjson.dumps(truth))
    names = list(dict.fromkeys(["confidence", *(parsed.score or USUAL)]))
    llm = open_llm(parsed.llm, _json(parsed.llm_options), workspace=session.workspace)
    columns = score_rows(Rows(rows.prompts, noisy.responses), names, llm, session.workspace)
    good = ~noisy.is_noisy
    found = {name: auroc(score, good) for name, score in columns.items()}
    precision, recall = kept_half(columns["confidence"], good)
    changed = int(noisy.is_noisy.sum())
    session.show(
        f"{parsed.path}: {len(good):,} rows, {changed:,} changed by {parsed.noise!r}, seed {parsed.seed}"
    )
    session.show("\n".join(f"  {name:20} AUROC {value:.3f}" for name, value in found.items()))
    session.show(f"  kept half            precision {precision:.3f}, recall {recall:.3f}")
    filters = clear_filters(columns["confidence"], noisy.is_noisy, parsed.seed) if parsed.clear else {}
    for name, table in filters.items():
        session.show(filter_lines(name, table))
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
        | ({"clear": filters} if parsed.clear else {})
    )
    return DONE


def clear_filters(confidence: Float32s, is_noisy: Bools, seed: int) -> dict[str, dict[str, Any]]:
    """{noisy, clean} x {kept, corrected, dropped} with precision and recall of the kept, by filter (methods.md 2.4).

    ``filter`` keeps what is above the median confidence, ``random`` as many rows at random, ``oracle`` the clean ones.
    """
    rows = np.arange(len(confidence), dtype=np.int64)
    level = clear.threshold(confidence)
    filtered = clear.auto_filter(confidence, level.gamma)
    n_kept = int((filtered.action == "keep").sum())
    made = {
        "filter": filtered,
        "random": clear.random_control(len(rows), n_kept, np.random.default_rng(seed)),
        "oracle": clear.oracle_control(rows, rows[is_noisy]),
    }
    found = {}
    for name, proposals in made.items():
        table = clear.confusion(proposals.action, is_noisy)
        precision, recall = clear.kept_precision_recall(table)
        found[name] = {"table": table, "precision": precision, "recall": recall}
    return found


def filter_lines(name: str, found: Mapping[str, Any]) -> str:
    """The table of one filter for a person; filters correct nothing, so that column is left out."""
    table = found["table"]
    lines = [f"  {name:20} precision {found['precision']:.3f}, recall {found['recall']:.3f}"]
    lines += [
        f"    {kind:18} {counts['kept']:,} kept, {counts['dropped']:,} dropped"
        for kind, counts in table.items()
    ]
    return "\n".join(lines)


def _json(text: str) -> Mapping[str, object]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidOptions(f"--llm-options wants JSON; {text!r} is not ({error}).") from error
    if not isinstance(values, dict):
        raise InvalidOptions(f"--llm-options wants an object of options, not {text!r}.")
    return values


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
    return Rows([prompts[i] for i in kept], [responses[i] for i in kept])


def _imported(path: Path) -> pa.Table:
    from core.steps.execute import Task, execute
    from core.steps.plan import plan_step
    from core.store.artifacts import ArtifactStore
    from core.store.readers import read_examples

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
