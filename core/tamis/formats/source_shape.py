"""What the file of a dataset was beside its records, so that the same kind of file can be written again."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.formats.arrow_values import json_texts
from tamis.formats.cell_text import usual_style
from tamis.formats.containers import TOLD_DELIMITER, column_names
from tamis.formats.layout import Layout
from tamis.formats.line_forms import LineForm, form_of_lines
from tamis.formats.streams import TextStream
from tamis.formats.tables import arrow_schema, open_parquet, saved_schema
from tamis.types import JSON

_HEAD_BYTES = 1 << 20
_STYLED_ROWS = 200  # rows and texts that show how JSON is written


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShape:
    """The container of a source file and what it says beside its records.

    ``schema`` is that of a file of Arrow; ``header`` names the columns of a table of text by the names that records have for
    them; ``delimiter`` and ``newline`` are its own; ``lines`` say how each row stood in one that is no object of columns, and
    ``json_style`` in which style Arrow's JSON is written.
    """

    container: str = ""
    schema: pa.Schema | None = None
    header: dict[str, str] | None = None
    delimiter: str = ""
    newline: str = "\n"
    lines: LineForm | None = None
    json_style: str = "compact"


def describe_source(path: Path | str, layout: Layout) -> dict[str, JSON]:
    """The shape of a file as an import keeps it."""
    if layout.container == "parquet":
        with open_parquet(Path(path), layout) as file:
            parquet = pq.ParquetFile(file)
            style = _json_style(parquet)
            return _described("parquet", parquet.schema_arrow) | ({"json_style": style} if style else {})
    if layout.container == "arrow":
        return _described("arrow", arrow_schema(Path(path), layout))
    if layout.container == "arrow_folder":
        return _described("arrow_folder", saved_schema(Path(path)))
    if layout.container in ("csv", "tsv"):
        with TextStream(Path(path), layout.compression, layout.encoding) as stream:
            head = stream.read(_HEAD_BYTES).decode("utf-8", "surrogateescape")
        lines = list(io.StringIO(head, newline=""))
        reader = csv.reader(lines, delimiter=layout.delimiter)
        cells = next((row for row in reader if row and row != TOLD_DELIMITER), [])
        ends_in_both = bool(lines) and lines[reader.line_num - 1].endswith("\r\n")
        return {
            "container": layout.container,
            "header": dict(zip(column_names(cells), [_text(cell) for cell in cells], strict=True)),
            "delimiter": layout.delimiter,
            "newline": "\r\n" if ends_in_both else "\n",
        }
    form = _line_form(Path(path), layout) if layout.form == "values" else {}
    return {"container": layout.container, **({"lines": form} if form else {})}


def _line_form(path: Path, layout: Layout) -> dict[str, JSON]:
    with TextStream(path, layout.compression, layout.encoding) as stream:
        head = stream.read(_HEAD_BYTES)
        is_whole = next(stream.blocks(), None) is None
    lines = head.split(layout.newline)
    shown = [line for line in (lines if is_whole else lines[:-1]) if line.strip()]
    return form_of_lines(shown)


def read_shape(described: dict[str, JSON] | None) -> SourceShape:
    """The shape that ``describe_source`` gave; an empty one for a dataset of an edition that kept none."""
    kept = dict(described or {})
    if "schema" in kept:
        kept["schema"] = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept["schema"])))
    if "lines" in kept:
        kept["lines"] = LineForm(**kept["lines"])
    return SourceShape(**kept)


def common_schema(shapes: list[SourceShape]) -> pa.Schema | None:
    """The schema that all files share, or None."""
    schemas = [shape.schema for shape in shapes]
    first = schemas[0] if schemas else None
    if first is None or any(schema is None or not schema.equals(first) for schema in schemas):
        return None
    return first


def common_style(shapes: list[SourceShape]) -> str:
    """The style of JSON that all files share, else the compact one."""
    styles = {shape.json_style for shape in shapes}
    return styles.pop() if len(styles) == 1 else "compact"


def _json_style(parquet: pq.ParquetFile) -> str:
    if not any("arrow.json" in str(kind) for kind in parquet.schema_arrow.types):
        return ""
    first = next(parquet.iter_batches(batch_size=_STYLED_ROWS), None)
    columns = first.columns if first is not None else []
    return usual_style([text for column in columns for text in json_texts(column)][:_STYLED_ROWS])


def _described(container: str, schema: pa.Schema) -> dict[str, JSON]:
    packed = base64.b64encode(schema.serialize().to_pybytes()).decode()
    return {"container": container, "schema": packed}


def _text(cell: str) -> str:
    return cell.encode("utf-8", "backslashreplace").decode()
