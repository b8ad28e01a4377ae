"""The lines of a dataset's files that became no row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, overload

from tamis.actions import rejects
from tamis.actions.imports import start_import
from tamis.api.jobs import JobHandle, wait_unless
from tamis.api.show import Tabular

if TYPE_CHECKING:
    import pyarrow as pa

    from tamis.jobs.model import Job
    from tamis.store.workspace import Workspace
    from tamis.types import JSON

D = TypeVar("D")  # the dataset that reading again makes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RejectedLines(Tabular, Generic[D]):
    """Each with the number of its file and its line, the reason, and the raw text."""

    _workspace: Workspace
    _dataset_id: str
    _open: Callable[[Job], D]

    def __len__(self) -> int:
        return int(self._found().lines.num_rows)

    @property
    def reasons(self) -> dict[str, int]:
        """How many lines have each kind of reason, the most frequent first."""
        return self._found().reasons

    def show(self, line: int, *, file: int = 0) -> tuple[str, str]:
        """Why a line was rejected, and its text; raises InvalidOptions for a line that was not."""
        return rejects.show_reject(self._workspace, self._dataset_id, line, file=file)

    def export(self, path: Path | str, *, reason: str = "") -> int:
        """Write the lines, or those of one kind of reason, as JSON lines; returns how many. Raises UnknownName."""
        return rejects.export_rejects(self._workspace, self._dataset_id, Path(path), reason=reason).n_lines

    @overload
    def retry(
        self, *, format: str = ..., fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ...,  # noqa: A002
        encoding: str = ..., repairs: Sequence[str] = ..., wait: Literal[True] = True, progress: bool = ...,
    ) -> D: ...  # fmt: skip
    @overload
    def retry(
        self, *, format: str = ..., fields: Mapping[str, JSON] | None = ..., roles: Mapping[str, str] | None = ...,  # noqa: A002
        encoding: str = ..., repairs: Sequence[str] = ..., wait: Literal[False], progress: bool = ...,
    ) -> JobHandle[D]: ...  # fmt: skip
    def retry(
        self,
        *,
        format: str = "",  # noqa: A002 - as of import_file
        fields: Mapping[str, JSON] | None = None,
        roles: Mapping[str, str] | None = None,
        encoding: str = "",
        repairs: Sequence[str] = (),
        wait: bool = True,
        progress: bool = True,
    ) -> D | JobHandle[D]:
        """Read the same files again in another way, as a dataset of the same name beside this one.

        What is not said stays as it was. Raises UnreadableFile for a file that is gone, InvalidOptions where nothing would
        be read otherwise, JobFailed.
        """
        plan = rejects.plan_retry(
            self._workspace, self._dataset_id, format_name=format, fields=fields, roles=roles,
            encoding=encoding, repairs=repairs,
        )  # fmt: skip
        made = start_import(self._workspace, plan)
        return wait_unless(self._workspace, made, self._open, wait=wait, progress=progress)

    def to_arrow(self) -> pa.Table:
        """A line each: file, line, reason, raw, kind."""
        return self._found().lines

    def _found(self) -> rejects.Rejects:
        return rejects.list_rejects(self._workspace, self._dataset_id)

    def _line(self) -> str:
        return f"{len(self):,} rejected lines of {self._dataset_id}"
