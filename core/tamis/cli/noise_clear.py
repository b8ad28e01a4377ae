"""bench-noise --clear: what CLEAR would keep, correct and drop of planted faults, beside its controls (METHODS.md 2.4)."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson

from tamis.compute.clear import clear
from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.steps.propose.chunks import (
    Models,
    RowTexts,
    open_models,
    proposals_of,
)
from tamis.steps.propose.options import ProposeOptions
from tamis.types import (
    JSON,
    Bools,
    Float32s,
)

METHODS = ("filter", "correct")
# The flags of `tamis run propose` that say something here; the score, the seed and --llm are the command's own.
SHARED = (
    "gamma_fraction", "gamma", "eta", "max_new_tokens", "temperature", "judge", "judge_options", "judge_samples",
    "judge_beta_fraction", "judge_characters",
)  # fmt: skip
CHUNK_ROWS = 16


@dataclass(frozen=True, slots=True)
class Planted:
    """Rows with faults among them: what a model is asked, the responses as they are and as they were, and the truth."""

    asked: list[str]
    responses: list[str]
    gold: list[str]
    is_noisy: Bools


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of --clear, those of Auto-Correct under the names that ``tamis run propose`` has for them."""
    parser.add_argument(
        "--clear",
        action="store_true",
        help="also tell what CLEAR's filter, a random one and the oracle would keep and drop",
    )
    parser.add_argument(
        "--clear-method",
        choices=METHODS,
        default=None,
        help="the same, and with correct also Auto-Correct: candidates by --llm, verdicts by --judge",
    )
    parser.add_argument(
        "--writer",
        default="",
        help="language model of the candidates, when another than --llm scores the rows",
    )
    parser.add_argument("--writer-options", default="{}", help="its options as JSON")
    for name in SHARED:
        described = (ProposeOptions.model_fields[name].description or "").replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", default=None, metavar="VALUE", help=described)


def clear_options(parsed: argparse.Namespace) -> ProposeOptions | None:
    """What --clear asks for, None when it asks for nothing; raises InvalidOptions and UnknownName."""
    if not (parsed.clear or parsed.clear_method):
        return None
    values: dict[str, JSON] = {"method": parsed.clear_method or "filter", "seed": parsed.seed}
    values |= {name: getattr(parsed, name) for name in SHARED if getattr(parsed, name) is not None}
    if "judge_options" in values:
        values["judge_options"] = json_options("--judge-options", values["judge_options"])
    if parsed.writer:
        values |= {
            "llm": parsed.writer,
            "llm_options": json_options("--writer-options", parsed.writer_options),
        }
    else:
        values |= {"llm": parsed.llm, "llm_options": json_options("--llm-options", parsed.llm_options)}
    options = parse_options(ProposeOptions, values)
    assert isinstance(options, ProposeOptions)
    return options


def json_options(flag: str, text: str) -> dict[str, JSON]:
    """An object of options; raises InvalidOptions for anything else."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidOptions(f"{flag} wants JSON; {text!r} is not ({error}).") from error
    if not isinstance(values, dict):
        raise InvalidOptions(f"{flag} wants an object of options, not {text!r}.")
    return values


def clear_filters(
    confidence: Float32s,
    is_noisy: Bools,
    seed: int,
    *,
    gamma: float | None = None,
    gamma_fraction: float = 0.5,
) -> dict[str, dict[str, Any]]:
    """{noisy, clean} x {kept, corrected, dropped} with precision and recall of the kept, by filter (METHODS.md 2.4).

    ``filter`` keeps what is above γ (the median confidence), ``random`` as many rows at random, ``oracle`` the clean
    ones.
    """
    rows = np.arange(len(confidence), dtype=np.int64)
    level = clear.threshold(confidence, gamma=gamma, gamma_fraction=gamma_fraction)
    filtered = clear.auto_filter(confidence, level.gamma)
    n_kept = int((filtered.action == "keep").sum())
    made = {
        "filter": filtered,
        "random": clear.random_control(len(rows), n_kept, np.random.default_rng(seed)),
        "oracle": clear.oracle_control(rows, rows[is_noisy]),
    }
    return {name: _measured(proposals, is_noisy) for name, proposals in made.items()}


def clear_corrected(
    planted: Planted,
    confidence: Float32s,
    options: ProposeOptions,
    *,
    workspace: Path,
    on_progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """The same table for Auto-Correct, with what came of the rows by outcome and ``gold_fraction``: the share of the
    corrections that say what the response said before a fault was planted. Clean rows count too; NaN without any.

    ``on_progress`` is told the rows done and all rows. Raises what the models raise.
    """
    candidates, verdicts = _asked(planted, open_models(options, workspace), options, on_progress)
    level = clear.threshold(confidence, gamma=options.gamma, gamma_fraction=options.gamma_fraction)
    done = clear.auto_correct(confidence, level.gamma, verdicts, options.eta)
    counts = Counter(done.outcome.tolist())
    return _measured(done, planted.is_noisy) | {
        "gold_fraction": clear.gold_fraction(done.action, candidates, planted.gold),
        "outcomes": {name: counts[name] for name in clear.OUTCOMES if counts[name]},
    }


def _asked(
    planted: Planted, models: Models, options: ProposeOptions, on_progress: Callable[[int, int], None]
) -> tuple[list[str | None], list[clear.Verdict]]:
    """Candidates and verdicts, some rows at a time, so that a person sees it go on."""
    n, candidates, verdicts = len(planted.asked), list[str | None](), list[clear.Verdict]()
    for start in range(0, n, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        ids = list(range(start, min(start + CHUNK_ROWS, n)))
        table, _ = proposals_of(RowTexts(ids, planted.asked[part], planted.responses[part]), models, options)
        candidates += table["candidate"].to_pylist()
        found = cast("Sequence[clear.Finding]", table["found"].to_pylist())
        sure = table["verdict_confidence"].to_numpy().tolist()
        verdicts += [clear.Verdict(one, value) for one, value in zip(found, sure, strict=True)]
        on_progress(len(verdicts), n)
    return candidates, verdicts


def _measured(proposals: clear.Proposals, is_noisy: Bools) -> dict[str, Any]:
    table = clear.confusion(proposals.action, is_noisy)
    precision, recall = clear.kept_precision_recall(table)
    return {"table": table, "precision": precision, "recall": recall}


def filter_lines(name: str, found: Mapping[str, Any]) -> str:
    """The table of one method for a person; filters correct nothing, so that column is Auto-Correct's alone."""
    lines = [f"  {name:20} precision {found['precision']:.3f}, recall {found['recall']:.3f}"]
    for kind, counts in found["table"].items():
        corrected = f"{counts['corrected']:,} corrected, " if "outcomes" in found else ""
        lines.append(f"    {kind:18} {counts['kept']:,} kept, {corrected}{counts['dropped']:,} dropped")
    if "outcomes" in found:
        said = ", ".join(f"{number:,} {outcome}" for outcome, number in found["outcomes"].items())
        lines.append(f"    outcomes           {said}")
        if found["gold_fraction"] == found["gold_fraction"]:
            lines.append(f"    corrected to gold  {found['gold_fraction']:.3f}")
    return "\n".join(lines)
