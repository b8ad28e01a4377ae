"""The tags of a dataset: on rows, off them, renamed, and every change undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from tamis.actions import tags
from tamis.api.rows import Rows, match_rows
from tamis.api.show import Listing, Tabular
from tamis.store.rows.scope import ALL_ROWS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import ArrayLike

    from tamis.store.database.tags import TagEvent
    from tamis.store.workspace import Workspace
    from tamis.types import Int64s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tags(Tabular):
    """The tags in use, and what can be done with them; ``_ids_of`` makes row numbers of whatever names rows."""

    _workspace: Workspace
    _dataset_id: str
    _reviewer: str
    _ids_of: Callable[[object], Int64s]

    def __len__(self) -> int:
        return len(self.list())

    def list(self) -> Listing[tags.TagCount]:
        """The tags by name, and on how many rows each is."""
        return Listing(
            f"Tags of {self._dataset_id}", tuple(tags.list_tags(self._workspace, self._dataset_id)), asdict
        )

    def rows(self, tag: str) -> Rows:
        """The rows with a tag; raises InvalidOptions for one that is on no row."""
        tags.tagged_rows(self._workspace, self._dataset_id, tag)
        return match_rows(self._workspace, self._dataset_id, ALL_ROWS.and_where("tagged", [tag]))

    def add(self, tag: str, rows: ArrayLike | Rows) -> TagEvent:
        """Put a tag on rows; those that have it keep it."""
        return tags.add_tag(self._workspace, self._dataset_id, tag, self._ids_of(rows), self._reviewer)

    def remove(self, tag: str, rows: ArrayLike | Rows) -> TagEvent:
        """Take a tag off rows; those without it stay as they are."""
        return tags.remove_tag(self._workspace, self._dataset_id, tag, self._ids_of(rows), self._reviewer)

    def rename(self, tag: str, name: str) -> TagEvent:
        """Give a tag another name on every row; a tag of that name takes the rows in."""
        return tags.rename_tag(self._workspace, self._dataset_id, tag, name, self._reviewer)

    def delete(self, tag: str) -> TagEvent:
        """Take a tag off every row."""
        return tags.delete_tag(self._workspace, self._dataset_id, tag, self._reviewer)

    def undo(self) -> TagEvent | None:
        """Undo your latest change in force and return it; None when there is none."""
        return tags.undo_tag(self._workspace, self._dataset_id, self._reviewer)

    def redo(self) -> TagEvent | None:
        """Redo what you undid last; None when there is nothing."""
        return tags.redo_tag(self._workspace, self._dataset_id, self._reviewer)

    def log(self, limit: int = 100) -> Listing[TagEvent]:
        """The latest changes, newest first, undo and redo among them."""
        events = tags.tag_log(self._workspace, self._dataset_id, limit)
        return Listing(f"Changes of the tags of {self._dataset_id}", tuple(events), asdict)

    def to_arrow(self) -> pa.Table:
        """A line per tag: tag and n_rows."""
        return self.list().to_arrow()

    def _line(self) -> str:
        return f"{len(self):,} tags of {self._dataset_id}"


def row_numbers(rows: object, n: int) -> Int64s:
    """Sorted unique row numbers from rows, a selection, numbers, one number, or a mask; raises InvalidOptions."""
    from tamis.api.array_inputs import row_mask

    ids = getattr(rows, "ids", rows)
    return np.flatnonzero(row_mask(np.atleast_1d(np.asarray(ids)), n, "rows"))
