"""Files as people of the field reported them, and what an import and an export make of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from tamis.formats.detect import Inspection, inspect_file
from tamis.formats.targets import Target
from tamis.formats.writer import StoredExample, row_lines
from tests.core.formats.files import Imported, import_file, lines_of

CASES = Path(__file__).parents[2] / "fixtures" / "cases"


@dataclass
class Case:
    """A file, imported as it would be without a word from a person."""

    inspection: Inspection
    imported: Imported

    @property
    def turns(self) -> list[list[tuple[str, object]]]:
        return [
            [(turn["role"], turn["content"]) for turn in orjson.loads(row["messages"])]
            for row in self.imported.rows
        ]

    @property
    def messages(self) -> list[list[dict]]:
        return [orjson.loads(row["messages"]) for row in self.imported.rows]

    @property
    def meta(self) -> list[dict]:
        return [orjson.loads(row["meta"]) for row in self.imported.rows]

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.imported.rejects]

    def stored(self) -> list[StoredExample]:
        return [
            StoredExample(
                messages=orjson.loads(row["messages"]),
                raw=row["raw"],
                source=row["source"],
                source_row=row["source_row"],
                meta=orjson.loads(row["meta"]),
                format_name=str(self.inspection.format_name),
                fields=self.inspection.fields,
            )
            for row in self.imported.rows
        ]

    def written(self, examples: list[StoredExample] | None = None) -> list[dict]:
        """The rows in the format and under the names of their source, made from the examples alone."""
        rows = [
            StoredExample(
                messages=one.messages,
                meta=one.meta,
                format_name=one.format_name,
                fields=one.fields,
                source_row=number,
            )
            for number, one in enumerate(examples or self.stored())
        ]
        lines = row_lines(
            rows,
            format_name=str(self.inspection.format_name),
            fields=self.inspection.fields,
            target=Target("csv"),  # keeps JSON text as text
        )
        return [orjson.loads(line) for line in lines]

    def edited(self, number: int, text: str) -> dict:
        """One row in its source's shape after its last turn was edited."""
        examples = self.stored()
        one = examples[number]
        one.messages[-1]["content"] = text
        (line,) = row_lines([one], format_name="source")
        return orjson.loads(line)


def case(path: Path) -> Case:
    """Import a file as it is detected."""
    inspection = inspect_file(path)
    assert inspection.format_name is not None, inspection.guess
    return Case(inspection, import_file(path, inspection.format_name, inspection.fields))


def case_of(tmp_path: Path, records: list[dict]) -> Case:
    """Import records written as JSON lines."""
    path = tmp_path / "given.jsonl"
    path.write_bytes(lines_of(records))
    return case(path)
