"""A source's own columns beside a conversation that is written in a format: none is lost, none is read as part of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tamis.errors import InvalidRecord
from tamis.formats import FORMATS, load_format
from tamis.formats.chat import with_usual_labels
from tamis.formats.conversation import SHAPE, shape_of
from tamis.formats.format import Format, Record
from tamis.formats.late_columns import with_alternatives
from tamis.formats.stored_form import ColumnMapping, marked_columns
from tamis.formats.targets import JSON_LINES, Target
from tamis.types import JSON, Example

_START = "source_"
_MAX_SHAPES = 10_000  # kinds of rows that are remembered as harmless


class OwnColumns:
    """Writes examples in a format; a column of the source that would be read as part of the conversation gets another name.

    ``renamed`` says which got which, of the rows so far; a name once given is kept for the rows that follow. Where nobody
    mapped the parts, turns have the labels that trainers know.
    """

    def __init__(self, form: Format, fields: ColumnMapping | None, target: Target = JSON_LINES) -> None:
        self._form, self._fields, self._as_data = form, fields, target.holds_lists
        self._relabels = fields is None and target.has_usual_labels
        self._names = fields or form.fields()
        # Of formats that read a row equally well the earlier one is taken.
        self._earlier = [load_format(name) for name in list(FORMATS)[: list(FORMATS).index(form.name)]]
        self._asked = "rejected" if form.name == "preference" else ""  # a part that stands in the metadata
        self._harmless: set[tuple[tuple[str, str, bool], ...]] = set()
        self.renamed: dict[str, str] = {}

    def write(self, example: Example) -> Record:
        """One record; raises CurationError when the format cannot hold the conversation."""
        if self._relabels:
            example = with_usual_labels(example, self._form.name)
        while True:
            named = self._with_names(example)
            record = self._form.write(named, self._fields, as_data=self._as_data)
            answers = shape_of(named, self._form.name).get("answer_column")  # several, of which one is said
            own = [
                key
                for key in named.meta
                if key not in (SHAPE, self._asked, answers) and key not in self.renamed.values()
            ]
            shape = tuple((key, type(value).__name__, bool(value)) for key, value in record.items())
            if not own or (shape in self._harmless and not self._lost(named, record, own)):
                return record
            clashes = dict.fromkeys([*self._lost(named, record, own), *self._misread(named, record, own)])
            if not clashes:
                if len(self._harmless) < _MAX_SHAPES:
                    self._harmless.add(shape)
                return record
            self._rename(clashes, {*record, *example.meta})

    def _rename(self, keys: Iterable[str], taken: set[str]) -> None:
        for key in keys:
            name = f"{_START}{key}"
            while name in taken or name in self.renamed.values():
                name = f"{_START}{name}"
            self.renamed[key] = name

    def _with_names(self, example: Example) -> Example:
        if not self.renamed or not self.renamed.keys() & example.meta.keys():
            return example
        return replace(
            example, meta={self.renamed.get(key, key): value for key, value in example.meta.items()}
        )

    def _lost(self, example: Example, record: Record, own: list[str]) -> list[str]:
        """The own columns in whose place something of the conversation stands."""
        noted = example.meta.get(SHAPE)
        if isinstance(noted, dict) and noted.get("format") == self._form.name:
            return []  # what the format keeps there of its own columns
        return [key for key in own if key in record and record[key] != example.meta[key]]

    def _misread(self, example: Example, record: Record, own: list[str]) -> list[str]:
        """The own columns that change what the record is read as: with the names it was written with, or as detected."""
        readings: list[tuple[Format, ColumnMapping | None]] = [(self._form, self._names)]
        for form in (self._form, *self._earlier):
            if suggested := form.suggest([record]):
                # What the numbers of a choice mean, no row tells by itself.
                suggested = with_alternatives(suggested.settled([], self._names), [record])
                if self._names.marked:
                    marked = marked_columns(suggested, [record])
                    suggested = suggested.model_copy(update={"marked": marked})
            readings.append((form, suggested))
        found: dict[str, None] = {}
        for form, fields in readings:
            if fields is None or self._reads_as(form, fields, record) in (None, example.messages):
                continue
            spoken = {name for column in fields.spoken for name in column.split("|")}
            found.update(dict.fromkeys(key for key in own if key in spoken and record.get(key)))
        return list(found)

    def _reads_as(self, form: Format, fields: ColumnMapping, record: Record) -> JSON:
        """The messages that a format reads in the record; None where it reads none."""
        try:
            read = form.parse(record, fields)
        except InvalidRecord:
            return [] if form is self._form else None
        return read[0].messages if len(read) == 1 else [one.messages for one in read]
