"""Refinements of a dataset in a table: a line for each with what sets it apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from tamis.actions.artifact_names import model_name, name_runs
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.refinements import budget_rows, is_cheap, is_static, n_rounds_asked, rounds_so_far
from tamis.actions.runs import Run
from tamis.store.workspace import Workspace


def refinement_table(workspace: Workspace, runs: Sequence[Run]) -> pd.DataFrame:
    """One line per run with what sets it apart."""
    names = name_runs(workspace, runs)
    return pd.DataFrame([_line(workspace, run, names[run.run_id]) for run in runs])


def _line(workspace: Workspace, run: Run, name: str) -> dict[str, object]:
    asked, made = n_rounds_asked(workspace, run), len(rounds_so_far(workspace, run))
    fallen = run.summary.get("fallen_fraction")
    trained = "cheap mode" if is_cheap(run) else model_name(str(run.options.get("model", "")))
    return {
        "state": STATE_WORDS[run.state],
        "what": name,
        "rounds": f"{made} of {asked}" if made != asked else f"{asked}",
        "budget": budget_rows(workspace, run),
        "trained": "–" if is_static(run) else trained,
        "flags": run.summary.get("n_flags", math.nan),
        "fallen": math.nan if fallen is None else 100 * float(fallen),
        "when": _when(run),
    }


def _when(run: Run) -> pd.Timestamp:
    return pd.Timestamp(run.created_at)
