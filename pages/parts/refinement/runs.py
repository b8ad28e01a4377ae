"""Refinements of a dataset in words: a line of the table for each, a short name, and what sets it apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from pages.shared.runs.job_words import STATE_WORDS
from pages.shared.wording import model_title
from tamis.actions.refinements import (
    budget_rows,
    control_of,
    is_cheap,
    is_static,
    n_rounds_asked,
    rounds_so_far,
)
from tamis.actions.runs import Run
from tamis.steps.refine.gaps import GAPS
from tamis.store.workspace import Workspace

CONTROLS = {
    "none": "Refinement",
    "shuffled_scores": "Shuffled scores",
    "random": "Random",
    "km_random": "kM-random",
    "kmq": "Static kMQ",
}
MODES: dict[str, str] = {
    "tested": "rounds pooled, tested",
    "pooled": "rounds pooled",
    "tamis": "round by round",
    "paper": "as in the paper",
    "released": "as released",
}


def refinement_table(workspace: Workspace, runs: Sequence[Run]) -> pd.DataFrame:
    """One line per run with what sets it apart."""
    return pd.DataFrame([_line(workspace, run) for run in runs])


def refinement_titles(runs: Sequence[Run]) -> dict[str, str]:
    """A short name for each run, unlike all others."""
    return {run.run_id: f"{say_run(run)} · {_when(run):%d %b %H:%M} · {run.run_id[:4]}" for run in runs}


def say_run(run: Run) -> str:
    """A run in a few words: what it is, and how it scores."""
    if is_static(run):
        return f"Control: {CONTROLS[control_of(run)]}"
    scorer = str(run.options.get("scorer", ""))
    parts = [GAPS[scorer].title if scorer in GAPS else scorer]
    parts.append(MODES[run.options["mode"]])
    if is_cheap(run):
        parts.append("cheap")
    if control_of(run) == "shuffled_scores":
        parts.insert(0, f"Control: {CONTROLS[control_of(run)]}")
    return " · ".join(parts)


def _line(workspace: Workspace, run: Run) -> dict[str, object]:
    asked, made = n_rounds_asked(workspace, run), len(rounds_so_far(workspace, run))
    fallen = run.summary.get("fallen_fraction")
    trained = "cheap mode" if is_cheap(run) else model_title(str(run.options.get("model", "")))
    return {
        "state": STATE_WORDS[run.state],
        "what": say_run(run),
        "rounds": f"{made} of {asked}" if made != asked else f"{asked}",
        "budget": budget_rows(workspace, run),
        "trained": "–" if is_static(run) else trained,
        "flags": run.summary.get("n_flags", math.nan),
        "fallen": math.nan if fallen is None else 100 * float(fallen),
        "when": _when(run),
    }


def _when(run: Run) -> pd.Timestamp:
    return pd.Timestamp(run.created_at)
