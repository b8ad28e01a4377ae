"""Chat templates rendered as transformers renders them, by a process with limits, with what they say that an assistant writes."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from tamis.errors import LimitReached
from tamis.models import template_process
from tamis.models.chat_rows import TOO_DEEP
from tamis.models.row_marks import UnfitRow
from tamis.models.template_process import (
    BEGIN,
    CPU_S,
    END,
    LENGTH,
    MEMORY_BYTES,
    MOST_TIMES,
    REFUSED,
    TOO_MUCH,
)
from tamis.pipes import close_pipes, receive
from tamis.types import JSON, Message

WALL_S = 20.0 * CPU_S  # on a machine that is busy with other things
_DIED = b"d"
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME")
_TOO_MUCH = (
    f"The model's chat template takes more than {CPU_S} s of processor time or {MEMORY_BYTES >> 30} GB of memory for one "
    f"conversation, or makes a text of it more than {MOST_TIMES} times as long. No template needs that: it is broken, or "
    "made to do harm. Choose another model."
)


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
    Raises UnfitRow with what the template says against the turns, and LimitReached, from then on at once, for one that
    takes more than any needs.
    """
    if template in _harmful:
        raise LimitReached(_TOO_MUCH)
    now = datetime.now().astimezone()
    names = {name: _plain(token) for name, token in special_tokens.items()}
    when = (now.isoformat(), now.tzname() or "")
    try:
        call = pickle.dumps((template, names, list(turns), list(tools), asks, when))
    except RecursionError as error:
        raise UnfitRow(TOO_DEEP) from error
    said = _ask(call)
    if said[:1] in (TOO_MUCH, _DIED):
        if said[:1] == TOO_MUCH:
            _harmful.add(template)
        raise LimitReached(_TOO_MUCH)
    text = said[1:].decode("utf-8", "surrogatepass")
    if said[:1] == REFUSED:
        raise UnfitRow(f"are refused by the chat template ({' '.join(text.split())[:120]})")
    return _without_tags(text)


class _Renderer:
    """A process that renders one conversation at a time."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # Isolated: neither the folder it is started in nor a variable says what it imports.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(template_process.__file__)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, call: bytes) -> bytes:
        """What the process says; TOO_MUCH where it was ended over the call, ``_DIED`` where nobody knows why."""
        assert self._process.stdin is not None
        deadline = time.monotonic() + WALL_S
        try:
            self._process.stdin.write(LENGTH.pack(len(call)) + call)
            self._process.stdin.flush()
            length = LENGTH.unpack(receive(self._process, LENGTH.size, deadline))[0]
            return receive(self._process, length, deadline)
        except TimeoutError:
            return TOO_MUCH
        except (EOFError, BrokenPipeError):
            return TOO_MUCH if self._process.wait() == -signal.SIGXCPU else _DIED

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Close this process's ends of its pipes."""
        close_pipes(self._process)


_idle: list[_Renderer] = []  # taken and put back whole, which threads may do
_harmful: set[str] = set()


def _ask(call: bytes) -> bytes:
    renderer = _take()
    said = _DIED
    try:
        said = renderer.ask(call)
    finally:
        if said[:1] in (_DIED, TOO_MUCH):
            renderer.end()  # what is left of its memory is nobody's to say
        else:
            _idle.append(renderer)
    return said


def _take() -> _Renderer:
    while _idle:
        renderer = _idle.pop()
        if renderer.alive:
            return renderer
        renderer.end()
    return _Renderer()


def _leave_to_parent() -> None:
    """Two processes that ask one renderer would be given each other's answers."""
    while _idle:
        _idle.pop().let_go()


os.register_at_fork(after_in_child=_leave_to_parent)


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


def _plain(token: JSON) -> JSON:
    """Tokens as texts: of transformers' own type the process knows nothing."""
    return list(map(str, token)) if isinstance(token, list | tuple) else str(token)


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
