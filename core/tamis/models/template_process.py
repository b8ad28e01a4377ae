"""The process that renders chat templates: a program of its own, which may use little memory and time and write no file.

A template comes with a model, from whoever made that, and is a program: Jinja's sandbox keeps it from code and files,
and this process from time and memory. Renderings are asked on standard input, each as its length (8 bytes, big endian)
and a pickle from the process that started this one; for each one an answer goes to standard output in the same form: a
byte that says what it is, then a text. It imports nothing of Tamis, so that it starts fast and can be run as a file.
"""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
import struct
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY_BYTES = 1 << 30
CPU_S = 5  # of one conversation, which takes a thousandth of that
MOST_TIMES, MOST_MORE = 16, 1_000_000  # characters for each byte that the process is given, and more
LENGTH = struct.Struct(">Q")
WRITTEN, REFUSED, TOO_MUCH = b"w", b"r", b"m"
BEGIN, END = "\ue004", "\ue005"  # around what a template says that an assistant writes


def limit_renderer() -> None:
    """Take away what rendering does not need; where the system knows no limits, nothing."""
    if resource is not None:
        for kind, most in (
            (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
        ):  # fmt: skip
            with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                resource.setrlimit(kind, (most, most))


def limit_rendering() -> None:
    """Allow so much more processor time than was used; beyond that the system ends the process."""
    if resource is not None:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(spent.ru_utime + spent.ru_stime) + CPU_S + 1
        with contextlib.suppress(ValueError, OSError):
            # Only the soft limit, which can be raised again for the next call.
            resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def rendered(
    template: str, variables: dict[str, Any], turns: list[dict[str, Any]], tools: list[Any], asks: bool,
    now: tuple[str, str],
) -> str:  # fmt: skip
    """The text that a template makes of the turns at a time (ISO 8601, name of the zone), its blocks marked; raises what
    templates raise.
    """
    return _compiled(template).render(
        messages=[{key: value for key, value in turn.items() if value is not None} for turn in turns],
        tools=tools or None,
        documents=None,
        add_generation_prompt=asks,
        strftime_now=_clock(*now),
        **variables,
    )


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
    return environment.from_string(template)


def _to_json(value: Any, ensure_ascii: bool = False, **given: Any) -> str:  # noqa: ANN401 - json's own
    return json.dumps(value, ensure_ascii=ensure_ascii, **given)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _clock(moment: str, zone: str) -> Callable[[str], str]:
    at = datetime.fromisoformat(moment)
    at = at.replace(tzinfo=timezone(at.utcoffset() or timedelta(), zone))
    return at.strftime


def answer_rendering(asked: bytes) -> bytes:
    """The answer to one call; whatever a template raises is one."""
    limit_rendering()
    try:
        text = rendered(*pickle.loads(asked))
        is_far_more = len(text) > MOST_MORE + MOST_TIMES * len(asked)
        return TOO_MUCH if is_far_more else WRITTEN + text.encode("utf-8", "surrogatepass")
    except MemoryError:
        return TOO_MUCH
    except Exception as error:  # noqa: BLE001 - a template is a program, which raises whatever it likes
        said = str(error)[:1000] or type(error).__name__
        return REFUSED + said.encode("utf-8", "surrogatepass")


def main() -> None:
    """Answer call after call until there is none left."""
    limit_renderer()
    given, out = sys.stdin.buffer, sys.stdout.buffer
    while head := given.read(LENGTH.size):
        said = answer_rendering(given.read(LENGTH.unpack(head)[0]))
        out.write(LENGTH.pack(len(said)) + said)
        out.flush()


if __name__ == "__main__":
    main()
