"""The images of a row, as small ones to look at; nothing is fetched, and no file outside the dataset's folder is read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import orjson

from tamis.compute.text.turn_text import part_text, part_texts
from tamis.errors import CurationError, no_such_row
from tamis.formats.image_files import read_inside
from tamis.formats.image_refs import ImageRef, image_refs, is_image_part
from tamis.formats.layout import HUB_PREFIX
from tamis.formats.thumbnails import Thumbnail, thumbnails
from tamis.store.artifacts.readers import EXAMPLES, read_example_rows
from tamis.store.artifacts.view import DatasetView
from tamis.types import JSON, Int64s

MAX_IMAGES = 8
_FETCHED = "it is on the network, and nothing is fetched to show a row"


@dataclass(frozen=True, slots=True)
class RowImage:
    """One image: the ``name`` it has in the row, its pixels and format, and ``content``, a JPEG or PNG of at most 256 pixels
    a side; ``problem`` says why there is no content.
    """

    name: str
    width: int
    height: int
    format: str
    problem: str
    content: bytes

    @property
    def line(self) -> str:
        """What it is, in a line."""
        if self.problem and self.name in self.problem:
            return self.problem
        return f"{self.name}: {self.problem or f'{self.width} × {self.height} {self.format}'}"


@dataclass(frozen=True, slots=True)
class RowImages:
    """The first ``MAX_IMAGES`` images of a row, of ``n_images``."""

    shown: tuple[RowImage, ...]
    n_images: int


def row_images(view: DatasetView, row: int) -> RowImages:
    """The images of a row of the dataset; raises InvalidOptions for a row that is not there."""
    if not 0 <= row < view.n_rows:
        raise no_such_row(row, view.n_rows)
    examples = view.examples
    columns = ["file", "raw", "messages", "meta"]
    stored = read_example_rows(examples.file(EXAMPLES), np.array([row]), columns).to_pylist()[0]
    files = examples.summary.get("files") or []  # none: rows that came from no file
    said = [orjson.loads(stored["messages"] or "[]"), orjson.loads(stored["meta"] or "{}")]
    return images_of(stored["raw"], said, str(files[stored["file"]]["path"]) if files else "")


def have_images(view: DatasetView, rows: Int64s) -> list[bool]:
    """Whether each of these rows names an image, in their order; none is decoded."""
    columns = ["example_id", "raw", "messages", "meta"]
    stored = read_example_rows(view.examples.file(EXAMPLES), np.sort(rows), columns).to_pylist()
    found = {
        one["example_id"]: any(image_refs(_whole(one["raw"], [_read(one["messages"]), _read(one["meta"])])))
        for one in stored
    }
    return [found[row] for row in rows.tolist()]


def _read(text: str | None) -> JSON:
    return orjson.loads(text or "null")


def images_of(raw: bytes | str | None, record: JSON, source: str) -> RowImages:
    """The images of a record of a file: ``source`` is its path, in whose folder the images' files are.

    ``raw`` is its JSON, bytes and all; where it is none, what was read of it counts: ``record``.
    """
    found = list(islice(image_refs(_whole(raw, record)), 1000))
    contents: list[bytes] = []
    problems: dict[int, str] = {}
    for at, one in enumerate(found[:MAX_IMAGES]):
        try:
            contents.append(_content(one, source))
        except CurationError as error:
            problems[at] = str(error)
    small = iter(thumbnails(contents))
    shown = [
        _shown(one, Thumbnail(problem=problems[at]) if at in problems else next(small))
        for at, one in enumerate(found[:MAX_IMAGES])
    ]
    return RowImages(tuple(shown), len(found))


def text_beside_images(content: JSON) -> str | None:
    """The text of a turn that is made of texts and images alone; None for any other content."""
    if not isinstance(content, list):
        return None
    told = [part for part in content if not is_image_part(part)]
    return "\n".join(part_texts(told)) if all(part_text(part) is not None for part in told) else None


def _whole(raw: bytes | str | None, record: JSON) -> JSON:
    try:
        whole = orjson.loads(raw or "null")
    except orjson.JSONDecodeError:
        return record
    return whole if isinstance(whole, dict | list) else record


def _content(one: ImageRef, source: str) -> bytes:
    if one.kind == "data":
        return one.data
    if one.kind == "link" or source.startswith(HUB_PREFIX):
        raise CurationError(_FETCHED)
    if not source:
        raise CurationError("its row came from no file, so there is no folder to look for it in")
    path = Path(source)
    return read_inside(path if path.is_dir() else path.parent, one.name)


def _shown(one: ImageRef, small: Thumbnail) -> RowImage:
    return RowImage(one.name, small.width, small.height, small.format, small.problem, small.content)
