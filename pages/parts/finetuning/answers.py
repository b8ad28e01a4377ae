"""The same held-out prompts answered by the base model and the tuned one, beside the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from pages.parts.finetuning import stats
from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain, shorten
from pages.shared.rows.turns import MAX_TURN_CHARS
from pages.shared.runs.finetune_runs import MEASURES
from tamis.store.artifacts.store import Artifact

OPENED, ORDER = "answer", "answers_by"
EVERY = "All clusters"
ORDERS = {
    "Most improved": ("change", True),
    "Most harmed": ("change", False),
    "Row": ("example_id", True),
}
MAX_CELL_CHARS = 160
LIST_PX = 318
MOST_LINES, LINE_PX = 12, 24


def show_answers(context: DatasetContext, artifact: Artifact) -> None:
    """A list of prompts to choose from, and one of them with its three answers."""
    table = stats.answers(context, artifact)
    if table.empty:
        st.caption("No answer was generated: ask for some in the form of the next run.")
        return
    table = table.assign(change=table["loss"] - table["base_loss"])
    shown = _choose(context, table)
    opened = _opened(shown)
    place = st.container()
    _show_list(context, shown, opened)
    with place:
        _show_row(context, shown, opened)


def show_answer(text: object, *, height: int | Literal["content", "stretch"] = "content") -> None:
    """Text of a dataset or a model as it is, in a frame of its own."""
    words = "" if text is None else str(text)
    with st.container(border=True, height=height):
        if words.strip():
            st.text(words[:MAX_TURN_CHARS])
        else:
            st.caption("empty")


def frame_height(texts: Sequence[object], *, columns: int) -> int | Literal["stretch"]:
    """As high as the longest of some texts beside each other, up to a height from which they scroll."""
    per_line = 96 // columns
    lines = max(sum(1 + len(line) // per_line for line in str(text or "").split("\n")) for text in texts)
    return "stretch" if lines <= MOST_LINES else MOST_LINES * LINE_PX


def _choose(context: DatasetContext, table: pd.DataFrame) -> pd.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = st.segmented_control(
            "Order", list(ORDERS), default=next(iter(ORDERS)), required=True, key=ORDER, bind="query-params",
            label_visibility="collapsed", on_change=_forget,
        )  # fmt: skip
        ids = sorted(int(one) for one in table["cluster_id"].unique())
        if len(ids) > 1:
            names = {str(one): "No cluster" if one < 0 else context.cluster_name(one) for one in ids}
            chosen = st.selectbox(
                "Cluster", ["", *names], format_func=lambda one: names.get(one, EVERY), key="answers_of",
                bind="query-params", label_visibility="collapsed", width=280, on_change=_forget,
            )  # fmt: skip
            if chosen:
                table = table[table["cluster_id"] == int(chosen)]
    column, ascending = ORDERS[str(order)]
    return table.sort_values(column, ascending=ascending, kind="stable").reset_index(drop=True)


def _opened(shown: pd.DataFrame) -> int:
    """The place of the row in the address, else the first."""
    asked = st.query_params.get(OPENED, "")
    at = shown.index[shown["example_id"].astype(str) == asked]
    return int(at[0]) if len(at) else 0


def _show_row(context: DatasetContext, shown: pd.DataFrame, at: int) -> None:
    row = shown.iloc[at]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**Row {int(row['example_id']):,}**", width="content")
        st.caption(f"{at + 1:,} of {len(shown):,} · {_say_losses(row)}", width="content")
        st.space("stretch")
        link_to(
            "data_map", "On the map", icon=":material/scatter_plot:",
            query={"dataset": context.dataset_id, "row": str(int(row["example_id"]))},
        )  # fmt: skip
        _step("Previous", ":material/chevron_left:", shown, at - 1)
        _step("Next", ":material/chevron_right:", shown, at + 1)
    st.caption("Prompt")
    show_answer(row["prompt"], height=frame_height([row["prompt"]], columns=1))
    answers = (
        ("Reference", "gold", ""),
        ("Base model", "base_response", "base_"),
        ("Tuned model", "response", None),
    )
    height = frame_height([row[name] for _, name, _ in answers], columns=3)
    for column, (title, name, prefix) in zip(st.columns(3, gap="small"), answers, strict=True):
        with column:
            text = "" if prefix == "" else _say_measures(row, prefix or "")
            st.markdown(f"**{title}**" + (f" :gray[{text}]" if text else ""))
            show_answer(row[name], height=height)


def _step(label: str, icon: str, shown: pd.DataFrame, to: int) -> None:
    there = 0 <= to < len(shown)
    row = str(int(shown["example_id"].iloc[to])) if there else ""
    st.button(
        "",
        icon=icon,
        help=f"{label} prompt",
        key=f"answer_{label}",
        type="tertiary",
        disabled=not there,
        on_click=_open,
        args=(row,),
    )


def _show_list(context: DatasetContext, shown: pd.DataFrame, at: int) -> None:
    measures = {
        name: title for name, title in MEASURES.items() if name in shown and shown[name].notna().any()
    }
    columns = ["example_id", "prompt", "response", "change", *measures]
    listed = shown[columns].copy()
    listed.insert(
        1,
        "cluster",
        ["" if c < 0 else shorten(context.cluster_name(int(c)), 30) for c in shown["cluster_id"]],
    )
    for name in ("prompt", "response"):
        listed[name] = [shorten(str(text or ""), MAX_CELL_CHARS) for text in listed[name]]
    for name in measures:
        listed[name] = 100 * listed[name].astype(float)
    listed.insert(0, "open", ["▸" if i == at else "" for i in range(len(listed))])
    number = st.column_config.NumberColumn
    event = st.dataframe(
        listed,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"answers_{st.session_state.get('answers_round', 0)}",
        height="content" if len(listed) < 9 else LIST_PX,
        column_config={
            "open": st.column_config.TextColumn("", width=24, pinned=True),
            "example_id": number("Row", width=60, format="%d"),
            "cluster": st.column_config.TextColumn("Cluster", width=180),
            "prompt": st.column_config.TextColumn("Prompt", width=300),
            "response": st.column_config.TextColumn("Tuned answer"),
            "change": number("Loss change", width=92, format="%+.3f", help="Below zero is better."),
            **{name: number(title, width=84, format="%.0f %%") for name, title in measures.items()},
        },
        alt="Held-out prompts with the answers of the tuned model; click one to read it",
    )
    if event.selection.rows:
        # The table forgets the click, so that previous and next are not undone by it.
        st.session_state["answers_round"] = st.session_state.get("answers_round", 0) + 1
        _open(str(int(shown["example_id"].iloc[event.selection.rows[0]])))
        st.rerun()


def _say_losses(row: pd.Series) -> str:
    if pd.isna(row["loss"]) or pd.isna(row["base_loss"]):
        return "loss not measured"
    return f"loss {row['base_loss']:.3f} → {row['loss']:.3f}"


def _say_measures(row: pd.Series, prefix: str) -> str:
    """Measures of one answer in few words, exact match as a word."""
    parts = []
    if row.get(f"{prefix}exact_match") == 1:
        parts.append("exact")
    for name in ("token_f1", "rouge_l"):
        value = row.get(f"{prefix}{name}")
        if value is not None and not pd.isna(value):
            parts.append(f"{MEASURES[name]} {value:.2f}")
    if row.get(f"{prefix}json_valid") == 0:
        parts.append("invalid JSON")
    return plain(" · ".join(parts)) if parts else ""


def _open(row: str) -> None:
    st.query_params[OPENED] = row


def _forget() -> None:
    st.query_params.pop(OPENED, None)
