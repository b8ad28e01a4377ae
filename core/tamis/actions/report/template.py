"""A report from its template: one HTML file with its style inside, in which every value is escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from markupsafe import Markup

ROOM = "tamis.actions.report"


def render_page(name: str, **values: Any) -> bytes:  # noqa: ANN401 - whatever the template shows
    """The page as UTF-8; raises jinja2.UndefinedError for a value that the template wants and is not given."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(ROOM, package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    style = Markup(files(ROOM).joinpath("report.css").read_text(encoding="utf-8"))
    return environment.get_template(name).render(style=style, **values).encode()
