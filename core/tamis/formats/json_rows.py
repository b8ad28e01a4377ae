"""Where the rows of a JSON document are, whatever is built around them; what is no row is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tamis.errors import UnreadableFile
from tamis.formats.cell_text import data_in
from tamis.formats.json_nests import is_record, is_turns, speaks, with_inner_rows
from tamis.formats.json_text import Record
from tamis.formats.names import KNOWN_COLUMNS, MESSAGE_LISTS, first_item, turn_keys
from tamis.formats.notes import Notes, first_notes
from tamis.formats.stored_form import is_side_by_side
from tamis.types import JSON

SPLITS = {"train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation"}
_MAX_DEPTH = 20
_SHOWS = 5  # records of a list by which it is judged
_NAME = re.compile(r"[^\W\d][\w .-]{0,60}")


@dataclass(slots=True)
class RowsFound:
    """The rows of a document in their order, each an object unless it is none, and what beside them is not read."""

    rows: list[JSON] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)


def find_rows(value: JSON) -> RowsFound | None:
    """Return the rows of a document; None where there are none, or where it is a single record.

    Known are one conversation, lists of objects, lists of rows with or without a header, pandas' orients, objects by id, objects of
    conversations, splits, and objects inside objects and lists around any of these. Raises UnreadableFile where
    columns that belong together differ in length.
    """
    if is_turns(value) and all(speaks(turn) for turn in value):
        return RowsFound([{turns_column(value): value}])
    if isinstance(value, dict) and _are_questions(value):
        return RowsFound([{"key": key, "value": text} for key, text in value.items()])
    found = _rows_in(value, "", 0)
    if found is not None:
        found.notes = first_notes(found.notes)
    return found


def _are_questions(value: Record) -> bool:
    """Whether an object is no record but gives a text for each of several sentences."""
    texts = all(isinstance(text, str) for text in value.values())
    return len(value) > 1 and texts and all(name.endswith("?") or name.count(" ") > 1 for name in value)


def _rows_in(value: JSON, name: str, depth: int) -> RowsFound | None:
    """The rows in the value that its document calls ``name``."""
    if depth > _MAX_DEPTH or not isinstance(value, list | dict) or not value:
        return None
    return _in_list(value, depth) if isinstance(value, list) else _in_object(value, name, depth)


def _in_list(items: list[JSON], depth: int) -> RowsFound | None:
    n_objects = sum(isinstance(item, dict) for item in items)
    if 2 * n_objects >= len(items):
        if is_turns(items):
            return None
        found = RowsFound()
        for item in _without_ids(items):
            found.rows += with_inner_rows(item) if isinstance(item, dict) else [item]
        return found
    if all(isinstance(item, str) for item in items):
        inside = [data_in(str(item)) for item in items]
        return _in_list(inside, depth) if all(isinstance(item, dict) for item in inside) else None
    if all(isinstance(item, list) for item in items):
        return _in_lists([item for item in items if isinstance(item, list)], depth)
    return None


def _without_ids(items: list[JSON]) -> list[JSON]:
    """The items of a list, each that is nothing but a record under its id with this as a column."""
    alone = [next(iter(item.items())) for item in items if isinstance(item, dict) and len(item) == 1]
    keys = {key for key, _ in alone}
    if len(alone) < len(items) or len(keys) < 2:
        return items
    records = [item for _, item in alone if isinstance(item, dict) and is_record(item)]
    return _with_keys([key for key, _ in alone], records) if len(records) == len(items) else items


def _in_lists(items: list[list[JSON]], depth: int) -> RowsFound | None:
    """The rows of a list of lists: conversations, pieces of one list, rows of cells."""
    if all(is_turns(item) for item in items):
        return RowsFound([{turns_column(item): item} for item in items])
    if any(isinstance(first_item(item), dict) for item in items):
        pieces = [found for item in items if (found := _rows_in(item, "", depth + 1))]
        return _joined(pieces) if pieces else None
    widths = {len(item) for item in items}
    if _is_header(items[0]):
        names = [str(name) for name in items[0]]
        return RowsFound([_row_of(names, item) for item in items[1:]])
    if len(widths) > 1 and all(isinstance(text, str) for item in items for text in item):
        return RowsFound([{"conversations": item} for item in items])
    if len(widths) == 1:
        names = [f"column_{number}" for number in range(1, len(items[0]) + 1)]
        return RowsFound([_row_of(names, item) for item in items])
    return None


def _in_object(value: Record, name: str, depth: int) -> RowsFound | None:
    for find in (_as_pandas_splits, _as_pandas_table, _as_task):
        if found := find(value):
            return found
    if is_record(value):
        return None
    filled = {key: item for key, item in value.items() if isinstance(item, list | dict) and item}
    if filled:
        found = _by_position(filled) or _by_labels(filled) or _by_id(filled, name)
        if found:
            return _noting(found, {key: item for key, item in value.items() if key not in filled})
    return _in_parts(value, depth)


def _in_parts(value: Record, depth: int) -> RowsFound | None:
    """The rows of every part of an object; of several, each with the name of its part as its split."""
    parts = {key: found for key, item in value.items() if (found := _rows_in(item, key, depth + 1))}
    good = {key: found for key, found in parts.items() if _is_readable(found)}
    parts = good or parts
    if not parts:
        return None
    if len(parts) > 1:
        for key, found in parts.items():
            found.rows = [_in_split(row, key) for row in found.rows]
    for key, found in parts.items():
        found.notes = Notes({(f"{key}.{path}", kind): n for (path, kind), n in found.notes.items()})
    return _noting(_joined(parts.values()), {key: item for key, item in value.items() if key not in parts})


def _as_pandas_splits(value: Record) -> RowsFound | None:
    """Pandas' orient split: names of columns beside the rows of cells."""
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        return None
    if not columns or not all(isinstance(row, list) for row in data):
        return None
    names = [".".join(map(str, name)) if isinstance(name, list) else str(name) for name in columns]
    rows = [_row_of(names, row) for row in data]
    index = value.get("index")
    if isinstance(index, list) and len(index) == len(rows):
        rows = _with_keys(index, rows)
    known = ("columns", "data", "index", "index_names", "column_names")
    return _noting(RowsFound(rows), {key: item for key, item in value.items() if key not in known})


