"""Chat templates rendered as transformers renders them, in a sandbox, with what they say that an assistant writes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tamis.types import JSON, Message

BEGIN, END = "\ue004", "\ue005"  # around what a template says that an assistant writes


def render_template(
    template: str,
    special_tokens: Mapping[str, JSON],
    turns: Sequence[Message],
    tools: Sequence[JSON],
    *,
    asks: bool = False,
) -> tuple[str, list[tuple[int, int]]]:
    """The text that a template makes of the turns, and the characters of its ``{% generation %}`` blocks.

    ``special_tokens`` are those that templates name (``bos_token``); ``asks`` wants the mark that begins an answer.
    Raises what templates raise, jinja2.TemplateError above all.
    """
    text = _compiled(template).render(
        messages=[{key: value for key, value in turn.items() if value is not None} for turn in turns],
        tools=list(tools) or None,
        documents=None,
        add_generation_prompt=asks,
        **special_tokens,
    )
    return _without_tags(text)


class _Generation(Extension):
    """``{% generation %}`` … ``{% endgeneration %}``: what stands between is marked."""

    tags = {"generation"}  # noqa: RUF012 - the library's own form

    def parse(self, parser: Any) -> Any:  # noqa: ANN401 - the library's own types
        """The block with a mark before and behind it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    def _marked(self, caller: Any) -> str:  # noqa: ANN401 - the library's own type
        return f"{BEGIN}{caller()}{END}"


@functools.lru_cache(maxsize=64)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment.from_string(template)


def _to_json(value: JSON, ensure_ascii: bool = False, **given: Any) -> str:  # noqa: ANN401 - json's own
    return json.dumps(value, ensure_ascii=ensure_ascii, **given)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _without_tags(text: str) -> tuple[str, list[tuple[int, int]]]:
    parts: list[str] = []
    blocks: list[tuple[int, int]] = []
    length = 0
    for piece in text.split(BEGIN):
        inside, found, outside = piece.partition(END)
        if found:
            blocks.append((length, length + len(inside)))
        parts += [inside, outside]
        length += len(inside) + len(outside)
    return "".join(parts), blocks
