"""Rows of a dataset found by words, by a pattern, by meaning or like another row; and the images of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tamis.actions.dataset_context import open_context
from tamis.actions.read_rows import nearest_rows
from tamis.actions.row_images import RowImage, row_images
from tamis.api.rows import Rows, list_rows, match_rows
from tamis.api.show import Listing
from tamis.errors import InvalidOptions, UnknownName
from tamis.store.rows.scope import ALL_ROWS

if TYPE_CHECKING:
    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace
    from tamis.types import Float32s

SEARCHES = ("words", "pattern", "meaning", "row")
_SHOWN_OF_IMAGES = ("name", "width", "height", "format", "problem")


def search_rows(
    workspace: Workspace,
    dataset_id: str,
    what: str | int,
    by: str,
    k: int,
    encode: Callable[[Artifact, str], Float32s],
    at_least: float | str | None = None,
) -> Rows:
    """The rows that ``what`` finds; raises UnknownName for another way, InvalidOptions for nothing to look for."""
    if by not in SEARCHES:
        raise UnknownName("way to search", by, SEARCHES)
    if not str(what).strip():
        raise InvalidOptions(
            f"search({what!r}) looks for nothing: give words, a pattern, a sentence or the number of a row."
        )
    if by in ("words", "pattern"):
        kind = "contains" if by == "words" else "matches"
        return match_rows(workspace, dataset_id, ALL_ROWS.and_where(kind, str(what)))
    context = open_context(workspace, dataset_id)
    near, title = (
        (f"text:{what}", f"nearest to {what!r}") if by == "meaning" else (f"row:{what}", f"like row {what}")
    )
    rows = nearest_rows(
        context, near, within=np.arange(context.n_rows), k=k, encode=encode, at_least=at_least
    )
    return list_rows(workspace, dataset_id, rows.rows, title, rows.cosines)


def list_images(workspace: Workspace, dataset_id: str, row: int) -> Listing[RowImage]:
    """The images of a row; raises InvalidOptions for a row that is not there."""
    found = row_images(open_context(workspace, dataset_id).view, row)
    title = f"Images of row {row}, of {found.n_images:,}"
    return Listing(title, found.shown, lambda one: {name: getattr(one, name) for name in _SHOWN_OF_IMAGES})