def _as_pandas_table(value: Record) -> RowsFound | None:
    """Pandas' orient table: a schema of fields beside the records."""
    schema, data = value.get("schema"), value.get("data")
    if not isinstance(schema, dict) or "fields" not in schema or not isinstance(data, list):
        return None
    return _noting(
        RowsFound(list(data)), {key: item for key, item in value.items() if key not in ("schema", "data")}
    )


def _as_task(value: Record) -> RowsFound | None:
    """A task of Natural Instructions: a definition for all of its instances, beside examples that are shown with it."""
    told, instances = value.get("Definition"), value.get("Instances")
    definition = [told] if isinstance(told, str) else told
    if not isinstance(definition, list) or not all(isinstance(text, str) for text in definition):
        return None
    if not isinstance(instances, list) or not all(isinstance(one, dict) for one in instances):
        return None
    rows: list[JSON] = [{"instruction": "\n".join(definition), **one} for one in instances]
    return _noting(RowsFound(rows), {k: v for k, v in value.items() if k not in ("Definition", "Instances")})


def _by_position(columns: Record) -> RowsFound | None:
    """A column's values as a list each, side by side; not lists of objects, which are tables of their own."""
    if len(columns) < 2 or not all(isinstance(column, list) for column in columns.values()):
        return None
    lists: dict[str, list[JSON]] = columns
    tables = [_is_several(column) and not is_side_by_side(first_item(column)) for column in lists.values()]
    known = [name for name in lists if name.lower() in KNOWN_COLUMNS]
    if any(tables) or (not known and any(_is_several(column) for column in lists.values())):
        return None
    if not known and (any(is_turns(column) for column in lists.values()) or _are_texts_by_id(lists)):
        return None
    lengths = {name: len(column) for name, column in lists.items()}
    if len(set(lengths.values())) == 1:
        return RowsFound([dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)])
    if len(known) > 1:
        told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise UnreadableFile(
            f"The file holds a list of values for each column, and these differ in length: {told}. Nobody can tell which "
            "values belong together; write one record a line instead."
        )
    return None


def _by_labels(columns: Record) -> RowsFound | None:
    """Pandas' orient columns: of every column an object with its values by the labels of the rows."""
    if not all(isinstance(column, dict) for column in columns.values()):
        return None
    labels = list(dict.fromkeys(label for column in columns.values() for label in column))
    named = any(name.lower() in KNOWN_COLUMNS for name in columns)
    if any(label.lower() in KNOWN_COLUMNS for label in labels) and not named:
        return None
    plain = not all(name.isdigit() for name in columns) and all(label.isdigit() for label in labels)
    shared = set(labels) == set(first) if isinstance(first := next(iter(columns.values())), dict) else False
    if not plain and not (named and shared and len(columns) > 1):
        return None
    rows = [{name: column[label] for name, column in columns.items() if label in column} for label in labels]
    return RowsFound(_with_keys(labels, rows))


