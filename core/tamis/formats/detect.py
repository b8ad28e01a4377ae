"""What a file is and how it would be imported, before anything is: format, mapping, first rows, problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tamis.errors import InvalidRecord, UnreadableFile
from tamis.formats import FORMATS, load_format
from tamis.formats.cell_text import data_in
from tamis.formats.doubts import Doubt, Reading, doubt_of, settled_reading
from tamis.formats.format import Format, Record, seen_columns
from tamis.formats.hints import Guess, guess_mapping
from tamis.formats.late_columns import with_alternatives
from tamis.formats.layout import Layout, detect_layout
from tamis.formats.names import (
    are_calls,
    first_item,
    has_tools,
    holds_conversation,
    is_answer,
    lists_answers,
    optional_parts,
    turn_keys,
)
from tamis.formats.notes import Notes
from tamis.formats.reader import display_name, nothing_readable
from tamis.formats.role_labels import CALL_LABEL
from tamis.formats.schema import Reject, show_raw
from tamis.formats.shape_notes import note_shape
from tamis.formats.stored_form import (
    ColumnMapping,
    decoded,
    is_side_by_side,
    lifted,
    listed_objects,
    marked_columns,
    open_record,
)
from tamis.formats.survey import Survey, survey_file
from tamis.registry import parse_options
from tamis.types import JSON, Example

_N_LOOKED_AT = 5_000  # records, when the first ones are all bad
MOST_PROBLEMS = 20
_N_NAMED = 30  # columns in a message
_N_ROWS = 3
_MAX_INSIDE = 100  # columns inside objects that are offered for a mapping
_LIST_PARTS = ("messages", "conversations", "instances", "history")
_MAX_OPENED = 2  # objects inside objects, when nothing fits without opening them


FormatMatch = Reading


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A record of the file and the first example it becomes; ``raw`` is its text, with bytes that the record lacks."""

    line: int
    record: Record
    example: Example
    raw: bytes | str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the first records of a file show.

    ``format_name`` and ``fields`` are None when no format fits: ``columns`` then are what a person can map by
    hand. ``confidence`` is the fraction of the sample in [0, 1] that the format reads. ``alternatives`` are
    the other formats that read some of it, best first. ``problems`` are the first rejects of the sample, and
    ``is_whole_file`` tells whether the sample is all there is. Columns and their parts come from ``n_looked_at``
    records, all of the file where ``looked_at_all``. ``guess`` is how a file that no format fits would
    most likely be read. ``notes`` count what is read otherwise than it stands in the file, or not read. ``doubt`` is what the
    columns leave open: then no format was taken.
    """

    name: str
    layout: Layout
    format_name: str | None
    fields: ColumnMapping | None
    confidence: float
    alternatives: tuple[FormatMatch, ...]
    rows: tuple[PreviewRow, ...]
    columns: tuple[str, ...]
    problems: tuple[Reject, ...]
    n_sampled: int
    is_whole_file: bool
    n_looked_at: int = 0
    looked_at_all: bool = False
    guess: Guess | None = None
    notes: Notes = field(default_factory=Notes)
    doubt: Doubt | None = None

    @property
    def container(self) -> str:
        """The kind of file: jsonl, json, csv, tsv, parquet, arrow_folder or hub."""
        return self.layout.container

    @property
    def compression(self) -> str:
        """How the file is compressed: none, gzip or zstd."""
        return self.layout.compression

    @property
    def encoding(self) -> str:
        """The encoding of a text file; empty for other kinds."""
        return self.layout.encoding


def inspect_file(
    path: Path | str,
    *,
    sample: int = 100,
    format_name: str | None = None,
    fields: ColumnMapping | None = None,
    roles: Mapping[str, str] | None = None,
    lenient: bool = False,
    encoding: str = "",
    repairs: Sequence[str] = (),
) -> Inspection:
    """Say what a file is from all of it (a large one: from its start and pieces), and show three records as examples.

    The first ``sample`` records are tried. A format and mapping given by a person replace the detected ones, which
    shows what they would do; so does the ``encoding`` of its text. Raises UnreadableFile, with why, for a file that holds no
    record or of which a format rejects every one, unless it is ``lenient`` or read with ``repairs``. ``roles`` says what labels of turns mean that no
    format knows.
    """
    layout = detect_layout(path, encoding)
    seen = survey_file(path, layout, sample=sample, max_looked_at=_N_LOOKED_AT, repairs=repairs)
    if not seen.records:
        raise nothing_readable(path, len(seen.rejects), [reject.reason for reject in seen.rejects])
    candidates = [_with_roles(match, seen, roles) for match in _ranked(seen)] if roles else _ranked(seen)
    candidates.sort(key=lambda candidate: -candidate.confidence)
    chosen = candidates[settled_reading(candidates, _tried(seen))] if candidates else None
    doubt = None if format_name is not None or chosen is None else _doubt(chosen, candidates, seen)
    if format_name is not None:
        chosen = _chosen(format_name, fields, seen)
        chosen = _with_roles(chosen, seen, roles) if roles else chosen
    rows, problems = _preview(seen, chosen)
    if doubt and rows:
        chosen = None
    if chosen and not (format_name or rows or lenient or repairs) and seen.is_whole_sample:
        refused = nothing_readable(path, seen.n_sampled, [problem.reason for problem in problems])
        raise UnreadableFile(f"{refused} Its columns are {', '.join(_columns(seen)[:_N_NAMED])}.")
    return Inspection(
        name=display_name(path),
        layout=layout,
        format_name=chosen.format_name if chosen else None,
        fields=chosen.fields if chosen else None,
        confidence=chosen.confidence if chosen else 0.0,
        alternatives=tuple(
            item for item in candidates if chosen is None or item.format_name != chosen.format_name
        ),
        rows=tuple(rows[:_N_ROWS]),
        columns=_columns(seen),
        problems=tuple(problems[:MOST_PROBLEMS]),
        n_sampled=seen.n_sampled,
        is_whole_file=seen.is_whole_sample,
        n_looked_at=seen.n_looked_at,
        looked_at_all=seen.is_whole_file,
        notes=seen.notes,
        guess=None if chosen else doubt.guess if doubt else _guess(seen),
        doubt=None if chosen else doubt,
    )


def rank_formats(
    records: Sequence[Record],
    json_columns: Sequence[str] = (),
    tried: Sequence[Record] = (),
    spread: Sequence[Record] = (),
) -> list[FormatMatch]:
    """Return the formats whose columns are there, those that read most records first, then in the table's
    order.

    ``records`` say which columns there are, and ``tried`` (these, when empty) how many can be read. ``json_columns``
    hold lists and objects as text, ``spread`` are later records whose values tell something too. Objects in columns are opened when nothing fits without.
    """
    tried = tried or records
    shown = [_shown(record, json_columns) for record in records]
    found = _matches(shown, (tried, spread), json_columns)
    for _ in range(_MAX_OPENED):
        if any(match.confidence for match in found):
            break
        opened = [_opened(decoded(record, json_columns)) for record in shown]
        inside = Survey()
        for record in opened:
            inside.look(record)
        json_columns = tuple(dict.fromkeys((*json_columns, *inside.json_columns)))
        shown = [_shown(record, json_columns) for record in opened]
        found = _matches(shown, (tried, spread), json_columns) or found
    return found


def _matches(
    shown: Sequence[Record], told: tuple[Sequence[Record], Sequence[Record]], json_columns: Sequence[str]
) -> list[FormatMatch]:
    tried, spread = told
    matches: list[FormatMatch] = []
    for name in FORMATS:
        form = load_format(name)
        fields = form.suggest(shown)
        if fields is not None:
            fields = fields.settled([*shown, *spread])
            fields = with_alternatives(_with_json(fields, json_columns, seen_columns(shown)), shown)
            beside = _side_by_side(fields, tried)
            fields = fields.model_copy(update={"side_by_side": beside}) if beside else fields
            fields = _with_marks(form, fields, [*tried, *spread], ranked=True)
            matches.append(FormatMatch(name, fields, form.readable_fraction(tried, fields)))
    return sorted(matches, key=lambda candidate: -candidate.confidence)


def _shown(record: Record, json_columns: Sequence[str]) -> Record:
    """Return a record with the text that holds conversations as data; the JSON of an answer stays text."""
    data = {
        column: listed_objects(value)
        if is_side_by_side(value) and turn_keys(listed_objects(value)[0])
        else value
        for column, value in record.items()
    }
    if not json_columns:
        return data
    data = decoded(data, json_columns)
    calls = has_tools(record)
    return {
        column: record[column]
        if _are_texts(record[column])
        and not lists_answers(column, found)
        and (
            is_answer(column, record, found)
            or not (holds_conversation(column, found) or (calls and are_calls(found)))
        )
        else found
        for column, found in data.items()
    }


def _are_texts(value: JSON) -> bool:
    """Whether a value is a text, or a list of texts."""
    return isinstance(value, str) or (isinstance(value, list) and isinstance(first_item(value), str))


def _opened(record: Record) -> Record:
    for column in tuple(record):
        if turn_keys(record[column]) is None:  # a turn is one as it is
            record = lifted(record, column) or record
    return record


def _with_json(fields: ColumnMapping, json_columns: Sequence[str], columns: Record) -> ColumnMapping:
    """Return the mapping with the columns to decode: all that hold data but a part's whose JSON is its text."""
    lists = {fields.parts.get(part, "") for part in _LIST_PARTS}
    texts = {column for column in fields.parts.values() if isinstance(columns.get(column), str)}
    # A list of texts of objects that were not turned to data: they are what is said.
    told = {column: first_item(columns.get(column)) for column in fields.parts.values()}
    listed = {column for column, text in told.items() if isinstance(text, str) and data_in(text) is not None}
    kept = [column for column in json_columns if column not in (texts - lists) | listed]
    # A column of turns stays one although a cell of it is broken, which then is rejected.
    kept += sorted(column for column in (texts & lists) - set(kept) if data_in(columns[column]) is not None)
    return fields.model_copy(update={"json_columns": tuple(kept)}) if kept or fields.json_columns else fields


