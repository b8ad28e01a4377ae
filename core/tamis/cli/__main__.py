"""``python -m tamis.cli`` is ``tamis``."""

from tamis.cli.main import main

main()
