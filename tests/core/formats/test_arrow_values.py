"""Columns of Arrow as JSON values and back: lists that hide values behind a null, views, times of any year."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.formats.arrow_values import from_json, to_json
from tests.core.formats.round_trip import import_all

MASK = pa.array([False, True, False])
ENDS = pa.array([0, 2, 4, 5], pa.int32())
HIDDEN = pa.ListArray.from_arrays(ENDS, pa.array([1, 2, 3, 4, 5]), mask=MASK)
PAIRS = pa.MapArray.from_arrays(ENDS, pa.array(list("abcde")), pa.array([1, 2, 3, 4, 5]), mask=MASK)
FIXED = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
TENSOR = pa.fixed_shape_tensor(pa.float32(), (2,))
BEYOND = pa.array(
    [1_700_000_000_000_000, 0, None, -62_135_596_800_000_000], pa.int64()
)  # micros taken for millis
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "lists of one length": (FIXED, [[1.0, 2.0], None, [3.0, 4.0]]),
    "a piece of them": (FIXED[1:], [None, [3.0, 4.0]]),
    "inside a struct": (pa.StructArray.from_arrays([FIXED], names=["e"]), [{"e": [1.0, 2.0]}, {}, {"e": [3.0, 4.0]}]),
    "inside a list": (pa.array([[[1.0, 2.0], None], None], pa.list_(FIXED.type)), [[[1.0, 2.0], None], None]),
    "tensors": (pa.ExtensionArray.from_storage(TENSOR, FIXED), [[1.0, 2.0], None, [3.0, 4.0]]),
    "a list that hides values": (HIDDEN, [[1, 2], None, [5]]),
    "a piece with it": (HIDDEN[1:], [None, [5]]),
    "a map that hides pairs": (PAIRS, [[["a", 1], ["b", 2]], None, [["e", 5]]]),
    "a piece with that": (PAIRS[1:], [None, [["e", 5]]]),
    "views": (pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())), [[1], None, [2, 3]]),
    "large views": (pa.array([[1], None], pa.large_list_view(pa.int8())), [[1], None]),
    "times of far years": (BEYOND.cast(pa.timestamp("ms", "UTC")), ["1700000000000000", "1970-01-01T00:00:00.000Z", None, "-62135596800000000"]),
    "the first nanosecond": (pa.array([-(2**63) + 1, None], pa.timestamp("ns")), [str(-(2**63) + 1), None]),
    "days of far years": (pa.array([2**31 - 1, 0], pa.int32()).cast(pa.date32()), ["2147483647", "1970-01-01"]),
    "milliseconds of far days": (pa.array([4_000_000 * 86_400_000, None]).cast(pa.date64()), ["345600000000000", None]),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_read_as_it_is_and_comes_back(name: str) -> None:
    column, values = COLUMNS[name]
    assert to_json(column) == values
    back = from_json(values, column.type)
    assert back.type == column.type
    assert back.equals(column)


def test_where_one_column_no_longer_fits_the_others_keep_their_types(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}]
    source = pa.table({
        "messages": [turns] * 2, "level": pa.array([1, 2], pa.int8()), "day": pa.array([1, 2], pa.date32()),
        "port": pa.array(["Brest", None]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(source, tmp_path / "in.parquet")
    stored = import_all(tmp_path / "in.parquet")
    first = stored.examples[0]
    # An edit that the type of the source has no place for.
    edited = [first.messages[0], {**first.messages[1], "reasoning_content": "High."}]
    stored.examples[0] = replace(first, messages=edited)
    stored.export(tmp_path / "out.parquet")
    written = pq.read_table(tmp_path / "out.parquet")
    assert written.schema.names == source.schema.names
    assert [written.schema.field(name).type for name in ("level", "day", "port")] == [
        source.schema.field(name).type for name in ("level", "day", "port")
    ]
    assert [one.messages for one in import_all(tmp_path / "out.parquet").examples] == [edited, turns]
