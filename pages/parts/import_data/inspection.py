"""What the files of an import are, how each would be read, and the choices a person made about that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import streamlit as st

from tamis.errors import CurationError
from tamis.formats import FORMATS
from tamis.formats.detect import Inspection, inspect_file
from tamis.registry import parse_options
from tamis.steps.identify import dataset_id_for, file_hash
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.steps.import_file.paths import data_files
from tamis.types import JSON

_CHOICES = "import_choices"


@dataclass(frozen=True, slots=True)
class ReadingChoices:
    """How a person wants a file read; empty means as detected."""

    format_name: str = ""
    fields: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """A file and what is known about it; ``problem`` says why it cannot be read at all."""

    path: str
    inspection: Inspection | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """What to call the file."""
        return self.inspection.name if self.inspection else Path(self.path).name

    @property
    def ready(self) -> bool:
        """Whether it is known how to read it, and at least one record of the sample can be."""
        return (
            self.inspection is not None
            and self.inspection.format_name is not None
            and bool(self.inspection.rows)
        )


def inspect_files(paths: Sequence[str]) -> list[Examined]:
    """Look at every file, the data files of a folder each by itself, with the choices made so far."""
    files = [file for path in paths for file in data_files(path)]
    return [_examine(file, choice_for(file)) for file in dict.fromkeys(files)]


def choice_for(path: str) -> ReadingChoices:
    """What the person chose for a file."""
    found = st.session_state.get(_CHOICES, {}).get(path)
    return found if isinstance(found, ReadingChoices) else ReadingChoices()


def choose(paths: Sequence[str], choice: ReadingChoices) -> None:
    """Read these files in that way from now on."""
    st.session_state.setdefault(_CHOICES, {}).update(dict.fromkeys(paths, choice))


def plan(files: Sequence[Examined], name: str) -> tuple[str, dict[str, JSON]]:
    """The dataset's id and the options of its import; reads every file once for its hash."""
    sources = []
    for file in files:
        found = file.inspection
        assert found is not None and found.format_name is not None
        fields = parse_options(FORMATS[found.format_name].options, _given(found))
        sources.append(
            SourceFile(
                path=file.path,
                format=found.format_name,
                fields=fields.model_dump(mode="json"),
                content_hash=file_hash(Path(file.path)),
            )
        )
    options = ImportOptions(files=tuple(sources), name=name)
    return dataset_id_for(name, sources), options.model_dump(mode="json")


def _given(found: Inspection) -> dict[str, JSON]:
    return found.fields.model_dump(mode="json") if found.fields else {}


def _examine(path: str, choice: ReadingChoices) -> Examined:
    stamp = (0, 0)
    if Path(path).exists():
        stat = Path(path).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    try:
        return Examined(path, _inspect(path, stamp, choice.format_name, orjson.dumps(dict(choice.fields))))
    except CurationError as error:
        return Examined(path, problem=str(error))


@st.cache_data(max_entries=256, ttl=3600, show_spinner="Looking at the file")
def _inspect(path: str, stamp: tuple[int, int], format_name: str, fields: bytes) -> Inspection:
    if not format_name:
        return inspect_file(path)
    given = orjson.loads(fields)
    mapping = parse_options(FORMATS[format_name].options, given) if given else None
    return inspect_file(path, format_name=format_name, fields=mapping)