def _guess(seen: Survey) -> Guess | None:
    """A mapping that would read something of the file, or None."""
    guess = guess_mapping([decoded(one, seen.json_columns) for one in seen.telling])
    if guess is None:
        return None
    form = load_format(guess.format_name)
    fields = parse_options(form.fields, guess.parts | {"json_columns": seen.json_columns})
    tried = [record for _, _, record in seen.records]
    return guess if form.readable_fraction(tried, fields) else None


def _columns(seen: Survey) -> tuple[str, ...]:
    """Return the columns of a file, then those inside their objects."""
    opened = [_opened(decoded(record, seen.json_columns)) for record in seen.telling]
    inside = dict.fromkeys(column for record in opened for column in record if column not in seen.columns)
    return (*seen.columns, *list(inside)[:_MAX_INSIDE])


def _with_roles(match: FormatMatch, seen: Survey, roles: Mapping[str, str]) -> FormatMatch:
    form = load_format(match.format_name)
    given: dict[str, JSON] = {"roles": dict(roles)}
    if CALL_LABEL in roles.values() and "function_calls" in form.fields.model_fields:
        given["function_calls"] = True
    fields = parse_options(form.fields, match.fields.model_dump() | given)
    tried = [record for _, _, record in seen.records]
    return FormatMatch(match.format_name, fields, form.readable_fraction(tried, fields))


