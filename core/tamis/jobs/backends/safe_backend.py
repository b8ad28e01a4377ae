"""A backend behind a guard: one that cannot be reached or made answers *unknown*, and never stops a look at the rest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tamis.errors import CurationError
from tamis.jobs.backends import Backend, BackendState, Phase
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import JobSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SafeBackend:
    """The questions that reconciling asks, each with an answer whatever the backend does."""

    name: str
    backends: Mapping[str, Backend]

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        """The state of every handle; unknown, with the trouble as detail, when the backend cannot say."""
        try:
            states = self._made().poll(handles) if handles else {}
        except (CurationError, OSError) as error:
            return {handle: BackendState(Phase.UNKNOWN, str(error)) for handle in handles}
        silent = BackendState(Phase.UNKNOWN, f"{self.name} knows nothing of it")
        return {handle: states.get(handle, silent) for handle in handles}

    def cancel(self, handle: str, *, force: bool) -> None:
        """Ask or force; trouble is logged, and the next look tries again."""
        try:
            self._made().cancel(handle, force=force)
        except (CurationError, OSError) as error:
            logger.warning("%s could not end %s: %s", self.name, handle, error)

    def find(self, folder: JobFolder, spec: JobSpec) -> tuple[bool, str | None]:
        """Whether the backend could look, and the handle that it found."""
        try:
            return True, self._made().find(folder, spec)
        except (CurationError, OSError) as error:
            logger.warning("%s could not look for %s: %s", self.name, spec.job_id, error)
            return False, None

    def log(self, handle: str) -> str:
        """The backend's own record of the output; empty when it cannot be reached."""
        try:
            return self._made().log(handle)
        except (CurationError, OSError) as error:
            logger.warning("%s has no log of %s: %s", self.name, handle, error)
            return ""

    def _made(self) -> Backend:
        try:
            return self.backends[self.name]
        except KeyError:
            raise CurationError(f"there is no backend {self.name!r} here") from None
