"""What is looked at after the fact: losses by cluster and by target, and tasks, which claim nothing."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.actions.referee import Ruling


def show_by_cluster(context: DatasetContext, ruling: Ruling) -> None:
    """Every method against random in every cluster."""
    if not ruling.clusters:
        return
    with st.expander("By cluster (exploratory)", icon=":material/travel_explore:"):
        st.caption(
            "Nothing here is a claim: these are looked at after the fact. q is Benjamini and Hochberg's over all of them."
        )
        table = pd.DataFrame([
            {
                "Method": ruling.methods[one.method].title, "Cluster": context.cluster_name(one.cluster_id),
                "Rows": one.n_rows, "Families": one.n_families, "Against random": one.difference, "q": one.q,
            }
            for one in sorted(ruling.clusters, key=lambda one: one.q)
        ])  # fmt: skip
        st.dataframe(table, hide_index=True, alt="Losses by cluster against random, exploratory")


def show_by_target(ruling: Ruling) -> None:
    """Every method against random on the examples of every target."""
    if not ruling.targets:
        return
    with st.expander("By target (exploratory)", icon=":material/target:"):
        st.caption(
            "Examples that judge, which no row of the pool is. q is Benjamini and Hochberg's over all of them."
        )
        table = pd.DataFrame([
            {
                "Method": ruling.methods[one.method].title, "Target": one.target, "Examples": one.n_examples, "Loss": one.loss,
                "Against random": one.difference, "q": one.q,
            }
            for one in sorted(ruling.targets, key=lambda one: one.q)
        ])  # fmt: skip
        st.dataframe(table, hide_index=True, alt="Losses by target against random, exploratory")


def show_by_task(ruling: Ruling) -> None:
    """Every method in every task of the lm-evaluation-harness."""
    if not ruling.tasks:
        return
    with st.expander("By task (exploratory)", icon=":material/quiz:"):
        st.caption(
            "Tasks of the lm-evaluation-harness, which every trained model answered. q is Benjamini and Hochberg's over all of "
            "them; it is missing where no method answers better than by guessing, or where questions have no values of their own."
        )
        table = pd.DataFrame([
            {
                "Method": ruling.methods[one.method].title, "Task": one.task, "Metric": one.metric,
                "Questions": one.n_questions, "Value": one.value, "Random": one.random, "Untrained": one.untrained,
                "Guessing": one.chance, "q": one.q,
            }
            for one in ruling.tasks
        ])  # fmt: skip
        st.dataframe(
            table, hide_index=True, alt="Tasks of the lm-evaluation-harness against random, exploratory"
        )
