"""Columns of Arrow as values that JSON can hold, and back: exact both ways, by the type of the column."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from tamis.formats.arrow_times import texts_of_times, time_text, times_of_texts
from tamis.formats.cell_text import text_of_data
from tamis.formats.json_text import dumps_exact, loads_exact
from tamis.types import JSON

Array: TypeAlias = Any  # pyarrow's arrays and types, whose stubs know each kind by itself
Kind: TypeAlias = Any
_ARROW: Any = pa
Walk: TypeAlias = Callable[[JSON], JSON]

NULLS_MARK = b"tamis.nulls"  # of a schema in whose structs a null is a value and not a missing key
BYTES_MARK = "data:application/octet-stream;base64,"


def is_plain(kind: Kind) -> bool:
    """Tell whether values of a type are those of JSON as they come."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean)
    return any(test(kind) for test in tests)


def to_json(column: Array, *, keep_nulls: bool = False) -> list[JSON]:
    """The values of a column as JSON, from which ``from_json`` makes the same column again.

    Times and decimals are text, durations are whole numbers of their unit, bytes that are no text are a data address,
    maps are lists of pairs. A null inside a struct is a missing key, which is how Arrow stores one, unless
    ``keep_nulls``. Raises UnicodeDecodeError for text that is none.
    """
    values: list[JSON] = _plain(column).to_pylist()
    walk = _reader(column.type, keep_nulls)
    return values if walk is None else [walk(value) for value in values]


def from_json(values: list[JSON], kind: Kind, style: str = "compact") -> Array:
    """The column of a type that ``to_json`` gave these values, JSON in its text written in a style of cells.

    Raises ValueError or an ArrowException where one does not fit.
    """
    walk = _writer(kind, style)
    given = values if walk is None else [walk(value) for value in values]
    try:
        return _restored(pa.array(given, type=_plain_type(kind)), kind)
    except UnicodeEncodeError:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _text_as_stored(given, kind)
        return _restored(pa.array(_shown(given), type=_plain_type(kind)), kind)


def _text_as_stored(texts: list[str | None], kind: Kind) -> Array:
    """Texts with what is no character: the bytes that they were read from, or their escapes where there are none."""
    stored = [None if text is None else _stored_bytes(text) for text in texts]
    binary = pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()
    return pa.array(stored, binary).view(kind)


def _stored_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _shown(value: JSON) -> JSON:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def unique_names(schema: pa.Schema) -> list[str]:
    """The names of the columns, each once: Arrow allows one name twice, JSON does not."""
    names: dict[str, None] = {}
    for number, name in enumerate(schema.names, 1):
        own = name
        while own in names:
            own = f"{own}_{number}"
        names[own] = None
    return list(names)


def is_json_type(kind: Kind) -> bool:
    """Tell whether a type is Arrow's extension for JSON text."""
    return isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.json"


def without_bytes(value: JSON) -> JSON:
    """A value without the bytes in it; a key that held some goes."""
    if isinstance(value, dict):
        kept = {key: without_bytes(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None or value[key] is None}
    if isinstance(value, list):
        return [without_bytes(item) for item in value]
    return None if isinstance(value, str) and value.startswith(BYTES_MARK) else value


def json_texts(column: Array) -> list[str]:
    """The texts of Arrow's JSON in a column, at any depth of objects and lists."""
    if is_json_type(column.type):
        return [text for text in column.storage.to_pylist() if text is not None]
    if pa.types.is_struct(column.type):
        return [text for child in column.flatten() for text in json_texts(child)]
    return json_texts(column.flatten()) if _is_list(column.type) else []


def _json_text(value: JSON, style: str) -> str:
    return dumps_exact(value, odd=True).decode() if style == "compact" else text_of_data(value, style)


def _is_list(kind: Kind) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_binary(kind: Kind) -> bool:
    tests = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    return any(test(kind) for test in tests)


def _is_text_cast(kind: Kind) -> bool:
    """Types that Arrow itself writes as text: times and decimals."""
    return _is_time(kind) or pa.types.is_decimal(kind)


def _is_time(kind: Kind) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind)


