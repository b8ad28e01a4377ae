"""How the front door's objects look: a line and the first rows, as text and as HTML in which every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from tamis.reprs import Frozen, Head, cell_text, html_table, printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

T = TypeVar("T")

SHOWN_ROWS = 10
SHOWN_CHARS = 48  # of a value in text


class Shown(Frozen):
    """An object that says what it is in one line and shows its first rows; ``_line`` and ``_head`` are the object's own."""

    __slots__ = ()

    def _line(self) -> str:
        raise NotImplementedError

    def _head(self) -> Head:
        """The first rows, at most SHOWN_ROWS; none by default."""
        return {}

    def __repr__(self) -> str:
        return "\n".join([printable(self._line()), *text_lines(self._head())])

    def _repr_html_(self) -> str:
        return f"<div><b>{html.escape(self._line())}</b>{html_table(self._head())}</div>"


class Tabular(Shown):
    """An object that is a table: ``to_arrow`` is its own, the other two conversions follow from it.

    ``to_numpy`` may have a nearer meaning: the ids of rows, vectors, scores.
    """

    __slots__ = ()

    def to_arrow(self) -> pa.Table:
        """All of it as an Arrow table."""
        raise NotImplementedError

    def to_pandas(self) -> pd.DataFrame:
        """All of it as a data frame."""
        return self.to_arrow().to_pandas()

    def to_numpy(self) -> NDArray[Any]:
        """All of it as a structured array, a field per column: ``table["n_rows"]``; what has no type of NumPy is an object."""
        return structured(self.to_arrow())

    def _head(self) -> Head:
        return head_of(self.to_arrow())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Records(Tabular):
    """A table with a line on what it is."""

    _title: str
    _table: pa.Table

    @classmethod
    def of(cls, title: str, lines: Sequence[Mapping[str, object]]) -> Records:
        """A table of lines that have the same names."""
        import pyarrow as pa

        return cls(title, pa.Table.from_pylist([dict(line) for line in lines]))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def to_arrow(self) -> pa.Table:
        """All of it as an Arrow table."""
        return self._table

    def _line(self) -> str:
        return f"{self._title} ({len(self):,})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Listing(Tabular, Sequence[T]):
    """Things in order, each with what is shown of it."""

    _title: str
    _items: tuple[T, ...]
    _describe: Callable[[T], Mapping[str, object]]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return self._items[place]

    def to_arrow(self) -> pa.Table:
        """A line per thing."""
        import pyarrow as pa

        return pa.Table.from_pylist([dict(self._describe(item)) for item in self._items])

    def _head(self) -> Head:
        shown = [self._describe(item) for item in self._items[:SHOWN_ROWS]]
        return {name: [one[name] for one in shown] for name in shown[0]} if shown else {}

    def _line(self) -> str:
        return f"{self._title} ({len(self):,})"


def structured(table: pa.Table) -> NDArray[Any]:
    """An Arrow table as a structured array (n,); texts, lists and columns with a missing value are objects."""
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    made = np.empty(table.num_rows, dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        made[name] = column
    return made


def head_of(table: pa.Table) -> Head:
    """The first rows of a table."""
    return table.slice(0, SHOWN_ROWS).to_pydict()


def arrow_of(columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Arrays as the columns of an Arrow table."""
    import pyarrow as pa

    return pa.table({name: pa.array(column) for name, column in columns.items()})


def text_lines(head: Head) -> list[str]:
    """Columns under their names, for a terminal; nothing when there are no rows."""
    if not any(head.values()):
        return []
    columns = [[name, *(cell_text(value, SHOWN_CHARS) for value in values)] for name, values in head.items()]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return lines if lines[0] else lines[1:]  # facts have no names above them
