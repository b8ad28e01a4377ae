"""``tamis``: the headless twin of every page action."""

from tamis.cli.main import main

__all__ = ["main"]
