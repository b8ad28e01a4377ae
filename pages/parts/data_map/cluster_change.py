"""What a person changes about clusters: merge those in the filter, split one, make a cluster of what matches, go back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from tamis.actions.read_rows import Scope
from tamis.actions.regroup import STEP, change_clusters, undo_change
from tamis.errors import CurationError

_INTO, _NAME = "split_into", "new_cluster_name"


def show_cluster_change(context: DatasetContext, scope: Scope, chosen: Sequence[int]) -> None:
    """A menu beside the number of clusters; every change makes a new clustering, which the map then shows."""
    with st.popover("Change", icon=":material/category:", type="tertiary"):
        st.caption("Each change is a new clustering; the one before stays, and Back returns to it.")
        may = partial(asks, context.workspace, change_clusters)
        name = st.text_input(
            "Name of the new cluster", key=_NAME, placeholder="Made of its keywords when empty"
        )
        _button(
            f"Merge {count_of(len(chosen), 'cluster')}" if len(chosen) > 1 else "Merge the marked clusters",
            context, {"merge": list(chosen), "name": name}, **may(disabled=len(chosen) < 2),
        )  # fmt: skip
        n_rows = len(queries.matches(context, scope)) if scope.conditions else 0
        _button(
            f"Make {count_of(n_rows, 'row')} a cluster" if n_rows else "Make what matches a cluster",
            context, {"rows": f"scope:{scope.to_url()}", "name": name}, **may(disabled=not n_rows),
        )  # fmt: skip
        into = int(st.number_input("Split into", 2, 50, 2, key=_INTO))
        one = chosen[0] if len(chosen) == 1 else None
        said = f"Split {context.cluster_name(one)}" if one is not None else "Split the marked cluster"
        _button(said, context, {"split": one, "into": into}, **may(disabled=one is None))
        changed = context.view.require("clustering").manifest.step == STEP
        st.button(
            "Back to the clusters before", icon=":material/undo:", type="tertiary", on_click=_go_back, args=(context,),
            key="clusters_back", **asks(context.workspace, undo_change, disabled=not changed),
        )  # fmt: skip


def _button(label: str, context: DatasetContext, change: dict[str, Any], **asked: Any) -> None:  # noqa: ANN401
    kind = next(one for one in ("merge", "split", "rows") if one in change)
    st.button(
        label, on_click=_change, args=(context, change), key=f"clusters_{kind}", width="stretch", **asked
    )


def _change(context: DatasetContext, change: dict[str, Any]) -> None:
    try:
        change_clusters(
            context.workspace,
            context.dataset_id,
            clustering_id=context.view.require("clustering").id,
            **change,
        )
    except CurationError as error:
        address.say_later(str(error))
        return
    st.session_state[_NAME] = ""


def _go_back(context: DatasetContext) -> None:
    try:
        undo_change(context.workspace, context.dataset_id)
    except CurationError as error:
        address.say_later(str(error))
