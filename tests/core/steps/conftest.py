"""Commands run their jobs in the process of the test."""

from __future__ import annotations

from tests.support.in_process import no_workers, workers_where_asked

__all__ = ["no_workers", "workers_where_asked"]
