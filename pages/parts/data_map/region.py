"""What is drawn on the map, as a condition of the filter: one lasso or box, or several that add, take away and intersect."""

from __future__ import annotations

from typing import Any

from pages.shared import address
from tamis.actions.map_tiles import MapTiles, to_layout
from tamis.errors import CurationError

Step = tuple[str, list[list[float]]]


def take_region(opened: MapTiles, drawn: dict[str, Any]) -> None:
    """Put what was drawn, ``{how, corners, box}`` in positions on the map, into the filter; from a callback."""
    how, layout = drawn["how"], opened.layout_id
    if how == "clear":
        address.replace_region("lasso", None, layout)
        return
    try:
        corners: list[list[float]] = to_layout(opened, drawn["corners"]).tolist()
    except CurationError as error:
        address.say_later(str(error))
        return
    before = _steps_of(layout)
    if how == "set" or (not before and how != "subtract"):
        _replace_by_one(corners, layout, box=bool(drawn.get("box")))
        return
    steps = before or [("add", _everything(opened))]
    address.replace_region("region", [*steps, (how, corners)], layout)


def _replace_by_one(corners: list[list[float]], layout: str, *, box: bool) -> None:
    if not box:
        address.replace_region("lasso", corners, layout)
        return
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    address.replace_region("box", [[min(xs), max(xs)], [min(ys), max(ys)]], layout)


def _steps_of(layout: str) -> list[Step]:
    """What is drawn already, step by step."""
    for condition in address.stored_scope().conditions:
        if condition.kind not in address.REGIONS or condition.on not in ("", layout):
            continue
        if condition.kind == "region":
            return list(condition.value)
        if condition.kind == "lasso":
            return [("add", condition.value)]
        (x0, x1), (y0, y1) = condition.value
        return [("add", [[x0, y0], [x1, y0], [x1, y1], [x0, y1]])]
    return []


def _everything(opened: MapTiles) -> list[list[float]]:
    """A square around the whole map, a little beyond its edge: positions there count as inside."""
    return [[float(v) for v in corner] for corner in to_layout(opened, [[-1, -1], [2, -1], [2, 2], [-1, 2]])]