def _by_id(values: Record, name: str) -> RowsFound | None:
    """A record or a conversation by its id, which becomes a column; what else stands among them is counted."""
    if _are_texts_by_id(values):
        return RowsFound(_with_keys(list(values), [{"conversations": item} for item in values.values()]))
    if _are_alike(list(values.values())):
        return RowsFound(_with_keys(list(values), list(values.values())))
    records = {key: item for key, item in values.items() if isinstance(item, dict) and is_record(item)}
    if not records and (len(values) > 1 or name.lower() in MESSAGE_LISTS):
        column = name if name.lower() in MESSAGE_LISTS else ""
        lists = {key: item for key, item in values.items() if is_turns(item)}
        records = {key: {column or turns_column(item): item} for key, item in lists.items()}
    if 2 * len(records) <= len(values):
        return None
    found = RowsFound(_with_keys(list(records), list(records.values())))
    return _noting(found, {key: item for key, item in values.items() if key not in records})


def _are_alike(items: Sequence[JSON]) -> bool:
    """Whether values are objects with the same names, a text in each."""
    objects = [item for item in items if isinstance(item, dict)]
    if len(items) < 2 or len(objects) < len(items) or len({frozenset(item) for item in objects}) > 1:
        return False
    return all(any(isinstance(inner, str) for inner in item.values()) for item in objects)


def _are_texts_by_id(values: Record) -> bool:
    """Whether lists of texts stand under names that count, each a conversation."""
    names = {re.sub(r"\d+$", "", name) for name in values}
    counted = len(values) > 1 and len(names) == 1 and not names & set(values)
    return counted and all(
        isinstance(item, list) and len(item) > 1 and all(isinstance(text, str) for text in item)
        for item in values.values()
    )


def _with_keys(keys: Sequence[JSON], rows: Sequence[JSON]) -> list[JSON]:
    """Records with the key that each stood under; not where the keys do nothing but count."""
    texts = [str(key) for key in keys]
    if texts in ([str(n + start) for n in range(len(texts))] for start in (0, 1)):
        return list(rows)
    taken = {name for row in rows if isinstance(row, dict) for name in row}
    column = next(name for name in ("id", "key", "index_key", "_key") if name not in taken or name == "_key")
    if all(isinstance(row, dict) and str(row.get("id")) == key for key, row in zip(texts, rows, strict=True)):
        return list(rows)  # the records say it themselves
    return [
        {column: key, **row} if isinstance(row, dict) else row for key, row in zip(keys, rows, strict=True)
    ]


def _row_of(names: Sequence[str], cells: JSON) -> JSON:
    """A row as an object; as it is where it has another number of cells."""
    if not isinstance(cells, list) or len(cells) != len(names):
        return cells
    return dict(zip(names, cells, strict=True))


def _is_header(cells: Sequence[JSON]) -> bool:
    texts = [cell for cell in cells if isinstance(cell, str) and _NAME.fullmatch(cell)]
    if not cells or len(texts) < len(cells) or len(set(texts)) < len(texts):
        return False
    return any(text.lower() in KNOWN_COLUMNS for text in texts)


def _is_readable(found: RowsFound) -> bool:
    return any(isinstance(row, dict) and _is_or_holds_record(row) for row in islice(found.rows, _SHOWS))


def _is_or_holds_record(row: Record) -> bool:
    """Whether an object is a record or has one under a name, as APIs wrap each row."""
    return is_record(row) or any(isinstance(item, dict) and is_record(item) for item in row.values())


def _is_several(value: JSON) -> bool:
    """Whether a value is a list of objects that are no turns."""
    return isinstance(first_item(value), dict) and not is_turns(value)


def turns_column(turns: JSON) -> str:
    """The usual name of the column of such turns."""
    return "conversations" if turn_keys(first_item(turns)) == ("from", "value") else "messages"


def _in_split(row: JSON, split: str) -> JSON:
    if not isinstance(row, dict):
        return row
    inner = row.get("split")
    if inner is None:
        return {**row, "split": split}
    return {**row, "split": f"{split}/{inner}"} if list(row)[-1] == "split" else row


def _joined(pieces: Iterable[RowsFound]) -> RowsFound:
    whole = RowsFound()
    for piece in pieces:
        whole.rows += piece.rows
        whole.notes.update(piece.notes)
    return whole


def _noting(found: RowsFound, beside: Record) -> RowsFound:
    for name, item in beside.items():
        found.notes[name, "beside"] += len(item) if isinstance(item, list | dict) else 1
    return found
