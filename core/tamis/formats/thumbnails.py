"""Small images of images, decoded in a process that may use little memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tamis.formats import thumbnail_process
from tamis.formats.thumbnail_process import LENGTH

WALL_S = 20.0
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME")
_ENDED = "decoding it took more memory or time than it may"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG or PNG of at most 256 pixels a side, and what the image itself is; ``problem`` says why there is none."""

    content: bytes = b""
    width: int = 0
    height: int = 0
    format: str = ""
    problem: str = ""


def thumbnails(images: Sequence[bytes]) -> list[Thumbnail]:
    """One for each image, in order; a process that ends at one of them is started anew for those after it."""
    made: list[Thumbnail] = []
    while len(made) < len(images):
        rest = images[len(made) :]
        answered = list(_answers(_run(rest)))[: len(rest)]
        made += answered
        if len(answered) < len(rest):
            made.append(Thumbnail(problem=_ENDED))
    return made


def _run(images: Sequence[bytes]) -> bytes:
    given = b"".join(LENGTH.pack(len(one)) + one for one in images)
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # Isolated: neither the folder it is started in nor a variable says what it imports.
    command = [sys.executable, "-I", str(thumbnail_process.__file__)]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, env=environment, timeout=WALL_S, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return bytes(error.stdout or b"")
    return done.stdout


def _answers(out: bytes) -> Iterator[Thumbnail]:
    at = 0
    while len(out) >= at + LENGTH.size:
        end = at + LENGTH.size + LENGTH.unpack_from(out, at)[0]
        if end > len(out):
            return
        head, _, content = out[at + LENGTH.size : end].partition(b"\n")
        yield Thumbnail(content=content, **json.loads(head))
        at = end
