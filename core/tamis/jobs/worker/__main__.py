"""``python -m tamis.jobs.worker JOB_DIR ATTEMPT``: see ``main``."""

import sys

from tamis.jobs.worker.main import main

sys.exit(main())
