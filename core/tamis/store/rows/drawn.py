"""What people draw on a map, as conditions of rows: a lasso, a box, or several lassos put together; in layout coordinates."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, Field, TypeAdapter

from tamis.compute.map.polygon import points_in_box, points_in_polygon
from tamis.store.artifacts.readers import read_coordinates
from tamis.store.artifacts.view import DatasetView
from tamis.types import JSON, Bools, Float32s


def _short(value: float) -> float:
    # A lasso has hundreds of corners: six digits are a thousandth of a pixel and keep its URL short.
    return float(f"{value:.6g}")


Place: TypeAlias = Annotated[float, Field(allow_inf_nan=False, ge=-1e30, le=1e30), AfterValidator(_short)]
POLYGON: TypeAdapter[JSON] = TypeAdapter(
    Annotated[tuple[tuple[Place, Place], ...], Field(min_length=3, max_length=5_000)]
)
STEPS: TypeAdapter[JSON] = TypeAdapter(
    Annotated[
        tuple[
            tuple[
                Literal["add", "subtract", "intersect"],
                Annotated[tuple[tuple[Place, Place], ...], Field(min_length=3, max_length=5_000)],
            ],
            ...,
        ],
        Field(min_length=1, max_length=40),
    ]
)
BOX: TypeAdapter[JSON] = TypeAdapter(tuple[tuple[Place, Place], tuple[Place, Place]])


def in_lasso(view: DatasetView, on: str, value: JSON) -> Bools:
    """Whether each row lies inside a polygon on the layout with the id ``on``, or on the one in view."""
    return points_in_polygon(_coordinates(view, on), value)


def in_region(view: DatasetView, on: str, value: JSON) -> Bools:
    """The same for polygons that are added, taken away and intersected in their order."""
    xy = _coordinates(view, on)
    inside = np.zeros(len(xy), dtype=bool)
    for how, corners in value:
        drawn = points_in_polygon(xy, corners)
        if how == "add":
            inside |= drawn
        else:
            inside &= drawn if how == "intersect" else ~drawn
    return inside


def in_box(view: DatasetView, on: str, value: JSON) -> Bools:
    """The same for a box, its border included."""
    return points_in_box(_coordinates(view, on), *value)


def _coordinates(view: DatasetView, on: str) -> Float32s:
    return read_coordinates(view.artifact(on, "projection", "embeddings") if on else view.require("layout"))
