"""``python -m core.cli`` is ``tamis``."""

from core.cli.main import main

main()
