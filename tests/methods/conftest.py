"""A tiny model and rows to train it on, as the tests of the recipes have them."""

from __future__ import annotations

from tests.core.recipes.conftest import make, one_thread, tiny

__all__ = ["make", "one_thread", "tiny"]
