"""What a file is and how it would be imported, before anything is: format, mapping, first rows, problems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tamis.errors import InvalidRecord
from tamis.formats import FORMATS, load_format
from tamis.formats.format import Format, Record
from tamis.formats.layout import Layout, detect_layout
from tamis.formats.parsing import read_records
from tamis.formats.reader import display_name, iter_chunks, nothing_readable
from tamis.formats.schema import Reject, show_raw
from tamis.registry import Options
from tamis.types import Example

_BLOCK_BYTES = 1 << 18
_N_LOOKED_AT = 5_000  # records, when the first ones are all bad
_N_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class FormatMatch:
    """A format that fits, its mapping, and the fraction of the sample in [0, 1] that it reads."""

    format_name: str
    fields: Options
    confidence: float


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A record of the file and the first example it becomes."""

    line: int
    record: Record
    example: Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the first records of a file show.

    ``format_name`` and ``fields`` are None when no format fits: ``columns`` then are what a person can map by
    hand. ``confidence`` is the fraction of the sample in [0, 1] that the format reads. ``alternatives`` are
    the other formats that read some of it, best first. ``problems`` are the first rejects of the sample, and
    ``is_whole_file`` tells whether the sample is all there is.
    """

    name: str
    layout: Layout
    format_name: str | None
    fields: Options | None
    confidence: float
    alternatives: tuple[FormatMatch, ...]
    rows: tuple[PreviewRow, ...]
    columns: tuple[str, ...]
    problems: tuple[Reject, ...]
    n_sampled: int
    is_whole_file: bool

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


@dataclass(slots=True)
class _Sample:
    records: list[tuple[int, bytes | str, Record]]
    rejects: list[Reject]
    is_whole_file: bool


def inspect_file(
    path: Path | str, *, sample: int = 100, format_name: str | None = None, fields: Options | None = None
) -> Inspection:
    """Look at the first ``sample`` records and say what they are, with three of them as examples.

    A format and mapping given by a person replace the detected ones, which shows what they would do. Raises
    UnreadableFile, with why, for a file that holds no record or of which a format rejects every one.
    """
    layout = detect_layout(path)
    seen = _take(path, layout, sample)
    if not seen.records:
        raise nothing_readable(path, len(seen.rejects), [reject.reason for reject in seen.rejects])
    records = [record for _, _, record in seen.records]
    candidates = rank_formats(records)
    chosen = candidates[0] if candidates else None
    if format_name is not None:
        chosen = _chosen(format_name, fields, records)
    rows, problems = _preview(seen, chosen)
    if chosen is not None and format_name is None and not rows and seen.is_whole_file:
        raise nothing_readable(path, seen_count(seen), [problem.reason for problem in problems])
    return Inspection(
        name=display_name(path),
        layout=layout,
        format_name=chosen.format_name if chosen else None,
        fields=chosen.fields if chosen else None,
        confidence=chosen.confidence if chosen else 0.0,
        alternatives=tuple(
            item for item in candidates if chosen is None or item.format_name != chosen.format_name
        ),
        rows=tuple(rows[:3]),
        columns=tuple(dict.fromkeys(key for record in records for key in record)),
        problems=tuple(problems[:_N_PROBLEMS]),
        n_sampled=seen_count(seen),
        is_whole_file=seen.is_whole_file,
    )


def rank_formats(records: list[Record]) -> list[FormatMatch]:
    """Return the formats whose columns are there, those that read most records first, then in the table's
    order.
    """
    matches: list[FormatMatch] = []
    for name in FORMATS:
        form = load_format(name)
        fields = form.suggest(records)
        if fields is not None:
            matches.append(FormatMatch(name, fields, form.readable_fraction(records, fields)))
    return sorted(matches, key=lambda candidate: -candidate.confidence)


def seen_count(sample: _Sample) -> int:
    """Return how many records the sample holds, good and bad."""
    return len(sample.records) + len(sample.rejects)


def _chosen(format_name: str, fields: Options | None, records: list[Record]) -> FormatMatch:
    form: Format = load_format(format_name)
    mapping = fields or form.suggest(records) or form.fields()
    return FormatMatch(format_name, mapping, form.readable_fraction(records, mapping))


def _take(path: Path | str, layout: Layout, n_wanted: int) -> _Sample:
    sample = _Sample([], [], is_whole_file=True)
    for number, raw, record in _records(path, layout, n_wanted):
        if len(sample.records) >= n_wanted or seen_count(sample) >= _N_LOOKED_AT:
            sample.is_whole_file = False
            break
        if isinstance(record, InvalidRecord):
            sample.rejects.append(Reject(number, show_raw(str(record)), show_raw(raw)))
        else:
            sample.records.append((number, raw, record))
    return sample


def _records(
    path: Path | str, layout: Layout, n_wanted: int
) -> Iterator[tuple[int, bytes | str, Record | InvalidRecord]]:
    for chunk in iter_chunks(path, layout, block_bytes=_BLOCK_BYTES, batch_rows=n_wanted):
        yield from read_records(chunk)


def _preview(sample: _Sample, chosen: FormatMatch | None) -> tuple[list[PreviewRow], list[Reject]]:
    rows: list[PreviewRow] = []
    problems = list(sample.rejects)
    if chosen is None:
        return rows, problems
    form = load_format(chosen.format_name)
    for number, raw, record in sample.records:
        try:
            rows.append(PreviewRow(number, record, form.parse(record, chosen.fields)[0]))
        except InvalidRecord as error:
            problems.append(Reject(number, show_raw(str(error)), show_raw(raw)))
    return rows, sorted(problems, key=lambda problem: problem.line)