def _plain_type(kind: Kind) -> Kind:
    if (inner := _stored_as(kind)) is not None:
        return _plain_type(inner)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    if _is_list(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(_plain_type(kind.value_type))
    if _is_text_cast(kind):
        return pa.string()
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_null(kind):  # Arrow miscounts the nulls of this type inside of objects that are missing
        return pa.bool_()
    return pa.float32() if pa.types.is_float16(kind) else kind


def _plain(column: Array) -> Array:
    """The column with leaves that Python and JSON know; the nesting stays."""
    kind = column.type
    if is_plain(kind) or kind == _plain_type(kind):
        return column
    if _stored_as(kind) is not None:
        return _plain(_unwrapped(column))
    if pa.types.is_struct(kind):
        return _rebuilt_struct(column, [_plain(child) for child in column.flatten()], _plain_type(kind))
    if pa.types.is_map(kind):
        kept = column.drop_null()
        keys, items = _plain(kept.keys), _plain(kept.items)
        return _ARROW.MapArray.from_arrays(_offsets_of(column), keys, items, type=_plain_type(kind))
    if isinstance(_plain_type(kind), pa.LargeListType):
        offsets = _offsets_of(column).cast(pa.int64())
        return pa.LargeListArray.from_arrays(offsets, _plain(column.flatten()), type=_plain_type(kind))
    if _is_time(kind):
        return texts_of_times(column)
    return column.cast(_plain_type(kind))


def _restored(column: Array, kind: Kind) -> Array:
    """The inverse of ``_plain``."""
    if column.type == kind:
        return column
    inner = _stored_as(kind)
    if inner is not None:
        return _wrapped(_restored(column, inner), kind)
    if pa.types.is_struct(kind):
        children = [_restored(child, field.type) for child, field in zip(column.flatten(), kind, strict=True)]
        return _rebuilt_struct(column, children, kind)
    if pa.types.is_map(kind):
        keys, items = _restored(column.keys, kind.key_type), _restored(column.items, kind.item_type)
        return _ARROW.MapArray.from_arrays(_offsets(column), keys, items, type=kind)
    if pa.types.is_large_list(column.type):
        return _restored_lists(column, kind)
    if _is_time(kind):
        return times_of_texts(column, kind)
    return _nulls_of(column) if pa.types.is_null(kind) else column.cast(kind)


def _restored_lists(column: Array, kind: Kind) -> Array:
    values = _restored(column.values, kind.value_type)
    if pa.types.is_list(kind):  # to cast a list miscounts the nulls of a type of nothing else
        return _ARROW.ListArray.from_arrays(_offsets(column).cast(pa.int32()), values, type=kind)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _views(column, values, kind)
    large = pa.large_list(kind.value_field)
    lists = pa.LargeListArray.from_arrays(_offsets(column), values, type=large)
    return lists if kind == large else lists.cast(kind)


def _views(column: Array, values: Array, kind: Kind) -> Array:
    """Lists as views of their values, to which Arrow casts none."""
    ends = column.offsets.to_numpy()
    is_small = pa.types.is_list_view(kind)
    offsets, sizes = (
        pa.array(one, pa.int32() if is_small else pa.int64()) for one in (ends[:-1], ends[1:] - ends[:-1])
    )
    made = _ARROW.ListViewArray if is_small else _ARROW.LargeListViewArray
    return made.from_arrays(
        offsets, sizes, values, type=kind, mask=column.is_null() if column.null_count else None
    )


def _nulls_of(column: Array) -> Array:
    if column.null_count < len(column):
        raise ValueError("a value in a column of nothing but nulls")
    return pa.nulls(len(column))


def _stored_as(kind: Kind) -> Kind | None:
    """The type of the values inside an extension, a dictionary or runs of equal values; None for any other type."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    is_packed = pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind)
    return kind.value_type if is_packed else None


def _unwrapped(column: Array) -> Array:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.storage
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return _compute().run_end_decode(column)


def _wrapped(column: Array, kind: Kind) -> Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, column)
    if pa.types.is_dictionary(kind):
        return column.dictionary_encode().cast(kind)
    return _compute().run_end_encode(column, run_end_type=kind.run_end_type)


def _rebuilt_struct(column: Array, children: list[Array], kind: Kind) -> Array:
    mask = column.is_null() if column.null_count else None
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask) if len(kind) else column


def _compute() -> Any:  # noqa: ANN401 - the stubs lack most of it
    """Arrow's functions, which take a tenth of a second to load: only where a table needs one."""
    import pyarrow.compute

    return pyarrow.compute


def _offsets_of(column: Array) -> Array:
    """The offsets of lists of any kind, or of maps, among the values of those that are no null; null where the list is.

    Arrow lets a null list hide values: without them it has none.
    """
    lengths = np.zeros(len(column), np.int64)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    kept = column.drop_null()
    is_map = pa.types.is_map(column.type)
    lengths[there] = (
        np.diff(kept.offsets.to_numpy()) if is_map else _compute().list_value_length(kept).to_numpy()
    )
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return _offsets_beside(pa.array(ends, pa.int32() if is_map else pa.int64()), column)


def _offsets(column: Array) -> Array:
    """The offsets of lists or maps none of which hides values, null where the list is."""
    return _offsets_beside(column.offsets, column)


def _offsets_beside(offsets: Array, column: Array) -> Array:
    if not column.null_count:
        return offsets
    nulls = _ARROW.concat_arrays([column.is_null(), pa.array([False])])
    return _compute().if_else(nulls, pa.scalar(None, offsets.type), offsets)


def _reader(kind: Kind, keep_nulls: bool) -> Walk | None:
    """What is done to each Python value of a plain column; None for nothing."""
    if is_json_type(kind):
        return lambda text: None if text is None else loads_exact(text)[0]
    if (inner := _stored_as(kind)) is not None:
        return _reader(inner, keep_nulls)
    if pa.types.is_struct(kind):
        return _struct_walk({field.name: _reader(field.type, keep_nulls) for field in kind}, keep_nulls)
    if pa.types.is_map(kind):
        return _pair_walk(_reader(kind.key_type, keep_nulls), _reader(kind.item_type, keep_nulls), list)
    if isinstance(_plain_type(kind), pa.LargeListType):
        return _list_walk(_reader(kind.value_type, keep_nulls))
    return _leaf_reader(kind)


def _leaf_reader(kind: Kind) -> Walk | None:
    if _is_binary(kind):
        return _text_of_bytes
    if pa.types.is_timestamp(kind):
        return time_text
    if pa.types.is_interval(kind) or pa.types.is_union(kind):
        return lambda value: None if value is None else str(value)
    return None


def _writer(kind: Kind, style: str) -> Walk | None:
    """The inverse of ``_reader``."""
    if is_json_type(kind):
        return lambda value: None if value is None else _json_text(value, style)
    if (inner := _stored_as(kind)) is not None:
        return _writer(inner, style)
    if pa.types.is_struct(kind):
        return _strict_struct_walk({field.name: _writer(field.type, style) for field in kind})
    if pa.types.is_map(kind):
        return _pair_walk(_writer(kind.key_type, style), _writer(kind.item_type, style), tuple)
    if isinstance(_plain_type(kind), pa.LargeListType):
        return _list_walk(_writer(kind.value_type, style))
    return _bytes_of_text if _is_binary(kind) else None


def _struct_walk(walks: dict[str, Walk | None], keep_nulls: bool) -> Walk:
    def walk(value: JSON) -> JSON:
        if value is None:
            return None
        return {
            key: item if (step := walks[key]) is None else step(item)
            for key, item in value.items()
            if item is not None or keep_nulls or key == "content"
        }

    return walk


def _strict_struct_walk(walks: dict[str, Walk | None]) -> Walk:
    def walk(value: JSON) -> JSON:
        if value is None:
            return None
        if unknown := value.keys() - walks.keys():
            raise ValueError(f"no place for {min(unknown)!r}")
        return {key: item if (step := walks[key]) is None else step(item) for key, item in value.items()}

    return walk


def _list_walk(step: Walk | None) -> Walk | None:
    if step is None:
        return None
    return lambda value: None if value is None else [step(item) for item in value]


def _pair_walk(first: Walk | None, second: Walk | None, pair: type) -> Walk:
    def same(value: JSON) -> JSON:
        return value

    one, other = first or same, second or same
    return lambda value: None if value is None else [pair((one(key), other(item))) for key, item in value]


def _text_of_bytes(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or text.startswith(BYTES_MARK):
        return BYTES_MARK + base64.b64encode(value).decode()
    return text


def _bytes_of_text(value: str | None) -> bytes | None:
    if value is None:
        return None
    if value.startswith(BYTES_MARK):
        return base64.b64decode(value.removeprefix(BYTES_MARK))
    return value.encode()
