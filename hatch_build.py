"""What a person opens goes into the wheel beside the package, so that `tamis serve` finds it wherever that was installed."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APP = ("app.py", "pages", "sample_data", ".streamlit")


class AppIntoTheWheel(BuildHookInterface):
    """Adds the app as ``tamis/_app``. Not to an editable install: that one finds it in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each version of the wheel, which is ``standard`` or ``editable``."""
        if version == "standard":
            build_data["force_include"] |= {name: f"tamis/_app/{name}" for name in APP}
