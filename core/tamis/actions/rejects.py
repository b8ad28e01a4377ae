"""Lines that could not become rows: with their reasons, how often each, and out to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from tamis.actions.roles import needs
from tamis.errors import InvalidOptions, UnknownName, UnreadableFile
from tamis.formats.encodings import check_encoding
from tamis.formats.reasons import kind_of
from tamis.formats.repairs import REPAIRS, check_repairs
from tamis.formats.targets import check_place
from tamis.steps.import_file.identify import ImportPlan, ReadingChoices, file_hash, plan_sources, source_file
from tamis.steps.import_file.options import SourceFile
from tamis.store.artifacts.readers import read_rejects
from tamis.store.artifacts.store import Artifact
from tamis.store.durable import write_atomically
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tamis.types import JSON

_BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Rejects:
    """Rejected lines: ``lines`` has file (its number in the import), line (from 1), reason, raw and kind.

    ``kind`` is what reasons of a kind share (``kind_of``); ``reasons`` counts the lines of every kind, the most frequent
    first.
    """

    lines: pa.Table
    reasons: dict[str, int]
    files: tuple[str, ...]  # their names, by their number in the import
    repairs: frozenset[str] = frozenset()  # with which every file was read

    def where(self, kind: str, n: int = 3) -> str:
        """Where the first lines of a kind stand, and why the first was rejected where the kind does not say all of it."""
        lines = self.of(kind).slice(0, n + 1)
        numbers, files = lines["line"].to_numpy(), lines["file"].to_numpy()
        reason = str(lines["reason"][0]).partition(";")[0]
        name = f"{self.files[files[0]]} " if len(self.files) > 1 else ""
        if reason != kind:
            return f"{name}line {numbers[0]:,}: {reason[:160]}"
        same = [f"{number:,}" for number, file in zip(numbers, files, strict=True) if file == files[0]]
        more = ", …" if self.reasons[kind] > len(same[:n]) else ""
        return f"{name}{'line' if len(same) == 1 and not more else 'lines'} {', '.join(same[:n])}{more}"

    def of(self, reason: str) -> pa.Table:
        """The lines of one kind, or all for none; raises UnknownName."""
        if not reason:
            return self.lines
        if reason not in self.reasons:
            raise UnknownName("reason", reason, self.reasons)
        return self.lines.filter(np.asarray(self.lines["kind"].to_pylist(), dtype=object) == reason)


@dataclass(frozen=True, slots=True)
class ExportedRejects:
    """Where the rejected lines were written, and how many."""

    path: Path
    n_lines: int


def list_rejects(workspace: Workspace, dataset_id: str) -> Rejects:
    """The lines of its files that a dataset does not have; raises DatasetMissing."""
    return rejects_of(workspace.artifacts.examples(dataset_id))


def rejects_of(examples: Artifact) -> Rejects:
    """The same of an artifact."""
    table = read_rejects(examples)
    kinds = [kind_of(str(reason)) for reason in table["reason"].to_pylist()]
    lines = table.append_column("kind", pa.array(kinds, pa.string()))
    sources = examples.summary.get("files", ())
    files = tuple(Path(str(one["path"])).name for one in sources)
    ran = [frozenset(one.get("repairs", ())) for one in sources]
    done = frozenset.intersection(*ran) if ran else frozenset()
    return Rejects(lines, dict(Counter(kinds).most_common()), files, done)


def show_reject(workspace: Workspace, dataset_id: str, line: int, *, file: int = 0) -> tuple[str, str]:
    """Why a line was rejected, and its text; raises InvalidOptions for a line that was not."""
    lines = list_rejects(workspace, dataset_id).lines
    matching = lines.filter((lines["line"].to_numpy() == line) & (lines["file"].to_numpy() == file))
    if not matching.num_rows:
        raise InvalidOptions(
            f"Line {line} of file {file} of {dataset_id!r} was not rejected. {lines.num_rows:,} lines were."
        )
    return str(matching["reason"][0].as_py()), str(matching["raw"][0].as_py())


@needs("curator", noted="export", writes=False)
def export_rejects(workspace: Workspace, dataset_id: str, path: Path, *, reason: str = "") -> ExportedRejects:
    """Write the rejected lines, or those of one reason, as JSON lines: line, reason and raw.

    Raises DatasetMissing, UnknownName for a reason that no line has, and CurationError for a place that cannot be written.
    """
    lines = list_rejects(workspace, dataset_id).of(reason)
    check_place(path)
    write_atomically(path, b"".join(reject_lines(lines)))
    return ExportedRejects(path, lines.num_rows)


def plan_retry(
    workspace: Workspace,
    dataset_id: str,
    *,
    format_name: str = "",
    fields: Mapping[str, JSON] | None = None,
    roles: Mapping[str, str] | None = None,
    encoding: str = "",
    repairs: Sequence[str] = (),
) -> ImportPlan:
    """The import of the same files read in another way: a dataset of the same name, beside this one.

    What is not said stays as it was; ``repairs`` come to those of before. Raises DatasetMissing, UnknownName, UnreadableFile
    for a file that is gone or another one by now, or an encoding that there is not, InvalidOptions where nothing would be
    read otherwise.
    """
    examples = workspace.artifacts.examples(dataset_id)
    known = dataset_names(workspace)[dataset_id]
    given = dict(fields or {}) | ({"roles": dict(roles)} if roles else {})
    asked = ReadingChoices(
        format_name=format_name,
        fields=given,
        encoding=check_encoding(encoding) if encoding else "",
        repairs=repairs,
    )
    sources = [_read_again(file, asked) for file in examples.summary["files"]]
    plan = plan_sources(sources, known)
    if plan.dataset_id == dataset_id:
        raise InvalidOptions(
            "Nothing would be read otherwise. Say what a label means (the role narrator=system), which column plays which "
            f"part (the mapping prompt=question), another format or encoding, or a repair ({', '.join(REPAIRS)})."
        )
    return plan


def _read_again(file: Mapping[str, JSON], asked: ReadingChoices) -> SourceFile:
    path = Path(file["path"])
    if file_hash(path) != file["content_hash"]:
        state = "is another file than when it was imported" if path.exists() else "is not there any more"
        raise UnreadableFile(
            f"{path} {state}. Put it back, or import the file that there is: tamis import FILE."
        )
    name = asked.format_name or str(file["format"])
    fields: dict[str, JSON] = dict(file["fields"]) if name == file["format"] else {}
    roles = {**fields.get("roles", {}), **asked.fields.get("roles", {})}
    fields |= asked.fields
    if roles:
        fields["roles"] = roles
    repairs = check_repairs([*file.get("repairs", ()), *asked.repairs])
    encoding = asked.encoding or str(file.get("encoding", ""))
    how = ReadingChoices(format_name=name, fields=fields, encoding=encoding, repairs=repairs)
    return source_file(file["path"], how)


def reject_lines(lines: pa.Table) -> Iterator[bytes]:
    """Rejected lines as they stand in a file."""
    for batch in lines.select(["line", "reason", "raw"]).to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist():
            yield orjson.dumps(row) + b"\n"
