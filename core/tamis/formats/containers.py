"""From a text file to chunks of raw records: lines, slices of a JSON list, rows of CSV."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache

from tamis.errors import UnreadableFile
from tamis.formats.format import Record
from tamis.formats.layout import Layout
from tamis.formats.notes import Notes
from tamis.formats.parsing import MAX_FIELDS, BadRow, Chunk, ExactRow, TableRow, too_many
from tamis.formats.streams import RawText, TextStream

MAX_RECORD_BYTES = 64 << 20  # a longer record is refused, so that one missing line end cannot fill the memory
MAX_RECORD_LINES = 1_000_000  # of one row of a table, each of which costs memory however short it is
TOLD_DELIMITER = ["sep=", ""]  # the cells of a first line that says for Excel what parts the others
KEPT_BYTES = 1 << 20  # of a record that is refused for its length or for the end of the file
TOO_LONG = f"longer than {MAX_RECORD_BYTES >> 20} MB"


def line_chunks(stream: TextStream, newline: bytes, block_bytes: int) -> Iterator[Chunk]:
    """Yield whole lines in chunks of about ``block_bytes``; the text before a break in the file becomes a bad
    row.
    """
    first, whole, tail = 1, b"", b""
    dropped = False  # inside a line whose end is being looked for because it is too long
    for block in stream.blocks():
        cut = block.rfind(newline) + 1
        if dropped:
            cut_first = block.find(newline) + 1
            if not cut_first:
                continue
            yield bad_chunk(first, tail, TOO_LONG, stream)
            first, dropped, tail = first + 1, False, b""
            block, cut = block[cut_first:], cut - cut_first
        if cut:
            whole, tail = b"".join((whole, tail, block[:cut])), block[cut:]
        else:
            tail += block
        if whole and (len(whole) >= block_bytes or len(tail) > MAX_RECORD_BYTES):
            yield Chunk("lines", whole, first, stream.bytes_read, newline)
            first, whole = first + whole.count(newline), b""
        if len(tail) > MAX_RECORD_BYTES:
            dropped, tail = True, tail[:KEPT_BYTES]
    yield from _last_lines(stream, Chunk("lines", whole, first, 0, newline), tail, dropped=dropped)


def _last_lines(stream: TextStream, chunk: Chunk, tail: bytes, *, dropped: bool) -> Iterator[Chunk]:
    whole, first, newline = chunk.content, chunk.first, chunk.newline
    last = first + whole.count(newline)
    if stream.damage or dropped:
        if whole:
            yield Chunk("lines", whole, first, stream.bytes_read, newline)
        reason = f"{stream.damage} after line {last - 1:,}" if stream.damage else TOO_LONG
        yield bad_chunk(last, tail, reason, stream)
    elif whole or tail:
        yield Chunk("lines", whole + tail, first, stream.bytes_read, newline)


def csv_chunks(stream: TextStream, layout: Layout, block_bytes: int, batch_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a table with a header, each numbered by the line on which it starts."""
    rows = _csv_rows(stream, layout.delimiter)
    return row_chunks(_without_cut_row(rows, stream), stream, block_bytes, batch_rows)


def row_chunks(
    rows: Iterable[TableRow], stream: TextStream | None, block_bytes: int, batch_rows: int
) -> Iterator[Chunk]:
    """Gather numbered rows into chunks of at most ``batch_rows`` rows and about ``block_bytes`` of text."""
    waiting: list[TableRow] = []
    n_bytes = 0
    for number, row in rows:
        waiting.append((number, row))
        n_bytes += row_bytes(row)
        if len(waiting) >= batch_rows or n_bytes >= block_bytes:
            yield Chunk("rows", waiting, waiting[0][0], stream.bytes_read if stream else 0)
            waiting, n_bytes = [], 0
    if waiting:
        yield Chunk("rows", waiting, waiting[0][0], stream.bytes_read if stream else 0)


