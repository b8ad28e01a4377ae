"""Every error a person can cause or meet, each message saying what is wrong, with which value, and what next."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from numbers import Integral

_OS_ERRORS = {
    errno.ENOENT: "There is no file or folder {path}. Check the spelling.",
    errno.EACCES: "{path} may not be read or written by this user. Choose another place, or change its permissions.",
    errno.EPERM: "{path} may not be changed by this user. Choose another place, or change its permissions.",
    errno.EROFS: "{path} is on a disk that cannot be written. Choose another place.",
    errno.EISDIR: "{path} is a folder where a file is needed. Name a file in it.",
    errno.ENOTDIR: "{path} leads through a file as if it were a folder. Check the spelling.",
    errno.EEXIST: "{path} is there already. Choose another name, or move it away.",
    errno.ENOTEMPTY: "{path} is a folder that is not empty. Choose another name, or empty it.",
    errno.ENAMETOOLONG: "{path} is too long for a name of a file. Choose a shorter one.",
    errno.ELOOP: "{path} is a link that leads back to itself. Mend the link.",
    errno.EMFILE: "This process has too many files open. Close other work, or raise the limit (ulimit -n).",
    errno.ENOSPC: "The disk of {path} is full. Free some space, then do it again.",
    errno.EDQUOT: "Your share of the disk of {path} is used up. Free some space, then do it again.",
    errno.EIO: "The disk of {path} could not be read or written: it may be damaged, or away.",
}


class CurationError(Exception):
    """A state of the data or the request that a person can understand and mend; never a bug."""


class UnknownName(CurationError):
    """A name that is in no table, with the names that are."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(f"There is no {kind} called {name!r}. Known: {listed}.")


class InvalidOptions(CurationError):
    """Options that their type refuses: an unknown key, a wrong type, a value out of range."""


def no_such_row(row: object, n_rows: int, option: str = "") -> InvalidOptions:
    """That a dataset has no such row, in the one wording of command, page and Python; ``option`` names what asked for it."""
    said = f"{row:,}" if isinstance(row, Integral) else row
    asked = f" for {option}" if option else ""
    return InvalidOptions(f"There is no row {said}{asked}: rows go from 0 to {n_rows - 1:,}.")


class InvalidRecord(CurationError):
    """One record of a file that cannot become an example; the reason goes to the rejects."""


class RowDoesNotFit(CurationError):
    """A conversation that a format cannot hold; ``obstacle`` says in a few words what of it, alike for alike rows."""

    def __init__(self, message: str, obstacle: str) -> None:
        super().__init__(message)
        self.obstacle = obstacle


class UnreadableFile(CurationError):
    """A file that yields no example at all, with why."""


class LimitReached(CurationError):
    """A file, or a template of a model, that needs more memory, time or space than it may, with what to do."""


class ForbiddenPath(CurationError):
    """A path outside the folders that the settings allow."""


class NotAllowed(CurationError):
    """Something that the account's role does not reach to, with the role that does."""


class OutOfOrder(CurationError):
    """A numbered decision that came before the one awaited, which is ``expected``."""

    def __init__(self, message: str, expected: int) -> None:
        self.expected = expected
        super().__init__(message)


class MissingExtra(CurationError):
    """An optional dependency that is not installed, with the command that installs it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra {extra!r}: run pip install 'tamis[{extra}]'.")


class ModelMissing(CurationError):
    """A model that is neither bundled, nor a local folder, nor reachable on a hub."""


class DatasetMissing(CurationError):
    """A dataset id that the workspace does not hold."""


class ArtifactMissing(CurationError):
    """An input that was never computed, or was deleted, with the step that computes it."""


class ArtifactDamaged(CurationError):
    """An artifact whose files do not match its manifest."""


class JobConflict(CurationError):
    """A job transition that is not allowed from the state the job is in."""


class JobCancelled(CurationError):
    """Raised inside a step at the next progress report after a person cancelled the job."""


class JobFailed(CurationError):
    """A job that somebody waited for and that ended without a result, with its reason and where its log is."""

    def __init__(self, step: str, job_id: str, state: str, reason: str) -> None:
        self.job_id = job_id
        text = f": {reason}" if reason else "."
        super().__init__(f"{step} {state}{text}\n  log: tamis jobs logs {job_id}")


def explain_os_error(error: OSError) -> str:
    """What the operating system refused, about which path, and what to do next."""
    about = error.filename2 or error.filename  # of two, the second is where something was to go
    named = os.fsdecode(about) if isinstance(about, str | bytes | os.PathLike) else ""
    sentence = _OS_ERRORS.get(error.errno or 0)
    if sentence is not None:
        return sentence.format(path=repr(named) if named else "what is written")
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    return f"The operating system refused to work{f' with {named!r}' if named else ''}: {reason}."
