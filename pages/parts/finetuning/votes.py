"""The blind vote: two answers whose makers are hidden until the vote, by mouse or keys, and the win rate that follows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.parts.finetuning import stats
from pages.parts.finetuning.answers import frame_height, show_answer
from pages.parts.finetuning.wins import show_wins
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from pages.shared.server import reviewer_name
from tamis.actions.runs import Run
from tamis.actions.votes import (
    Side,
    Winner,
    left_is,
    list_votes,
    record_vote,
    vote_order,
    vote_winners,
    withdraw_vote,
)
from tamis.store.artifacts.store import Artifact

REVEALED = "vote_revealed"
OPEN_RESULTS = "vote_results"
NAMES: Mapping[str, str] = {"tuned": "the tuned model", "base": "the base model"}
OTHER: Mapping[Side, Side] = {"tuned": "base", "base": "tuned"}


def show_vote(context: DatasetContext, run: Run) -> None:
    """One pair after the other; below, the win rate, which is folded away while there is something to vote on."""
    if run.artifact is None:
        return
    table = stats.answers(context, run.artifact)
    differing = table[table["response"] != table["base_response"]]
    if differing.empty:
        st.caption(
            "Both models gave the same answers, so there is nothing to choose between."
            if len(table)
            else "No answer was generated: ask for some in the form of the next run."
        )
        return
    reviewer = reviewer_name(context.workspace)
    mine = list_votes(context.workspace, context.dataset_id, run.run_id, reviewer=reviewer)
    done = {one.example_id for one in mine}
    order = vote_order(run.run_id, reviewer, [int(one) for one in differing["example_id"]])
    left = [row for row in order if row not in done]
    same = len(table) - len(differing)
    text = f"{len(order) - len(left):,} of {count_of(len(order), 'pair')} voted on by {reviewer}"
    text += f" · {count_of(same, 'equal pair')} left out" if same else ""
    st.progress((len(order) - len(left)) / len(order), text=text)
    _say_last(run)
    if left:
        row = differing[differing["example_id"] == left[0]].iloc[0]
        _show_pair(context, run, row, reviewer)
    else:
        st.success("Every pair has your vote.", icon=":material/check:")
    _offer_undo(context, run, reviewer, n_mine=len(mine))
    _show_results(context, run, run.artifact, finished=not left)


def _show_pair(context: DatasetContext, run: Run, row: pd.Series, reviewer: str) -> None:
    example_id = int(row["example_id"])
    side = left_is(run.run_id, reviewer, example_id)
    answers = {"tuned": row["response"], "base": row["base_response"]}
    st.caption("Prompt")
    show_answer(row["prompt"], height=frame_height([row["prompt"]], columns=1))
    columns = st.columns(2, gap="small")
    height = frame_height(list(answers.values()), columns=2)
    for column, letter, maker in zip(columns, ("A", "B"), (side, OTHER[side]), strict=True):
        with column:
            st.markdown(f"**Answer {letter}**")
            show_answer(answers[maker], height=height)
    # Letters, because arrows move the choice of parts, which has the focus after a click. The widgets of every pair are
    # its own, so that a press meant for one is never counted for the next.
    choices: tuple[tuple[str, Winner, str], ...] = (
        ("A is better", side, "A"), ("Equally good", "tie", "T"), ("B is better", OTHER[side], "B"),
    )  # fmt: skip
    for column, (label, winner, key) in zip(st.columns(3, gap="small"), choices, strict=True):
        column.button(
            label, key=f"vote_{key}_{example_id}", shortcut=key, width="stretch", on_click=_cast,
            args=(context, run, example_id, winner, reviewer, side), **asks(context.workspace, record_vote),
        )  # fmt: skip
    with st.expander("Reference answer", icon=":material/menu_book:", key=f"vote_gold_{example_id}"):
        show_answer(row["gold"], height=frame_height([row["gold"]], columns=1))


def _cast(
    context: DatasetContext, run: Run, example_id: int, winner: Winner, reviewer: str, side: Side
) -> None:
    record_vote(
        context.workspace,
        context.dataset_id,
        run.run_id,
        example_id,
        winner,
        reviewer,
        left_was=side,
    )
    st.session_state[REVEALED] = (run.run_id, example_id, winner, side)


def _say_last(run: Run) -> None:
    """Who wrote what in the pair before this one."""
    revealed = st.session_state.get(REVEALED)
    if not revealed or revealed[0] != run.run_id:
        return
    _, example_id, winner, side = revealed
    chosen = "You called it a tie" if winner == "tie" else f"You chose **{NAMES[winner]}**"
    st.caption(f"Row {example_id:,}: {chosen}; A was {NAMES[side]}.")


def _offer_undo(context: DatasetContext, run: Run, reviewer: str, *, n_mine: int) -> None:
    st.button(
        "Take back the last vote", icon=":material/undo:", type="tertiary", key="vote_undo", shortcut="U",
        on_click=_take_back, args=(context, run, reviewer), **asks(context.workspace, withdraw_vote, disabled=not n_mine),
    )  # fmt: skip


def _take_back(context: DatasetContext, run: Run, reviewer: str) -> None:
    withdraw_vote(context.workspace, context.dataset_id, run.run_id, reviewer)
    st.session_state.pop(REVEALED, None)


def _show_results(context: DatasetContext, run: Run, artifact: Artifact, *, finished: bool) -> None:
    winners = vote_winners(context.workspace, context.dataset_id, run.run_id)
    if not winners:
        return
    # Whoever still votes should not be told who leads.
    shown = finished or st.toggle("Show the result so far", key=OPEN_RESULTS)
    if shown:
        show_wins(stats.cluster_wins(context, artifact, winners))