def _side_by_side(fields: ColumnMapping, records: Sequence[Record]) -> tuple[str, ...]:
    """Return the mapped columns whose turns stand as lists side by side."""
    columns = [fields.parts[part] for part in _LIST_PARTS if part in fields.parts]
    opened = seen_columns(
        [open_record(record, fields)[0] if fields.reshapes else record for record in records]
    )
    return tuple(column for column in columns if is_side_by_side(opened.get(column)))


def _with_marks(
    form: Format, fields: ColumnMapping, records: Sequence[Record], *, ranked: bool = False
) -> ColumnMapping:
    """Return the mapping with the columns whose text has marks of who speaks, where reading these refuses few records.

    Where formats are ``ranked``, one without turns (Alpaca) then reads none, and another takes its place.
    """
    marked = marked_columns(fields, records) if "marked" not in fields.model_fields_set else ()
    if not marked:
        return fields
    read = fields.model_copy(update={"marked": marked})
    if ranked and form.name == "alpaca":
        return read
    enough = 2 * form.readable_fraction(records, read) >= form.readable_fraction(records, fields)
    return read if enough else fields


def _tried(seen: Survey) -> list[Record]:
    return [record for _, _, record in seen.records]


def _doubt(match: FormatMatch, candidates: Sequence[FormatMatch], seen: Survey) -> Doubt | None:
    records = [*seen.telling, *(record for _, _, record in seen.spread)]
    others = [other for other in candidates if other is not match and other.confidence]
    return doubt_of(match, others, records, seen.json_columns) if match.confidence else None


