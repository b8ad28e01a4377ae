"""A job's chunks over an array of two tasks, of which the second is played in this process: nothing is passed but files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tamis.jobs.folder import JobFolder
from tamis.jobs.worker.array_pool import ArrayPool, Board, _help
from tamis.steps.chunks import ChunkWork, OnChunk
from tests.core.jobs.test_folder import SPEC


class TwoTasks:
    """Task 0 computes the first chunk; task 1, which has seen the job's folder alone, all others. ``shares`` are how many each."""

    def __init__(self, workspace: Path) -> None:
        self.folder = JobFolder.of(workspace, SPEC.job_id)
        self.folder.prepare(SPEC)
        self.shares: list[int] = []

    def run(self, work: ChunkWork, numbers: Sequence[int], on_chunk: OnChunk) -> None:
        """Compute these chunks over both."""
        wanted = len(numbers)

        def heard(number: int | None) -> None:
            for board in Board.of(self.folder, 1):
                if not self.shares:
                    self.shares = [len(list(board.path.glob("*.done")))]
                    _help(board, self.folder.workspace, 1)
                    self.shares.append(wanted - self.shares[0])
            on_chunk(number)

        ArrayPool(self.folder, 1).run(work, numbers, heard)
