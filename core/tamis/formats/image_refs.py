"""Where the images of a record are: files beside the dataset, bytes in the record, addresses that nobody fetches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from tamis.types import JSON

_KEYS = ("image", "img", "picture", "photo", "thumbnail")  # what the name of a column of images has in it
_PART_TYPES = ("image", "image_url", "input_image")
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff")
_DATA = "data:"
_MAX_NAME = 1_000
# How images begin: bytes of a column say nothing else of what they are.
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image of a record: the name of a ``file``, its own ``data``, or the address of a ``link``."""

    kind: Literal["file", "data", "link"]
    name: str
    data: bytes = b""


def image_refs(record: JSON) -> Iterator[ImageRef]:
    """The images of a record or conversation, in its order.

    Known are parts of turns (``image``, ``image_url``, ``input_image``, a ``source`` in base64), the ``Image`` feature of
    Hugging Face (``bytes`` and ``path``), ``data:`` addresses, columns of bytes, and names of image files in columns that
    are called after images.
    """
    yield from _walk(record, is_image=False)


def is_image_part(part: JSON) -> bool:
    """Whether a part of a turn is an image, here or in a column beside the turns."""
    return isinstance(part, Mapping) and (
        part.get("type") in _PART_TYPES or next(image_refs(part), None) is not None
    )


def _walk(value: JSON, *, is_image: bool) -> Iterator[ImageRef]:
    if isinstance(value, Mapping):
        yield from _of_object(value, is_image=is_image)
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, is_image=is_image)
    elif isinstance(value, str):
        yield from _of_text(value, is_image=is_image)


def _of_object(value: Mapping[str, JSON], *, is_image: bool) -> Iterator[ImageRef]:
    is_part = value.get("type") in _PART_TYPES
    source = value.get("source")
    if is_part and isinstance(source, Mapping) and isinstance(source.get("data"), str):
        data = _decoded(str(source["data"]))
        if data:
            yield ImageRef("data", "in the row", data)
        return
    if value and value.keys() <= {"bytes", "path"}:
        name = str(value.get("path") or "")
        found = next(_of_text(str(value.get("bytes") or ""), is_image=True, name=name), None)
        if found is not None:
            yield found
        elif name:
            yield from _of_text(name, is_image=is_image or name.lower().endswith(_ENDINGS))
        return
    for key, one in value.items():
        yield from _walk(one, is_image=is_image or is_part or any(word in key.lower() for word in _KEYS))


def _of_text(text: str, *, is_image: bool, name: str = "") -> Iterator[ImageRef]:
    if text.startswith(_DATA):
        head, _, body = text.partition(",")
        if head.startswith("data:image/") or head.startswith("data:application/octet-stream"):
            data = _decoded(body) if head.endswith(";base64") else b""
            if data.startswith(_MAGIC) or (data and head.startswith("data:image/")):
                yield ImageRef("data", name or "in the row", data)
        return
    if not is_image or not text or len(text) > _MAX_NAME or "\n" in text:
        return
    if "://" in text:
        scheme, _, rest = text.partition("://")
        yield ImageRef("file", rest) if scheme == "file" else ImageRef("link", text)
    elif PurePosixPath(text).suffix.lower() in _ENDINGS:
        yield ImageRef("file", text)


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return b""