def _ranked(seen: Survey) -> list[FormatMatch]:
    spread = [record for _, _, record in seen.spread]
    return rank_formats(seen.telling, seen.json_columns, _tried(seen), spread)


def _chosen(format_name: str, fields: ColumnMapping | None, seen: Survey) -> FormatMatch:
    """Return the format a person chose; parts that were not named are mapped as they would have been suggested."""
    form: Format = load_format(format_name)
    ranked = {match.format_name: match.fields for match in _ranked(seen)}
    if fields is None and format_name in ranked:
        fields = ranked[format_name]
    else:
        columns = seen_columns([_shown(record, seen.json_columns) for record in seen.telling])
        suggested = ranked.get(format_name)
        fields = _filled(_completed(fields or form.fields(), suggested), columns)
        fields = fields.settled([*seen.telling, *(record for _, _, record in seen.spread)], suggested)
        if set(fields.json_columns) <= set(seen.json_columns):
            fields = _with_json(fields, seen.json_columns, columns)
        fields = _with_marks(form, fields, [*_tried(seen), *(record for _, _, record in seen.spread)])
    return FormatMatch(
        format_name, fields, form.readable_fraction([record for _, _, record in seen.records], fields)
    )


def _completed(fields: ColumnMapping, suggested: ColumnMapping | None) -> ColumnMapping:
    """Return a mapping whose parts that no person named are those that the columns suggest."""
    if suggested is None or not fields.model_fields_set - (set(ColumnMapping.model_fields) - {"join"}):
        return fields
    named = {fields.parts[part] for part in fields.model_fields_set if part in fields.parts} | {*fields.join}
    found = {
        part: column
        for part, column in suggested.parts.items()
        if part not in fields.model_fields_set and column not in named
    }
    return fields.model_copy(update=found)


def _filled(fields: ColumnMapping, columns: Record) -> ColumnMapping:
    """Return a mapping with its optional parts found among the columns, but for those that a person named."""
    given = {part: column for part, column in fields.parts.items() if part in fields.model_fields_set}
    given |= {f"join {column}": column for column in fields.join}
    found = optional_parts(columns, given)
    return fields.model_copy(
        update={
            part: column
            for part, column in found.items()
            if part in type(fields).model_fields.keys() - fields.model_fields_set - fields.of_items
        }
    )


def _preview(seen: Survey, chosen: FormatMatch | None) -> tuple[list[PreviewRow], list[Reject]]:
    rows: list[PreviewRow] = []
    problems = list(seen.rejects)
    if chosen is None:
        return rows, problems
    form = load_format(chosen.format_name)
    for number, raw, record in [*seen.records, *seen.spread]:
        if number > seen.records[-1][0] and len(rows) >= _N_ROWS:
            break
        try:
            examples = form.parse(record, chosen.fields)
        except InvalidRecord as error:
            problems.append(Reject(number, show_raw(str(error)), show_raw(raw)))
            continue
        rows.append(PreviewRow(number, record, examples[0], raw))
        note_shape(record, examples, seen.notes)
    return rows, sorted(problems, key=lambda problem: problem.line)
