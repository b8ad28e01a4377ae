"""What base and tuned model reached in tasks of the lm-evaluation-harness."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.wording import table_height
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
            "error": number("± error", format="%.3f", help="Standard error of the tuned model's value."),
            "said": text("", width=96),
            "n": number("Rows", format="localized"),
        },
        alt="What both models reached in tasks of the lm-evaluation-harness",
    )  # fmt: skip
    limit = run.options.get("lm_eval_limit")
    if limit:
        st.caption(
            f"At most {int(limit):,} rows of each task were asked: good for a glance, not to be quoted."
        )


def task_table(run: Run) -> pd.DataFrame:
    """Columns task, metric, base, tuned, change, error, said (Better, Worse, Within the error, Unchanged), n."""
    lines = [_line(one) for one in run.summary.get("lm_eval") or ()]
    return pd.DataFrame(lines, columns=["task", "metric", "base", "tuned", "change", "error", "said", "n"])


def _line(one: dict[str, object]) -> dict[str, object]:
    base, tuned = one.get("base"), one["value"]
    change = float(str(tuned)) - float(str(base)) if base is not None else None
    errors = [float(str(one[name])) for name in ("stderr", "base_stderr") if one.get(name) is not None]
    return {
        "task": str(one["task"]), "metric": one["metric"], "base": base, "tuned": tuned, "change": change,
        "error": one.get("stderr"), "said": _say(change, errors, one.get("higher_is_better")), "n": one.get("n"),
    }  # fmt: skip


def _say(change: float | None, errors: list[float], higher_is_better: object) -> str:
    """What became of a value; a change smaller than the errors of both together is no news."""
    if change is None or not isinstance(higher_is_better, bool):
        return ""
    if change == 0:
        return "Unchanged"
    if abs(change) < sum(error**2 for error in errors) ** 0.5:
        return "Within the error"
    return "Better" if (change > 0) == higher_is_better else "Worse"