def row_bytes(row: Record | BadRow | ExactRow) -> int:
    """Return roughly how much text a row holds."""
    if isinstance(row, BadRow):
        return len(row.raw)
    values = row.exact if isinstance(row, ExactRow) else row
    return sum([len(value) if isinstance(value, str) else 16 for value in values.values()])


def _csv_rows(stream: TextStream, delimiter: str) -> Iterator[TableRow]:
    # The limit belongs to the whole process; a cell of a table may well hold a whole document.
    csv.field_size_limit(MAX_RECORD_BYTES)
    text = io.TextIOWrapper(
        io.BufferedReader(RawText(stream), 1 << 20), encoding="utf-8", errors="surrogateescape", newline=""
    )
    lines = _Lines(text)
    header: list[str] = []
    columns: list[str] = []
    n_marks = 0
    of_header = Notes()
    while (row := _next_row(lines, delimiter, stream)) is not None:
        line, cells, notes = row
        if lines.n_marks > n_marks:
            n_marks, notes = lines.n_marks, Notes({("", "mark"): 1, **(notes or {})})
        if isinstance(cells, BadRow):
            yield line, cells
        elif not header:
            header, columns, said = _header_of(cells)
            of_header += said
        elif cells:
            if of_header:
                notes, of_header = Notes(notes or {}) + of_header, Notes()
            yield line, _record_of(cells, header, columns, delimiter, notes)


def _header_of(cells: list[str]) -> tuple[list[str], list[str], Notes]:
    """The cells of a header, the names of its columns, and what is to be said of it; no cells where the row is none."""
    if cells == TOLD_DELIMITER:
        return [], [], Notes({("", "sep-line"): 1})
    if len(cells) > MAX_FIELDS:
        raise UnreadableFile(f"The table {too_many(len(cells))}.")
    columns = column_names(cells)
    return cells, columns, _notes_of_header(cells, columns)


def _record_of(
    cells: list[str], header: list[str], columns: list[str], delimiter: str, notes: Notes | None
) -> Record | BadRow | ExactRow:
    if len(cells) > len(columns):
        reason = f"{len(cells)} cells where the header names {len(columns)} columns"
        return BadRow(_csv_line(cells, delimiter), reason)
    if cells == header and len(cells) > 1:
        return BadRow(_csv_line(cells, delimiter), "repeats the header, as joined files do")
    record = dict(zip(columns, cells, strict=False))
    if len(cells) < len(columns):
        notes = Notes({("", "short-row"): 1}) + (notes or Notes())
    return ExactRow(record, record, notes) if notes else record


def _notes_of_header(header: list[str], columns: list[str]) -> Notes:
    """What is to be said of names that stand twice, by the names that their columns got."""
    blank = [f"column_{number}" for number in range(1, len(columns) + 1)]
    names = zip(header, columns, blank, strict=True)
    return Notes(
        {(name, "duplicate-header"): 1 for cell, name, none in names if name not in (cell.strip(), none)}
    )


