"""The worker with the table of the tests instead of the project's."""

from __future__ import annotations

import sys

from tamis.jobs.worker.main import main
from tests.core.jobs.steps_for_tests import STEPS

if __name__ == "__main__":
    sys.exit(main(steps=STEPS))
