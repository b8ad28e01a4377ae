"""Fine-tuning runs of a dataset, and what is said of each."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten
from pages.shared.wording import duration
from tamis.actions.artifact_names import model_name, name_runs, names_in_view, rows_name
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.runs import Run, list_runs, read_run_curves
from tamis.recipes import RECIPES
from tamis.store.workspace import Workspace

STEP = "finetune"
MEASURES = {
    "exact_match": "Exact match",
    "token_f1": "Token F1",
    "rouge_l": "ROUGE-L",
    "json_valid": "Valid JSON",
}


def finetune_runs(workspace: Workspace, dataset_id: str) -> list[Run]:
    """Every fine-tuning of a dataset, newest first."""
    return list_runs(workspace, dataset_id, STEP)


def finetune_table(context: DatasetContext, runs: list[Run]) -> pd.DataFrame:
    """One line per run with the numbers to choose one by."""
    return pd.DataFrame(
        [
            {
                "state": STATE_WORDS[run.state],
                "model": model_name(str(run.options.get("model", ""))),
                "from": shorten(rows_title(context, run), 25),
                "rows": run.number("n_train"),
                "loss": _say_loss(run),
                "change": run.number("loss") - run.number("base_loss"),
                "took": duration(run.seconds) if run.seconds is not None else "",
                "when": pd.Timestamp(run.created_at),
            }
            for run in runs
        ]
    )


def finetune_titles(context: DatasetContext) -> dict[str, str]:
    """The name of every fine-tuning of the dataset, finished or not."""
    return name_runs(context.workspace, finetune_runs(context.workspace, context.dataset_id))


def recipe_title(run: Run) -> str:
    """The recipe in words."""
    name = str(run.options.get("recipe", ""))
    return RECIPES[name].title if name in RECIPES else name


def rows_title(context: DatasetContext, run: Run) -> str:
    """What the rows were taken from: a selection, a tag, a filter, or everything."""
    return rows_name(context.workspace, run, names_in_view(context.view, "selection"))


def curves_of(workspace: Workspace, run: Run) -> pd.DataFrame:
    """Points of its curves: name, step, value."""
    if run.artifact is not None:
        return _stored_curves(str(run.artifact.path), _workspace=workspace, _run=run)
    return read_run_curves(workspace, run).to_pandas()


@st.cache_data(max_entries=32, show_spinner=False)
def _stored_curves(path: str, *, _workspace: Workspace, _run: Run) -> pd.DataFrame:
    return read_run_curves(_workspace, _run).to_pandas()


def _say_loss(run: Run) -> str:
    base, loss = run.number("base_loss"), run.number("loss")
    return "" if math.isnan(loss) else f"{base:.2f} → {loss:.2f}"
