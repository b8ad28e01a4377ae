"""What a click on a legend and a brush over a histogram mean: a condition of the filter; from callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from tamis.actions.map_colours import condition_of, is_about, values_of
from tamis.actions.map_tiles import ColumnCodes
from tamis.types import JSON


def said_by(key: str, event: str) -> JSON:
    """What an element last said of an event."""
    state: Any = st.session_state.get(key)
    return state.get(event) if state else None


def take_legend(context: DatasetContext, columns: Mapping[str, ColumnCodes], element: str) -> None:
    """Keep the rows with the values that were clicked; without any, all."""
    asked = said_by(element, "legend")
    if not asked or str(asked["key"]) not in columns:
        return
    key, codes = str(asked["key"]), [int(code) for code in asked["codes"]]
    condition = condition_of(context, key, values_of(columns[key], codes))
    address.replace_where(lambda one: is_about(one, context, key), condition)
    address.forget_choices()


def take_brush(context: DatasetContext, element: str) -> None:
    """Keep the rows with a number in the range that was brushed."""
    asked = said_by(element, "brush")
    if not asked:
        return
    key, limits = str(asked["key"]), asked["range"]
    condition = None if limits is None else ("range", [float(f"{limit:.6g}") for limit in limits], key)
    address.replace_where(lambda one: is_about(one, context, key), condition)
