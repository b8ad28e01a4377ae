"""``tamis``: the headless twin of every page action."""

from core.cli.main import main

__all__ = ["main"]
