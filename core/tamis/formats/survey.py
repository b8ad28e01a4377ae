"""What columns a file has and what they hold, from the whole of it or from pieces spread over it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tamis.errors import InvalidRecord
from tamis.formats.format import Record
from tamis.formats.layout import Layout
from tamis.formats.notes import Notes
from tamis.formats.parsing import Chunk, read_records, without_collection
from tamis.formats.reader import iter_chunks
from tamis.formats.schema import Reject, show_raw
from tamis.formats.stored_form import is_data

BLOCK_BYTES = 1 << 18
WHOLE_BYTES = (
    32 << 20
)  # a file is read whole up to this size; what is larger is looked at in pieces behind its start
START_BYTES = 8 << 20  # of a file that can be entered anywhere
N_PIECES = 64
_PIECE_BYTES = 1 << 16  # of which whole records are looked at; more where that holds none
MAX_HUB_ROWS = 2_000  # rows that are loaded over the network before anybody agreed to the import
MAX_WITNESSES = 200
MAX_SPREAD = 400
_CLEAR, _CLEAR_STEP = 500, 10  # after so many cells of data every tenth is looked at
_MAX_CELL_CHARS = 1 << 20  # a longer cell is prose or rare enough to be looked at by its importer


@dataclass(slots=True)
class Survey:
    """The first records of a file, later ones that tell something new, and which columns hold JSON as text.

    ``records`` and ``rejects`` are the sample from the start. ``witnesses`` are later records that are the first to
    have a column, or to have something in it; ``spread`` are some of the later ones.
    """

    records: list[tuple[int, bytes | str, Record]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    witnesses: list[Record] = field(default_factory=list)
    spread: list[tuple[int, bytes | str, Record]] = field(default_factory=list)
    columns: dict[str, bool] = field(default_factory=dict)  # in order; whether one has ever held something
    is_whole_sample: bool = True  # the sample is all that the file holds
    is_whole_file: bool = True  # every record of the file was looked at
    n_seen: int = 0
    notes: Notes = field(default_factory=Notes)  # what was read otherwise than it stands in the file, or not
    _data: dict[str, int] = field(default_factory=dict)  # text cells that hold data, of columns without prose
    _step: int = 1
    _prose: set[str] = field(default_factory=set)
    # Of the columns of a record those of which there is something left to learn.
    _open: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    @property
    def n_sampled(self) -> int:
        """How many records the sample holds, good and bad."""
        return len(self.records) + len(self.rejects)

    @property
    def n_looked_at(self) -> int:
        """How many records were looked at, good and bad ones of the sample, good ones beyond it."""
        return self.n_seen + len(self.rejects)

    @property
    def telling(self) -> list[Record]:
        """The records that together show every column that was seen, and what is in it."""
        return [*(record for _, _, record in self.records), *self.witnesses]

    @property
    def json_columns(self) -> tuple[str, ...]:
        """Columns of which every text that is not empty is a JSON list or object."""
        return tuple(column for column in self.columns if self._data.get(column))

    def look(self, record: Record) -> bool:
        """Take note of a record; tell whether it showed a column or a first value that none before it did."""
        self.n_seen += 1
        shape = tuple(record)
        is_new = weighed = False
        for column in self._open.get(shape, shape):
            value = record[column]
            holds = value is not None and value not in ("", [], {})
            if not holds and column in self.columns:
                continue
            if holds and not self.columns.get(column):
                is_new = self.columns[column] = True
            elif not holds:
                self.columns[column], is_new = False, True
            # Objects and lists of them tell nothing of text; most rows of turns are done with here.
            first = value[0] if type(value) is list and value else value
            if holds and type(first) is not dict and column not in self._prose:
                self._weigh(column, value)
                weighed = True
        if weighed:
            self._open[shape] = tuple(name for name in shape if not self._is_settled(name))
        return is_new

    def _is_settled(self, column: str) -> bool:
        return column in self._prose and self.columns.get(column, False)

    def look_further(self, record: Record | InvalidRecord) -> bool:
        """Take note of a record beyond the sample, a bad one of nothing; tell whether it was a good one."""
        if isinstance(record, InvalidRecord):
            return False
        if self.look(record) and len(self.witnesses) < MAX_WITNESSES:
            self.witnesses.append(record)
        return True

    def take(self, number: int, raw: bytes | str, record: Record | InvalidRecord) -> None:
        """Look further, and keep every so many records."""
        self.is_whole_sample = False
        # Most records are of a shape of which nothing is left to learn.
        if type(record) is dict and self._open.get(tuple(record)) == ():
            self.n_seen += 1
        elif not self.look_further(record):
            return
        if self.n_seen % self._step == 0 and isinstance(record, dict):
            self.spread.append((number, raw, record))
            if len(self.spread) >= MAX_SPREAD:
                self._step, self.spread = 2 * self._step, self.spread[::2]

    def _weigh(self, column: str, value: object) -> None:
        if self._data.get(column, 0) > _CLEAR and self.n_seen % _CLEAR_STEP:
            return
        verdict = is_data(value) if not isinstance(value, str) or len(value) < _MAX_CELL_CHARS else False
        if verdict is False:
            self._prose.add(column)
            self._data.pop(column, None)
        elif verdict:
            self._data[column] = self._data.get(column, 0) + 1


def survey_file(
    path: Path | str, layout: Layout, *, sample: int, max_looked_at: int, repairs: Sequence[str] = ()
) -> Survey:
    """Look at a file: whole up to WHOLE_BYTES, beyond that in N_PIECES pieces where it can be entered anywhere.

    ``sample`` records are kept from its start, less when ``max_looked_at`` records do not hold as many good ones. Those that
    only a repair reads are read with it, where it is one of text.
    """
    survey = Survey()
    with without_collection():
        _look_at_start(survey, path, layout, (sample, max_looked_at), repairs)
        if not survey.is_whole_file:
            _look_at_pieces(path, layout, survey)
    return survey


def _look_at_start(
    survey: Survey, path: Path | str, layout: Layout, most: tuple[int, int], repairs: Sequence[str]
) -> None:
    sample, max_looked_at = most
    n_bytes = 0
    most_bytes = START_BYTES if _is_entered(path, layout) else WHOLE_BYTES
    most_rows = MAX_HUB_ROWS if layout.container == "hub" else sys.maxsize
    chunks = iter_chunks(path, layout, block_bytes=BLOCK_BYTES, batch_rows=1000, repairs=repairs)
    rows = chain.from_iterable(read_records(chunk, survey.notes, repairs) for chunk in chunks)
    for number, raw, record in rows:
        n_bytes += len(raw)
        if len(survey.records) < sample and survey.n_sampled < max_looked_at:
            _sample(survey, number, raw, record)
        else:
            survey.take(number, raw, record)
            break
    most_rows -= len(survey.rejects)  # of which no more are kept from here on
    for number, raw, record in rows:
        if n_bytes > most_bytes or survey.n_seen >= most_rows:
            survey.is_whole_file = False
            break
        n_bytes += len(raw)
        survey.take(number, raw, record)


def _sample(survey: Survey, number: int, raw: bytes | str, record: Record | InvalidRecord) -> None:
    if isinstance(record, InvalidRecord):
        survey.rejects.append(Reject(number, show_raw(str(record)), show_raw(raw)))
    else:
        survey.records.append((number, raw, record))
        survey.look(record)


def _look_at_pieces(path: Path | str, layout: Layout, survey: Survey) -> None:
    """Look at pieces spread over the rest of a file that can be entered anywhere."""
    if not _is_entered(path, layout):
        return
    file = Path(path)
    size = file.stat().st_size
    with file.open("rb") as stream:
        for number in range(1, N_PIECES + 1):
            stream.seek(max(START_BYTES, number * size // N_PIECES - BLOCK_BYTES))
            _, _, piece = stream.read(BLOCK_BYTES).partition(layout.newline)
            whole = piece[:_PIECE_BYTES].rpartition(layout.newline)[0] or piece.rpartition(layout.newline)[0]
            for _, _, record in read_records(Chunk("lines", whole, 1, 0, layout.newline)):
                survey.look_further(record)


def _is_entered(path: Path | str, layout: Layout) -> bool:
    """Whether a file is large, and plain JSON lines, the only kind that can be entered anywhere."""
    plain = (layout.container, layout.compression, layout.encoding) == ("jsonl", "none", "utf-8")
    return plain and Path(path).stat().st_size > WHOLE_BYTES
