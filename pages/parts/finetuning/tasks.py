"""What base and tuned model reached in tasks of the lm-evaluation-harness."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.wording import table_height
from tamis.actions.evaluations import VERDICT_RULE, TaskChange, task_changes
from tamis.actions.runs import Run

MOST_PX = 420


def show_tasks(run: Run) -> None:
    """A table with a line per task and metric; nothing where no task was asked."""
    table = task_table(run)
    if table.empty:
        return
    st.markdown("**Tasks of the lm-evaluation-harness**")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        table, hide_index=True, height=table_height(len(table), MOST_PX), placeholder="–",
        column_config={
            "task": text("Task", width=180, pinned=True),
            "metric": text("Metric", width=120),
            "base": number("Base", format="%.3f"),
            "tuned": number("Tuned", format="%.3f"),
            "change": number("Change", format="%+.3f"),
            "low": number("From", format="%+.3f", help="95 % interval of the change."),
            "high": number("To", format="%+.3f"),
            "said": text("", width=96),
            "n": number("Rows", format="localized"),
        },
        alt="What both models reached in tasks of the lm-evaluation-harness",
    )  # fmt: skip
    st.caption(_say_rule(run))
    limit = run.options.get("lm_eval_limit")
    if limit:
        st.caption(
            f"At most {int(limit):,} rows of each task were asked: good for a glance, not to be quoted."
        )


def _say_rule(run: Run) -> str:
    """How the verdicts were reached, and which intervals are wider than they need be."""
    changes = task_changes(run.summary.get("lm_eval") or ())
    if all(one.change is None or one.change.paired for one in changes):
        return VERDICT_RULE
    return f"{VERDICT_RULE} Where a run kept no single answers, the interval is of two unrelated samples, which is wider."


def task_table(run: Run) -> pd.DataFrame:
    """Columns task, metric, base, tuned, change, low, high, said (Better, Worse, Not clear, or nothing), n."""
    lines = [_line(one) for one in task_changes(run.summary.get("lm_eval") or ())]
    return pd.DataFrame(
        lines, columns=["task", "metric", "base", "tuned", "change", "low", "high", "said", "n"]
    )


def _line(one: TaskChange) -> dict[str, object]:
    entry, change = one.entry, one.change
    reach = {} if change is None else {"change": change.mean, "low": change.low, "high": change.high}
    return {
        "task": str(entry["task"]), "metric": entry["metric"], "base": entry.get("base"), "tuned": entry["value"],
        "said": one.said.capitalize(), "n": entry.get("n"), **reach,
    }  # fmt: skip
