"""Which Arrow type holds the JSON values of a column exactly: a struct where every object has the same keys, else JSON text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa

from tamis.formats.arrow_values import Kind
from tamis.types import JSON

_EXACT_IN_FLOATS = 2**53  # larger integers are not all numbers of a 64-bit float
_SIGNED = (-(2**63), 2**63 - 1)
_UNSIGNED = (0, 2**64 - 1)


@dataclass(slots=True)
class SeenValues:
    """What the values at one place of the records are; ``add`` takes the next one."""

    kinds: set[str] = field(default_factory=set)
    least: int = 0
    most: int = 0
    items: SeenValues | None = None
    keys: dict[str, SeenValues] | None = None
    varies: bool = False  # whether objects differ in their keys
    has_null: bool = False

    def add(self, value: JSON) -> None:
        """Take note of one value."""
        if value is None:
            self.has_null = True
            return
        kind = type(value).__name__
        self.kinds.add(kind)
        if kind == "int":
            self.least, self.most = min(self.least, value), max(self.most, value)
        elif kind == "list":
            self.items = self.items or SeenValues()
            for item in value:
                self.items.add(item)
        elif kind == "dict":
            self._add_object(value)

    def _add_object(self, value: dict[str, JSON]) -> None:
        if self.keys is None:
            self.keys = {key: SeenValues() for key in value}
        self.varies = self.varies or not value or value.keys() != self.keys.keys()
        if not self.varies:
            for key, item in value.items():
                self.keys[key].add(item)

    @property
    def type(self) -> Kind:
        """The type that holds all of them as they are."""
        if not self.kinds:
            return pa.null()
        if self.kinds == {"float", "int"}:
            exact = self.least >= -_EXACT_IN_FLOATS and self.most <= _EXACT_IN_FLOATS
            return pa.float64() if exact else _JSON
        if len(self.kinds) > 1:
            return _JSON
        (kind,) = self.kinds
        return _PLAIN.get(kind) or self._built(kind)

    def _built(self, kind: str) -> Kind:
        if kind == "int":
            fits = _SIGNED[0] <= self.least and self.most <= _SIGNED[1]
            unsigned = _UNSIGNED[0] <= self.least and self.most <= _UNSIGNED[1]
            return pa.int64() if fits else pa.uint64() if unsigned else _JSON
        if kind == "list":
            # Arrow miscounts lists of lists of nothing but nulls.
            only_null = self.items is not None and self.items.has_null and not self.items.kinds
            return pa.list_(_JSON if only_null else pa.null() if self.items is None else self.items.type)
        if kind == "dict" and self.keys is not None and not self.varies:
            return pa.struct([(key, seen.type) for key, seen in self.keys.items()])
        return _JSON


Columns: TypeAlias = dict[str, SeenValues]
_JSON: Kind = pa.json_(pa.string())
_PLAIN: dict[str, Kind] = {"str": pa.string(), "bool": pa.bool_(), "float": pa.float64()}


def see_record(columns: Columns, record: dict[str, JSON]) -> None:
    """Take note of the values of one record, by column in the order in which these appear."""
    for name, value in record.items():
        seen = columns.get(name)
        if seen is None:
            seen = columns[name] = SeenValues()
        seen.add(value)
