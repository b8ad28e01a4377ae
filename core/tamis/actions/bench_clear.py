"""What CLEAR would keep, correct and drop of planted faults, beside its controls (METHODS.md 2.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from tamis.compute.clear import clear
from tamis.steps.propose.chunks import Models, RowTexts, open_models, propose_for
from tamis.steps.propose.options import ProposeOptions
from tamis.types import Bools, Float32s

CHUNK_ROWS = 16


@dataclass(frozen=True, slots=True)
class Planted:
    """Rows with faults among them: what a model is asked, the responses as they are and as they were, and the truth."""

    asked: list[str]
    responses: list[str]
    gold: list[str]
    is_noisy: Bools


def clear_tables(
    planted: Planted,
    confidence: Float32s,
    options: ProposeOptions,
    *,
    workspace: Path,
    on_progress: Callable[[int, int], None],
) -> dict[str, dict[str, Any]]:
    """The tables of the filter and its controls, and of Auto-Correct (``correct``) where it was asked for."""
    tables = clear_filters(
        confidence,
        planted.is_noisy,
        options.seed,
        gamma=options.gamma,
        gamma_fraction=options.gamma_fraction,
    )
    if options.method == "correct":
        tables["correct"] = clear_corrected(
            planted, confidence, options, workspace=workspace, on_progress=on_progress
        )
    return tables


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
        table, _ = propose_for(RowTexts(ids, planted.asked[part], planted.responses[part]), models, options)
        candidates += table["candidate"].to_pylist()
        findings = cast("Sequence[clear.Finding]", table["found"].to_pylist())
        sure = table["verdict_confidence"].to_numpy().tolist()
        verdicts += [clear.Verdict(one, value) for one, value in zip(findings, sure, strict=True)]
        on_progress(len(verdicts), n)
    return candidates, verdicts


def _measured(proposals: clear.Proposals, is_noisy: Bools) -> dict[str, Any]:
    table = clear.confusion(proposals.action, is_noisy)
    precision, recall = clear.kept_precision_recall(table)
    return {"table": table, "precision": precision, "recall": recall}
