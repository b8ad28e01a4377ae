"""What a step is given while it runs: its inputs, a folder to write in, and a way to say how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tamis.protocols import Call, call_here
from tamis.steps.chunks import ChunkWork, InThisProcess, Parallel
from tamis.store.artifacts.store import Artifact, ArtifactWriter


class Reporter(Protocol):
    """Where progress goes: the job folder of a worker, or a list in a test."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Report a position, raising JobCancelled once a person has cancelled the job."""
        ...

    def metric(self, name: str, value: float, position: float) -> None:
        """Add a point to a curve."""
        ...


@dataclass(frozen=True, slots=True)
class StepContext:
    """Everything a step may touch besides its options; what anybody's files hold is read by ``limited``."""

    workspace: Path
    dataset_id: str
    inputs: Mapping[str, Artifact]
    output: ArtifactWriter
    reporter: Reporter
    parallel: Parallel = field(default_factory=InThisProcess)
    limited: Call = call_here

    def input(self, role: str) -> Artifact:
        """The artifact in that role; the step's ``needs`` promised it."""
        return self.inputs[role]

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Say how far the step is; raises JobCancelled once a person has cancelled the job."""
        self.reporter.progress(stage, done, total, message)

    def compute_parts(
        self, work: ChunkWork, names: Sequence[str], on_part: Callable[[Path | None], None]
    ) -> list[Path]:
        """Have every part that is not there yet computed, chunk i being the part called ``names[i]``; returns all.

        ``on_part`` is called for each part that is there, in whatever order they come, and with None while none comes.
        """
        paths = [self.output.part(name) for name in names]
        for left in (self.output.path / "parts").glob("*.aside"):
            left.unlink(missing_ok=True)
        missing = [number for number, path in enumerate(paths) if not path.exists()]
        for number in sorted(set(range(len(paths))).difference(missing)):
            on_part(paths[number])
        if missing:
            self.parallel.run(
                work, missing, lambda number: on_part(None if number is None else paths[number])
            )
        return paths