class _Lines:
    """The lines of a table, remembering those of the row being read, so that a row can be given back."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._waiting: deque[str] = deque()
        self.number = 0  # of the last line handed out
        self.n_marks = 0  # byte order marks at the start of rows, which are left out
        self.row: list[str] = []
        self._row_chars = 0
        self.gave_up = False  # the row has no end, whatever the file may still hold
        self._open_until = 0  # up to this line, a row that goes on into it is known not to end

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        # An earlier row read on from here in the same state and found no end; or no cell is that long: a quote is open.
        known = bool(self.row) and self.number < self._open_until
        if known or self._row_chars > MAX_RECORD_BYTES or len(self.row) > MAX_RECORD_LINES:
            self.gave_up = True
            raise StopIteration
        line = self._waiting.popleft() if self._waiting else next(self._text)
        if not self.row and line.startswith("\ufeff"):  # what joining files leaves behind
            line, self.n_marks = line[1:], self.n_marks + 1
        self.number += 1
        self.row.append(line)
        self._row_chars += len(line)
        return line

    def start_row(self) -> int:
        """Forget the row before; returns the number of the line on which the next one starts."""
        self.row, self._row_chars, self.gave_up = [], 0, False
        return self.number + 1

    def give_back_all_but_first(self) -> str:
        """Hand the later lines of the row out again; returns its first line.

        Inside an open quote only the place in the file matters, not where the quote was opened. So no line is read on into
        twice, and a table of quotes that never close costs as much as its length.
        """
        first, *later = self.row
        self._open_until = max(self._open_until, self.number)
        self._waiting.extendleft(reversed(later))
        self.number -= len(later)
        return first


def _next_row(
    lines: _Lines, delimiter: str, stream: TextStream
) -> tuple[int, list[str] | BadRow, Notes | None] | None:
    """The next row and the line it starts on; a row whose quote is never closed costs its first line alone."""
    start = lines.start_row()
    try:
        return start, next(csv.reader(lines, delimiter=delimiter, strict=True)), None
    except StopIteration:
        return None
    except csv.Error as error:
        if "field larger" in str(error):
            return start, BadRow("".join(lines.row), f"not a row of a table: {error}"), None
        if stream.damage and "unexpected end" in str(error) and not lines.gave_up:
            return start, next(csv.reader(lines.row, delimiter=delimiter)), None
        first = lines.give_back_all_but_first().rstrip("\r\n")
        cells, n_literal = _literal_cells(first, delimiter)
        if cells:
            return start, cells, Notes({("", "quote"): 1}) if n_literal else None
        reason = f"a quote opened on line {start:,} is not closed where a cell ends"
        return start, BadRow(first.encode("utf-8", "surrogateescape"), reason), None


@cache
def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    end = rf"(?={re.escape(delimiter)}|\Z)"
    quoted = r'"((?:[^"]|"")*)"'
    return re.compile(rf'{quoted}( *){end}|({quoted}[^{delimiter}]*)|((?!")[^{delimiter}]*)')


def _literal_cells(line: str, delimiter: str) -> tuple[list[str], int]:
    """The cells of a line, and how many begin with a quoted phrase and go on: their text is kept, quotes and all.

    No cells where a quote is opened and not closed: the cell may go on in the next line.
    """
    cells: list[str] = []
    n_literal, at = 0, 0
    while at <= len(line):
        match = _cell_pattern(delimiter).match(line, at)
        if match is None:
            return [], 0
        quoted, blanks, literal, _, plain = match.groups()
        n_literal += literal is not None
        if quoted is not None:
            cells.append(quoted.replace('""', '"') + blanks)
        else:
            cells.append(plain if literal is None else literal)
        at = match.end() + 1
    return cells, n_literal


def _without_cut_row(rows: Iterator[TableRow], stream: TextStream) -> Iterator[TableRow]:
    """Hold back the last row: when the stream broke, nobody can tell whether that row is whole."""
    waiting: TableRow | None = None
    for row in rows:
        if waiting is not None:
            yield waiting
        waiting = row
    if waiting is None and stream.damage is None:
        return
    line, last = waiting or (2, BadRow("", ""))
    if stream.damage:
        values = last.record if isinstance(last, ExactRow) else last
        raw = values.raw if isinstance(values, BadRow) else _csv_line(list(values.values()), ",")
        last = BadRow(raw, f"{stream.damage} after line {line - 1:,}")
    yield line, last


def column_names(cells: list[str]) -> list[str]:
    """Return the names of a header, blank ones numbered and repeated ones told apart."""
    names: dict[str, None] = {}  # in order, and asked in no time however many there are
    for number, cell in enumerate(cells, 1):
        name = cell.strip().encode("utf-8", "backslashreplace").decode() or f"column_{number}"
        while name in names:
            name = f"{name}_{number}"
        names[name] = None
    return list(names)


def _csv_line(cells: list[str], delimiter: str) -> bytes:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue().encode("utf-8", "surrogateescape")


def bad_chunk(number: int, raw: bytes, reason: str, stream: TextStream) -> Chunk:
    """A record that a container cannot be read further than."""
    return Chunk("rows", [(number, BadRow(raw, reason))], number, stream.bytes_read)
