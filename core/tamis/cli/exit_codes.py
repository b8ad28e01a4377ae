"""What a command ends with: as with ``diff``, 1 says that what ran came to a bad end, 2 that nothing could run as asked."""

from __future__ import annotations

import click

from tamis.errors import CurationError, JobCancelled, JobFailed

DONE = 0
FAILED = 1  # a job failed, a replay differs, a check found something in the way, or Tamis itself broke
WRONG_USAGE = 2  # flags, names, options, and states of files and data in which what was asked cannot be done
INTERRUPTED = 130  # by Ctrl-C, as shells have it: 128 and the number of the signal


def exit_code(error: BaseException) -> int:
    """The one rule: an error that a person can understand and mend is wrong usage, unless a job had it."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(error, JobFailed | JobCancelled):
        return FAILED
    return WRONG_USAGE if isinstance(error, CurationError | click.ClickException) else FAILED
